"""A team's own tests of its pack, in its own repository: nothing here but pytest and the plug-in's fixtures."""

import pytest
from packseal_hil.readings import Fault, FaultKind

pytestmark = pytest.mark.pack(series_blocks=8, sample_ms=60_000, window_ms=300_000, soc=0.8)


@pytest.mark.duration(seconds=15)
def test_what_a_day_did_is_in_the_passport(pack, passport):
    before = passport.size()
    pack.run("day-in-a-vehicle", hours=1)
    assert passport.size() > before
    assert passport.document()["values"]["cell_voltages"]["value"]
    assert pack.trace().cell_mv.shape[1] == 8


@pytest.mark.duration(seconds=20)
def test_a_gateway_that_was_away_brings_what_it_missed(pack, gateway, passport):
    pack.run("storage-day", hours=1, faults=[Fault(600, FaultKind.GATEWAY_LOSS, for_s=1200)])
    assert gateway.is_running
    assert [entry.seq for entry in passport.entries()] == list(range(passport.size()))


@pytest.mark.duration(seconds=15)
def test_a_power_cut_loses_no_record(pack, board, passport):
    pack.run("storage-day", for_s=1800, faults=[Fault(900, FaultKind.POWER_CUT, for_s=300)])
    assert board.is_on()
    assert board.starts == 2
    assert not passport.differences()


@pytest.mark.target("cortex-m")
def test_what_only_an_emulated_chip_has(board):
    assert board.name == "cortex-m"


def test_what_needs_a_bus(bus):
    bus.counters()
