"""The outbox: pending -> in flight -> acknowledged by a receipt, or refused and tried again later.

Decides the order and the times of sending. It holds no content: whoever owns it keeps that on disk, and deletes it only
for what `acknowledged` returns. Deliveries of one log leave in order. One goes ahead alone; when its receipt has shown
that the way is open, many are in flight, until something of the log is late, refused or missing at the other end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import zip_longest

MAX_IN_FLIGHT = 20  # PUBACK handling gets slower with more (measured for paho), and 20 keep any broker busy
RECEIPT_TIMEOUT_MS = 2_000
MAX_BACKOFF_MS = 60_000


class State(StrEnum):
    PENDING, IN_FLIGHT, REFUSED = "pending", "in flight", "refused"


@dataclass(frozen=True, slots=True)
class Item:
    """A delivery of `records` entries that ends at `size` of a log; `due_ms` is when it may next be sent."""

    log_id: bytes
    size: int
    records: int
    stored_ms: int
    state: State = State.PENDING
    attempts: int = 0
    due_ms: int = 0
    refusal: str = ""

    @property
    def first_seq(self) -> int:
        return self.size - self.records


@dataclass(slots=True)
class _Log:
    items: dict[int, Item] = field(default_factory=dict)  # by size, in order
    is_open: bool = False  # a receipt has come since something was last late, refused or missing

    def to_send(self, now_ms: int) -> Iterator[Item]:
        for number, item in enumerate(self.items.values()):
            if item.state is State.IN_FLIGHT and item.due_ms <= now_ms:
                self.is_open = False  # its receipt is late
            if (number and not self.is_open) or (item.state is State.REFUSED and item.due_ms > now_ms):
                return
            if item.due_ms <= now_ms:
                yield item


class Outbox:
    def __init__(self) -> None:
        self._logs: dict[bytes, _Log] = {}

    def add(self, item: Item) -> None:
        """Raises ValueError if the log already waits up to this size or beyond."""
        waiting = self._logs.setdefault(item.log_id, _Log()).items
        if waiting and item.size <= next(reversed(waiting)):
            raise ValueError(f"log {item.log_id.hex()} already waits up to {next(reversed(waiting))}")
        waiting[item.size] = item

    def due(self, now_ms: int) -> list[Item]:
        """What to send now, oldest of each log first; each is in flight from then on until its receipt is late."""
        room = MAX_IN_FLIGHT - sum(item.state is State.IN_FLIGHT and item.due_ms > now_ms for item in self.items())
        of_logs = [list(log.to_send(now_ms)) for log in self._logs.values()]
        in_turn = [item for turn in zip_longest(*of_logs) for item in turn if item]  # a long log starves no other
        return [self._put(item, State.IN_FLIGHT, now_ms) for item in in_turn[: max(room, 0)]]

    def acknowledged(self, log_id: bytes, size: int) -> list[Item]:
        """Takes out, and returns, all that a receipt for this size covers."""
        log = self._logs.get(log_id)
        if log is None:
            return []
        log.is_open = True
        covered = [item for item in log.items.values() if item.size <= size]
        for item in covered:
            del log.items[item.size]
        return covered

    def missing(self, log_id: bytes, size_known: int, now_ms: int) -> None:
        """The service has the log only up to size_known: go back to there, or say so when that is no longer here."""
        log = self._logs.get(log_id)
        oldest = next(iter(log.items.values()), None) if log else None
        if log is None or oldest is None:
            return
        if oldest.first_seq > size_known:
            lacking = f"records {size_known} to {oldest.first_seq - 1}"
            self.refused(log_id, f"missing-entries: the service lacks {lacking}, which are gone here", now_ms)
        elif log.is_open:
            log.is_open = False
            self._reset(log)

    def refused(self, log_id: bytes, reason: str, now_ms: int) -> None:
        """The service refused what is in flight of this log: kept, shown, and tried again with back-off."""
        log = self._logs.get(log_id, _Log())
        log.is_open = False
        for item in list(log.items.values()):
            if item.state is State.IN_FLIGHT:
                self._put(replace(item, refusal=reason), State.REFUSED, now_ms)

    def disconnected(self) -> None:
        """The broker is gone: what was in flight is sent again as soon as it is back."""
        for log in self._logs.values():
            log.is_open = False
            self._reset(log)

    def items(self) -> list[Item]:
        return [item for log in self._logs.values() for item in log.items.values()]

    def _reset(self, log: _Log) -> None:
        for item in log.items.values():
            if item.state is State.IN_FLIGHT:
                log.items[item.size] = replace(item, state=State.PENDING, attempts=0, due_ms=0)

    def _put(self, item: Item, state: State, now_ms: int) -> Item:
        wait_ms = min(RECEIPT_TIMEOUT_MS << min(item.attempts, 10), MAX_BACKOFF_MS)
        changed = replace(item, state=state, attempts=item.attempts + 1, due_ms=now_ms + wait_ms)
        self._logs[item.log_id].items[item.size] = changed
        return changed
