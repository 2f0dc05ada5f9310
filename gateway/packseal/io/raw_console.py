"""MicroPython's raw REPL at a serial port: runs a piece of a program on a board and returns what it printed.

Source: MicroPython's reference, "The MicroPython Interactive Interpreter Mode (aka REPL)", "Raw mode".
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import serial

from packseal.errors import UnavailableError

INTERRUPT, RAW_MODE, END, NORMAL_MODE = b"\x03", b"\x01", b"\x04", b"\x02"
PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
ATTEMPTS = 50


class BoardError(Exception):
    """The program raised on the board; the message is its traceback."""


class RawConsole:
    def __init__(self, port: str, start_s: float = 10) -> None:
        """Interrupts what runs there. Raises UnavailableError when no prompt comes."""
        self._port = serial.Serial(port, 115200, timeout=start_s / ATTEMPTS)
        for _ in range(ATTEMPTS):  # a board that is just starting has not heard the first ones
            self._port.write(INTERRUPT + INTERRUPT + RAW_MODE)
            if self._port.read_until(PROMPT).endswith(PROMPT):
                break
        else:
            self._port.close()
            raise UnavailableError(f"no prompt of MicroPython at {port}")
        while self._port.read(256):  # what answers the attempts before
            pass
        self._waiting = b""

    def run(self, program: str, timeout_s: float = 60) -> str:
        """What it prints. Raises BoardError, and UnavailableError when it has not ended in time."""
        deadline = time.monotonic() + timeout_s
        self._port.write(program.encode() + END)
        self._until(b"OK", deadline)
        printed, failed = self._until(END, deadline), self._until(END, deadline)
        self._until(b">", deadline)
        if failed:
            raise BoardError(failed.decode(errors="replace"))
        return printed.decode(errors="replace").replace("\r\n", "\n")

    def _until(self, mark: bytes, deadline: float) -> bytes:
        while mark not in self._waiting:
            if time.monotonic() > deadline:
                raise UnavailableError(f"the board says no more than {self._waiting[-500:]!r}")
            self._waiting += self._port.read(self._port.in_waiting or 1)
        content, _, self._waiting = self._waiting.partition(mark)
        return content

    def close(self) -> None:
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
