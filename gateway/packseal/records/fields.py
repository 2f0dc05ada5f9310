"""Reads the fields of one map with integer keys; every failure is MALFORMED and names the key."""

from __future__ import annotations

from collections.abc import Mapping

from packseal.errors import EvidenceError, Reason
from packseal.records.cbor import Sign1, Value
from packseal.records.columns import decode_column

MAX_NUMBER = (1 << 63) - 1  # section 2.5: what databases and most languages hold in an integer; larger means nothing
DIGEST_BYTES = 32


class Fields:
    def __init__(self, fields: Mapping[int, Value]) -> None:
        self.values = fields

    def need(self, *keys: int) -> None:
        for key in keys:
            if self.values.get(key) is None:
                raise malformed(f"field {key} is missing")

    def __contains__(self, key: int) -> bool:
        return key in self.values

    def only(self, *keys: int) -> None:
        """Closed maps have exactly these keys."""
        if set(self.values) != set(keys):
            raise malformed(f"fields {sorted(self.values)} in place of {sorted(keys)}")

    def uint(self, key: int, low: int = 0, high: int = MAX_NUMBER) -> int:
        value = self.values.get(key)
        if not isinstance(value, int) or not low <= value <= high:
            raise malformed(f"field {key} is not a number from {low} to {high}")
        return value

    def optional_uint(self, key: int) -> int | None:
        return self.uint(key) if key in self.values else None

    def optional_int(self, key: int) -> int | None:
        value = self.values.get(key)
        if key in self.values and not is_number(value):
            raise malformed(f"field {key} is not a number of 64 bits with its sign")
        return value if isinstance(value, int) else None

    def string(self, key: int, low: int, high: int) -> bytes:
        value = self.values.get(key)
        if not isinstance(value, bytes) or not low <= len(value) <= high:
            raise malformed(f"field {key} is not a byte string of {low} to {high} bytes")
        return value

    def text(self, key: int, most: int) -> str:
        value = self.values.get(key)
        if not isinstance(value, str) or not 0 < len(value.encode()) <= most:
            raise malformed(f"field {key} is not a text of 1 to {most} bytes")
        return value

    def digest(self, key: int) -> bytes:
        return self.string(key, DIGEST_BYTES, DIGEST_BYTES)

    def optional_digest(self, key: int) -> bytes | None:
        return self.digest(key) if key in self.values else None

    def column(self, key: int, most_bytes: int) -> tuple[int | None, ...]:
        return tuple(decode_column(self.string(key, 0, most_bytes))) if key in self.values else ()

    def items(self, key: int) -> list[Value]:
        value = self.values.get(key)
        if not isinstance(value, list):
            raise malformed(f"field {key} is not an array")
        return value

    def ints(self, key: int, count: int) -> tuple[int, ...]:
        value = self.items(key)
        numbers = tuple(item for item in value if isinstance(item, int) and is_number(item))
        if len(value) != count or len(numbers) != count:
            raise malformed(f"field {key} is not {count} numbers of 64 bits with their signs")
        return numbers

    def uints(self, key: int, count: int, high: int = MAX_NUMBER) -> tuple[int, ...]:
        numbers = self.ints(key, count)
        if min(numbers) < 0 or max(numbers) > high:
            raise malformed(f"field {key} holds a number that is not from 0 to {high}")
        return numbers


def is_number(value: Value) -> bool:
    return isinstance(value, int) and -MAX_NUMBER - 1 <= value <= MAX_NUMBER


def is_plain(value: Value) -> bool:
    """Without a tag anywhere in it: that stands around what is signed, never inside of a value (section 1.1)."""
    if isinstance(value, list | dict):
        return all(is_plain(item) for item in (value.values() if isinstance(value, dict) else value))
    return not isinstance(value, Sign1)


def is_encodable(text: str) -> bool:
    """Without half a surrogate pair, which JSON can write and UTF-8 cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def malformed(what: str) -> EvidenceError:
    return EvidenceError(Reason.MALFORMED, what)
