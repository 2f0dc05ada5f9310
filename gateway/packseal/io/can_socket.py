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

_FRAME = np.dtype([("can_id", "=u4"), ("length", "u1"), ("flags", "u1"), ("reserved", "=u2"), ("data", "u1", 64)])
_STAMP_BYTES = 6 * np.intp(0).itemsize
_CONTROL_HEAD = np.dtype([("length", np.uintp), ("level", "=i4"), ("kind", "=i4")])


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
        until_ns, added = time.monotonic_ns(), FRAMES_A_CALL
        while added == FRAMES_A_CALL and count < MAX_FRAMES:
            until_ns = time.monotonic_ns()
            added = self._call(count)
            count += added
        received = self._received(count)
        self._buffers.make_ready(count)
        self._is_more = count == MAX_FRAMES  # may be waiting
        if self._is_more and len(received.frames):
            until_ns = int(received.frames.time_ns[-1])
        self._until_ns = until_ns
        return received._replace(until_ns=until_ns)

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

    def _received(self, count: int) -> Received:
        clocks = both_clocks()
        frames, controls = self._buffers.frames[:count], self._buffers.controls[:count]
        is_error, is_remote = frames["can_id"] & ERROR != 0, frames["can_id"] & REMOTE != 0
        is_data = ~(is_error | is_remote)
        lost = self._newly_dropped(controls) + _overflows(frames[is_error])
        data = _as_arrays(frames[is_data], self._times(controls, clocks)[is_data])
        return Received(data, clocks.now_ns, int((is_remote & ~is_error).sum()), int(is_error.sum()), lost)

    def _times(self, controls: npt.NDArray[np.uint8], clocks: BothClocks) -> npt.NDArray[np.int64]:
        """By the adapter's clock where it has one, else by the kernel's.

        The kernel's is the wall clock: should it have been set since, the bounds of this wake hold.
        """
        by_kernel, by_adapter = stamps_ns(controls)
        if not by_kernel.all():
            return np.full(len(controls), clocks.now_ns)
        arrived_ns = np.clip(by_kernel + clocks.offset_ns, self._until_ns, clocks.now_ns)
        if not len(controls) or not by_adapter.all():
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
    head = _CONTROL_HEAD.itemsize
    is_stamped = controls[:, :head].copy().view(_CONTROL_HEAD)["kind"][:, 0] == _SO_TIMESTAMPING
    fields = controls[:, head : head + _STAMP_BYTES].copy().view(np.intp).astype(np.int64)
    both = fields[:, [0, 4]] * 10**9 + fields[:, [1, 5]]
    both[~is_stamped] = 0
    return both[:, 0], both[:, 1]


def dropped_until(controls: npt.NDArray[np.uint8]) -> int:
    """How many the kernel had dropped before the last of these frames (SO_RXQ_OVFL, behind the stamps); 0: it does not
    say."""
    head = _CONTROL_HEAD.itemsize
    for last in controls[-1:, head + _STAMP_BYTES :]:
        if last[:head].view(_CONTROL_HEAD)["kind"][0] == _SO_RXQ_OVFL:
            return int(last[head : head + 4].view(np.uint32)[0])
    return 0


def _as_arrays(frames: npt.NDArray[np.void], time_ns: npt.NDArray[np.int64]) -> Frames:
    length = frames["length"]
    width = FD_BYTES if int(length.max(initial=0)) > CLASSIC_BYTES else CLASSIC_BYTES
    is_used = np.arange(width) < length[:, None]
    return Frames(
        can_id=(frames["can_id"] & ~np.uint32(EXTENDED)),
        is_extended=frames["can_id"] & EXTENDED != 0,
        time_ns=time_ns,
        channel=np.zeros(len(frames), np.uint8),
        length=length.copy(),
        data=np.where(is_used, frames["data"][:, :width], 0).astype(np.uint8),
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
