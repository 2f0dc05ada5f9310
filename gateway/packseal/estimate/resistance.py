"""Resistance of the pack's blocks from steps of current (steps.py).

Between two windows a voltage changes by the resistance times the change of current, and by what the charge between the
two middles has moved the open-circuit voltage. Means over a minute hold the first seconds of polarisation too; it is
the resistance a minute sees, not the ohmic one, and it is the right one to take from the voltages of a charge.

Resistance falls with temperature, so the pack's is kept in bins of it, as the median of the last steps. What tells one
block from another is its ratio to the others in the same steps, where temperature, charge and age of the pack cancel.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from packseal.estimate.robust import median
from packseal.estimate.steps import Step

F64 = npt.NDArray[np.float64]
B1 = npt.NDArray[np.bool_]
I64 = npt.NDArray[np.int64]

SLOPE_MV, SLOPE_ERROR_MV = 600.0, 700.0  # rise of the open-circuit voltage over a whole charge, LFP to NMC
STEP_ERROR_MV = 2.0
MOST_ODD = 0.5  # of what the usual block changes by: modules that are exchanged differ by less
MOST_ANSWER = 1.6  # of what a step should show: its resistance changes by that much with rate and state of charge
ENOUGH_STEPS = 0.7  # sum of squared steps, in (rated_capacity / 1 h)², that ends a look at all blocks: 1 % each
LEAST_STEPS, LOOK_MS = 0.1, 86_400_000  # a pack of few steps is looked at once a day, with a scatter that shows it
MOST_SLOPE_MV = (
    1500.0  # of the curve, per rated capacity: twice that of the middle of an NMC cell, half that of its end
)
BIN_CELSIUS, LOWEST_CELSIUS, BINS = 5.0, -30.0, 20
BIN_STEPS, FEW_STEPS = 24, 3
MOST_MV = 600.0  # at 1 h rate: a cell at -20 °C; more is no resistance
ARRHENIUS_K = 2500.0  # activation energy / gas constant, about 21 kJ/mol: to reach bins that were not seen yet


@dataclass(slots=True)
class Look:
    """Resistance of each block in parts of the median block's, NaN where not known, from windows [first, last seq]."""

    ratios: F64
    inputs: tuple[int, int]
    uptime_ms: int


@dataclass(slots=True)
class Sums:
    """Least squares per block with two regressors: step of current in A, charge in Ah."""

    step_mv: F64
    charge_mv: F64
    step_step: float = 0.0
    step_charge: float = 0.0
    charge_charge: float = 0.0

    def add(self, step: Step, change_mv: F64) -> None:
        change_mv = np.nan_to_num(change_mv)
        self.step_step += step.step_a**2
        self.step_charge += step.step_a * step.moved_ah
        self.charge_charge += step.moved_ah**2
        self.step_mv += step.step_a * change_mv
        self.charge_mv += step.moved_ah * change_mv

    def resistance_mohm(self, rated_ah: float) -> F64:
        """With the slope held near that of a cell, or steps that are all alike could not be told from it."""
        trust = (STEP_ERROR_MV * rated_ah / SLOPE_ERROR_MV) ** 2
        charge_charge = self.charge_charge + trust
        charge_mv = self.charge_mv + trust * SLOPE_MV / rated_ah
        determinant = self.step_step * charge_charge - self.step_charge**2
        return (charge_charge * self.step_mv - self.step_charge * charge_mv) / determinant


@dataclass(slots=True)
class Resistance:
    blocks: int
    rated_ah: float
    look: Sums = field(default_factory=lambda: Sums(np.zeros(0), np.zeros(0)))
    is_spoiled: B1 = field(default_factory=lambda: np.zeros(0, np.bool_))  # blocks that missed a step of this look
    first_seq: int = -1
    first_ms: int = 0
    bins_mohm: F64 = field(default_factory=lambda: np.full((BINS, BIN_STEPS), np.nan))
    bins_count: I64 = field(default_factory=lambda: np.zeros(BINS, np.int64))
    ratios: F64 = field(default_factory=lambda: np.zeros(0))  # smoothed over looks; empty before the first
    looks_backwards: int = 0  # looks in a row in which voltage fell as current rose

    def __post_init__(self) -> None:
        if self.look.step_mv.size != self.blocks:
            self._begin_look()

    def _begin_look(self) -> None:
        self.look = Sums(np.zeros(self.blocks), np.zeros(self.blocks))
        self.is_spoiled = np.zeros(self.blocks, np.bool_)
        self.first_seq = -1

    def add(self, step: Step, mah_per_mv: float) -> Look | None:
        """A Look when the steps so far have become enough for one. mah_per_mv: what the pack's curve has, at the
        steeper of both ends of open_mv(step), NaN where that is not known."""
        self._to_bin(step)
        if not (MOST_SLOPE_MV * mah_per_mv >= 1000 * self.rated_ah and self._is_answered(step)):
            return None
        if self.first_seq < 0:
            self.first_seq, self.first_ms = step.before_seq, step.uptime_ms
        self.is_spoiled |= np.isnan(step.change_mv)
        self.look.add(step, self._within_reason(step))
        return self._finished(step) if self._is_enough(step.uptime_ms) else None

    def _is_answered(self, step: Step) -> bool:
        """Whether the usual block moves as its resistance says: at constant voltage, or where a curve bends, it does
        not, and blocks then differ by something else."""
        middle = self._mean_at(step.celsius)
        if middle is None:
            return False
        moved_mv = step.mean_mv - SLOPE_MV * step.moved_ah / self.rated_ah
        return 1 / MOST_ANSWER < moved_mv / (step.step_a * middle) < MOST_ANSWER

    def _within_reason(self, step: Step) -> F64:
        """change_mv, where a single step may make no block a wholly other one: one that is full before the others
        changes by ten times as much as they do."""
        usual = step.mean_mv * (np.nan_to_num(self.ratios, nan=1.0) if self.ratios.size else np.ones(self.blocks))
        reach = max(MOST_ODD * abs(step.mean_mv), STEP_ERROR_MV)
        return np.clip(step.change_mv, usual - reach, usual + reach)

    def _is_enough(self, uptime_ms: int) -> bool:
        squares = self.look.step_step / self.rated_ah**2
        return squares >= ENOUGH_STEPS or (squares >= LEAST_STEPS and uptime_ms - self.first_ms >= LOOK_MS)

    def _to_bin(self, step: Step) -> None:
        found = (step.mean_mv - SLOPE_MV * step.moved_ah / self.rated_ah) / step.step_a
        if np.isnan(step.celsius) or not 0 < found * self.rated_ah < MOST_MV:
            return
        at = _bin(step.celsius)
        self.bins_mohm[at, self.bins_count[at] % BIN_STEPS] = found
        self.bins_count[at] += 1

    def _finished(self, newest: Step) -> Look | None:
        each_mohm = self.look.resistance_mohm(self.rated_ah)
        middle, inputs, is_spoiled = median(each_mohm), (self.first_seq, newest.seq), self.is_spoiled
        self._begin_look()
        self.looks_backwards = self.looks_backwards + 1 if middle < 0 else 0
        if not middle > 0:
            return None
        ratios = each_mohm / middle
        is_sound = (ratios > 0.2) & (ratios < 5) & ~is_spoiled
        look = Look(np.where(is_sound, ratios, np.nan), inputs, newest.uptime_ms)
        smoothed = self.ratios if self.ratios.size else look.ratios
        fresh = np.where(is_sound, ratios, smoothed)
        self.ratios = np.where(np.isfinite(smoothed), smoothed + 0.2 * (fresh - smoothed), fresh)
        return look

    def at(self, celsius: float) -> F64 | None:
        """Of each block in mΩ at a temperature; None before there were enough steps."""
        middle = self._mean_at(celsius)
        if middle is None:
            return None
        if not self.ratios.size:
            return np.full(self.blocks, middle)
        return middle * np.where(np.isfinite(self.ratios), self.ratios, 1.0)

    def open_mv(self, step: Step) -> tuple[float, float]:
        """About the open-circuit voltages of the lowest and of the highest block in a step; NaN before the resistance
        is known."""
        middle = self._mean_at(step.celsius)
        low, high = (np.nan if middle is None else mv - current_a * middle for mv, current_a in step.ends)
        return low, high

    def _mean_at(self, celsius: float) -> float | None:
        """By the nearest bin with enough steps, brought to this temperature by Arrhenius' law."""
        enough = np.flatnonzero(self.bins_count >= FEW_STEPS)
        if not enough.size or np.isnan(celsius):
            return None
        near = int(enough[np.argmin(np.abs(enough - _bin(celsius)))])
        middle_k = LOWEST_CELSIUS + (near + 0.5) * BIN_CELSIUS + 273.15
        found = median(self.bins_mohm[near])
        return found * float(np.exp(ARRHENIUS_K * (1 / (celsius + 273.15) - 1 / middle_k)))

    def forget_blocks(self) -> None:
        """Another pack is there: its ratios and its resistance are its own."""
        self.ratios = np.zeros(0)
        self.bins_count[:] = 0
        self.bins_mohm[:] = np.nan
        self._begin_look()


def _bin(celsius: float) -> int:
    return min(max(int((celsius - LOWEST_CELSIUS) / BIN_CELSIUS), 0), BINS - 1)
