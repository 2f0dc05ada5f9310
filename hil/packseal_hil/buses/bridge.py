"""Joins two buses of the bench: what is heard on one is sent on the other.

With a FaultyBus at one end it stands for a CAN adapter: behind it a driver or a kernel's interface, on which whoever is
tested listens, before it the bus with its trouble.
"""

from __future__ import annotations

import threading

from packseal_hil.protocols import BenchError, Bus

TURN_S = 0.001


class Bridge:
    """carried: frames, both ways; refused: how often a bus did not take what the other had, and why_refused the last
    time. Both buses stay the caller's to close."""

    def __init__(self, one: Bus, other: Bus) -> None:
        self.carried = self.refused = 0
        self.why_refused = ""
        self._ways = ((one, other), (other, one))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="can bridge", daemon=True)
        self._thread.start()

    def problem(self) -> str:
        return f"{self.refused} times not carried: {self.why_refused}" if self.refused else ""

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stopping.wait(TURN_S):
            for source, sink in self._ways:
                self._carry(source, sink)

    def _carry(self, source: Bus, sink: Bus) -> None:
        try:
            frames = source.received()
            if len(frames):
                sink.send(frames)
                self.carried += len(frames)
        except BenchError as error:
            self.refused += 1
            self.why_refused = str(error)
