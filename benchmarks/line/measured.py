"""What is counted while a line runs: receipts and how long they took, memory, processor time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from benchmarks.line.site import Site, cpu_s, rss_mb


@dataclass
class Latencies:
    """Milliseconds, each with the records it stands for."""

    counts: dict[int, int] = field(default_factory=dict)

    def add(self, found: list[tuple[int, int]]) -> None:
        for ms, records in found:
            self.counts[ms] = self.counts.get(ms, 0) + records

    def percentile_ms(self, percent: float) -> int:
        """Of the records; 0 where there are none."""
        left = sum(self.counts.values()) * percent / 100
        for ms in sorted(self.counts):
            left -= self.counts[ms]
            if left <= 0:
                return ms
        return max(self.counts, default=0)

    def figures(self) -> dict[str, int]:
        return {
            "p50_ms": self.percentile_ms(50),
            "p99_ms": self.percentile_ms(99),
            "max_ms": max(self.counts, default=0),
        }


class Span:
    """From its making until `end`: what the site received and took."""

    def __init__(self, site: Site, report: dict[str, Any]) -> None:
        """report: the last one of the boards before it."""
        self._site, self._first, self.last = site, report, report
        self.latencies = Latencies()
        self._cpu_s = {name: cpu_s(pids) for name, pids in site.pids().items()}
        self._started_s = time.monotonic()

    @property
    def boards(self) -> int:
        return len(self._site.boards.ports)

    def add(self, report: dict[str, Any]) -> None:
        self.last = report
        self.latencies.add(report["latencies"])

    def figures(self) -> dict[str, Any]:
        took_s = time.monotonic() - self._started_s
        receipted = self.last["receipted"] - self._first["receipted"]
        pids = self._site.pids()
        return {
            "seconds": round(took_s, 1),
            "records": receipted,
            "records_per_s": round(receipted / took_s),
            "waiting": self.last["records"] - self.last["receipted"],
            **self.latencies.figures(),
            "rss_mb": {name: round(rss_mb(one), 1) for name, one in pids.items()},
            "cores": {name: round((cpu_s(one) - self._cpu_s.get(name, 0)) / took_s, 3) for name, one in pids.items()},
        }
