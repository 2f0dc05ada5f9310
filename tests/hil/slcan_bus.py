"""A Bus of the bench over python-can's slcan, at the pseudo-terminal of a board: as a driver of the rig is."""

from __future__ import annotations

import can

from packseal.frames.frames import Frames
from packseal_hil.protocols import BenchError


class SlcanBus:
    def __init__(self, port: str, bitrate: int) -> None:
        self._bus = can.Bus(interface="slcan", channel=port, bitrate=bitrate, sleep_after_open=0)
        self.sent = 0
        self.is_broken = False

    def send(self, frames: Frames) -> None:
        if self.is_broken:
            raise BenchError("the bus is off; check termination and bit rate")
        for row in range(len(frames)):
            content = bytes(frames.data[row, : frames.length[row]])
            is_extended = bool(frames.is_extended[row])
            self._bus.send(
                can.Message(arbitration_id=int(frames.can_id[row]), is_extended_id=is_extended, data=content)
            )
            self.sent += 1

    def received(self) -> Frames:
        return Frames.empty()

    def counters(self) -> dict[str, int]:
        return {"sent": self.sent}

    def problem(self) -> str:
        return ""

    def close(self) -> None:
        self._bus.shutdown()


class Recorder:
    """A Bus that keeps what it was sent."""

    def __init__(self) -> None:
        self.parts: list[Frames] = []
        self.is_broken = False

    def send(self, frames: Frames) -> None:
        if self.is_broken:
            raise BenchError("the bus is off; check termination and bit rate")
        self.parts.append(frames)

    def ids(self) -> list[int]:
        return [can_id for part in self.parts for can_id in part.can_id.tolist()]

    def received(self) -> Frames:
        return Frames.empty()

    def counters(self) -> dict[str, int]:
        return {}

    def problem(self) -> str:
        return ""

    def close(self) -> None:
        """Nothing is open."""
