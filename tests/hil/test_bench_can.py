"""A board that hears its BMS on a CAN bus, and each trouble that such a bus can have, in what the board signs of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from packseal.errors import UnavailableError
from packseal.frames import Frames
from packseal.io.micropython import micropython_command
from packseal.records.bodies import Window
from packseal_hil.bms.can_frames import CELLS_2, Message, to_frames
from packseal_hil.buses.faulty_bus import FaultyBus
from packseal_hil.ending import observed, rig_end
from packseal_hil.health import verdict
from packseal_hil.opening import OpenBench, Wanted, open_bench
from packseal_hil.pack_setup import PackSetup
from packseal_hil.plant.duty import Duty
from packseal_hil.protocols import BenchError
from packseal_hil.readings import Fault, FaultKind
from packseal_hil.rig import Rig, SimulatedCanTable
from packseal_hil.rig_buses import BMS_BUS

ON_CAN = PackSetup(series_blocks=6, bms="can", sample_ms=20_000, window_ms=20_000, checkpoint_every=1, clock_rate=20)
BEGINS_S, LASTS_S, RUNS_S = 20.0, 80.0, 140.0  # of the pack: 4 s of the wall are longer than a current counts
STEADY = Duty("steady", np.array([RUNS_S]), np.array([-0.2]), np.array([25.0]))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBench]:
    """One for all tests, from the least trouble to the most: what an earlier one did explains nothing more."""
    try:
        micropython_command()
    except UnavailableError as error:
        pytest.skip(str(error))
    with open_bench(Wanted("test", "unix", Rig(), ON_CAN, tmp_path_factory.mktemp("bench"))) as opened:
        yield opened


def windows_with(
    bench: OpenBench, kind: FaultKind, where: str = "", amount: float = 0.0, for_s: float = LASTS_S
) -> Sequence[Window]:
    """Of a run in which a fault comes and goes. The health check explains what comes of it, and nothing else is."""
    seen = bench.services.passport.size()
    bench.pack.run(STEADY, faults=[Fault(BEGINS_S, kind, where, amount, for_s)])
    assert kind in bench.pack.faults
    found = verdict(observed(bench, rig_end(bench)), bench.pack.faults)
    assert not found.failing, found.words()
    return [entry.body for entry in bench.services.passport.entries()[seen:] if isinstance(entry.body, Window)]


def currents_ma(windows: Sequence[Window]) -> list[int | None]:
    return [window.pack_current_ma.mean if window.pack_current_ma else None for window in windows]


def test_what_a_can_bms_says_is_in_the_record(bench: OpenBench) -> None:
    bench.pack.run(STEADY)
    windows = [entry.body for entry in bench.services.passport.entries() if isinstance(entry.body, Window)]
    assert min(current or 0 for current in currents_ma(windows)) < -900
    assert np.abs(np.array(windows[-1].cell_mv) - bench.pack.reading().cell_mv).max() < 30
    assert bench.bus_names == (BMS_BUS,)
    assert not verdict(observed(bench, rig_end(bench)), []).failing


def test_a_bms_with_another_dbc_is_misread_until_it_speaks_as_before(bench: OpenBench) -> None:
    """The second dialect counts current the other way, in tens of milliamperes."""
    currents = [current or 0 for current in currents_ma(windows_with(bench, FaultKind.WRONG_DBC, where=CELLS_2))]
    assert any(50 < current < 250 for current in currents)
    assert min(currents) < -900


def test_a_bus_that_is_off_brings_no_values_and_comes_back(bench: OpenBench) -> None:
    currents = currents_ma(windows_with(bench, FaultKind.BUS_OFF))
    assert None in currents
    assert currents[-1] is not None
    counters = bench.buses[BMS_BUS].counters()
    assert counters["bus_offs"] == 1
    assert counters["frames_unsent"] > 0


def test_frames_that_are_destroyed_come_again(bench: OpenBench) -> None:
    """One of twenty: the controller repeats it, and the record has no hole."""
    before = bench.buses[BMS_BUS].counters()
    windows = windows_with(bench, FaultKind.ERROR_FRAMES, amount=5)
    assert None not in currents_ma(windows)
    counted = {name: count - before[name] for name, count in bench.buses[BMS_BUS].counters().items()}
    assert counted["error_frames"] == counted["frames_destroyed"] > 0
    assert counted["frames_unsent"] == 0


def test_a_node_that_babbles_leaves_the_bms_no_room(bench: OpenBench) -> None:
    """The board hears thousands of frames that are nothing to it, and takes its time to be through with them."""
    assert None in currents_ma(windows_with(bench, FaultKind.BABBLING_NODE, amount=4_000, for_s=60.0))
    bench.pack.wait_for(lambda: newest_current_ma(bench) is not None, 60, "no current after the babble")
    assert bench.buses[BMS_BUS].counters()["frames_babbled"] > 1_000


def newest_current_ma(bench: OpenBench) -> int | None:
    entries = bench.services.passport.entries()
    return currents_ma([entry.body for entry in entries if isinstance(entry.body, Window)])[-1]


def test_a_test_has_the_bus_that_the_rig_names_with_its_trouble(tmp_path: Path) -> None:
    rig = Rig(can=(SimulatedCanTable(name="pack", driver="simulated", channel=str(tmp_path)),))
    with open_bench(Wanted("test", "unix", rig, PackSetup(series_blocks=6), tmp_path)) as bench:
        bus = bench.bus("pack")
        bench.pack.run("storage-day", for_s=60, faults=[Fault(0, FaultKind.BUS_OFF)], is_settled=False)
        with pytest.raises(BenchError, match="off the bus"):
            bus.send(to_frames([Message(1, b"")]))
        assert bench.buses["pack"].counters()["frames_unsent"] == 1


class NarrowBus:
    """A driver that notices when two threads are in it at once. Each waits there for another, if only shortly."""

    def __init__(self) -> None:
        self.met, self.sent = False, 0
        self._both = threading.Barrier(2)

    def send(self, frames: Frames) -> None:
        try:
            self._both.wait(0.2)
            self.met = True
        except threading.BrokenBarrierError:
            self._both.reset()
        self.sent += len(frames)

    def received(self) -> Frames:
        return Frames.empty()

    def counters(self) -> dict[str, int]:
        return {}

    def problem(self) -> str:
        return ""

    def close(self) -> None:
        """Nothing is open."""


def test_two_threads_that_send_are_one_after_the_other_at_the_driver() -> None:
    driver = NarrowBus()
    bus = FaultyBus(driver)
    threads = [threading.Thread(target=bus.send, args=(to_frames([Message(1, b"")]),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not driver.met
    assert driver.sent == 2
