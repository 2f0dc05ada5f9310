"""The laboratory, short in CI and longer every night. What it tries, and what it cannot show, is in docs/faults.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.line.conftest import needs_micropython

ROOT = Path(__file__).resolve().parents[2]
NIGHTLY_S = 4 * 3600
SHORT = ["--kinds", "sqlite", "--kills", "8", "--broker-kills", "2", "--schedules", "60", "--full-disk", "40"]


def laboratory(*arguments: str, longest_s: int = 600) -> dict[str, int]:
    """-> its figures. Fails where it fails, with all that it said: the seed and the schedule to repeat are in it."""
    command = [sys.executable, "-m", "tests.faults", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=longest_s, check=False)
    if done.returncode:
        pytest.fail(f"{done.stdout}\n{done.stderr}")
    figures: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return figures


def test_nothing_is_lost_or_doubled() -> None:
    needs_micropython()
    figures = laboratory("--seed", "short", *SHORT)
    assert (figures["kills"], figures["broker kills"], figures["schedules of deliveries"]) == (8, 2, 60)
    assert figures["power cuts"] > 0
    assert figures["records receipted"] > 100
    assert (figures["lost"], figures["doubled"]) == (0, 0)


def test_clocks_that_jump() -> None:
    needs_micropython()
    figures = laboratory("--seed", "short", "--kills", "0", "--broker-kills", "0", "--clock-jumps", "5")
    assert figures["clock jumps"] == 5
    assert (figures["lost"], figures["doubled"]) == (0, 0)


@pytest.mark.skipif(not os.environ.get("PACKSEAL_NIGHTLY"), reason="two hours; PACKSEAL_NIGHTLY=1 runs it")
def test_every_night() -> None:
    needs_micropython()
    figures = laboratory("--long", longest_s=NIGHTLY_S)
    assert (figures["kills"], figures["broker kills"], figures["clock jumps"]) == (2_000, 200, 200)
    assert figures["schedules of deliveries"] == 10_000
    assert (figures["lost"], figures["doubled"]) == (0, 0)
