"""The console of a MicroPython board: mpremote underneath, as a process; and listening without touching the board.

mpremote's `resume` is used throughout: without it the board would be reset softly, which stops the timer that keeps its
watchdog fed (firmware/boards/loader). Nothing here can read the board's key: paths are given by apps/board_tools.py
alone, and what may be copied from a board is a list of names.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import serial

from packseal.errors import ConfigError, UnavailableError

CURE = "run: pip install 'packseal[board]'"
READABLE = ("config.json", "config.good.json")  # never key.bin
TIMEOUT_S = 120
MOST_CONSOLE_BYTES = 1 << 20


class BoardConsole:
    def __init__(self, port: str) -> None:
        """port: of the console, which on most boards is the USB one. Raises UnavailableError without mpremote."""
        require("mpremote")
        self._port = port

    def execute(self, code: str) -> str:
        """Interrupts what runs on the board, and returns what this code prints."""
        return self._run("exec", code)

    def copy(self, files: Sequence[tuple[Path, str]]) -> None:
        """Each file to its absolute path on the board, folders made on the way."""
        folders = sorted({parent for _, path in files for parent in _parents(path)})
        self.execute(_MAKE_FOLDERS.format(folders=folders))
        for path in sorted({path.rpartition("/")[0] for _, path in files}):
            here = [str(source) for source, target in files if target.rpartition("/")[0] == path]
            self._run("fs", "cp", *here, f":{path}/")

    def read(self, name: str, folder: str) -> str:
        """A file of READABLE. Raises ConfigError for any other."""
        if name not in READABLE:
            raise ConfigError(f"{name}: only {', '.join(READABLE)} can be read from a board")
        return self._run("fs", "cat", f":{folder}/{name}")

    def reset(self) -> None:
        self._run("reset")

    def _run(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "mpremote", "connect", self._port, "resume", *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            raise UnavailableError(f"{self._port}: the console does not answer in {TIMEOUT_S} s") from None
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            words = said[-1] if said else "mpremote said nothing"
            raise UnavailableError(f"{self._port}: {words}; check the cable, and that it is the port of the console")
        return done.stdout


def require(module: str) -> None:
    """Raises UnavailableError, naming the cure, when a tool of the extra `board` is missing."""
    if importlib.util.find_spec(module) is None:
        raise UnavailableError(f"{module} is not installed; {CURE}")


def console_lines(port: str, duration_s: float, baud: int = 115_200) -> Iterator[str]:
    """What the board prints from now on, whole lines. It is not interrupted. Raises UnavailableError."""
    deadline = time.monotonic() + duration_s
    content = b""
    try:
        with serial.Serial(port, baud, timeout=0.1, exclusive=True) as line:
            while time.monotonic() < deadline:
                content += line.read(4096)
                *whole, content = content.split(b"\n")
                for text in whole:
                    yield text.decode(errors="replace").rstrip("\r")
                content = content[-MOST_CONSOLE_BYTES:]
    except (serial.SerialException, OSError) as error:
        raise UnavailableError(f"{port}: {error}; check the cable and who else uses the port") from None


def _parents(path: str) -> list[str]:
    parts = path.split("/")[1:-1]
    return ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]


_MAKE_FOLDERS = """
import os
for folder in {folders!r}:
    try:
        os.stat(folder)
    except OSError:
        os.mkdir(folder)
"""
