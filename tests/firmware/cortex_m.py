"""The emulated Cortex-M as an interpreter of the board tests, and as a board with a configuration."""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import pytest
import serial

from packseal.errors import MicroPythonError
from packseal.io.qemu_board import QemuBoard, QemuOptions
from packseal.io.qemu_build import MACHINES, firmware_files, mpy_cross, rom_image
from packseal.io.raw_console import RawConsole
from tests.firmware.conftest import Interpreter

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).parent / "board_tests"
VECTORS = ROOT / "tests" / "vectors"
SCRIPT_FILES = [f"{name}.py" for name in ("answer_codecs", "bench", "crypto_vectors", "logger_lives", "memory_flash")]
SCRIPT_FILES += ["memory_keys.py", "vectors.py"]
VECTOR_FILES = ("log.json", "cbor.json", "columns.json", "link.json")
BENCHMARKS = ROOT / "benchmarks"
TEST_HEAP_BYTES = 1 << 20  # the vectors as JSON are larger than a board's heap
WAITING = QemuOptions(heap_bytes=TEST_HEAP_BYTES, starts_program=False)
FROZEN = QemuOptions(heap_bytes=TEST_HEAP_BYTES, starts_program=False, is_frozen=True)


def missing(what: object) -> NoReturn:
    """Skips the test, saying so; in CI it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}; CI must not skip")
    pytest.skip(str(what))


INPUT_OFFSET, PSRAM = 6 << 20, 0x21000000  # behind the flash that is in use: standard input of a script

# What a script needs of sys that a board does not have; all else is asked of the real one.
RUN = """
import io, sys, uctypes
class Sys:
    argv = {words!r}
    stdin = io.StringIO(bytes(uctypes.bytearray_at({address}, {length})).decode())
    def __getattr__(self, name):
        return getattr(sys, name)
sys.modules["sys"] = Sys()
import {name}
"""


@cache
def rom(machine_name: str, *, is_frozen: bool = False) -> bytes:
    """The firmware, where it is not frozen, and beside it what only tests run and read."""
    machine = MACHINES[machine_name]
    tests = {name: SCRIPTS / name for name in SCRIPT_FILES}
    tests |= {name: VECTORS / name for name in VECTOR_FILES}
    return rom_image(machine, firmware_files(machine, is_frozen=is_frozen) | tests)


def emulated(folder: Path, machine_name: str, options: QemuOptions = WAITING) -> QemuBoard:
    """A board that is off. Without the emulator or the compiler there is none."""
    try:
        mpy_cross()
        board = QemuBoard(folder, MACHINES[machine_name], options)
    except MicroPythonError as error:
        missing(error)
    board.load(rom(machine_name, is_frozen=options.is_frozen))  # what does not compile fails
    return board


@dataclass(frozen=True)
class CortexM(Interpreter):
    """Runs a script of board_tests/, each on a board that has just been reset; `command` is its console's port."""

    board: QemuBoard

    def run(
        self,
        script_path: Path,
        *args: str | Path,
        input_bytes: bytes | None = None,
        timeout_s: float = 60,
        heap_bytes: int | None = None,
    ) -> str:
        assert heap_bytes is None, "the heap is strapped before the board starts"
        words = [script_path.name, *(f"/rom/{arg.name}" if isinstance(arg, Path) else arg for arg in args)]
        given = input_bytes or b""
        self.board.write_memory(INPUT_OFFSET, given)
        program = RUN.format(words=words, address=PSRAM + INPUT_OFFSET, length=len(given), name=script_path.stem)
        return self.evaluate(program, timeout_s)

    def evaluate(self, program: str, timeout_s: float = 60) -> str:
        """What it prints on a board that has just been reset."""
        self.board.reset()
        with RawConsole(self.board.console) as console:
            return console.run(program, timeout_s)


def configured(folder: Path, machine_name: str, config: dict[str, Any], **options: Any) -> QemuBoard:
    """A board whose firmware is frozen, with this configuration, and off. It starts its program."""
    board = emulated(folder, machine_name, FROZEN)
    board.start()
    with RawConsole(board.console) as console:
        console.run(f"file = open('/flash/config.json', 'w')\nfile.write({json.dumps(config)!r})\nfile.close()")
    board.cut_power()
    board.options = QemuOptions(is_frozen=True, **options)
    board.load(rom(machine_name, is_frozen=True))
    return board


class ConsoleLog:
    """What a board says at its console, read all the time so that it never has to wait."""

    def __init__(self, port: str) -> None:
        self._port = serial.Serial(port, timeout=0.1)
        self._content = b""
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with suppress(OSError):  # the board has been stopped for good
            while not self._is_closing.is_set():
                self._content += self._port.read(self._port.in_waiting or 1)

    def close(self) -> str:
        """All that it has said."""
        self._is_closing.set()
        self._thread.join()
        self._port.close()
        return self._content.decode(errors="replace")
