"""A state of health that a board states of a pack on the bench, held against what the plant alone knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from packseal.errors import UnavailableError
from packseal.io.micropython import micropython_command
from packseal_hil.opening import Wanted, open_bench
from packseal_hil.pack_setup import PackSetup
from packseal_hil.plant.duty import Duty
from packseal_hil.rig import Rig

REST_H, RATE = 0.25, 0.5
DOWN, UP = (-0.26, -0.26, -0.26), (0.2, 0.2, 0.2)  # parts of the energy
USED = PackSetup(series_blocks=8, sample_ms=60_000, window_ms=300_000, soc=0.93, loss=0.12, clock_rate=250)


def check_up(steps: Sequence[float]) -> Duty:
    """Rests of a quarter of an hour, with these parts of the energy put in or taken out between them. Four rests at
    different charge tell the way in which the cells have aged (docs/health.md); the last one counts when it is over,
    so it ends with some of the way back."""
    parts = [(REST_H, 0.0)]
    for step in steps:
        parts += [(abs(step) / RATE, RATE if step > 0 else -RATE), (REST_H, 0.0)]
    hours, power = np.array([*parts, (0.3, -RATE if steps[0] > 0 else RATE)]).T
    return Duty("check-up", hours * 3600, power, np.full(len(power), 25.0))


def test_a_used_pack_of_unknown_age_has_the_health_that_its_passport_claims(tmp_path: Path) -> None:
    """One check-up where the board takes every sample. What a busy machine lets it miss it has to count as charge that
    nobody saw, and then needs more of them: it says so, and a claim has to hold whenever it comes."""
    try:
        micropython_command()
    except UnavailableError as error:
        pytest.skip(str(error))
    with open_bench(Wanted("check-up", "unix", Rig(), USED, tmp_path)) as bench:
        assert bench.services.passport.health().soh_capacity_cpct is None, "nothing is known yet"
        for steps in (DOWN, UP, DOWN):
            bench.pack.run(check_up(steps))
            truth, health = bench.pack.truth(), bench.services.passport.health()
            if health.soh_capacity_cpct is not None:
                break
    true_cpct = USED.true_soh_cpct(truth)
    assert health.within(truth), f"{health} of a pack that has {true_cpct}"
    assert health.low_cpct is not None
    assert health.high_cpct is not None
    assert health.high_cpct - health.low_cpct < 1_200, "no interval so wide that it says nothing"
    assert true_cpct < 9_000
