"""Capacity from rings of anchors, against cells whose truth is known (aged_cells.py), and alike on every port."""

from __future__ import annotations

from random import Random

import pytest

from logger.core.electrodes import Curves
from logger.core.fit import Fit
from logger.core.steps import finish
from logger.profiles import nmc
from tests.firmware.aged_cells import (
    PUBLISHED_PPM,
    Sensors,
    history,
    sensors,
)
from tests.firmware.conftest import Interpreter
from tests.firmware.fit_life import PROFILES, RECORDED, Life, aged, follow

# ---- the same everywhere


def test_recorded_rings_give_the_recorded_answers(interpreter: Interpreter) -> None:
    """Anchors of a single-particle model with electrolyte; a change of an answer is a change of the method."""
    assert follow(interpreter, RECORDED) == [answer for cell in RECORDED for answer in cell["answers"]]


@pytest.mark.on_32_bits
def test_a_ring_gives_the_recorded_answer_with_words_of_any_size(interpreter: Interpreter) -> None:
    cell = RECORDED[0]
    assert follow(interpreter, [cell | {"rings": cell["rings"][:1]}]) == cell["answers"][:1]


# ---- the truth, for packs of unknown age and for new ones that age


@pytest.mark.parametrize("chemistry", PROFILES)
def test_a_wide_ring_of_a_used_pack_finds_the_truth(chemistry: str) -> None:
    covered = 0
    for seed in range(8):
        life = Life(chemistry, "mixed", seed)
        cell = history(life.curves, life.random, 600_000)[seed % 7]
        life.learn(cell, 0)
        covered += life.is_covered(cell, 2)
        if life.is_published():
            assert abs(life.fit.capacity()[0] - cell.capacity_ppm) < 40_000
    assert covered >= 7


@pytest.mark.parametrize("use", ["mixed", "narrow"])
@pytest.mark.parametrize("chemistry", PROFILES)
def test_unknown_mixtures_of_ageing_stay_within_the_interval(chemistry: str, use: str) -> None:
    """A few dozen histories in all: directions drawn anew, some that bend, years apart."""
    covered, errors = [], []
    for seed in range(5):
        life = Life(chemistry, use, seed, is_new=True)
        for k, cell in enumerate(history(life.curves, life.random)[::2]):
            life.learn(cell, 730 if k else 0)
            covered.append(life.is_covered(cell))
            if life.is_published():
                errors.append(life.fit.capacity()[0] - cell.capacity_ppm)
    assert sum(covered) >= 0.9 * len(covered)
    assert all(abs(error) < 50_000 for error in errors)
    if use == "mixed":
        assert len(errors) >= 0.5 * len(covered)
        assert sum(error**2 for error in errors) / len(errors) < 13_000**2


@pytest.mark.parametrize("chemistry", PROFILES)
def test_narrow_rings_of_a_used_pack_say_that_they_are_not_enough(chemistry: str) -> None:
    for seed in range(3):
        life = Life(chemistry, "narrow", seed)
        life.learn(aged(life.curves, lithium=0.1, negative=0.05), 0)
        assert not life.is_published()


def test_many_narrow_rings_teach_no_falsehood() -> None:
    """What is wrong with curves and sensors is wrong in each: a hundred rings are not ten times as sure as one."""
    for seed in range(2):
        life = Life("lco", "narrow", seed)
        cell = aged(life.curves, positive=0.15)
        learnt = sum(life.learn(cell, 3 if k else 0) for k in range(40))
        assert learnt <= 3
        assert life.is_covered(cell)


def test_a_wide_ring_after_narrow_ones_is_learnt_at_once() -> None:
    life = Life("nmc", "narrow", 1)
    cell = aged(life.curves, lithium=0.12, negative=0.1)
    for k in range(5):
        life.learn(cell, 3 if k else 0)
    assert not life.is_published()
    assert life.learn(cell, 3, "mixed")
    assert life.learn(cell, 3, "mixed")
    assert life.is_published()
    assert life.is_covered(cell)


def test_a_known_path_makes_it_surer_and_a_wrong_one_no_less_honest() -> None:
    def error_of(paths: tuple[tuple[int, int, int], ...]) -> tuple[int, int]:
        life = Life("nmc", "mixed", 5, is_new=True, paths=paths)
        for k in range(3):
            cell = aged(life.curves, lithium=0.06 * k)
            life.learn(cell, 365 if k else 0)
        ppm, sigma_ppm, _ = life.fit.capacity()
        return abs(ppm - cell.capacity_ppm), sigma_ppm

    error_ppm, sigma_ppm = error_of(((60_000, 0, 0), (0, 60_000, 0)))
    assert error_ppm <= 2 * sigma_ppm < 2 * PUBLISHED_PPM
    error_ppm, sigma_ppm = error_of(((0, 0, 60_000), (0, 60_000, 0)))
    assert error_ppm <= 2 * sigma_ppm


# ---- LFP's plateau


def test_a_ring_on_the_plateau_of_lfp_teaches_nothing() -> None:
    life = Life("lfp", "narrow", 1, is_new=True)
    before = life.fit.capacity()
    assert not life.learn(aged(life.curves), 0)
    assert life.fit.capacity() == before


def test_what_nobody_looks_at_becomes_less_sure() -> None:
    life = Life("lfp", "narrow", 1, is_new=True)
    sigmas = []
    for _ in range(4):
        life.learn(aged(life.curves), 180)
        sigmas.append(life.fit.capacity()[1])
    assert sigmas == sorted(sigmas)
    assert not life.is_published()


# ---- restarts


def test_the_state_outlasts_a_restart() -> None:
    life = Life("nca", "mixed", 2)
    cells = history(life.curves, life.random)
    life.learn(cells[0], 0)
    content = life.fit.to_bytes()
    assert len(content) <= 512
    other = Fit(life.fit._curves)
    other.from_bytes(content)
    anchors = life.ring(cells[1])
    for fit in (life.fit, other):
        finish(fit.ring_steps(anchors, 365))
    assert other.capacity() == life.fit.capacity()
    assert other.to_bytes() == life.fit.to_bytes()


def test_a_state_of_another_shape_is_refused() -> None:
    fit = Fit(Curves(nmc))
    content = fit.to_bytes()
    for wrong in (b"", content[:-1], content + b"\0", b"\xff" + content[1:]):
        with pytest.raises(ValueError, match="state of a fit"):
            fit.from_bytes(wrong)


# ---- the curves


@pytest.mark.parametrize("chemistry", PROFILES)
def test_a_fresh_cell_has_its_rated_capacity_and_voltages_run_both_ways(chemistry: str) -> None:
    fit = Fit(Curves(PROFILES[chemistry]))
    curves = fit._curves
    assert abs(curves.capacity(curves.amounts_ppm) - 1_000_000) < 2_000
    for soc_ppm in range(20_000, 1_000_000, 20_000):
        uv = fit.ocv_uv(soc_ppm)
        found_ppm, slope_ppm = fit.soc_ppm(uv)
        assert abs(found_ppm - soc_ppm) <= 200 + slope_ppm // 10
        assert abs(curves.ocv_uv(curves.n_at(uv, curves.amounts_ppm), curves.amounts_ppm) - uv) <= 5_000


def test_a_cell_that_aged_has_another_curve() -> None:
    life = Life("nmc", "mixed", 8)
    cell = aged(life.curves, lithium=0.2)
    for k in range(3):
        life.learn(cell, 3 if k else 0)
    uv = life.curves.ocv_uv(cell.empty_ppm + cell.capacity_ppm // 2, cell.amounts_ppm)
    fresh_ppm = abs(Fit(life.fit._curves).soc_ppm(uv)[0] - 500_000)
    assert abs(life.fit.soc_ppm(uv)[0] - 500_000) < min(fresh_ppm, 20_000)


def test_sensors_of_the_tests_are_within_the_bars() -> None:
    for seed in range(50):
        drawn: Sensors = sensors(Random(seed))
        assert abs(drawn.gain) <= 0.005
        assert abs(drawn.offset_uv) <= 2000
