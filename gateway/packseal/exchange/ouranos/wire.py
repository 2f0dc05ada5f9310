"""Reads answers of the ecosystem: JSON with exact decimals, every field of the kind and size that its contract says.

An answer that is otherwise is the partner's fault (PartnerUnavailableError), not ours and not of whoever asks. Values
that we send are checked here too; what the contract does not take is an UnfitError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from packseal.errors import PartnerUnavailableError
from packseal.exchange.export import UnfitError
from packseal.exchange.ouranos.model import Unit

MAX_ENTRIES = 10_000
MAX_TEXT = 4096
GREATEST = Decimal("99999.99999")
PLACES = Decimal("0.00001")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


class Entry:
    """One object of an answer, read field by field; name: for the words of an error."""

    def __init__(self, found: object, name: str) -> None:
        if not isinstance(found, dict):
            raise broken(name, "an object")
        self._found: Mapping[str, object] = found
        self.name = name

    def __contains__(self, field: str) -> bool:
        return self._found.get(field) is not None

    def text(self, field: str, most: int = MAX_TEXT) -> str:
        found = self._found.get(field)
        if not isinstance(found, str) or not found or len(found) > most:
            raise broken(f"{self.name}.{field}", f"text of up to {most} characters")
        return found

    def text_or_none(self, field: str, most: int = MAX_TEXT) -> str | None:
        """Also None for "": the ecosystem writes both for nothing."""
        return self.text(field, most) if self._found.get(field) not in (None, "") else None

    def uuid(self, field: str) -> str:
        found = self.text(field, 36)
        if not UUID.match(found):
            raise broken(f"{self.name}.{field}", "a UUID")
        return found

    def uuid_or_none(self, field: str) -> str | None:
        return self.uuid(field) if self._found.get(field) not in (None, "") else None

    def flag(self, field: str) -> bool:
        found = self._found.get(field)
        if not isinstance(found, bool):
            raise broken(f"{self.name}.{field}", "true or false")
        return found

    def count_or_none(self, field: str) -> int | None:
        found = self.number_or_none(field)
        return None if found is None else int(found)

    def number_or_none(self, field: str) -> Decimal | None:
        found = self._found.get(field)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int | Decimal) or not 0 <= found <= GREATEST:
            raise broken(f"{self.name}.{field}", f"a number from 0 to {GREATEST}")
        return Decimal(found)

    def unit(self, field: str, prefix: str = "") -> Unit:
        found = self.text(field, 50)
        if not found.startswith(prefix) or found.removeprefix(prefix) not in set(Unit):
            raise broken(f"{self.name}.{field}", "one of the units of the contract")
        return Unit(found.removeprefix(prefix))

    def inner(self, field: str) -> Entry:
        return Entry(self._found.get(field), f"{self.name}.{field}")

    def entries(self, field: str) -> list[Entry]:
        return entries(self._found.get(field), f"{self.name}.{field}")


def entries(found: object, name: str) -> list[Entry]:
    if not isinstance(found, list) or len(found) > MAX_ENTRIES:
        raise broken(name, f"a list of up to {MAX_ENTRIES}")
    return [Entry(one, f"{name}[{number}]") for number, one in enumerate(found)]


def decode(content: bytes) -> object:
    """JSON with numbers as int and Decimal. Raises PartnerUnavailableError."""
    try:
        found: object = json.loads(content, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise broken("the answer", "JSON") from None
    return found


def broken(name: str, expected: str) -> PartnerUnavailableError:
    return PartnerUnavailableError(f"the partner's answer is not what its contract says: {name}: expected {expected}")


def fit(name: str, text: str, least: int, most: int) -> str:
    """Raises UnfitError."""
    if not least <= len(text) <= most:
        raise UnfitError(f"{name}: {len(text)} characters; {least} to {most} are taken")
    return text


def fit_uuid(name: str, text: str) -> str:
    """Raises UnfitError."""
    if not UUID.match(text):
        raise UnfitError(f"{name}: {text[:50]!r} is no identifier of the ecosystem (a UUID)")
    return text


def fit_uuids(name: str, texts: Sequence[str], most: int) -> list[str]:
    """Raises UnfitError."""
    if not 1 <= len(texts) <= most:
        raise UnfitError(f"{name}: {len(texts)} of them; 1 to {most} are taken at once")
    return [fit_uuid(name, one) for one in texts]


def fit_number(name: str, value: Decimal) -> int | float:
    """As JSON has it; five decimals of at most five digits survive a double. Raises UnfitError."""
    if not value.is_finite() or not 0 <= value <= GREATEST:
        raise UnfitError(f"{name}: {value} is not from 0 to {GREATEST}")
    if value != value.quantize(PLACES):
        raise UnfitError(f"{name}: {value} has more than five decimals; round it first, and say so")
    return int(value) if value == int(value) else float(value)


def _no_number(name: str) -> object:
    raise ValueError(name)
