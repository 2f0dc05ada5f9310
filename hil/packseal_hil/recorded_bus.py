"""A bus of the rig whose frames are written into a recording, and the one that says them again."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from packseal.frames import Frames
from packseal_hil.protocols import Bus
from packseal_hil.recording import Journal, frames_rows


class JournaledBus:
    """A Bus (protocols.py)."""

    def __init__(self, name: str, bus: Bus, journal: Journal) -> None:
        self._name, self._bus, self._journal = name, bus, journal

    def send(self, frames: Frames) -> None:
        self._bus.send(frames)

    def received(self) -> Frames:
        frames = self._bus.received()
        self._journal.line("frames", bus=self._name, rows=frames_rows(frames))
        return frames

    def counters(self) -> dict[str, int]:
        return self._bus.counters()

    def problem(self) -> str:
        return self._bus.problem()

    def close(self) -> None:
        self._bus.close()


class ReplayedBus:
    """A Bus with what was received, answer by answer. What a test sends goes nowhere: what came of it is recorded."""

    def __init__(self, answers: deque[Frames], counters: Mapping[str, int], problem: str) -> None:
        self._answers, self._counters, self._problem = answers, dict(counters), problem

    def send(self, frames: Frames) -> None:
        """Nowhere."""

    def received(self) -> Frames:
        return self._answers.popleft() if self._answers else Frames.empty()

    def counters(self) -> dict[str, int]:
        """Those of the end of the test."""
        return dict(self._counters)

    def problem(self) -> str:
        return self._problem

    def close(self) -> None:
        """There is nothing to close."""
