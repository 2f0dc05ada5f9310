"""Runs scripts of board_tests/ on CPython, on MicroPython, and on one with words of 32 bits what is marked for it.

Boards have words of 32 bits: a number beyond 30 bits and a sign lies in the heap there, and pointers take half the
room. Marked is what such a word can change; the rest would take minutes more and show nothing more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from packseal.errors import MicroPythonError
from packseal.io.micropython import micropython_32_command, micropython_command

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
MICROPYTHONS = {"micropython": micropython_command, "micropython32": micropython_32_command}


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

    @property
    def has_32_bits(self) -> bool:
        return self.name == "micropython32"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "interpreter" in metafunc.fixturenames:
        names = ["cpython", "micropython"]
        if metafunc.definition.get_closest_marker("on_32_bits"):
            names.append("micropython32")
        metafunc.parametrize("interpreter", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def interpreter(request: pytest.FixtureRequest) -> Interpreter:
    return find_interpreter(request.param)


def find_interpreter(name: str) -> Interpreter:
    if name == "cpython":
        return Interpreter(name, (sys.executable,))
    try:
        return Interpreter(name, tuple(MICROPYTHONS[name]()))
    except MicroPythonError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
