"""The emulated board as a thing on a bench: its memory in a file, its lines as pseudo-terminals, its power a process.

What a bench with real boards needs of one is here under the same names: start, reset, cut_power, stop, ports, memory.
The memory file is what outlives the power: the flash, the ROM image and the straps (firmware/boards/qemu/port/board.h).
It is shared with the running board, so that it may be read at any time.

The board ends when this process does, where util-linux's setpriv is there to see to it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import termios
import tty
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packseal.errors import MicroPythonError, UnavailableError
from packseal.io.qemu_build import CURE, EMULATOR, Machine, firmware_elf

MEMORY_BYTES = 16 << 20
ROM_OFFSET = 8 << 20
STRAPS_OFFSET = 0xFFF000
STRAPS_MAGIC = b"PSQ1"
FLASH_IS_BUSY_OFFSET = STRAPS_OFFSET + 64
FLASH_BYTES = 4 << 20  # blank at first: what firmware/boards/qemu uses for files and for the log, and more
HEAP_BYTES = 96 << 10  # the firmware's budget
LINES = 3
START_S = 10


@dataclass(frozen=True, slots=True)
class QemuOptions:
    heap_bytes: int = HEAP_BYTES
    starts_program: bool = True  # else it waits at its console
    is_frozen: bool = False  # the firmware, into MicroPython
    counts_instructions: bool = False  # time passes by instructions, one a nanosecond, and not by the host's clock
    skips_idle_time: bool = False  # the same, and when nothing is to do the next tick comes at once
    word_us: int = 0  # what its flash takes to program 8 bytes
    erase_us: int = 0  # and to erase a sector


class QemuBoard:
    """Power is off until `start`. `folder` holds the memory.

    `console` is the port of UART 0; `port`, UART 1, the line to the gateway; `second_port`, UART 2, that to what
    the board talks to beside. All of them stay the same while the power comes and goes.
    """

    def __init__(self, folder: Path, machine: Machine, options: QemuOptions | None = None) -> None:
        """Raises MicroPythonError when the emulator or what it runs cannot be had."""
        if not shutil.which(EMULATOR):
            raise MicroPythonError(f"{EMULATOR} is not installed; {CURE}")
        self._folder, self._machine = folder, machine
        self.options = options or QemuOptions()
        self._elf = firmware_elf(machine, is_frozen=self.options.is_frozen)
        self._process: subprocess.Popen[bytes] | None = None
        self._monitor: _Monitor | None = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it will hold the board's key
        self.memory = folder / "memory.bin"
        if not self.memory.is_file():
            _write_blank(self.memory)
        self.load(b"")
        self._lines = [_Line() for _ in range(LINES)]
        self.console, self.port, self.second_port = (line.port for line in self._lines)

    def load(self, rom: bytes) -> None:
        """Sets the straps, and puts another ROM image into the board, which is off."""
        if len(rom) > STRAPS_OFFSET - ROM_OFFSET:
            raise ValueError(f"a ROM image of {len(rom)} bytes does not fit")
        options = self.options
        numbers = (options.heap_bytes, len(rom), options.starts_program, options.word_us, options.erase_us)
        self.write_memory(ROM_OFFSET, rom)
        self.write_memory(STRAPS_OFFSET, struct.pack("<4s5I", STRAPS_MAGIC, *numbers))

    def start(self) -> None:
        """Power on. Raises UnavailableError."""
        ours, theirs = socket.socketpair()
        inherited = [theirs.fileno(), *(line.board_end for line in self._lines)]
        with theirs, (self._folder / "board.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(theirs.fileno()), pass_fds=inherited, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._monitor = _Monitor(ours)
        try:
            self._monitor.ask("qmp_capabilities")
            self._monitor.ask("cont")
        except OSError as error:
            self.cut_power()
            said = (self._folder / "board.log").read_text(errors="replace")[-500:]
            raise UnavailableError(f"the emulated board does not start ({error}): {said}") from None

    def _command(self, monitor: int) -> list[str]:
        guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        memory = f"memory-backend-file,id=psram,size={MEMORY_BYTES},mem-path={self.memory},share=on"
        lines = []
        for uart, line in enumerate(self._lines):  # a "pipe" is any descriptor that is read and written
            lines += ["-add-fd", f"fd={line.board_end},set={uart}"]
            lines += ["-chardev", f"pipe,id=uart{uart},path=/dev/fdset/{uart}", "-serial", f"chardev:uart{uart}"]
        counting = ["-icount", "shift=0"] if self.options.counts_instructions else []
        counting = ["-icount", "shift=0,sleep=off"] if self.options.skips_idle_time else counting
        return [
            *guard, EMULATOR, "-machine", f"{self._machine.qemu_machine},memory-backend=psram", "-object", memory,
            "-kernel", str(self._elf), "-display", "none", "-monitor", "none", "-net", "none", "-S",
            "-semihosting-config", "enable=on,target=native",  # the board's randomness is the host's
            "-chardev", f"socket,id=monitor,fd={monitor}", "-mon", "chardev=monitor,mode=control",
            *lines, *counting,
        ]  # fmt: skip

    def reset(self) -> None:
        """As its reset pin would, at whatever instruction it is. Raises UnavailableError when it is off."""
        self._ask("system_reset")

    def cut_power(self) -> None:
        """At once, with nothing said; what is in the memory file stays."""
        if self._process:
            self._process.kill()
            self._process.wait()
        if self._monitor:
            self._monitor.close()
        self._process = self._monitor = None

    kill = cut_power  # as the unix board calls it

    def stop(self) -> None:
        """For good: the ports go too."""
        self.cut_power()
        for line in self._lines:
            line.close()

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def read_memory(self, offset: int, length: int) -> bytes:
        """What is in the board's memory at this instruction; its flash is at offset 0."""
        with self.memory.open("rb") as memory:
            memory.seek(offset)
            return memory.read(length)

    def write_memory(self, offset: int, content: bytes) -> None:
        with self.memory.open("r+b") as memory:
            memory.seek(offset)
            memory.write(content)

    def is_flash_busy(self) -> bool:
        """Whether a word or a sector is half written now."""
        return any(self.read_memory(FLASH_IS_BUSY_OFFSET, 4))

    def _ask(self, command: str) -> None:
        if self._monitor is None:
            raise UnavailableError("the emulated board is off")
        self._monitor.ask(command)


class _Line:
    """A pseudo-terminal. Both ends stay open here, so that neither side sees the other one's restarts."""

    def __init__(self) -> None:
        self.board_end, self._port_end = os.openpty()
        tty.setraw(self._port_end, termios.TCSANOW)
        self.port = os.ttyname(self._port_end)

    def close(self) -> None:
        os.close(self.board_end)
        os.close(self._port_end)


def _write_blank(path: Path) -> None:
    with path.open("wb") as memory:
        memory.write(b"\xff" * FLASH_BYTES)
        memory.truncate(MEMORY_BYTES)
    path.chmod(0o600)


class _Monitor:
    """QEMU's machine protocol (qemu-qmp-ref): a line of JSON for each command, answer and event."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(START_S)
        self._connection = connection
        self._lines = connection.makefile("rwb")

    def ask(self, command: str) -> Any:
        """Raises OSError when there is no answer."""
        self._lines.write(json.dumps({"execute": command}).encode() + b"\n")
        self._lines.flush()
        while line := self._lines.readline():
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise OSError(answer["error"]["desc"])
        raise OSError("it has ended")

    def close(self) -> None:
        self._lines.close()
        self._connection.close()
