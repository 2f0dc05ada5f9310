"""Keeps checking that what is stored is still what was signed, a bounded piece at a time, when somebody asks.

A log is checked in rounds from its first record to its last. A difference counts from the moment it is found; it is
gone when a whole later round does not find it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from packseal.errors import UnavailableError
from packseal.io.passport_store import PassportStore
from packseal.passport.audit import Difference, kept
from packseal.records.merkle import Edge

MIN_INTERVAL_MS = 1000  # a page asks every second, and so may many readers


@dataclass(frozen=True, slots=True)
class Verdict:
    """`checked` of `size` records agree with what was signed, but for `differences`."""

    checked: int = 0
    size: int = 0
    differences: tuple[Difference, ...] = ()
    problem: str = ""  # the store could not be read

    @property
    def is_verified(self) -> bool:
        return bool(self.size) and self.checked >= self.size and not self.differences and not self.problem


@dataclass(slots=True)
class _Round:
    """`found` of the running round stands beside what the round before it found."""

    edge: Edge | None = None
    found: list[Difference] = field(default_factory=list)
    before: tuple[Difference, ...] = ()
    checked: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    asked_unix_ms: int | None = None


class Auditor:
    def __init__(self, store: PassportStore, now_unix_ms: Callable[[], int]) -> None:
        self._store = store
        self._now_unix_ms = now_unix_ms
        self._rounds: dict[bytes, _Round] = {}
        self._lock = threading.Lock()

    def verdict(self, log_id: bytes) -> Verdict:
        """Checks the next piece of the log, unless that was done a moment ago."""
        with self._lock:
            running = self._rounds.setdefault(log_id, _Round())
            now = self._now_unix_ms()
            if running.asked_unix_ms is None or not 0 <= now - running.asked_unix_ms < MIN_INTERVAL_MS:
                running.asked_unix_ms = now
                running.verdict = self._checked(log_id, running)
            return running.verdict

    def _checked(self, log_id: bytes, running: _Round) -> Verdict:
        try:
            result = self._store.audit(log_id, running.edge)
        except UnavailableError as error:
            return Verdict(running.checked, running.verdict.size, running.before, str(error))
        running.found += result.differences
        running.edge = result.edge
        running.checked = max(running.checked, result.edge.size)
        differences = _together(running.found, running.before)
        if result.is_complete:
            differences = kept(running.found)
            running.edge, running.found, running.before = None, [], differences
        return Verdict(running.checked, result.size, differences)


def _together(found: Sequence[Difference], before: Sequence[Difference]) -> tuple[Difference, ...]:
    return kept(sorted({*found, *before}, key=lambda difference: (difference.first_seq, difference.last_seq)))
