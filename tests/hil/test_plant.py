"""A pack as a test engineer sees it: what it shows, how strings share, how it ages, what it does at its limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from packseal_hil.plant import CellType, Plant, duty, parameters_of
from packseal_hil.plant.wear import PROFILES

NMC = parameters_of(CellType.NMC, 5.0)
LFP = parameters_of(CellType.LFP, 100.0)
EQUAL = replace(NMC, capacity_spread=0.0, resistance_spread=0.0, soc_spread=0.0, pace_spread=0.0)
C3_DISCHARGE_A = -5 / 3


def test_the_same_seed_is_the_same_pack_with_the_same_noise() -> None:
    readings = []
    for seed in (3, 3, 4):
        plant = Plant(NMC, 12, 2, seed=seed)
        plant.step(5.0, -4.0)
        readings.append(plant.reading())
    assert (readings[0].cell_mv == readings[1].cell_mv).all()
    assert (readings[0].cell_mv != readings[2].cell_mv).any()


def test_a_reading_is_in_the_units_of_the_firmware_and_near_the_truth() -> None:
    plant = Plant(LFP, 16, 2, soc=0.5)
    plant.step(1.5, current_a=-50.0, ambient_c=25.0)
    reading = plant.reading()
    assert reading.pack_ms == 1500
    assert reading.cell_mv.shape == (32,)
    assert reading.temperature_ddegc.shape == (6,)
    assert reading.pack_current_ma == pytest.approx(-50_000, abs=3_000)
    assert reading.cell_mv[:16].sum() / 1e3 == pytest.approx(plant.voltage_v, abs=0.05)
    assert reading.temperature_ddegc == pytest.approx(250, abs=2)
    assert reading.soc_reported_cpct == pytest.approx(5000, abs=5)
    assert reading.soh_reported_cpct == 10_000


def test_discharging_lowers_and_charging_raises_the_voltage_and_rest_brings_it_back() -> None:
    plant = Plant(EQUAL, 4)
    rest_v = plant.voltage_v
    plant.step(10, current_a=-5.0)
    loaded_v = plant.voltage_v
    plant.step(10, current_a=5.0)
    charged_v = plant.voltage_v
    plant.step(7200)
    assert loaded_v < rest_v - 0.2 < rest_v + 0.1 < charged_v
    assert plant.voltage_v == pytest.approx(rest_v, abs=0.005 * 4)


def test_resistance_is_higher_in_the_cold() -> None:
    drops_v = []
    for ambient_c in (0.0, 40.0):
        plant = Plant(EQUAL, 1)
        plant.step(6 * 3600, ambient_c=ambient_c)
        rest_v = plant.voltage_v
        plant.step(10, current_a=-5.0, ambient_c=ambient_c)
        drops_v.append(rest_v - plant.voltage_v)
    assert drops_v[0] > 1.15 * drops_v[1]


def test_blocks_are_spread_as_asked() -> None:
    plant = Plant(NMC, 100, 4)
    capacity_ah = plant.truth().capacity_ah
    assert capacity_ah.mean() == pytest.approx(5.0, rel=0.003)
    assert capacity_ah.std() == pytest.approx(5.0 * NMC.capacity_spread, rel=0.15)
    assert plant.reading().cell_mv.std() > 1


def test_strings_share_a_current_so_that_their_voltages_are_equal() -> None:
    plant = Plant(replace(NMC, capacity_spread=0.05, resistance_spread=0.2, string_ohm=0.0), 10, 3)
    for _ in range(600):
        plant.step(1.0, current_a=3 * C3_DISCHARGE_A)
    reading = plant.reading()
    strings_v = (reading.cell_mv.reshape(3, 10)).sum(axis=1) / 1e3
    assert np.ptp(strings_v) < 0.015, "the noise of ten sensors"
    discharged_ah = 5.0 * 0.6 - (plant.truth().soc * plant.truth().capacity_ah).reshape(3, 10).mean(axis=1)
    assert np.ptp(discharged_ah) > 0.01, "but not their currents"


def test_a_fuller_string_charges_its_neighbour_at_rest() -> None:
    plant = Plant(EQUAL, 4, 2, soc=0.5)
    plant.step(3600, current_a=0.0)
    level = plant.truth().soc
    plant._blocks.charge_ah[:4] += 0.5
    plant.step(4 * 3600)
    after = plant.truth().soc
    assert np.ptp(after) < 0.01
    assert after.mean() == pytest.approx(level.mean() + 0.05, abs=0.001)
    assert plant.truth().charge_charged_ah == pytest.approx(0, abs=1e-9)


def test_a_charge_tapers_at_its_limit_and_ends_full() -> None:
    plant = Plant(NMC, 12, soc=0.7)
    currents_ma = []
    for _ in range(4 * 60):
        plant.step(60.0, current_a=2.5)
        currents_ma.append(plant.reading().pack_current_ma)
        assert plant.reading().cell_mv.max() <= 4200 + 8
    assert currents_ma[0] == pytest.approx(2500, abs=150)
    assert currents_ma[-1] < 250
    assert plant.truth().soc.max() == pytest.approx(1.0, abs=0.01)
    assert plant.reading().soc_reported_cpct == 10_000


def test_power_is_delivered_as_asked() -> None:
    plant = Plant(NMC, 96)
    for _ in range(600):
        plant.step(1.0, power_w=-600.0)
    assert plant.truth().energy_discharged_wh == pytest.approx(100.0, rel=2e-3)
    plant.step(10.0, power_w=-1e9)
    assert plant.reading().cell_mv.min() >= 2500 - 8, "it gives what it can, no more"


def test_a_warm_block_warms_its_neighbours_first() -> None:
    plant = Plant(replace(NMC, resistance_spread=0.0), 9)
    plant._blocks._warmed_c[4] = 60.0
    plant.step(60.0)
    temperature_c = plant.truth().temperature_c
    assert temperature_c[4] < 60
    assert temperature_c[3] == pytest.approx(temperature_c[5])
    assert temperature_c[3] > temperature_c[2] > temperature_c[1] > 25


def test_years_of_use_cost_capacity_and_raise_resistance() -> None:
    plant = Plant(LFP, 16, soc=0.7)
    new = plant.truth()
    plant.age(8, "home-storage")
    aged = plant.truth()
    retained = aged.capacity_ah / new.capacity_ah
    assert 0.70 < retained.mean() < 0.92
    assert retained.std() > 0.005, "each at its own pace"
    assert (aged.resistance_ohm > 1.1 * new.resistance_ohm).all()
    assert aged.soc == pytest.approx(new.soc)
    assert aged.charge_discharged_ah == pytest.approx(8 * 250 * 100 * retained.mean(), rel=0.15)
    assert aged.energy_charged_wh > aged.energy_discharged_wh
    assert plant.reading().soh_reported_cpct == 8_000, "a BMS that counts cycles"


def test_a_jump_and_many_small_ones_age_alike() -> None:
    at_once, in_months = Plant(NMC, 4), Plant(NMC, 4)
    at_once.age(5, "vehicle")
    for _ in range(60):
        in_months.age(5 / 60, "vehicle")
    assert in_months.truth().capacity_ah == pytest.approx(at_once.truth().capacity_ah, rel=1e-9)


def test_a_day_stepped_ages_as_a_day_jumped() -> None:
    stepped, jumped = (Plant(replace(EQUAL, self_discharge_per_month=0.0), 2, soc=0.5) for _ in range(2))
    shelf = replace(PROFILES["shelf"], temperature_c=35.0, soc=0.5)
    jumped.age(1 / 365.25, shelf)
    stepped.step(86_400, ambient_c=35.0)
    lost, expected = (1 - p.truth().capacity_ah.mean() / 5.0 for p in (stepped, jumped))
    assert expected > 0.0005
    assert lost == pytest.approx(expected, rel=0.02)


def test_heat_and_a_full_charge_age_faster() -> None:
    cool, hot = Plant(NMC, 4), Plant(NMC, 4)
    cool.age(1, "shelf")
    hot.age(1, "hot-shelf")
    losses = [1 - plant.truth().capacity_ah.mean() / 5.0 for plant in (cool, hot)]
    assert losses[1] > 2 * losses[0] > 0


def test_an_aged_pack_has_another_curve_not_a_smaller_one() -> None:
    new, aged = (Plant(EQUAL, 1, soc=0.5, loss=loss) for loss in (0.0, 0.25))
    assert aged.truth().capacity_ah[0] == pytest.approx(0.75 * 5.0)
    assert abs(aged.voltage_v - new.voltage_v) > 0.005


def test_hysteresis_keeps_the_branches_apart_after_a_rest() -> None:
    found_v = []
    for direction in (1, -1):
        plant = Plant(replace(LFP, soc_spread=0.0), 1, soc=0.5 - direction * 0.1)
        plant.step(3600, current_a=direction * 10.0)
        plant.step(6 * 3600)
        found_v.append(plant.voltage_v)
    assert found_v[0] - found_v[1] == pytest.approx(2 * LFP.hysteresis_v, abs=0.006)


def test_a_pack_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one string"):
        Plant(NMC, 0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        Plant(NMC, 4, soc=1.2)
    with pytest.raises(ValueError, match="more than 0 s"):
        Plant(NMC, 4).step(0.0)
    with pytest.raises(ValueError, match=r"no profile of ageing; there are vehicle, taxi"):
        Plant(NMC, 4).age(1, "boat")
    with pytest.raises(ValueError, match="capacity"):
        parameters_of(CellType.NMC, 0.0)


@pytest.mark.parametrize("name", ["day-in-a-vehicle", "storage-day"])
def test_a_pack_lives_through_its_duty_and_ends_near_where_it_began(name: str) -> None:
    plant, asked = Plant(LFP, 4, soc=0.5), duty(name)
    for step_s, power, ambient_c in zip(asked.step_s, asked.power, asked.ambient_c, strict=True):
        plant.step(float(step_s), power_w=float(power) * plant.rated_energy_wh, ambient_c=float(ambient_c))
    assert plant.pack_s == pytest.approx(86_400)
    assert plant.truth().soc.mean() == pytest.approx(0.5, abs=0.05)
    assert plant.truth().energy_discharged_wh > 0.05 * plant.rated_energy_wh
