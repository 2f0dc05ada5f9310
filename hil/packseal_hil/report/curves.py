"""From a trace to the lines of its plots: which quantities, in which units, thinned so that no peak is lost.

Decides what is drawn. A line of more rows than can be told apart keeps the lowest and the highest of each stretch, so
that what lasted for a single row can still be seen. An estimate stands until the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from packseal_hil.readings import Floats, Integers
from packseal_hil.report.pauses import Shortened
from packseal_hil.trace import NOT_STATED, Mark, Trace

STRETCHES = 250  # of a line; twice as many points are what a plot can show
NO_FAULTS = frozenset({"run", "note"})  # kinds of marks that are none

Point = tuple[float | None, float | None]
BREAK: Point = (None, None)


@dataclass(frozen=True, slots=True)
class Line:
    """points: seconds and values, with BREAK between runs of them."""

    name: str
    points: tuple[Point, ...]

    @property
    def values(self) -> list[float]:
        return [value for _, value in self.points if value is not None]


@dataclass(frozen=True, slots=True)
class Curves:
    """One plot. key: names it in the page. has_band: the last line is the outline of an interval."""

    key: str
    title: str
    lines: tuple[Line, ...]
    has_band: bool = False


def curves(shown: Shortened) -> tuple[Curves, ...]:
    """Voltages, temperatures, current, charge and health; a plot of a trace without rows has lines without points."""
    trace, rows = shown.trace, _Rows(shown.trace.time_s, tuple(pause.row for pause in shown.pauses))
    charge = (
        rows.line("true, of the emptiest cell", trace.true_soc_cpct / 100),
        rows.line("claimed by the BMS", trace.soc_reported_cpct / 100),
    )
    current = rows.line("current", trace.pack_current_ma / 1000)
    return (
        Curves("cells", "Cell voltages, V", rows.range_of(trace.cell_mv / 1000, "cell")),
        Curves("temperature", "Temperature, °C", rows.range_of(trace.temperature_ddegc / 10, "sensor")),
        Curves("current", "Current, A (above zero: charging)", (current,)),
        Curves("soc", "State of charge, %", charge),
        Curves("health", "State of health, %", _health(trace, rows), has_band=True),
    )


def faults_of(trace: Trace) -> tuple[Mark, ...]:
    return tuple(mark for mark in trace.marks if mark.kind not in NO_FAULTS)


def end_s(trace: Trace) -> float:
    """Of the last thing that the trace has."""
    return max([*trace.time_s[-1:], *trace.estimate_time_s[-1:], *(mark.at_s for mark in trace.marks)], default=0.0)


def kept_rows(values: Floats) -> Integers:
    """Numbers of the rows to draw, rising: all, or the lowest and the highest of each stretch, and both ends."""
    rows = np.arange(len(values))
    if len(values) <= 2 * STRETCHES:
        return rows
    stretches = np.array_split(rows, STRETCHES)
    extremes = [stretch[[np.argmin(values[stretch]), np.argmax(values[stretch])]] for stretch in stretches]
    return np.unique(np.concatenate([rows[:1], *extremes, rows[-1:]]))


@dataclass(frozen=True, slots=True)
class _Rows:
    """breaks: rows that no line leads to from the one before."""

    time_s: Floats
    breaks: tuple[int, ...]

    def line(self, name: str, values: Floats) -> Line:
        kept = kept_rows(values)
        points: list[Point] = list(zip(self.time_s[kept].tolist(), values[kept].tolist(), strict=True))
        for place in reversed(np.searchsorted(kept, self.breaks).tolist()):
            points.insert(place, BREAK)
        return Line(name, tuple(points))

    def range_of(self, values: Floats, of: str) -> tuple[Line, ...]:
        """values: [rows, columns]; one column alone is drawn as it is."""
        columns = values.shape[1] if len(values) else 0
        if columns == 1:
            return (self.line(of, values[:, 0]),)
        means, lows, highs = (f(values, axis=1) if columns else np.zeros(0) for f in (np.mean, np.min, np.max))
        return (
            self.line(f"mean of {columns}", means),
            self.line(f"lowest {of}", lows),
            self.line(f"highest {of}", highs),
        )


def _health(trace: Trace, rows: _Rows) -> tuple[Line, ...]:
    return (
        Line("by the passport", _stairs(trace, trace.estimate_cpct / 100)),
        rows.line("true", trace.true_soh_cpct / 100),
        rows.line("claimed by the BMS", trace.soh_reported_cpct / 100),
        Line("its interval, 95 %", tuple(_outline(trace))),
    )


def _stairs(trace: Trace, values: Floats) -> tuple[Point, ...]:
    starts, ends = _spans(trace)
    points: list[Point] = []
    for start_s, until_s, value in zip(starts, ends, values.tolist(), strict=True):
        points += [(start_s, value), (until_s, value)]
    return tuple(points)


def _outline(trace: Trace) -> list[Point]:
    """A rectangle for each estimate that has an interval."""
    points: list[Point] = []
    lows, highs = trace.estimate_low_cpct.tolist(), trace.estimate_high_cpct.tolist()
    for start_s, until_s, low, high in zip(*_spans(trace), lows, highs, strict=True):
        if NOT_STATED not in (low, high):
            points += rectangle(start_s, until_s, low / 100, high / 100)
    return points


def rectangle(start_s: float, until_s: float, low: float, high: float) -> Sequence[Point]:
    corners: list[Point] = [(start_s, low), (start_s, high), (until_s, high), (until_s, low), (start_s, low)]
    return [*corners, BREAK]


def _spans(trace: Trace) -> tuple[list[float], list[float]]:
    """Of each estimate: from when, until when it stood."""
    starts: list[float] = trace.estimate_time_s.tolist()
    return starts, [*starts[1:], max(end_s(trace), *starts[-1:])] if starts else []
