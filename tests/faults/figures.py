"""The figures of a run: a table for people, and one line of JSON for programs, with its day and its commit."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from tests.faults.oracle import Found

TOTALS = {"kills": "kills of", "broker kills": "broker kills", "partitions": "partitions"}  # of counts that begin so


FAILED = "phases failed"
ROOT = Path(__file__).resolve().parents[2]


class Counted(Protocol):
    """failed: what did, by number."""

    counts: Counter[str]
    found: Found
    failed: list[int]


class Figures:
    def __init__(self, seed: str) -> None:
        self.seed, self.counts, self.found = seed, Counter[str](), Found()
        self._started_s = time.monotonic()
        self._of = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit()}  # as it began

    def count(self, name: str, number: int) -> None:
        self.counts[name] += number

    def take(self, run: Counted) -> None:
        self.counts.update(run.counts)
        self.counts[FAILED] += len(run.failed)
        self.found.add(run.found)

    def all(self) -> dict[str, int | str]:
        totals = {total: self._sum(start) for total, start in TOTALS.items()}
        counts = {name: number for name, number in sorted(self.counts.items()) if name != FAILED}
        found = asdict(self.found)
        told = {"records receipted": found.pop("records"), "lost": found.pop("lost"), "doubled": found.pop("doubled")}
        seconds = {"seconds": int(time.monotonic() - self._started_s)}
        last = {**told, FAILED: self.counts[FAILED]}
        return {"seed": self.seed, **self._of, **totals, **counts, **found, **seconds, **last}

    def _sum(self, start: str) -> int:
        return sum(number for name, number in self.counts.items() if name.startswith(start))

    def table(self) -> str:
        return "\n".join(f"{name:28} {number:>10}" for name, number in self.all().items())

    def line(self) -> str:
        return json.dumps(self.all())


def commit() -> str:
    """That of the sources, with a + where they have been changed since; empty where they have none."""
    git = ["git", "-C", str(ROOT), "-c", f"safe.directory={ROOT}"]
    of_it = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD"], capture_output=True, check=False).returncode == 1
    return of_it.stdout.strip() + ("+" if changed else "")
