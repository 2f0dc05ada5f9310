"""Columns of a window: many integers of one kind as one byte string (docs/record.md, WINDOW)."""

from __future__ import annotations

from collections.abc import Sequence

from packseal.errors import EvidenceError, Reason

MAX_LEB128_BYTES = 5  # values of 32 bits; a longer number is no voltage or temperature


def encode_column(values: Sequence[int | None]) -> bytes:
    out = bytearray()
    previous = 0
    for value in values:
        if value is None:
            out.append(0)
            continue
        difference, previous = value - previous, value
        _append_leb128(out, 1 + (2 * difference if difference >= 0 else -2 * difference - 1))
    return bytes(out)


def decode_column(content: bytes) -> list[int | None]:
    """The values, None where not available. Raises EvidenceError(MALFORMED)."""
    values: list[int | None] = []
    at = previous = 0
    while at < len(content):
        number, at = _leb128(content, at)
        if not number:
            values.append(None)
            continue
        previous += _unzigzag(number - 1)
        values.append(previous)
    return values


def _unzigzag(number: int) -> int:
    return -(number + 1 >> 1) if number & 1 else number >> 1


def _append_leb128(out: bytearray, number: int) -> None:
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def _leb128(content: bytes, at: int) -> tuple[int, int]:
    number = 0
    for position, byte in enumerate(content[at : at + MAX_LEB128_BYTES]):
        number |= (byte & 127) << 7 * position
        if byte < 128:
            if not byte and position:
                raise EvidenceError(Reason.MALFORMED, "a column number that is not in its shortest form")
            return number, at + position + 1
    raise EvidenceError(Reason.MALFORMED, "a column ends inside a number or holds one of more than 32 bits")
