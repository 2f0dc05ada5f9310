"""The objects of Vector's binary logs as arrays: where each begins, and which are CAN frames.

Structures as the binlog API has them: a base header (signature, header size and version, object size, type), a header
with the time in units of 10 microseconds or 1 nanosecond, then by type CAN_MESSAGE (1), CAN_MESSAGE2 (86),
CAN_FD_MESSAGE (100) or CAN_FD_MESSAGE_64 (101). Fields are fetched sixteen bytes at a time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from packseal.errors import FramesError
from packseal.frames.frames import CLASSIC_BYTES, FD_BYTES
from packseal.frames.lines import I64, U8, Mask, Names
from packseal.frames.parsed import ParsedLines
from packseal.frames.report import Verdict

HEADER_BYTES = 16
MAX_OBJECT_BYTES = 1 << 26  # the largest real ones, attachments and Ethernet frames, have a few megabytes at most
_SIGNATURE = b"LOBJ"
_SIGNATURE_WORD = int.from_bytes(_SIGNATURE, "little")
_MAX_PADDING_BYTES = 4
_PAD_BYTES = 160  # as much as is fetched behind the start of an object that is too short for what it says it is

_BASE = np.dtype([("signature", "<u4"), ("header", "<u2"), ("version", "<u2"), ("size", "<u4"), ("kind", "<u4")])
_TIMED = np.dtype([("flags", "<u4"), ("client", "<u4"), ("time", "<u8")])
_CLASSIC = np.dtype([("channel", "<u2"), ("flags", "u1"), ("code", "u1"), ("can_id", "<u4"), ("data", "<u8")])
_FD = np.dtype(
    [("can_id", "<u4", (2,)), ("frame_bits", "<u4"), ("bits", "u1"), ("fd", "u1"), ("length", "u1"), ("x", "u1")]
)
_FD64 = np.dtype(
    [
        ("channel", "u1"),
        ("code", "u1"),
        ("length", "u1"),
        ("tx", "u1"),
        ("can_id", "<u4"),
        ("bits", "<u4"),
        ("flags", "<u4"),
    ]
)
_FD_DATA_AT, _FD64_DATA_AT, _FD64_EXT_AT = 20, 40, 35

_MESSAGE, _MESSAGE2, _FD_MESSAGE, _FD_MESSAGE_64 = 1, 86, 100, 101
_VERDICTS = np.full(256, Verdict.EVENT, np.uint8)  # by kind
_VERDICTS[[_MESSAGE, _MESSAGE2, _FD_MESSAGE, _FD_MESSAGE_64]] = Verdict.FRAME
_VERDICTS[[2, 73, 104]] = Verdict.ERROR_FRAME  # CAN_ERROR, CAN_ERROR_EXT, CAN_FD_ERROR_64
_VERDICTS[10] = Verdict.DAMAGED  # a container within a container
_TEN_MICROSECONDS = 1
_REMOTE, _FD64_REMOTE = 0x80, 0x10
_EXTENDED, _ID_BITS = 0x8000_0000, 0x7FFF_FFFF
_NAMES = np.array([str(channel) for channel in range(1024)], "S16")
_CLASSIC_LENGTHS = np.array([*range(8), *[8] * 8, *[FD_BYTES + 1] * 240])  # by length code; above 15 there is none
_KEEP = np.array([(1 << 8 * length) - 1 for length in range(9)], np.uint64)


class ObjectChain:
    """The whole objects in `data`: each begins where the one before ends, or up to four bytes of padding later.

    starts, kinds  one per object
    end            where the last whole object ends
    wanted         bytes from there on until the next is whole

    With `is_lost`, the first may begin anywhere. Raises FramesError where an object has an impossible size or none
    begins where it must.
    """

    def __init__(self, data: bytes, is_lost: bool = False) -> None:
        self.buffer = np.frombuffer(data + bytes(_PAD_BYTES), np.uint8)
        self._size = len(data)
        self._step = 0 if is_lost else self._common_step()
        self._found = self._signatures()
        base = _cells(self.buffer, self._found, _BASE)
        self._ends = self._found + base["size"]
        rows = self._rows(is_lost)
        self.starts = self._found[rows]
        self.base = base[rows]
        self.kinds = self.base["kind"]
        self.end = int(self._ends[rows[-1]]) if len(rows) else 0
        self.wanted = self._wanted()

    def cells(self, offset: int | I64, dtype: np.dtype[np.void]) -> npt.NDArray[np.void]:
        """The sixteen bytes at `offset` in each object, as fields."""
        if self._step and isinstance(offset, int):
            return np.ndarray((len(self.starts),), dtype, self.buffer, offset, (self._step,))
        return _cells(self.buffer, self.starts + offset, dtype)

    def _signatures(self) -> I64:
        """Where LOBJ stands and a whole base header follows."""
        behind = max(self._size - HEADER_BYTES + 1, 0)
        if self._step:
            return np.arange(0, behind, self._step)
        found = np.flatnonzero(self.buffer[:behind] == _SIGNATURE[0])
        for offset in (1, 2, 3):
            found = found[self.buffer[found + offset] == _SIGNATURE[offset]]
        return found

    def _common_step(self) -> int:
        """From object to object in a log of nothing but objects of one size, which need not be searched; else 0."""
        size = int(_cells(self.buffer, np.zeros(1, np.int64), _BASE)["size"][0])
        for step in (size, size + size % 4):
            if not HEADER_BYTES <= step <= self._size // 2:
                continue
            count = (self._size - HEADER_BYTES) // step + 1  # the last one may be cut
            base = np.ndarray((count,), _BASE, self.buffer, strides=(step,))
            if (base["size"] == size).all() and (base["signature"] == _SIGNATURE_WORD).all():
                return step
        return 0

    def _rows(self, is_lost: bool) -> I64:
        """Which of the signatures found begin an object. A signature within an object is data."""
        gaps = self._found[1:] - self._ends[:-1]
        breaks = np.append(np.flatnonzero((gaps < 0) | (gaps > _MAX_PADDING_BYTES)), len(self._found) - 1)
        runs: list[I64] = [np.zeros(0, np.int64)]
        row = 0 if is_lost else self._row_at(0)
        while 0 <= row < len(self._found):
            last = int(breaks[np.searchsorted(breaks, row)])
            run = np.arange(row, last + 1)
            self._check_sizes(run)
            is_whole = int(self._ends[last]) <= self._size  # each but the last ends before the next
            runs.append(run if is_whole else run[:-1])
            row = self._row_at(int(self._ends[last])) if is_whole else -1
        return np.concatenate(runs) if len(runs) != 2 else runs[1]

    def _row_at(self, position: int) -> int:
        """Of the signature at or a little behind `position`; -1 where the data end before there could be one."""
        row = int(np.searchsorted(self._found, position))
        if row < len(self._found) and self._found[row] - position <= _MAX_PADDING_BYTES:
            return row
        if self._size - position >= HEADER_BYTES + _MAX_PADDING_BYTES:
            raise FramesError("the BLF file is damaged: no object begins where the one before ends")
        return -1

    def _check_sizes(self, rows: I64) -> None:
        sizes = self._ends[rows] - self._found[rows]
        odd = np.flatnonzero((sizes < HEADER_BYTES) | (sizes > MAX_OBJECT_BYTES))
        if len(odd):
            raise FramesError(f"the BLF file is damaged: an object states its size as {sizes[odd[0]]} bytes")

    def _wanted(self) -> int:
        behind = np.searchsorted(self._found, self.end)
        return int(self._ends[behind]) - self.end if behind < len(self._found) else 0


def parse_objects(chain: ObjectChain, start_ns: int) -> ParsedLines:
    """One row per object; rows whose verdict is not FRAME hold nothing of use."""
    parsed = _unread(chain)
    version = chain.base["version"]
    offset = 32 if (version == 1).all() else np.where(version == 2, 40, 32)
    room = chain.base["size"].astype(np.int64) - offset
    _read_time(chain, parsed, start_ns)
    is_classic = (chain.kinds == _MESSAGE) | (chain.kinds == _MESSAGE2)
    _read_classic(chain, parsed, offset, room, is_classic)
    if not is_classic.all():
        payload = chain.starts + offset
        for kind, read in ((_FD_MESSAGE, _read_fd), (_FD_MESSAGE_64, _read_fd64)):
            rows = np.flatnonzero(chain.kinds == kind)
            if len(rows):
                parsed.data = (
                    parsed.data if parsed.data.shape[1] == FD_BYTES else np.pad(parsed.data, ((0, 0), (0, 56)))
                )
                read(chain, parsed, payload, room, rows)
    can_id = parsed.can_id & _ID_BITS
    good = np.ones(len(can_id), np.bool_)
    parsed.set_id(can_id, good, parsed.can_id & _EXTENDED != 0)
    parsed.set_length(parsed.length, parsed.length >= 0, ~is_classic)
    return parsed


def _unread(chain: ObjectChain) -> ParsedLines:
    n = len(chain.starts)
    zeros = np.zeros(n, np.int64)
    data = np.zeros((n, CLASSIC_BYTES), np.uint8)
    verdict = _VERDICTS.take(chain.kinds, mode="clip")
    parsed = ParsedLines(verdict, zeros, zeros, np.zeros(n, np.bool_), zeros, data, np.zeros(n, "S16"))
    parsed.refuse((chain.base["version"] != 1) & (chain.base["version"] != 2), Verdict.BAD_LAYOUT)
    return parsed


def _read_time(chain: ObjectChain, parsed: ParsedLines, start_ns: int) -> None:
    timed = chain.cells(HEADER_BYTES, _TIMED)
    is_coarse = timed["flags"] == _TEN_MICROSECONDS
    unit_ns = np.where(is_coarse, 10_000, 1) if is_coarse.any() else np.int64(1)
    time = timed["time"]
    good = time <= (2**63 - 1 - start_ns) // unit_ns
    parsed.set_time(start_ns + np.where(good, time, 0).astype(np.int64) * unit_ns, good)


def _read_classic(chain: ObjectChain, parsed: ParsedLines, offset: int | I64, room: I64, is_classic: Mask) -> None:
    """All objects as if they were classic messages; the few others are read again."""
    cells = chain.cells(offset, _CLASSIC)
    length = _CLASSIC_LENGTHS.take(cells["code"])
    parsed.refuse(is_classic & (room < CLASSIC_BYTES + np.minimum(length, CLASSIC_BYTES)), Verdict.BAD_LAYOUT)
    parsed.refuse(is_classic & (cells["flags"] & _REMOTE != 0), Verdict.REMOTE_FRAME)
    parsed.name = _names(cells["channel"])
    parsed.can_id, parsed.length = cells["can_id"].astype(np.int64), length
    data = cells["data"] & _KEEP.take(length, mode="clip")
    parsed.data = data.view(np.uint8).reshape(-1, CLASSIC_BYTES)


def _read_fd(chain: ObjectChain, parsed: ParsedLines, payload: I64, room: I64, rows: I64) -> None:
    cells = _cells(chain.buffer, payload[rows], _FD)
    _refuse(parsed, rows, room[rows] < _FD_DATA_AT, Verdict.BAD_LAYOUT)
    flags = chain.buffer[payload[rows] + 2]
    _refuse(parsed, rows, flags & _REMOTE != 0, Verdict.REMOTE_FRAME)
    parsed.name[rows] = _names(_cells(chain.buffer, payload[rows], _CLASSIC)["channel"])
    parsed.can_id[rows] = cells["can_id"][:, 1]
    length = cells["length"].astype(np.int64)
    _refuse(parsed, rows, room[rows] - _FD_DATA_AT < length, Verdict.LENGTH_MISMATCH)
    _read_wide_data(chain, parsed, rows, payload[rows] + _FD_DATA_AT, length, length)


def _read_fd64(chain: ObjectChain, parsed: ParsedLines, payload: I64, room: I64, rows: I64) -> None:
    """Bytes that the length states and the object does not have are zeros, as CANoe reads them."""
    cells = _cells(chain.buffer, payload[rows], _FD64)
    _refuse(parsed, rows, room[rows] < _FD64_DATA_AT, Verdict.BAD_LAYOUT)
    _refuse(parsed, rows, cells["flags"] & _FD64_REMOTE != 0, Verdict.REMOTE_FRAME)
    parsed.name[rows] = _names(cells["channel"])
    parsed.can_id[rows] = cells["can_id"]
    length = cells["length"].astype(np.int64)
    extra_at = chain.buffer[payload[rows] + _FD64_EXT_AT].astype(np.int64)
    end = np.where(extra_at > 0, np.minimum(extra_at - (payload - chain.starts)[rows], room[rows]), room[rows])
    there = np.clip(np.minimum(length, end - _FD64_DATA_AT), 0, FD_BYTES)
    _read_wide_data(chain, parsed, rows, payload[rows] + _FD64_DATA_AT, length, there)


def _read_wide_data(chain: ObjectChain, parsed: ParsedLines, rows: I64, since: I64, length: I64, there: I64) -> None:
    parsed.length[rows] = length
    columns = np.arange(FD_BYTES)
    data = chain.buffer.take(since[:, None] + columns, mode="clip")
    parsed.data[rows] = np.where(columns < there[:, None], data, 0)


def _refuse(parsed: ParsedLines, rows: I64, which: Mask, reason: Verdict) -> None:
    mask = np.zeros(len(parsed.verdict), np.bool_)
    mask[rows[which]] = True
    parsed.refuse(mask, reason)


def _names(channel: npt.NDArray[np.unsignedinteger]) -> Names:
    names = _NAMES.take(channel, mode="clip")
    is_high = channel >= len(_NAMES)
    if is_high.any():
        names[is_high] = channel[is_high].astype("S16")
    return names


def _cells(buffer: U8, position: I64, dtype: np.dtype[np.void]) -> npt.NDArray[np.void]:
    """The sixteen bytes at each position, as fields."""
    windows = np.ndarray((len(buffer) - 15,), "V16", buffer, strides=(1,))
    return windows[np.minimum(position, len(windows) - 1)].view(dtype)
