"""The target unix with the loader of real boards and their two slots, for firmware updates.

A board that restarts itself is started again, as by its reset, and keeps its power. What lies in a slot is main.py
alone: all else of the firmware is found beside it, as it is on a board that has it frozen in. So an update's way, its
checks and its trial are real; what it brings is main.py with other words. See target.py.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from packseal.apps.board_tools import Firmware
from packseal.errors import PackSealError
from packseal.io.unix_board import HEAP_BYTES, UnixBoard, firmware_folder
from packseal_hil.protocols import BenchError
from packseal_hil.targets.supply import VARIABLE
from packseal_hil.targets.unix import UnixTarget

SLOTS, GOOD_AT, TRIAL_AT = "slots.bin", 4, 5  # firmware/logger/core/slots.py
_END_S = 5
_LOADER = """\
import sys

folder, firmware = sys.argv[1:]
sys.path.extend([firmware + "/" + name for name in ("boards/loader", "logger/core", "logger/drivers")])

import loader


class Root:
    def mount(self):
        return folder

    def restart(self):
        sys.exit(1)

    def keep_watchdog_fed(self):
        pass


loader.run(Root())
"""
_START = """

def start(folder, slot=None):
    run(*set_up(folder, True, slot))  # ends with who started it
"""


def slot_firmware(words: str, version: tuple[int, int, int], least_bytes: int = 0) -> Firmware:
    """One whose main.py has these words, and as many lines of them as make it so long."""
    root = firmware_folder()
    paths = [str(root), str(root / "boards/unix")]
    text = f"import sys\n\nsys.path.extend({paths})\n" + (root / "main.py").read_text() + _START
    line = f"# {words}\n"
    content = (text + line * (1 + least_bytes // len(line))).encode()
    return Firmware("unix", version, {"main.py": content}, {})


class SlotBoard(UnixBoard):
    """Runs the loader, again and again while it has power."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__(folder, {}, environment)
        self._thread: threading.Thread | None = None
        self._is_on = False
        self.lives = 0
        (folder / "boot.py").write_text(_LOADER)

    def start(self) -> None:
        self._is_on = True
        self._live()
        self._thread = threading.Thread(target=self._restart, name="board", daemon=True)
        self._thread.start()

    def is_running(self) -> bool:
        """Also while it restarts."""
        return self._is_on

    def kill(self) -> None:
        self._is_on = False
        super().kill()
        if self._thread:
            self._thread.join(_END_S)

    def _restart(self) -> None:
        while self._is_on and self._process:
            self._process.wait()
            if self._is_on:
                self._process.communicate()  # closes our end of its input
                self._live()

    def _live(self) -> None:
        script, firmware = self._folder / "boot.py", firmware_folder()
        command = [*self._command, "-X", f"heapsize={HEAP_BYTES}", str(script), str(self._folder), str(firmware)]
        with (self._folder / "board.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **self._environment},
                pass_fds=[self._master, self._second_master],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
        self.lives += 1


class TwoSlotTarget(UnixTarget):
    """first: what is in slot a at first. lives: how often it was started, also by itself."""

    def __init__(self, folder: Path, first: Firmware, clock_rate: int = 1) -> None:
        super().__init__(folder, clock_rate)
        self._board.stop()
        try:
            self._board = self._slot_board = SlotBoard(folder, {VARIABLE: str(self._supply.path)})
        except (PackSealError, OSError) as error:
            raise BenchError(f"the board with two slots cannot be made: {error}") from None
        self.serial_port, self.bms_port = self._board.port, self._board.second_port
        self.firmware_hash = first.firmware_hash
        (folder / "a").mkdir()
        for name, content in first.slot.items():
            (folder / "a" / name).write_bytes(content)

    @property
    def lives(self) -> int:
        return self._slot_board.lives

    @property
    def good_slot(self) -> str:
        """The one that has proven itself."""
        return self._slot(GOOD_AT) or "a"

    @property
    def trial_slot(self) -> str:
        """The one on trial, "" for none."""
        return self._slot(TRIAL_AT).strip("-")

    def _slot(self, at: int) -> str:
        path = self._folder / SLOTS
        return path.read_bytes()[at : at + 1].decode() if path.is_file() else ""
