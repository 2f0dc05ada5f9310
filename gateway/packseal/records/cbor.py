"""Strict deterministic CBOR (docs/record.md section 1; RFC 8949 section 4.2.1).

Decides which bytes are well-formed evidence at all: every value has exactly one encoding, so equal values have equal
hashes, and no two readers can disagree. What the values mean is for the modules that use it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from packseal.errors import EvidenceError, Reason

Value: TypeAlias = "int | bytes | str | list[Value] | dict[int, Value] | Sign1 | None"

MAX_DEPTH = 8
SIGN1_TAG = 18
UINT, NINT, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)
NULL = 0xF6


@dataclass(frozen=True, slots=True)
class Sign1:
    """The array inside tag 18 (COSE_Sign1). No list itself, or a tagged array would pass where a plain one belongs."""

    items: list[Value]


def encode(value: Value) -> bytes:
    """The one encoding of value. Raises TypeError or ValueError for a value the format has no place for."""
    out = bytearray()
    _encode(value, out)
    return bytes(out)


def decode(content: bytes) -> Value:
    """The value of exactly these bytes. Raises EvidenceError(MALFORMED) for any other than its one encoding."""
    value, end = _decode(content, 0, MAX_DEPTH)
    if end != len(content):
        raise _malformed(end, f"{len(content) - end} bytes too many")
    return value


def decode_item(content: bytes, at: int, depth: int) -> tuple[Value, int]:
    """The value of the item that begins at `at`, `depth` levels of nesting left, and the offset behind it."""
    return _decode(content, at, depth)


def decode_pairs(content: bytes, at: int, depth: int) -> tuple[list[tuple[int, Value, int, int]], int]:
    """(key, value, start, end) of each pair of the map that begins at `at`, so that a reader has their bytes as well,
    and the offset behind the map."""
    if at >= len(content) or content[at] >> 5 != MAP:
        raise _malformed(at, "not a map")
    _, count, start = decode_head(content, at)
    if count > len(content) - start:
        raise _malformed(at, "ends too early")
    pairs = list(_pairs(content, count, start, depth))
    return pairs, pairs[-1][3] if pairs else start


def _encode(value: Value, out: bytearray) -> None:
    if value is None:
        out.append(NULL)
    elif isinstance(value, bool):
        raise TypeError("booleans are not part of the format")
    elif isinstance(value, int):
        _encode_head(UINT if value >= 0 else NINT, value if value >= 0 else -1 - value, out)
    elif isinstance(value, bytes):
        _encode_head(BYTES, len(value), out)
        out += value
    elif isinstance(value, str):
        text = value.encode()
        _encode_head(TEXT, len(text), out)
        out += text
    elif isinstance(value, Sign1):
        _encode_head(TAG, SIGN1_TAG, out)
        _encode(value.items, out)
    elif isinstance(value, list):
        _encode_head(ARRAY, len(value), out)
        for item in value:
            _encode(item, out)
    elif isinstance(value, dict):
        _encode_head(MAP, len(value), out)
        for key in sorted(value, key=encode):
            _encode(key, out)
            _encode(value[key], out)
    else:
        raise TypeError(f"{type(value).__name__} is not part of the format")


def _encode_head(major: int, argument: int, out: bytearray) -> None:
    if argument < 24:
        out.append(major << 5 | argument)
        return
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << 8 * size:
            out.append(major << 5 | code)
            out += argument.to_bytes(size, "big")
            return
    raise ValueError("an integer of more than 64 bits")


def _decode(content: bytes, at: int, depth: int) -> tuple[Value, int]:
    if not depth:
        raise _malformed(at, f"nested deeper than {MAX_DEPTH}")
    if at >= len(content):
        raise _malformed(at, "ends too early")
    head = content[at]
    if head < 24:
        return head, at + 1  # most numbers are small ones
    if head == NULL:
        return None, at + 1
    major, argument, start = decode_head(content, at)
    if major == UINT:
        return argument, start
    if major == NINT:
        return -1 - argument, start
    if major in (BYTES, TEXT):
        return _decode_string(content, major, start, start + argument)
    if argument > len(content) - start and major != TAG:
        raise _malformed(at, "ends too early")  # each item takes a byte, so no loop starts that the input cannot feed
    if major == ARRAY:
        return _decode_array(content, argument, start, depth)
    if major == MAP:
        return _decode_map(content, argument, start, depth)
    if major == TAG and argument == SIGN1_TAG:
        return _decode_sign1(content, start, depth)
    raise _malformed(at, "a tag, float or simple value that is not part of the format")


def decode_head(content: bytes, at: int) -> tuple[int, int, int]:
    """(major type, argument, offset behind it) of the item that begins at `at`; there must be a byte."""
    major, info = content[at] >> 5, content[at] & 31
    if info < 24:
        return major, info, at + 1
    if info > 27:
        raise _malformed(at, "an indefinite length or reserved head")
    size = 1 << (info - 24)
    field = content[at + 1 : at + 1 + size]
    if len(field) < size:
        raise _malformed(at, "ends too early")
    argument = int.from_bytes(field, "big")
    if argument < 24 or (size > 1 and argument < 1 << 4 * size):
        raise _malformed(at, "a number that is not in its shortest form")
    return major, argument, at + 1 + size


def _decode_string(content: bytes, major: int, start: int, end: int) -> tuple[bytes | str, int]:
    if end > len(content):
        raise _malformed(start, "ends too early")
    if major == BYTES:
        return content[start:end], end
    try:
        return content[start:end].decode(), end
    except UnicodeDecodeError:
        raise _malformed(start, "text that is not UTF-8") from None


def _decode_array(content: bytes, count: int, at: int, depth: int) -> tuple[list[Value], int]:
    items: list[Value] = []
    for _ in range(count):
        item, at = _decode(content, at, depth - 1)
        items.append(item)
    return items, at


def _decode_map(content: bytes, count: int, at: int, depth: int) -> tuple[dict[int, Value], int]:
    items: dict[int, Value] = {}
    for key, value, _, end in _pairs(content, count, at, depth):
        items[key] = value
        at = end
    return items, at


def _pairs(content: bytes, count: int, at: int, depth: int) -> Iterator[tuple[int, Value, int, int]]:
    last_key = b""
    for _ in range(count):
        start = at
        key, at = _decode(content, start, depth - 1)
        if not isinstance(key, int):
            raise _malformed(start, "a map key that is not an integer")
        encoded = content[start:at]
        if encoded <= last_key:
            raise _malformed(start, "map keys twice or out of order")
        last_key = encoded
        value, at = _decode(content, at, depth - 1)
        yield key, value, start, at


def _decode_sign1(content: bytes, at: int, depth: int) -> tuple[Sign1, int]:
    value, end = _decode(content, at, depth - 1)
    if not isinstance(value, list):
        raise _malformed(at, "tag 18 without an array")
    return Sign1(value), end


def _malformed(at: int, what: str) -> EvidenceError:
    return EvidenceError(Reason.MALFORMED, f"not deterministic CBOR at byte {at}: {what}")
