"""The real firmware on MicroPython's unix port, as a process of its own behind a pseudo-terminal.

Stands in for a board on a serial cable: the port keeps its name while the process is killed and started again, and the
state folder is the board's flash. The firmware ends when this process does, however that ends: only this one holds the
other end of its standard input (Popen's pipe is closed in whatever is executed later).
"""

from __future__ import annotations

import json
import os
import subprocess
import termios
import tty
from collections.abc import Mapping
from pathlib import Path

import packseal
from packseal.errors import UnavailableError
from packseal.io.micropython import micropython_command

HEAP_BYTES = 1 << 20


def firmware_folder() -> Path:
    """firmware/ of the checkout, or the copy that an installed package carries. Raises UnavailableError."""
    package = Path(packseal.__file__).parent
    for folder in (package / "firmware", package.parents[1] / "firmware"):
        if (folder / "main.py").is_file():
            return folder
    raise UnavailableError(f"no firmware beside {package}; install packseal again or run from a checkout")


class UnixBoard:
    """`port` leads to the gateway, `second_port` to the BMS or its CAN bus where the pack is not simulated (a line of
    bytes, or slcan: docs/sources.md). Both keep their names while the process comes and goes."""

    def __init__(
        self, folder: Path, config: Mapping[str, object], environment: Mapping[str, str] | None = None
    ) -> None:
        """folder is the board's flash; config is its config.json (without the serial ports). environment: what the
        process finds in its own beside what is in this one's."""
        self._folder = folder
        self._environment = environment or {}
        self._command = micropython_command()
        self._master, self._slave = _pseudo_terminal()
        self._second_master, self._second_slave = _pseudo_terminal()
        self.port, self.second_port = os.ttyname(self._slave), os.ttyname(self._second_slave)
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it will hold the board's key
        self.configure(config)

    def configure(self, config: Mapping[str, object]) -> None:
        """For the next start."""
        lines = {"serial": self._master, "second_serial": self._second_master}
        (self._folder / "config.json").write_text(json.dumps(lines | dict(config)))

    def start(self) -> None:
        firmware = firmware_folder()
        modules = {"MICROPYPATH": f"{firmware}:{firmware / 'boards' / 'unix'}"}
        environment = {**os.environ, **modules, **self._environment}
        command = [*self._command, "-X", f"heapsize={HEAP_BYTES}", str(firmware / "main.py")]
        command += [str(self._folder), "--end-with-stdin"]
        descriptors = [self._master, self._second_master]
        with (self._folder / "board.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environment, pass_fds=descriptors, stdin=subprocess.PIPE, stdout=log, stderr=log
            )

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """As a power cut would: at once, with nothing said."""
        if self._process:
            self._process.kill()
            self._process.communicate()  # waits, and closes our end of the pipe

    def stop(self) -> None:
        self.kill()
        for descriptor in (self._master, self._slave, self._second_master, self._second_slave):
            os.close(descriptor)


def _pseudo_terminal() -> tuple[int, int]:
    master, slave = os.openpty()
    tty.setraw(slave, termios.TCSANOW)
    return master, slave
