"""Makes the aged cells of snapshots.py with PyBaMM's SPMe: one .npz a chemistry, path of ageing and use.

    PYTHONPATH=. python benchmarks/health/make_snapshots.py [nmc|nca|lco|lfp]...

Needs the extra `health`; five minutes of one core for all. What is there is not made again.

Ageing is a jump: each snapshot is a cell with its own amounts of lithium and active material, a year from the next;
never an accelerated side reaction, which corrupts the counting of charge. The SPMe (Marquis and others, J.
Electrochem. Soc. 166, A3693, 2019) is taken from PyBaMM as casadi functions; its state equation is linear but for the
electrolyte's diffusivity, and is advanced by a matrix exponential, exact for a held current; the voltage is PyBaMM's
own expression. Within 0.3 mV of IDAKLU at 0.4 C, 1.9 mV at 1 C, and sixty times as fast.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import numpy as np

CACHE = Path.home() / ".cache" / "packseal" / "health"
USES = ("mixed", "narrow")
SNAPSHOTS, LEAST = 7, 0.7  # of the fresh capacity
DAYS, DRIVE_STEP_S, SLOW_STEP_S = 3, 2, 10
SPREAD = 0.01  # from cell to cell, of each amount

#: losses (lithium, negative, positive electrode) at a progress: the pure ones, mixtures, and one that bends
PATHS = {
    "lli": lambda s: (s, 0, 0),
    "lam_ne": lambda s: (0, 0.9 * s, 0),
    "lam_pe": lambda s: (0, 0, 0.9 * s),
    "mix_even": lambda s: (0.6 * s, 0.6 * s, 0.6 * s),
    "mix_ne": lambda s: (0.8 * s, 0.7 * s, 0.1 * s),
    "mix_pe": lambda s: (0.7 * s, 0.1 * s, 0.7 * s),
    "bend": lambda s: (s if s < 0.12 else 0.12 + 0.3 * (s - 0.12), 0.2 * s, max(0.0, 1.3 * (s - 0.12))),
}
INPUTS = (
    "Current function [A]",
    "Negative electrode active material volume fraction",
    "Positive electrode active material volume fraction",
    "Initial concentration in negative electrode [mol.m-3]",
    "Initial concentration in positive electrode [mol.m-3]",
)


class Spme:
    """The model of one chemistry as functions of (state, inputs)."""

    def __init__(self, half_cells) -> None:
        import casadi  # noqa: PLC0415 - of the extra `health`
        import pybamm  # noqa: PLC0415 - the same

        pybamm.set_logging_level("ERROR")
        p = half_cells.parameters.copy()
        self.half_cells = half_cells
        self.fresh_inputs = [0.0, *(float(p[name]) for name in INPUTS[1:])]
        self.c_max = [p[f"Maximum concentration in {e} electrode [mol.m-3]"] for e in ("negative", "positive")]
        p.update(dict.fromkeys(INPUTS, "[input]"))
        simulation = pybamm.Simulation(pybamm.lithium_ion.SPMe(), parameter_values=p)
        simulation.build()
        parts = simulation.built_model.export_casadi_objects(["Voltage [V]"], input_parameter_order=list(INPUTS))
        x, u, rates = parts["x"], parts["inputs"], parts["rhs"]
        self.initial = casadi.Function("initial", [u], [parts["x0"]])
        self.jacobians = casadi.Function("jacobians", [x, u], [casadi.jacobian(rates, x), casadi.jacobian(rates, u)])
        self.voltage = casadi.Function("voltage", [x, u], [parts["variables"]["Voltage [V]"]])
        self.voltage_block = self.voltage.map(1000)


class Run:
    """A cell in use, and its columns."""

    def __init__(self, spme: Spme, cell, n_ah: float) -> None:
        self.spme, self.cell, self.n_ah = spme, cell, n_ah
        fresh = spme.half_cells.fresh
        _, eps_n, eps_p, _, _ = spme.fresh_inputs
        inputs = [0.0, eps_n * cell.q_n / fresh.q_n, eps_p * cell.q_p / fresh.q_p]
        inputs += [spme.c_max[0] * n_ah / cell.q_n, spme.c_max[1] * (cell.q_li - n_ah) / cell.q_p]
        self.inputs = np.array(inputs)
        self.state = np.array(spme.initial(self.inputs)).ravel()
        a, b = (matrix.full() for matrix in spme.jacobians(self.state, self.inputs))
        self.steppers = {step_s: _discretised(a, b[:, 0], step_s) for step_s in (DRIVE_STEP_S, SLOW_STEP_S)}
        self.time_s, self.rows, self.states = 0, [], []
        self.n_min, self.capacity_ah = spme.half_cells.window(cell)

    def soc(self) -> float:
        return (self.n_ah - self.n_min) / self.capacity_ah

    def voltage_v(self, charge_a: float) -> float:
        self.inputs[0] = -charge_a
        return float(self.spme.voltage(self.state, self.inputs))

    def step(self, charge_a: float, step_s: int) -> None:
        """Positive charges."""
        advance, push = self.steppers[step_s]
        self.state = advance @ self.state - push * charge_a
        self.n_ah += charge_a * step_s / 3600
        self.time_s += step_s
        self.rows.append((self.time_s, charge_a))
        self.states.append(self.state)

    def columns(self):
        """s, mA, mV: each at the end of its step."""
        t, i = np.array(self.rows).T
        u = np.tile(self.inputs[:, None], len(t))
        u[0] = -i
        padding = -len(t) % 1000
        x, u = (np.pad(matrix, ((0, 0), (0, padding)), "edge") for matrix in (np.array(self.states).T, u))
        parts = [slice(k, k + 1000) for k in range(0, x.shape[1], 1000)]
        v = np.concatenate([self.spme.voltage_block(x[:, part], u[:, part]).full().ravel() for part in parts])
        return {
            "time_s": t.astype(np.int32),
            "current_ma": np.rint(i * 1e3).astype(np.int32),
            "voltage_mv": np.rint(v[: len(t)] * 1e3).astype(np.int16),
        }


def _discretised(a, b, step_s: int):
    from scipy.linalg import expm  # noqa: PLC0415 - of the extra `health`

    size = len(b)
    block = np.zeros((size + 1, size + 1))
    block[:size, :size], block[:size, size] = a * step_s, b * step_s
    power = expm(block)
    return power[:size, :size], power[:size, size]


def drive(run: Run, rated_ah: float, soc_end: float, random: np.random.Generator) -> None:
    """Micro-trips of our own down to soc_end, or until the voltage under load is near its limit."""
    stop_v = run.spme.half_cells.chemistry.v_min + 0.1
    while run.soc() > soc_end and run.voltage_v(-rated_ah) > stop_v:
        for c_rate in _micro_trip(random):
            run.step(-c_rate * rated_ah, DRIVE_STEP_S)


def _micro_trip(random: np.random.Generator):
    """Pull away, cruise, brake, stand: the rate of each step."""
    parts = (
        (random.uniform(0.5, 1.3), random.integers(2, 8)),
        (random.uniform(0.1, 0.5), random.integers(5, 60)),
        (-random.uniform(0.1, 0.6), random.integers(1, 6)),
        (0.02, random.integers(0, 15)),
    )
    return np.concatenate([np.full(count, level) * random.uniform(0.9, 1.1, count) for level, count in parts])


def rest(run: Run, random: np.random.Generator) -> None:
    """10 min to 8 h, each decade as likely."""
    hours = float(np.exp(random.uniform(np.log(1 / 6), np.log(8))))
    for _ in range(int(hours * 3600 / SLOW_STEP_S)):
        run.step(0.0, SLOW_STEP_S)


def charge(run: Run, rated_ah: float, c_rate: float, soc_end: float) -> None:
    """Constant current, then voltage down to C/20, or until soc_end; never above the thermodynamically full cell: one
    with too little negative electrode has no limit of voltage of its own in the model, where a real one plates."""
    most_v, amps = run.spme.half_cells.chemistry.v_max, c_rate * rated_ah
    while run.soc() < min(soc_end, 0.999) and amps > rated_ah / 20:
        run.step(amps, SLOW_STEP_S)
        over_v = run.voltage_v(amps) - most_v
        if over_v > 0:
            amps *= max(0.5, 1 - 8 * over_v / 0.1) if over_v > 0.002 else 0.985


def mixed_day(run: Run, rated_ah: float, random: np.random.Generator) -> None:
    drive(run, rated_ah, random.uniform(0.08, 0.6), random)
    rest(run, random)
    charge(run, rated_ah, random.uniform(0.2, 0.5), 2.0 if random.random() < 0.4 else random.uniform(0.7, 0.97))
    rest(run, random)
    drive(run, rated_ah, run.soc() - random.uniform(0.05, 0.3), random)
    rest(run, random)


def narrow_day(run: Run, rated_ah: float, random: np.random.Generator) -> None:
    drive(run, rated_ah, random.uniform(0.45, 0.55), random)
    rest(run, random)
    charge(run, rated_ah, random.uniform(0.2, 0.5), random.uniform(0.65, 0.75))
    rest(run, random)


def snapshot(spme: Spme, cell, use: str, random: np.random.Generator):
    """Some days of one cell, from an unknown state of charge at rest."""
    rated_ah = spme.half_cells.capacity_ah
    n_min, capacity_ah = spme.half_cells.window(cell)
    run = Run(spme, cell, n_min + capacity_ah * random.uniform(0.55, 0.75))
    for _ in range(DAYS if use == "mixed" else DAYS + 1):
        (mixed_day if use == "mixed" else narrow_day)(run, rated_ah, random)
    return run.columns()


def made(spme: Spme, path: str, use: str, seed: list[int]):
    """All snapshots of a path, and the truth."""
    from benchmarks.health.half_cells import Electrodes, paced_path  # noqa: PLC0415 - needs the extra `health`

    random, half_cells = np.random.default_rng(seed), spme.half_cells
    fresh = half_cells.fresh
    start = Electrodes(*(q * random.normal(1, SPREAD) for q in (fresh.q_n, fresh.q_p, fresh.q_li)))
    columns, capacities_mah = {"rated_mah": round(half_cells.capacity_ah * 1e3)}, []
    for k, (_, cell) in enumerate(paced_path(half_cells, start, PATHS[path], LEAST, SNAPSHOTS)):
        for name, column in snapshot(spme, cell, use, random).items():
            columns[f"{k}_{name}"] = column
        capacities_mah.append(round(half_cells.window(cell)[1] * 1e3))
    return columns | {"capacity_mah": np.array(capacities_mah)}


def file_of(chemistry: str, path: str, use: str) -> Path:
    return CACHE / f"{chemistry}_{path}_{use}.npz"


def make(chemistry: str, index: int) -> None:
    missing = [(path, use) for path in PATHS for use in USES if not file_of(chemistry, path, use).is_file()]
    if not missing:
        return
    from benchmarks.health.half_cells import CHEMISTRIES, HalfCells  # noqa: PLC0415 - needs the extra `health`

    warnings.filterwarnings("ignore")
    spme = Spme(HalfCells(CHEMISTRIES[chemistry]))
    for path, use in missing:
        started = time.perf_counter()
        columns = made(spme, path, use, [index, list(PATHS).index(path), USES.index(use)])
        CACHE.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(file_of(chemistry, path, use), **columns)
        print(chemistry, path, use, f"{time.perf_counter() - started:.1f} s", flush=True)


def main(names: list[str]) -> None:
    order = ("nmc", "nca", "lfp", "lco")  # the seeds depend on it
    for name in names or order:
        make(name, order.index(name))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ImportError as error:
        sys.exit(f"{error.name} is not installed; run: .venv/bin/pip install --editable '.[health]'")
