"""Makes the simulated fleet of fleet.py with PyBaMM's SPMe: twenty packs of ten blocks in series, one .npz a pack.

    PYTHONPATH=. python benchmarks/health/make_fleet.py

Needs the extra `health`; about ten minutes of one core. What is there is not made again.

Each pack has its own way and pace of ageing, seven snapshots a year apart from new to 75 % (72 to 80 % for single
packs): lithium lost to the growth of the SEI with the root of time (Pinson and Bazant, J. Electrochem. Soc. 160, A243,
2013), and the resistance of that film; active material of both electrodes lost with time. Ageing is a jump between
snapshots, never an accelerated side reaction (make_snapshots.py, whose cells and days these are). Blocks differ: each
amount by 1 %, the pace of ageing by 10 %, the balance by 0.3 % of charge (standard deviations).

All blocks carry one current. The fullest ends a charge, the emptiest a drive. LFP packs are charged until they are full
every day, and driven lower.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.health.make_snapshots import (
    CACHE,
    DAYS,
    SLOW_STEP_S,
    SPREAD,
    Run,
    Spme,
    charge,
    drive,
    mixed_day,
    rest,
)

PACKS = ("nmc", "nmc", "nca", "lco", "nmc") * 3 + ("nmc", "nmc", "nca", "lfp", "lfp")
BLOCKS, SNAPSHOTS = 10, 7
LEAST = (0.72, 0.80)  # of the fresh capacity, at the last snapshot
# of what a pack loses, before it is paced: lithium by the SEI, negative and positive electrode
SHARES = ((0.2, 0.5), (0, 0.4), (0, 0.25))
PACE_SPREAD, BALANCE_SPREAD = 0.10, 0.003
PIECE_ROWS = 400  # whose voltages are worked out together
DISCHARGE_H, STANDING_S = 3, 1800  # the discharge that certifies, and the rest before it
# of the SEI, where a parameter set has none: those of Chen and others, as PyBaMM has them
FILM = {
    "SEI resistivity [Ohm.m]": 2e5,
    "SEI partial molar volume [m3.mol-1]": 9.585e-5,
    "Ratio of lithium moles to SEI moles": 2.0,
    "Number of electrodes connected in parallel to make a cell": 1.0,
}
FARADAY_AH = 26.801  # a mole

Act = Callable[..., Any]
#: what instructions of casadi do to columns
ACTS: dict[str, Act] = {
    "ADD": np.add, "SUB": np.subtract, "MUL": np.multiply, "DIV": np.divide, "INV": np.reciprocal,
    "SQ": np.square, "TWICE": lambda a: a + a, "POW": np.power, "CONSTPOW": np.power, "HYPOT": np.hypot,
    "SQRT": np.sqrt, "EXP": np.exp, "LOG": np.log, "TANH": np.tanh, "ASINH": np.arcsinh,
    "LE": lambda a, b: 1.0 * (a <= b), "FMIN": np.fmin, "FMAX": np.fmax,
}  # fmt: skip


class Voltages:
    """The model's voltage over columns of states, by numpy: casadi's own machine takes ten times as long a row."""

    def __init__(self, spme: Spme) -> None:
        import casadi  # noqa: PLC0415 - of the extra `health`

        self._names = {getattr(casadi, f"OP_{name}"): name for name in (*ACTS, "CONST", "INPUT", "OUTPUT")}
        function = spme.voltage.expand()
        self._size = function.sz_w()
        self._program = [self._instruction(function, k) for k in range(function.n_instructions())]

    def __call__(self, x: Any, u: Any) -> Any:
        """x of (state, row), u of (input, row)."""
        given, work, found = (x, u), [0.0] * self._size, None
        for act, to, of in self._program:
            if act == "INPUT":
                work[to] = given[of[0]][of[1]]
            elif act == "CONST":
                work[to] = of[0]
            elif act == "OUTPUT":
                found = work[of[0]]
            else:
                work[to] = act(*[work[k] for k in of])
        return found

    def _instruction(self, function: Any, k: int) -> tuple[Any, Any, list[Any]]:
        name, given = self._names[function.instruction_id(k)], function.instruction_input(k)
        if name == "OUTPUT":
            return name, None, given
        if name == "CONST":
            given = [function.instruction_constant(k)]
        return ACTS.get(name, name), function.instruction_output(k)[0], given


def voltages_of(spme: Spme) -> Act:
    """(states, inputs) to volts; one column each. A model with a spline has no other machine than casadi's."""
    try:
        return Voltages(spme)
    except RuntimeError:
        block = spme.voltage.map(PIECE_ROWS * BLOCKS)
        return lambda x, u: _padded(block, x, u)


def _padded(block: Any, x: Any, u: Any) -> Any:
    count = x.shape[1]
    x, u = (np.pad(matrix, ((0, 0), (0, PIECE_ROWS * BLOCKS - count)), "edge") for matrix in (x, u))
    return block(x, u).full().ravel()[:count]


class PackRun:
    """Blocks in series in use, and their columns: to drive(), rest() and charge() it is what a Run is. Currents are
    those of one cell of a block."""

    def __init__(self, spme: Spme, cells: list[Any], films_ohm: list[float], drained_ah: Any) -> None:
        """drained_ah: from the full cell, of each."""
        self.spme, self._films_ohm = spme, np.array(films_ohm)
        windows = [spme.half_cells.window(cell) for cell in cells]
        runs = [Run(spme, cell, sum(window) - ah) for cell, window, ah in zip(cells, windows, drained_ah, strict=True)]
        self._n_ah, self._n_min = (np.array([getattr(run, name) for run in runs]) for name in ("n_ah", "n_min"))
        self._capacity_ah = np.array([run.capacity_ah for run in runs])
        self._inputs = np.array([run.inputs for run in runs])
        self._state = np.array([run.state for run in runs])[:, :, None]
        self._steppers = {
            step_s: tuple(np.array(parts) for parts in zip(*[run.steppers[step_s] for run in runs], strict=True))
            for step_s in runs[0].steppers
        }
        self._few = spme.voltage.map(len(cells))
        self._time_s, self._charge_a = 0, 0.0
        self._rows: list[tuple[int, float]] = []
        self._states: list[Any] = []
        self._volts: list[Any] = []

    def soc(self) -> float:
        """Of the block that ends what is under way: the fullest of a charge, else the emptiest."""
        socs = (self._n_ah - self._n_min) / self._capacity_ah
        return float(socs.max() if self._charge_a > 0 else socs.min())

    def voltage_v(self, charge_a: float) -> float:
        """The same."""
        self._inputs[:, 0] = -charge_a
        volts = self._few(self._state[:, :, 0].T, self._inputs.T).full().ravel() + charge_a * self._films_ohm
        return float(volts.max() if charge_a > 0 else volts.min())

    def step(self, charge_a: float, step_s: int) -> None:
        """Positive charges."""
        advance, push = self._steppers[step_s]
        self._state = advance @ self._state - push[:, :, None] * charge_a
        self._n_ah += charge_a * step_s / 3600
        self._time_s += step_s
        self._charge_a = charge_a
        self._rows.append((self._time_s, charge_a))
        self._states.append(self._state[:, :, 0])

    def work_out(self, voltages: Act) -> None:
        """Volts of the rows so far; their states are let go."""
        for at in range(0, len(self._states), PIECE_ROWS):
            states = np.array(self._states[at : at + PIECE_ROWS])
            done = sum(map(len, self._volts))
            amps = np.array([row[1] for row in self._rows[done : done + len(states)]])
            u = np.tile(self._inputs.T, len(states))
            u[0] = -np.repeat(amps, BLOCKS)
            x = np.ascontiguousarray(states.reshape(-1, states.shape[2]).T)
            self._volts.append(voltages(x, u).reshape(-1, BLOCKS) + amps[:, None] * self._films_ohm)
        self._states = []

    def columns(self) -> tuple[Any, Any, Any]:
        """s, A, and V of the blocks: each at the end of its step."""
        t, i = np.array(self._rows).T
        return t, i, np.concatenate(self._volts)


def full_day(run: Any, rated_ah: float, random: np.random.Generator) -> None:
    """Of LFP: low, and full."""
    drive(run, rated_ah, random.uniform(0.03, 0.3), random)
    rest(run, random)
    charge(run, rated_ah, random.uniform(0.2, 0.5), 2.0)
    rest(run, random)
    drive(run, rated_ah, run.soc() - random.uniform(0.05, 0.3), random)
    rest(run, random)


class Pack:
    """One of the fleet, and how it ages."""

    def __init__(self, half_cells: Any, random: np.random.Generator) -> None:
        from benchmarks.health.half_cells import paced_path  # noqa: PLC0415 - needs the extra `health`

        self._half_cells, fresh = half_cells, half_cells.fresh
        amounts = random.normal(1, SPREAD, (BLOCKS, 3)) * (fresh.q_n, fresh.q_p, fresh.q_li)
        self._starts = [type(fresh)(*(float(amount) for amount in row)) for row in amounts]
        self._paces = random.normal(1, PACE_SPREAD, BLOCKS)
        film, negative, positive = (random.uniform(*share) for share in SHARES)
        path = paced_path(
            half_cells, fresh, lambda t: _losses(film, negative, positive, 2 * t), random.uniform(*LEAST), SNAPSHOTS
        )
        self.losses = [losses for losses, _ in path]

    def blocks(self, k: int) -> tuple[list[Any], list[float]]:
        """(cells, resistances of their films) at snapshot k."""
        cells, films_ohm = [], []
        for start, pace in zip(self._starts, self._paces, strict=True):
            fresh_ah = self._half_cells.window(start)[1]
            losses = [pace * loss for loss in self.losses[k]]
            cells.append(start.aged(*losses, fresh_ah))
            films_ohm.append(film_ohm(self._half_cells, cells[-1], (losses[0] - losses[1] / 2) * fresh_ah))
        return cells, films_ohm


def _losses(film: float, negative: float, positive: float, t: float) -> tuple[float, float, float]:
    """(lithium, negative, positive electrode): half charged particles take their lithium with them."""
    return film * t**0.5 + negative * t / 2, negative * t, positive * t


def film_ohm(half_cells: Any, cell: Any, lost_ah: float) -> float:
    """Of an SEI that holds so much lithium, as PyBaMM has it: resistivity times thickness over surface."""
    p = half_cells.parameters
    resistivity, volume, ratio, layers = (p[name] if name in p.keys() else FILM[name] for name in FILM)  # noqa: SIM118
    sheet = p["Electrode width [m]"] * p["Electrode height [m]"] * layers * p["Negative electrode thickness [m]"]
    active = p["Negative electrode active material volume fraction"] * cell.q_n / half_cells.fresh.q_n
    surface = 3 * active / p["Negative particle radius [m]"] * sheet
    thickness = lost_ah / FARADAY_AH / ratio * volume / surface
    return float(resistivity * thickness / surface)


def usable_wh(spme: Spme, voltages: Act, cells: list[Any], films_ohm: list[float], drained_ah: Any) -> float:
    """Of one cell a block: a full charge, half an hour, rated_capacity / 3 h until one block is empty."""
    rated_ah = spme.half_cells.capacity_ah
    run: Any = PackRun(spme, cells, films_ohm, drained_ah)
    charge(run, rated_ah, 1 / DISCHARGE_H, 2.0)
    for _ in range(STANDING_S // SLOW_STEP_S):
        run.step(0.0, SLOW_STEP_S)
    while run.soc() > 0:
        run.step(-rated_ah / DISCHARGE_H, SLOW_STEP_S)
    run.work_out(voltages)
    _, i, volts = run.columns()
    is_out = i < 0
    above = volts[is_out].min(axis=1) >= spme.half_cells.chemistry.v_min
    count = len(above) if above.all() else int(above.argmin())
    return float(volts[is_out][:count].sum() * rated_ah / DISCHARGE_H * SLOW_STEP_S / 3600)


def made(spme: Spme, voltages: Act, chemistry: str, seed: list[int]) -> dict[str, Any]:
    """All snapshots of a pack, and the truth."""
    random, half_cells = np.random.default_rng(seed), spme.half_cells
    pack, rated_ah = Pack(half_cells, random), half_cells.capacity_ah
    columns: dict[str, Any] = {"rated_mah": round(rated_ah * 1e3)}
    capacities_mah, energies_mwh = [], []
    for k in range(SNAPSHOTS):
        cells, films_ohm = pack.blocks(k)
        balance_ah = random.normal(0, BALANCE_SPREAD, BLOCKS) * rated_ah
        balance_ah -= balance_ah.min()
        capacities_ah = [half_cells.window(cell)[1] for cell in cells]
        low_ah = min(capacities_ah) * random.uniform(0.25, 0.45)
        run: Any = PackRun(spme, cells, films_ohm, low_ah + balance_ah)
        for _ in range(DAYS):
            (full_day if chemistry == "lfp" else mixed_day)(run, rated_ah, random)
            run.work_out(voltages)
        t, i, volts = run.columns()
        columns[f"{k}_time_s"], columns[f"{k}_current_ma"] = t.astype(np.int32), np.rint(i * 1e3).astype(np.int32)
        columns[f"{k}_block_mv"] = np.rint(volts * 1e3).astype(np.int16)
        capacities_mah.append([round(ah * 1e3) for ah in capacities_ah])
        energies_mwh.append(round(1e3 * usable_wh(spme, voltages, cells, films_ohm, low_ah + balance_ah)))
    return columns | {"capacity_mah": np.array(capacities_mah), "energy_mwh": np.array(energies_mwh)}


def file_of(index: int) -> Path:
    return CACHE / f"fleet_{index:02}_{PACKS[index]}.npz"


def make() -> None:
    missing = [index for index in range(len(PACKS)) if not file_of(index).is_file()]
    if not missing:
        return
    from benchmarks.health.half_cells import CHEMISTRIES, HalfCells  # noqa: PLC0415 - needs the extra `health`

    warnings.filterwarnings("ignore")
    models: dict[str, tuple[Spme, Act]] = {}
    for index in missing:
        started, chemistry = time.perf_counter(), PACKS[index]
        if chemistry not in models:
            spme = Spme(HalfCells(CHEMISTRIES[chemistry]))
            models[chemistry] = spme, voltages_of(spme)
        columns = made(*models[chemistry], chemistry, [index, len(PACKS)])
        CACHE.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(file_of(index), **columns)
        print("pack", index, chemistry, f"{time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    try:
        make()
    except ImportError as error:
        sys.exit(f"{error.name} is not installed; run: .venv/bin/pip install --editable '.[health]'")
