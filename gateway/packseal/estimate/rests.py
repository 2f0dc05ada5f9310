"""Rests: when a pack stands still, and the voltages it stands at.

Decides by the voltages, not by the current alone: a rest is there when the current is small and even, and the blocks
have stopped moving. So a current sensor that shows something at rest does not hide the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from packseal.estimate.readings import Reading

F64 = npt.NDArray[np.float64]

MOST_RATE = 1 / 30  # of rated_capacity / 1 h
SEGMENT_MS = 600_000
SETTLED_MV = 1.0  # the mean block moves by less from one segment to the next
RELAXED_MS = 5_400_000  # relaxation after use is below a few tenths of a millivolt in ten minutes after 1.5 h
AGAIN_MS = 10_800_000  # a long rest is told again and again, so that what changes in it can be seen


@dataclass(slots=True)
class Rest:
    """cells [blocks] in mV, mean of a segment; charge_mah counts since `line` began, a line being time over which all
    charge was counted."""

    seq: int
    uptime_ms: int
    cells: F64
    celsius: float
    charge_mah: float
    throughput_mah: float
    current_ma: float
    line: int

    @property
    def mean_mv(self) -> float:
        return float(np.nanmean(self.cells))


@dataclass(slots=True)
class RestWatch:
    blocks: int
    rated_mah: float
    line: int = 0
    charge_mah: float = 0.0
    throughput_mah: float = 0.0
    still_ms: int = 0
    since_told_ms: int = 0
    segment_ms: int = 0
    segment_rows: int = 0
    before_mv: float = np.nan
    celsius_sum: float = 0.0
    current_sum: float = 0.0
    cells_sum: F64 = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        if self.cells_sum.size != self.blocks:
            self.cells_sum = np.zeros(self.blocks)

    def add(self, reading: Reading) -> Rest | None:
        self._count(reading)
        limit = MOST_RATE * self.rated_mah
        is_small = abs(reading.current_ma) <= limit and reading.spread_ma <= limit
        if not (is_small and reading.is_next):
            self._move()
            return None
        self.still_ms += reading.duration_ms
        self.since_told_ms += reading.duration_ms
        self.segment_ms += reading.duration_ms
        self.segment_rows += 1
        self.cells_sum += reading.cells
        self.celsius_sum += reading.celsius
        self.current_sum += reading.current_ma
        return self._end_segment(reading) if self.segment_ms >= SEGMENT_MS else None

    def _count(self, reading: Reading) -> None:
        if np.isnan(reading.flow_mah):
            self.line += 1
            self.charge_mah = self.throughput_mah = 0.0
        else:
            self.charge_mah += reading.flow_mah
            self.throughput_mah += abs(reading.flow_mah)

    def _move(self) -> None:
        self.still_ms = 0
        self.since_told_ms = AGAIN_MS  # the next rest is told as soon as it has settled
        self.before_mv = np.nan
        self._begin_segment()

    def _begin_segment(self) -> None:
        self.segment_ms = self.segment_rows = 0
        self.celsius_sum = self.current_sum = 0.0
        self.cells_sum[:] = 0.0

    def _end_segment(self, reading: Reading) -> Rest | None:
        cells = self.cells_sum / self.segment_rows
        mean_mv = float(np.nanmean(cells)) if np.isfinite(cells).any() else np.nan
        is_settled = abs(mean_mv - self.before_mv) <= SETTLED_MV  # NaN is not
        self.before_mv = mean_mv
        celsius, current = self.celsius_sum / self.segment_rows, self.current_sum / self.segment_rows
        self._begin_segment()
        if not is_settled or self.still_ms < RELAXED_MS or self.since_told_ms < AGAIN_MS:
            return None
        self.since_told_ms = 0
        middle_mah = self.charge_mah - current * SEGMENT_MS / 7_200_000
        return Rest(reading.seq, reading.uptime_ms, cells, celsius, middle_mah, self.throughput_mah, current, self.line)
