"""From the tables of rig.toml to opened devices.

Each is opened when it is first asked for, so that a test fails by what it uses and not by what else is unplugged; what
has no table is None, and the test that needs it is skipped by name. Whoever has the rig opened closes it.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import Protocol, TypeVar

from packseal_hil.bms.can_bms import CanBms
from packseal_hil.bms.jbd import JbdBoard
from packseal_hil.bms.serial_bms import JbdOnPort
from packseal_hil.drivers.can_bus import BenchBus
from packseal_hil.drivers.flash_image import FlashImage
from packseal_hil.drivers.manual import ManualChamber, ManualPower, Person
from packseal_hil.drivers.ngi_n83624 import NgiN83624
from packseal_hil.drivers.rigol_dp800 import RigolDP800
from packseal_hil.drivers.serial_console import SerialConsole
from packseal_hil.drivers.simulated import (
    SimulatedCells,
    SimulatedChamber,
    SimulatedConsole,
    SimulatedFlash,
    SimulatedPower,
)
from packseal_hil.protocols import BenchError, Bus, CellSimulator, Chamber, Console, Flash, PowerSwitch
from packseal_hil.rig import (
    CanBmsTable,
    FlashImageTable,
    JbdTable,
    ManualTable,
    NgiN83624Table,
    Rig,
    RigolDP800Table,
    SerialTable,
)
from packseal_hil.targets.board import Wiring


class _Closable(Protocol):
    def close(self) -> None: ...


Opened = TypeVar("Opened", bound=_Closable)


class Devices:
    """The bench's things, by what they are for. Everything raises BenchError where the thing does not answer."""

    def __init__(self, rig: Rig, bms_port: str = "") -> None:
        """bms_port: of the target, for an emulated BMS or an slcan line that has no port of its own in rig.toml; may be
        set later, as a real board is opened with this rig's wiring first."""
        self.rig = rig
        self.bms_port = bms_port
        self._buses: dict[str, Bus] = {}
        self._to_close = ExitStack()

    def __enter__(self) -> Devices:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @cached_property
    def power(self) -> PowerSwitch | None:
        table = self.rig.power
        if table is None:
            return None
        if isinstance(table, RigolDP800Table):
            return self._kept(RigolDP800(table))
        if isinstance(table, ManualTable):
            return self._kept(ManualPower(Person(table.patience_s)))
        return self._kept(SimulatedPower())

    @cached_property
    def cell_simulator(self) -> CellSimulator | None:
        table = self.rig.cell_simulator
        if table is None:
            return None
        if isinstance(table, NgiN83624Table):
            return self._kept(NgiN83624(table))
        if isinstance(table, JbdTable):
            return self._kept(self._jbd(table))
        if isinstance(table, CanBmsTable):
            return self._kept(CanBms(self.bus(table.bus), table.cell_blocks, table.strings))
        return self._kept(SimulatedCells(table.cell_blocks))

    @cached_property
    def console(self) -> Console | None:
        table = self.rig.console
        if table is None:
            return None
        return self._kept(SerialConsole(table) if isinstance(table, SerialTable) else SimulatedConsole())

    @cached_property
    def flash(self) -> Flash | None:
        """None: ask the target for its own."""
        table = self.rig.flash
        if table is None:
            return None
        return FlashImage(table) if isinstance(table, FlashImageTable) else SimulatedFlash()

    @cached_property
    def chamber(self) -> Chamber | None:
        table = self.rig.temperature
        if table is None:
            return None
        if isinstance(table, ManualTable):
            return self._kept(ManualChamber(Person(table.patience_s)))
        return self._kept(SimulatedChamber())

    @property
    def bus_names(self) -> tuple[str, ...]:
        return tuple(table.name for table in self.rig.can)

    def bus(self, name: str) -> Bus:
        """Raises BenchError for a name that has no [[can]]."""
        if name not in self._buses:
            tables = [table for table in self.rig.can if table.name == name]
            if not tables:
                raise BenchError(
                    f"rig.toml has no [[can]] with the name {name!r}; {', '.join(self.bus_names) or 'none'}"
                )
            self._buses[name] = self._kept(BenchBus(tables[0], self.bms_port))
        return self._buses[name]

    @property
    def opened_buses(self) -> dict[str, Bus]:
        """By name; for the health check, which opens nothing."""
        return dict(self._buses)

    def wiring(self) -> Wiring:
        """Of a real board, for the target board:/dev/…"""
        board = self.rig.board
        if board is None:
            return Wiring(power=self.power)
        return Wiring(board.kind, board.console_port, board.bms_port, self.power)

    def close(self) -> None:
        """Everything that was opened, the last one first; raises what the first of them raises, when all are closed."""
        self._to_close.close()

    def _kept(self, device: Opened) -> Opened:
        self._to_close.callback(device.close)
        return device

    def _jbd(self, table: JbdTable) -> JbdOnPort:
        port = table.port or self.bms_port
        if not port:
            raise BenchError("cell_simulator has no port in rig.toml, and the target has no line to its BMS; name one")
        return JbdOnPort(port, JbdBoard(table.rated_capacity_mah, table.strings), table.cell_blocks)
