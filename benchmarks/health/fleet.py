"""A fleet of simulated packs over their lives, by the board's own estimator: the bars of docs/health.md.

    PYTHONPATH=.:firmware python benchmarks/health/fleet.py [--full] [PACK]...

Twenty packs of ten blocks in series (make_fleet.py), each aged in its own way from new to about 75 %: seven snapshots a
year apart, three days of use in each. The estimator (core/estimator.py) is told the chemistry, the rated capacity and
the certified energy, and lives through all seven; the year between passes for it, but nothing of it is shown. Its
half-cell curves are the cells' own; with --full, once more, wrong by up to 3.5 mV in each electrode (snapshots.py).

Samples are what a BMS would have: a gain of up to 0.5 % and an offset of up to 10 mA of the current; an offset of up to
2 mV and 1 mV of noise of each block; 1 K and 0.2 K of noise; one every 1 to 10 s. Blocks are as many cells in parallel
as come to 5 Ah; so the current's offset is up to rated / 500 h, what it would be for 100 mA and 50 Ah.

The truth: of the pack's capacity, that of its weakest block, which ends each discharge (STATES, for a board that states
the mean of its blocks); of SOCE, the energy of a full discharge at rated / 3 h until one block is empty, as a part of
what the same pack gave when it was new, which is certified_energy_wh (UN GTR 22, which allows 5 points). A value counts
for the snapshot in which it is said; where none was, or the last one was taken back, nothing is known.

Beside it, of the mean block, on the fresh curve and from the same rests: a naive counter and total least squares
(snapshots.py). The last line is the figures as JSON. Four minutes of one core for each kind of curves, and the first
time ten more for the packs, which are kept in ~/.cache/packseal/health; making them needs the extra `health`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from math import isnan, nan
from types import ModuleType
from typing import Any

import numpy as np
from benchmarks.health.make_fleet import BLOCKS, PACKS, SNAPSHOTS, file_of, make
from benchmarks.health.snapshots import (
    BLOCK_MAH,
    CURVES,
    GAP_DAYS,
    PROFILES,
    Z95,
    ByCounter,
    ByTotalLeastSquares,
    errors_of,
    ring_of,
    wrong_curves,
)

from logger.core.entries import SOH
from logger.core.estimator import Estimator
from logger.core.sampling import Integrator, Sample
from logger.core.statements import CAPACITY, SOCE

WINDOW_MS, DAY_MS, MAX_BRIDGED_SLOTS = 60_000, 86_400_000, 60
SOCE_POINTS = 5.0
STATES = "weakest"  # or "mean": the blocks whose capacity the board states as the pack's (core/capacity.py)
WARM_DDEGC, WARMTH_NOISE_DDEGC = 250, 2

Value = tuple[float, float]  # points, and standard uncertainty where one is stated
Row = tuple[int, int, list[int], int]  # ms, mA, mV of each block, tenths of a degree


# ---- what the board sees


@dataclass(frozen=True)
class Sensors:
    """Of one board, for life."""

    step_s: int
    gain: float
    offset_ma: float
    offset_ddegc: int
    offsets_mv: tuple[float, ...]

    @classmethod
    def drawn(cls, random: np.random.Generator) -> Sensors:
        errors = errors_of(random)
        step_s, warmth = int(random.integers(1, 11)), round(random.uniform(-10, 10))
        return cls(step_s, errors["gain"], errors["offset_ma"], warmth, tuple(random.uniform(-2, 2, BLOCKS)))


def degraded(columns: dict[str, Any], k: int, cells: int, sensors: Sensors, random: np.random.Generator) -> list[Row]:
    """Snapshot k."""
    t, i, volts = (columns[f"{k}_{name}"].astype(float) for name in ("time_s", "current_ma", "block_mv"))
    at = np.arange(int(t[0]), int(t[-1]), sensors.step_s)
    current_ma = i[np.searchsorted(t, at)] * cells * (1 + sensors.gain) + sensors.offset_ma
    block_mv = np.array([np.interp(at, t, column) for column in volts.T]).T
    block_mv += sensors.offsets_mv + random.normal(0, 1, block_mv.shape)
    ddegc = WARM_DDEGC + sensors.offset_ddegc + random.normal(0, WARMTH_NOISE_DDEGC, len(at))
    lists = (at * 1000, np.rint(current_ma).astype(int), np.rint(block_mv).astype(int), np.rint(ddegc).astype(int))
    return list(zip(*(column.tolist() for column in lists), strict=True))


class Board:
    """The estimator, fed as the logger feeds it (sampler.py)."""

    def __init__(self, config: dict[str, Any], sensors: Sensors) -> None:
        step_ms = sensors.step_s * 1000
        self._integrator = Integrator([0] * 4, MAX_BRIDGED_SLOTS * step_ms)
        self._estimator = Estimator(config, step_ms, self._integrator.energies_uwh)
        self._sample = Sample(BLOCKS, 1)
        self._origin_ms = self._seq = 0
        self._window_ends_ms = WINDOW_MS

    def statements(self, rows: list[Row]) -> Iterator[tuple[int, dict[int, Any]]]:
        """(kind, body) of each entry that is made of some days."""
        sample = self._sample
        for since_ms, sample.current_ma, sample.cell_mv, sample.temperature_ddegc[0] in rows:
            now_ms = self._origin_ms + since_ms
            sample.pack_mv = sum(sample.cell_mv)
            self._estimator.add(sample, self._integrator.add(now_ms, sample.current_ma, sample.pack_mv))
            if now_ms >= self._window_ends_ms:
                self._window_ends_ms = now_ms + WINDOW_MS
                yield from self._window()
        for _ in range(SOCE + 1):  # what waits for a window each
            yield from self._window()
        self._origin_ms += rows[-1][0]

    def pass_days(self, days: int) -> None:
        """Counted time, of which nothing is shown that could be learnt from."""
        self._sample.current_ma = 0
        for _ in range(days):
            self._estimator.forget()
            self._estimator.add(self._sample, (DAY_MS, 0))
        self._estimator.forget()
        self._origin_ms += days * DAY_MS

    def _window(self) -> Iterator[tuple[int, dict[int, Any]]]:
        self._seq += 1
        self._estimator.note_window(self._seq)
        while self._estimator.has_work:
            self._estimator.work()
        said = self._estimator.statement()
        if said:
            yield said


# ---- what is said, and what is true


@dataclass
class Said:
    """In one snapshot. None: nothing, or it was taken back."""

    capacity: Value | None = None
    weakest: Value | None = None
    soce: Value | None = None
    capacities: list[Value] = field(default_factory=list)  # each one that was said
    soces: list[Value] = field(default_factory=list)

    def note(self, kind: int, body: dict[int, Any]) -> None:
        if kind == SOH:
            self.capacity = _points(body[5])
            self.weakest = _points(body[10][1:]) if 10 in body else None
            self.capacities.append(self.capacity)
        elif body[1] == CAPACITY:
            self.capacity = self.weakest = None
        elif body[1] == SOCE:
            self.soce = _points(body[4]) if 4 in body else None
            self.soces += [self.soce] if self.soce else []


@dataclass
class Shot:
    """A snapshot: what was said, what is true, what the baselines make of it; points."""

    pack: int
    snapshot: int
    said: Said
    mean: float
    weakest: float
    soce: float
    counter: float  # of the mean block, as is the next
    awtls: float

    @property
    def capacity(self) -> float:
        return self.weakest if STATES == "weakest" else self.mean


def _points(estimate: list[int]) -> Value:
    return estimate[0] / 100, estimate[1] / 100


def profile_named(name: str, chemistry: str, curves: Any) -> None:
    """A profile with these curves, where the estimator looks for its own."""
    module = ModuleType(name)
    module.ELECTRODES = PROFILES[chemistry].ELECTRODES | {  # type: ignore[attr-defined]
        side: _packed(getattr(curves, side)) for side in ("negative", "positive")
    }
    sys.modules[f"logger.profiles.{name}"] = module


def _packed(half_cell: Any) -> bytes:
    """As logger/profiles has it: ppm + 20,000 and 0.1 mV + 20,000, three bytes each."""
    knots = zip(half_cell.ppm, half_cell.uv, strict=True)
    return b"".join(
        (ppm + 20_000).to_bytes(3, "little") + (uv // 100 + 20_000).to_bytes(3, "little") for ppm, uv in knots
    )


def life(index: int, peak_uv: float) -> Iterator[Shot]:
    """Of one pack; how wrong the estimator's curves are."""
    columns, chemistry = dict(np.load(file_of(index))), PACKS[index]
    random = np.random.default_rng([index, 1])
    sensors, curves = Sensors.drawn(random), wrong_curves(chemistry, random, peak_uv)
    cells = max(round(BLOCK_MAH / int(columns["rated_mah"])), 1)
    rated_mah, energies_mwh = int(columns["rated_mah"]) * cells, columns["energy_mwh"]
    profile_named(f"fleet_{index}", chemistry, curves)
    config: dict[str, Any] = {
        "rated_capacity_mah": rated_mah,
        "cell_blocks": BLOCKS,
        "strings": 1,
        "chemistry": f"fleet_{index}",
    }
    board = Board(config | {"certified_energy_wh": round(int(energies_mwh[0]) * cells / 1000)}, sensors)
    for k in range(SNAPSHOTS):
        rows, said = degraded(columns, k, cells, sensors, random), Said()
        for kind, body in board.statements(rows):
            said.note(kind, body)
        board.pass_days(GAP_DAYS)
        true = 100 * columns["capacity_mah"][k] * cells / rated_mah
        ring = ring_of(((ms, ma, round(sum(mv) / BLOCKS)) for ms, ma, mv, _ in rows), rated_mah, sensors.step_s * 1000)
        others = [by(curves).learn(ring, 0)[0] for by in (ByCounter, ByTotalLeastSquares)]
        soce = 100 * float(energies_mwh[k] / energies_mwh[0])
        yield Shot(index, k, said, float(true.mean()), float(true.min()), soce, *others)


# ---- figures


def rmse(errors: list[float]) -> float:
    errors = [error for error in errors if not isnan(error)]
    return round(float(np.sqrt(np.mean(np.square(errors)))), 2) if errors else nan


def largest(errors: list[float]) -> float:
    return round(max((abs(error) for error in errors), default=nan), 2)


def percent(of: list[bool]) -> float:
    return round(100 * sum(of) / len(of), 1) if of else nan


def figures(shots: list[Shot]) -> dict[str, float]:
    known = [(shot.said.capacity, shot.capacity) for shot in shots if shot.said.capacity]
    each = [(value, shot.capacity) for shot in shots for value in shot.said.capacities]
    soces = [value[0] - shot.soce for shot in shots for value in shot.said.soces]
    weakest = [shot.said.weakest[0] - shot.weakest for shot in shots if shot.said.weakest]
    return {
        "snapshots": len(shots),
        "known_percent": percent([shot.said.capacity is not None for shot in shots]),
        "rmse": rmse([value[0] - true for value, true in known]),
        "max": largest([value[0] - true for value, true in known]),
        "cover_percent": percent([abs(value[0] - true) <= Z95 * value[1] for value, true in known]),
        "statements": len(each),
        "statements_rmse": rmse([value[0] - true for value, true in each]),
        "statements_max": largest([value[0] - true for value, true in each]),
        "statements_cover_percent": percent([abs(value[0] - true) <= Z95 * value[1] for value, true in each]),
        "soce_known_percent": percent([shot.said.soce is not None for shot in shots]),
        "soce_statements": len(soces),
        "soce_within_5_percent": percent([abs(error) <= SOCE_POINTS for error in soces]),
        "soce_rmse": rmse(soces),
        "soce_bias": round(float(np.mean(soces)), 2) if soces else nan,
        "soce_max": largest(soces),
        "weakest_rmse": rmse(weakest),
        "counter_rmse": rmse([shot.counter - shot.mean for shot in shots]),
        "awtls_rmse": rmse([shot.awtls - shot.mean for shot in shots]),
    }


HEADS = (
    ("known_percent", "known"), ("rmse", "RMSE"), ("max", "max"), ("cover_percent", "cover"), ("statements", "said"),
    ("statements_rmse", "RMSE"), ("statements_max", "max"), ("statements_cover_percent", "cover"),
    ("soce_known_percent", "SOCE"), ("soce_within_5_percent", "in 5"), ("soce_rmse", "RMSE"), ("soce_max", "max"),
    ("weakest_rmse", "weakest"), ("counter_rmse", "counter"), ("awtls_rmse", "AWTLS"),
)  # fmt: skip


def table(title: str, shots: list[Shot]) -> dict[str, dict[str, float]]:
    print(f"\n{title:16}" + "".join(f"{head:>8}" for _, head in HEADS))
    groups = {name: (name,) for name in PROFILES} | {"all but lfp": tuple(set(PROFILES) - {"lfp"}), "all": (*PROFILES,)}
    found = {}
    for name, chemistries in groups.items():
        group = [shot for shot in shots if PACKS[shot.pack] in chemistries]
        if group:
            found[name] = line = figures(group)
            print(f"{name:16}" + "".join(f"{line[key]:8g}" for key, _ in HEADS))
    return found


def main(arguments: list[str]) -> None:
    try:
        make()
    except ImportError as error:
        sys.exit(f"{error.name} is not installed; run: .venv/bin/pip install --editable '.[health]'")
    chosen = [int(argument) for argument in arguments if argument.isdigit()] or range(len(PACKS))
    names = list(CURVES) if "--full" in arguments else list(CURVES)[:1]
    found = {name: table(name, list(chain(*(life(index, CURVES[name]) for index in chosen)))) for name in names}
    print(json.dumps(found).replace("NaN", "null"))


if __name__ == "__main__":
    main(sys.argv[1:])
