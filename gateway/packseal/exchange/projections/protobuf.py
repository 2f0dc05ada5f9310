"""Protocol Buffers' wire format, as far as Sparkplug's payloads need it: fields out, and fields in under limits.

Source: protobuf.dev/programming-guides/encoding. Ours, because a payload needs three of its wire types, both ways 60
lines, where the library would add a native dependency and a generated file to every gateway. Tests hold each payload
against that library. Field numbers are sparkplug.py's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TypeAlias

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5
MAX_VARINT_BYTES = 10
_FIXED_BYTES = {FIXED_64: 8, FIXED_32: 4}
Field: TypeAlias = "tuple[int, int | bytes]"


def varint(value: int) -> bytes:
    """A number of 64 bits; negative ones as two's complement. Raises ValueError for a larger one."""
    if not -(1 << 63) <= value < 1 << 64:
        raise ValueError(f"{value} has more than 64 bits")
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, value: int | bool | float | str | bytes) -> bytes:
    """One field: whole numbers and truth values as varint, doubles, texts and messages by their length."""
    if isinstance(value, float):
        return varint(number << 3 | FIXED_64) + struct.pack("<d", value)
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | BYTES) + varint(len(content)) + content


def fields(content: bytes) -> Iterator[Field]:
    """(number, value) of each field: a number, or bytes of a text, a message or a fixed field. Raises ValueError."""
    at = 0
    while at < len(content):
        key, at = _read_varint(content, at)
        number, wire_type = key >> 3, key & 7
        if not number:
            raise ValueError(f"field number 0 before byte {at}")
        if wire_type == VARINT:
            value, at = _read_varint(content, at)
            yield number, value
            continue
        length, at = _read_length(content, at, wire_type)
        if length > len(content) - at:
            raise ValueError(f"ends too early at byte {at}")
        yield number, content[at : at + length]
        at += length


def _read_length(content: bytes, at: int, wire_type: int) -> tuple[int, int]:
    if wire_type == BYTES:
        return _read_varint(content, at)
    if wire_type in _FIXED_BYTES:
        return _FIXED_BYTES[wire_type], at
    raise ValueError(f"wire type {wire_type} before byte {at}")


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(content[at : at + MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, at + index + 1
    raise ValueError(f"no number of 64 bits at byte {at}")
