"""NGI N83624, a simulator of 24 battery cells, as the cells at the board's BMS.

Source: N83624 Series Programming Guide SCPI Protocol, V20240130: 4 (TCP port 7000), 5.2 (lists of channels, answers in
their order), 6.1, 6.3 (:ONOFF, :MODE, :STATe? and its bits), 6.4 (volts and milliamperes), 6.10 (relays that open a
wire, an option), 7.1 (the order of a start). It documents no way to ask for errors, so what was set is read back, and
each channel's protections are asked for. A wire that is open is the relay's where there is one; else the channel is
switched off, which is no open wire to a BMS that finds those by a test current.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Sequence

from packseal_hil.drivers.scpi import ANSWER_S, ScpiLine
from packseal_hil.protocols import BenchError
from packseal_hil.readings import PackReading
from packseal_hil.rig import NgiN83624Table

MAKER, MODEL = "NGI", "N83624"
MAX_MV = 6000
SAME_MV = 1  # it answers in volts with three to five digits
IS_ON = 1  # bit 0 of a state
PROTECTIONS = {1: "over-voltage", 2: "over-current", 3: "over-power", 4: "over-temperature", 5: "relay", 6: "mode"}
NORMAL, OPEN_POSITIVE = 0, 1  # of FAULt:SIMUlate
NO_VOLTS = 0.01  # 6.10: relays are to be switched without voltage
SETTLE_S, _LOOK_S = 5.0, 0.1  # how long they may fall, and how often that is looked at
_SETTINGS_A_LINE = 8  # joined as in 5.2.2; how long a line its buffer takes is not said


class NgiN83624:
    """A CellSimulator."""

    def __init__(self, table: NgiN83624Table, timeout_s: float = ANSWER_S, settle_s: float = SETTLE_S) -> None:
        """All its channels off until the first `show`. Raises BenchError."""
        self.cell_blocks = table.cell_blocks
        self._first, self._has_relays = table.first_channel, table.has_fault_relays
        self._channels = range(self._first, self._first + self.cell_blocks)
        self._settle_s = settle_s
        self._line = ScpiLine("the cell simulator", table.address, error_query="", timeout_s=timeout_s)
        self._shown_mv: dict[int, int] = {}
        self._on: frozenset[int] = frozenset()
        self._open: frozenset[int] = frozenset()
        try:
            self.identity = self._line.identify(MAKER, MODEL)
            self._start(table.current_limit_ma)
        except BenchError:
            self._line.close()
            raise

    def show(self, reading: PackReading) -> None:
        """Raises BenchError, also where a channel does not hold what it was set to."""
        if len(reading.cell_mv) != self.cell_blocks:
            has = f"cell_simulator in rig.toml {self.cell_blocks}"
            raise BenchError(f"the pack has {len(reading.cell_mv)} cell blocks, {has}")
        self._set_voltages([int(mv) for mv in reading.cell_mv])
        is_open = {self._first + block for block in reading.open_wires}
        self._switch(frozenset(channel for channel in self._channels if channel not in is_open))
        self._check_states()

    def close(self) -> None:
        """Switches its channels off first: cells that nobody simulates any more are no cells."""
        try:
            self._line.command(f"OUTP:ONOFF 0{_listed(self._channels)}")
        finally:
            self._line.close()

    def _start(self, limit_ma: int) -> None:
        every = _listed(self._channels)
        limit = f"SOUR:OUTCURR {limit_ma}{every}"
        self._line.command(f"OUTP:ONOFF 0{every}", f"OUTP:MODE 0{every}", limit, f"SOUR:RANG 3{every}")
        self._set_relays(self._channels, NORMAL)
        self._check_states()

    def _set_voltages(self, cell_mv: Sequence[int]) -> None:
        wrong = [block for block, mv in enumerate(cell_mv) if not 0 <= mv <= MAX_MV]
        if wrong:
            raise BenchError(f"cell block {wrong[0]}: {cell_mv[wrong[0]]} mV; the cell simulator has 0 to {MAX_MV}")
        wanted = dict(zip(self._channels, cell_mv, strict=True))
        changed = [channel for channel, mv in wanted.items() if self._shown_mv.get(channel) != mv]
        if not changed:
            return
        settings = [f"SOUR{channel}:VOLT {wanted[channel] / 1000:.3f}" for channel in changed]
        starts = range(0, len(settings), _SETTINGS_A_LINE)
        self._shown_mv = {}  # until it has said that it holds them
        self._line.command(*(";:".join(settings[start : start + _SETTINGS_A_LINE]) for start in starts))
        held = [round(1000 * volts) for volts in self._numbers("SOUR:VOLT?", self._channels)]
        for channel, mv in zip(self._channels, held, strict=True):
            if abs(mv - wanted[channel]) > SAME_MV:
                raise BenchError(f"channel {channel} of the cell simulator was set to {wanted[channel]} mV, has {mv}")
        self._shown_mv = wanted

    def _switch(self, on: frozenset[int]) -> None:
        opened, closed = sorted(set(self._channels) - on - self._open), sorted(on - self._on)
        if opened:
            self._line.command(f"OUTP:ONOFF 0{_listed(opened)}")
            self._set_relays(opened, OPEN_POSITIVE)
        if closed:
            self._set_relays([channel for channel in closed if channel in self._open], NORMAL)
            self._line.command(f"OUTP:ONOFF 1{_listed(closed)}")
        self._on, self._open = on, frozenset(self._channels) - on

    def _set_relays(self, channels: Sequence[int], state: int) -> None:
        if not (self._has_relays and channels):
            return
        deadline_s = time.monotonic() + self._settle_s
        while max(self._numbers("MEAS:VOLT?", channels)) > NO_VOLTS:
            if time.monotonic() > deadline_s:
                which = f"channels {', '.join(map(str, channels))} of the cell simulator"
                raise BenchError(f"{which} keep their voltage when off; find out what feeds them")
            threading.Event().wait(_LOOK_S)
        self._line.command(f"FAUL:SIMU {state}{_listed(channels)}")

    def _check_states(self) -> None:
        for channel, number in zip(self._channels, self._numbers("OUTP:STAT?", self._channels), strict=True):
            state = int(number)
            tripped = [words for bit, words in PROTECTIONS.items() if state >> bit & 1]
            if tripped:
                raise BenchError(f"channel {channel} of the cell simulator: protection tripped ({', '.join(tripped)})")
            if (state & IS_ON) != (channel in self._on):
                found = "on" if state & IS_ON else "off"
                raise BenchError(f"channel {channel} of the cell simulator is {found} by itself; who else uses it?")

    def _numbers(self, question: str, channels: Sequence[int]) -> list[float]:
        said = self._line.query(f"{question}{_listed(channels)}")
        try:
            numbers = [float(part) for part in said.split(",")]
        except ValueError:
            numbers = []
        if len(numbers) != len(channels) or not all(map(math.isfinite, numbers)):
            asked = f"{question!r} for {len(channels)} channels"
            raise BenchError(f"the cell simulator answered {asked} with {said[:200]!r}; check its firmware's version")
        return numbers


def _listed(channels: Iterable[int]) -> str:
    return f"(@{','.join(map(str, channels))})"
