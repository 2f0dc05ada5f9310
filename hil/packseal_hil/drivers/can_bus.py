"""A CAN bus of the bench, by the product's own ways to one (packseal.io.can_bus): SocketCAN, slcan, every adapter that
python-can knows, and its virtual one for buses within this process.

Stamps of the adapter, what it lost and how often it went away come along from there. Decides only that a bus which
cannot be opened says so at once, instead of being tried for ever as a gateway does.
"""

from __future__ import annotations

import threading

from packseal.errors import ConfigError
from packseal.frames import Frames
from packseal.io.can_bus import CanBus, OpenReceiver, receiver_opener
from packseal.io.can_receiver import Receiver
from packseal_hil.protocols import BenchError
from packseal_hil.rig import PythonCanTable, SimulatedCanTable
from packseal_hil.targets.target import CAN_BITRATE

OPEN_S = 10.0
CONNECTED = "connected"


class BenchBus:
    def __init__(self, table: PythonCanTable | SimulatedCanTable, bms_port: str = "") -> None:
        """bms_port: of the target, for an slcan line without a channel. Raises BenchError when it cannot be opened."""
        self._name, self._sent = table.name, 0
        self._receiver: Receiver | None = None
        self._state = f"its driver has not answered in {OPEN_S:g} s"
        self._has_state = threading.Event()
        try:
            self._open = _opener(table, bms_port)
        except ConfigError as error:
            raise BenchError(f"{self._words()}: {error}; correct rig.toml") from None
        self._bus = CanBus(table.name, self._opened, self._on_state)
        self._bus.start()
        self._await_first_state()

    def send(self, frames: Frames) -> None:
        """In their order, as fast as the bus takes them. Raises BenchError for the first that it does not take."""
        if self._receiver is None or self._state != CONNECTED:
            raise BenchError(f"{self._words()}: {self._state}; check the adapter and its cable")
        lengths = frames.length.tolist()
        rows = zip(frames.can_id.tolist(), frames.is_extended.tolist(), lengths, frames.data, strict=True)
        for can_id, is_extended, length, data in rows:
            try:
                self._receiver.send(can_id, data[:length].tobytes(), is_extended)
            except Exception as error:  # drivers raise what they like
                raise BenchError(f"{self._words()}: {error}; check that another node acknowledges") from None
            self._sent += 1

    def received(self) -> Frames:
        """Since the last call. time_ns: of this machine's monotonic clock."""
        parts = []
        while not self._bus.batches.empty():
            parts.append(self._bus.batches.get()[0])
        return Frames.concatenate(parts)

    def counters(self) -> dict[str, int]:
        counts = self._bus.counts
        return {
            "frames_received": counts.frames_received,
            "frames_sent": self._sent,
            "frames_lost": counts.frames_lost,
            "frames_unread": counts.frames_unread,
            "error_frames": counts.error_frames,
            "reopened": counts.reopened,
        }

    def problem(self) -> str:
        if self._state != CONNECTED:
            return self._state
        lost = self._bus.counts.frames_lost
        return f"{lost} frames lost" if lost else ""

    def close(self) -> None:
        self._bus.stop()

    def _opened(self) -> Receiver:
        self._receiver = self._open()
        return self._receiver

    def _on_state(self, state: str) -> None:
        self._state = state
        self._has_state.set()

    def _await_first_state(self) -> None:
        self._has_state.wait(OPEN_S)
        if self._state != CONNECTED:
            self.close()
            raise BenchError(
                f"{self._words()}: {self._state}; check interface and channel in rig.toml, and the adapter"
            )

    def _words(self) -> str:
        return f"bus {self._name!r}"


def _opener(table: PythonCanTable | SimulatedCanTable, bms_port: str) -> OpenReceiver:
    if isinstance(table, SimulatedCanTable):
        return receiver_opener("virtual", table.channel, None, may_send=True)
    channel = table.channel or bms_port
    if not channel:
        raise ConfigError("it has no channel, and the target no line to its BMS")
    bitrate = table.bitrate if table.channel else CAN_BITRATE
    return receiver_opener(table.interface, channel, bitrate, may_send=True)
