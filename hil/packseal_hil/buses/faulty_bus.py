"""A bus with trouble on it, between the bench and the driver of the real or emulated one.

Stands for one controller on the bus: what it cannot send it sends again, what is destroyed on its way to it comes
again, and its counters move as those of a real one do (controller.py), so that what a driver, a gateway or a board
counts can be held against them. Trouble: a short of the two wires, frames destroyed by chance, a node that babbles
with the highest priority. What it says of itself goes to `told`, as SocketCAN's error frames.

What it cannot say: when within a frame something happens, and what other nodes' controllers count. A destroyed frame
passes no driver, for no driver sends half of one; it takes its time of the bus all the same.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import numpy as np

from packseal.frames import Frames
from packseal.frames.frames import CLASSIC_BYTES
from packseal_hil.buses.controller import OFF_FROM, RECOVERY_BITS, Controller, State
from packseal_hil.buses.error_frames import ErrorFrame, destroyed, restarted, state_changed
from packseal_hil.protocols import BenchError, Bus

BITRATE = 500_000
BABBLE_ID = 0  # wins against everyone
MAX_BABBLE = 4_096  # frames at once, as a driver's queue holds some; more while nobody looked is counted as missed
BURST_S = 0.1  # of a free bus that may be used at once
_HEAD_BITS, _HEAD_BITS_EXTENDED = 47, 67  # ISO 11898-1: all but data and stuffing, with the space between frames
_STUFFED, _STUFFED_EXTENDED = 34, 54  # bits of those in which a stuff bit may stand behind each fourth
_ERROR_BITS = 23  # flags of all nodes, delimiter and space, as long as they usually are


class FaultyBus:
    """A Bus (protocols.py), from any thread; `told` is called in that of who sends, receives or changes the trouble."""

    def __init__(
        self,
        bus: Bus,
        *,
        bitrate: int = BITRATE,
        seed: int = 0,
        told: Callable[[ErrorFrame], None] | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """now_ns: a clock that goes on."""
        self._bus, self._bitrate, self._told, self._now_ns = bus, bitrate, told, now_ns
        self._chance = random.Random(seed)  # noqa: S311 - a fault that can be had again, no secret
        self._lock = threading.RLock()
        self.controller = Controller()
        self._state = State.ACTIVE
        self._is_shorted, self._errors_percent, self._babble_per_s = False, 0.0, 0.0
        self._free_from_ns = self._last_ns = now_ns()
        self._babble_due = self._room_bits = 0.0
        self._babble_unread = 0
        self._counts = dict.fromkeys(
            ("frames_destroyed", "frames_unsent", "frames_unheard", "frames_babbled", "babble_missed", "error_frames"),
            0,
        )

    # trouble

    def short(self, is_shorted: bool) -> None:
        """The wires touch: the frame that the controller has under way fails until it is off. It comes back when the
        wires are apart and it has seen that the bus is idle for RECOVERY_BITS."""
        with self._lock:
            self._turn()
            self._is_shorted = is_shorted
            self._free_from_ns = self._now_ns()
            while is_shorted and not self.controller.is_off:
                self._fail(is_ours=True)

    def disturb(self, errors_percent: float) -> None:
        """So many of a hundred frames are destroyed, 0 for none. Raises ValueError for a part that is none."""
        if not 0 <= errors_percent <= 100:
            raise ValueError(f"of a hundred frames 0 to 100 are destroyed, not {errors_percent:g}")
        with self._lock:
            self._turn()
            self._errors_percent = errors_percent

    def babble(self, frames_per_s: float) -> None:
        """Another node sends so much, 0 for nothing. Raises ValueError for less."""
        if not 0 <= frames_per_s <= self._bitrate:
            raise ValueError(f"a node sends 0 to {self._bitrate} frames a second, not {frames_per_s:g}")
        with self._lock:
            self._turn()
            self._babble_per_s, self._babble_due = frames_per_s, 0.0
            self._room_bits = min(self._room_bits, BURST_S * self._free_bits_per_s())  # what was free before is not

    # a Bus

    def send(self, frames: Frames) -> None:
        """Raises BenchError, naming how many were not sent, where the controller is off, and where a babbling node
        leaves no room."""
        with self._lock:
            self._turn()
            rows = [row for row in range(len(frames)) if self._has_sent(frames, row)]
            self._counts["frames_unsent"] += len(frames) - len(rows)
            if rows:
                self._bus.send(frames.select(np.array(rows, np.intp)))
            if len(rows) < len(frames):
                raise BenchError(f"{len(frames) - len(rows)} of {len(frames)} frames not sent: {self._why()}")

    def received(self) -> Frames:
        with self._lock:
            self._turn()
            heard, self._babble_unread = self._babble_unread, 0
            frames = Frames.concatenate([self._bus.received(), _babble(heard, self._last_ns)])
            rows = [row for row in range(len(frames)) if self._has_heard_one()]
            self._counts["frames_unheard"] += len(frames) - len(rows)
            return frames.select(np.array(rows, np.intp))

    def counters(self) -> dict[str, int]:
        """The driver's, and of the controller: transmit_errors, receive_errors, bus_offs, state."""
        with self._lock:
            self._turn()
            own = {
                "transmit_errors": self.controller.transmit_errors,
                "receive_errors": self.controller.receive_errors,
                "bus_offs": self.controller.bus_offs,
                "state": int(self.controller.state),
            }
            drivers = self._bus.counters()
            errors = drivers.get("error_frames", 0) + self._counts["error_frames"]
            return drivers | self._counts | own | {"error_frames": errors}

    def problem(self) -> str:
        with self._lock:
            self._turn()
            if self.controller.is_off:
                return "the controller is off the bus"
            missed = self._counts["frames_unsent"] + self._counts["frames_unheard"]
            return self._bus.problem() or (f"{missed} frames not sent or not heard" if missed else "")

    def close(self) -> None:
        self._bus.close()

    # what time brings

    def _turn(self) -> None:
        now_ns = self._now_ns()
        elapsed_s, self._last_ns = (now_ns - self._last_ns) / 1e9, now_ns
        self._room_bits = min(self._room_bits + elapsed_s * self._free_bits_per_s(), BURST_S * self._bitrate)
        self._recover(now_ns)
        self._babble_on(elapsed_s)

    def _recover(self, now_ns: int) -> None:
        idle_bits = (now_ns - self._free_from_ns) * self._free_bits_per_s() / 1e9
        if self.controller.is_off and not self._is_shorted and idle_bits >= RECOVERY_BITS:
            self.controller.recovered()
            self._tell(restarted(self.controller))
            self._state = State.ACTIVE

    def _babble_on(self, elapsed_s: float) -> None:
        if not self._babble_per_s or self._is_shorted:
            return
        fits_per_s = self._bitrate / frame_bits(is_extended=False, length=CLASSIC_BYTES)
        self._babble_due += elapsed_s * min(self._babble_per_s, fits_per_s)
        due = int(self._babble_due)
        self._babble_due -= due
        count = min(due, MAX_BABBLE)
        self._counts["babble_missed"] += due - count
        if count:
            self._bus.send(_babble(count, self._last_ns))
            self._counts["frames_babbled"] += count
            self._babble_unread = min(self._babble_unread + count, MAX_BABBLE)

    def _free_bits_per_s(self) -> float:
        babbled = self._babble_per_s * frame_bits(is_extended=False, length=CLASSIC_BYTES)
        return max(self._bitrate - babbled, 0.0)

    # frame by frame

    def _has_sent(self, frames: Frames, row: int) -> bool:
        """A controller repeats a frame until it has gone, or is off (ISO 11898-1, automatic retransmission)."""
        while not self.controller.is_off and self._has_room(frames, row):
            if not self._is_destroyed():
                self.controller.sent()
                self._note_state()
                return True
            self._fail(is_ours=True)
        return False

    def _has_heard_one(self) -> bool:
        """Its sender repeats it, as often as it may before it is off itself."""
        if self._is_shorted or self.controller.is_off:
            return False
        for _ in range(OFF_FROM // 8):
            if not self._is_destroyed():
                self.controller.received()
                self._note_state()
                return True
            self._fail(is_ours=False)
        return False

    def _is_destroyed(self) -> bool:
        return self._chance.random() * 100 < self._errors_percent

    def _has_room(self, frames: Frames, row: int) -> bool:
        """Where nobody babbles the driver's own bus says what fits."""
        if not self._babble_per_s:
            return True
        bits = frame_bits(is_extended=bool(frames.is_extended[row]), length=int(frames.length[row]))
        if bits > self._room_bits:
            return False
        self._room_bits -= bits
        return True

    def _fail(self, *, is_ours: bool) -> None:
        self._counts["frames_destroyed"] += 1
        self._room_bits -= _ERROR_BITS
        if is_ours:
            self.controller.send_failed()
        else:
            self.controller.receive_failed()
        self._tell(destroyed(self.controller, is_ours=is_ours))
        self._note_state()

    def _note_state(self) -> None:
        if self.controller.state is not self._state:
            self._state = self.controller.state
            if self.controller.is_off:
                self._free_from_ns = self._now_ns()
            self._tell(state_changed(self.controller))

    def _tell(self, error: ErrorFrame) -> None:
        self._counts["error_frames"] += 1
        if self._told:
            self._told(error)

    def _why(self) -> str:
        if self.controller.is_off:
            return "the controller is off the bus; look for a short, a wrong bit rate or a missing terminator"
        return "another node leaves no room; look for one that babbles"


def frame_bits(*, is_extended: bool, length: int) -> int:
    """The longest that a classic frame can be on the bus, with every stuff bit that there can be."""
    head, stuffed = (_HEAD_BITS_EXTENDED, _STUFFED_EXTENDED) if is_extended else (_HEAD_BITS, _STUFFED)
    return head + 8 * length + (stuffed + 8 * length - 1) // 4


def _babble(count: int, time_ns: int) -> Frames:
    return Frames(
        can_id=np.full(count, BABBLE_ID, np.uint32),
        is_extended=np.zeros(count, np.bool_),
        time_ns=np.full(count, time_ns, np.int64),
        channel=np.zeros(count, np.uint8),
        length=np.full(count, CLASSIC_BYTES, np.uint8),
        data=np.zeros((count, CLASSIC_BYTES), np.uint8),
    )
