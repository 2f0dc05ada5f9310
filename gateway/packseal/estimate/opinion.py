"""What the gateway thinks of a pack's health by itself, and how sure it is.

Two methods look at the same charges: charge between marks of voltage (capacity.py) and the peaks of dQ/dV
(incremental.py). They share sensors and chemistry, so agreeing makes the result no surer; where they disagree it
becomes less sure. No estimate is better than none: above MOST_UNCERTAINTY it is "not yet known", with what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from packseal.estimate.capacity import SCALE_MEAN, SCALE_SIGMA, SCALES, Estimated, estimated
from packseal.estimate.charges import GRID_MV
from packseal.estimate.chemistry import Candidates
from packseal.estimate.incremental import CandidatePeaks, MeanCurve, Peak, peaks
from packseal.records.bodies import Estimate

F64 = npt.NDArray[np.float64]

MOST_UNCERTAINTY = 0.05  # of rated capacity: an interval of 20 points tells nobody anything
PARTIAL_CHARGE, INCREMENTAL, BOTH = "partial-charge", "incremental-capacity", "partial-charge+incremental-capacity"
METHODS = {
    PARTIAL_CHARGE: "charge between marks of voltage in steady charges, against aged cells of this chemistry",
    INCREMENTAL: "peaks of charge per millivolt, against aged cells of this chemistry",
    BOTH: "charge between marks of voltage, and its peaks per millivolt, against aged cells of this chemistry",
    "since-first-seen": "charge between the same marks of voltage now and when this pack was first seen",
}
POSITION_ERROR_MV, AREA_ERROR, AREA_FLOOR = 8.0, 0.08, 0.006
FAR_MV, FAR_LOG = 60.0, -8.0  # a peak with no counterpart nearer than this counts as this unlikely
SHIFTS_MV = np.arange(0, 31, 5.0)  # what polarisation is left
RATIO_ERROR = 0.012
TOLD_LOSS = 0.03  # capacity lost, below which its kind cannot be told


@dataclass(frozen=True, slots=True)
class BlockOpinion:
    block: int
    remaining_capacity_mah: Estimate


@dataclass(frozen=True, slots=True)
class MethodOpinion:
    method: str
    remaining_capacity_mah: Estimate


@dataclass(frozen=True, slots=True)
class Opinion:
    """remaining_capacity_mah and soh_capacity_cpct are None while not yet known: then `missing` says what is needed.

    retention_cpct: capacity in parts of what it was when this pack was first seen, where that can be told.
    inputs: [first seq, last seq] of the charges it rests on; age_ms: since the newest of them ended.
    """

    method: str
    words: str
    remaining_capacity_mah: Estimate | None = None
    soh_capacity_cpct: Estimate | None = None
    retention_cpct: Estimate | None = None
    by_method: tuple[MethodOpinion, ...] = ()
    weakest: BlockOpinion | None = None
    strongest: BlockOpinion | None = None
    ageing: str = ""
    inputs: tuple[int, int] | None = None
    charges: int = 0
    temperature_ddegc: int | None = None
    voltage_span_mv: tuple[int, int] | None = None
    age_ms: int = 0
    missing: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        return self.soh_capacity_cpct is not None

    def aged(self, age_ms: int) -> Opinion:
        return replace(self, age_ms=age_ms)

    def lacking(self, *missing: str) -> Opinion:
        return replace(self, words="not yet known", missing=missing)

    def stating(
        self, capacity_mah: Estimate, soh_cpct: Estimate, weakest: BlockOpinion | None, strongest: BlockOpinion | None
    ) -> Opinion:
        return replace(
            self,
            remaining_capacity_mah=capacity_mah,
            soh_capacity_cpct=soh_cpct,
            weakest=weakest,
            strongest=strongest,
        )


def by_peaks(
    held: Candidates, theirs: CandidatePeaks, late: MeanCurve, log_prior: F64, rated_mah: float
) -> Estimated | None:
    """Capacity from the peaks of the mean curve of late charges; None where none is in sight."""
    first_mv, widths = late.stretch()
    seen = peaks(first_mv, widths) if widths.size else ()
    if not seen or not held.is_path_known:
        return None
    by_shift = np.stack([sum(_peak_log(theirs, peak, shift, rated_mah) for peak in seen) for shift in SHIFTS_MV])
    top = by_shift.max(axis=0)
    log = top + np.log(np.exp(by_shift - top).sum(axis=0))
    return estimated(held, log + log_prior, rated_mah, 0.0)


def _peak_log(theirs: CandidatePeaks, peak: Peak, shift_mv: float, rated_mah: float) -> F64:
    """Log likelihood [K, scales] of one peak: by its position against the nearest of each candidate, and its area."""
    apart = np.abs(theirs.position_mv - (peak.position_mv - shift_mv))
    apart = np.where(np.isnan(apart), np.inf, apart)
    nearest = np.argmin(apart, axis=1)
    rows = np.arange(apart.shape[0])
    distance, area = apart[rows, nearest], theirs.area[rows, nearest]
    expected = np.nan_to_num(area)[:, None] * SCALES[None, :]
    seen = peak.area / rated_mah
    log = -0.5 * ((seen - expected) / np.hypot(AREA_ERROR * seen, AREA_FLOOR)) ** 2
    log -= 0.5 * ((np.minimum(distance, FAR_MV) / POSITION_ERROR_MV) ** 2)[:, None]
    result: F64 = np.where((distance < FAR_MV)[:, None], np.maximum(log, FAR_LOG), FAR_LOG)
    return result


def fused(one: Estimated, other: Estimated | None) -> Estimated:
    """Weighted by certainty; their errors are taken as wholly common, and half their difference as a further one where
    it is more than both can be wrong."""
    if other is None:
        return one
    weights = np.array([one.uncertainty_mah**-2, other.uncertainty_mah**-2])
    weights /= weights.sum()
    value = float(weights @ [one.capacity_mah, other.capacity_mah])
    common = float(weights @ [one.uncertainty_mah, other.uncertainty_mah])
    apart = abs(one.capacity_mah - other.capacity_mah)
    if apart > 2 * np.hypot(one.uncertainty_mah, other.uncertainty_mah):
        common = float(np.hypot(common, apart / 2))
    return Estimated(value, common, one.lithium_loss, one.material_loss, one.loss_uncertainty)


@dataclass(frozen=True, slots=True)
class SinceFirst:
    """Late charges against the first ones. ratio with its standard uncertainty; coverage: part of rated capacity that
    lies in the marks both have."""

    ratio: float
    uncertainty: float
    coverage: float


def since_first(first: MeanCurve, late: MeanCurve, rated_mah: float, blind: float) -> SinceFirst | None:
    """blind: what may go unseen at a coverage of nothing, falling with its square (capacity.py)."""
    both = np.isfinite(first.widths) & np.isfinite(late.widths)
    before, now = float(first.widths[both].sum()), float(late.widths[both].sum())
    coverage = min(before / rated_mah, 1.0)
    if both.sum() * GRID_MV < 100 or coverage < 0.12:
        return None
    return SinceFirst(now / before, float(np.hypot(RATIO_ERROR, blind * (1 - coverage) ** 2)), coverage)


def when_new(found: SinceFirst, rated_mah: float) -> Estimated:
    """Capacity of a pack that was new when first seen: it then had what packs of that rating have."""
    part = float(np.hypot(found.uncertainty, found.ratio * SCALE_SIGMA))
    return Estimated(found.ratio * SCALE_MEAN * rated_mah, part * rated_mah)


def ageing_words(found: Estimated | None, first: MeanCurve, late: MeanCurve, rated_mah: float) -> str:
    """What kind of loss the curves speak for; each part says what it rests on."""
    parts = [_loss_words(found, rated_mah)] if found else []
    pairs = _pairs(peaks(*first.stretch()), peaks(*late.stretch()))
    for before, now in pairs:
        change = 100 * (now.area / before.area - 1)
        moved_mv = now.position_mv - before.position_mv
        parts.append(f"peak at {before.position_mv:.0f} mV: area {change:+.0f} %, moved {moved_mv:+.0f} mV")
    if len(pairs) > 1:
        ratios = [now.area / before.area for before, now in pairs]
        uneven = max(ratios) - min(ratios)
        if min(ratios) < 1 - TOLD_LOSS:
            kind = (
                "lithium, as peaks shrink unevenly" if uneven > 0.05 else "active material, as all peaks shrink alike"
            )
            parts.append(f"peaks speak for loss of {kind}")
    return "; ".join(parts)


def _loss_words(found: Estimated, rated_mah: float) -> str:
    if np.isnan(found.lithium_loss):
        return "the kind of ageing cannot be told without curves of the two electrodes"
    if found.capacity_mah > (1 - TOLD_LOSS) * rated_mah:
        return "too little is lost to tell of what"
    lithium, material, spread = 100 * found.lithium_loss, 100 * found.material_loss, 100 * found.loss_uncertainty
    told = f"lithium lost {lithium:.0f} ± {2 * spread:.0f} %, active material up to {material:.0f} %"
    if 2 * spread > max(lithium, material, 5):
        return f"{told}: which of them cannot be told yet"
    return told


def _pairs(before: tuple[Peak, ...], now: tuple[Peak, ...]) -> list[tuple[Peak, Peak]]:
    """Each peak of before with the nearest of now, where one is near."""
    pairs = []
    for peak in before:
        nearest = min(now, key=lambda other: abs(other.position_mv - peak.position_mv), default=None)
        if nearest is not None and abs(nearest.position_mv - peak.position_mv) < FAR_MV:
            pairs.append((peak, nearest))
    return pairs
