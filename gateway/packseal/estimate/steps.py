"""Steps of current between two windows that meet, and which of them show a resistance.

Where a voltage moves by itself, as at the steep ends of a curve, that would pass for resistance. Where the windows on
both sides of a step are of one current, half of what each moves is taken off. A step that falls into the middle of a
window shows as two in a row, which are put together; longer rows, as of a charger that tapers at the top, do not count.
Steps of driving go to and fro, and are left as they are: what the charge between them has moved is the estimator's to
allow for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from packseal.estimate.readings import MS_PER_H, Reading
from packseal.estimate.robust import median

F64 = npt.NDArray[np.float64]

STEP_RATE = 20  # a step of rated_capacity / 20 h or more: 1 mV of noise is then a few percent of what it moves
QUIET_RATE = 200  # likewise, below which two windows count as of one current
MOST_SLOPE = 1.0  # of the rest of a step's change, that may be taken off it for slope
MOST_WINDOWS = 2


@dataclass(slots=True)
class Step:
    """change_mv [blocks]; moved_ah: charge between the middles of the windows, where its effect is still in there;
    ends: (mV of a block, current in A then) of the lowest and of the highest voltage in its windows."""

    step_a: float
    moved_ah: float
    change_mv: F64
    celsius: float
    before_seq: int
    seq: int
    uptime_ms: int
    ends: tuple[tuple[float, float], tuple[float, float]]
    slope_mv: F64 | None = None  # by which a window moved before it, at one current
    windows: int = 1

    @property
    def mean_mv(self) -> float:
        mean = float(self.change_mv.mean())
        return median(self.change_mv) if np.isnan(mean) else mean


@dataclass(slots=True)
class Steps:
    rated_ah: float
    pending: Step | None = None  # counts, if what comes next lets it
    slope_mv: F64 | None = None
    last_a: float = 0.0  # the step before, if that was one

    def add(self, before: Reading, now: Reading) -> Step | None:
        """A pair of windows that meet. The step before this pair, once it is known to count."""
        step_a = (now.current_ma - before.current_ma) / 1000
        if abs(step_a) * STEP_RATE >= self.rated_ah:
            return self._step(before, now, step_a)
        is_quiet = abs(step_a) * QUIET_RATE <= self.rated_ah  # a current that is not known is not
        self.slope_mv, self.last_a = now.cells - before.cells if is_quiet else None, 0.0
        return self._counted()

    def _step(self, before: Reading, now: Reading, step_a: float) -> Step | None:
        moved_ah = (before.current_ma * before.duration_ms + now.current_ma * now.duration_ms) / (2000 * MS_PER_H)
        is_row, self.last_a = step_a * self.last_a > 0, step_a
        slope_mv, self.slope_mv = self.slope_mv, None
        if is_row:
            self._lengthen(before, now, step_a, moved_ah)
            return None
        counted = self._counted()
        change_mv = now.cells - before.cells
        ends = min(_least(before), _least(now)), max(_most(before), _most(now))
        self.pending = Step(
            step_a, moved_ah, change_mv, now.celsius, before.seq, now.seq, now.uptime_ms, ends, slope_mv
        )
        return counted

    def _lengthen(self, before: Reading, now: Reading, step_a: float, moved_ah: float) -> None:
        step = self.pending
        if step is None or step.windows == MOST_WINDOWS:
            self.pending = None
            return
        step.step_a += step_a
        step.moved_ah += moved_ah
        step.change_mv = step.change_mv + (now.cells - before.cells)
        step.ends = min(step.ends[0], _least(now)), max(step.ends[1], _most(now))
        step.seq, step.uptime_ms, step.windows = now.seq, now.uptime_ms, step.windows + 1

    def _counted(self) -> Step | None:
        step, self.pending = self.pending, None
        if step is None:
            return None
        if step.slope_mv is None or self.slope_mv is None:
            return step if step.windows == 1 else None
        slope_mv = step.windows * (step.slope_mv + self.slope_mv) / 2
        step.change_mv = step.change_mv - slope_mv
        step.moved_ah = 0.0
        return step if abs(median(slope_mv)) <= MOST_SLOPE * abs(step.mean_mv) else None


def _least(reading: Reading) -> tuple[float, float]:
    return float(np.fmin.reduce(reading.cells)), reading.current_ma / 1000


def _most(reading: Reading) -> tuple[float, float]:
    return float(np.fmax.reduce(reading.cells)), reading.current_ma / 1000
