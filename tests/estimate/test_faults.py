"""Each fault raises its alarm within its time, and packs that nothing happened to raise none.

Two simulated packs live until they are known; every fault is then done to copies of them. A drift of the current's zero
takes more rests than these packs have, and is shown by rests alone. Shares over a fleet, and over
a hundred days, are in benchmarks/health/alarms.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from packseal.estimate import AlarmKind, SecondOpinion
from packseal.estimate.alarms.offset import Pair, SensorOffset
from packseal.estimate.cells import NMC
from packseal.estimate.incremental import Slope
from packseal.estimate.rests import Rest
from tests.estimate import faults
from tests.estimate.plant import Fleet, new_fleet
from tests.estimate.use import DELIVERY, Life

BLOCKS, RATED_AH, USES = (12, 20), (40.0, 60.0), [DELIVERY, DELIVERY]
KNOWN_DAYS, FAULT_DAYS, WINDOW_S = 24, 4, 300
FAULTS = {
    "none": set(),
    "pack swapped": {AlarmKind.PACK_SWAPPED},
    "module swapped": {AlarmKind.MODULE_SWAPPED, AlarmKind.PACK_SWAPPED},
    "BMS reset": {AlarmKind.BMS_RESET},
    "inflated claim": {AlarmKind.CLAIM_APART},
    "edited inside the BMS": {AlarmKind.SETTING_EDITED},
    "block leaks": {AlarmKind.BLOCK_DRIFTS},
}
IN_A_DAY = ("pack swapped", "module swapped", "BMS reset", "inflated claim")


def fleet_of(seed: int) -> Fleet:
    random = np.random.default_rng(seed)
    fleet = new_fleet(NMC, list(BLOCKS), list(RATED_AH), random)
    fleet.lithium_loss_per_day[:], fleet.material_loss_per_day[:] = 0.00015, 0.0001
    fleet.age(800)
    fleet.to_charge(0.6, 0.004, random)
    return fleet


def do(fault: str, life: Life, pack: int, other: Fleet, other_pack: int) -> None:
    match fault:
        case "pack swapped":
            faults.swap_pack(life, pack, other, other_pack)
        case "module swapped":
            faults.swap_blocks(life, pack, 3, 5, other, other_pack)
        case "BMS reset":
            faults.reset_bms(life, pack)
        case "inflated claim":
            faults.inflate_claim(life, pack, 12)
        case "edited inside the BMS":
            faults.edit_inside_bms(life, pack, 1.25)
        case "block leaks":
            faults.leak(life, pack, 5, 0.02)


@dataclass
class Raised:
    """kind of alarm -> hours after the fault"""

    after_h: dict[AlarmKind, float]


@pytest.fixture(scope="module")
def raised() -> dict[str, list[Raised]]:
    """Of each fault, on a copy of each pack."""
    life = Life(fleet_of(1), USES, np.random.default_rng(2), window_s=WINDOW_S, start_day=40.0)
    opinions = [SecondOpinion(NMC, int(1000 * rated)) for rated in RATED_AH]
    for pack, entry in life.entries(KNOWN_DAYS):
        opinions[pack].add(entry)
    states = [opinion.to_bytes() for opinion in opinions]
    copies = [(fault, pack) for fault in FAULTS for pack in range(len(BLOCKS))]
    after, other = life.branch([pack for _, pack in copies], np.random.default_rng(3)), fleet_of(4)
    seconds = [SecondOpinion.from_bytes(states[pack], NMC) for _, pack in copies]
    for index, (fault, pack) in enumerate(copies):
        do(fault, after, index, other, pack)
    for index, entry in after.entries(FAULT_DAYS):
        seconds[index].add(entry)
    found: dict[str, list[Raised]] = {fault: [] for fault in FAULTS}
    for (fault, pack), second in zip(copies, seconds, strict=True):
        since = life.uptime_ms[pack]
        found[fault].append(
            Raised({alarm.kind: (alarm.since_uptime_ms - since) / 3_600_000 for alarm in second.alarms()})
        )
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_raises_its_alarm_and_none_raises_none(raised: dict[str, list[Raised]], fault: str) -> None:
    for pack, one in enumerate(raised[fault]):
        assert bool(one.after_h.keys() & FAULTS[fault]) == bool(FAULTS[fault]), (pack, one)


@pytest.mark.parametrize("fault", IN_A_DAY)
def test_what_makes_a_battery_another_is_told_within_a_day(raised: dict[str, list[Raised]], fault: str) -> None:
    for one in raised[fault]:
        assert min(one.after_h[kind] for kind in one.after_h if kind in FAULTS[fault]) <= 24


def test_a_pack_that_nothing_happened_to_raises_nothing(raised: dict[str, list[Raised]]) -> None:
    assert [one.after_h for one in raised["none"]] == [{}, {}]


def offsets_found(shown_ma: float) -> list[Pair]:
    """Of 20 rests, 12 h apart and at one voltage, where the current's zero moves by so much after the twelfth."""
    sensor, slope, counted_mah = SensorOffset(40_000.0), Slope(50.0, 48.0, 52.0), 0.0
    found: list[Pair] = []
    for number in range(20):
        rest = Rest(number, number * 43_200_000, np.full(12, 3_700.0), 20.0, counted_mah, 8_000.0 * number, 0.0, 0)
        found = sensor.add(rest, slope)
        counted_mah += 12 * shown_ma if number >= 12 else 0.0
    return found


def test_a_current_that_does_not_close_between_rests_is_a_drift() -> None:
    assert offsets_found(0.0) == []
    found = offsets_found(80.0)
    offsets_ma = [round(40_000 * pair.offset_rate) for pair in found]
    assert offsets_ma == [40, 50, 60, 70], "a pair of 96 h is mostly of the time before, then less and less"
