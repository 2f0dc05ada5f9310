"""A day in a vehicle: to work and back, a night at the wall, and a gateway that stands in the garage.

The board is alone on the way: what it measured comes in when the car is home again. In the evening a person compares
the passport with what went through the terminals.
"""

from __future__ import annotations

import numpy as np
import pytest

from packseal.records.bodies import Window
from packseal_hil.bench import Pack
from packseal_hil.plant.duty import Duty, duty
from packseal_hil.readings import Fault, FaultKind, Integers, Truth
from packseal_hil.services import BenchGateway, BenchPassport
from packseal_hil.targets.target import Target

STANDS_S = 300.0  # of each time that the car stands: the day has to be told in a minute
FIRST_MINUTE_S = 60.0  # of it, where an hour is an hour
COUNTED_WITHIN = 0.15  # of the charge: a sample every 12 s, in traffic
LEAST_MAH = 200.0  # of some 4 Ah each way: in a first minute there is less of it than that


@pytest.mark.duration(seconds=50)
@pytest.mark.pack(
    series_blocks=14, block_capacity_ah=50.0, sample_ms=12_000, window_ms=60_000, checkpoint_every=5, soc=0.7
)
def test_a_day_in_a_vehicle(pack: Pack, board: Target, gateway: BenchGateway, passport: BenchPassport) -> None:
    day = told_shortly(duty("day-in-a-vehicle", pack.setup.seed))
    length_s = day.length_s if board.clock_rate > 1 else FIRST_MINUTE_S
    away = Fault(0.05 * length_s, FaultKind.GATEWAY_LOSS, for_s=0.6 * length_s)
    before, seen = pack.truth(), passport.size()
    pack.run(day, for_s=length_s, faults=[away])
    assert gateway.is_running
    every_minute_of_it_is_there(passport, seen, length_s)
    what_was_counted_went_through_the_terminals(passport, before, pack.truth())
    the_passport_claims_no_health_that_is_not_true(pack, passport)


def told_shortly(day: Duty) -> Duty:
    """The same without most of the standing. It begins with the first drive: nothing is left of the night before."""
    changes = np.flatnonzero(np.diff(day.power != 0)) + 1
    stretches = np.split(np.arange(len(day.power)), changes)[1:]
    kept = np.concatenate([part if day.power[part[0]] else shortened(part, day) for part in stretches])
    return Duty("day-in-a-vehicle, told shortly", day.step_s[kept], day.power[kept], day.ambient_c[kept])


def shortened(part: Integers, day: Duty) -> Integers:
    return part[np.cumsum(day.step_s[part]) <= STANDS_S]


def every_minute_of_it_is_there(passport: BenchPassport, seen: int, length_s: float) -> None:
    entries = passport.entries()
    assert [entry.seq for entry in entries] == list(range(len(entries)))
    windows = [entry.body for entry in entries[seen:] if isinstance(entry.body, Window)]
    assert sum(window.duration_ms for window in windows) >= 1000 * length_s * 0.95


def what_was_counted_went_through_the_terminals(passport: BenchPassport, before: Truth, after: Truth) -> None:
    counted = [entry.body for entry in passport.entries() if isinstance(entry.body, Window) and entry.body.counters]
    for name, went_ah in (
        ("discharge_mah", after.charge_discharged_ah - before.charge_discharged_ah),
        ("charge_mah", after.charge_charged_ah - before.charge_charged_ah),
    ):
        found_mah = counted[-1].counter(name)
        assert found_mah is not None
        assert abs(found_mah - 1000 * went_ah) <= max(COUNTED_WITHIN * 1000 * went_ah, LEAST_MAH), name


def the_passport_claims_no_health_that_is_not_true(pack: Pack, passport: BenchPassport) -> None:
    """A day is too narrow for a capacity: nothing is stated, or what holds."""
    health = passport.health()
    assert health.soh_capacity_cpct is None or health.within(pack.truth())
