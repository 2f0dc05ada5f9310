"""rig.toml: what stands on the bench, and by which driver each thing is spoken to.

Decides the tables and their keys, and that a mistake is named with file, line and key before anything is switched on
(as packseal.io.settings_file does for the product's own files). A table says what a thing is for, its key `driver` what
product it is; a test sees the first alone (protocols.py). What has no table, the bench has not. Opening is left to
drivers/open.py, so that a rig can be read and shown where none of its things is plugged in.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from packseal.io.setting_types import Below, Listen, Name, Table
from packseal.io.settings_file import load_settings

Port = Annotated[str, Field(min_length=1, max_length=200)]
Baud = Annotated[int, Field(strict=True, ge=300, le=4_000_000)]
PatienceS = Annotated[int, Field(strict=True, ge=1, le=3600)]
CellBlocks = Annotated[int, Field(strict=True, ge=1, le=1000)]
Strings = Annotated[int, Field(strict=True, ge=1, le=100)]
DEFAULT_PATIENCE_S = 120  # a person has to be found, and to walk to the bench


class DeviceTable(Table):
    """A table with a key `driver`."""

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, values: object) -> object:
        """Said here, where the driver is known: each has keys of its own."""
        known = list(cls.model_fields)
        for key in values if isinstance(values, Mapping) else ():
            if key not in known:
                near = difflib.get_close_matches(str(key), known, 1)
                cure = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
                raise ValueError(f"unknown key {key!r}; {cure}")
        return values


class SimulatedTable(DeviceTable):
    """Without anything plugged in: the driver keeps what it is told"""

    driver: Literal["simulated"]


class ManualTable(DeviceTable):
    """A person does it, and is asked at the terminal"""

    driver: Literal["manual"]
    patience_s: PatienceS = DEFAULT_PATIENCE_S


class RigolDP800Table(DeviceTable):
    """[power] of a bench supply, Rigol DP811 to DP832A"""

    driver: Literal["scpi-rigol-dp800"]
    address: Listen
    channel: Annotated[int, Field(strict=True, ge=1, le=3)] = 1
    voltage_mv: Annotated[int, Field(strict=True, gt=0, le=60_000)]
    current_limit_ma: Annotated[int, Field(strict=True, gt=0, le=10_000)]


class PythonCanTable(DeviceTable):
    """[[can]] of an adapter, by the product's own ways to a bus; slcan without a channel is the target's line to its
    BMS"""

    name: Name
    driver: Literal["python-can"]
    interface: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]
    channel: Port | None = None
    bitrate: Annotated[int, Field(strict=True, ge=5_000, le=1_000_000)] | None = None

    @model_validator(mode="after")
    def _has_a_channel(self) -> PythonCanTable:
        if self.channel is None and self.interface != "slcan":
            raise ValueError(f"the key 'channel' is missing; interface {self.interface!r} has no target's line")
        return self


class SimulatedCanTable(DeviceTable):
    """[[can]] within this process: buses of the same channel hear each other"""

    name: Name
    driver: Literal["simulated"]
    channel: Port


class SimulatedCellsTable(DeviceTable):
    """[cell_simulator] that keeps what it was shown"""

    driver: Literal["simulated"]
    cell_blocks: CellBlocks


class JbdTable(DeviceTable):
    """[cell_simulator]: an emulated JBD board on a serial port, or, without `port`, on the target's line to its BMS"""

    driver: Literal["jbd"]
    cell_blocks: Annotated[int, Field(strict=True, ge=1, le=32)]
    strings: Strings = 1
    rated_capacity_mah: Annotated[int, Field(strict=True, gt=0, le=655_350)]
    port: Port | None = None


class CanBmsTable(DeviceTable):
    """[cell_simulator]: an emulated BMS that broadcasts on the [[can]] of this name"""

    driver: Literal["can-bms"]
    bus: Name
    cell_blocks: CellBlocks
    strings: Strings = 1


class NgiN83624Table(DeviceTable):
    """[cell_simulator] of NGI N83624: 24 channels of 0 to 6 V, from channel `first_channel` on; has_fault_relays: its
    option of section 6.10, which opens a wire"""

    driver: Literal["scpi-ngi-n83624"]
    address: Listen
    cell_blocks: Annotated[int, Field(strict=True, ge=1, le=24)]
    first_channel: Annotated[int, Field(strict=True, ge=1, le=24)] = 1
    current_limit_ma: Annotated[int, Field(strict=True, gt=0, le=5_000)] = 1_000
    has_fault_relays: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _channels_suffice(self) -> NgiN83624Table:
        if self.first_channel + self.cell_blocks > 25:
            raise ValueError(f"cell_blocks: {self.cell_blocks} from channel {self.first_channel} on; there are 24")
        return self


class SerialTable(DeviceTable):
    """[console] on a serial port"""

    driver: Literal["serial"]
    port: Port
    baud: Baud = 115_200


class FlashImageTable(DeviceTable):
    """[flash] that a programmer reads out into a file; without a table, a target is asked for its own"""

    driver: Literal["image"]
    path: Below


class BoardTable(Table):
    """[board]: how a real board is wired, of the target board:/dev/…"""

    kind: Literal["stm32", "rp2", "esp32"]
    console_port: str = ""
    bms_port: str = ""


def _driver(values: object) -> str:
    found = values.get("driver", "") if isinstance(values, Mapping) else getattr(values, "driver", "")
    return found if isinstance(found, str) else ""


def _by_driver(*drivers: str) -> Discriminator:
    expected = ", ".join(f'"{driver}"' for driver in drivers)
    return Discriminator(
        _driver, custom_error_type="unknown_driver", custom_error_message=f"expected driver = one of {expected}"
    )


Power = Annotated[
    Annotated[SimulatedTable, Tag("simulated")]
    | Annotated[ManualTable, Tag("manual")]
    | Annotated[RigolDP800Table, Tag("scpi-rigol-dp800")],
    _by_driver("simulated", "manual", "scpi-rigol-dp800"),
]
Can = Annotated[
    Annotated[SimulatedCanTable, Tag("simulated")] | Annotated[PythonCanTable, Tag("python-can")],
    _by_driver("simulated", "python-can"),
]
Cells = Annotated[
    Annotated[SimulatedCellsTable, Tag("simulated")]
    | Annotated[JbdTable, Tag("jbd")]
    | Annotated[CanBmsTable, Tag("can-bms")]
    | Annotated[NgiN83624Table, Tag("scpi-ngi-n83624")],
    _by_driver("simulated", "jbd", "can-bms", "scpi-ngi-n83624"),
]
Console = Annotated[
    Annotated[SimulatedTable, Tag("simulated")] | Annotated[SerialTable, Tag("serial")],
    _by_driver("simulated", "serial"),
]
Flash = Annotated[
    Annotated[SimulatedTable, Tag("simulated")] | Annotated[FlashImageTable, Tag("image")],
    _by_driver("simulated", "image"),
]
Temperature = Annotated[
    Annotated[SimulatedTable, Tag("simulated")] | Annotated[ManualTable, Tag("manual")],
    _by_driver("simulated", "manual"),
]


class Rig(Table):
    """rig.toml"""

    name: Name = "bench"
    power: Power | None = None
    can: tuple[Can, ...] = ()
    cell_simulator: Cells | None = None
    console: Console | None = None
    flash: Flash | None = None
    temperature: Temperature | None = None
    board: BoardTable | None = None

    @model_validator(mode="after")
    def _each_thing_once(self) -> Rig:
        names = [can.name for can in self.can]
        if len(set(names)) < len(names):
            raise ValueError("two [[can]] tables have the same name; tests ask for a bus by it")
        ports = [port for port in self.serial_ports if port]
        if len(set(ports)) < len(ports):
            raise ValueError("a serial port stands twice; two readers would take each other's bytes")
        return self

    @model_validator(mode="after")
    def _buses_are_there(self) -> Rig:
        cells = self.cell_simulator
        if isinstance(cells, CanBmsTable) and cells.bus not in [can.name for can in self.can]:
            raise ValueError(f"cell_simulator: there is no [[can]] with the name {cells.bus!r}")
        return self

    @property
    def serial_ports(self) -> tuple[str, ...]:
        """Of everything but CAN adapters; "" where there is none."""
        console = self.console.port if isinstance(self.console, SerialTable) else ""
        cells = self.cell_simulator.port if isinstance(self.cell_simulator, JbdTable) else None
        wired = (self.board.console_port, self.board.bms_port) if self.board else ("", "")
        return (console, cells or "", *wired)


def load_rig(path: Path) -> Rig:
    """Raises ConfigError."""
    return load_settings(path, Rig)
