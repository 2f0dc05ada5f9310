"""Draws docs/health_cells.png: what the firmware says of recorded cells over their lives, beside what they held.

    PYTHONPATH=.:firmware python benchmarks/health/plot_cells.py

One draw of each: windows of steady current, one family learnt from one cell and judged on another.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from benchmarks.health.cells import CELLS, references
from benchmarks.health.real_cells import Z95, Row, family_of, judge, recordings
from benchmarks.health.shown import life
from matplotlib.axes import Axes
from matplotlib.figure import Figure

TARGET = Path(__file__).resolve().parents[2] / "docs" / "health_cells.png"
SHOWN = (("CS2_35", "CS2_37", 3), ("CS2_37", "CS2_35", 3), ("B0005", "B0007", 1), ("B0007", "B0005", 1))
INK, SOFT, GOOD = "#1d2433", "#5d6678", "#0b6e5f"


def rows_of(trained_on: str, judged_on: str, every: int) -> list[Row]:
    found = recordings(judged_on)
    _, fresh_ah = references(found)
    events = life(judged_on, found, every, 0)
    return judge(events, family_of(trained_on), CELLS[judged_on].rated_mah, fresh_ah)


def draw(axes: Axes, rows: list[Row], title: str) -> None:
    at = np.arange(len(rows))
    value, sigma = np.array([100 * row.value for row in rows]), np.array([100 * row.sigma for row in rows])
    known = np.array([row.is_known for row in rows])
    low, high = np.where(known, value - Z95 * sigma, np.nan), np.where(known, value + Z95 * sigma, np.nan)
    axes.fill_between(at, low, high, color=GOOD, alpha=0.2, linewidth=0, label="stated, with its interval of 95 %")
    axes.plot(at, np.where(known, value, np.nan), color=GOOD, linewidth=1.2)
    axes.plot(at, [100 * row.true for row in rows], color=INK, linewidth=1, label="measured by full discharges")
    axes.plot(at, [100 * row.counter for row in rows], color=SOFT, linewidth=0.8, linestyle=":", label="naive counter")
    axes.set_title(title, fontsize=9, color=INK)
    axes.set_ylim(62, 108)
    axes.tick_params(labelsize=8, colors=SOFT)


def main() -> None:
    figure = Figure(figsize=(9, 5.6), layout="constrained")
    for axes, (trained_on, judged_on, every) in zip(figure.subplots(2, 2).flat, SHOWN, strict=True):
        draw(axes, rows_of(trained_on, judged_on, every), f"{judged_on}, by curves of {trained_on}")
    figure.supxlabel("windows seen", fontsize=9)
    figure.supylabel("% of the fresh capacity", fontsize=9)
    figure.axes[0].legend(fontsize=7, loc="lower left", frameon=False)
    figure.savefig(TARGET, dpi=110)


if __name__ == "__main__":
    main()
