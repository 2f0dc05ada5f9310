"""Windows summed up into one longer one, before they are signed, while there is little room (GAP cause 3).

The mean is that of all samples, least and greatest are those of the whole span; what a window gives as it was at its
end, the longer one gives as it was at the last end that had it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from packseal.records.bodies import MeanMinMax, Window

T = TypeVar("T")


def summed(windows: Sequence[Window]) -> Window:
    """One window over the span of these, which follow each other; at least one."""
    return Window(
        duration_ms=sum(window.duration_ms for window in windows),
        samples=sum(window.samples for window in windows),
        slots_missed=sum(window.slots_missed for window in windows),
        pack_current_ma=_spread((window.samples, window.pack_current_ma) for window in windows),
        pack_voltage_mv=_spread((window.samples, window.pack_voltage_mv) for window in windows),
        cell_mv=_columns(windows, lambda window: window.cell_mv),
        temperature_ddegc=_columns(windows, lambda window: window.temperature_ddegc),
        soc_cpct=_last(window.soc_cpct for window in windows),
        counters=_last(window.counters for window in windows),
        soc_reported_cpct=_last(window.soc_reported_cpct for window in windows),
        soh_reported_cpct=_last(window.soh_reported_cpct for window in windows),
        values_unavailable=sum(window.values_unavailable for window in windows),
        values_missing=sum(window.values_missing for window in windows),
    )


def _spread(weighted: Iterable[tuple[int, MeanMinMax | None]]) -> MeanMinMax | None:
    found = [(samples, value) for samples, value in weighted if value is not None]
    if not found:
        return None
    mean = _mean([(samples, value.mean) for samples, value in found])
    return MeanMinMax(mean, min(value.minimum for _, value in found), max(value.maximum for _, value in found))


def _columns(windows: Sequence[Window], column: Callable[[Window], tuple[int | None, ...]]) -> tuple[int | None, ...]:
    """The mean of each place, of the windows that have a value there."""
    length = max(len(column(window)) for window in windows)
    means: list[int | None] = []
    for place in range(length):
        values = [(window.samples, column(window)[place : place + 1]) for window in windows]
        found = [(samples, value[0]) for samples, value in values if value and value[0] is not None]
        means.append(_mean(found) if found else None)
    return tuple(means)


def _mean(weighted: Sequence[tuple[int, int]]) -> int:
    """Rounded, a half upwards; a window without a count of samples counts as one."""
    weight = sum(max(samples, 1) for samples, _ in weighted)
    total = sum(max(samples, 1) * value for samples, value in weighted)
    return (2 * total + weight) // (2 * weight)


def _last(values: Iterable[T | None]) -> T | None:
    found = [value for value in values if value is not None]
    return found[-1] if found else None
