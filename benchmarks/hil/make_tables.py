"""Writes hil/packseal_hil/plant/tables_*.py from runs of PyBaMM's full electrochemical cell; --check compares.

    PYTHONPATH=. python benchmarks/hil/make_tables.py [--check]

Needs the extra `health`; eight minutes of one core, of which the runs are kept.

Open-circuit voltage is that of the papers' half-cells, new and with capacity lost along one way of ageing: lithium
mostly, and some of both electrodes. The rest answers to current: V = OCV(soc) + R0 Ib asinh(I / Ib) + sum of Rk Ik.
Ik follows I with the time constant tau_k; Ib, of each temperature, is where the reaction's resistance begins to fall
(Butler and Volmer). For given Ib and time constants this is linear in the R, which are found by least squares that are
not negative, with a small price on bends. The time constants are those that serve three temperatures best without Ib;
the third, of minutes or an hour, is diffusion in the particles.

--check asks for the same open-circuit voltages within 0.2 mV and the same sums of R within 2 %: how two neighbours
share a resistance is not firm, and the solver differs in the last digits from machine to machine.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
from benchmarks.health.half_cells import CHEMISTRIES, HalfCells
from benchmarks.hil.reference import FROM_SOC, Floats, excitation, voltage_v
from scipy.optimize import brentq, minimize, nnls

TABLES = Path(__file__).resolve().parents[2] / "hil" / "packseal_hil" / "plant"
PAPERS = {
    "nmc": "NMC 811 against graphite with silicon (LG M50, 5 Ah): Chen and others, J. Electrochem. Soc. 167, 080534 "
    "(2020)",
    "lfp": "LFP against graphite (A123 26650, 2.3 Ah): Prada and others, J. Electrochem. Soc. 160, A616 (2013)",
}
TEMPERATURES_C = (-10, 0, 10, 20, 30, 40, 50)
CHOSEN_AT_C = (0, 20, 40)  # where the time constants are chosen
LOSSES_PCT = (0, 5, 10, 15, 20, 25, 30, 35, 40)
SHARES = (1.0, 0.25, 0.15)  # of what is lost: lithium, negative, positive electrode
SOC_CPCT = range(-600, 10601, 50)
OVER_V = 0.8  # above the full cell's voltage at the last row, where no cell is left whole
KNOTS = np.array([0, 4, 8, 12, 16, 20, *range(25, 100, 5), 100]) / 100
ROWS_SOC = np.arange(0, 1.0001, 0.025)
BENDS_C = np.geomspace(0.2, 20, 25)  # among which Ib is chosen, as C-rate
START_TAU_S = (6.0, 45.0, 460.0)
RIDGE, BEND = 1e-3, 3.0  # prices: of any resistance, and of a bend between neighbours
STEP_S = 1.0
NUMBERS_A_LINE = 12


def ocv_v(half_cells: HalfCells, loss: float) -> Floats:
    """At SOC_CPCT of what the cell still holds; rises everywhere."""
    fresh_ah = half_cells.capacity_ah

    def aged(progress: float):
        return half_cells.fresh.aged(*(share * progress for share in SHARES), fresh_ah)

    progress = brentq(lambda s: half_cells.window(aged(s))[1] / fresh_ah - 1 + loss, 0, 0.6) if loss else 0.0
    empty_ah, capacity_ah = half_cells.window(aged(progress))
    soc = np.array(SOC_CPCT) / 1e4
    inside = (soc >= 0) & (soc <= 1)
    within = [half_cells.ocv_v(aged(progress), empty_ah + s * capacity_ah) for s in soc[inside]]
    ends = [0.0, *within, half_cells.chemistry.v_max + OVER_V]
    volts = np.interp(soc, [soc[0], *soc[inside], soc[-1]], ends)
    return np.maximum.accumulate(volts) + 1e-5 * np.arange(len(soc))


class Excited:
    """One run of the full cell, and what the fit makes of it."""

    def __init__(self, name: str, temperature_c: float, soc_ocv: tuple[Floats, Floats]) -> None:
        time_s, rate = excitation()
        self._time_s = np.arange(STEP_S, time_s[-1], STEP_S)
        out_s = self._time_s[::2]
        charge = np.concatenate([[0.0], np.cumsum(np.diff(time_s) * (rate[1:] + rate[:-1]) / 2)])
        counted = np.interp(np.concatenate([[0.0], self._time_s]), time_s, charge)
        soc = FROM_SOC + counted[1::2] / 3600
        self._mean = np.diff(counted) / STEP_S
        self._now = np.interp(out_s, time_s, rate)
        self._shape = _hats(soc)
        self._over_v = voltage_v(name, time_s, rate, temperature_c, FROM_SOC, out_s) - np.interp(soc, *soc_ocv)

    def fit(self, tau_s: Floats, bend_c: float) -> tuple[Floats, float]:
        """(V per C-rate: [R0, R1, R2, R3] at KNOTS, RMSE in V)."""
        followed = [bend_c * np.arcsinh(self._now / bend_c), *(_following(self._mean, tau)[::2] for tau in tau_s)]
        columns = np.hstack([self._shape * of[:, None] for of in followed])
        bends = np.kron(np.eye(len(followed)), np.diff(np.eye(len(KNOTS)), 2, axis=0))
        normal = columns.T @ columns + RIDGE * np.eye(columns.shape[1]) + BEND * bends.T @ bends
        lower = np.linalg.cholesky(normal)
        found, _ = nnls(lower.T, np.linalg.solve(lower, columns.T @ self._over_v))
        rmse_v = float(np.sqrt(np.mean((columns @ found - self._over_v) ** 2)))
        return found.reshape(len(followed), -1), rmse_v


def _hats(soc: Floats) -> Floats:
    """[row, knot]: weights of straight lines between the knots."""
    at = np.clip(np.interp(soc, KNOTS, np.arange(len(KNOTS))), 0, len(KNOTS) - 1.000001)
    left = at.astype(int)
    rows = np.arange(len(soc))
    weights = np.zeros((len(soc), len(KNOTS)))
    weights[rows, left], weights[rows, left + 1] = 1 - (at - left), at - left
    return weights


def _following(current: Floats, tau_s: float) -> Floats:
    from scipy.signal import lfilter  # noqa: PLC0415 - half a second, for the fit alone

    keeps = np.exp(-STEP_S / tau_s)
    return np.asarray(lfilter([1 - keeps], [1, -keeps], current))


def fitted(name: str, soc_ocv: tuple[Floats, Floats]) -> tuple[Floats, Floats, Floats]:
    """(tau_s, Ib as C-rate: [temperature], V per C-rate: [temperature, R, ROWS_SOC])."""
    runs = {at: Excited(name, at, soc_ocv) for at in TEMPERATURES_C}

    def price(log_tau: Floats) -> float:
        return sum(runs[at].fit(np.exp(log_tau), BENDS_C[-1])[1] for at in CHOSEN_AT_C)

    options = {"maxiter": 60, "xatol": 0.02, "fatol": 1e-5}
    tau_s = np.sort(np.exp(minimize(price, np.log(START_TAU_S), method="Nelder-Mead", options=options).x))
    tables, bends_c = [], []
    for at, run in runs.items():
        prices = [run.fit(tau_s, bend)[1] for bend in BENDS_C]
        bends_c.append(BENDS_C[int(np.argmin(prices))])
        table, rmse_v = run.fit(tau_s, bends_c[-1])
        print(f"{name} {at:4d} °C: {1e3 * rmse_v:5.2f} mV RMSE of the fit")
        tables.append([np.interp(ROWS_SOC, KNOTS, row) for row in table])
    return tau_s, np.array(bends_c), np.array(tables)


def source(name: str, ocv_uv: Floats, tau_s: Floats, bends_c: Floats, resistance_uv: Floats) -> str:
    half_cells = HalfCells(CHEMISTRIES[name])
    parts = [
        f'"""{PAPERS[name]};\nas PyBaMM has them. Written by benchmarks/hil/make_tables.py, which says how."""\n',
        f"LIMITS_UV = ({round(half_cells.chemistry.v_min * 1e6)}, {round(half_cells.chemistry.v_max * 1e6)})",
        f"LOSSES_PCT = {LOSSES_PCT}  # of capacity: the rows of OCV_UV",
        f"SOC_CPCT = ({SOC_CPCT[0]}, {SOC_CPCT[-1]}, {SOC_CPCT.step})  # first, last, step: the columns of OCV_UV",
        f"TAU_MS = {tuple(round(1e3 * float(tau)) for tau in tau_s)}",
        f"TEMPERATURES_C = {TEMPERATURES_C}",
        f"BEND_CPCT = {tuple(round(1e4 * float(bend)) for bend in bends_c)}  # of one C: where R0 begins to fall",
        f"RESISTANCE_SOC_CPCT = (0, 10000, {round(1e4 * (ROWS_SOC[1] - ROWS_SOC[0]))})",
        "# uV at one C of the fresh capacity: for each temperature R0 and those of TAU_MS, over the charge",
        f"RESISTANCE_UV = (\n{_rows(resistance_uv)})",
        f"OCV_UV = (\n{_rows(ocv_uv)})",
    ]
    return "# fmt: off\n" + "\n".join(parts) + "\n"


def _rows(numbers: Floats) -> str:
    if numbers.ndim > 1:
        return "".join(f"(\n{_rows(row)}),\n" for row in numbers)
    texts = [str(round(float(number))) for number in numbers]
    starts = range(0, len(texts), NUMBERS_A_LINE)
    return "".join("    " + ", ".join(texts[at : at + NUMBERS_A_LINE]) + ",\n" for at in starts)


def differs(name: str, ocv_uv: Floats, resistance_uv: Floats) -> bool:
    there = importlib.import_module(f"packseal_hil.plant.tables_{name}")
    of_ocv_mv = np.abs(np.array(there.OCV_UV) - ocv_uv).max() / 1e3
    sums = np.array(there.RESISTANCE_UV).sum(axis=1)
    of_sums = np.abs(sums / resistance_uv.sum(axis=1) - 1).max()
    print(f"{name}: at most {of_ocv_mv:.3f} mV of open-circuit voltage and {100 * of_sums:.2f} % of resistance apart")
    return bool(of_ocv_mv > 0.2 or of_sums > 0.02)


def main(options: list[str]) -> int:
    apart = []
    for name in PAPERS:
        half_cells = HalfCells(CHEMISTRIES[name])
        ocv = np.array([ocv_v(half_cells, loss / 100) for loss in LOSSES_PCT])
        tau_s, bends_c, resistance = fitted(name, (np.array(SOC_CPCT) / 1e4, ocv[0]))
        print(f"{name}: time constants {', '.join(f'{tau:.1f}' for tau in tau_s)} s")
        if "--check" not in options:
            (TABLES / f"tables_{name}.py").write_text(source(name, 1e6 * ocv, tau_s, bends_c, 1e6 * resistance))
        elif differs(name, np.rint(1e6 * ocv), np.rint(1e6 * resistance)):
            apart.append(name)
    return 1 if apart else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
