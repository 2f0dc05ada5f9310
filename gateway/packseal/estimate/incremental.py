"""Incremental capacity: dQ/dV over voltage, its peaks, and what they say about ageing.

The differences of a charge curve between marks of voltage are its incremental capacity (Dubarry, Truchot and Liaw,
J. Power Sources 219, 204, 2012). Each peak is a plateau of one electrode met by the slope of the other. Loss of active
material makes an electrode's peaks smaller; loss of lithium moves the electrodes against each other, so that peaks at
the ends shrink or go while others stay, and move. The area of a peak follows capacity (Weng et al., J. Power Sources
235, 36, 2013).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from packseal.estimate.charges import GRID_MV, ChargeCurve
from packseal.estimate.chemistry import Candidates, Chemistry, candidates

F64 = npt.NDArray[np.float64]

SMOOTH_MV = 15.0  # standard deviation of the Gaussian: narrower than any peak of a cell, wider than the noise of 60 s
AREA_MV = 40  # half width over which a peak's area is taken
LEAST_PROMINENCE = 0.12  # of the highest peak
MOST_PEAKS = 4
ABOUT_MV = 30
BEYOND_MV = 60  # a step down of the rated current, or 5 to 10 % of an NMC cell
GRID_FIRST_MV, GRID_BINS = 1500, 320  # every chemistry that is sold, 1.5 to 4.7 V
FORGET = 0.15  # share of a new charge in the mean of late ones
REFERENCE_CHARGES = 12


@dataclass(frozen=True, slots=True)
class Peak:
    position_mv: float
    height: float  # mAh per mV, or the same in parts of capacity
    area: float  # mAh, or parts of capacity, within AREA_MV of the position


def smoothed(widths: F64) -> F64:
    """Of charge per bin; bins beyond the ends are taken as what is inside of them."""
    reach = int(3 * SMOOTH_MV / GRID_MV)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * GRID_MV / SMOOTH_MV) ** 2)
    weight = np.convolve(np.ones_like(widths), kernel, "same")
    result: F64 = np.convolve(widths, kernel, "same") / weight
    return result


def peaks(first_mv: float, widths: F64) -> tuple[Peak, ...]:
    """widths: charge in each bin of GRID_MV from first_mv on. The most prominent peaks, in order of voltage; a maximum
    nearer to an end than AREA_MV is none, since half of it is not in sight."""
    edge = AREA_MV // GRID_MV
    if widths.size < 2 * edge + 3:
        return ()
    smooth = smoothed(widths)
    inside = np.arange(edge, smooth.size - edge)
    tops = inside[(smooth[inside] >= smooth[inside - 1]) & (smooth[inside] > smooth[inside + 1])]
    found = sorted(((_prominence(smooth, top), top) for top in tops), reverse=True)
    limit = LEAST_PROMINENCE * float(smooth.max())
    kept = sorted(top for prominence, top in found[:MOST_PEAKS] if prominence >= limit)
    return tuple(
        Peak(
            first_mv + GRID_MV * (_vertex(smooth, top) + 0.5),
            float(smooth[top]) / GRID_MV,
            float(widths[top - edge : top + edge + 1].sum()),
        )
        for top in kept
    )


def _prominence(smooth: F64, top: int) -> float:
    """Height above the higher of the two valleys beside it."""
    higher_left = np.flatnonzero(smooth[:top] > smooth[top])
    higher_right = np.flatnonzero(smooth[top + 1 :] > smooth[top])
    left = smooth[higher_left[-1] if higher_left.size else 0 : top + 1].min()
    right = smooth[top : (top + 2 + higher_right[0]) if higher_right.size else smooth.size].min()
    return float(smooth[top] - max(left, right))


def _vertex(smooth: F64, top: int) -> float:
    """Of the parabola through the highest bin and its neighbours."""
    before, at, after = smooth[top - 1 : top + 2]
    bend = before - 2 * at + after
    return top + (0.5 * (before - after) / bend if bend < 0 else 0.0)


@dataclass(frozen=True, slots=True)
class Slope:
    """Charge per millivolt about a voltage: there, and the least and the most within ABOUT_MV."""

    mah_per_mv: float
    least: float
    most: float


@dataclass(slots=True)
class MeanCurve:
    """Mean charge per bin over charges; NaN where none has been yet."""

    widths: F64 = field(default_factory=lambda: np.full(GRID_BINS, np.nan))
    counts: F64 = field(default_factory=lambda: np.zeros(GRID_BINS))

    def add(self, curve: ChargeCurve, least_share: float) -> None:
        first = int(curve.marks_mv[0] - GRID_FIRST_MV) // GRID_MV
        new = np.diff(curve.mean_mah)
        if first < 0 or first + new.size > GRID_BINS:
            return
        held = self.widths[first : first + new.size]
        self.counts[first : first + new.size] += 1
        share = np.maximum(1 / self.counts[first : first + new.size], least_share)
        held[:] = np.where(np.isnan(held), new, held + share * (new - held))

    def stretch(self) -> tuple[float, F64]:
        """(first voltage, charge per bin) of the longest stretch without a hole; empty where there is none."""
        known = np.flatnonzero(np.isfinite(self.widths))
        if not known.size:
            return 0.0, np.zeros(0)
        longest = max(np.split(known, np.flatnonzero(np.diff(known) > 1) + 1), key=len)
        return float(GRID_FIRST_MV + GRID_MV * longest[0]), self.widths[longest]

    def slope(self, voltage_mv: float) -> Slope | None:
        """None where the charges so far have not passed all of the voltages about."""
        at = int(voltage_mv - GRID_FIRST_MV) // GRID_MV
        reach = ABOUT_MV // GRID_MV
        around = self.widths[max(at - reach, 0) : at + reach + 1] / GRID_MV
        if around.size < 2 * reach + 1 or not np.isfinite(around).all():
            return None
        return Slope(float(around[reach - 1 : reach + 2].mean()), float(around.min()), float(around.max()))

    def flatness(self, voltage_mv: float) -> float:
        """The least charge per millivolt about a voltage, in mAh; NaN where that is not known. A little beyond what
        charges have passed the curve is taken to go on: a charge begins where use has ended, but is told late."""
        known = np.flatnonzero(np.isfinite(self.widths))
        if not known.size or np.isnan(voltage_mv):
            return np.nan
        lowest_mv = float(GRID_FIRST_MV + GRID_MV * known[0] + ABOUT_MV)
        highest_mv = float(GRID_FIRST_MV + GRID_MV * known[-1] - ABOUT_MV)
        inside_mv = min(max(voltage_mv, lowest_mv), highest_mv)
        slope = self.slope(inside_mv) if abs(voltage_mv - inside_mv) <= ABOUT_MV + BEYOND_MV else None
        return slope.least if slope else np.nan


@dataclass(frozen=True, slots=True)
class CandidatePeaks:
    """[K, MOST_PEAKS], NaN where a candidate has fewer; areas in parts of a new cell's capacity."""

    position_mv: F64
    area: F64


@lru_cache(maxsize=8)
def candidate_peaks(chemistry: Chemistry) -> CandidatePeaks:
    held: Candidates = candidates(chemistry)
    low_mv, high_mv = held.window_mv
    first = -(-low_mv // GRID_MV) * GRID_MV
    columns = [held.column(mark) for mark in range(first, high_mv + 1, GRID_MV)]
    rows = [peaks(first, row) for row in np.diff(held.charge[:, columns], axis=1)]
    position, area = np.full((2, len(rows), MOST_PEAKS), np.nan)
    for index, row in enumerate(rows):
        position[index, : len(row)] = [peak.position_mv for peak in row]
        area[index, : len(row)] = [peak.area for peak in row]
    return CandidatePeaks(position, area)
