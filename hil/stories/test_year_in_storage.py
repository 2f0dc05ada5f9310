"""A year in storage: a pack works for a household, is left alone for a year, and comes back.

Its board had no power meanwhile. The log goes on where it was, says nothing of the time that nobody saw, and what the
BMS claims afterwards, with its memory lost, stays a claim.
"""

from __future__ import annotations

import numpy as np
import pytest

from packseal.records.bodies import Boot, Window
from packseal_hil.bench import Pack
from packseal_hil.plant.duty import Duty
from packseal_hil.readings import Fault, FaultKind
from packseal_hil.services import BenchPassport
from packseal_hil.targets.target import Target

YEAR_MS = 365 * 86_400_000
FADES_CPCT = 50  # in a year at least, or the year was none
BESIDE_CPCT = 100
EVENING = Duty(  # rests, takes what the sun gives, rests, gives it back, rests
    "evening",
    np.array([1200.0, 3600.0, 1200.0, 3600.0, 1200.0]),
    np.array([0.0, 0.35, 0.0, -0.35, 0.0]),
    np.full(5, 22.0),
)


@pytest.mark.target("unix", "cortex-m")
@pytest.mark.duration(seconds=60)
@pytest.mark.explained("bms", "line")  # what was being said when the power went
@pytest.mark.pack(series_blocks=8, sample_ms=60_000, window_ms=300_000, checkpoint_every=2, block_capacity_ah=50.0)
def test_a_year_in_storage(pack: Pack, board: Target, passport: BenchPassport) -> None:
    evening(pack, board)
    new = pack.truth()
    last = windows(passport)[-1]
    pack.age(1.0, "shelf")
    assert pack.setup.true_soh_cpct(new) - pack.setup.true_soh_cpct(pack.truth()) > FADES_CPCT
    evening(pack, board, [Fault(0, FaultKind.BMS_RESET)])
    the_log_goes_on(passport, last, board)
    the_year_is_not_made_up(passport)
    the_claim_is_a_claim(pack, passport)


def evening(pack: Pack, board: Target, faults: list[Fault] | None = None) -> None:
    pack.run(EVENING, for_s=None if board.clock_rate > 1 else 15.0, faults=faults or [])


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


def the_claim_is_a_claim(pack: Pack, passport: BenchPassport) -> None:
    health = passport.health()
    assert health.soh_capacity_cpct is None or health.within(pack.truth(), BESIDE_CPCT)


def windows(passport: BenchPassport) -> list[Window]:
    return [entry.body for entry in passport.entries() if isinstance(entry.body, Window)]
