"""The real firmware on the unix port with a CAN controller: an slcan adapter on one end of a pseudo-terminal.

main.py and all that it runs are the product's. Only the board's module is another one: it gives the unix board a hub.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import termios
import tty
from pathlib import Path

from packseal.io.micropython import micropython_command
from packseal.io.unix_board import HEAP_BYTES, UnixBoard, firmware_folder

ADDRESS = 0x42
BITRATE = 500_000
MODULE = f"""
import unix_board
from unix_board import NAME, ConfigError, firmware_hash  # noqa: F401

from logger.core.can_hub import CanHub
from logger.drivers.serial_file import SerialFile
from logger.drivers.slcan import Slcan


class Board(unix_board.Board):
    def __init__(self, folder, ends_with_stdin):
        unix_board.Board.__init__(self, folder, ends_with_stdin)
        self.can_hub = CanHub(Slcan(SerialFile(DESCRIPTOR), {BITRATE}))
        self.config["can_link"] = {{"address": {ADDRESS}, "live_ms": 1000}}
"""


class CanBoard(UnixBoard):
    """`port`: its CAN bus as a gateway writes it. `bus`: the name of that pseudo-terminal. `serial`: its other line."""

    def __init__(self, folder: Path, config: dict[str, object]) -> None:
        super().__init__(folder, config)
        self.serial = self.port
        self._bus_master, self._bus_slave = os.openpty()
        tty.setraw(self._bus_slave, termios.TCSANOW)
        self.bus = os.ttyname(self._bus_slave)
        self.port = f"slcan:{self.bus}@{BITRATE}#{ADDRESS:02x}"
        self._modules = folder / "modules"
        self._modules.mkdir()
        shutil.copy(firmware_folder() / "boards" / "unix" / "board.py", self._modules / "unix_board.py")
        (self._modules / "board.py").write_text(MODULE.replace("DESCRIPTOR", str(self._bus_master)))

    def start(self) -> None:
        firmware = firmware_folder()
        places = [self._modules, firmware, firmware / "boards" / "unix"]
        environment = os.environ | {"MICROPYPATH": ":".join(map(str, places))}
        command = [*micropython_command(), "-X", f"heapsize={HEAP_BYTES}", str(firmware / "main.py")]
        command += [str(self._folder), "--end-with-stdin"]
        descriptors = [self._master, self._bus_master]
        with (self._folder / "board.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environment, pass_fds=descriptors, stdin=subprocess.PIPE, stdout=log, stderr=log
            )

    def stop(self) -> None:
        super().stop()
        os.close(self._bus_master)
        os.close(self._bus_slave)
