"""From a rig to its devices: opened when they are asked for, closed all together, absent ones None."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from packseal_hil.bms.can_bms import CanBms
from packseal_hil.bms.serial_bms import JbdOnPort
from packseal_hil.drivers import Devices
from packseal_hil.drivers.ngi_n83624 import NgiN83624
from packseal_hil.drivers.rigol_dp800 import RigolDP800
from packseal_hil.protocols import BenchError
from packseal_hil.rig import Rig, load_rig
from packseal_hil.targets.board import Wiring
from tests.hil.pseudo_terminal import PseudoTerminal
from tests.hil.readings import CELLS, reading
from tests.hil.scpi_ngi import N83624
from tests.hil.scpi_rigol import DP832
from tests.hil.scpi_server import Served
from tests.waiting import until

JBD = f'[cell_simulator]\ndriver = "jbd"\ncell_blocks = {CELLS}\nrated_capacity_mah = 100000\n'


@pytest.fixture
def line() -> Iterator[PseudoTerminal]:
    line = PseudoTerminal()
    yield line
    line.close()


def rig(folder: Path, text: str) -> Rig:
    (folder / "rig.toml").write_text(text)
    return load_rig(folder / "rig.toml")


def test_what_has_no_table_is_none() -> None:
    with Devices(Rig()) as devices:
        things = (devices.power, devices.cell_simulator, devices.console, devices.flash, devices.chamber)
        assert things == (None,) * 5
        assert (devices.bus_names, devices.wiring()) == ((), Wiring())
        with pytest.raises(BenchError, match=r"no \[\[can\]\] with the name 'pack'; none"):
            devices.bus("pack")


def test_the_rig_in_the_tree_opens_without_anything_plugged_in() -> None:
    with Devices(load_rig(Path(__file__).parents[2] / "hil" / "rig.toml")) as devices:
        assert devices.power
        devices.power.on()
        assert devices.chamber
        assert devices.chamber.temperature_c() == 25.0
        assert devices.bus("pack").problem() == ""
        assert devices.bus("pack") is devices.bus("pack")
        assert list(devices.opened_buses) == ["pack"]


def test_a_thing_is_opened_once_and_only_when_asked_for(tmp_path: Path) -> None:
    with Served(DP832()) as served:
        text = (
            f'[power]\ndriver = "scpi-rigol-dp800"\naddress = "{served.address}"\nvoltage_mv = 5000\n'
            'current_limit_ma = 500\n[console]\ndriver = "serial"\nport = "/dev/nowhere"\n'
        )
        with Devices(rig(tmp_path, text)) as devices:
            assert served.connections == 0
            assert isinstance(devices.power, RigolDP800)
            assert devices.power is devices.power
            assert served.connections == 1
            with pytest.raises(BenchError, match="/dev/nowhere"):
                _ = devices.console


def test_all_are_closed_also_where_one_cannot_be(tmp_path: Path, line: PseudoTerminal) -> None:
    with Served(N83624()) as served:
        text = (
            '[[can]]\nname = "pack"\ndriver = "python-can"\ninterface = "slcan"\n'
            f'[cell_simulator]\ndriver = "scpi-ngi-n83624"\naddress = "{served.address}"\ncell_blocks = {CELLS}\n'
        )
        devices = Devices(rig(tmp_path, text), str(line.path))
        assert devices.bus("pack").problem() == ""
        line.hear(b"O\r")
        assert isinstance(devices.cell_simulator, NgiN83624)
        served.drops_at.update(range(served.heard, served.heard + 99))
        with pytest.raises(BenchError, match="the cell simulator"):
            devices.close()
    line.hear(b"O\rC\r")


def test_an_emulated_bms_takes_the_targets_line_or_its_own(tmp_path: Path, line: PseudoTerminal) -> None:
    for text, port in ((JBD, str(line.path)), (f'{JBD}port = "{line.path}"\n', "")):
        with Devices(rig(tmp_path, text), port) as devices:
            assert isinstance(devices.cell_simulator, JbdOnPort)
            devices.cell_simulator.show(reading())
    with Devices(rig(tmp_path, JBD)) as devices:
        assert devices.wiring() == Wiring()
        devices.bms_port = str(line.path)
        assert isinstance(devices.cell_simulator, JbdOnPort)
    with (
        Devices(rig(tmp_path, JBD)) as devices,
        pytest.raises(BenchError, match=r"no port in rig\.toml, and the target has no line"),
    ):
        _ = devices.cell_simulator


def test_an_emulated_bms_broadcasts_on_a_bus_of_the_rig(tmp_path: Path) -> None:
    channel = uuid.uuid4().hex
    bus = '[[can]]\nname = "{}"\ndriver = "simulated"\nchannel = "' + channel + '"\n'
    bms = f'[cell_simulator]\ndriver = "can-bms"\nbus = "pack"\ncell_blocks = {CELLS}\n'
    with Devices(rig(tmp_path, bus.format("pack") + bus.format("listener") + bms)) as devices:
        listener = devices.bus("listener")
        assert isinstance(devices.cell_simulator, CanBms)
        devices.cell_simulator.show(reading())
        until(lambda: listener.counters()["frames_received"] > 0, "the BMS's frames")


def test_a_boards_wiring_has_the_rigs_switch(tmp_path: Path) -> None:
    text = '[power]\ndriver = "simulated"\n[board]\nkind = "rp2"\nconsole_port = "/dev/a"\nbms_port = "/dev/b"\n'
    with Devices(rig(tmp_path, text)) as devices:
        assert devices.wiring() == Wiring("rp2", "/dev/a", "/dev/b", devices.power)
