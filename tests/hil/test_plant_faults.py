"""What can go wrong within a pack: each fault shows where it acts, ends when it is ended, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from packseal_hil.plant import PLANT_FAULTS, CellType, Plant, parameters_of
from packseal_hil.readings import Fault, FaultKind

QUIET = replace(parameters_of(CellType.NMC, 5.0), sensor_noise_mv=0.0, current_noise_ma=0.0)


def pack(series_blocks: int = 12, strings: int = 1, soc: float = 0.6) -> Plant:
    return Plant(QUIET, series_blocks, strings, soc=soc)


def test_an_open_wire_is_named_in_the_reading_and_the_voltage_stays_true() -> None:
    plant, fault = pack(), Fault(0, FaultKind.OPEN_WIRE, "5")
    whole = plant.reading()
    plant.begin(fault)
    assert plant.reading().open_wires == {5}
    assert (plant.reading().cell_mv == whole.cell_mv).all()
    plant.end(fault)
    assert plant.reading().open_wires == frozenset()


@pytest.mark.parametrize(("where", "column"), [("3", "cell_mv"), ("temperature 1", "temperature_ddegc")])
def test_a_stuck_sensor_shows_what_it_showed_last_until_it_is_mended(where: str, column: str) -> None:
    plant, fault, at = pack(), Fault(0, FaultKind.STUCK_SENSOR, where), int(where[-1])
    before = getattr(plant.reading(), column)[at]
    plant.begin(fault)
    for _ in range(20):
        plant.step(60.0, current_a=-5.0)
    stuck = getattr(plant.reading(), column)
    assert stuck[at] == before
    assert abs(stuck[at - 1] - before) > 10
    plant.end(fault)
    assert getattr(plant.reading(), column)[at] != before


def test_a_stuck_current_sensor_deceives_the_claim_and_not_the_truth() -> None:
    plant = pack()
    plant.reading()
    plant.begin(Fault(0, FaultKind.STUCK_SENSOR, "current"))
    plant.step(1800.0, current_a=-4.0)
    assert abs(plant.reading().pack_current_ma) < 100
    assert plant.reading().soc_reported_cpct == pytest.approx(6000, abs=60)
    assert plant.truth().soc.mean() == pytest.approx(0.2, abs=0.01)


def test_a_sensor_drifts_by_the_hour_from_its_beginning() -> None:
    plant = pack()
    plant.step(3600.0)
    before = plant.reading().cell_mv
    plant.begin(Fault(0, FaultKind.DRIFTING_SENSOR, "7", amount=30.0))
    plant.step(7200.0)
    moved = plant.reading().cell_mv - before
    assert moved[7] == pytest.approx(60, abs=2)
    assert np.delete(moved, 7) == pytest.approx(0, abs=2)


@pytest.mark.parametrize("where", ["", "4"])
def test_over_temperature_is_above_what_it_would_be(where: str) -> None:
    plant, fault = pack(), Fault(0, FaultKind.OVER_TEMPERATURE, where, amount=35.0)
    plant.begin(fault)
    plant.step(10.0)
    hot = plant.truth().temperature_c
    assert hot[4] == pytest.approx(60, abs=0.5)
    assert hot[8] == pytest.approx(25 if where else 60, abs=0.5)
    plant.end(fault)
    assert plant.truth().temperature_c == pytest.approx(25, abs=0.5)


def test_a_short_empties_its_block_and_warms_it_and_no_other() -> None:
    plant, fault = pack(), Fault(0, FaultKind.SHORT, "2", amount=1.0)
    before = plant.truth()
    plant.begin(fault)
    plant.step(1800.0)
    after = plant.truth()
    assert (before.soc - after.soc)[2] == pytest.approx(3.7 / 1.0 / 5.0 / 2, rel=0.05), "3.7 A for half an hour of 5 Ah"
    assert np.delete(before.soc - after.soc, 2) == pytest.approx(0, abs=1e-3)
    assert after.temperature_c.argmax() == 2
    assert after.charge_discharged_ah == pytest.approx(0, abs=1e-9), "nothing of it passes the terminals"
    plant.end(fault)
    plant.step(1800.0)
    assert plant.truth().soc[2] == pytest.approx(after.soc[2], abs=1e-3)


def test_a_short_ends_at_no_voltage() -> None:
    plant = pack()
    plant.begin(Fault(0, FaultKind.SHORT, "2", amount=0.05))
    for _ in range(6):
        plant.step(3600.0)
        assert plant.reading().cell_mv[2] > -10
    assert plant.reading().cell_mv[2] < 100


def test_a_deep_discharge_passes_the_limit_that_holds_otherwise() -> None:
    plant, fault = pack(soc=0.05), Fault(0, FaultKind.DEEP_DISCHARGE)
    plant.step(3600.0, current_a=-2.0)
    assert plant.reading().cell_mv.min() > 2490
    plant.begin(fault)
    plant.step(900.0, current_a=-2.0)
    assert 250 < plant.reading().cell_mv.min() < 2000
    plant.end(fault)
    plant.step(10.0, current_a=-2.0)
    assert plant.reading().pack_current_ma == pytest.approx(0, abs=60), "then nothing more is taken"


def test_a_tripped_contactor_carries_nothing() -> None:
    plant, fault = pack(strings=2), Fault(0, FaultKind.CONTACTOR_TRIP)
    plant.step(10.0, current_a=-5.0)
    plant.begin(fault)
    before = plant.truth()
    plant.step(600.0, current_a=-5.0)
    assert not plant.reading().is_contactor_closed
    assert plant.reading().pack_current_ma == pytest.approx(0, abs=60)
    assert plant.truth().charge_discharged_ah == before.charge_discharged_ah
    plant.end(fault)
    plant.step(10.0, current_a=-5.0)
    assert plant.reading().pack_current_ma == pytest.approx(-5000, abs=60)


def test_a_reset_bms_claims_full_health_again() -> None:
    plant = pack()
    plant.age(3, "taxi")
    assert plant.reading().soh_reported_cpct == 10_000 - 840
    plant.begin(Fault(0, FaultKind.BMS_RESET))
    assert plant.reading().soh_reported_cpct == 10_000
    assert plant.truth().capacity_ah.mean() < 0.95 * 5


def test_a_swapped_pack_has_other_cells_and_the_first_can_come_back() -> None:
    plant, fault = pack(), Fault(0, FaultKind.PACK_SWAP, amount=80.0)
    own, books = plant.truth(), plant.reading().pack_ms
    plant.begin(fault)
    other = plant.truth()
    assert other.capacity_ah.mean() == pytest.approx(0.8 * 5, rel=0.02)
    assert other.soc.mean() == pytest.approx(own.soc.mean(), abs=0.01)
    assert plant.reading().pack_ms == books
    plant.end(fault)
    assert (plant.truth().capacity_ah == own.capacity_ah).all()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(0, FaultKind.SHORT, "12", 1.0), r'"12" is no cell block: the pack has 12, counted from 0'),
        (Fault(0, FaultKind.OPEN_WIRE, "x"), r'"x" is no cell block'),
        (Fault(0, FaultKind.STUCK_SENSOR, "temperature 9"), r'there is no sensor "temperature 9": the pack has 2'),
        (Fault(0, FaultKind.DRIFTING_SENSOR, "humidity"), r'"humidity" is no sensor: give a cell block'),
        (Fault(0, FaultKind.PACK_SWAP, amount=20.0), "above 50 and at most 100 percent"),
    ],
)
def test_a_place_that_the_pack_has_not_is_refused_and_nothing_changes(fault: Fault, said: str) -> None:
    plant = pack()
    before = plant.truth()
    with pytest.raises(ValueError, match=said):
        plant.begin(fault)
    assert (plant.truth().capacity_ah == before.capacity_ah).all()
    assert plant.reading().open_wires == frozenset()


@pytest.mark.parametrize("kind", sorted(set(FaultKind) - PLANT_FAULTS))
def test_a_fault_of_elsewhere_is_refused(kind: FaultKind) -> None:
    with pytest.raises(ValueError, match="does not act within a pack"):
        pack().begin(Fault(0, kind))
