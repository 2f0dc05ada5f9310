"""Columns of a window: many integers of one kind as one byte string (docs/record.md, WINDOW)."""

from __future__ import annotations

from collections.abc import Sequence

from packseal.errors import EvidenceError, Reason

MAX_LEB128_BYTES = 5  # values of 32 bits; a longer number is no voltage or temperature
MAX_SHIFT = 7 * (MAX_LEB128_BYTES - 1)


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
    previous = number = shift = 0
    for byte in content:
        if byte > 127 and shift < MAX_SHIFT:
            number |= (byte & 127) << shift
            shift += 7
            continue
        if byte > 127 or (shift and not byte):
            raise _malformed("holds a number that is not in its shortest form or has more than 32 bits")
        number |= byte << shift
        if number:
            previous += number >> 1 if number & 1 else -(number >> 1)  # zigzag of number - 1
            values.append(previous)
        else:
            values.append(None)
        number = shift = 0
    if shift:
        raise _malformed("ends inside a number")
    return values


def _append_leb128(out: bytearray, number: int) -> None:
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def _malformed(what: str) -> EvidenceError:
    return EvidenceError(Reason.MALFORMED, f"a column {what}")
