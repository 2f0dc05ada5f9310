"""What a passport service says of itself: what is wrong with its cure, and its figures, in the form of a gateway's.

Counts since the start of this worker; what several workers of one database took together, their sums say.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, get_ident

from packseal import __version__
from packseal.apps.problem_counts import problems_json
from packseal.apps.receipt_lag import Durations
from packseal.apps.receiving import Answer, EarlyError
from packseal.errors import EvidenceError, PackSealError, Reason, UnavailableError
from packseal.io.log_lines import Problem
from packseal.io.passport_storing import PassportStoring
from packseal.io.store_place import StorePlace
from packseal.records.answer import RefusalAnswer, decode_answer


@dataclass(slots=True)
class DeliveriesSeen:
    """How deliveries were answered. Usable from any thread."""

    came: int = 0
    receipts: int = 0
    unstored: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    durations: Durations = field(default_factory=Durations)
    last_s: float | None = None  # that the newest group took
    _began_s: dict[int, float] = field(default_factory=dict)  # by the thread that is at work
    _lock: Lock = field(default_factory=Lock)

    def timed(self, number: int, receive: Callable[[], list[Answer]]) -> list[Answer]:
        """What receive returns for so many deliveries. Raises what it raises."""
        began_s = self._began_s[get_ident()] = time.monotonic()
        try:
            answers = receive()
        except UnavailableError as error:
            self._answered([error] * number, time.monotonic() - began_s)
            raise
        finally:
            del self._began_s[get_ident()]
        self._answered(answers, time.monotonic() - began_s)
        return answers

    @property
    def busy_s(self) -> float:
        """How long the slowest group that is under way has taken until now; 0 where there is none."""
        return max((time.monotonic() - began_s for began_s in list(self._began_s.values())), default=0.0)

    def _answered(self, answers: Sequence[Answer], took_s: float) -> None:
        with self._lock:
            self.last_s = took_s
            for answer in answers:
                if not isinstance(answer, EarlyError):  # held back: it comes once more
                    self.durations.add(took_s)
                    self.came += 1
                    self._count(answer)

    def _count(self, answer: Answer) -> None:
        try:
            found = decode_answer(answer) if isinstance(answer, bytes) else None
        except EvidenceError:
            found = None
        if isinstance(found, RefusalAnswer):
            self.refused[found.reason if found.reason in set(Reason) else "other"] += 1
        elif found:
            self.receipts += 1
        else:
            self.unstored += 1

    def as_json(self) -> dict[str, object]:
        with self._lock:
            counts = {"came": self.came, "receipts": self.receipts, "unstored": self.unstored}
            return {**counts, "refused": dict(self.refused)}


@dataclass(frozen=True, slots=True)
class PassportStatus:
    """broker: its address. Asked anew each time: findings; is_connected; behind_s, of the clock; held: early
    deliveries; waiting: in a stream, None of a broker that has none, or while it is not known."""

    broker: object
    place: StorePlace
    store: PassportStoring
    seen: DeliveriesSeen
    findings: Callable[[], list[Problem]]
    is_connected: Callable[[], bool]
    behind_s: Callable[[], float]
    held: Callable[[], int]
    waiting: Callable[[], int | None]

    def as_json(self) -> dict[str, object]:
        """All of it, of values that JSON has."""
        buckets, sum_s = self.seen.durations.buckets()
        return {
            "program": "passport",
            "version": __version__,
            "broker": self._broker_json(),
            "deliveries": {**self.seen.as_json(), "held": self.held()},
            "receipts": {"last_lag_s": self.seen.last_s, "lag_buckets": buckets, "lag_sum_s": sum_s},
            "store": self._store_json(),
            "clock": {"behind_s": max(0.0, self.behind_s())},
            **problems_json(self.findings()),
        }

    def line(self, found: Sequence[Problem]) -> str:
        """One line for `systemctl status`. found: what `findings` said just now."""
        wrong = f"{len(found)} problems: {found[0].words}" if found else "all is well"
        return f"{self.seen.came} deliveries came, {self.seen.receipts} receipts given; {wrong}"

    def _broker_json(self) -> dict[str, object]:
        waiting = self.waiting()
        known = {"address": str(self.broker), "is_connected": self.is_connected()}
        return known if waiting is None else {**known, "waiting": waiting}

    def _store_json(self) -> dict[str, object]:
        """Without figures that the store does not tell now."""
        known: dict[str, object] = {"place": str(self.place)}
        try:
            known["log_entries"] = self.store.log.size()
        except PackSealError:
            return known
        return known | ({"bytes": _bytes_of(self.place)} if isinstance(self.place, Path) else {})


def _bytes_of(store: Path) -> int:
    """The file with its write-ahead log."""
    files = (store, store.with_name(store.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
