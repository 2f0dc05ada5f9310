"""The cells that the service knows by name: their curves are those of the papers, and age as a cell has to."""

from __future__ import annotations

from typing import get_args, get_type_hints

import numpy as np
import pytest

from packseal.estimate import SecondOpinion
from packseal.estimate.cells import CHEMISTRIES, LCO, NCA, graphite_of_nca_v, nca_v
from packseal.estimate.chemistry import Chemistry, candidates
from packseal.io.settings import BatteryTable
from packseal.records.bodies import margin
from tests.estimate.plant import new_fleet
from tests.estimate.use import DELIVERY, Life

EACH = pytest.mark.parametrize("chemistry", CHEMISTRIES.values(), ids=CHEMISTRIES.keys())
# open-circuit voltages in mV at 20, 50 and 80 % of a new cell, by PyBaMM's own functions of the same papers
PAPERS = {"nca": (NCA, (3_372, 3_685, 3_980)), "lco": (LCO, (3_695, 3_793, 3_995))}


@EACH
def test_a_new_cell_holds_its_capacity_and_an_aged_one_less(chemistry: Chemistry) -> None:
    held = candidates(chemistry)
    low, high = chemistry.window_mv
    assert held.coverage(low, high) == pytest.approx(1, abs=0.005)
    assert held.retention[0] == pytest.approx(1)
    assert held.retention.max() < 1.05, "a little more where the electrode that is lost of did not limit it"
    assert (np.diff(held.charge, axis=1) >= 0).all(), "voltage rises with charge"


@EACH
def test_what_is_lost_of_lithium_is_lost_of_capacity(chemistry: Chemistry) -> None:
    held = candidates(chemistry)
    only = (held.negative_loss == 0) & (held.positive_loss == 0)
    retention = held.retention[only]
    assert (np.diff(retention) < 0).all()
    assert retention[-1] < 0.75, "NCA has lithium to spare at first"


@pytest.mark.parametrize(("chemistry", "expected_mv"), PAPERS.values(), ids=PAPERS.keys())
def test_the_curve_of_a_new_cell_is_that_of_the_paper(chemistry: Chemistry, expected_mv: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    fleet = new_fleet(chemistry, [1], [10.0], random)
    fleet.bend_mv[:] = 0
    empty, full = fleet.ends_ah()
    found = [float(fleet.open_mv(empty + part * (full - empty))[0]) for part in (0.2, 0.5, 0.8)]
    assert found == pytest.approx(expected_mv, abs=4)


def test_potentials_fall_and_end_where_an_electrode_is_full() -> None:
    x = np.linspace(0.001, 1, 500)
    assert (np.diff(graphite_of_nca_v(x)) < 0).all()
    assert (np.diff(nca_v(np.linspace(0.3, 1, 500))) < 0).all()
    for chemistry in (NCA, LCO):
        half = chemistry.half_cells
        assert half is not None
        for ppm, dmv in ((half.negative_ppm, half.negative_dmv), (half.positive_ppm, half.positive_dmv)):
            assert len(ppm) == len(dmv)
            assert (np.diff(ppm) > 0).all()
            assert (np.diff(dmv) <= 0).all()


def test_every_chemistry_that_the_settings_allow_is_one_that_the_service_knows() -> None:
    told = get_type_hints(BatteryTable)["chemistry"]
    names = {name for part in get_args(told) for name in get_args(part)}
    assert names <= set(CHEMISTRIES)


@pytest.mark.parametrize("chemistry", [NCA, LCO], ids=["nca", "lco"])
def test_the_health_of_a_simulated_pack_is_within_its_interval(chemistry: Chemistry) -> None:
    random = np.random.default_rng(5)
    fleet = new_fleet(chemistry, [6], [50.0], random)
    fleet.lithium_loss_per_day[:], fleet.material_loss_per_day[:] = 0.00018, 0.0001
    fleet.age(800)
    fleet.to_charge(0.5, 0.004, random)
    second = SecondOpinion(chemistry, 50_000)
    for _, entry in Life(fleet, [DELIVERY], random, window_s=300).entries(6):
        second.add(entry)
    known = second.opinion().soh_capacity_cpct
    assert known is not None
    true_cpct = 10_000 * float(fleet.mean(fleet.capacity_ah())[0]) / 50
    assert abs(known.value - true_cpct) <= margin(known.uncertainty)
