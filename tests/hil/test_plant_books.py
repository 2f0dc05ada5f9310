"""The plant keeps its books: charge, energy and bounds, whatever is asked of it and in whatever steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal_hil.plant import CellType, PackParameters, Plant, parameters_of
from packseal_hil.plant.curves import OpenCircuit
from packseal_hil.plant.parameters import tables_of

CAPACITY_AH = 5.0
CELL_TYPES = st.sampled_from(CellType)
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 3))
CURRENTS_A = st.floats(-3 * CAPACITY_AH, 3 * CAPACITY_AH)
STEPS = st.lists(st.tuples(st.floats(0.05, 30), CURRENTS_A), min_size=1, max_size=30)


def without_leaks(cell_type: CellType) -> PackParameters:
    return replace(parameters_of(cell_type, CAPACITY_AH), self_discharge_per_month=0.0)


@settings(deadline=None, max_examples=50)
@given(CELL_TYPES, SHAPES, STEPS, st.floats(0.3, 0.7))
def test_what_passes_the_terminals_is_in_the_blocks(
    cell_type: CellType, shape: tuple[int, int], steps: list[tuple[float, float]], soc: float
) -> None:
    plant = Plant(without_leaks(cell_type), *shape, soc=soc)
    before_ah = held_ah(plant)
    for step_s, current_a in steps:
        plant.step(step_s, current_a)
    truth = plant.truth()
    passed_ah = truth.charge_charged_ah - truth.charge_discharged_ah
    assert held_ah(plant) - before_ah == pytest.approx(passed_ah * shape[0], abs=1e-9), "each block in series has it"


def held_ah(plant: Plant) -> float:
    truth = plant.truth()
    return float((truth.soc * truth.capacity_ah).sum())


@settings(deadline=None, max_examples=25)
@given(CELL_TYPES, SHAPES, STEPS, st.floats(0.0, 1.0))
def test_no_block_is_emptied_or_overfilled(
    cell_type: CellType, shape: tuple[int, int], steps: list[tuple[float, float]], soc: float
) -> None:
    plant = Plant(without_leaks(cell_type), *shape, soc=soc)
    for step_s, current_a in steps:
        plant.step(60 * step_s, current_a)
        held = plant.truth().soc
        assert held.min() > -0.002
        assert held.max() < 1.002


@settings(deadline=None, max_examples=15)
@given(CELL_TYPES, st.floats(1.0, 0.7 * CAPACITY_AH), st.integers(60, 300), st.floats(0.3, 0.5))
def test_a_round_trip_costs_what_the_blocks_warm_by(
    cell_type: CellType, current_a: float, seconds: int, soc: float
) -> None:
    parameters = replace(without_leaks(cell_type), to_ambient_w_per_k=0.0, string_ohm=0.0)
    plant = Plant(parameters, series_blocks=3, soc=soc)
    began_c = plant.truth().temperature_c.sum()
    for direction in (1, -1):
        for _ in range(seconds):
            plant.step(1.0, direction * current_a)
    truth = plant.truth()
    warmed_wh = (truth.temperature_c.sum() - began_c) * parameters.heat_capacity_j_per_k / 3600
    assert truth.charge_charged_ah == pytest.approx(truth.charge_discharged_ah)
    assert truth.energy_charged_wh - truth.energy_discharged_wh == pytest.approx(warmed_wh, rel=1e-3)
    assert warmed_wh > 0


@pytest.mark.parametrize("cell_type", CellType)
def test_energy_is_voltage_times_current(cell_type: CellType) -> None:
    plant = Plant(parameters_of(cell_type, CAPACITY_AH), series_blocks=4, strings=2)
    random, energy_wh = np.random.default_rng(5), {1.0: 0.0, -1.0: 0.0}
    for _ in range(300):
        current_a = float(random.normal(0, 2 * CAPACITY_AH))
        for _ in range(20):
            plant.step(0.05, current_a)
            energy_wh[float(np.sign(current_a))] += abs(plant.voltage_v * current_a) * 0.05 / 3600
    truth = plant.truth()
    assert truth.energy_charged_wh == pytest.approx(energy_wh[1.0], rel=1e-3)
    assert truth.energy_discharged_wh == pytest.approx(energy_wh[-1.0], rel=1e-3)


@settings(deadline=None, max_examples=10)
@given(CELL_TYPES, st.lists(CURRENTS_A, min_size=1, max_size=6), st.sampled_from((0.1, 0.5, 2.0, 10.0)))
def test_the_length_of_steps_does_not_matter(cell_type: CellType, currents_a: list[float], step_s: float) -> None:
    fine, coarse = (Plant(parameters_of(cell_type, CAPACITY_AH), 3, 2, soc=0.5) for _ in range(2))
    for current_a in currents_a:
        coarse.step(40.0, current_a)
        for _ in range(round(40 / step_s)):
            fine.step(step_s, current_a)
    assert fine.truth().soc == pytest.approx(coarse.truth().soc, abs=2e-4)
    assert fine.voltage_v == pytest.approx(coarse.voltage_v, abs=0.003 * 3)
    assert fine.truth().temperature_c == pytest.approx(coarse.truth().temperature_c, abs=0.05)


@given(CELL_TYPES, st.floats(0, 0.4), st.floats(-0.1, 1.1), st.floats(1e-4, 0.5))
def test_open_circuit_voltage_rises_with_charge(cell_type: CellType, loss: float, soc: float, more: float) -> None:
    curve = OpenCircuit(tables_of(cell_type), np.array([loss, loss]))
    volts, rises, integral = curve.at(np.array([soc, soc + more]))
    assert volts[0] < volts[1]
    assert (rises > 0).all()
    assert volts[0] * more - 1e-9 <= integral[1] - integral[0] <= volts[1] * more + 1e-9


@pytest.mark.parametrize("cell_type", CellType)
def test_full_and_empty_are_at_the_limits_of_voltage_new_and_aged(cell_type: CellType) -> None:
    tables = tables_of(cell_type)
    for loss in (0.0, 0.1, 0.3):
        volts, _, _ = OpenCircuit(tables, np.array([loss, loss])).at(np.array([0.0, 1.0]))
        assert volts == pytest.approx([tables.v_min, tables.v_max], abs=0.004)
