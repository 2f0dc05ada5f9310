"""Capacity from rings of anchors, against cells whose truth is known (aged_cells.py), and alike on every port."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from logger.core import evidence, triangles
from logger.core.electrodes import Curves
from logger.core.fit import Fit
from logger.core.steps import finish
from logger.profiles import lco, lfp, nca, nmc
from tests.firmware.aged_cells import (
    PUBLISHED_PPM,
    Anchor,
    Cell,
    Sensors,
    cell_of,
    history,
    ring,
    sensors,
    wrong_curves,
)
from tests.firmware.conftest import Interpreter

FOLLOW = Path(__file__).parent / "board_tests" / "fit_rings.py"
RECORDED = json.loads((Path(__file__).parent / "fit_rings.json").read_text())
PROFILES = {"nmc": nmc, "nca": nca, "lco": lco, "lfp": lfp}
COVERED = 1.96


def follow(interpreter: Interpreter, cells: list[dict[str, Any]]) -> list[str]:
    return interpreter.run(FOLLOW, input_bytes="".join(json.dumps(cell) + "\n" for cell in cells).encode()).splitlines()


class Life:
    """A cell and its estimator, from one seed."""

    def __init__(self, chemistry: str, use: str, seed: int, **options: Any) -> None:
        self.random = Random(f"{chemistry} {use} {seed}")
        self.curves = Curves(PROFILES[chemistry])
        self.use = use
        self.sensors = sensors(self.random)
        self.fit = Fit(wrong_curves(PROFILES[chemistry], self.random), **options)

    def ring(self, cell: Cell, use: str = "") -> list[Anchor]:
        return ring(self.curves, cell, use or self.use, self.random, self.sensors)

    def learn(self, cell: Cell, days: int, use: str = "") -> bool:
        return bool(finish(self.fit.ring_steps(self.ring(cell, use), days)))

    def is_covered(self, cell: Cell, sigmas: float = COVERED) -> bool:
        ppm, sigma_ppm, _ = self.fit.capacity()
        return bool(abs(ppm - cell.capacity_ppm) <= sigmas * sigma_ppm)

    def is_published(self) -> bool:
        _, sigma_ppm, is_consistent = self.fit.capacity()
        return bool(is_consistent and sigma_ppm < PUBLISHED_PPM)


def aged(curves: Any, lithium: float = 0, negative: float = 0, positive: float = 0) -> Cell:
    q_n, q_p, q_li = curves.amounts_ppm
    return cell_of(curves, [round(q_n * (1 - negative)), round(q_p * (1 - positive)), round(q_li - 1e6 * lithium)])


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


# ---- bad input: wider or inconsistent, never a confident wrong number


def gap(anchors: list[Anchor]) -> list[Anchor]:
    """Nothing was counted in the middle."""
    k = len(anchors) // 2
    return [*anchors[:k], (0, anchors[k][1], 90_000_000_000, *anchors[k][3:]), *anchors[k + 1 :]]


def swapped(anchors: list[Anchor]) -> list[Anchor]:
    return [(-charge_ppm, *rest) for charge_ppm, *rest in anchors]  # type: ignore[misc]


def stuck_current(anchors: list[Anchor]) -> list[Anchor]:
    return [(0, *rest) for _, *rest in anchors]  # type: ignore[misc]


def stuck_voltage(anchors: list[Anchor]) -> list[Anchor]:
    return [(*first, anchors[0][3], sigma_uv) for *first, _, sigma_uv in anchors]  # type: ignore[misc]


@pytest.mark.parametrize("fault", [gap, swapped, stuck_current, stuck_voltage])
@pytest.mark.parametrize("is_known", [False, True])
def test_a_fault_never_makes_a_confident_wrong_number(
    fault: Callable[[list[Anchor]], list[Anchor]], is_known: bool
) -> None:
    for chemistry in ("nmc", "lfp"):
        life = Life(chemistry, "mixed", 3)
        cell = aged(life.curves, lithium=0.1, negative=0.05)
        if is_known:
            life.learn(cell, 0)
            life.learn(cell, 5)
        finish(life.fit.ring_steps(fault(life.ring(cell)), 5))
        assert life.is_covered(cell, 2) or not life.is_published(), life.fit.capacity()


def test_a_gap_widens_the_interval() -> None:
    whole, broken = Life("nmc", "mixed", 4), Life("nmc", "mixed", 4)
    cell = aged(whole.curves, lithium=0.1)
    anchors = whole.ring(cell)
    finish(whole.fit.ring_steps(anchors, 0))
    finish(broken.fit.ring_steps(gap(gap(anchors)[1:]), 0))
    assert broken.fit.capacity()[1] > whole.fit.capacity()[1]


def test_a_sign_that_stays_swapped_ends_with_nothing_known() -> None:
    life = Life("nmc", "mixed", 3)
    cell = aged(life.curves, lithium=0.1)
    life.learn(cell, 0)
    for _ in range(3):
        assert not finish(life.fit.ring_steps(swapped(life.ring(cell)), 5))
        _, sigma_ppm, is_consistent = life.fit.capacity()
        assert not is_consistent
        assert sigma_ppm >= 150_000


@pytest.mark.parametrize("chemistry", ["nmc", "lfp"])
def test_a_replaced_cell_is_not_taken_for_the_old_one(chemistry: str) -> None:
    for old, new in ((0.25, 0.0), (0.0, 0.25)):
        life = Life(chemistry, "mixed", 6, is_new=not old)
        for k in range(3):
            life.learn(aged(life.curves, lithium=old), 5 if k else 0)
        for _ in range(4):
            cell = aged(life.curves, lithium=new, negative=new)
            life.learn(cell, 5)
            assert life.is_covered(cell, 3) or not life.is_published(), life.fit.capacity()


def test_a_ring_that_nothing_explains_changes_nothing() -> None:
    life = Life("nmc", "mixed", 3)
    cell = aged(life.curves, lithium=0.1)
    life.learn(cell, 0)
    ppm = life.fit.capacity()[0]
    before = life.fit.to_bytes()
    finish(life.fit.ring_steps(swapped(life.ring(cell)), 0))
    assert life.fit.capacity()[0] == ppm
    assert life.fit.to_bytes()[15:] == before[15:]


# ---- restarts


def any_ring(random: Random) -> list[Anchor]:
    """Anchors that no cell could show: voltages and charges that know nothing of each other, and of any size."""
    return [
        (
            random.choice([0, random.randrange(-5_000_000, 5_000_000), random.randrange(-50_000, 50_000)]),
            random.choice([0, 3_600, 604_800 * 4]),
            random.choice([0, 1, 10**9, 10**14]),
            random.randrange(2_000_000, 5_000_000),
            random.choice([0, 1, 2_000, 10**6]),
        )
        for _ in range(random.randrange(2, 9))
    ]


@pytest.mark.parametrize("chemistry", PROFILES)
def test_rings_that_make_no_sense_end_soon_and_leave_a_state_that_can_be_kept(chemistry: str) -> None:
    """Numbers must not grow from ring to ring: those of thousands of digits are as good as an endless loop."""
    for seed in range(6):
        random = Random(f"{chemistry} {seed}")
        curves = Curves(PROFILES[chemistry])
        fit = Fit(curves, random.choice([100, 300, 5_000]), is_new=seed % 3 == 0)
        for _ in range(3):
            steps = sum(1 for _ in fit.ring_steps(any_ring(random), random.choice([0, 7, 400])))
            assert steps < 20_000
            ppm, sigma_ppm, is_consistent = fit.capacity()
            assert not is_consistent or 200_000 <= ppm <= 1_200_000
            assert sigma_ppm > 0
            kept = fit.to_bytes()
            again = Fit(curves)
            again.from_bytes(kept)
            assert again.to_bytes() == kept


def test_a_root_is_not_longer_than_its_diagonal_says() -> None:
    """Of a matrix that has none: rounding leaves such."""
    size = 15
    matrix = [[10**9 if i == j else -(10**9) for j in range(i + 1)] for i in range(size)]
    root = finish(triangles.root_steps(matrix))
    assert max(abs(value) for row in root for value in row) <= 31_623
    assert all(sum(value * value for value in row) <= 10**9 + 1 for row in root)


def test_nothing_stands_below_a_pivot_of_less_than_the_least() -> None:
    matrix = [[4], [10**6, 10**8], [10**6, 0, 10**8]]
    assert finish(triangles.root_steps(matrix, 100)) == [[100], [0, 10**4], [0, 0, 10**4]]


def other_cells(chemistry: str, seed: int) -> dict[str, Any]:
    """Each ring of another cell, known too well, some counted the wrong way round; years apart, or by a wrong clock."""
    random, curves = Random(f"{chemistry} {seed}"), Curves(PROFILES[chemistry])
    rings = []
    for _ in range(5):
        kept, sign, at_ppm = random.choice([0.4, 0.7, 1.0]), random.choice([1, 1, -1]), 950_000
        amounts = [round(kept * ppm) for ppm in curves.amounts_ppm]
        anchors = []
        for k in range(random.randrange(2, 9)):
            charge_ppm = random.randrange(-at_ppm, 950_001 - at_ppm) if k else 0
            at_ppm += charge_ppm
            seconds, variance_ppm2 = random.choice([0, 3_600, 3_000_000]), random.choice([0, 1, 10**6])
            uv = curves.ocv_uv(round(kept * at_ppm), amounts)
            anchors.append((sign * charge_ppm, seconds, variance_ppm2, uv, random.choice([1, 300, 5_000])))
        rings.append((random.choice([0, 5, 400, 3_000, 100_000]), anchors))
    return {"chemistry": chemistry, "is_new": seed % 2 == 0, "rings": rings}


ENDLESS = [("lco", 4), ("lco", 6), ("nmc", 17), ("nmc", 19), ("nca", 19), ("nca", 22)]  # they once were
NOT_KEPT = [("nmc", 0), ("nmc", 1), ("nca", 1), ("nca", 2), ("lco", 1), ("lfp", 0), ("lfp", 2)]  # they once were not


@pytest.mark.on_32_bits
def test_rings_of_many_cells_end_soon_everywhere(interpreter: Interpreter) -> None:
    cells = "".join(json.dumps(other_cells(*each)) + "\n" for each in ENDLESS)
    answers = interpreter.run(FOLLOW, input_bytes=cells.encode(), timeout_s=20).splitlines()
    assert len(answers) == 5 * len(ENDLESS)
    for answer in answers:
        steps, ppm, sigma_ppm = map(int, answer.split()[:3])
        assert steps < 20_000
        assert 200_000 <= ppm <= 1_200_000
        assert 0 < sigma_ppm < 1_000_000


@pytest.mark.parametrize(("chemistry", "seed"), NOT_KEPT)
def test_what_is_believed_after_rings_of_many_cells_can_be_kept(chemistry: str, seed: int) -> None:
    fit = Fit(Curves(PROFILES[chemistry]), is_new=seed % 2 == 0)
    for days, anchors in other_cells(chemistry, seed)["rings"]:
        finish(fit.ring_steps(anchors, days))
        again = Fit(fit._curves)
        again.from_bytes(fit.to_bytes())
        mine, its = fit._members[0].prior, again._members[0].prior
        assert (mine.x, mine.root) == (its.x, its.root)
        assert again.capacity() == fit.capacity()
        assert fit.soc_ppm(3_500_000)[0] in range(-1_000_000, 5_000_000)


def test_after_years_of_nothing_learnt_nothing_is_known() -> None:
    life = Life("nmc", "mixed", 3, is_new=True)
    cell = aged(life.curves)
    life.learn(cell, 0)
    assert life.is_published()
    says_nothing = [(0, 0, 0, 3_700_000, 10**9)] * 2
    finish(life.fit.ring_steps(says_nothing, 12 * 365))
    assert not life.is_published()
    assert life.fit.capacity()[1] >= 150_000


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


# ---- what it is made of


def test_roots_and_solutions() -> None:
    random = Random(1)
    root = [[random.randrange(-900, 900) for _ in range(i)] + [random.randrange(1000, 3000)] for i in range(6)]
    square = finish(triangles.square_steps(root))
    again = finish(triangles.root_steps(square))
    assert all(abs(a - b) <= 1 for mine, its in zip(root, again, strict=True) for a, b in zip(mine, its, strict=True))
    column = [random.randrange(1 << 40) for _ in range(6)]
    y = triangles.solved(root, column)
    assert all(abs(sum(row[k] * y[k] for k in range(i + 1)) - column[i]) <= row[i] for i, row in enumerate(root))


def test_logarithms_and_weights() -> None:
    assert evidence.logarithm(1) == 0
    for exponent in range(1, 600, 7):
        assert abs(evidence.logarithm(1 << exponent) - exponent * 709.783) < 1 + exponent / 4
    assert evidence.weight(5, 5) == evidence.FULL_WEIGHT
    for nat, expected in ((1, 0.36788), (5, 0.0067379)):
        assert abs(evidence.weight(-nat * evidence.NAT, 0) / evidence.FULL_WEIGHT / expected - 1) < 0.02


def test_sensors_of_the_tests_are_within_the_bars() -> None:
    for seed in range(50):
        drawn: Sensors = sensors(Random(seed))
        assert abs(drawn.gain) <= 0.005
        assert abs(drawn.offset_uv) <= 2000
