"""Plots as SVG within the page: no script, no style of their own, the same bytes for the same trace.

The page's style sheet (templates/report.css) decides colours by the classes that are left here. What is drawn is
decided by curves.py; faults lie behind the lines, as long as they lasted. The legend is the page's: `legend`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pygal
from pygal.style import Style

from packseal_hil.report.curves import Curves, Point, rectangle
from packseal_hil.trace import Mark

WIDTH, HEIGHT = 480, 260  # it scales with the page, and its words are readable on a phone
ROOM = 0.06  # of the height, above and below the lines
LEAST_SPAN = 1e-3  # in the plot's unit: a line that never moves is drawn in the middle
LEAST_FAULT_SHARE = 0.003  # of the width, or nobody sees a fault that was over at once
UNITS = ((172_800, 86_400, "days"), (7_200, 3_600, "hours"), (300, 60, "minutes"), (0, 1, "seconds"))
_STYLE = Style(label_font_size=14, major_label_font_size=14, title_font_size=14)
_SHED = {"script", "style", "desc"}  # elements; pygal's style would be the whole page's


def drawn(curves: Curves, faults: Sequence[Mark], longest_s: float) -> str:
    """An <svg> for the page; "nothing was recorded" where no line has a point. longest_s: what the axis ends at."""
    unit_s, unit = unit_of(longest_s)
    values = [value for line in curves.lines for value in line.values]
    low, high = _span(values)
    chart = _chart(curves, f"{unit} of the pack's time", (low, high))
    if values:
        chart.xrange = (0.0, max(longest_s, 1.0) / unit_s)
        chart.add(None, _shown(_marked(faults, longest_s, low, high), unit_s))
        for line in curves.lines:
            chart.add(None, _shown(line.points, unit_s))
    chart.show_x_labels = chart.show_y_labels = bool(values)
    chart.uuid = curves.key
    rendered: str = chart.render(is_unicode=True)
    return rendered[rendered.index("<svg") :]


def legend(curves: Curves, has_faults: bool) -> tuple[tuple[int, str], ...]:
    """(number of the colour, name) of what the plot has."""
    named = [(number, line.name) for number, line in enumerate(curves.lines, 1) if line.points]
    return (*named, *([(0, "fault")] if has_faults else []))


def unit_of(longest_s: float) -> tuple[int, str]:
    """(seconds in one, name)"""
    return next((seconds, name) for at_least_s, seconds, name in UNITS if longest_s >= at_least_s)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    beside = max((high - low) * ROOM, LEAST_SPAN)
    return low - beside, high + beside


def _shown(points: Sequence[Point], unit_s: int) -> list[Point]:
    return [(None if at_s is None else at_s / unit_s, value) for at_s, value in points]


def _marked(faults: Sequence[Mark], longest_s: float, low: float, high: float) -> list[Point]:
    points: list[Point] = []
    for mark in faults:
        until_s = longest_s if mark.until_s is None else min(mark.until_s, longest_s)
        until_s = max(until_s, mark.at_s + LEAST_FAULT_SHARE * longest_s)
        points += rectangle(mark.at_s, until_s, low, high)
    return points


def _chart(curves: Curves, x_title: str, span: tuple[float, float]) -> Any:
    chart = pygal.XY(
        css=[], js=[], style=_STYLE, title=None, x_title=x_title, width=WIDTH, height=HEIGHT, explicit_size=False,
        classes=("chart", "band" if curves.has_band else "lines"), show_dots=False, margin=6,
        margin_bottom=12, show_legend=False, min_scale=3, max_scale=6, range=span, show_x_guides=False,
        allow_interruptions=True, no_data_text="nothing was recorded", value_formatter=_number,
        x_value_formatter=_number,
    )  # fmt: skip
    chart.add_xml_filter(_bare)
    return chart


def _number(value: float) -> str:
    return f"{value:.6g}".replace("-", "\u2212")


def _bare(root: Any) -> Any:
    """Without comments, and without names that several plots in one page would share."""
    for parent in list(root.iter()):
        parent.attrib.pop("id", None)
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] in _SHED:
                parent.remove(child)
    return root
