"""Estimates beside a reference that the estimator never saw: how far off, and how often the interval holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np

from packseal.apps.replay_seen import Seen
from packseal.apps.replay_statements import interval
from packseal.passport import words
from packseal.records.bodies import Estimate


@dataclass(frozen=True, slots=True)
class Reference:
    """points: (t_ms, mAh), one at least. What lies between two of them is on the line between; outside, the end."""

    points: Sequence[tuple[int, int]]
    what: str
    rated_mah: int

    def error(self, estimate: Estimate, t_ms: int) -> tuple[float, bool]:
        """(error of a state of health in points of the rated capacity, whether its interval holds the reference)"""
        times, values = zip(*self.points, strict=True)
        true_cpct = float(np.interp(t_ms, times, values)) * 10_000 / self.rated_mah
        low, high = interval(estimate)
        return (estimate.value - true_cpct) / 100, low <= true_cpct <= high


@dataclass(frozen=True, slots=True)
class Comparison:
    """Errors in points of the rated capacity."""

    count: int
    inside: int
    median_error: float
    rmse: float
    worst: float

    @classmethod
    def of(cls, errors: Sequence[tuple[float, bool]]) -> Comparison | None:
        if not errors:
            return None
        points = [error for error, _ in errors]
        rmse = fmean(point * point for point in points) ** 0.5
        return cls(len(errors), sum(inside for _, inside in errors), median(points), rmse, max(points, key=abs))

    def text(self) -> str:
        hold = "holds" if self.count == 1 else "hold"
        return f"{self.inside} of {words.plural(self.count, 'interval')} {hold} it; {self._errors()}"

    def claim_text(self) -> str:
        """A claim comes without an interval."""
        return f"{words.plural(self.count, 'claim')}; {self._errors()}"

    def _errors(self) -> str:
        return f"median error {self.median_error:+.2f} points, RMSE {self.rmse:.2f}, at worst {self.worst:+.2f}"


def reference_of(seen: Seen, rated_mah: int) -> Reference | None:
    if seen.reference.count:
        return Reference(seen.reference.held, "the reference capacity in the table", rated_mah)
    if seen.discharges.count:
        what = "the tester's own count of each discharge, which is a reference where that was a full one"
        return Reference(seen.discharges.points, what, rated_mah)
    return None
