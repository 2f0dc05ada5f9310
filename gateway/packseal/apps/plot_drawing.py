"""A plot as SVG without any script, and as the rows of a table for those who do not see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pygal
from pygal.style import Style

from packseal.apps.languages import Language
from packseal.apps.plots import Plot, Plotted
from packseal.passport import words

FEW_POINTS = 30  # up to here each has a dot
MOST_LABELS = 6  # under bars
WIDTH, HEIGHT = 480, 300  # of the drawing; it scales with the page, and its words are readable on a phone
_UNITS = (
    (172_800_000, 86_400_000, "days since the log was opened"),
    (7_200_000, 3_600_000, "hours since the log was opened"),
    (0, 60_000, "minutes since the log was opened"),
)
_INTERVAL = "interval of about 95 %"
_CSS = """inline:
:root { color-scheme: light dark; --ink: #1d2433; --soft: #5d6678; --grid: #dfe3ea; --a: #0b6e5f; --b: #9a6a14;
  --c: #8a93a6 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebf2; --soft: #9aa4b8; --grid: #2e3646; --a: #58c9b3; --b: #d9b36a; --c: #7a859c } }
@media print { :root { --ink: #000; --soft: #444; --grid: #ccc; --a: #0b6e5f; --b: #9a6a14; --c: #8a93a6 } }
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
.serie-1 .line { stroke-dasharray: 7 3 }
.serie-2 .line { stroke-dasharray: 2 3 }
"""
_RANGE_CSS = "inline:.color-1 { stroke: var(--c) !important; fill: var(--c) !important }"
_BAND_CSS = """inline:
.color-1 { stroke: var(--a) !important; fill: var(--a) !important; stroke-opacity: .35; fill-opacity: .22 }
.serie-1 .line { fill: var(--a) !important; fill-opacity: .22; stroke-width: 1 !important; stroke-dasharray: none }
.serie-1 .dots { display: none }
"""
_STYLE = Style(
    background="transparent", plot_background="transparent", font_family="system-ui, sans-serif",
    title_font_size=18, label_font_size=14, major_label_font_size=14, legend_font_size=14, no_data_font_size=18,
)  # fmt: skip
_BREAK = (None, None)  # where pygal ends one line and begins the next


def svg(found: Plotted, language: Language) -> bytes:
    """ "no data yet" while there is none."""
    plot, t = found.plot, language.plain
    unit_ms, unit = _unit(found.longest_ms)
    chart = _chart(plot, language, t(unit), show_dots=len(found.points) < FEW_POINTS)
    if plot.has_band:
        chart.add(t(plot.lines[0]), _line(found, 0, unit_ms), allow_interruptions=True)
        chart.add(t(_INTERVAL), _band(found, unit_ms), allow_interruptions=True)
    else:
        for number, name in enumerate(plot.lines):
            if any(points[number] is not None for _, points in found.points):
                chart.add(t(name), _line(found, number, unit_ms), allow_interruptions=True)
    chart.show_x_labels = chart.show_y_labels = bool(found.segments)
    drawn: bytes = chart.render()
    return drawn


def bars(title: str, x_title: str, y_title: str, counts: Sequence[tuple[str, int]], language: Language) -> bytes:
    """How many there are of each; texts are English. "no data yet" where there is nothing."""
    t = language.plain
    chart = pygal.Bar(
        css=["file://style.css", "file://graph.css", _CSS], js=[], style=_STYLE, title=t(title), x_title=t(x_title),
        y_title=t(y_title), width=WIDTH, height=HEIGHT, explicit_size=False, no_prefix=True, margin=8,
        margin_bottom=14, show_legend=False, min_scale=2, max_scale=5, no_data_text=t("no data yet"),
        value_formatter=_formatter(language), show_minor_x_labels=False, truncate_label=-1,
    )  # fmt: skip
    chart.add_xml_filter(_without_script_and_comments)
    if counts:
        chart.x_labels = [t(label) for label, _ in counts]
        chart.x_labels_major_every = -(-len(counts) // MOST_LABELS)
        chart.add("", [number for _, number in counts])
    drawn: bytes = chart.render()
    return drawn


def rows(found: Plotted) -> list[dict[str, Any]]:
    """Newest first: {at, values} as texts, or {gap: how long there was no evidence}."""
    made: list[dict[str, Any]] = []
    for segment, gap in zip(found.segments, [None, *found.gaps_ms], strict=False):
        if gap:
            made.append({"gap": words.span(gap[1] - gap[0])})
        made += [{"at": words.span(at_ms), "values": [_text(value) for value in values]} for at_ms, values in segment]
    return made[::-1]


def _text(value: float | None) -> str:
    return "\u2013" if value is None else f"{value:.5g}".replace("-", words.MINUS)


def _line(found: Plotted, number: int, unit_ms: int) -> list[tuple[float | None, float | None]]:
    made: list[tuple[float | None, float | None]] = []
    for segment in found.segments:
        made += [(at_ms / unit_ms, points[number]) for at_ms, points in segment]
        made.append(_BREAK)
    return made


def _band(found: Plotted, unit_ms: int) -> list[tuple[float | None, float | None]]:
    """Around each segment: along the upper ends, and back along the lower ones."""
    made: list[tuple[float | None, float | None]] = []
    for segment in found.segments:
        made += [(at_ms / unit_ms, points[2]) for at_ms, points in segment]
        made += [(at_ms / unit_ms, points[1]) for at_ms, points in reversed(segment)]
        made += [(segment[0][0] / unit_ms, segment[0][1][2]), _BREAK]
    return made


def _unit(longest_ms: int) -> tuple[int, str]:
    return next((unit_ms, name) for at_least_ms, unit_ms, name in _UNITS if longest_ms >= at_least_ms)


def _chart(plot: Plot, language: Language, x_title: str, show_dots: bool) -> Any:
    own = [_BAND_CSS] if plot.has_band else [_RANGE_CSS] if len(plot.lines) == 3 else []
    chart = pygal.XY(
        css=["file://style.css", "file://graph.css", _CSS, *own], js=[], style=_STYLE,
        title=language.plain(plot.title), x_title=x_title,
        width=WIDTH, height=HEIGHT, explicit_size=False, no_prefix=True, show_dots=show_dots, dots_size=2.5, margin=8,
        margin_bottom=14,
        legend_at_bottom=True, legend_box_size=11, legend_at_bottom_columns=len(plot.lines) - plot.has_band,
        min_scale=3, max_scale=7, no_data_text=language.plain("no data yet"), truncate_legend=-1,
        show_x_guides=False, value_formatter=_formatter(language), x_value_formatter=_formatter(language),
    )  # fmt: skip
    chart.add_xml_filter(_without_script_and_comments)
    return chart


def _formatter(language: Language) -> Any:
    return lambda value: language.numerals.written(f"{value:.6g}")


def _without_script_and_comments(root: Any) -> Any:
    for parent in list(root.iter()):  # lxml, which pygal takes where it is installed, ends an iteration that is cut
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.endswith("script"):
                parent.remove(child)
    return root
