"""Total capacity from partial cycles of real cells that none of us cycled, by the firmware's own code.

    PYTHONPATH=.:firmware python benchmarks/health/real_cells.py [--full]

Each line: a family learnt from one cell, judged on another. Errors in points of the fresh cell's capacity; "known" are
the windows after which the estimator itself says that it knows, "all" every one after the fifth. Cover is how often the
truth lies in the stated interval of 95 %. Cycles below 70 % of fresh are not judged. Beside it, from the same windows:
Plett's total least squares (AWTLS) and a naive counter, both on the fresh cell's curve; and what is printed on it.
No log of these cells has a BMS's own claim. The last line is the figures as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import chain

import numpy as np
from benchmarks.health.cells import CELLS, Floats, Half, folder, halves, is_there, references
from benchmarks.health.learn_family import firmware_table, learn
from benchmarks.health.shown import Event, Gap, Judged, life

from logger.core.charge_window import ChargeWindows
from logger.core.curve_family import CurveFamily
from logger.core.steps import finish

SKIPPED = 5
LEAST_JUDGED = 0.7  # of fresh
Z95 = 1.96


@dataclass(frozen=True)
class Case:
    trained_on: str
    judged_on: str
    every: int  # cycle
    draws: int
    full_draws: int
    is_full: bool = False

    @property
    def name(self) -> str:
        return f"{self.trained_on} -> {self.judged_on}" + (", full discharges" if self.is_full else "")


CASES = (
    Case("CS2_35", "CS2_37", 3, 2, 30),
    Case("CS2_37", "CS2_35", 3, 2, 30),
    Case("B0005", "B0007", 1, 4, 60),
    Case("B0007", "B0005", 1, 4, 60),
    Case("B0005", "B0029", 1, 6, 60),
    Case("B0007", "B0029", 1, 6, 60),
    Case("CS2_35", "CS2_37", 5, 1, 12, is_full=True),
    Case("CS2_37", "CS2_35", 5, 1, 12, is_full=True),
    Case("B0005", "B0007", 1, 1, 12, is_full=True),
    Case("B0007", "B0005", 1, 1, 12, is_full=True),
    Case("B0005", "B0029", 1, 2, 12, is_full=True),
    Case("B0007", "B0029", 1, 2, 12, is_full=True),
)


class Watched(ChargeWindows):
    """Shows what the baselines take: the anchors of a window that is used."""

    seen = None

    def _anchors(self, window):  # type: ignore[no-untyped-def]
        self.seen = super()._anchors(window)
        return self.seen


class Baselines:
    """Both on the fresh cell's curve: AWTLS (Plett, J. Power Sources 196, 2319, 2011, a constant ratio of the sigmas,
    memory 0.97), and counted charge by the curve's, smoothed by a tenth."""

    SIGMA_X, SIGMA_Y, MEMORY = 0.012, 0.002, 0.97

    def __init__(self, fresh_ppm: int):
        self._fresh_ppm = fresh_ppm
        self._xx = self._yy = self._xy = 0.0
        self.awtls = self.counter = 1.0
        self._count = 0

    def add(self, anchors) -> None:  # type: ignore[no-untyped-def]
        ends = [anchors.curve.charge(self._fresh_ppm, uv)[0] for uv in (anchors.uv[0], anchors.uv[-1])]
        x = (ends[1] - ends[0]) / self._fresh_ppm
        y = (anchors.charge_ppm[-1] - anchors.charge_ppm[0]) / 1e6
        if abs(x) < 0.05:
            return
        self._xx = self.MEMORY * self._xx + (x / self.SIGMA_X) ** 2
        self._yy = self.MEMORY * self._yy + (y / self.SIGMA_Y) ** 2
        self._xy = self.MEMORY * self._xy + x * y / self.SIGMA_X / self.SIGMA_Y
        apart = self._yy - self._xx
        slope = (apart + np.hypot(apart, 2 * self._xy)) / (2 * self._xy)
        self.awtls = float(slope * self.SIGMA_Y / self.SIGMA_X)
        self.counter = y / x if not self._count else self.counter + 0.1 * (y / x - self.counter)
        self._count += 1


@dataclass(frozen=True)
class Row:
    """After one part; all but the age in parts of the fresh capacity."""

    true: float
    value: float
    sigma: float
    is_known: bool
    awtls: float
    counter: float
    rated: float


def judge(events: Iterable[Event], family: CurveFamily, rated_mah: int, fresh_ah: float) -> list[Row]:
    windows, baselines, rows = Watched(family, rated_mah), Baselines(family.youngest_ppm), []
    rated = rated_mah / 1000 / fresh_ah
    for event in events:
        if isinstance(event, Gap):
            windows.gap()
        elif not isinstance(event, Judged):
            windows.note(event)
        if windows.is_due:
            windows.seen = None
            finish(windows.settle_steps())
            if windows.seen:
                baselines.add(windows.seen)
        if isinstance(event, Judged) and event.reference_ah > LEAST_JUDGED * fresh_ah:
            value, sigma, _, lacking = windows.value()
            true = event.reference_ah / fresh_ah
            by_ppm = rated / 1e6
            estimates = baselines.awtls * rated, baselines.counter * rated, rated
            rows.append(Row(true, value * by_ppm, sigma * by_ppm, lacking is None, *estimates))
    return rows


def points(rows: list[Row], of: str = "value") -> Floats:
    return np.array([100 * (getattr(row, of) - row.true) for row in rows])


def rmse(errors: Floats) -> float:
    return float(np.sqrt((errors**2).mean())) if len(errors) else float("nan")


def cover(rows: list[Row]) -> float:
    return float(np.mean([abs(row.value - row.true) < Z95 * row.sigma for row in rows])) if rows else float("nan")


def figures(draws: list[list[Row]]) -> dict[str, float]:
    draws = [rows[SKIPPED:] for rows in draws]
    known = [[row for row in rows if row.is_known] for rows in draws]
    known = [rows for rows in known if rows]
    every_known, every = [list(chain.from_iterable(lists)) for lists in (known, draws)]
    found = {"draws": len(draws), "known_share": len(every_known) / len(every), "cover_all": cover(every)}
    for name, lists in (("known", known), ("all", draws)):
        errors = [rmse(points(rows)) for rows in lists] or [np.nan]
        found[f"{name}_median"], found[f"{name}_p95"] = np.median(errors), np.percentile(errors, 95)
        found[f"{name}_worst"] = max((abs(points(rows)).max() for rows in lists), default=np.nan)
    found["cover_known"] = cover(every_known)
    found["sigma_known"] = 100 * float(np.mean([row.sigma for row in every_known])) if every_known else np.nan
    for name in ("awtls", "counter", "rated"):
        found[name] = np.median([rmse(points(rows, name)) for rows in draws])
    return {name: round(float(value), 3) for name, value in found.items()}


@cache
def recordings(name: str) -> list[Half]:
    return halves(name)


@cache
def family_of(name: str) -> CurveFamily:
    return CurveFamily(firmware_table(learn(name)))


def run(case: Case, draws: int, seed: int = 0) -> dict[str, float]:
    found = recordings(case.judged_on)
    _, fresh_ah = references(found)
    rated_mah = CELLS[case.judged_on].rated_mah
    lives = [life(case.judged_on, found, case.every, seed * 1000 + draw, is_full=case.is_full) for draw in range(draws)]
    return figures([judge(events, family_of(case.trained_on), rated_mah, fresh_ah) for events in lives])


HEADS = (
    ("known_median", "known"), ("known_p95", "P95"), ("known_worst", "worst"), ("cover_known", "cover"),
    ("sigma_known", "sigma"), ("known_share", "share"), ("all_median", "all"), ("all_p95", "P95"),
    ("all_worst", "worst"), ("cover_all", "cover"), ("awtls", "AWTLS"), ("counter", "counter"), ("rated", "rated"),
)  # fmt: skip


def main(arguments: list[str]) -> int:
    is_full = "--full" in arguments
    names = {name for case in CASES for name in (case.trained_on, case.judged_on)}
    absent = sorted(name for name in names if not is_there(name))
    if absent:
        print(f"no recordings of {', '.join(absent)} in {folder()}; set PACKSEAL_CELLS to the folder that has them")
        print(json.dumps({}))
        return 0
    print(f"{'RMSE in points of fresh capacity':36}{'draws':>6}" + "".join(f"{head:>8}" for _, head in HEADS))
    found = {}
    for case in CASES:
        found[case.name] = line = run(case, case.full_draws if is_full else case.draws)
        print(f"{case.name:36}{line['draws']:6.0f}" + "".join(f"{line[key]:8.2f}" for key, _ in HEADS), flush=True)
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
