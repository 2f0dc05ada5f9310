"""Capacity from the charge between marks of voltage, against every state of ageing that the chemistry allows.

For a candidate state of ageing k with curve c_k(V), in parts of the capacity C0 that the pack had when new, a charge
should take Q(V) = C0 (c_k(V - d) - c_k(V_first - d)) up to each mark V, d being what is left of polarisation. The
likelihood of each (k, C0) is summed over d; the estimate is the mean of C0 times retention_k over all of them, its
uncertainty their spread. So a narrow span, in which several kinds of ageing look alike, gives a wide interval by
itself: nothing has to be assumed about the path.

Charges of one pack share their errors (the curve of the chemistry, the sensors), so a hundred of them do not count as a
hundred: their log likelihoods are averaged within classes of span, and each class counts as at most MOST_CHARGES.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from packseal.estimate.charges import GRID_MV, SETTLING_MS, ChargeCurve
from packseal.estimate.chemistry import STEP_MV, Candidates

F64 = npt.NDArray[np.float64]
F32 = npt.NDArray[np.float32]

# C0 over rated capacity: makers rate what nearly every cell reaches, so packs begin a little above
SCALES = np.arange(0.925, 1.126, 0.0125)
SCALE_MEAN, SCALE_SIGMA = 1.02, 0.03
SCALE_SIGMA_LEARNT = 0.012  # of a pack that was watched since it was new: the curve's own error stays in it
CURVE_ERROR_MV = 5.0  # between two makes of one chemistry, and of the sensors
CORRELATED_MARKS = 5  # errors of curves run over 50 mV or so: so many neighbouring marks count as one
RESISTANCE_ERROR = 0.15  # of the correction: it changes with the state of charge
COUNT_ERROR = 0.003  # of the charge of a mark: the gain drifts with temperature
OFFSET_RATE = 1 / 2000  # standard uncertainty of the current's zero, rated_capacity / 1 h
SYSTEMATIC = 0.012  # of the result: gain of the current sensor 0.5 %, steps of the grid, differences between blocks
DELAYED_PART = 0.4  # polarisation left after the correction, in parts of it, as mean and as standard deviation
DELAYED_H = 0.3  # it has not built up wholly at the first marks: a curve then rises by more than its charge is worth
COVERAGES = (0.12, 0.35, 0.6)  # least span of a charge in parts of the capacity; bounds of the classes
MOST_CHARGES = 2.0
SETTLING_H = SETTLING_MS / 3_600_000
MEMORY = 0.1  # share of a new charge in the mean of its class
HALF_LIFE_MS = 120 * 24 * 3_600_000  # what an old charge says of today
LEAST_LOG = -60.0  # below, a candidate is out of question, by however much
MOST_MISFIT = 12.0  # mean squared error of the best candidate, in the errors above
# a narrow span against one curve alone: found for nickel-rich cells, 15 % loss of lithium read as none at coverage 0.45
BLIND_LOSS, BLIND_COVERAGE = 0.12, 0.55


@dataclass(frozen=True, slots=True)
class Likelihood:
    """What one charge says: log likelihood [K, scales], greatest 0; `misfit` of the best candidate."""

    log: F64
    misfit: float
    coverage: float


def likelihood(held: Candidates, curve: ChargeCurve, rated_mah: float) -> Likelihood | None:
    """None where the charge covers too little of the cell's curve."""
    low, high = held.window_mv
    inside = (curve.marks_mv >= low) & (curve.marks_mv <= high)
    marks, taken = curve.marks_mv[inside].astype(np.int64), curve.mean_mah[inside] / rated_mah
    if marks.size < 6:
        return None
    coverage = held.coverage(int(marks[0]), int(marks[-1]))
    if max(coverage, float(taken[-1] - taken[0])) < COVERAGES[0]:
        return None
    weight = 1 / (_errors(held, curve, marks, taken) ** 2 * CORRELATED_MARKS)
    shifts, log_shift = _shifts(curve.correction_mv)
    logs = np.stack([_fit(held, marks, taken, weight, int(shift)) for shift in shifts])
    misfit = -2 * float(logs.max()) * CORRELATED_MARKS / marks.size
    logs += log_shift[:, None, None]
    top = logs.max(axis=0)
    log = top + np.log(np.exp(logs - top).sum(axis=0))
    return Likelihood(log - log.max(), misfit, coverage)


def _errors(held: Candidates, curve: ChargeCurve, marks: npt.NDArray[np.int64], taken: F64) -> F64:
    slope = np.maximum(np.gradient(taken) / GRID_MV, held.steepest(marks))
    part = (taken - taken[0]) / max(taken[-1] - taken[0], 1e-9)
    building_mv = DELAYED_PART * curve.correction_mv * np.exp(-(SETTLING_H + curve.hours * part) / DELAYED_H)
    volts = slope * np.sqrt(CURVE_ERROR_MV**2 + (2 * building_mv) ** 2 + (RESISTANCE_ERROR * curve.correction_mv) ** 2)
    error: F64 = np.sqrt(volts**2 + (COUNT_ERROR * taken) ** 2 + (OFFSET_RATE * curve.hours * part) ** 2 + 0.001**2)
    return error


def _shifts(correction_mv: float) -> tuple[F64, F64]:
    """What polarisation may be left, in steps of the tables, and how likely each is (log)."""
    middle, spread = DELAYED_PART * correction_mv, np.hypot(DELAYED_PART * correction_mv, 3.0)
    first, last = np.floor((middle - 2 * spread) / STEP_MV), np.ceil((middle + 2 * spread) / STEP_MV)
    shifts = np.unique(np.linspace(first, last, min(int(last - first) + 1, 15)).round()) * STEP_MV
    return shifts, -0.5 * ((shifts - middle) / spread) ** 2


def _fit(held: Candidates, marks: npt.NDArray[np.int64], taken: F64, weight: F64, shift_mv: int) -> F64:
    """Log likelihood [K, scales] at one shift; the charge before the first mark is fitted too, so no mark is
    special."""
    first = (int(marks[0]) - shift_mv - held.first_mv) // STEP_MV
    at = np.clip(first + (marks - marks[0]) // STEP_MV, 0, held.charge.shape[1] - 1)
    charge, total = held.charge[:, at], weight.sum()
    mean, centred = charge @ weight / total, taken - (taken @ weight) / total
    square = (charge**2) @ weight - total * mean**2
    product = charge @ (weight * centred)
    rest = float(weight @ centred**2)
    log: F64 = -0.5 * (rest - 2 * product[:, None] * SCALES + square[:, None] * SCALES**2)
    return log


@dataclass(frozen=True, slots=True)
class Estimated:
    """A capacity in mAh with its standard uncertainty, and what it was lost by, in parts of the new capacity."""

    capacity_mah: float
    uncertainty_mah: float
    lithium_loss: float = np.nan
    material_loss: float = np.nan
    loss_uncertainty: float = np.nan


@dataclass(slots=True)
class SpanClass:
    """Charges of about the same span: the mean of their log likelihoods."""

    count: int = 0
    newest_ms: int = 0
    coverage: float = 0.0
    log: F32 = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def add(self, found: Likelihood, uptime_ms: int) -> None:
        share = max(1 / (self.count + 1), MEMORY)
        before = self.log if self.count else np.zeros_like(found.log)
        self.log = (share * np.maximum(found.log, LEAST_LOG) + (1 - share) * before).astype(np.float32)
        self.coverage += share * (found.coverage - self.coverage)
        self.count += 1
        self.newest_ms = uptime_ms


@dataclass(slots=True)
class Capacity:
    """Of one pack. is_new: it was watched from its first days on, so that what it held then is its C0."""

    is_new: bool = False
    classes: list[SpanClass] = field(default_factory=lambda: [SpanClass() for _ in COVERAGES])
    scale: float = SCALE_MEAN
    scale_sigma: float = SCALE_SIGMA
    misfits: int = 0  # charges in a row that no candidate explains

    def add(self, held: Candidates, curve: ChargeCurve, rated_mah: float) -> Estimated | None:
        """What this charge alone says; None where it says nothing."""
        found = likelihood(held, curve, rated_mah)
        if found is None:
            return None
        if found.misfit > MOST_MISFIT:
            self.misfits += 1
            return None
        self.misfits = 0
        self.classes[sum(found.coverage >= bound for bound in COVERAGES[1:])].add(found, curve.uptime_ms)
        return self._estimate(held, found.log, found.coverage, rated_mah)

    def learn_scale(self, held: Candidates, now_ms: int, rated_mah: float) -> None:
        """Call it at the end of the first weeks of a new pack: from then on only its loss is looked for."""
        now = self.estimate(held, now_ms, rated_mah)
        if now is not None and now.uncertainty_mah < 0.03 * rated_mah:
            self.scale = now.capacity_mah / rated_mah
            self.scale_sigma = SCALE_SIGMA_LEARNT

    def estimate(self, held: Candidates, now_ms: int, rated_mah: float) -> Estimated | None:
        known = [span for span in self.classes if span.count]
        if not known:
            return None
        log = np.zeros(known[0].log.shape)
        for span in known:
            faded = 0.5 ** ((now_ms - span.newest_ms) / HALF_LIFE_MS)
            log += min(span.count, MOST_CHARGES) * faded * span.log
        return self._estimate(held, log, max(span.coverage for span in known), rated_mah)

    def log_prior(self, held: Candidates) -> F64:
        scale = -0.5 * ((SCALES - self.scale) / self.scale_sigma) ** 2
        state = held.log_prior
        if self.is_new and self.scale_sigma == SCALE_SIGMA:  # still in its first weeks
            state = np.where(held.retention > 0.965, 0.0, -20.0)
        prior: F64 = state[:, None] + scale[None, :]
        return prior

    def _estimate(self, held: Candidates, log: F64, coverage: float, rated_mah: float) -> Estimated:
        return estimated(held, log + self.log_prior(held), rated_mah, _blind(held, coverage))


def _blind(held: Candidates, coverage: float) -> float:
    """What may go unseen where the candidates do not know how a curve ages; in parts of capacity."""
    if held.is_path_known:
        return 0.0
    return BLIND_LOSS * float(((1 - min(coverage, 1.0)) / BLIND_COVERAGE) ** 2)


def estimated(held: Candidates, log: F64, rated_mah: float, blind: float) -> Estimated:
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    by_state = weight.sum(axis=1)
    values = held.retention[:, None] * SCALES[None, :]
    mean = float((weight * values).sum())
    variance = float((weight * (values - mean) ** 2).sum())
    material = np.maximum(held.negative_loss, held.positive_loss)
    lithium_mean, material_mean = float(by_state @ held.lithium_loss), float(by_state @ material)
    spread = float(np.sqrt(by_state @ (held.lithium_loss - lithium_mean) ** 2))
    uncertainty = np.sqrt(variance + (SYSTEMATIC * mean) ** 2 + blind**2)
    is_told = held.is_path_known
    return Estimated(
        mean * rated_mah,
        float(uncertainty) * rated_mah,
        lithium_mean if is_told else np.nan,
        material_mean if is_told else np.nan,
        spread if is_told else np.nan,
    )
