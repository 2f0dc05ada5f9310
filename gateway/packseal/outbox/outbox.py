"""The outbox: pending -> in_flight -> acknowledged by a receipt, or refused and tried again later.

Decides the order and the times of sending. It holds no content: whoever owns it keeps that on disk, and deletes it only
for what `acknowledged` returns. Deliveries of one log leave in order; one refused delivery holds back only its own log.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

MAX_IN_FLIGHT = 20  # PUBACK handling gets slower with more (measured for paho), and 20 keep any broker busy
RECEIPT_TIMEOUT_MS = 5_000
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


class Outbox:
    def __init__(self) -> None:
        self._logs: dict[bytes, dict[int, Item]] = {}

    def add(self, item: Item) -> None:
        """Raises ValueError if the log already waits with this size, or with a larger one."""
        waiting = self._logs.setdefault(item.log_id, {})
        if waiting and item.size <= next(reversed(waiting)):
            raise ValueError(f"log {item.log_id.hex()} already waits up to {next(reversed(waiting))}")
        waiting[item.size] = item

    def due(self, now_ms: int) -> list[Item]:
        """What to send now, oldest of each log first; each is in flight from then on until its receipt is late."""
        chosen: list[Item] = []
        room = MAX_IN_FLIGHT - sum(item.state is State.IN_FLIGHT and item.due_ms > now_ms for item in self.items())
        for waiting in self._logs.values():
            for item in waiting.values():
                if len(chosen) >= room or (item.state is State.REFUSED and item.due_ms > now_ms):
                    break
                if item.due_ms <= now_ms:
                    chosen.append(item)
        for item in chosen:
            self._put(item, State.IN_FLIGHT, now_ms)
        return chosen

    def acknowledged(self, log_id: bytes, size: int) -> list[Item]:
        """Takes out, and returns, all that a receipt for this size covers."""
        waiting = self._logs.get(log_id, {})
        covered = [item for item in waiting.values() if item.size <= size]
        for item in covered:
            del waiting[item.size]
        return covered

    def refused(self, log_id: bytes, reason: str, now_ms: int) -> None:
        """The service refused what is in flight of this log: kept, shown, and tried again with back-off."""
        for item in list(self._logs.get(log_id, {}).values()):
            if item.state is State.IN_FLIGHT:
                self._put(replace(item, refusal=reason), State.REFUSED, now_ms)

    def disconnected(self) -> None:
        """The broker is gone: what was in flight is sent again as soon as it is back."""
        for waiting in self._logs.values():
            for item in waiting.values():
                waiting[item.size] = replace(item, state=State.PENDING, attempts=0, due_ms=0)

    def items(self) -> list[Item]:
        return [item for waiting in self._logs.values() for item in waiting.values()]

    def _put(self, item: Item, state: State, now_ms: int) -> None:
        wait_ms = min(RECEIPT_TIMEOUT_MS << min(item.attempts, 10), MAX_BACKOFF_MS)
        changed = replace(item, state=state, attempts=item.attempts + 1, due_ms=now_ms + wait_ms)
        self._logs[item.log_id][item.size] = changed
