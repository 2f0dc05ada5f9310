"""Power cuts at every operation of many lives of a log: nothing acknowledged is lost, nothing contradicts itself.

PACKSEAL_CUTS raises the number of cuts (`make test-long`: 100,000; `make test-nightly`: 1,000,000, and a second cut
behind every sixth).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.firmware.conftest import FIRMWARE, Interpreter, find_interpreter

SCRIPT = Path(__file__).parent / "board_tests" / "power_cuts_many.py"
CUTS = int(os.environ.get("PACKSEAL_CUTS", "40000"))
SECOND_EVERY = 6 if CUTS >= 1_000_000 else 30
PROCESSES = 2
HEAP_BYTES = 16 << 20  # copies of a flash find a place in it, however scattered what lives is
LEAST_IN_100_000 = {"receipt": 5_000, "loss": 2_000, "loss over losses": 300, "gap": 10, "full": 10, "seal": 5}


@pytest.fixture(scope="module")
def lived() -> Counter[str]:
    """All counts of all processes, which live lives of their own, printed as they are."""
    interpreter = find_interpreter("micropython")
    started = time.monotonic()
    processes = [start(interpreter, number) for number in range(PROCESSES)]
    total: Counter[str] = Counter()
    for process, (output, errors) in [(process, process.communicate()) for process in processes]:
        assert process.returncode == 0, errors.decode()[-2000:]
        for counts in json.loads(output).values():
            total.update(counts)
    sys.stdout.write(f"{dict(sorted(total.items()))} in {time.monotonic() - started:.0f} s\n")
    return total


def start(interpreter: Interpreter, number: int) -> subprocess.Popen[bytes]:
    arguments = [CUTS // PROCESSES, number, PROCESSES, SECOND_EVERY]
    return subprocess.Popen(
        [*interpreter.command, "-X", f"heapsize={HEAP_BYTES}", str(SCRIPT), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "MICROPYPATH": f".frozen:{FIRMWARE}"},
    )


def test_the_power_was_cut_so_often(lived: Counter[str]) -> None:
    """And each time a log was mounted that held what the oracle says, or the script would have failed."""
    assert lived["cuts"] >= CUTS
    assert lived["second_cuts"] >= CUTS // 10
    assert lived["starts"] >= 2 * lived["cuts"]


def test_each_operation_was_cut_in_each_way(lived: Counter[str]) -> None:
    for operation in ("program", "erase"):
        thirds = [lived[f"{operation} {tear}"] for tear in ("nothing", "half", "garbage")]
        assert len(set(thirds)) == 1
        assert thirds[0] * 3 > CUTS // 20
    assert sum(count for name, count in lived.items() if name.split()[0] in ("program", "erase")) == lived["cuts"]


@pytest.mark.parametrize("act", LEAST_IN_100_000)
def test_lives_had_everything_in_them(lived: Counter[str], act: str) -> None:
    assert lived[act] >= LEAST_IN_100_000[act] * CUTS // 100_000


def test_other_interpreters_agree(interpreter: Interpreter) -> None:
    """The first lives, on each."""
    figures = json.loads(interpreter.run(SCRIPT, "1500", "0", "1", "10", heap_bytes=HEAP_BYTES))
    assert figures["counts"]["cuts"] >= 1500
