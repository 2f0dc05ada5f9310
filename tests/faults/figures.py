"""The figures of a run: a table for people, and one line of JSON for programs."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict
from typing import Protocol

from tests.faults.oracle import Found

TOTALS = {"kills": "kills of", "broker kills": "broker kills", "partitions": "partitions"}  # of counts that begin so


class Counted(Protocol):
    counts: Counter[str]
    found: Found


class Figures:
    def __init__(self, seed: str) -> None:
        self.seed, self.counts, self.found = seed, Counter[str](), Found()
        self._started_s = time.monotonic()

    def count(self, name: str, number: int) -> None:
        self.counts[name] += number

    def take(self, run: Counted) -> None:
        self.counts.update(run.counts)
        self.found.add(run.found)

    def all(self) -> dict[str, int | str]:
        totals = {total: self._sum(start) for total, start in TOTALS.items()}
        found = asdict(self.found)
        told = {"records receipted": found.pop("records"), "lost": found.pop("lost"), "doubled": found.pop("doubled")}
        return {"seed": self.seed, **totals, **dict(sorted(self.counts.items())), **told, **found,
                "seconds": int(time.monotonic() - self._started_s)}  # fmt: skip

    def _sum(self, start: str) -> int:
        return sum(number for name, number in self.counts.items() if name.startswith(start))

    def table(self) -> str:
        return "\n".join(f"{name:28} {number:>10}" for name, number in self.all().items())

    def line(self) -> str:
        return json.dumps(self.all())
