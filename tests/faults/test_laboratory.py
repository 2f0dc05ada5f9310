"""The laboratory, short in CI and longer every night. What it tries, and what it cannot show, is in docs/faults.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.network import Cut
from tests.faults.schedule import Kind, phases
from tests.line.conftest import needs_micropython

ROOT = Path(__file__).resolve().parents[2]
NIGHTLY_S = 4 * 3600
SHORT = {"kills": 9, "broker_kills": 3, "schedules": 60, "full_disk": 40}
CLOCK_JUMPS = 11  # one of them of a second site


def laboratory(*arguments: str, longest_s: int = 600) -> dict[str, int]:
    """-> its figures. Fails where it fails, with all that it said: the seed and the schedule to repeat are in it."""
    command = [sys.executable, "-m", "tests.faults", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=longest_s, check=False)
    if done.returncode:
        pytest.fail(f"{done.stdout}\n{done.stderr}")
    figures: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return figures


def cuts(seed: str, kills: int, broker_kills: int) -> Counter[bool]:
    """Of a schedule: how many of its cuts are partitions (True), how many loss."""
    made = phases(seed, kills, broker_kills, tuple(Kind))
    return Counter(fault.cut is not Cut.LOSS for phase in made for fault in phase.faults if fault.cut)


def check_cuts(figures: dict[str, int], of_schedule: Counter[bool]) -> None:
    assert (figures["partitions"], figures.get("loss of 20 %", 0)) == (of_schedule[True], of_schedule[False])


def check_full_disks(figures: dict[str, int]) -> None:
    """Of a gateway and of a service, each once and for ever; in each a write failed."""
    assert figures["writes without room"] >= figures["full disks"] >= 4


def check_nothing_failed(figures: dict[str, int]) -> None:
    assert (figures["lost"], figures["doubled"], figures["phases failed"]) == (0, 0, 0)


def test_nothing_is_lost_or_doubled() -> None:
    needs_micropython()
    options = [f"--{name.replace('_', '-')}={value}" for name, value in SHORT.items()]
    figures = laboratory("--seed", "short", *options)
    assert (figures["kills"], figures["broker kills"], figures["schedules of deliveries"]) == (9, 3, 60)
    assert [figures[f"sites, {kind}"] for kind in Kind] == [1, 1, 1]
    assert figures["power cuts"] > 0
    assert figures["partitions"] > 0
    check_cuts(figures, cuts("short", SHORT["kills"], SHORT["broker_kills"]))
    check_full_disks(figures)
    assert figures["records receipted"] > 100
    check_nothing_failed(figures)


def test_clocks_that_jump() -> None:
    needs_micropython()
    figures = laboratory("--seed", "short", "--kills=0", "--broker-kills=0", f"--clock-jumps={CLOCK_JUMPS}")
    assert figures["clock jumps"] == CLOCK_JUMPS
    assert figures["clock jumps of gateway"] > 0
    assert figures["clock jumps of service"] > 0
    assert figures["kills while a clock is off"] > 0
    assert figures["sites with clocks that jump"] == 2
    check_nothing_failed(figures)


@pytest.mark.skipif(not os.environ.get("PACKSEAL_NIGHTLY"), reason="two hours; PACKSEAL_NIGHTLY=1 runs it")
def test_every_night() -> None:
    needs_micropython()
    figures = laboratory("--long", longest_s=NIGHTLY_S)
    assert (figures["kills"], figures["broker kills"], figures["clock jumps"]) == (2_000, 200, 200)
    assert figures["schedules of deliveries"] == 10_000
    assert figures["sites with clocks that jump"] == 20
    assert figures["cuts longer than a heartbeat"] == 6
    check_cuts(figures, cuts("1", 2_000, 200))
    check_full_disks(figures)
    check_nothing_failed(figures)
