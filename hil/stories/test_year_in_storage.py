"""A year in storage: a used pack works for a household, is left full in the heat for a year, and is examined then.

Its board had no power meanwhile. The log goes on where it was and says nothing of the time that nobody saw. The BMS has
lost its memory, and nobody knows how the cells have aged: one check-up, and the passport states a health that holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from packseal.records.bodies import Boot, Window
from packseal_hil.bench import Pack
from packseal_hil.plant.duty import Duty
from packseal_hil.readings import Fault, FaultKind
from packseal_hil.services import BenchPassport, Health
from packseal_hil.targets.target import Target

YEAR_MS = 365 * 86_400_000
FADES_CPCT = 100  # in a year at least, or the year was none
USED_CPCT = 9_000
WIDEST_CPCT = 1_200  # of an interval that still says something
EVENING = Duty(  # rests, gives to the house, takes what the sun gives, rests
    "evening", np.array([600.0, 900.0, 900.0, 600.0]), np.array([0.0, -0.35, 0.35, 0.0]), np.full(4, 22.0)
)
REST_H, BACK_H, RATE = 0.25, 0.6, 0.5
DOWN, UP = (-0.26, -0.26, -0.26), (0.2, 0.2, 0.2)  # parts of the energy
FIRST_S = 15.0  # of all that is done with it, where an hour is an hour


@pytest.mark.target("unix", "cortex-m")
@pytest.mark.duration(seconds=65)
@pytest.mark.explained("bms", "line")  # what was being said when the power went
@pytest.mark.pack(
    series_blocks=8,
    sample_ms=60_000,
    window_ms=300_000,
    checkpoint_every=1,
    block_capacity_ah=50.0,
    soc=0.93,
    loss=0.12,
    clock_rate=250,  # the board takes every sample: what it misses it has to count as charge that nobody saw
)
def test_a_year_in_storage(pack: Pack, board: Target, passport: BenchPassport) -> None:
    pack.run(EVENING, for_s=of_it(board))
    before, last = pack.truth(), windows(passport)[-1]
    assert passport.health().soh_capacity_cpct is None, "nothing is known yet"
    pack.age(1.0, "hot-shelf")
    assert pack.setup.true_soh_cpct(before) - pack.setup.true_soh_cpct(pack.truth()) > FADES_CPCT
    health = examined(pack, board, passport)
    the_log_goes_on(passport, last, board)
    the_year_is_not_made_up(passport)
    the_health_holds(pack, board, health)


def of_it(board: Target) -> float | None:
    return None if board.clock_rate > 1 else FIRST_S


def examined(pack: Pack, board: Target, passport: BenchPassport) -> Health:
    """One check-up where the board takes every sample; on a machine that lets it miss some the passport says that it
    needs more of them."""
    pack.run(check_up(DOWN), for_s=of_it(board), faults=[Fault(0, FaultKind.BMS_RESET)])
    for steps in (UP, DOWN, UP, DOWN) if board.clock_rate > 1 else ():
        if passport.health().soh_capacity_cpct is None:
            pack.run(check_up(steps))
    return passport.health()


def check_up(steps: Sequence[float]) -> Duty:
    """Rests of a quarter of an hour, with these parts of the energy put in or taken out between them. Four rests at
    different charge tell the way in which the cells have aged (docs/health.md); the last one counts when it is over,
    so it ends with some of the way back."""
    parts = [(REST_H, 0.0)]
    for step in steps:
        parts += [(abs(step) / RATE, RATE if step > 0 else -RATE), (REST_H, 0.0)]
    hours, power = np.array([*parts, (BACK_H, -RATE if steps[0] > 0 else RATE)]).T
    return Duty("check-up", hours * 3600, power, np.full(len(power), 22.0))


def the_log_goes_on(passport: BenchPassport, last: Window, board: Target) -> None:
    entries = passport.entries()
    assert len(passport.server.store.heads()) == 1
    assert [entry.seq for entry in entries] == list(range(len(entries)))
    assert sum(isinstance(entry.body, Boot) for entry in entries) == board.starts == 2
    throughput = [window.counter("discharge_mah") or 0 for window in (last, windows(passport)[-1])]
    assert throughput[1] >= throughput[0], "counters go on"


def the_year_is_not_made_up(passport: BenchPassport) -> None:
    """A board without power counts no time."""
    assert passport.entries()[-1].uptime_ms < YEAR_MS
    assert passport.document()["completeness"]["time_elapsed_ms"] < YEAR_MS


def the_health_holds(pack: Pack, board: Target, health: Health) -> None:
    """By its own interval; in a first minute there is none yet."""
    if board.clock_rate == 1:
        assert health.soh_capacity_cpct is None
        return
    truth = pack.truth()
    true_cpct = pack.setup.true_soh_cpct(truth)
    assert health.within(truth), f"{health} of a pack that has {true_cpct}"
    assert health.low_cpct is not None
    assert health.high_cpct is not None
    assert health.high_cpct - health.low_cpct < WIDEST_CPCT, "no interval so wide that it says nothing"
    assert true_cpct < USED_CPCT


def windows(passport: BenchPassport) -> list[Window]:
    return [entry.body for entry in passport.entries() if isinstance(entry.body, Window)]
