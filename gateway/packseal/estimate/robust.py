"""Statistics that a few wild values do not move, for thresholds that come from the noise a pack shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]

SIGMA_PER_MAD = 1.4826  # of a normal distribution
MEDIAN_OF_SQUARES = 0.4549  # the median of chi-square with one degree of freedom


def median(values: F64) -> float:
    """NaN where there is none that is known."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else np.nan


def sigma(values: F64) -> float:
    """The standard deviation, by the median of absolute deviations; 0 for less than two values."""
    known = values[np.isfinite(values)]
    return SIGMA_PER_MAD * float(np.median(np.abs(known - np.median(known)))) if known.size > 1 else 0.0


def level(values: Sequence[float]) -> tuple[float, float]:
    """(median, standard deviation) of a short history."""
    array = np.array(values, np.float64)
    return median(array), sigma(array)
