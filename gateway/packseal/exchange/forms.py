"""Forms that the models of more than one ecosystem share: times, days, names of files, CAS numbers, numbers in texts.

Decides how one value of ours is written there, or says in an UnfitError why it cannot be. A day or a time that nobody
stated is never filled in. What one ecosystem alone writes in a way is in its own module of forms.
"""

from __future__ import annotations

import base64
import re
from decimal import Decimal, InvalidOperation

from packseal.exchange.export import Converted, UnfitError, number
from packseal.exchange.source import Content
from packseal.records.report import utc

UNDETERMINED = "und"  # RFC 5646 section 4.1: whoever stated the text did not say its language
MAX_UNIX_MS = 253_402_300_800_000  # the year 10000, where four digits end
_DAY = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]")
_TIME = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?Z")
_CAS = re.compile(r"[0-9]{2,7}-[0-9]{2}-[0-9]")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def is_dated(unix_ms: int) -> bool:
    """Whether it is a time of the years 1970 to 9999."""
    return 0 <= unix_ms < MAX_UNIX_MS


def moment(unix_ms: int) -> str:
    """ISO 8601 and xs:dateTime with Z, with thousandths where there are any. Raises UnfitError outside of 1970 to
    9999."""
    if not is_dated(unix_ms):
        raise UnfitError("its time is none between 1970 and 9999")
    second = utc(unix_ms).removesuffix(" UTC").replace(" ", "T")
    thousandths = unix_ms % 1000
    return f"{second}{f'.{thousandths:03}' if thousandths else ''}Z"


def stated_moment(content: Content) -> str:
    """A time that was stated as text."""
    if not isinstance(content, str) or not _TIME.fullmatch(content):
        raise UnfitError("a time is needed; state it as 2027-02-18T08:00:00Z")
    return content


def day(content: Content) -> str:
    """xs:date. A month alone has none, and a day is not made up."""
    if not isinstance(content, str) or not _DAY.fullmatch(content):
        raise UnfitError("the model wants a day; state it as 2027-02-18")
    return content


def cas_number(content: Content) -> str:
    """Of a substance, by the Chemical Abstracts Service."""
    if not isinstance(content, str) or not _CAS.fullmatch(content):
        raise UnfitError("the model wants a CAS number, such as 7439-93-2")
    return content


def decimal(content: Content) -> int | float:
    """A number, also where a row of a list has it as text."""
    if isinstance(content, str):
        try:
            content = Decimal(content)
        except InvalidOperation:
            raise UnfitError(f"{content!r} is no number") from None
    if isinstance(content, Decimal) and not content.is_finite():
        raise UnfitError("a number is needed")
    return number(content)


def in_parts(_content: Content) -> Converted:
    """For fields that want an address part by part, where a passport has one text."""
    raise UnfitError("the model wants street, town, post code and country apart; a person has to part the one text")


def is_digest(reference: str) -> bool:
    """Whether it is the SHA-256 of a file, as statements name attached ones."""
    return _DIGEST.fullmatch(reference) is not None


def named_information(digest: str) -> str:
    """ni: URI of a SHA-256 (RFC 6920 section 3). digest: 64 hex digits."""
    return "ni:///sha-256;" + base64.urlsafe_b64encode(bytes.fromhex(digest)).rstrip(b"=").decode()
