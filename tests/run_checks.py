"""Runs every check, the same for a person and for CI, and prints how long each part took, and of how much processor.

Every part runs even when one before it failed, so that one run shows everything. Many tests wait for programs and
clocks, so that more parts than processors run side by side, and those that take long begin first.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PYTEST = [sys.executable, "-m", "pytest", "--durations=15"]
FIND_MICROPYTHON = """\
from contextlib import suppress
from packseal.errors import MicroPythonError
from packseal.io.micropython import micropython_32_command, micropython_command
print(*micropython_command())
with suppress(MicroPythonError):  # not every machine runs it; tests that want it say so
    print(*micropython_32_command())
"""
AT_ONCE = 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4  # half of them mostly wait
ALONE = {  # what has a part of its own, because it takes long; files of one part share what they start
    "kills on the line": ["tests/line/test_kill.py"],
    "demos": ["tests/line/test_demo.py", "tests/line/test_page.py"],
    "power cuts": ["tests/firmware/test_power_cuts.py"],
    "canaries": ["tests/apps/test_canary.py"],
}
SPLIT = {"tests/apps": 4, "tests/firmware": 4, "tests/line": 2, "tests/exchange": 2}  # folder: parts
TOGETHER = [  # a part for each of these
    ["tests/io", "tests/log", "tests/outbox"],
    ["tests/hil"],
    ["tests/scale"],
    ["tests/faults"],
    ["tests/security", "tests/packaging"],
    ["tests/attacks"],
    ["tests/passport", "tests/records"],
]
INSIDE = ["tests/socketcan"]  # run by tests/io/test_socketcan.py, in a kernel of their own
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


@dataclass(frozen=True)
class Result:
    part: Part
    code: int
    seconds: float
    processor_seconds: float  # its own, and of all the programs that it waited for
    output: str

    def __str__(self) -> str:
        said = "FAILED" if self.code else "ok"
        return f"{self.seconds:8.1f} s  {self.processor_seconds:8.1f} s of a processor  {said}  {self.part.name}"


def parts() -> list[Part]:
    """What takes long first, so that nothing long is left alone at the end."""
    return [
        *(Part(f"tests: {name}", [*PYTEST, *files]) for name, files in ALONE.items()),
        *in_turns(*(shares(folder, count) for folder, count in SPLIT.items())),
        *(Part(f"tests: {', '.join(folders)}", [*PYTEST, *folders]) for folders in TOGETHER),
        other_tests(),
        Part("types", [str(BIN / "mypy")]),
        *(firmware_types(port, files) for port, files in PORTS.items()),
        Part("native signer", [sys.executable, "firmware/native/build.py", "--check"]),
        Part("vectors", [sys.executable, "tests/vectors/make_vectors.py", "--check"]),
        Part("direction of imports", [str(BIN / "lint-imports")]),
        Part("lint", [str(BIN / "ruff"), "check"]),
        Part("format", [str(BIN / "ruff"), "format", "--check"]),
    ]


def shares(folder: str, count: int) -> list[Part]:
    """The tests of a folder as so many parts; every file is in one of them, or in ALONE."""
    alone = {file for files in ALONE.values() for file in files}
    found = sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("test_*.py"))
    files = [file for file in found if file not in alone]
    return [Part(f"tests: {folder}, {i + 1} of {count}", [*PYTEST, *files[i::count]]) for i in range(count)]


def other_tests() -> Part:
    """All that no other part has, so that no test is forgotten."""
    elsewhere = [*SPLIT, *INSIDE, *(folder for folders in TOGETHER for folder in folders)]
    return Part("tests: all others", [*PYTEST, *(f"--ignore={folder}" for folder in elsewhere)])


def in_turns(*lists: list[Part]) -> Iterable[Part]:
    """The first of each, the second of each, and so on: what computes and what waits begin side by side."""
    for turn in range(max(map(len, lists))):
        yield from (one[turn] for one in lists if turn < len(one))


def firmware_types(port: str, files: list[str]) -> Part:
    """The firmware with this port's board: each board has modules of the same names."""
    boards = ROOT / "firmware" / "boards"
    files = ["firmware/main.py", "firmware/logger", *files]
    files += sorted(str(path) for path in (boards / port).glob("*.py") if path.name != "manifest.py")
    cache = f".mypy_cache/firmware_{port}"  # of its own: the ports run side by side
    command = [str(BIN / "mypy"), "--config-file", "firmware/mypy.ini", "--cache-dir", cache, *files]
    path = f"{boards / port}:{boards / 'loader'}"
    return Part(
        f"firmware types, {port}", command, {"MYPY_TYPINGS": str(ROOT / ".venv/typings" / port), "MYPYPATH": path}
    )


def run(part: Part) -> Result:
    started = time.monotonic()
    process = subprocess.Popen(
        part.command,
        cwd=ROOT,
        env=os.environ | part.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with process:
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    return Result(part, process.returncode, seconds, usage.ru_utime + usage.ru_stime, output)


def run_side_by_side(parts: list[Part]) -> list[Result]:
    """AT_ONCE of them at a time, each one's output when it has ended."""
    results = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in as_completed([pool.submit(run, part) for part in parts]):
            results.append(done.result())
            say(f"\n== {results[-1].part.name}\n{results[-1].output}{results[-1]}\n")
    return results


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> int:
    started = time.monotonic()
    first = Part("MicroPython", [sys.executable, "-c", FIND_MICROPYTHON])  # fetched once, before two look for it
    say(f"{len(parts())} parts, {AT_ONCE} at a time; each is shown when it has ended, the first after minutes\n")
    results = run_side_by_side([first]) + run_side_by_side(parts())
    say("\n" + "".join(f"{result}\n" for result in results))
    failed = sum(1 for result in results if result.code)
    used = sum(result.processor_seconds for result in results)
    say(f"{time.monotonic() - started:8.1f} s  {used:8.1f} s of a processor  in all\n")
    say(f"{len(results) - failed} parts passed, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
