"""From a target's word, a rig and a pack's setup to an open bench: what one test has; nothing of it is left behind."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from packseal.errors import PackSealError
from packseal.io.enrol import possession_of
from packseal.records.checkpoint import SALT_BYTES
from packseal_hil.bench import Bench, BenchParts, Pack
from packseal_hil.bms.can_bms import CanBms
from packseal_hil.bms.can_frames import CELLS_1
from packseal_hil.bms.jbd import JbdBoard
from packseal_hil.bms.serial_bms import JbdOnPort
from packseal_hil.drivers.open import Devices
from packseal_hil.faults import Actor, BmsFaults, BusFaults, GatewayFaults, Place, TargetFaults
from packseal_hil.journaled_target import JournaledTarget
from packseal_hil.line_tap import LineTap
from packseal_hil.pack_setup import CAN, JBD, PackSetup
from packseal_hil.plant.pack import Plant
from packseal_hil.protocols import BenchError, Bus, CellSimulator
from packseal_hil.recorded_bus import JournaledBus
from packseal_hil.recording import FORMAT, Journal, NoJournal, Recorder, Recording, base64_of, setup_line
from packseal_hil.replay import ReplayedPack, open_replay
from packseal_hil.rig import CanBmsTable, JbdTable, Rig, SimulatedCellsTable
from packseal_hil.rig_buses import RigBuses, with_a_bus
from packseal_hil.services import Enrolment, Services
from packseal_hil.targets.open import open_target
from packseal_hil.targets.target import Target


class NoTargetError(BenchError):
    """There is no such target here; what was recorded on one can still be replayed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a test asks for. folder: for the files of board and services, empty. recorder: None for no recording."""

    test: str
    target: str
    rig: Rig
    setup: PackSetup
    folder: Path
    recorder: Recorder | None = None


@dataclass(slots=True)
class OpenBench:
    """devices: of the rig, None in a replay. can: its buses, None where nobody can have one."""

    pack: Pack
    board: Target
    services: Services
    devices: Devices | None
    journal: Journal = field(default_factory=NoJournal)
    can: RigBuses | None = None

    @property
    def is_replayed(self) -> bool:
        return self.devices is None

    @property
    def buses(self) -> dict[str, Bus]:
        """Those that were opened."""
        return dict(self.can.opened) if self.can else {}

    @property
    def bus_names(self) -> tuple[str, ...]:
        """Of the rig; in a replay those that were asked for."""
        if isinstance(self.pack, ReplayedPack):
            return self.pack.bus_names
        return self.can.names if self.can else ()

    def bus(self, name: str) -> Bus:
        """Raises BenchError for a name that there is not, and for a bus that does not answer."""
        if isinstance(self.pack, ReplayedPack):
            return self.pack.bus(name)
        if self.can is None:
            raise BenchError(f"this bench has no bus {name!r}; add [[can]] to rig.toml")
        return JournaledBus(name, self.can.bus(name), self.journal)


@contextmanager
def open_bench(wanted: Wanted) -> Iterator[OpenBench]:
    """A board that runs and is enrolled, with services behind it. Raises NoTargetError, and BenchError for what else
    cannot be had."""
    with ExitStack() as opened:
        journal = wanted.recorder or NoJournal()
        setup = wanted.setup
        devices = _devices(wanted, opened)
        target = _target(wanted, devices)
        opened.callback(target.close)
        opened.callback(devices.close)  # what is plugged into the target before the target
        devices.bms_port = target.bms_port
        can = RigBuses(devices, setup.seed)
        plant = setup.plant()
        cells = _cells(wanted, devices, can, target, opened)
        reading = plant.reading()
        if cells:
            cells.show(reading)
        services = Services(wanted.folder / "services", setup)
        sensors = len(reading.temperature_ddegc)
        target.start(setup.board_config(services.service_public_key, sensors), setup.can_table(sensors))
        enrolment = _enrolled(target)
        if wanted.recorder:
            _write_head(wanted, target, enrolment)
        port = _gateway_port(wanted, target, opened)
        opened.callback(services.stop)
        _start(services, port, enrolment)
        actors = _actors(plant, cells, can, target, services)
        parts = BenchParts(setup, plant, target, cells, services, actors, journal)
        yield OpenBench(Bench(parts, wanted.test), JournaledTarget(target, journal), services, devices, journal, can)


@contextmanager
def open_recorded(recording: Recording, folder: Path) -> Iterator[OpenBench]:
    """The same out of a recording. Raises BenchError."""
    with open_replay(recording, folder) as replayed:
        yield OpenBench(replayed.pack, replayed.board, replayed.services, None)


def _devices(wanted: Wanted, opened: ExitStack) -> Devices:
    """Nothing of them is opened yet. Raises BenchError where the rig is for another pack than the test."""
    rig, setup = wanted.rig, wanted.setup
    table = rig.cell_simulator
    if table is not None and not isinstance(table, SimulatedCellsTable):
        if table.cell_blocks != setup.cell_blocks:
            has = f"cell_simulator in rig.toml has cell_blocks = {table.cell_blocks}"
            raise BenchError(f"{has}, the pack of the test {setup.cell_blocks}; make them equal")
        spoken = CAN if isinstance(table, CanBmsTable) else JBD if isinstance(table, JbdTable) else setup.bms
        if spoken != setup.bms:
            cure = f'mark the test pack(bms="{spoken}"), or take another cell_simulator'
            raise BenchError(f'the board listens to a BMS "{setup.bms}", rig.toml has one that speaks {spoken}; {cure}')
    return opened.enter_context(Devices(with_a_bus(rig) if setup.bms == CAN else rig))


def _target(wanted: Wanted, devices: Devices) -> Target:
    """Raises NoTargetError."""
    fastest = wanted.setup.fastest_clock_rate
    clock_rate = min(wanted.setup.clock_rate or fastest, fastest) if wanted.target == "unix" else 1
    wiring = devices.wiring() if wanted.target.startswith("board:") else None
    try:
        return open_target(wanted.target, wanted.folder / "board", clock_rate=clock_rate, wiring=wiring)
    except BenchError as error:
        raise NoTargetError(str(error)) from None


def _cells(wanted: Wanted, devices: Devices, can: RigBuses, target: Target, opened: ExitStack) -> CellSimulator | None:
    """The rig's; where it has none or a simulated one, an emulated BMS on the target's own line to it."""
    setup, table = wanted.setup, wanted.rig.cell_simulator
    is_emulated = table is None or isinstance(table, SimulatedCellsTable | CanBmsTable)
    if not is_emulated or (not target.bms_port and not isinstance(table, CanBmsTable)):
        return devices.cell_simulator
    cells = _can_bms(setup, can, target, opened) if setup.bms == CAN else _jbd(setup, target)
    opened.callback(cells.close)
    return cells


def _can_bms(setup: PackSetup, can: RigBuses, target: Target, opened: ExitStack) -> CanBms:
    """A real board is on its bus by itself."""
    bus = can.of_bms
    if target.bms_port and target.name == "unix":
        can.connect(target.bms_port, opened)
    return CanBms(bus, setup.cell_blocks, setup.strings)


def _jbd(setup: PackSetup, target: Target) -> JbdOnPort:
    try:
        bms = JbdBoard(setup.rated_capacity_mah, setup.strings)
    except ValueError as error:
        raise BenchError(f"the emulated BMS: {error}; take a smaller pack, or name a cell_simulator") from None
    return JbdOnPort(target.bms_port, bms, setup.cell_blocks, setup.seed)


def _actors(
    plant: Plant, cells: CellSimulator | None, can: RigBuses, target: Target, services: Services
) -> dict[Place, Actor]:
    """The places that this bench has for faults."""
    actors: dict[Place, Actor] = {
        Place.PLANT: plant,
        Place.TARGET: TargetFaults(target),
        Place.GATEWAY: GatewayFaults(services.gateway),
    }
    if can.names:
        actors[Place.BUS] = BusFaults(can)
    if isinstance(cells, JbdOnPort):
        actors[Place.BMS] = BmsFaults(cells, noise=cells.noise)
    elif isinstance(cells, CanBms):
        actors[Place.BMS] = BmsFaults(cells, can=cells, dialect=CELLS_1)
    return actors


def _enrolled(target: Target) -> Enrolment:
    nonce = secrets.token_bytes(SALT_BYTES)
    try:
        hello, possession = possession_of(target.serial_port, nonce, is_running=target.is_on)
    except PackSealError as error:
        raise BenchError(f"{error}; the target says: {target.problem() or target.said()[-300:]}") from None
    return Enrolment(hello.genesis, nonce, possession)


def _write_head(wanted: Wanted, target: Target, enrolment: Enrolment) -> None:
    recorder = wanted.recorder
    if recorder is None:
        return
    recorder.line(
        "head",
        format=FORMAT,
        test=wanted.test,
        target=target.name,
        setup=setup_line(wanted.setup),
        clock_rate=target.clock_rate,
        firmware_hash=base64_of(target.firmware_hash),
    )
    parts = {"genesis": enrolment.genesis, "nonce": enrolment.nonce, "possession": enrolment.possession}
    recorder.line("enrolled", **{name: base64_of(content) for name, content in parts.items()})


def _gateway_port(wanted: Wanted, target: Target, opened: ExitStack) -> str:
    """The board's own; through a tap where it is recorded."""
    recorder = wanted.recorder
    if recorder is None:
        return target.serial_port
    tap = LineTap(target.serial_port, lambda content: recorder.line("board", content=base64_of(content)))
    opened.callback(tap.close)
    return tap.port


def _start(services: Services, port: str, enrolment: Enrolment) -> None:
    try:
        services.start(port, enrolment)
    except PackSealError as error:
        raise BenchError(f"the services behind the board do not start: {error}") from None
