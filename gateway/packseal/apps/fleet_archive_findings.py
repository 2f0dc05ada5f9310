"""What an audit finds and counts, in values that travel between processes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MAX_KEPT = 200  # of one partition, by name; the others are counted


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """where: a file, the public log, or a log by its id. what: in words."""

    where: str
    what: str

    @property
    def words(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(slots=True)
class Found:
    """Of a partition, or of all of them together. total: of findings, with those that are not kept."""

    findings: list[Finding] = field(default_factory=list)
    total: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, where: str, what: str) -> None:
        self.total += 1
        if len(self.findings) < MAX_KEPT:
            self.findings.append(Finding(where, what))

    def join(self, other: Found) -> None:
        self.findings += other.findings
        self.total += other.total
        self.counts.update(other.counts)


def log_words(log_id: bytes) -> str:
    return f"log {log_id.hex()}"
