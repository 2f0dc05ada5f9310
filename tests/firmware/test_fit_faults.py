"""Rings of anchors that are wrong, or of no cell: wider or inconsistent, never a confident wrong number, and never
without end."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from logger.core.electrodes import Curves
from logger.core.fit import Fit
from logger.core.steps import finish
from tests.firmware.aged_cells import Anchor
from tests.firmware.conftest import Interpreter
from tests.firmware.fit_life import FOLLOW, PROFILES, Life, aged


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


# ---- rings that make no sense


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
