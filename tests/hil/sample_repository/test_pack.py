"""A team's own tests of its pack, in its own repository: nothing here but pytest and the plug-in's fixtures."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from packseal.records.bodies import Window
from packseal_hil.bench import Pack
from packseal_hil.opening import OpenBench
from packseal_hil.protocols import Bus
from packseal_hil.readings import Fault, FaultKind
from packseal_hil.services import BenchGateway, BenchPassport
from packseal_hil.targets.target import Target

pytestmark = pytest.mark.pack(series_blocks=8, sample_ms=60_000, window_ms=300_000, soc=0.8, clock_rate=200)


@pytest.mark.duration(seconds=10)
def test_what_the_pack_did_is_in_the_passport(pack: Pack, passport: BenchPassport) -> None:
    before = passport.size()
    pack.run("storage-day", for_s=600)
    assert passport.size() > before
    assert passport.document()["values"]["pack_voltage_mv"]["value"] is not None
    assert pack.truth().soc.max() < 1
    assert pack.trace().cell_mv.shape[1] == 8


@pytest.mark.duration(seconds=10)
def test_a_gateway_that_was_away_brings_what_it_missed(
    pack: Pack, gateway: BenchGateway, passport: BenchPassport
) -> None:
    pack.run("storage-day", for_s=1500, faults=[Fault(300, FaultKind.GATEWAY_LOSS, for_s=600)])
    assert gateway.is_running
    assert [entry.seq for entry in passport.entries()] == list(range(passport.size()))


@pytest.mark.duration(seconds=10)
def test_a_power_cut_loses_no_record(pack: Pack, board: Target, passport: BenchPassport) -> None:
    pack.run("storage-day", for_s=1200, faults=[Fault(600, FaultKind.POWER_CUT, for_s=300)])
    assert board.is_on()
    assert board.starts == 2
    assert not passport.differences()


def altered(bench: OpenBench) -> int:
    """Records in the store that now read otherwise, as somebody with the database could do it."""
    with closing(sqlite3.connect(bench.services.folder / "passport.db")) as database, database:
        alter = "UPDATE records SET entry = CAST(entry || x'00' AS BLOB) WHERE seq = 1"
        return database.execute(alter).rowcount


@pytest.mark.duration(seconds=5)
def test_whose_own_assertions_hold(pack: Pack, bench: OpenBench) -> None:
    pack.run("storage-day", for_s=600)
    assert altered(bench) == 1


@pytest.mark.duration(seconds=5)
@pytest.mark.explained("altered")
def test_that_says_what_it_alters(pack: Pack, bench: OpenBench) -> None:
    pack.run("storage-day", for_s=600)
    assert altered(bench) == 1


@pytest.mark.target("cortex-m")
@pytest.mark.duration(seconds=40)
@pytest.mark.pack(series_blocks=8, sample_ms=1_000, window_ms=2_000, checkpoint_every=2)
def test_of_an_emulated_chip(pack: Pack, board: Target, passport: BenchPassport) -> None:
    pack.rest(hours=10 / 3600)
    windows = [entry.body for entry in passport.entries() if isinstance(entry.body, Window)]
    assert len(windows) >= 5
    assert sum(window.samples for window in windows) >= 10
    assert not passport.differences()
    assert board.name == "cortex-m"


@pytest.mark.duration(seconds=3600)
def test_that_takes_an_hour(pack: Pack) -> None:
    pack.run("storage-week")
    assert pack.truth().soc.max() < 1


@pytest.mark.duration(seconds=5)
def test_of_a_bus(bus: Bus, board: Target) -> None:
    assert board.is_on()
    assert len(bus.received()) == 0
    assert not bus.problem()
