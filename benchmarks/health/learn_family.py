"""Learns a family of curves (firmware/logger/core/curve_family.py) from one cell's life and writes it as a profile.

    PYTHONPATH=.:firmware python benchmarks/health/learn_family.py CELL [PROFILE]

Each half cycle gives charge against voltage, counted from where it crosses a voltage in the middle. At each voltage of
the grid the six ages' charges are found by least squares of hat functions over the cell's capacity at the time, with a
small penalty on their second difference in age. Linear interpolation between grid voltages lies on the inner side of a
bend everywhere; a twelfth of the second difference is taken off, so that it is right on the mean.

The recordings are not part of the repository, the tables are: numbers learnt by us.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from benchmarks.health.cells import CELLS, Cell, Floats, Half, folder, halves, is_there, references

COARSE_STEPS, POINTS = 4, 41
SMOOTHING = 0.02  # of the penalty in age, a window's share
STEP_S = 60  # what the firmware takes a step's resistance from: its first two segments
ROW_BYTES = 24  # in a line of the profile


@dataclass(frozen=True)
class Grid:
    first_mv: int
    coarse_mv: int
    fine_mv: int
    middle_v: float
    settle_s: float
    rate_permil: int  # of rated_capacity / 1 h

    @property
    def volts(self) -> Floats:
        fine_from = self.first_mv + COARSE_STEPS * self.coarse_mv
        coarse = self.first_mv + self.coarse_mv * np.arange(COARSE_STEPS)
        return np.concatenate([coarse, fine_from + self.fine_mv * np.arange(POINTS - COARSE_STEPS)]) / 1000


@dataclass(frozen=True)
class Plan:
    """Ages as total capacity / rated_capacity, within what the recordings reach. Coarse steps are for the tail."""

    ages: tuple[float, ...]
    reference_ddegc: int
    full_mv: int  # below what a charge to 4.2 V leaves, above what one that was cut short does
    charge: Grid
    discharge: Grid
    source: str


PLANS = {
    "lco": Plan(
        (1.03, 0.97, 0.91, 0.85, 0.78, 0.71),
        240,
        4175,
        Grid(3600, 15, 15, 3.95, 150, 500),
        Grid(2700, 140, 21, 3.70, 60, -1000),
        "{cell} of the CS2 series of CALCE, University\nof Maryland (prismatic LCO, 1.1 Ah; charged at C/2, "
        "discharged at 1 C).",
    ),
    "nca": Plan(
        (0.94, 0.89, 0.83, 0.77, 0.71, 0.65),
        290,
        4175,
        Grid(3600, 15, 15, 4.00, 150, 750),
        Grid(2700, 120, 24, 3.45, 60, -1000),
        "{cell} of the battery data set of the NASA Ames\nPrognostics Center of Excellence (18650, 2 Ah; charged at "
        "1.5 A, discharged at 2 A).",
    ),
}


@dataclass(frozen=True)
class Table:
    plan: Plan
    charge: Floats  # ages x points, of rated_capacity
    discharge: Floats
    resistance_v: tuple[float, float]  # at 1 C: at age 0, and more for each of age 1


def learn(name: str) -> Table:
    cell = CELLS[name]
    plan = PLANS[cell.chemistry]
    found = halves(name)
    judged, _ = references(found)
    aged = [(judged.get(half.cycle, np.nan) * 1000 / cell.rated_mah, half) for half in found]
    aged = [(age, half) for age, half in aged if np.isfinite(age)]
    charge = _curves([(age, half) for age, half in aged if half.is_charge], plan.charge, plan.ages, cell)
    discharge = _curves([(age, half) for age, half in aged if not half.is_charge], plan.discharge, plan.ages, cell)
    return Table(plan, charge, discharge, _resistance(aged, plan.ages[-1], cell))


def _curves(aged: list[tuple[float, Half]], grid: Grid, ages: tuple[float, ...], cell: Cell) -> Floats:
    rows = [(age, _curve(half, grid, cell)) for age, half in aged]
    known = [(age, row) for age, row in rows if row is not None]
    table = _least_squares(np.array([age for age, _ in known]), np.array([row for _, row in known]), np.array(ages))
    bend = table[:, 2:] - 2 * table[:, 1:-1] + table[:, :-2]
    is_even = np.isclose(np.diff(grid.volts)[1:], np.diff(grid.volts)[:-1])
    table[:, 1:-1] -= np.where(np.isfinite(bend) & is_even, bend / 12, 0)
    return _filled(table)


def _curve(half: Half, grid: Grid, cell: Cell) -> Floats | None:
    settled = half.t - half.t[0] > grid.settle_s
    if settled.sum() < 15:
        return None
    charge = (half.charge_ah * 1000 / cell.rated_mah)[settled]
    volts = half.v[settled]
    volts = np.maximum.accumulate(volts) if half.is_charge else np.minimum.accumulate(volts)
    order = np.argsort(volts, kind="stable")
    volts, first = np.unique(volts[order], return_index=True)
    charge = charge[order][first]
    if not volts[0] < grid.middle_v < volts[-1]:
        return None
    row = np.interp(grid.volts, volts, charge, left=np.nan, right=np.nan)
    return np.asarray(row - np.interp(grid.middle_v, volts, charge))


def _least_squares(age: Floats, rows: Floats, ages: Floats) -> Floats:
    count = len(ages)
    hats = np.array([np.interp(-age, -ages, np.eye(count)[n]) for n in range(count)]).T
    histogram, edges = np.histogram(age, 12)
    weight = 1 / np.maximum(histogram[np.clip(np.digitize(age, edges) - 1, 0, 11)], 3)  # every age counts alike
    weight *= len(age) / weight.sum()
    is_inside = (age <= ages[0] + 0.02) & (age >= ages[-1] - 0.02)
    second = np.diff(np.eye(count), 2, axis=0)
    table = np.full((count, POINTS), np.nan)
    for point in range(POINTS):
        used = np.isfinite(rows[:, point]) & is_inside
        if used.sum() < 8:
            continue
        design = hats[used]
        normal = design.T @ (design * weight[used, None])
        is_seen = np.diag(normal) > 0.3
        if is_seen.sum() < 2:
            continue
        normal += SMOOTHING * used.sum() / count * second.T @ second + 1e-9 * np.eye(count)
        solved = np.linalg.solve(normal, design.T @ (weight[used] * rows[used, point]))
        table[:, point] = np.where(is_seen, solved, np.nan)
    return table


def _filled(table: Floats) -> Floats:
    """What the recordings do not reach: on at the last slope, in voltage and then in age."""
    table = table.copy()
    for row in table:
        known = np.flatnonzero(np.isfinite(row))
        if len(known) < 5:
            continue
        first, last = known[0], known[-1]
        row[:first] = row[first] + (row[first + 1] - row[first]) * (np.arange(first) - first)
        row[last + 1 :] = row[last] + (row[last] - row[last - 1]) * (np.arange(last + 1, POINTS) - last)
    whole = [n for n in range(len(table)) if np.isfinite(table[n]).all()]
    for n in set(range(len(table))) - set(whole):
        near, next_near = sorted(whole, key=lambda k: abs(k - n))[:2]
        table[n] = table[near] + (table[near] - table[next_near]) * (n - near) / (near - next_near)
    return table


def _resistance(aged: list[tuple[float, Half]], oldest: float, cell: Cell) -> tuple[float, float]:
    points = []
    for age, half in aged:
        if half.is_charge or half.rest_v is None or half.rest_age_s > 45 or age <= oldest:
            continue
        at = half.t[0] - half.rest_age_s + np.arange(STEP_S)
        drop_v = np.interp(at, half.t, half.v).mean() - half.rest_v
        rate = np.interp(at, half.t, half.i).mean() * 1000 / cell.rated_mah
        points.append((age, drop_v / rate))
    slope, fixed = np.polyfit(*np.array(points).T, 1)
    return float(fixed), float(slope)


def firmware_table(table: Table) -> tuple[object, ...]:
    """As FAMILY of a profile has it."""
    plan = table.plan
    curves = [
        (grid.first_mv * 1000, grid.coarse_mv * 1000, grid.fine_mv * 1000, grid.rate_permil * 1000, row_bytes(rows))
        for grid, rows in ((plan.charge, table.charge), (plan.discharge, table.discharge))
    ]
    resistance_uv = tuple(round(volts * 1e6) for volts in table.resistance_v)
    return (
        tuple(round(age * 1e6) for age in plan.ages),
        plan.reference_ddegc,
        resistance_uv,
        plan.full_mv * 1000,
        *curves,
    )


def row_bytes(rows: Floats) -> bytes:
    return np.clip(np.round(rows * 10000), -32000, 32000).astype(">i2").tobytes()


def profile_text(name: str, table: Table) -> str:
    ages, reference_ddegc, resistance_uv, full_uv, *curves = firmware_table(table)
    lines = [
        f'"""{CELLS[name].chemistry.upper()}: a family of curves that ages (curve_family.py).',
        "",
        f"Learnt by us from one cell's life: {table.plan.source.format(cell=name)}",
        "Written by benchmarks/health/learn_family.py.",
        '"""',
        "",
        "FAMILY = (",
        f"    {ages},  # total capacity, ppm of rated_capacity",
        f"    {reference_ddegc},  # reference temperature, tenths of a degree",
        f"    {resistance_uv},  # drop at 1 C in µV: at age 0, and more for each whole age",
    ]
    lines.append(f"    {full_uv},  # full at or above, resting right after a charge, µV")
    for first_uv, coarse_uv, fine_uv, rate_ppm, rows in curves:  # type: ignore[misc]
        lines.append(f"    (  # {'charging' if rate_ppm > 0 else 'discharging'}: first, coarse, fine µV; rate; charges")
        lines.append(f"        {first_uv}, {coarse_uv}, {fine_uv}, {rate_ppm},")
        lines += [f'        b"{_escaped(rows[at : at + ROW_BYTES])}"' for at in range(0, len(rows), ROW_BYTES)]
        lines.append("    ),")
    return "\n".join([*lines, ")", ""])


def _escaped(part: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in part)


def main(arguments: list[str]) -> int:
    name = arguments[0]
    if not is_there(name):
        print(f"no recording of {name} in {folder()}; set PACKSEAL_CELLS to the folder that has it")
        return 0
    text = profile_text(name, learn(name))
    if len(arguments) > 1:
        Path(arguments[1]).write_text(text)
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
