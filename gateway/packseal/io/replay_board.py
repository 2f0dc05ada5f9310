"""The estimator of a board, run by firmware/replay.py as a process: lines of integers in, lines of JSON into a file.

The process writes to a file and not to us, so that neither ever waits for the other to be read.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, cast

from packseal.io.micropython import micropython_command
from packseal.io.unix_board import HEAP_BYTES, firmware_folder

CPYTHON, MICROPYTHON = "cpython", "micropython"
LAST_WORDS = 2000


class ReplayBoard:
    """`with` it: leaving the block by an error ends the process. Then `finish`."""

    def __init__(self, interpreter: str, config: Mapping[str, object], output: Path) -> None:
        """interpreter: CPYTHON or MICROPYTHON. Raises MicroPythonError, UnavailableError, OSError."""
        command = [sys.executable, "-B"]
        if interpreter == MICROPYTHON:
            command = [*micropython_command(), "-X", f"heapsize={HEAP_BYTES}"]
        self.interpreter, self.output = interpreter, output
        self._errors = output.with_suffix(".errors")
        with output.open("wb") as lines, self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [*command, str(firmware_folder() / "replay.py")], stdin=subprocess.PIPE, stdout=lines, stderr=errors
            )
        self._rows = cast(IO[bytes], self._process.stdin)
        self.feed(json.dumps(config) + "\n")

    def feed(self, line: str) -> None:
        try:
            self._rows.write(line.encode())
        except BrokenPipeError:
            self._fail()

    def finish(self) -> None:
        """Waits until the last row is worked through."""
        self._process.communicate()
        if self._process.returncode:
            self._fail()
        self._errors.unlink()

    def __enter__(self) -> ReplayBoard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if kind is not None:
            self._process.kill()
            self._process.wait()

    def _fail(self) -> None:
        self._process.wait()
        words = self._errors.read_text(errors="replace")[-LAST_WORDS:]
        raise RuntimeError(f"the firmware ended on {self.interpreter}: {words.strip()}")
