"""Long times without a row (a pack that ages on a shelf) are shortened, or the hours beside them cannot be seen.

Decides what is such a pause: no row for an hour, for a tenth of all that was recorded, and for USUAL_STEPS times what
lies between two rows otherwise. In the plots it is as long as PAUSE_SHARE of what was recorded, and lines end at it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from packseal_hil.readings import Floats
from packseal_hil.trace import Trace

LEAST_S, LEAST_SHARE, USUAL_STEPS = 3_600.0, 0.1, 50
PAUSE_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class Pause:
    """row: the first one after it. at_s, length_s: of the pack's time, as it was."""

    row: int
    at_s: float
    length_s: float


@dataclass(frozen=True, slots=True)
class Shortened:
    """trace: for plots alone, with times that count as if each pause were short."""

    trace: Trace
    pauses: tuple[Pause, ...]


def shortened(trace: Trace) -> Shortened:
    """The trace as it is where it has no pause."""
    steps = np.diff(trace.time_s)
    is_usual = steps <= USUAL_STEPS * (np.median(steps) if len(steps) else 0.0)
    recorded_s = float(steps[is_usual].sum())
    is_pause = ~is_usual & (steps > max(LEAST_S, LEAST_SHARE * recorded_s))
    rows = (np.flatnonzero(is_pause) + 1).tolist()
    if not rows:
        return Shortened(trace, ())
    pauses = tuple(Pause(row, float(trace.time_s[row - 1]), float(steps[row - 1])) for row in rows)
    time_s = trace.time_s[0] + np.cumsum([0.0, *np.where(is_pause, PAUSE_SHARE * recorded_s, steps)])
    return Shortened(_moved(trace, time_s), pauses)


def _moved(trace: Trace, time_s: Floats) -> Trace:
    """time_s: of the rows. What lies between two rows, or after the last one, moves with them."""

    def moved(at_s: Floats) -> Floats:
        return np.asarray(np.interp(at_s, trace.time_s, time_s) + np.maximum(at_s - trace.time_s[-1], 0.0))

    ends_s = moved(np.array([mark.at_s if mark.until_s is None else mark.until_s for mark in trace.marks]))
    starts_s = moved(np.array([mark.at_s for mark in trace.marks]))
    marks = tuple(
        replace(mark, at_s=at_s, until_s=None if mark.until_s is None else until_s)
        for mark, at_s, until_s in zip(trace.marks, starts_s.tolist(), ends_s.tolist(), strict=True)
    )
    return replace(trace, time_s=time_s, estimate_time_s=moved(trace.estimate_time_s), marks=marks)
