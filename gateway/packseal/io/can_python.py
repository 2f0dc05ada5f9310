"""Every other adapter, by python-can's own drivers."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from packseal.errors import ConfigError
from packseal.frames import Frames
from packseal.frames.frames import CLASSIC_BYTES, FD_BYTES
from packseal.io.can_receiver import (
    COLLECT_S,
    CONTROLLER_PROBLEM,
    RECEIVE_OVERFLOW,
    Received,
    StampClock,
    check_may_send,
)
from packseal.io.python_can import can

OpenBus = Callable[[], can.BusABC]


def opener(interface: str, channel: str, bitrate: int | None) -> OpenBus:
    """Opens this bus, by nothing but these settings. Raises ConfigError for an interface that python-can lacks."""
    if interface not in can.VALID_INTERFACES:
        near = difflib.get_close_matches(interface, can.VALID_INTERFACES, 1)
        known = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(can.VALID_INTERFACES))}"
        raise ConfigError(f"[[can]] interface {interface!r}: no such interface; {known}")
    options: dict[str, Any] = {} if bitrate is None else {"bitrate": bitrate}
    return lambda: can.Bus(channel, interface, ignore_config=True, **options)


class PythonCanReceiver:
    """A bus that python-can has opened; it is closed with this. Raises what the driver raises.

    It takes no filters: python-can's would keep error frames away, too, and with them what was lost.
    """

    def __init__(self, bus: can.BusABC, may_send: bool = False) -> None:
        self._bus, self._may_send = bus, may_send
        self._failure: Exception | None = None
        self._clock = StampClock()

    def receive(self, timeout_s: float) -> Received:
        if self._failure:
            raise self._failure
        message = self._bus.recv(timeout_s)
        until_ns = time.monotonic_ns()
        if message is None:
            return Received(Frames.empty(), until_ns)
        heard = [(message, until_ns), *self._collected(until_ns)]
        errors = [one for one, _ in heard if one.is_error_frame]
        remote_frames = sum(one.is_remote_frame and not one.is_error_frame for one, _ in heard)
        data = [(one, arrived_ns) for one, arrived_ns in heard if not (one.is_error_frame or one.is_remote_frame)]
        messages = [one for one, _ in data]
        times_ns = self._times(messages, np.array([arrived_ns for _, arrived_ns in data], np.int64))
        lost = sum(map(_is_overflow, errors))
        return Received(frames_of(messages, times_ns), heard[-1][1], remote_frames, len(errors), lost)

    def _collected(self, since_ns: int) -> Iterator[tuple[can.Message, int]]:
        """What else comes within COLLECT_S, and when each came."""
        now_ns, deadline_ns = since_ns, since_ns + int(COLLECT_S * 1e9)
        while now_ns < deadline_ns:
            try:
                message = self._bus.recv((deadline_ns - now_ns) / 1e9)
            except Exception as error:  # whatever a driver raises; what came before it is not lost
                self._failure = error
                return
            if message is None:
                return
            now_ns = time.monotonic_ns()
            yield message, now_ns

    def _times(self, messages: Sequence[can.Message], arrived_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """By the stamps of the driver, where it gives any."""
        stamps = np.array([round(message.timestamp * 1e9) for message in messages], np.int64)
        return self._clock.monotonic(stamps, arrived_ns) if len(stamps) and stamps.all() else arrived_ns

    def send(self, can_id: int, data: bytes, is_extended: bool) -> None:
        check_may_send(self._may_send)
        is_fd = len(data) > CLASSIC_BYTES
        self._bus.send(can.Message(arbitration_id=can_id, data=data, is_extended_id=is_extended, is_fd=is_fd))

    def close(self) -> None:
        self._bus.shutdown()


def _is_overflow(message: can.Message) -> bool:
    """The controller had no room: one frame at least is lost."""
    problem = bytes(message.data)[1:2]
    return bool(message.arbitration_id & CONTROLLER_PROBLEM and problem and problem[0] & RECEIVE_OVERFLOW)


def frames_of(messages: Sequence[can.Message], times_ns: npt.ArrayLike) -> Frames:
    """Data frames as arrays; times_ns: when each was received."""
    n = len(messages)
    width = FD_BYTES if any(len(message.data) > CLASSIC_BYTES for message in messages) else CLASSIC_BYTES
    data = b"".join(bytes(message.data).ljust(width, b"\x00") for message in messages)
    return Frames(
        can_id=np.fromiter((message.arbitration_id for message in messages), np.uint32, n),
        is_extended=np.fromiter((message.is_extended_id for message in messages), np.bool_, n),
        time_ns=np.asarray(times_ns, np.int64),
        channel=np.zeros(n, np.uint8),
        length=np.fromiter((len(message.data) for message in messages), np.uint8, n),
        data=np.frombuffer(data, np.uint8).reshape(n, width),
    )
