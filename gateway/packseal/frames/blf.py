"""Vector's binary logs (BLF): unpacks the file into objects and accounts for each of them.

Vector publishes no specification; the layout is that of its binlog API as python-can and vector_blf
describe it. A file header (LOGG) with the date of the start, then objects (LOBJ), most of them containers with a
zlib stream of further objects, which may go on in the next container. Every object but a container that could be
unpacked is counted. A damaged container is counted as one and left out; objects that contradict their own sizes end in
FramesError, for what comes behind them cannot be found.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from packseal.errors import FramesError, LogTooLargeError
from packseal.frames.account import Account
from packseal.frames.blf_objects import HEADER_BYTES, ObjectChain, parse_objects
from packseal.frames.dates import clock_ns, date_ns
from packseal.frames.frames import Frames
from packseal.frames.report import Clock, LossReport, Verdict

NAME = "BLF"
SIGNATURE = b"LOGG"
_FILE_HEADER = struct.Struct("<4sI32x8H")  # signature, header size, start as SYSTEMTIME
_CONTAINER = struct.Struct("<4sHHIIH6xI4x")  # signature, header size and version, object size and type, method, size
_CONTAINER_TYPE = 10
_STORED, _DEFLATED = 0, 2
_SHORT_RUN_BYTES = 1 << 12  # of objects that are cheaper to walk through than to search for
_MAX_LOST = 10_000  # a log of a gigabyte has as many containers
_CHUNK_BYTES = 1 << 19  # about 10,000 objects: long enough to drown numpy's call cost, short enough for the cache


def read(content: bytes, max_bytes: int) -> tuple[Frames, LossReport]:
    """All frames of a log. Raises LogTooLargeError above `max_bytes` unpacked, FramesError where it is damaged."""
    start_ns, position = _file_header(content)
    account = Account(NAME, Clock.OWN if start_ns is None else Clock.LOCAL, "object")
    stream = _Stream(account, start_ns or 0)
    for kind, data in _pieces(content, position, max_bytes):
        if kind is Verdict.FRAME:
            stream.feed(data)
        else:
            stream.lose(kind)
    stream.end()
    return Frames.concatenate(stream.parts), account.report()


def _file_header(content: bytes) -> tuple[int | None, int]:
    """Start in nanoseconds since 1970, if a date is stated, and where the objects begin."""
    if len(content) < _FILE_HEADER.size:
        raise FramesError(f"the {NAME} file ends within its header; copy it again from where it was recorded")
    _, size, year, month, _, day, hours, minutes, seconds, milliseconds = _FILE_HEADER.unpack_from(content)
    if not _FILE_HEADER.size <= size <= len(content):
        raise FramesError(f"the {NAME} file's header states its own size as {size} bytes; the file is damaged")
    return date_ns(year, month, day, clock_ns(hours, minutes, seconds, f"{milliseconds:03}")), size


def _pieces(content: bytes, position: int, max_bytes: int) -> Iterator[tuple[Verdict, bytes]]:
    """Objects one behind the other as (FRAME, bytes), and what could not be unpacked as (its verdict, b"")."""
    room = max_bytes
    run = 0  # bytes of objects outside containers since the last one
    while content[position : position + HEADER_BYTES].strip(b"\0"):
        if len(content) - position < _CONTAINER.size:
            yield Verdict.FRAME, content[position:]
            return
        signature, _, _, size, kind, method, stated = _CONTAINER.unpack_from(content, position)
        if signature != b"LOBJ" or size < HEADER_BYTES:
            raise FramesError(f"the {NAME} file has no object of valid size at byte {position}; it is damaged")
        if kind != _CONTAINER_TYPE:
            until = position + size
            if run >= _SHORT_RUN_BYTES:  # looks ahead as far as it has come, so that a search never costs more
                until = _end_of_run(content[position : position + min(run, _CHUNK_BYTES)], position) or until
            yield Verdict.FRAME, content[position:until]
            run += until - position
        else:
            run = 0
            until = position + size
            verdict, data = _unpacked(content[position + _CONTAINER.size : until], method, stated, room)
            room -= len(data)
            if data:
                yield Verdict.FRAME, data
            if verdict is not Verdict.FRAME or until > len(content):
                yield (Verdict.CUT_SHORT if until > len(content) else verdict), b""
        position = _next_object(content, until)


def _end_of_run(chunk: bytes, position: int) -> int:
    """Of the whole objects outside containers at the start of `chunk`, which was cut at `position`; 0 without any."""
    chain = ObjectChain(chunk)
    containers = np.flatnonzero(chain.kinds == _CONTAINER_TYPE)
    length = int(chain.starts[containers[0]]) if len(containers) else chain.end
    return position + length if length else 0


def _unpacked(data: bytes, method: int, stated: int, room: int) -> tuple[Verdict, bytes]:
    if method == _DEFLATED:
        unpacker = zlib.decompressobj()
        try:
            data = unpacker.decompress(data, room + 1)
        except zlib.error:
            return Verdict.DAMAGED, b""
    elif method != _STORED:
        return Verdict.DAMAGED, b""
    if len(data) > room:
        raise LogTooLargeError(f"the {NAME} file unpacks to too many bytes; record shorter logs, or split it")
    return Verdict.FRAME if len(data) == stated else Verdict.DAMAGED, data


def _next_object(content: bytes, position: int) -> int:
    """Behind up to three bytes of padding: as many as the size leaves when divided by four, in most writers."""
    found = content.find(b"LOBJ", position, position + 8)
    return found if found >= 0 else position


class _Stream:
    """The objects of all containers, also those that begin in one and end in the next."""

    def __init__(self, account: Account, start_ns: int) -> None:
        self.parts: list[Frames] = []
        self._account, self._start_ns = account, start_ns
        self._pending = bytearray()
        self._wanted = 0  # bytes of the pending object
        self._lost = 0
        self._is_lost = False

    def feed(self, data: bytes) -> None:
        for start in range(0, len(data), _CHUNK_BYTES):
            self._pending += data[start : start + _CHUNK_BYTES]
            if len(self._pending) >= max(self._wanted, _CHUNK_BYTES):
                self._parse()

    def _parse(self) -> None:
        chain = ObjectChain(bytes(self._pending), self._is_lost)
        self._is_lost = False
        if len(chain.starts):
            self.parts.append(self._account.frames_of(parse_objects(chain, self._start_ns)))
        del self._pending[: chain.end]
        self._wanted = chain.wanted

    def lose(self, verdict: Verdict) -> None:
        """Something that cannot be unpacked, and with it the end of the object that began before it."""
        self._lost += 1
        if self._lost > _MAX_LOST:
            raise FramesError(f"the {NAME} file is damaged in more than {_MAX_LOST} places; copy it again")
        self.end()
        self._account.count_one(verdict)
        self._is_lost = True

    def end(self) -> None:
        if self._pending:
            self._parse()
        if self._pending.strip(b"\0"):
            self._account.count_one(Verdict.CUT_SHORT)
        self._pending.clear()
        self._wanted = 0
