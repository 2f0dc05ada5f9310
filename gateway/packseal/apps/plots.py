"""Plots as SVG without any script: what a quantity did over the time the log has run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pygal
from pygal.style import Style

from packseal.io.passport_store import PassportStore
from packseal.passport import words
from packseal.passport.audit import StoredRecord
from packseal.records.bare import is_bare
from packseal.records.bodies import MeanMinMax, StateOfHealth, Window, margin
from packseal.records.entries import Entry, decode_entry

Points = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    title: str
    lines: tuple[str, ...]  # names; the first is the value, others stand beside it
    points: Callable[[Entry], Points | None]
    of_statements: bool = False


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


def _health(entry: Entry) -> Points | None:
    if not isinstance(entry.body, StateOfHealth):
        return None
    soh = entry.body.soh_capacity_cpct
    beside = margin(soh.uncertainty)
    return (soh.value / 100, (soh.value - beside) / 100, (soh.value + beside) / 100)


_RANGE = ("mean", "lowest", "highest")
PLOTS = {
    "soc": Plot("State of charge, %", ("by the board", "as claimed"), _from_window(_soc)),
    "current": Plot("Current, A (above zero: charging)", _RANGE, _from_window(lambda w: _range(w.pack_current_ma))),
    "voltage": Plot("Voltage, V", _RANGE, _from_window(lambda w: _range(w.pack_voltage_mv))),
    "cells": Plot("Cell voltages, V", ("lowest cell", "highest cell"), _from_window(_cells)),
    "temperature": Plot("Temperature, °C", _RANGE, _from_window(_temperature)),
    "health": Plot("State of health, %", ("value", "low (95 %)", "high (95 %)"), _health, of_statements=True),
}

WIDTH, HEIGHT = 480, 300  # of the drawing; it scales with the page, and its words are readable on a phone
_UNITS = ((172_800_000, 86_400_000, "days"), (7_200_000, 3_600_000, "hours"), (0, 60_000, "minutes"))
_CSS = """inline:
:root { color-scheme: light dark; --ink: #1d2433; --soft: #667085; --grid: #dfe3ea; --a: #0b6e5f; --b: #b08433;
  --c: #a3acbb }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebf2; --soft: #9aa4b8; --grid: #2e3646; --a: #58c9b3; --b: #d9b36a; --c: #5b6579 } }
.background, .plot > .background { fill: transparent !important }
.title, .legends .legend text, .axis text, .axis text.major, text.no_data { fill: var(--soft) !important }
.title { font-size: 14px !important }
.title.plot_title { fill: var(--ink) !important; font-size: 18px !important; font-weight: 600 }
.axis .line, .axis .guide.line, .axis .major.line, .axis .guides .guide.line { stroke: var(--grid) !important }
.series .line { fill: none; stroke-width: 2.5 !important }
.color-0 { stroke: var(--a) !important; fill: var(--a) !important }
.color-1 { stroke: var(--b) !important; fill: var(--b) !important }
.color-2 { stroke: var(--c) !important; fill: var(--c) !important }
.series .line { fill: none !important }
"""
_RANGE_CSS = "inline:.color-1 { stroke: var(--c) !important; fill: var(--c) !important }"
_STYLE = Style(
    background="transparent", plot_background="transparent", font_family="system-ui, sans-serif",
    title_font_size=18, label_font_size=14, major_label_font_size=14, legend_font_size=14, no_data_font_size=18,
)  # fmt: skip


def plot_svg(store: PassportStore, log_id: bytes | None, quantity: str) -> bytes:
    """The plot of one log; "no data yet" while there is none. KeyError for a quantity that has no plot."""
    plot = PLOTS[quantity]
    records: list[StoredRecord] = []
    if log_id is not None:
        records = store.plotted_statements(log_id) if plot.of_statements else store.plotted_records(log_id)
    found = list(_points(plot, records))
    unit_ms, unit = _unit(max((uptime_ms for uptime_ms, _ in found), default=0))
    chart = _chart(plot, f"{unit} since the log was opened", show_dots=len(found) < 30)
    for number, name in enumerate(plot.lines):
        line = [(uptime_ms / unit_ms, points[number]) for uptime_ms, points in found]
        if any(value is not None for _, value in line):
            chart.add(name, line)
    chart.show_x_labels = chart.show_y_labels = bool(found)
    svg: bytes = chart.render()
    return svg


def _points(plot: Plot, records: Iterable[StoredRecord]) -> Iterable[tuple[int, Points]]:
    for record in records:
        if record.is_unaltered and not is_bare(record.entry):
            entry = decode_entry(record.entry)
            points = plot.points(entry)
            if points:
                yield entry.uptime_ms, points


def _unit(longest_ms: int) -> tuple[int, str]:
    return next((unit_ms, name) for at_least_ms, unit_ms, name in _UNITS if longest_ms >= at_least_ms)


def _chart(plot: Plot, x_title: str, show_dots: bool) -> Any:
    css = ["file://style.css", "file://graph.css", _CSS, *([_RANGE_CSS] if len(plot.lines) == 3 else [])]
    chart = pygal.XY(
        css=css, js=[], style=_STYLE, title=plot.title, x_title=x_title,
        width=WIDTH, height=HEIGHT, explicit_size=False, no_prefix=True, show_dots=show_dots, dots_size=2.5, margin=8,
        margin_bottom=14,
        legend_at_bottom=True, legend_box_size=11, legend_at_bottom_columns=len(plot.lines),
        min_scale=3, max_scale=7, no_data_text="no data yet", truncate_legend=-1,
        show_x_guides=False, allow_interruptions=True,
    )  # fmt: skip
    chart.add_xml_filter(_without_script_and_comments)
    return chart


def _without_script_and_comments(root: Any) -> Any:
    for parent in list(root.iter()):  # lxml, which pygal takes where it is installed, ends an iteration that is cut
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.endswith("script"):
                parent.remove(child)
    return root
