"""Unpacks gzip (RFC 1952), also of several members one behind the other, and never more than asked for."""

from __future__ import annotations

import zlib

from packseal.errors import FramesError, LogTooLargeError

MAGIC = b"\x1f\x8b\x08"  # RFC 1952, 2.3.1: ID1, ID2, and the only compression method there is
MAX_MEMBERS = 1 << 17  # bgzip makes one of every 64 KiB
_GZIP_BITS = 16 + zlib.MAX_WBITS
_CHUNK_BYTES = 1 << 14


def is_gzip(content: bytes) -> bool:
    return content.startswith(MAGIC)


def gunzipped(content: bytes, max_bytes: int) -> bytes:
    """Raises LogTooLargeError above `max_bytes`, FramesError where the file is damaged or cut short."""
    unpacked = bytearray()
    position = 0
    for _ in range(MAX_MEMBERS):
        if content[position : position + len(MAGIC)] != MAGIC:
            break
        position = _unpack_member(content, position, unpacked, max_bytes)
    if content[position : position + _CHUNK_BYTES].strip(b"\0"):
        raise FramesError(f"{len(content) - position} bytes behind the gzip data cannot be read; copy the file again")
    return bytes(unpacked)


def _unpack_member(content: bytes, position: int, unpacked: bytearray, max_bytes: int) -> int:
    """Appends one member to `unpacked`; returns where the next begins."""
    member = zlib.decompressobj(_GZIP_BITS)
    while not member.eof:
        chunk = content[position : position + _CHUNK_BYTES]
        if not chunk:
            raise FramesError("the gzip file is cut short; copy it again from where it was recorded")
        try:
            unpacked += member.decompress(chunk, max_bytes - len(unpacked) + 1)
        except zlib.error as error:
            raise FramesError(f"the gzip file is damaged ({error}); copy it again from where it was recorded") from None
        if len(unpacked) > max_bytes:
            raise LogTooLargeError(f"the log unpacks to more than {max_bytes} bytes; split it by lines")
        position += len(chunk) - len(member.unconsumed_tail) - len(member.unused_data)
    return position
