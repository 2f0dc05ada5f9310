"""Runs scripts of board_tests/ on each interpreter that is there."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from packseal.errors import MicroPythonError
from packseal.io.micropython import micropython_command

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
INTERPRETERS = ["cpython", "micropython"]
if "MICROPYTHON_32" in os.environ:  # the path of one with 32-bit words, as boards have them
    INTERPRETERS.append("micropython32")


@dataclass(frozen=True)
class Interpreter:
    """Something that runs a script of board_tests/ with the firmware on its module path."""

    name: str
    command: tuple[str, ...]

    def run(
        self,
        script_path: Path,
        *args: str | Path,
        input_bytes: bytes | None = None,
        timeout_s: float = 60,
        heap_bytes: int | None = None,
    ) -> str:
        """What the script prints. Its failure fails the test. CPython has no limit to its heap and ignores that one."""
        heap = ["-X", f"heapsize={heap_bytes}"] if heap_bytes and self.is_micropython else []
        done = subprocess.run(
            [*self.command, *heap, str(script_path), *map(str, args)],
            input=input_bytes if input_bytes is not None else b"",
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env={**os.environ, "PYTHONPATH": str(FIRMWARE), "MICROPYPATH": f".frozen:{FIRMWARE}"},
        )
        output = done.stdout.decode()
        assert done.returncode == 0, f"{self.name} {script_path}:\n{output[-500:]}\n{done.stderr.decode()[-2000:]}"
        return output

    @property
    def is_micropython(self) -> bool:
        return self.name != "cpython"


@pytest.fixture(scope="session", params=INTERPRETERS)
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    return find_interpreter(request.param)


def find_interpreter(name: str) -> Interpreter:
    if name == "cpython":
        return Interpreter(name, (sys.executable,))
    if name == "micropython32":
        return Interpreter(name, (os.environ["MICROPYTHON_32"],))
    try:
        return Interpreter(name, tuple(micropython_command()))
    except MicroPythonError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
