"""Keeps checking that what is stored is still what was signed, a bounded piece at a time, when somebody asks.

A log is checked in rounds from its first record to its last. A difference counts from the moment it is found; it is
gone when a whole later round does not find it. A short log is checked whole at each look. A long one has its first
piece checked at the first, and the rest of the round behind it, so that no page waits for that: whoever asks gets what
is found so far, and asks for the next round.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from packseal.errors import Reason, UnavailableError
from packseal.io.passport_storing import PassportStoring
from packseal.passport.audit import Difference, kept
from packseal.records.merkle import Edge

MIN_INTERVAL_MS = 1000  # a page asks every second, and so may many readers
PIECE = 1_000  # records at a time; about a tenth of a second
REST = 3  # times as long as a piece took, no other is checked behind a page: a quarter of a core


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
    size_received: int = 0
    is_awaited: bool = False  # by somebody who asked: the rest of the round is checked behind the page


class Auditor:
    def __init__(self, store: PassportStoring, now_unix_ms: Callable[[], int], piece: int = PIECE) -> None:
        self._store = store
        self._now_unix_ms = now_unix_ms
        self._piece = piece
        self._rounds: dict[bytes, _Round] = {}
        self._lock = threading.Lock()
        self._behind: threading.Thread | None = None

    def verdict(self, log_id: bytes, size_received: int) -> Verdict:
        """Checks the next piece of the log, unless that was done a moment ago. All that was received must be there."""
        with self._lock:
            running = self._rounds.setdefault(log_id, _Round())
            running.size_received = size_received
            now = self._now_unix_ms()
            if running.asked_unix_ms is None or not 0 <= now - running.asked_unix_ms < MIN_INTERVAL_MS:
                is_first = running.asked_unix_ms is None
                running.asked_unix_ms = now
                if is_first or size_received <= PIECE:
                    running.verdict = self._checked(log_id, size_received, running)
                running.is_awaited = size_received > PIECE
                self._go_on_behind()
            return replace(running.verdict, size=max(running.verdict.size, size_received))

    def _go_on_behind(self) -> None:
        if self._behind is None and any(running.is_awaited for running in self._rounds.values()):
            self._behind = threading.Thread(target=self._behind_pages, name="packseal-audit", daemon=True)
            self._behind.start()

    def _behind_pages(self) -> None:
        while True:
            started = time.perf_counter()
            with self._lock:
                awaited = ((log_id, running) for log_id, running in self._rounds.items() if running.is_awaited)
                log_id, running = next(awaited, (b"", None))
                if running is None:
                    self._behind = None
                    return
                running.verdict = self._checked(log_id, running.size_received, running)
                running.is_awaited = running.edge is not None and not running.verdict.problem
            time.sleep(REST * (time.perf_counter() - started))

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
