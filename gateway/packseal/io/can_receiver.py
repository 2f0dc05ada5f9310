"""What every way to a CAN bus offers, and the one clock that all their frames are told by."""

from __future__ import annotations

import time
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from packseal.errors import ConfigError
from packseal.frames import Frames

COLLECT_S = 0.1  # from the first frame of a wake on: making arrays costs the same for one frame and for hundreds
EMPTY_S = 0.01  # so often a line's or a socket's buffer is emptied meanwhile; small ones hold no more of a full bus
CONTROLLER_PROBLEM, RECEIVE_OVERFLOW = 0x04, 0x01  # CAN_ERR_CRTL, CAN_ERR_CRTL_RX_OVERFLOW (linux/can/error.h)
RESET_NS = 1_000_000_000
HELD_UP_NS, READINGS = 100_000, 5
MAX_DRIFT_PPM = 200  # of an adapter's clock against ours; quartz keeps to 100


class Received(NamedTuple):
    """What one wake brought.

    frames         data frames; time_ns on this machine's monotonic clock
    until_ns       of that clock: every frame before it has been received
    remote_frames  frames that ask and carry no data
    error_frames   what the controller says of itself and of the bus
    frames_lost    since the last wake, as far as kernel, adapter and line say
    """

    frames: Frames
    until_ns: int
    remote_frames: int = 0
    error_frames: int = 0
    frames_lost: int = 0


class Receiver(Protocol):
    """An open bus. Every method raises OSError, or what a driver raises, when the bus is gone; `receive` not before it
    has given what had come until then."""

    def receive(self, timeout_s: float) -> Received:
        """Waits so long for a first frame, and COLLECT_S more for others."""

    def send(self, can_id: int, data: bytes, is_extended: bool) -> None:
        """Raises ConfigError on a bus that was opened to listen only, ValueError for data that do not fit a frame."""

    def close(self) -> None: ...


def check_may_send(may_send: bool) -> None:
    """Raises ConfigError. A logger does not talk on a bus unless it was told to."""
    if not may_send:
        raise ConfigError("this bus was opened to listen only; say in `transmit` what may be sent on it")


class BothClocks(NamedTuple):
    """offset_ns: what is to be added to the wall clock's time for that of the monotonic clock, which is now_ns."""

    offset_ns: int
    now_ns: int


def both_clocks() -> BothClocks:
    """Read again where the thread was held up between the two, which happens once in a thousand times."""
    for _ in range(READINGS):
        before_ns, wall_ns, after_ns = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        if after_ns - before_ns < HELD_UP_NS:
            break
    return BothClocks((before_ns + after_ns) // 2 - wall_ns, after_ns)


class StampClock:
    """Times that an adapter gave, on this machine's monotonic clock.

    Whatever their zero is, the frame that took the shortest way says best what that is: the least difference between
    arrival and stamp. It may drift slowly; a difference that is suddenly a second larger means that a clock was set.
    """

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._last_ns = 0

    def monotonic(self, stamps_ns: npt.NDArray[np.int64], arrived_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """int64 [n], none later than it arrived. Both: int64 [n], not empty, in the order of arrival."""
        latest, now_ns = int((arrived_ns - stamps_ns).min()), int(arrived_ns[-1])
        if self._offset_ns is None or not self._offset_ns <= latest < self._offset_ns + RESET_NS:
            self._offset_ns = latest
        else:
            drift_ns = (now_ns - self._last_ns) * MAX_DRIFT_PPM // 1_000_000
            self._offset_ns += min(latest - self._offset_ns, drift_ns)
        self._last_ns = now_ns
        return stamps_ns + self._offset_ns


class FrameFilter(NamedTuple):
    """Frames whose identifier is can_id in the bits of mask."""

    can_id: int
    mask: int
    is_extended: bool
