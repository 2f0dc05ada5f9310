"""Runs every check, the same for a person and for CI, and prints how long each part took.

Every part runs even when one before it failed, so that one run shows everything.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
FIND_MICROPYTHON = "from packseal.io.micropython import micropython_command; print(*micropython_command())"
LINE = ["tests/line"]
WAITING = ["tests/apps", "tests/log", "tests/io", "tests/outbox"]
FIRMWARE = ["tests/firmware"]
INSIDE = ["tests/socketcan"]  # run by tests/io/test_socketcan.py, in a kernel of their own
AT_ONCE = 3  # two processors, and one of the three mostly waits
PORTS = {  # of MicroPython, and what runs on each
    "unix": ["tests/firmware/board_tests", "firmware/replay.py"],
    "stm32": ["firmware/boards/loader"],
    "rp2": ["firmware/boards/loader"],
    "esp32": ["firmware/boards/loader"],
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
        Part("native signer", [sys.executable, "firmware/native/build.py", "--check"]),
        Part("MicroPython", [sys.executable, "-c", FIND_MICROPYTHON]),  # fetched once, before two look for it
    ]


def test_parts() -> list[Part]:
    """Side by side: what waits for processes and clocks leaves a processor to what computes."""
    pytest = [sys.executable, "-m", "pytest", "--durations=15"]
    rest = [f"--ignore={folder}" for folder in LINE + WAITING + FIRMWARE + INSIDE]
    return [
        Part("tests of the firmware", [*pytest, *FIRMWARE]),
        Part("tests of the whole line", [*pytest, *LINE]),
        Part("tests that wait", [*pytest, *WAITING]),
        Part("other tests", [*pytest, *rest]),
    ]


def firmware_types(port: str, files: list[str]) -> Part:
    """The firmware with this port's board: each board has modules of the same names."""
    boards = ROOT / "firmware" / "boards"
    files = ["firmware/main.py", "firmware/logger", *files]
    files += sorted(str(path) for path in (boards / port).glob("*.py") if path.name != "manifest.py")
    command = [str(BIN / "mypy"), "--config-file", "firmware/mypy.ini", *files]
    path = f"{boards / port}:{boards / 'loader'}"
    return Part(
        f"firmware types, {port}", command, {"MYPY_TYPINGS": str(ROOT / ".venv/typings" / port), "MYPYPATH": path}
    )


def run(part: Part, *, is_captured: bool = False) -> tuple[int, float, str]:
    """Exit code, seconds it took, and what it printed where that was captured."""
    started = time.monotonic()
    pipe, errors = (subprocess.PIPE, subprocess.STDOUT) if is_captured else (None, None)
    environment = os.environ | part.environment
    done = subprocess.run(
        part.command, cwd=ROOT, env=environment, stdout=pipe, stderr=errors, text=True, errors="replace", check=False
    )
    return done.returncode, time.monotonic() - started, done.stdout or ""


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def run_side_by_side(shown: Part, *beside: Part) -> list[tuple[str, int, float]]:
    """AT_ONCE of them at a time. The first one's output as it comes, the others' when it has ended."""
    say(f"\n== {shown.name}; beside it {', '.join(part.name for part in beside)}\n")
    results = []
    with ThreadPoolExecutor(AT_ONCE - 1) as pool:
        others = [pool.submit(run, part, is_captured=True) for part in beside]
        code, seconds, _ = run(shown)
        results.append((shown.name, code, seconds))
        for part, other in zip(beside, others, strict=True):
            code, seconds, output = other.result()
            say(f"\n== {part.name}\n{output}")
            results.append((part.name, code, seconds))
    return results


def main() -> int:
    results: list[tuple[str, int, float]] = []
    for part in parts():
        say(f"\n== {part.name}\n")
        code, seconds, _ = run(part)
        results.append((part.name, code, seconds))
    results += run_side_by_side(*test_parts())
    lines = [f"{seconds:8.1f} s  {'FAILED' if code else 'ok'}  {name}\n" for name, code, seconds in results]
    say("\n" + "".join(lines))
    failed = sum(1 for _, code, _ in results if code)
    say(f"{len(results) - failed} parts passed, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
