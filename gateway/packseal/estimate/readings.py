"""WINDOW entries -> readings: numbers in arrays, and how much charge flowed since the reading before.

Decides what belongs together. Charge is taken from the board's counters, which count every sample and go on where
windows are lost; without them it is mean current times time. Over a restart, or a gap that no counter spans, the flow
is not known, and what rests on it starts again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from packseal.records.bodies import Window
from packseal.records.entries import Entry

F64 = npt.NDArray[np.float64]

MS_PER_H = 3_600_000
MOST_COUNTED_GAP_MS = 7 * 24 * MS_PER_H  # beyond a week, what the pack lost by itself is no longer small


@dataclass(slots=True)
class Reading:
    """One window. `cells` [blocks] in mV, NaN where not available; flow_mah NaN where not known."""

    seq: int
    uptime_ms: int
    duration_ms: int
    gap_ms: int  # between the window before and this one; 0 when they meet
    is_next: bool  # meets the reading before: same start of the board, no window between
    current_ma: float  # NaN where not available
    spread_ma: float
    cells: F64
    celsius: float  # NaN where not available
    flow_mah: float
    soc_claim_cpct: int | None
    soh_claim_cpct: int | None
    bms_resets: int | None


@dataclass(slots=True)
class Reader:
    """Remembers of the window before what the next one is compared with."""

    blocks: int
    boot: int = 0
    uptime_ms: int = 0
    net_mah: int | None = None
    other_blocks: int = 0  # windows in a row with another number of cell blocks

    def read(self, entry: Entry, window: Window) -> Reading | None:
        """None where the window is not of this pack's shape."""
        if len(window.cell_mv) != self.blocks:
            self.other_blocks += 1
            return None
        self.other_blocks = 0
        same_boot = entry.boot == self.boot
        gap_ms = max(entry.uptime_ms - window.duration_ms - self.uptime_ms, 0)
        is_next = same_boot and 2 * gap_ms <= window.duration_ms
        current = window.pack_current_ma
        current_ma = float(current.mean) if current else np.nan
        net_mah = window.counters[0] - window.counters[1] if window.counters else None
        flow_mah = self._flow(net_mah, current_ma, window.duration_ms, gap_ms, is_next, same_boot)
        self.boot, self.uptime_ms, self.net_mah = entry.boot, entry.uptime_ms, net_mah
        return Reading(
            entry.seq,
            entry.uptime_ms,
            window.duration_ms,
            gap_ms,
            is_next,
            current_ma,
            float(current.maximum - current.minimum) if current else np.nan,
            _cells(window.cell_mv),
            _mean_celsius(window.temperature_ddegc),
            flow_mah,
            window.soc_reported_cpct,
            window.soh_reported_cpct,
            window.counter("bms_resets") if window.counters and len(window.counters) > 11 else None,
        )

    def _flow(
        self, net_mah: int | None, current_ma: float, duration_ms: int, gap_ms: int, is_next: bool, same_boot: bool
    ) -> float:
        if not same_boot:
            return np.nan
        if net_mah is not None and self.net_mah is not None and gap_ms <= MOST_COUNTED_GAP_MS:
            return float(net_mah - self.net_mah)
        return current_ma * duration_ms / MS_PER_H if is_next else np.nan


def _cells(values: tuple[int | None, ...]) -> F64:
    if None in values:
        return np.array([np.nan if value is None else value for value in values], np.float64)
    return np.fromiter(values, np.float64, len(values))


def _mean_celsius(values: tuple[int | None, ...]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) / 10 if known else np.nan
