"""The target `board:/dev/serial/by-id/…`: a real board on its cables. See target.py.

Its lines are named by who plugged them in (Wiring, from hil/rig.toml): a board has no way to say them. What a real
board cannot be asked without being disturbed is refused: what is in its flash, and a cut at a byte of it; cut it at
random times instead, often (docs/bench.md).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from packseal.apps.board_tools import CAN_TABLE, INITIAL_CONFIG, ROOTS
from packseal.errors import PackSealError
from packseal.io.board_console import BoardConsole
from packseal_hil.protocols import BenchError, PowerSwitch
from packseal_hil.targets.console_log import ConsoleLog

_MOUNT = 'import os, root\nif {root!r} and {root!r}[1:] not in os.listdir("/"):\n    root.mount()\n'


@dataclass(frozen=True, slots=True)
class Wiring:
    """kind: "stm32", "rp2" or "esp32". console_port: its USB, "" where it is not plugged in. bms_port: of the adapter
    whose other side is the board's line to its BMS. power: of its supply, None where only a person can switch it."""

    kind: str = ""
    console_port: str = ""
    bms_port: str = ""
    power: PowerSwitch | None = None


class BoardTarget:
    name = "board"
    clock_rate = 1
    firmware_hash = b""  # what runs there is in the BOOT entry of its log

    def __init__(self, serial_port: str, wiring: Wiring) -> None:
        """Raises BenchError for a port that is not there."""
        for port in (serial_port, wiring.console_port, wiring.bms_port):
            if port and not Path(port).exists():
                raise BenchError(f"{port} is not there; plug it in, or correct rig.toml (ls -l /dev/serial/by-id)")
        self.serial_port, self.bms_port = serial_port, wiring.bms_port
        self.starts = 0
        self._wiring = wiring
        has_console = wiring.console_port not in ("", serial_port)
        self._log = ConsoleLog(wiring.console_port) if has_console else None
        self._is_on = True  # a board on USB is; one whose supply is off is switched on by power_on

    def start(self, config: Mapping[str, object], can_table: bytes = b"") -> None:
        if self._log is None or self._wiring.kind not in ROOTS:
            raise BenchError("the board takes a configuration at its console; name console_port and kind in rig.toml")
        self.power_on()
        self._log.pause()
        try:
            self._lay(json.dumps(dict(config)).encode(), can_table)
        except PackSealError as error:
            raise BenchError(str(error)) from None
        finally:
            self._log.resume()
        self.starts += 1

    def cut_power(self, at_flash_byte: int | None = None) -> None:
        if at_flash_byte is not None:
            _refuse("does not say how much it has written to its flash", "cut its power at once, at random times")
        self._power().off()
        self._is_on = False

    def power_on(self) -> None:
        if self._is_on:
            return
        self._power().on()
        self._is_on = True
        self.starts += 1

    def reset(self) -> None:
        """By its console where there is one, else by its supply."""
        if self._log is None:
            self.cut_power()
            self.power_on()
            return
        self._log.pause()
        try:
            BoardConsole(self._wiring.console_port).reset()
        except PackSealError as error:
            raise BenchError(str(error)) from None
        finally:
            self._log.resume()
        self.starts += 1

    def is_on(self) -> bool:
        return self._is_on

    def flash(self) -> NoReturn:
        _refuse("does not show its flash while it runs", "read its log through a gateway")

    def said(self) -> str:
        return self._log.said() if self._log else ""

    def problem(self) -> str:
        if self._log and self._log.failure:
            return f"{self._wiring.console_port}: {self._log.failure}"
        said = self.said()
        return f"the firmware raised: {said[said.rindex('Traceback') :][:500]}" if "Traceback" in said else ""

    def close(self) -> None:
        """The board stays on; the switch is the rig's to close."""
        if self._log:
            self._log.close()

    def _power(self) -> PowerSwitch:
        if self._wiring.power is None:
            _refuse("has no power switch in rig.toml", "add one, if only the manual one")
        return self._wiring.power

    def _lay(self, config: bytes, can_table: bytes) -> None:
        console, root = BoardConsole(self._wiring.console_port), ROOTS[self._wiring.kind]
        with tempfile.TemporaryDirectory() as folder:
            files = {INITIAL_CONFIG: config} | ({CAN_TABLE: can_table} if can_table else {})
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            console.execute(_MOUNT.format(root=root))
            console.copy([(Path(folder) / name, f"{root}/{name}") for name in reversed(files)])  # the table first
            console.reset()


def _refuse(what: str, cure: str) -> NoReturn:
    raise BenchError(f"a real board {what}; {cure}")
