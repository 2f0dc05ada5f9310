"""Samples -> one summary per time window: what a record carries instead of every sample.

Decides the windows: they begin at whole multiples of their length, so that two logs of one battery, or one log cut in
two, give windows that meet. Windows without any sample are left out and counted in the next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from packseal.signals.fixed_point import rounded
from packseal.signals.samples import Index, SampleBlock, Samples, SampleTable

I64 = npt.NDArray[np.int64]
_LIMITS = np.iinfo(np.int64)


class QuantityWindow(NamedTuple):
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


class _Runs(NamedTuple):
    """Samples of one quantity in one window, side by side; each column int64 [r].

    last_ns, last: of the latest valid sample; the lowest number there is without one.
    """

    window: I64
    quantity: I64
    samples: I64
    valid: I64
    total: I64
    lowest: I64
    highest: I64
    last_ns: I64
    last: I64


def windows(samples: Mapping[str, Samples], window_ns: int) -> list[SampleWindow]:
    """Summaries of all samples, in windows of `window_ns`, in the order of time.

    Raises ValueError for window_ns < 1.
    """
    if window_ns < 1:
        raise ValueError(f"window_ns must be at least 1, not {window_ns}")
    table = SampleTable.of(samples)
    parts = [_runs(block, window_ns) for block in table.blocks if len(block.samples.value)]
    if not parts:
        return []
    merged = _merged(_Runs(*(np.concatenate(columns) for columns in zip(*parts, strict=True))))
    by_window: dict[int, dict[str, QuantityWindow]] = {}
    where = (merged.window.tolist(), merged.quantity.tolist())
    for window, quantity, summary in zip(*where, _summaries(merged), strict=True):
        by_window.setdefault(window, {})[table.names[quantity]] = summary
    result: list[SampleWindow] = []
    before: int | None = None
    for index, quantities in by_window.items():
        empty = 0 if before is None else index - before - 1
        result.append(SampleWindow(index * window_ns, window_ns, empty, quantities))
        before = index
    return result


def _runs(block: SampleBlock, window_ns: int) -> _Runs:
    quantity = block.quantity.repeat(block.counts)
    window = block.samples.time_ns // window_ns
    is_first = np.empty(len(window), np.bool_)
    is_first[0] = True
    np.not_equal(window[1:], window[:-1], is_first[1:])
    is_first[1:] |= quantity[1:] != quantity[:-1]
    starts = np.flatnonzero(is_first)
    value, is_valid = block.samples.value, block.samples.is_valid
    lowest, highest, valid = value, value, np.diff(starts, append=len(window))
    count = valid
    if not is_valid.all():
        valid = np.add.reduceat(is_valid.astype(np.int64), starts)
        lowest, highest = np.where(is_valid, value, _LIMITS.max), np.where(is_valid, value, _LIMITS.min)
    last_ns, last = _latest(block.samples, is_valid, starts, count)
    return _Runs(
        window[starts],
        quantity[starts].astype(np.int64),
        count,
        valid,
        np.add.reduceat(value, starts),  # 0 where not available
        np.minimum.reduceat(lowest, starts),
        np.maximum.reduceat(highest, starts),
        last_ns,
        last,
    )


def _latest(samples: Samples, is_valid: npt.NDArray[np.bool_], starts: Index, counts: Index) -> tuple[I64, I64]:
    """(time, value) of the latest valid sample in each run, the last one of those at the same time."""
    time_ns = samples.time_ns
    if not is_valid.all():
        time_ns = np.where(is_valid, time_ns, _LIMITS.min)
    latest_ns = np.maximum.reduceat(time_ns, starts)
    is_latest = time_ns == latest_ns.repeat(counts)
    place = np.maximum.reduceat(np.where(is_latest, np.arange(len(time_ns)), 0), starts)
    return latest_ns, samples.value.take(place)


def _merged(runs: _Runs) -> _Runs:
    """One run for each window and quantity, by window; the later of two runs is the later one in the log."""
    order = np.lexsort((runs.last_ns, runs.quantity, runs.window))  # stable
    runs = _Runs(*(column.take(order) for column in runs))
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = (np.diff(runs.window) != 0) | (np.diff(runs.quantity) != 0)
    starts = np.flatnonzero(is_first)
    if len(starts) == len(order):
        return runs
    ends = np.append(starts[1:], len(order)) - 1
    return _Runs(
        runs.window[starts],
        runs.quantity[starts],
        np.add.reduceat(runs.samples, starts),
        np.add.reduceat(runs.valid, starts),
        np.add.reduceat(runs.total, starts),
        np.minimum.reduceat(runs.lowest, starts),
        np.maximum.reduceat(runs.highest, starts),
        runs.last_ns[ends],
        runs.last[ends],
    )


def _summaries(runs: _Runs) -> list[QuantityWindow]:
    mean = rounded(runs.total, 1, 0, np.maximum(runs.valid, 1))
    columns = (runs.valid, runs.samples - runs.valid, runs.lowest, mean, runs.highest, runs.last)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [QuantityWindow(*row) if row[0] else QuantityWindow(0, row[1]) for row in rows]
