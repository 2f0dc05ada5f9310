"""What each block can hold in parts of the mean block: the charge between the same marks of voltage."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from packseal.estimate.charges import ChargeCurve
from packseal.estimate.robust import median

F64 = npt.NDArray[np.float64]

LEAST_MARKS = 10  # 100 mV: less is mostly noise of both ends
MEMORY = 0.12
SPAN_ERROR = 0.006  # blocks age along curves of their own, so a part of the curve is not quite the whole


def shares(curve: ChargeCurve) -> F64 | None:
    """[blocks], NaN where a block did not pass enough marks; None where too few did. Each block is compared with the
    mean block over the marks that it passed itself."""
    passed = np.isfinite(curve.block_mah)
    enough = passed.sum(axis=1) >= LEAST_MARKS
    if enough.sum() * 2 < enough.size:
        return None
    first = np.argmax(passed, axis=1)
    last = passed.shape[1] - 1 - np.argmax(passed[:, ::-1], axis=1)
    rows = np.arange(enough.size)
    taken = curve.block_mah[rows, last] - curve.block_mah[rows, first]
    usual = curve.mean_mah[last] - curve.mean_mah[first]
    with np.errstate(invalid="ignore", divide="ignore"):
        result: F64 = np.where(enough & (usual > 0), taken / usual, np.nan)
    return result / median(result)


@dataclass(slots=True)
class BlockShares:
    count: int = 0
    mean: F64 = field(default_factory=lambda: np.zeros(0))
    variance: F64 = field(default_factory=lambda: np.zeros(0))

    def add(self, now: F64) -> None:
        if not self.mean.size:
            self.mean, self.variance, self.count = now.copy(), np.full(now.size, 0.01**2), 1
            return
        share = max(1 / (self.count + 1), MEMORY)
        off = now - self.mean
        known = np.isfinite(off)
        self.mean = np.where(known, self.mean + share * off, np.where(np.isnan(self.mean), now, self.mean))
        self.variance = np.where(known, self.variance + share * (off**2 - self.variance), self.variance)
        self.count += 1

    def extremes(self) -> tuple[tuple[int, float, float], tuple[int, float, float]] | None:
        """(block, share, standard uncertainty) of the weakest and of the strongest block; None before two charges."""
        if self.count < 2 or not np.isfinite(self.mean).any():
            return None
        return self._of(int(np.nanargmin(self.mean))), self._of(int(np.nanargmax(self.mean)))

    def _of(self, block: int) -> tuple[int, float, float]:
        scatter = self.variance[block] / min(self.count, 1 / MEMORY)
        return block, float(self.mean[block]), float(np.hypot(np.sqrt(scatter), SPAN_ERROR))
