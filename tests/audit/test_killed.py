"""A run is killed at random moments: what counts is whole, and the next run ends it, each record once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

from tests.audit.fleet import Fleet

KILLS = 200 if os.environ.get("PACKSEAL_NIGHTLY") else 3
RUN = (
    "import sys; from pathlib import Path; from packseal.apps import fleet_archive as a; a.PIECE = 1;"
    " print('ready', flush=True); sys.stdin.readline(); a.archive_store(Path(sys.argv[1]), Path(sys.argv[2]), 2)"
)


def test_a_killed_run_leaves_nothing_that_counts(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    chance = random.Random(7)
    cut = 0
    for number in range(KILLS):
        cut += killed(fleet, chance.uniform(0.0, 0.25))
        if (fleet.folder / "manifest").is_dir() and any((fleet.folder / "manifest").iterdir()):
            assert fleet.audit().holds
        if number % 2:
            fleet.grow(fleet.first, 5)
    assert cut, "no run was killed before its end"
    fleet.archive()
    found = fleet.audit(with_store=True)
    assert (found.findings, found.counts["records"]) == ((), fleet.records)
    named = sum(1 for _ in fleet.folder.rglob("*.parquet*"))
    assert named == found.counts["files"], "what killed runs left is cleared away"


def killed(fleet: Fleet, after_s: float) -> bool:
    """-> whether it had not ended by itself"""
    command = [sys.executable, "-c", RUN, str(fleet.desk.path), str(fleet.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("\n")
        process.stdin.flush()
        timer = threading.Timer(after_s, process.kill)
        timer.start()
        process.wait()
        timer.cancel()
    return process.returncode != 0
