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
PORTS = ("unix", "stm32", "rp2", "esp32")


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
        *(
            Part(f"firmware types, {port}", [str(BIN / "mypy"), "--config-file", "firmware/mypy.ini"], typings(port))
            for port in PORTS
        ),
        Part("direction of imports", [str(BIN / "lint-imports")]),
        Part("vectors", [sys.executable, "tests/vectors/make_vectors.py", "--check"]),
        Part("tests", [sys.executable, "-m", "pytest", "--durations=10"]),
    ]


def typings(port: str) -> dict[str, str]:
    folder = str(ROOT / ".venv" / "typings" / port)
    return {"MYPY_TYPINGS": folder, "MYPYPATH": folder}


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
