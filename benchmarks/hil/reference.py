"""The full electrochemical cell that the plant is fitted to and judged by: PyBaMM's Doyle-Fuller-Newman model.

Needs the extra `health`. Currents are C-rates of the fresh cell's capacity, positive when they charge, straight between
their knots; temperature is held. The models' limits of voltage do not stop a run: the duty stays within them. What was
run is kept below ~/.cache/packseal/hil, by a digest of what was asked.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pybamm
from benchmarks.health.half_cells import CHEMISTRIES, HalfCells

Floats = npt.NDArray[np.float64]
CACHE = Path.home() / ".cache" / "packseal" / "hil"
RAMP_S = 0.1  # of a change of current: a jump would stop the solver
FROM_SOC = 0.97
DOWN, UP = 18, 17  # rounds of 5 % of charge


def voltage_v(name: str, time_s: Floats, c_rate: Floats, temperature_c: float, soc: float, out_s: Floats) -> Floats:
    """Of the DFN of this chemistry, at out_s; soc: where it rests at time_s[0]."""
    asked = hashlib.sha256(f"{name} {pybamm.__version__} {temperature_c} {soc}".encode())
    for column in (time_s, c_rate, out_s):
        asked.update(column.astype("<f8").tobytes())
    path = CACHE / f"{asked.hexdigest()[:24]}.npy"
    if not path.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        np.save(path, _solved(name, time_s, c_rate, temperature_c, soc, out_s))
    found: Floats = np.load(path)
    return found


def _solved(name: str, time_s: Floats, c_rate: Floats, temperature_c: float, soc: float, out_s: Floats) -> Floats:
    parameters = pybamm.ParameterValues(CHEMISTRIES[name].parameter_set)
    charge_a = c_rate * HalfCells(CHEMISTRIES[name]).capacity_ah
    parameters.update(
        {
            "Ambient temperature [K]": temperature_c + 273.15,
            "Initial temperature [K]": temperature_c + 273.15,
            "Current function [A]": pybamm.Interpolant(time_s, -charge_a, pybamm.t),
        }
    )
    model = pybamm.lithium_ion.DFN()
    model.events = []
    solver = pybamm.IDAKLUSolver(rtol=1e-5, atol=1e-6)
    simulation = pybamm.Simulation(model, parameter_values=parameters, solver=solver)
    solution = simulation.solve(time_s, t_interp=out_s, initial_soc=soc)
    return np.asarray(solution["Voltage [V]"](out_s))


def excitation() -> tuple[Floats, Floats]:
    """(time_s, C-rate) that shows every time constant at every charge, both ways: pulses, long pulses, rests. The
    tables are fitted to it and to nothing else, so that no duty has been seen before it is driven."""
    down = [(-1, 20), (0, 40), (1, 20), (0, 60), (-0.5, 360), (0, 720)]
    up = [(0.5, 360), (0, 60), (1, 20), (0, 40), (-1, 20), (0, 600)]
    return held(down * DOWN + [(0, 1200)] + up * UP)


def held(parts: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    """Knots of C-rates that are held for some seconds each."""
    time_s, c_rate = [0.0], [0.0]
    for rate, lasts_s in parts:
        time_s += [time_s[-1] + RAMP_S, time_s[-1] + lasts_s]
        c_rate += [rate, rate]
    return np.array(time_s), np.array(c_rate)
