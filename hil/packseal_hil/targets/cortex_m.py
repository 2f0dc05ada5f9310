"""The target `cortex-m`: the firmware on a Cortex-M3 of QEMU's (firmware/boards/qemu), with 96 kB of heap.

UART 1 is serial_port and UART 2 bms_port. There is no CAN. The clock is the wall's, and the processor's speed is this
machine's: what needs a board's time needs a board. The firmware is frozen into MicroPython, which takes half a minute
to build when one of its files has changed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from packseal.errors import PackSealError
from packseal.io.qemu_board import FLASH_IS_BUSY_OFFSET, QemuBoard, QemuOptions
from packseal.io.qemu_build import MACHINES, firmware_files, rom_image
from packseal.io.raw_console import BoardError, RawConsole
from packseal_hil.protocols import BenchError
from packseal_hil.targets.console_log import ConsoleLog
from packseal_hil.targets.flash_watch import FlashWatch

MACHINE = MACHINES["m3"]
LOG_OFFSET, LOG_BYTES = 384 * 4096, 128 * 4096  # firmware/boards/qemu/board.py
WORD_US, ERASE_US = 50, 5_000  # long enough to be looked at, and as serial NOR flash is within a factor of ten
_WAITING = QemuOptions(starts_program=False, is_frozen=True)
_RUNNING = QemuOptions(is_frozen=True, word_us=WORD_US, erase_us=ERASE_US)
_WRITE = "with open('/flash/{name}', 'wb') as file:\n file.write({content!r})"
_HASH = "import board\nprint(board.firmware_hash('/rom').hex())"


class CortexMTarget:
    name = "cortex-m"
    clock_rate = 1

    def __init__(self, folder: Path) -> None:
        """folder: of the memory file. Raises BenchError without the emulator or the compilers."""
        self.starts = 0
        self.firmware_hash = b""  # until the first start
        try:
            self._board = QemuBoard(folder, MACHINE, _WAITING)
            self._rom = rom_image(MACHINE, firmware_files(MACHINE, is_frozen=True))
        except (PackSealError, OSError) as error:
            raise BenchError(f"the cortex-m target cannot be made: {error}") from None
        self.serial_port, self.bms_port = self._board.port, self._board.second_port
        self._console = ConsoleLog(self._board.console)
        self._power = threading.RLock()  # the watch cuts from a thread of its own
        self._watch = FlashWatch(self._board.memory, LOG_OFFSET, LOG_BYTES, FLASH_IS_BUSY_OFFSET, self._off)
        self._is_power_on = False

    def start(self, config: Mapping[str, object], can_table: bytes = b"") -> None:
        if can_table or config.get("source") == "can":
            raise BenchError("cortex-m has no CAN; take the target unix, or a board with a controller")
        self._off()
        self._console.pause()
        try:
            self._lay(json.dumps(dict(config)))
        except (PackSealError, BoardError, OSError) as error:
            raise BenchError(f"the emulated board takes no configuration: {error}") from None
        finally:
            self._off()
            self._console.resume()
        self.power_on()

    def cut_power(self, at_flash_byte: int | None = None) -> None:
        if at_flash_byte is not None:
            self._watch.cut_in(at_flash_byte)
            return
        self._watch.stop()
        self._off()

    def power_on(self) -> None:
        if self.is_on():
            return
        self._run(_RUNNING)
        self.starts += 1
        self._is_power_on = True

    def reset(self) -> None:
        try:
            self._board.reset()
        except (PackSealError, OSError) as error:
            raise BenchError(f"cortex-m: {error}; power it on first") from None
        self.starts += 1

    def is_on(self) -> bool:
        with self._power:
            return self._is_power_on and self._board.is_running()

    def flash(self) -> CortexMFlash:
        return CortexMFlash(self._board)

    def said(self) -> str:
        return self._console.said()

    def problem(self) -> str:
        said = self.said()
        if "Traceback" in said:
            return f"the firmware raised: {said[said.rindex('Traceback') :][:500]}"
        if self._is_power_on and not self._board.is_running():
            return "the emulator ended by itself; see board.log in its folder"
        return ""

    def close(self) -> None:
        self.cut_power()
        self._console.close()
        self._board.stop()

    def _lay(self, config: str) -> None:
        self._run(_WAITING)
        with RawConsole(self._board.console) as console:
            console.run(_WRITE.format(name="config.json", content=config.encode()))
            self.firmware_hash = bytes.fromhex(console.run(_HASH).strip())

    def _run(self, options: QemuOptions) -> None:
        with self._power:
            self._board.cut_power()
            self._board.options = options
            self._board.load(self._rom)
            try:
                self._board.start()
            except PackSealError as error:
                raise BenchError(str(error)) from None

    def _off(self) -> None:
        with self._power:
            self._is_power_on = False
            self._board.cut_power()


class CortexMFlash:
    """Of the log."""

    def __init__(self, board: QemuBoard) -> None:
        self._board = board

    def content(self) -> bytes:
        return self._board.read_memory(LOG_OFFSET, LOG_BYTES)

    def write_counts(self) -> Sequence[int]:
        """None: nobody counts them there."""
        return []
