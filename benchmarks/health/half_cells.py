"""Half-cells of four chemistries by PyBaMM: open-circuit voltage, capacity and ageing of the true cells.

The same equations as firmware/logger/core/electrodes.py, in floats and from the papers' own functions:

    V(n) = U_p((q_li - n) / q_p) - U_n(n / q_n)        q_li = q_li0 - lli * C0,  q_n = q_n0 (1 - lam_ne),  q_p likewise

`capacity` agrees with PyBaMM's ElectrodeSOHSolver to 2e-6 Ah where a curve is monotone; Ai2020's U_p is not.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pybamm
from scipy.optimize import brentq

GRID = np.concatenate(
    [np.geomspace(1e-4, 0.01, 200)[:-1], np.linspace(0.01, 0.99, 3921), 1 - np.geomspace(0.01, 1e-4, 200)[1:]]
)
Direction = Callable[[float], tuple[float, float, float]]  # progress: (lli, lam_ne, lam_pe)


@dataclass(frozen=True)
class Chemistry:
    parameter_set: str
    v_min: float
    v_max: float


CHEMISTRIES = {
    "nmc": Chemistry("Chen2020", 2.5, 4.2),
    "nca": Chemistry("NCA_Kim2011", 2.7, 4.2),
    "lco": Chemistry("Ai2020", 3.0, 4.2),
    "lfp": Chemistry("Prada2013", 2.0, 3.6),
}


@dataclass(frozen=True)
class Electrodes:
    """Ah."""

    q_n: float
    q_p: float
    q_li: float

    def aged(self, lli: float, lam_ne: float, lam_pe: float, fresh_ah: float) -> Electrodes:
        """Losses as fractions; lli of the fresh capacity."""
        return Electrodes(self.q_n * (1 - lam_ne), self.q_p * (1 - lam_pe), self.q_li - lli * fresh_ah)


class HalfCells:
    """Of one parameter set, sampled at 25 °C (V against lithium)."""

    def __init__(self, chemistry: Chemistry) -> None:
        self.chemistry = chemistry
        self.parameters = pybamm.ParameterValues(chemistry.parameter_set)
        param, stoichiometry = pybamm.LithiumIonParameters(), pybamm.Vector(GRID)
        self.u_n_v, self.u_p_v = (
            np.asarray(self.parameters.process_symbol(domain.prim.U(stoichiometry, param.T_ref)).evaluate()).ravel()
            for domain in (param.n, param.p)
        )
        amounts = (param.n.Q_init, param.p.Q_init, param.Q_Li_particles_init)
        self.fresh = Electrodes(*(float(self.parameters.evaluate(amount)) for amount in amounts))
        self.capacity_ah = self.window(self.fresh)[1]

    def ocv_v(self, cell: Electrodes, n_ah: float) -> float:
        y, x = (cell.q_li - n_ah) / cell.q_p, n_ah / cell.q_n
        return float(np.interp(y, GRID, self.u_p_v) - np.interp(x, GRID, self.u_n_v))

    def window(self, cell: Electrodes) -> tuple[float, float]:
        """(n at the lower limit of voltage, capacity)."""
        low = max(cell.q_n * GRID[0], cell.q_li - cell.q_p * GRID[-1])
        high = min(cell.q_n * GRID[-1], cell.q_li - cell.q_p * GRID[0])
        empty, full = (
            _crossing(lambda n, v=v: self.ocv_v(cell, n) - v, low, high)
            for v in (self.chemistry.v_min, self.chemistry.v_max)
        )
        return empty, full - empty


def paced_path(half_cells: HalfCells, start: Electrodes, direction: Direction, least: float, count: int):
    """[(losses, cell)] at equal steps of progress, from new to this part of the capacity: a steady pace. What an
    electrode in excess loses does not show, and later does all at once: a knee."""
    fresh_ah = half_cells.window(start)[1]

    def above(progress: float) -> float:
        return half_cells.window(start.aged(*direction(progress), fresh_ah))[1] / fresh_ah - least

    end = _last_above(above)
    return [(direction(s), start.aged(*direction(s), fresh_ah)) for s in np.linspace(0, end, count)]


def _crossing(rising: Callable[[float], float], low: float, high: float) -> float:
    """Its root, or the end of the range that it does not reach."""
    if rising(low) >= 0:
        return low
    return high if rising(high) <= 0 else brentq(rising, low, high, xtol=1e-9)


def _last_above(above: Callable[[float], float], end: float = 1.2, steps: int = 120) -> float:
    """The first root: a path may win capacity before it loses it."""
    grid = np.linspace(0, end, steps + 1)
    for left, right in itertools.pairwise(grid):
        if above(left) >= 0 > above(right):
            return brentq(above, left, right, xtol=1e-7)
    raise ValueError("the path does not lead to so little capacity")
