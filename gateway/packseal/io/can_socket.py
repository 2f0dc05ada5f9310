"""SocketCAN by recvmmsg: hundreds of frames a call, straight into arrays.

python-can makes an object of each frame, which costs a core at full buses; here a wake costs the same for one frame and
for a thousand. Layouts are those of linux/can.h, linux/socket.h and linux/net_tstamp.h.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from packseal.frames import Frames
from packseal.frames.frames import CLASSIC_BYTES, FD_BYTES
from packseal.io.can_receiver import (
    COLLECT_S,
    CONTROLLER_PROBLEM,
    EMPTY_S,
    RECEIVE_OVERFLOW,
    BothClocks,
    FrameFilter,
    Received,
    StampClock,
    both_clocks,
    check_may_send,
)

EXTENDED, REMOTE, ERROR = 0x8000_0000, 0x4000_0000, 0x2000_0000  # of can_id
ALL_ERRORS = 0x1FFF_FFFF
MAX_FILTERS = 512  # CAN_RAW_FILTER_MAX (linux/can/raw.h)
FRAMES_A_CALL = 1024  # UIO_MAXIOV, more the kernel does not take
MAX_FRAMES = 16 * FRAMES_A_CALL  # of a wake
RECEIVE_BUFFER_BYTES = 16 << 20
_CAN_RAW_ERR_FILTER = 2  # linux/can/raw.h
_SO_RXQ_OVFL, _SO_RCVBUFFORCE, _SO_TIMESTAMPING = 40, 33, 37
_SO_MEMINFO, _MEMINFO_BYTES, _MEMINFO_DROPS_AT = 55, 36, 32  # linux/sock_diag.h: nine u32, SK_MEMINFO_DROPS the last
_STAMPS = 0x04 | 0x08 | 0x10 | 0x40  # SOF_TIMESTAMPING_: RX_HARDWARE, RX_SOFTWARE, SOFTWARE, RAW_HARDWARE
_SIOCGIFFLAGS, _IFF_UP = 0x8913, 1
_CONTROL_BYTES = 128

_WORD = np.intp(0).itemsize
_HEAD_BYTES = _WORD + 8  # struct cmsghdr: length, level, kind
_BEHIND_STAMPS = _HEAD_BYTES + 6 * _WORD  # three timespecs: the kernel's, one that is no longer used, the adapter's
_FRAME = np.dtype(
    {
        "names": ["can_id", "length", "data", "first_8"],
        "formats": ["=u4", "u1", (np.uint8, FD_BYTES), np.uint64],
        "offsets": [0, 4, 8, 8],
        "itemsize": 72,
    }
)
_CONTROL = np.dtype(
    {
        "names": ["kind", "kernel_s", "kernel_ns", "adapter_s", "adapter_ns", "next_kind", "dropped"],
        "formats": ["=i4", *[np.intp] * 4, "=i4", "=u4"],
        "offsets": [
            _HEAD_BYTES - 4,
            *(_HEAD_BYTES + word * _WORD for word in (0, 1, 4, 5)),
            _BEHIND_STAMPS + _HEAD_BYTES - 4,
            _BEHIND_STAMPS + _HEAD_BYTES,
        ],
        "itemsize": _CONTROL_BYTES,
    }
)
_FLAGS, _IS_EXTENDED = np.uint32(ERROR | REMOTE), np.uint32(EXTENDED)
_USED_OF_8 = (np.tri(CLASSIC_BYTES + 1, CLASSIC_BYTES, -1, np.uint8) * np.uint8(0xFF)).view(np.uint64)[:, 0]


class _IoVector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):  # struct msghdr
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _CountedHeader(ctypes.Structure):  # struct mmsghdr
    _fields_ = (("header", _Header), ("length", ctypes.c_uint))


_CONTROL_LENGTH = np.dtype(
    {
        "names": ["control_length"],
        "formats": [np.uintp],
        "offsets": [_Header.control_length.offset],
        "itemsize": ctypes.sizeof(_CountedHeader),
    }
)


class SocketReceiver:
    """One bus. Raises OSError where it is not there or down."""

    def __init__(self, channel: str, filters: Sequence[FrameFilter] = (), may_send: bool = False) -> None:
        """filters: what the kernel lets through, all where there are none or more than it takes."""
        self._buffers = _Buffers()
        self._receive_many = ctypes.CDLL(None, use_errno=True).recvmmsg
        self._adapter_clock = StampClock()
        self._until_ns = time.monotonic_ns()
        self._dropped = 0
        self._failure: OSError | None = None
        self._is_more = False
        self._socket = socket.socket(socket.PF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        self._may_send = may_send
        try:
            self._set_options(filters)
            self._socket.bind((channel,))
            _check_is_up(self._socket, channel)
        except BaseException:
            self._socket.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN | select.POLLERR)

    def _set_options(self, filters: Sequence[FrameFilter]) -> None:
        can = self._socket
        can.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
        can.setsockopt(socket.SOL_CAN_RAW, _CAN_RAW_ERR_FILTER, ALL_ERRORS)
        can.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        can.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, _STAMPS)
        try:
            can.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
        except PermissionError:  # as root only; else as much as net.core.rmem_max allows
            can.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        is_large = can.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= RECEIVE_BUFFER_BYTES
        self._pause_s = COLLECT_S if is_large else EMPTY_S
        if 0 < len(filters) <= MAX_FILTERS:
            rows = [(one.can_id | EXTENDED * one.is_extended, one.mask | EXTENDED) for one in filters]
            content = b"".join(struct.pack("=II", *row) for row in rows)
            can.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FILTER, content)

    def receive(self, timeout_s: float) -> Received:
        if self._failure and not self._is_more:
            raise self._failure
        now_ns = time.monotonic_ns()
        if not self._poll.poll(1000 * timeout_s):
            self._until_ns, self._is_more = now_ns, False
            return Received(Frames.empty(), now_ns)
        deadline_ns = time.monotonic_ns() + int(COLLECT_S * 1e9)
        count = 0
        while count < MAX_FRAMES and time.monotonic_ns() < deadline_ns:
            time.sleep(self._pause_s)
            count += self._call(count)
        return self.take(count)

    def take(self, count: int = 0) -> Received:
        """What has come, without waiting, behind `count` frames that were taken already."""
        is_drained = False
        while not is_drained:
            until_ns = time.monotonic_ns()
            added = self._call(count)
            count += added
            is_drained = added < FRAMES_A_CALL or count == MAX_FRAMES
        received = self._received(count, until_ns)
        self._buffers.make_ready(count)
        self._is_more = count == MAX_FRAMES  # may be waiting
        if self._is_more and len(received.frames):
            received = received._replace(until_ns=int(received.frames.time_ns[-1]))
        self._until_ns = received.until_ns
        return received

    def _call(self, first: int) -> int:
        """Fills the buffers from `first` on; returns how many.

        The kernel tells once that the bus went down, before frames that came earlier: those are read first.
        """
        room, header = min(MAX_FRAMES - first, FRAMES_A_CALL), self._buffers.header(first)
        while (count := int(self._receive_many(self._socket.fileno(), header, room, socket.MSG_DONTWAIT, None))) < 0:
            code = ctypes.get_errno()
            if code == errno.EINTR:
                continue
            if code == errno.EAGAIN or self._failure:
                return 0
            self._failure = OSError(code, os.strerror(code))
        return count

    def _received(self, count: int, until_ns: int) -> Received:
        frames, controls = self._buffers.frames[:count], self._buffers.controls[:count]
        time_ns, lost = self._times(controls, both_clocks()), self._newly_dropped(controls)
        flags = frames["can_id"] & _FLAGS
        if not np.count_nonzero(flags):  # data frames alone, as nearly always
            return Received(_as_arrays(frames, time_ns), until_ns, frames_lost=lost)
        is_data, is_error = flags == 0, flags & ERROR != 0
        errors = frames[is_error]
        data = _as_arrays(frames[is_data], time_ns[is_data])
        return Received(data, until_ns, count - len(data) - len(errors), len(errors), lost + _overflows(errors))

    def _times(self, controls: npt.NDArray[np.uint8], clocks: BothClocks) -> npt.NDArray[np.int64]:
        """By the adapter's clock where it has one, else by the kernel's.

        The kernel's is the wall clock: should it have been set since, the bounds of this wake hold.
        """
        n = len(controls)
        by_kernel, by_adapter = stamps_ns(controls)
        if np.count_nonzero(by_kernel) < n:
            return np.full(n, clocks.now_ns)
        arrived_ns = np.minimum(np.maximum(by_kernel + clocks.offset_ns, self._until_ns), clocks.now_ns)
        if not n or np.count_nonzero(by_adapter) < n:
            return arrived_ns
        return self._adapter_clock.monotonic(by_adapter, arrived_ns)

    def _newly_dropped(self, controls: npt.NDArray[np.uint8]) -> int:
        """Since the last wake. The socket itself tells at any time; before Linux 4.12, each frame does alone."""
        try:
            counters = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO_BYTES)
            total = int(struct.unpack_from("=I", counters, _MEMINFO_DROPS_AT)[0])
        except OSError:
            total = dropped_until(controls) or self._dropped
        newly, self._dropped = (total - self._dropped) % (1 << 32), total
        return newly

    def send(self, can_id: int, data: bytes, is_extended: bool) -> None:
        check_may_send(self._may_send)
        key = can_id | EXTENDED * is_extended
        width = CLASSIC_BYTES if len(data) <= CLASSIC_BYTES else FD_BYTES
        self._socket.send(struct.pack("=IBBH", key, len(data), 0, 0) + data.ljust(width, b"\0"))

    def close(self) -> None:
        self._socket.close()


class _Buffers:
    """Memory for MAX_FRAMES frames, and the headers that point into it."""

    def __init__(self) -> None:
        n = MAX_FRAMES
        self.frames = np.zeros(n, _FRAME)
        self.controls = np.zeros((n, _CONTROL_BYTES), np.uint8)
        self._vectors = (_IoVector * n)()
        self._headers = (_CountedHeader * n)()
        for i, (vector, header) in enumerate(zip(self._vectors, self._headers, strict=True)):
            vector.base, vector.length = self.frames.ctypes.data + i * _FRAME.itemsize, _FRAME.itemsize
            header.header.vectors, header.header.vector_count = ctypes.addressof(vector), 1
            header.header.control = self.controls.ctypes.data + i * _CONTROL_BYTES
            header.header.control_length = _CONTROL_BYTES
        self._control_lengths = np.frombuffer(memoryview(self._headers).cast("B"), _CONTROL_LENGTH)["control_length"]

    def header(self, first: int) -> object:
        """Where the headers of frames from `first` on begin, for a call."""
        return ctypes.byref(self._headers, first * ctypes.sizeof(_CountedHeader))

    def make_ready(self, count: int) -> None:
        """Again, of the first `count`: the kernel has overwritten how much room there is, and what it does not write is
        to read as nothing."""
        self._control_lengths[:count] = _CONTROL_BYTES
        self.controls[:count] = 0


def stamps_ns(controls: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(kernel's, adapter's): int64 [n] each, the first and the third of SCM_TIMESTAMPING's three timespecs; 0: none.

    controls: uint8 [n, _CONTROL_BYTES], the control messages of n frames.
    """
    said = controls.view(_CONTROL)[:, 0]
    by_kernel = np.multiply(said["kernel_s"], 10**9, dtype=np.int64) + said["kernel_ns"]
    by_adapter = np.multiply(said["adapter_s"], 10**9, dtype=np.int64) + said["adapter_ns"]
    is_other = said["kind"] != _SO_TIMESTAMPING
    if np.count_nonzero(is_other):
        by_kernel[is_other] = by_adapter[is_other] = 0
    return by_kernel, by_adapter


def dropped_until(controls: npt.NDArray[np.uint8]) -> int:
    """How many the kernel had dropped before the last of these frames (SO_RXQ_OVFL, behind the stamps); 0: it does not
    say."""
    for last in controls.view(_CONTROL)[-1:, 0]:
        if last["next_kind"] == _SO_RXQ_OVFL:
            return int(last["dropped"])
    return 0


def _as_arrays(frames: npt.NDArray[np.void], time_ns: npt.NDArray[np.int64]) -> Frames:
    """What lies behind a frame's length in the kernel's memory becomes 0."""
    length = frames["length"].copy()
    if np.count_nonzero(length > CLASSIC_BYTES):
        data = np.where(np.arange(FD_BYTES) < length[:, None], frames["data"], np.uint8(0))
    else:
        data = (frames["first_8"] & _USED_OF_8.take(length)).view(np.uint8).reshape(-1, CLASSIC_BYTES)
    return Frames(
        can_id=frames["can_id"] & ~_IS_EXTENDED,
        is_extended=frames["can_id"] >= _IS_EXTENDED,
        time_ns=time_ns,
        channel=np.zeros(len(frames), np.uint8),
        length=length,
        data=data,
    )


def _overflows(errors: npt.NDArray[np.void]) -> int:
    """Error frames that say that the controller had no room: one frame at least each."""
    is_overflow = (errors["can_id"] & CONTROLLER_PROBLEM != 0) & (errors["data"][:, 1] & RECEIVE_OVERFLOW != 0)
    return int(is_overflow.sum())


def _check_is_up(can: socket.socket, channel: str) -> None:
    request = struct.pack("16sh14x", channel.encode(), 0)
    (flags,) = struct.unpack_from("16xh", fcntl.ioctl(can, _SIOCGIFFLAGS, request))
    if not flags & _IFF_UP:
        raise OSError(errno.ENETDOWN, f"{channel} is down; `ip link set {channel} up` opens it")
