"""A BMS on a CAN bus of the bench: a thread that broadcasts what was shown last. A CellSimulator.

Time is the wall's, as on every bus: what moves fast goes out every 100 ms, all else once a second. A bus that takes
nothing any more stops it from nothing but being heard; the next `show` says so, once.
"""

from __future__ import annotations

import dataclasses
import threading

from packseal_hil.bms.can_frames import CELLS_1, said_of, to_frames
from packseal_hil.protocols import BenchError, Bus
from packseal_hil.readings import PackReading

TURN_S = 0.1
_TURNS = 10  # in which each slow message goes out once
_END_S = 5


class CanBms:
    """`sent` counts frames. The bus stays the caller's to close."""

    def __init__(self, bus: Bus, cell_blocks: int, strings: int = 1, dialect: str = CELLS_1) -> None:
        self.cell_blocks = cell_blocks
        self.sent = 0
        self._bus, self._strings, self._dialect = bus, strings, dialect
        self._reading: PackReading | None = None
        self._is_new_claimed = self._is_silent = False
        self._failure = ""
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._broadcast, name="can bms", daemon=True)
        self._thread.start()

    def show(self, reading: PackReading) -> None:
        """Raises BenchError for what a bus has refused since the last time, and ValueError for a dialect there is
        not; the reading counts all the same."""
        said_of(self._dialect, reading, self._strings)
        self._reading = reading
        failure, self._failure = self._failure, ""
        if failure:
            raise BenchError(failure)

    def speak(self, dialect: str) -> None:
        """Another version of its DBC from now on (can_frames.py)."""
        if self._reading:
            said_of(dialect, self._reading, self._strings)
        self._dialect = dialect

    def reset(self) -> None:
        """It loses its memory, and takes the pack for new."""
        self._is_new_claimed = True

    def set_silent(self, is_silent: bool) -> None:
        self._is_silent = is_silent

    def close(self) -> None:
        self._ends.set()
        self._thread.join(_END_S)

    def _broadcast(self) -> None:
        turn = 0
        while not self._ends.wait(TURN_S):
            reading = self._reading
            if reading is not None and not self._is_silent:
                self._say(reading, turn)
            turn = (turn + 1) % _TURNS

    def _say(self, reading: PackReading, turn: int) -> None:
        if self._is_new_claimed:
            reading = dataclasses.replace(reading, soh_reported_cpct=10_000)
        said = said_of(self._dialect, reading, self._strings)
        frames = to_frames([*said.fast, *said.slow[turn::_TURNS]])
        if not len(frames):
            return
        try:
            self._bus.send(frames)
            self.sent += len(frames)
        except BenchError as error:
            self._failure = str(error)
