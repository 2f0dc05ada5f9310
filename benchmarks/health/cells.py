"""Half cycles of real cells, recorded by others. The recordings are not part of this repository:

docs/health_windows.md says whose they are.

    $PACKSEAL_CELLS/calce_cs2/<cell>.parquet   time_s current_A voltage_V file_idx cycle_in_file step dis_Ah
    $PACKSEAL_CELLS/nasa_pcoe/<cell>.csv.gz    time_s current_A voltage_V temperature_C cycle type reference_capacity_Ah

A half cycle is a stretch of steady current: the constant-current part of a charge, or a discharge. The reference of a
cycle is what its full discharge gave, by the laboratory's own counter.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_FOLDER = ROOT.parent / "shared" / "data" / "cells"
CC_CHARGE, CV_CHARGE, DISCHARGE = 2, 4, 7  # CALCE's numbers of steps

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cell:
    name: str
    chemistry: str
    rated_mah: int
    is_charged_fully: bool = True


CELLS = {
    name: Cell(name, chemistry, rated_mah)
    for chemistry, rated_mah, names in (
        ("lco", 1100, ("CS2_35", "CS2_36", "CS2_37", "CS2_38")),
        ("nca", 2000, ("B0005", "B0006", "B0007", "B0018", "B0029", "B0030", "B0031", "B0032")),
    )
    for name in names
}


@dataclass(frozen=True)
class Half:
    """Times in s, A (positive charges), V, °C. rest_v: the last voltage of the rest before, None without one."""

    cycle: int
    is_charge: bool
    reference_ah: float  # nan when that cycle's discharge was no full one
    t: Floats
    i: Floats
    v: Floats
    ddegc: Floats
    rest_v: float | None
    rest_age_s: float  # from the rest's last sample to the first of the half

    @property
    def charge_ah(self) -> Floats:
        steps = np.diff(self.t) * (self.i[1:] + self.i[:-1]) / 7200
        return np.concatenate([[0.0], np.cumsum(steps)])


def folder() -> Path:
    return Path(os.environ.get("PACKSEAL_CELLS", str(DEFAULT_FOLDER)))


def path_of(cell: Cell) -> Path:
    below = f"calce_cs2/{cell.name}.parquet" if cell.chemistry == "lco" else f"nasa_pcoe/{cell.name}.csv.gz"
    return folder() / below


def is_there(name: str) -> bool:
    return path_of(CELLS[name]).is_file()


def halves(name: str) -> list[Half]:
    cell = CELLS[name]
    return list(_calce(path_of(cell)) if cell.chemistry == "lco" else _nasa(path_of(cell)))


def references(found: list[Half]) -> tuple[dict[int, float], float]:
    """({cycle: Ah, nan where it is not judged}, that of the fresh cell: the median of the first six).

    Not judged: a reference more than 4 % off the running median of eleven, of an interrupted cycle.
    """
    raw = {half.cycle: half.reference_ah for half in found if not half.is_charge}
    cycles = sorted(raw)
    values = np.array([raw[cycle] for cycle in cycles])
    judged = {}
    for n, cycle in enumerate(cycles):
        middle = np.nanmedian(values[max(0, n - 5) : n + 6])
        judged[cycle] = values[n] if abs(values[n] - middle) < 0.04 * middle else np.nan
    first = [judged[cycle] for cycle in cycles[:12] if np.isfinite(judged[cycle])]
    return judged, float(np.median(first[:6]))


def _groups(table: pyarrow.Table, keys: list[str]) -> Iterator[dict[str, Floats]]:
    """The rows of each combination of the keys, in their order, as columns."""
    columns = {name: np.asarray(table[name]) for name in table.column_names}
    order = np.lexsort([columns["time_s"], *[columns[key] for key in reversed(keys)]])
    columns = {name: values[order] for name, values in columns.items()}
    changes = np.any([np.diff(columns[key]) != 0 for key in keys], axis=0)
    for rows in np.split(np.arange(len(order)), np.flatnonzero(changes) + 1):
        yield {name: values[rows] for name, values in columns.items()}


def _calce(path: Path) -> Iterator[Half]:
    for cycle, rows in enumerate(_groups(pyarrow.parquet.read_table(path), ["file_idx", "cycle_in_file"])):
        step, current = rows["step"], rows["current_A"]
        reference = _calce_reference(rows)
        tapered = np.flatnonzero(step == CV_CHARGE)
        if not len(tapered) or abs(current[tapered[-1]]) >= 0.08:  # the charge before was not full
            reference = np.nan
        for is_charge, number in ((True, CC_CHARGE), (False, DISCHARGE)):
            at = np.flatnonzero(step == number)
            if len(at) < 20 or np.diff(rows["time_s"][at]).max() > 130:
                continue
            before = [k for k in range(max(0, at[0] - 6), at[0]) if abs(current[k]) < 0.01]
            yield _half(cycle, is_charge, reference, rows, at, before)


def _calce_reference(rows: dict[str, Floats]) -> float:
    at = np.flatnonzero(rows["step"] == DISCHARGE)
    if len(at) <= 20 or rows["voltage_V"][at].min() > 2.75:
        return np.nan
    before = rows["dis_Ah"][at[0] - 1] if at[0] else 0.0
    return float(rows["dis_Ah"][at].max() - before)


def _nasa(path: Path) -> Iterator[Half]:
    table = pyarrow.csv.read_csv(path)
    kinds = np.asarray(table["type"].to_pylist())
    of_discharge = (kinds == "discharge").astype(float)
    table = table.drop_columns(["type", "test_id"]).append_column("is_discharge", pyarrow.array(of_discharge))
    groups = list(_groups(table, ["cycle", "is_discharge"]))
    reference = {int(g["cycle"][0]): float(g["reference_capacity_Ah"][0]) for g in groups if g["is_discharge"][0]}
    for rows in groups:
        is_charge = not rows["is_discharge"][0]
        current, volts, t = rows["current_A"], rows["voltage_V"], rows["time_s"]
        at = np.flatnonzero((current > 1.3) & (t - t[0] < 12000) if is_charge else current < -1.0)
        if is_charge and len(at):
            at = at[(volts[at] > 2.5) & (volts[at] < 4.25)]
            at = max(np.split(at, np.flatnonzero(np.diff(at) > 1) + 1), key=len)
        if len(at) < 20 or np.diff(t[at]).max() > 200:
            continue
        before = np.flatnonzero(abs(current[: at[0]]) < 0.03)
        cycle = int(rows["cycle"][0])
        yield _half(cycle, is_charge, reference.get(cycle, np.nan), rows, at, before)


def _half(cycle, is_charge, reference_ah, rows, at, before):  # type: ignore[no-untyped-def]
    t = rows["time_s"]
    warm = rows.get("temperature_C", np.full(len(t), 24.0))  # CALCE's laboratory; not recorded
    rest_v, rest_age_s = (rows["voltage_V"][before[-1]], t[at[0]] - t[before[-1]]) if len(before) else (None, 0.0)
    return Half(
        cycle,
        is_charge,
        reference_ah,
        t[at],
        rows["current_A"][at],
        rows["voltage_V"][at],
        warm[at] * 10,
        rest_v,
        rest_age_s,
    )
