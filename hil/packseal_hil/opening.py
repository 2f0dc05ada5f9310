"""From a target's word, a rig and a pack's setup to an open bench, and back: what one test has, and nothing is left."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from packseal.errors import PackSealError
from packseal.io.enrol import possession_of
from packseal.records.checkpoint import SALT_BYTES
from packseal_hil.actors import FaultsOfRun, places_of
from packseal_hil.bench import Bench, BenchParts, Pack
from packseal_hil.bms.jbd import JbdBoard
from packseal_hil.bms.serial_bms import JbdOnPort
from packseal_hil.drivers.open import Devices
from packseal_hil.line_tap import LineTap
from packseal_hil.pack_setup import PackSetup
from packseal_hil.protocols import BenchError, Bus, CellSimulator
from packseal_hil.recording import FORMAT, Journal, NoJournal, Recorder, base64_of, fault_line, setup_line
from packseal_hil.readings import Fault, FaultKind
from packseal_hil.rig import Rig, SimulatedCellsTable
from packseal_hil.services import Enrolment, Services
from packseal_hil.targets.journaled import JournaledTarget
from packseal_hil.targets.open import open_target
from packseal_hil.targets.target import Target
from packseal_hil.targets.unix import honest_clock_rate


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a test asks for. folder: for the files of board and services, empty. journal: where it is recorded."""

    test: str
    target: str
    rig: Rig
    setup: PackSetup
    folder: Path
    recorder: Recorder | None = None
