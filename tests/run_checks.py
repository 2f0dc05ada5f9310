"""Runs every check, the same for a person and for CI, and prints how long each part took.

Every part runs even when one before it failed, so that one run shows everything.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PORTS = {  # of MicroPython, and what runs on each
    "unix": ["firmware", "tests/firmware/board_tests"],
    "stm32": ["firmware/logger"],
    "rp2": ["firmware/logger"],
    "esp32": ["firmware/logger"],
}


@dataclass(frozen=True)
class Part:
    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


def parts() -> list[Part]:
    return [
        Part("lint", [str(BIN / "ruff"), "check"]),
        Part("format", [str(BIN / "ruff"), "format", "--check"]),
        Part("types", [str(BIN / "mypy")]),
        *(firmware_types(port, files) for port, files in PORTS.items()),
        Part("direction of imports", [str(BIN / "lint-imports")]),
        Part("vectors", [sys.executable, "tests/vectors/make_vectors.py", "--check"]),
        Part("tests", [sys.executable, "-m", "pytest", "--durations=25"]),
    ]


def firmware_types(port: str, files: list[str]) -> Part:
    command = [str(BIN / "mypy"), "--config-file", "firmware/mypy.ini", *files]
    return Part(f"firmware types, {port}", command, {"MYPY_TYPINGS": str(ROOT / ".venv" / "typings" / port)})


def main() -> int:
    results: list[tuple[str, int, float]] = []
    for part in parts():
        sys.stdout.write(f"\n== {part.name}\n")
        sys.stdout.flush()
        started = time.monotonic()
        code = subprocess.run(part.command, cwd=ROOT, env=os.environ | part.environment, check=False).returncode
        results.append((part.name, code, time.monotonic() - started))
    lines = [f"{seconds:8.1f} s  {'FAILED' if code else 'ok'}  {name}\n" for name, code, seconds in results]
    sys.stdout.write("\n" + "".join(lines))
    failed = sum(1 for _, code, _ in results if code)
    sys.stdout.write(f"{len(results) - failed} parts passed, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
