"""How one value of a passport is written in the older models: units, choices from lists, words for a file.

Decides whether a value has a form in the target; where it has none, UnfitError says why, and the value is lost there.
What other models write in the same way is in exchange/forms.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from packseal.exchange.export import Convert, Converted, UnfitError, number
from packseal.exchange.forms import decimal, is_digest, named_information
from packseal.exchange.source import Content, File

MAX_TITLE_CHARACTERS = 100  # headers of Catena-X documents
_HEX_UUID = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})")
_PERIOD = re.compile(r"P?(\d{1,4}) ?(D|M|Y|days?|months?|years?|cycles?)")
_PERIOD_UNITS = {"D": "day", "M": "month", "Y": "year"}


@dataclass(frozen=True, slots=True)
class Document:
    """address: a link, or the name of the bytes by their digest (ni URI, RFC 6920), or the text itself.
    media_type: None for a link, behind which anything may stand."""

    address: str
    title: str
    media_type: str | None
    is_text: bool = False


def no_time_of_day(_content: Content) -> Converted:
    """For fields that want a date with a time."""
    raise UnfitError("the target wants a time of day; only a date was stated")


def urn_uuid(content: Content) -> Converted:
    """The same 128 bits, spelt as RFC 9562 spells a UUID; its version bits are whatever these are."""
    found = _HEX_UUID.fullmatch(content) if isinstance(content, str) else None
    if not found:
        raise UnfitError("the target wants a UUID")
    return f"urn:uuid:{'-'.join(found.groups())}"


def only_one(convert: Convert) -> Convert:
    """Of a list with one item, where the target has room for one."""

    def of_list(content: Content) -> Converted:
        items = content if isinstance(content, list) else [content]
        if len(items) != 1:
            raise UnfitError(f"the target has room for one; there are {len(items)}")
        return convert(items[0])

    return of_list


def whole(content: Content) -> Converted:
    """A number without its decimals, where the target counts whole ones; what has begun does not count."""
    return int(number(content))


def at_charge(percent: int) -> Convert:
    """Watts from [{"soc_percent": 80, "power_w": "90000"}, …]."""
    return _of_row("soc_percent", str(percent), "power_w", f"power at {percent} % charge")


def of_component(component: str) -> Convert:
    """Ohms from [{"component": "pack", "ohm": "0.05"}, …]."""
    return _of_row("component", component, "ohm", f"resistance of a {component}")


def period(content: Content) -> tuple[int, str]:
    """Length, and one of day, month, year, cycle. Raises UnfitError."""
    found = _PERIOD.fullmatch(content) if isinstance(content, str) else None
    if not found:
        raise UnfitError('the target wants a length such as "8 years" or "P8Y"; a date of its end is none')
    return int(found[1]), _PERIOD_UNITS.get(found[2], found[2].removesuffix("s"))


def not_negative(content: Content) -> Converted:
    if number(content) < 0:
        raise UnfitError("the target takes no number below zero")
    return number(content)


def share(content: Content) -> Converted:
    """In percent."""
    found = decimal(content)
    if not 0 <= found <= 100:
        raise UnfitError("the target takes 0 to 100 %")
    return found


def always(word: str | bool) -> Convert:
    """A word of the target that goes with a value, whatever the value is."""
    return lambda _content: word


def listed_as_critical(critical: Content | None) -> Convert:
    """Whether a material stands in the passport's list of critical raw materials. A name that is not in it may be
    another name of one that is, so only a yes can be told."""
    names = {one.casefold() for one in critical if isinstance(one, str)} if isinstance(critical, list) else set()

    def told(content: Content) -> Converted:
        if isinstance(content, str) and content.casefold() in names:
            return True
        raise UnfitError("nobody has stated whether this material is critical")

    return told


def line_of(content: Content) -> str:
    """A text, or the cells of a table's row one after the other."""
    if isinstance(content, dict):
        return "; ".join(f"{name}: {line_of(one)}" for name, one in content.items())
    if isinstance(content, list):
        return ", ".join(line_of(one) for one in content)
    return str(content)


def documents(key: str, content: Content, files: Mapping[str, File]) -> list[Document]:
    """Of a stated link, digest or text, or of a list of them, in their order."""
    items = content if isinstance(content, list) else [content]
    return [_document(key.replace("_", " "), one, files) for one in items]


def resource(key: str, files: Mapping[str, File]) -> Convert:
    """The address of the one document, where the target takes no more than an address."""

    def address(content: Content) -> Converted:
        found = documents(key, content, files)[:1]
        if not found or found[0].is_text:
            raise UnfitError("the target wants a link; none was stated")
        return found[0].address

    return address


def _document(name: str, content: Content, files: Mapping[str, File]) -> Document:
    if isinstance(content, str) and is_digest(content):
        file = files.get(content)
        title, media_type = (file.name, file.media_type) if file else (name, None)
        return Document(named_information(content), title[:MAX_TITLE_CHARACTERS], media_type)
    if isinstance(content, str) and content.startswith("https://"):
        return Document(content, name, None)
    return Document(line_of(content), name, "text/plain", is_text=True)


def _of_row(by: str, wanted: str, cell: str, what: str) -> Convert:
    def read(content: Content) -> Converted:
        rows = [row for row in content if isinstance(row, dict)] if isinstance(content, list) else []
        found = [row for row in rows if str(row.get(by)) == wanted and cell in row]
        if len(found) != 1:
            raise UnfitError(f"the {what} is not stated, or twice")
        return decimal(found[0][cell])

    return read
