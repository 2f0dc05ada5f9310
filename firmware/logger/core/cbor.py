"""Strict deterministic CBOR (docs/record.md section 1; RFC 8949 section 4.2.1).

Decides which bytes are a value at all: each value has one encoding, every other one is refused. What a value means is
left to the modules that use it.
"""

MAX_DEPTH = 8
SIGN1_TAG = 18  # COSE_Sign1 (RFC 9052 section 2)
NULL = 0xF6
_UINT, _NINT, _BYTES, _TEXT, _ARRAY, _MAP, _TAG = range(7)


class CBORError(ValueError):
    """The sender's fault: bytes that are not the one encoding of a value."""


class Sign1:
    """The array inside tag 18."""

    def __init__(self, parts):
        self.parts = parts

    def __eq__(self, other):
        return isinstance(other, Sign1) and self.parts == other.parts

    __hash__ = None


def encode(value):
    """The bytes of an int of 64 bits, bytes, str, None, list, dict with int keys, or Sign1.

    A value the format has no place for is the caller's fault: TypeError or ValueError.
    """
    out = bytearray()
    _encode(value, out)
    return bytes(out)


def decode(content):
    """The value of exactly these bytes. Raises CBORError, and nothing else, for any other bytes."""
    value, end = _decode(content, 0, MAX_DEPTH)
    if end != len(content):
        raise CBORError("bytes after the item")
    return value


def decode_at(content, at):
    """(the item that begins there, the offset behind it), to take apart what decodes as a whole."""
    return _decode(content, at, MAX_DEPTH)


def decode_pairs(content, at):
    """{key: the bytes of key and value} of the map that begins there."""
    _, count, at = _decode_head(content, at)
    pairs = {}
    for _ in range(count):
        key, end = decode_at(content, at)
        _, end = decode_at(content, end)
        pairs[key] = content[at:end]
        at = end
    return pairs


def items(value, types):
    """value, when it is an array of exactly these types (or tuples of them) in this order; else raises CBORError.

    To take apart what somebody sent: byte strings, text and maps can be unpacked like arrays and are none.
    """
    if not isinstance(value, list) or len(value) != len(types) or not all(map(isinstance, value, types)):
        raise CBORError("not an array of these types")
    return value


def _encode(value, out):
    if value is None:
        out.append(NULL)
    elif value is True or value is False:
        raise TypeError("booleans are not part of the format")
    elif isinstance(value, int):
        _encode_head(_UINT if value >= 0 else _NINT, value if value >= 0 else -1 - value, out)
    elif isinstance(value, (bytes, str)):
        content = value.encode() if isinstance(value, str) else value
        _encode_head(_TEXT if isinstance(value, str) else _BYTES, len(content), out)
        out.extend(content)
    elif isinstance(value, list):
        _encode_head(_ARRAY, len(value), out)
        for item in value:
            _encode(item, out)
    elif isinstance(value, dict):
        _encode_map(value, out)
    elif isinstance(value, Sign1):
        _encode_head(_TAG, SIGN1_TAG, out)
        _encode(value.parts, out)
    else:
        raise TypeError("a type that is not part of the format")


def _encode_map(value, out):
    _encode_head(_MAP, len(value), out)
    for key in sorted(value, key=encode):  # section 4.2.1: bytewise order of the encoded keys
        if not isinstance(key, int):
            raise TypeError("a map key that is not an integer")
        _encode(key, out)
        _encode(value[key], out)


def _encode_head(major, argument, out):
    if argument < 24:
        out.append(major << 5 | argument)
        return
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << 8 * size:
            out.append(major << 5 | code)
            out.extend(argument.to_bytes(size, "big"))
            return
    raise ValueError("an integer of more than 64 bits")


def _decode(content, at, depth):
    if not depth:
        raise CBORError("nested too deep")
    if at >= len(content):
        raise CBORError("ends too early")
    if content[at] == NULL:
        return None, at + 1
    major, argument, at = _decode_head(content, at)
    if major == _UINT:
        return argument, at
    if major == _NINT:
        return -1 - argument, at
    if major == _TAG:
        return _decode_sign1(content, argument, at, depth)
    if major > _TAG:
        raise CBORError("a float, boolean or other simple value")
    # a byte an item at least: no loop begins and no memory is asked for that the input cannot feed
    if argument > len(content) - at:
        raise CBORError("ends too early")
    if major == _ARRAY:
        return _decode_array(content, argument, at, depth)
    if major == _MAP:
        return _decode_map(content, argument, at, depth)
    field = bytes(content[at : at + argument])
    return (field if major == _BYTES else _decode_text(field)), at + argument


def _decode_head(content, at):
    major, info = content[at] >> 5, content[at] & 31
    at += 1
    if info < 24:
        return major, info, at
    if info > 27:
        raise CBORError("an indefinite length or a reserved head")
    size = 1 << (info - 24)
    if len(content) - at < size:
        raise CBORError("ends too early")
    argument = int.from_bytes(content[at : at + size], "big")
    if argument < (24 if size == 1 else 1 << 4 * size):
        raise CBORError("a number that is not in its shortest form")
    return major, argument, at + size


def _decode_text(field):
    """MicroPython also decodes surrogates and overlong forms, which RFC 3629 section 3 forbids."""
    try:
        text = field.decode()
    except UnicodeError:
        raise CBORError("text that is not UTF-8") from None
    shortest_bytes = 0
    for letter in text:
        code = ord(letter)
        if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
            raise CBORError("text that is not UTF-8")
        shortest_bytes += 1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF)
    if shortest_bytes != len(field):
        raise CBORError("text that is not UTF-8")
    return text


def _decode_array(content, count, at, depth):
    items = []
    for _ in range(count):
        item, at = _decode(content, at, depth - 1)
        items.append(item)
    return items, at


def _decode_map(content, count, at, depth):
    items = {}
    last_key = b""
    for _ in range(count):
        key, end = _decode(content, at, depth - 1)
        encoded = bytes(content[at:end])
        if not isinstance(key, int):
            raise CBORError("a map key that is not an integer")
        if encoded <= last_key:
            raise CBORError("map keys twice or out of order")
        last_key = encoded
        items[key], at = _decode(content, end, depth - 1)
    return items, at


def _decode_sign1(content, tag, at, depth):
    if tag != SIGN1_TAG:
        raise CBORError("a tag other than 18")
    parts, at = _decode(content, at, depth - 1)
    if not isinstance(parts, list):
        raise CBORError("tag 18 without an array")
    return Sign1(parts), at
