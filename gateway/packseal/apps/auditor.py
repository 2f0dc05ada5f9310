"""Keeps checking that what is stored is still what was signed, a bounded piece at a time, when somebody asks.

A log is checked in rounds from its first record to its last. A difference counts from the moment it is found; it is
gone when a whole later round does not find it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from packseal.errors import Reason, UnavailableError
from packseal.io.passport_store import PassportStore
from packseal.passport.audit import Difference, kept
from packseal.records.merkle import Edge

MIN_INTERVAL_MS = 1000  # a page asks every second, and so may many readers
PIECE = 20_000  # records a look; about a quarter of a second


@dataclass(frozen=True, slots=True)
class Verdict:
    """`checked` of `size` records agree with what was signed, but for `differences`.

    is_complete: every record was checked at least once. What came since then was verified when it came.
    """

    checked: int = 0
    size: int = 0
    is_complete: bool = False
    differences: tuple[Difference, ...] = ()
    problem: str = ""  # the store could not be read

    @property
    def is_verified(self) -> bool:
        return self.is_complete and not self.differences and not self.problem


@dataclass(slots=True)
class _Round:
    """`found` of the running round stands beside what the round before it found."""

    edge: Edge | None = None
    found: list[Difference] = field(default_factory=list)
    before: tuple[Difference, ...] = ()
    checked: int = 0
    is_complete: bool = False
    verdict: Verdict = field(default_factory=Verdict)
    asked_unix_ms: int | None = None


class Auditor:
    def __init__(self, store: PassportStore, now_unix_ms: Callable[[], int], piece: int = PIECE) -> None:
        self._store = store
        self._now_unix_ms = now_unix_ms
        self._piece = piece
        self._rounds: dict[bytes, _Round] = {}
        self._lock = threading.Lock()

    def verdict(self, log_id: bytes, size_received: int) -> Verdict:
        """Checks the next piece of the log, unless that was done a moment ago. All that was received must be there."""
        with self._lock:
            running = self._rounds.setdefault(log_id, _Round())
            now = self._now_unix_ms()
            if running.asked_unix_ms is None or not 0 <= now - running.asked_unix_ms < MIN_INTERVAL_MS:
                running.asked_unix_ms = now
                running.verdict = self._checked(log_id, size_received, running)
            return running.verdict

    def _checked(self, log_id: bytes, size_received: int, running: _Round) -> Verdict:
        try:
            result = self._store.audit(log_id, running.edge, self._piece)
        except UnavailableError as error:
            return Verdict(running.checked, size_received, running.is_complete, running.before, str(error))
        running.found += result.differences
        running.edge = result.edge
        running.checked = max(running.checked, result.edge.size)
        differences = _together(running.found, running.before)
        if result.is_complete:
            running.found += _cut_off(result.size, size_received)
            differences = _together(running.found, ())
            running.edge, running.found, running.before, running.is_complete = None, [], differences, True
        return Verdict(running.checked, max(result.size, size_received), running.is_complete, differences)


def _cut_off(size: int, size_received: int) -> tuple[Difference, ...]:
    if size >= size_received:
        return ()
    lost = (Reason.MISSING_ENTRIES, "was stored and is no longer there")
    return (Difference(size, size_received - 1, *lost),)


def _together(found: Sequence[Difference], before: Sequence[Difference]) -> tuple[Difference, ...]:
    return kept(sorted({*found, *before}, key=lambda difference: (difference.first_seq, difference.last_seq)))
