"""What a quantity did over the time a log has run: its points, and where there is no evidence between them.

A long log is shown by every n-th record, 500 at most. The evidence is broken where a record cannot be read, where a
window lacks the value, and where more time lies between two records than those between them can cover: windows that
were lost, or silence. Where every record is shown, a start of the board breaks it too: how long it was off nobody
knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from packseal.io.passport_storing import PassportStoring
from packseal.passport import words
from packseal.passport.audit import StoredRecord
from packseal.records.bare import is_bare
from packseal.records.bodies import Estimate, MeanMinMax, StateOfHealth, Window, margin
from packseal.records.emptied import is_emptied
from packseal.records.entries import Entry, decode_entry

Points = tuple[float | None, ...]
Point = tuple[int, Points]  # uptime in ms, and a value of each line
SLACK = 1.5  # times what the records between can cover; a clock of a board is not that wrong


@dataclass(frozen=True, slots=True)
class Plot:
    """lines: their names. has_band: the second and third are the ends of an interval around the first."""

    title: str
    lines: tuple[str, ...]
    points: Callable[[Entry], Points | None]
    has_band: bool = False

    @property
    def of_statements(self) -> bool:
        return self.has_band


@dataclass(frozen=True, slots=True)
class Plotted:
    """segments: runs of points with evidence all the way."""

    plot: Plot
    segments: tuple[tuple[Point, ...], ...]

    @property
    def points(self) -> list[Point]:
        return [point for segment in self.segments for point in segment]

    @property
    def longest_ms(self) -> int:
        return max((uptime_ms for uptime_ms, _ in self.points), default=0)

    @property
    def gaps_ms(self) -> list[tuple[int, int]]:
        """From the last point before to the first behind."""
        return [(before[-1][0], behind[0][0]) for before, behind in pairwise(self.segments)]


def _from_window(read: Callable[[Window], Points | None]) -> Callable[[Entry], Points | None]:
    return lambda entry: read(entry.body) if isinstance(entry.body, Window) else None


def _range(value: MeanMinMax | None) -> Points | None:
    return (value.mean / 1000, value.minimum / 1000, value.maximum / 1000) if value else None


def _cells(window: Window) -> Points | None:
    cells = words.available(window.cell_mv)
    return (min(cells) / 1000, max(cells) / 1000) if cells else None


def _temperature(window: Window) -> Points | None:
    sensors = words.available(window.temperature_ddegc)
    return (sum(sensors) / len(sensors) / 10, min(sensors) / 10, max(sensors) / 10) if sensors else None


def _soc(window: Window) -> Points | None:
    both = (window.soc_cpct, window.soc_reported_cpct)
    return tuple(None if value is None else value / 100 for value in both) if any(v is not None for v in both) else None


def _from_statement(read: Callable[[StateOfHealth], Estimate], parts: int) -> Callable[[Entry], Points | None]:
    def points(entry: Entry) -> Points | None:
        if not isinstance(entry.body, StateOfHealth):
            return None
        estimate = read(entry.body)
        beside = margin(estimate.uncertainty)
        return tuple(value / parts for value in (estimate.value, estimate.value - beside, estimate.value + beside))

    return points


_RANGE = ("mean", "lowest", "highest")
_INTERVAL = ("value", "low (95 %)", "high (95 %)")
PLOTS = {
    "capacity": Plot(
        "Remaining capacity, Ah", _INTERVAL, _from_statement(lambda soh: soh.remaining_capacity_mah, 1000), True
    ),
    "health": Plot("State of health, %", _INTERVAL, _from_statement(lambda soh: soh.soh_capacity_cpct, 100), True),
    "soc": Plot("State of charge, %", ("by the board", "as claimed"), _from_window(_soc)),
    "current": Plot("Current, A (above zero: charging)", _RANGE, _from_window(lambda w: _range(w.pack_current_ma))),
    "voltage": Plot("Voltage, V", _RANGE, _from_window(lambda w: _range(w.pack_voltage_mv))),
    "cells": Plot("Cell voltages, V", ("lowest cell", "highest cell"), _from_window(_cells)),
    "temperature": Plot("Temperature, °C", _RANGE, _from_window(_temperature)),
}


def plotted(store: PassportStoring, log_id: bytes | None, quantity: str) -> Plotted:
    """Of one log; no segments while there is none. KeyError for a quantity that has no plot."""
    plot = PLOTS[quantity]
    if log_id is None:
        return Plotted(plot, ())
    sampled = _read(store.plotted_records(log_id))
    if not plot.of_statements:
        return Plotted(plot, tuple(_of_windows(plot, sampled)))
    stated = [entry for entry in _read(store.plotted_statements(log_id)) if entry is not None]
    return Plotted(plot, tuple(_of_statements(plot, stated, _silences(sampled))))


def _read(records: Iterable[StoredRecord]) -> list[Entry | None]:
    """None for one whose bytes are not there, or not those that were signed."""
    return [
        decode_entry(one.entry) if one.is_unaltered and not is_bare(one.entry) and not is_emptied(one.entry) else None
        for one in records
    ]


def _of_windows(plot: Plot, sampled: Sequence[Entry | None]) -> Iterator[tuple[Point, ...]]:
    segment: list[Point] = []
    ends = {end.seq for _, end in _broken(sampled)}
    for entry in sampled:
        points = plot.points(entry) if entry else None
        is_lacking = entry is None or (points is None and isinstance(entry.body, Window))
        if segment and (is_lacking or (entry is not None and entry.seq in ends)):
            yield tuple(segment)
            segment = []
        if entry is not None and points is not None:
            segment.append((entry.uptime_ms, points))
    if segment:
        yield tuple(segment)


def _of_statements(
    plot: Plot, stated: Iterable[Entry], silences: Sequence[tuple[int, int]]
) -> Iterator[tuple[Point, ...]]:
    """A statement speaks for the time up to it, and a line from one to the next only where records came all along."""
    segment: list[Point] = []
    for entry in stated:
        points = plot.points(entry)
        if points is None:
            continue
        last_ms = segment[-1][0] if segment else entry.uptime_ms
        if any(last_ms <= start_ms and end_ms <= entry.uptime_ms for start_ms, end_ms in silences):
            yield tuple(segment)
            segment = []
        segment.append((entry.uptime_ms, points))
    if segment:
        yield tuple(segment)


def _silences(sampled: Sequence[Entry | None]) -> list[tuple[int, int]]:
    return [(start.uptime_ms, end.uptime_ms) for start, end in _broken(sampled)]


def _broken(sampled: Sequence[Entry | None]) -> list[tuple[Entry, Entry]]:
    """Neighbours among the records that can be read, between which the evidence is broken."""
    entries = [entry for entry in sampled if entry is not None]
    longest_ms = max((entry.body.duration_ms for entry in entries if isinstance(entry.body, Window)), default=0)
    return [(start, end) for start, end in pairwise(entries) if _is_broken(start, end, longest_ms)]


def _is_broken(start: Entry, end: Entry, window_ms: int) -> bool:
    count = end.seq - start.seq
    if count == 1 and end.boot != start.boot:
        return True
    return window_ms > 0 and end.uptime_ms - start.uptime_ms > SLACK * count * window_ms
