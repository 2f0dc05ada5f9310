"""The estimate against the simulated pack, whose capacity the estimator is not told."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from logger.core.entries import SOH
from logger.core.estimator import Estimator
from logger.core.integers import isqrt
from logger.core.sampling import Integrator, Sample, Window
from logger.drivers.simulator import CYCLE_MS, SimulatedPack
from packseal.records.columns import decode_column

RATED_MAH, BLOCKS, STRINGS, SAMPLE_MS, WINDOW_SAMPLES = 10_000, 12, 2, 1_000, 10
CONFIG = {"rated_capacity_mah": RATED_MAH, "cell_blocks": BLOCKS, "strings": STRINGS, "chemistry": "nmc"}
RESISTANCE_UOHM = 18_000 * 6 // 2


def statements(
    true_mah: int,
    seed: int,
    phase_ms: int,
    cycles: int = 2,
    stalls: Sequence[tuple[int, int]] = (),
    window_samples: int = WINDOW_SAMPLES,
) -> list[tuple[int, dict[int, Any]]]:
    """(time from the start in ms, body) of each SOH; in a stall (first, last sample) nothing is sampled."""
    generator = Random(seed)
    now_ms = phase_ms
    pack = SimulatedPack(lambda: now_ms, BLOCKS, STRINGS, RATED_MAH, true_mah, seed)
    sample, integrator = Sample(BLOCKS, STRINGS), Integrator([0] * 4, 60 * SAMPLE_MS)
    estimator = Estimator(CONFIG, SAMPLE_MS, integrator.energies_uwh)
    found: list[tuple[int, dict[int, Any]]] = []
    for slot in range(cycles * CYCLE_MS // SAMPLE_MS):
        now_ms = phase_ms + slot * SAMPLE_MS + generator.randrange(100)  # a sample is up to 100 ms late
        if not any(first <= slot < last for first, last in stalls):
            pack.read(sample)
            estimator.add(sample, integrator.add(now_ms, sample.current_ma, sample.pack_mv))
        while estimator.has_work:
            estimator.work()
        if slot % window_samples == window_samples - 1:
            estimator.note_window(slot // window_samples)
            kind, body = estimator.statement() or (None, {})
            if kind == SOH:
                found.append((slot * SAMPLE_MS, body))
    return found


@pytest.mark.parametrize("true_mah", [8_000, 8_500, 9_100])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_truth_lies_within_two_standard_uncertainties(true_mah: int, seed: int) -> None:
    found = statements(true_mah, seed, seed * CYCLE_MS // 4)
    assert found
    for _, body in found:
        remaining_mah, uncertainty_mah = body[4]
        assert abs(remaining_mah - true_mah) <= 2 * uncertainty_mah
        assert 0 < uncertainty_mah * 100 <= 3 * RATED_MAH
        assert body[5] == body[4], "of 10,000 mAh, a hundredth of a percent is 1 mAh"
        assert body[2][0] < body[2][1]


@pytest.mark.parametrize("phase_ms", range(0, CYCLE_MS, CYCLE_MS // 6))
def test_a_first_statement_comes_within_a_cycle_and_a_rest(phase_ms: int) -> None:
    """So within 70 seconds where 60 seconds of the pack pass in one."""
    assert statements(9_100, 1, phase_ms)[0][0] <= CYCLE_MS + 420_000


@pytest.mark.parametrize("window_samples", [60, 290, 900])
def test_a_rest_that_ends_within_its_window_counts_as_soon_as_that_has_ended(window_samples: int) -> None:
    """Which record it rests on is not known before."""
    of_short, of_long = statements(8_500, 1, 0), statements(8_500, 1, 0, window_samples=window_samples)
    assert of_long[0][1][5] == of_short[0][1][5]
    assert 0 <= of_long[0][0] - of_short[0][0] <= 2 * window_samples * SAMPLE_MS


def test_resistance_comes_from_the_pulses() -> None:
    _, body = statements(9_100, 1, 0)[-1]
    value_uohm, uncertainty_uohm = body[6]
    assert abs(value_uohm - RESISTANCE_UOHM) <= 2 * uncertainty_uohm
    assert uncertainty_uohm * 18 < value_uohm


def test_missing_samples_widen_the_uncertainty_and_many_forbid_a_statement() -> None:
    often = [(start, start + 15) for start in range(280, 2_300, 120)]
    clean, short, long = [statements(8_500, 1, 0, stalls=stalls) for stalls in ((), often, [(500, 620)])]
    assert short[0][1][4][1] > clean[0][1][4][1]
    assert abs(short[0][1][4][0] - 8_500) <= 2 * short[0][1][4][1]
    assert long[0][0] > clean[0][0], "charge that nobody counted ends the span"


def test_no_statement_from_a_pack_that_only_rests() -> None:
    sample = Sample(BLOCKS, STRINGS)
    estimator = Estimator(CONFIG, SAMPLE_MS, lambda: (0, 0))
    sample.current_ma, sample.pack_mv, sample.cell_mv = 0, 21_000, [3_500] * BLOCKS
    estimator.add(sample, None)
    for slot in range(2_000):
        estimator.add(sample, (SAMPLE_MS, 0))
        if slot % WINDOW_SAMPLES == 0:
            estimator.note_window(slot // WINDOW_SAMPLES)
        assert estimator.statement() is None
    assert not estimator.has_work
    assert abs((estimator.soc_cpct() or 0) - 2_556) < 500, "the simulated curve is another than the estimator's"


def test_isqrt() -> None:
    for number in [*range(1_000), 10**12 - 1, 10**12, (1 << 62) - 1, 1 << 100]:
        assert isqrt(number) ** 2 <= number < (isqrt(number) + 1) ** 2


def test_charge_and_energy_are_counted_exactly() -> None:
    """1 A at 10 V for an hour in, then 2 A out for half of one: 1 Ah and 10 Wh each."""
    integrator = Integrator([5, 6, 7, 8], 1_000)
    for now_ms in range(0, 3_600_001, 1_000):
        integrator.add(now_ms, 1_000, 10_000)
    assert integrator.counters == [1_005, 6, 17, 8]
    integrator.add(10_000_000, -2_000, 10_000)  # too long after the last one
    for now_ms in range(10_001_000, 11_800_001, 1_000):
        integrator.add(now_ms, -2_000, 10_000)
    assert integrator.counters == [1_005, 1_006, 17, 18]


def test_values_that_are_not_available_or_impossible_are_left_out_and_counted() -> None:
    sample, window = Sample(3, 1), Window(3, 1)
    sample.current_ma, sample.pack_mv, sample.cell_mv[:] = -100, 10_000, [3_500, None, 65_535]
    window.add(sample, sample.refuse_impossible())
    body = window.body(1_000, None, [0, 0, 0, 0], sample)
    assert decode_column(body[6]) == [3_500, None, None]
    assert decode_column(body[4]) == [-100, -100, -100]
    assert body[12] == 3  # two cells and the temperature
    assert 8 not in body
    assert 3 not in body
