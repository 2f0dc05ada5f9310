"""The picture of a replay: estimate, 95 % interval and reference over time, and the state of charge below it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from packseal.apps.replay_result import SOH, Replayed
from packseal.apps.replay_statements import interval

UNITS_MS = ((2 * 86_400_000, 86_400_000, "days"), (2 * 3_600_000, 3_600_000, "hours"), (0, 60_000, "minutes"))
INK, SOFT, GOOD, TRUE, CLAIM = "#1d2433", "#5d6678", "#0b6e5f", "#b3261e", "#b08433"
FEW = 60  # points that can be told apart
SIZE_INCHES = (10, 7.5)
SETTINGS: Any = {  # matplotlib's type lists each setting there is
    "svg.hashsalt": "packseal",  # the same names inside, so the same replay gives the same file
    "svg.fonttype": "path",
    "text.parse_math": False,  # a file's name may have dollar signs
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
}


@dataclass(frozen=True, slots=True)
class Picture:
    png: bytes
    svg: str


def drawn(done: Replayed) -> Picture:
    """Without pyplot, which holds on to every figure and asks for a screen."""
    with rc_context(SETTINGS):
        figure = Figure(figsize=SIZE_INCHES, layout="constrained")
        FigureCanvasAgg(figure)
        health, charge = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        _, unit_ms, unit = next(item for item in UNITS_MS if done.seen.t_ms >= item[0])
        _draw_health(health, done, unit_ms)
        _draw_charge(charge, done, unit_ms)
        charge.set_xlim(0, max(done.seen.t_ms, 1) / unit_ms)
        charge.set_xlabel(f"{unit} since the first row")
        png, svg = io.BytesIO(), io.StringIO()
        figure.savefig(png, format="png", dpi=120, metadata={"Software": None})
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    text = svg.getvalue()
    return Picture(png.getvalue(), text[text.index("<svg") :])


def _draw_health(axes: Any, done: Replayed, unit_ms: int) -> None:
    points = [
        (t_ms / unit_ms, estimate) for t_ms, each in done.said.statements.points if (estimate := each.estimate(SOH))
    ]
    times = [time for time, _ in points]
    values = [estimate.value / 100 for _, estimate in points]
    ends = [[end / 100 for end in interval(estimate)] for _, estimate in points]
    lows, highs = [low for low, _ in ends], [high for _, high in ends]
    if len(points) > FEW:
        axes.fill_between(times, lows, highs, color=GOOD, alpha=0.25, linewidth=0, label="95 % interval")
        axes.plot(times, values, color=GOOD, linewidth=1.2, label="estimate")
    elif points:
        axes.vlines(times, lows, highs, color=GOOD, alpha=0.45, linewidth=4, label="95 % interval")
        axes.plot(times, values, "o", color=GOOD, markersize=4, label="estimate")
    else:
        axes.text(0.5, 0.5, "not yet known", transform=axes.transAxes, ha="center", va="center", color=SOFT, size=20)
    true = [(t, 100 * mah / done.rated_mah) for t, mah in (done.reference.points if done.reference else ())]
    _plot(axes, true, unit_ms, TRUE, "reference", "x-")
    _plot(axes, [(t, cpct / 100) for t, cpct in done.seen.soh_reported.held], unit_ms, CLAIM, "claimed by the BMS", "-")
    axes.set_title(f"{done.table.name}: state of health, % of rated {done.rated_mah / 1000:g} Ah", loc="left")
    _finish(axes)


def _draw_charge(axes: Any, done: Replayed, unit_ms: int) -> None:
    _plot(axes, [(t, cpct / 100) for t, cpct in done.said.socs.points], unit_ms, GOOD, "estimate", "-")
    _plot(
        axes, [(t, cpct / 100) for t, cpct in done.seen.soc_reported.points], unit_ms, CLAIM, "claimed by the BMS", "-"
    )
    axes.set_title("state of charge, %", loc="left")
    axes.set_ylim(-3, 103)
    _finish(axes)


def _plot(axes: Any, points: Sequence[tuple[int, float]], unit_ms: int, color: str, name: str, marker: str) -> None:
    if points:
        times, values = [t_ms / unit_ms for t_ms, _ in points], [value for _, value in points]
        axes.plot(times, values, marker, color=color, markersize=5, linewidth=1, label=name)


def _finish(axes: Any) -> None:
    axes.grid(visible=True, color="#e2e5e0", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=10)
