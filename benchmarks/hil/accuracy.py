"""How near the plant's voltage is to that of PyBaMM's full electrochemical cell, on duties that no table was fitted to.

The plant drives first, alone and without what the reference has not: hysteresis, self-discharge, spread, bars; its
temperature is held, as the reference's is. The currents it took are then the reference's, so both see the same; a
duty's power counts as C-rate here, so that a current is held as long as the duty holds a power. The bar is 10 mV RMSE
on driving and on storage; cold and heat are printed with the same bar and counted no less.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from benchmarks.hil.reference import RAMP_S, Floats, voltage_v

from packseal_hil.plant.blocks import Blocks
from packseal_hil.plant.circuit import Demand
from packseal_hil.plant.duty import duty
from packseal_hil.plant.pack import LONGEST_STEP_S
from packseal_hil.plant.parameters import CellType, parameters_of

BAR_MV = 10.0
CAPACITY_AH = 5.0
HELD_W_PER_K = 1e4  # to the air: temperature stays


@dataclass(frozen=True, slots=True)
class Case:
    """soc: where it begins."""

    duty_name: str
    temperature_c: float
    soc: float
    hours: float


CASES = (
    Case("wltp-like", 25.0, 0.90, 0.5),
    Case("wltp-like", 25.0, 0.60, 0.5),
    Case("wltp-like", 25.0, 0.30, 0.5),
    Case("wltp-like", 5.0, 0.60, 0.5),
    Case("wltp-like", 40.0, 0.60, 0.5),
    Case("storage-week", 25.0, 0.55, 48.0),
    Case("storage-week", 15.0, 0.55, 48.0),
    Case("frequency-service", 25.0, 0.50, 2.0),
    Case("day-in-a-vehicle", 25.0, 0.60, 24.0),
)


def figures() -> dict[str, dict[str, float]]:
    """By case."""
    print(f"{'voltage against PyBaMM DFN':<44}{'RMSE':>8}{'largest':>9}{'bar':>6}{'ratio':>7}   mV")
    found = {}
    for cell_type in CellType:
        for case in CASES:
            error_mv = errors_mv(cell_type, case)
            rmse_mv = float(np.sqrt(np.mean(error_mv**2)))
            largest_mv = float(np.abs(error_mv).max())
            name = f"{cell_type} {case.duty_name} from {100 * case.soc:.0f} %, {case.temperature_c:g} °C"
            figures = f"{rmse_mv:8.2f}{largest_mv:9.1f}{BAR_MV:6.0f}{rmse_mv / BAR_MV:7.2f}"
            print(f"{name:<44}{figures}", flush=True)
            found[name] = {"rmse_mv": round(rmse_mv, 2), "largest_mv": round(largest_mv, 1)}
    return found


def errors_mv(cell_type: CellType, case: Case) -> Floats:
    """Plant less reference, at the end of each step."""
    blocks = _cell(cell_type, case)
    rows = np.array(list(_driven(blocks, case)))
    time_s, charge_a, volts = rows.T
    fresh_ah = blocks.capacity_ah[0]
    knots_s = np.ravel(np.column_stack([np.append(0.0, time_s[:-1]) + RAMP_S, time_s]))
    rates = np.repeat(np.round(charge_a / fresh_ah, 6), 2)  # the same run again, whatever the plant rounds
    knots_s, rates = np.append(0.0, knots_s), np.append(0.0, rates)
    wanted = voltage_v(cell_type.value, knots_s, rates, case.temperature_c, case.soc, time_s)
    return np.asarray(1e3 * (volts - wanted))


def _driven(blocks: Blocks, case: Case) -> Iterator[tuple[float, float, float]]:
    """(s, A, V) at the end of each step."""
    now_s, asked = 0.0, duty(case.duty_name)
    for step_s, power in zip(asked.step_s.tolist(), asked.power.tolist(), strict=True):
        parts = int(np.ceil(step_s / LONGEST_STEP_S))
        current_a = power * float(blocks.capacity_ah[0])
        for _ in range(parts):
            blocks.advance(step_s / parts, Demand(current_a), case.temperature_c)
        now_s += step_s
        yield now_s, float(blocks.string_a[0]), float(blocks.voltage_v[0])
        if now_s >= case.hours * 3600:
            return


def _cell(cell_type: CellType, case: Case) -> Blocks:
    """One block, the average one, at this temperature."""
    no_more = {
        "hysteresis_v": 0.0,
        "capacity_spread": 0.0,
        "resistance_spread": 0.0,
        "soc_spread": 0.0,
        "self_discharge_per_month": 0.0,
        "string_ohm": 0.0,
        "to_ambient_w_per_k": HELD_W_PER_K,
    }
    parameters = parameters_of(cell_type, CAPACITY_AH)
    ageless = replace(parameters.ageing, calendar_per_root_year=0.0, per_cycle=0.0)
    parameters = replace(parameters, ageing=ageless, **no_more)
    blocks = Blocks(parameters, (1, 1), np.random.default_rng(0), case.soc, 0.0)
    blocks.rest_at(case.temperature_c)
    return blocks
