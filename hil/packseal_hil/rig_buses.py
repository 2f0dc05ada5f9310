"""The CAN buses of one test: each can be disturbed, and may be used from several threads at once.

Tests, the emulated BMS and faults have the same FaultyBus of a bus, which lets one of them at a time to its driver.
Decides where a fault of the bus acts: where the BMS is, or on the first [[can]] of the rig. A bus is opened when it is
first asked for.
"""

from __future__ import annotations

import secrets
from contextlib import ExitStack

from packseal_hil.buses.faulty_bus import BITRATE, FaultyBus
from packseal_hil.buses.slcan_adapter import SlcanAdapter
from packseal_hil.drivers.can_bus import BenchBus
from packseal_hil.drivers.open import Devices
from packseal_hil.protocols import BenchError
from packseal_hil.rig import CanBmsTable, PythonCanTable, Rig, SimulatedCanTable

BMS_BUS = "bms"


def with_a_bus(rig: Rig) -> Rig:
    """Where it has none, one within this process, of this test alone."""
    if rig.can:
        return rig
    table = SimulatedCanTable(name=BMS_BUS, driver="simulated", channel=f"bms-{secrets.token_hex(8)}")
    return rig.model_copy(update={"can": (table,)})


class RigBuses:
    """Of an open rig. Closed with its devices."""

    def __init__(self, devices: Devices, seed: int = 0) -> None:
        self._devices, self._seed = devices, seed
        self._opened: dict[str, FaultyBus] = {}
        self._adapter: SlcanAdapter | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return self._devices.bus_names

    @property
    def opened(self) -> dict[str, FaultyBus]:
        return dict(self._opened)

    @property
    def of_bms(self) -> FaultyBus:
        """Raises BenchError where the rig has no bus, and for one that does not answer."""
        return self.bus(self._bms_name)

    def bus(self, name: str) -> FaultyBus:
        """Raises BenchError for a name that there is not, and for a bus that does not answer."""
        if name not in self._opened:
            driver = self._devices.bus(name)
            self._opened[name] = FaultyBus(driver, bitrate=self._bitrate(name), seed=self._seed)
        return self._opened[name]

    def connect(self, line: str, opened: ExitStack) -> None:
        """Puts a board whose slcan line this is on the BMS's bus, as another node; nothing where the bus is that
        line. opened: closes what is opened here."""
        table = self._table(self._bms_name)
        if isinstance(table, PythonCanTable) and table.channel is None:
            return
        node = BenchBus(table)
        opened.callback(node.close)
        adapter = SlcanAdapter(node, line)
        opened.callback(adapter.close)
        self._adapter = adapter

    def problem(self) -> str:
        """Of the board's adapter."""
        return self._adapter.problem() if self._adapter else ""

    # trouble, as faults want it (faults/actors.py, Troubled)

    def short(self, is_shorted: bool) -> None:
        self.of_bms.short(is_shorted)

    def disturb(self, errors_percent: float) -> None:
        self.of_bms.disturb(errors_percent)

    def babble(self, frames_per_s: float) -> None:
        self.of_bms.babble(frames_per_s)

    @property
    def _bms_name(self) -> str:
        cells = self._devices.rig.cell_simulator
        if isinstance(cells, CanBmsTable):
            return cells.bus
        if not self.names:
            raise BenchError("the rig has no bus; add [[can]] to rig.toml")
        return self.names[0]

    def _table(self, name: str) -> PythonCanTable | SimulatedCanTable:
        return next(table for table in self._devices.rig.can if table.name == name)

    def _bitrate(self, name: str) -> int:
        table = self._table(name)
        return (table.bitrate or BITRATE) if isinstance(table, PythonCanTable) else BITRATE
