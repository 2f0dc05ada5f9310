"""Whether the blocks of an MF4 file (ASAM MDF 4, "Block hierarchy") are what they must be: a tree, and no bomb.

asammdf follows every list to its end and unpacks every block whole, and a list that leads back to itself has no end. So
this is looked at before: no block of a list is referred to twice, all of them together are no longer than the file, and
none unpacks to more than it states. Everything else that may be wrong in a file is left to asammdf.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from packseal.errors import FramesError, LogTooLargeError

_FIRST_AT = 64  # the header block, behind the identification block
_HEADER = struct.Struct("<4s4xQQ")  # kind, length, number of links
_ZIPPED = struct.Struct("<2xB5xQQ")  # how, length before and after
_DEFLATED = (0, 1)  # the second transposed before
_EVERY = slice(None)
_LINKS = {  # to lists, and to what no other block refers to
    b"##HD": slice(0, 5),
    b"##DG": slice(0, 3),
    b"##CG": slice(0, 2),
    b"##CN": slice(0, 2),
    b"##CA": slice(0, 1),
    b"##CH": slice(0, 2),
    b"##FH": slice(0, 1),
    b"##AT": slice(0, 1),
    b"##EV": slice(0, 1),
    b"##HL": slice(0, 1),
    b"##DL": _EVERY,
    b"##LD": _EVERY,
}
_DATA_OF_CHANNEL = 5  # a list, a block, or another channel or group
_LISTS = (b"##HL", b"##DL", b"##LD", b"##DZ")


def check_blocks(content: bytes, max_bytes: int) -> None:
    """Raises FramesError for what asammdf might read for ever, LogTooLargeError above `max_bytes` unpacked."""
    met: set[int] = set()
    waiting = [_FIRST_AT]
    length = unpacked = 0
    while waiting:
        at = waiting.pop()
        if at in met:
            raise FramesError(f"the MF4 file is damaged: two blocks refer to the one at byte {at}; copy it again")
        met.add(at)
        kind, size, links = _block(content, at)
        length += size
        if length > len(content):
            raise FramesError("the MF4 file is damaged: its blocks lie one upon the other; copy it again")
        if kind == b"##DZ":
            unpacked += _unpacked_bytes(content, at, size)
            if unpacked > max_bytes:
                raise LogTooLargeError(f"the log unpacks to more than {max_bytes} bytes; split it")
        waiting += _below(content, kind, links)


def _block(content: bytes, at: int) -> tuple[bytes, int, tuple[int, ...]]:
    """Kind, length and links; no length and no links of what is no whole block."""
    if at > len(content) - _HEADER.size:
        return b"", 0, ()
    kind, size, count = _HEADER.unpack_from(content, at)
    if size < _HEADER.size or at + size > len(content) or count > (size - _HEADER.size) // 8:
        return kind, 0, ()
    return kind, size, struct.unpack_from(f"<{count}Q", content, at + _HEADER.size)


def _below(content: bytes, kind: bytes, links: tuple[int, ...]) -> Iterator[int]:
    yield from (at for at in links[_LINKS.get(kind, slice(0, 0))] if at)
    if kind == b"##CN" and len(links) > _DATA_OF_CHANNEL:
        at = links[_DATA_OF_CHANNEL]
        if at and content[at : at + 4] in _LISTS:
            yield at


def _unpacked_bytes(content: bytes, at: int, size: int) -> int:
    """What a zipped block states, where that is true or cannot be known."""
    begin = at + _HEADER.size + _ZIPPED.size
    if begin > at + size:
        return 0
    how, stated, packed = _ZIPPED.unpack_from(content, at + _HEADER.size)
    if how in _DEFLATED and stated < size << 11:  # deflate makes no more than 1,032 bytes of one
        try:
            found = zlib.decompressobj().decompress(content[begin : begin + packed], stated + 1)
        except zlib.error as error:
            raise FramesError(f"the MF4 file is damaged ({error}); copy it again") from None
        if len(found) > stated:
            raise FramesError(f"the MF4 file is damaged: the block at byte {at} unpacks to more than it states")
    return int(stated)
