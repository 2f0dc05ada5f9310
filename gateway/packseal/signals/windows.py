"""Samples -> one summary per time window: what a record carries instead of every sample.

Decides the windows: they begin at whole multiples of their length, so that two logs of one battery, or one log cut in
two, give windows that meet. Windows without any sample are left out and counted in the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from packseal.signals.samples import Samples

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class QuantityWindow:
    """One quantity in one window, in the unit its name ends in. Without a valid sample the four values are None.

    mean_value is rounded to an integer, half to even; last_value is the latest valid one.
    """

    valid: int
    not_available: int
    min_value: int | None = None
    mean_value: int | None = None
    max_value: int | None = None
    last_value: int | None = None


@dataclass(frozen=True)
class SampleWindow:
    """[start_ns, start_ns + duration_ns): summaries by quantity, for those with samples in it.

    empty_windows_before: windows without any sample between the window before, or the first sample, and this one.
    """

    start_ns: int
    duration_ns: int
    empty_windows_before: int
    quantities: Mapping[str, QuantityWindow]


def windows(samples_by_quantity: Mapping[str, Samples], window_ns: int) -> list[SampleWindow]:
    """Summaries of all samples, in windows of `window_ns`, in the order of time.

    Raises ValueError for window_ns < 1.
    """
    if window_ns < 1:
        raise ValueError(f"window_ns must be at least 1, not {window_ns}")
    by_index: dict[int, dict[str, QuantityWindow]] = {}
    for quantity, samples in samples_by_quantity.items():
        for index, summary in _summaries(samples, window_ns):
            by_index.setdefault(index, {})[quantity] = summary
    result: list[SampleWindow] = []
    before: int | None = None
    for index in sorted(by_index):
        empty = 0 if before is None else index - before - 1
        result.append(SampleWindow(index * window_ns, window_ns, empty, by_index[index]))
        before = index
    return result


def _summaries(samples: Samples, window_ns: int) -> list[tuple[int, QuantityWindow]]:
    order = np.argsort(samples.time_ns, kind="stable")
    index = samples.time_ns[order] // window_ns
    value, is_valid = samples.value[order], samples.is_valid[order]
    found, first = np.unique(index, return_index=True)
    bounds = np.append(first, len(index))
    valid_before = np.append(0, np.cumsum(is_valid))[bounds]
    kept = value[is_valid]
    return [
        (int(window), _summary(kept[valid_before[i] : valid_before[i + 1]], int(bounds[i + 1] - bounds[i])))
        for i, window in enumerate(found)
    ]


def _summary(values: I64, count: int) -> QuantityWindow:
    """values: the valid ones of `count` samples, in the order of time."""
    valid = len(values)
    if valid == 0:
        return QuantityWindow(0, count)
    mean = _rounded_quotient(int(values.sum()), valid)
    return QuantityWindow(valid, count - valid, int(values.min()), mean, int(values.max()), int(values[-1]))


def _rounded_quotient(dividend: int, divisor: int) -> int:
    quotient, remainder = divmod(dividend, divisor)
    return quotient + (2 * remainder > divisor or (2 * remainder == divisor and quotient % 2 == 1))
