"""What waits between the threads of one MQTT connection, each side within bounds.

Nothing that waits here outlives its connection on the way out: who publishes keeps what has to arrive, and is told when
there is no room. What has come in is handed over even when its connection has ended in the meantime.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

MAX_WAITING_MESSAGES = 500
MAX_WAITING_BYTES = 16 << 20
MAX_BATCH_MESSAGES = 256
MAX_BATCH_BYTES = 4 << 20
MAX_HELD_MESSAGES = 4 * MAX_BATCH_MESSAGES  # of a broker that knows no receive maximum, or of messages of QoS 0
MAX_HELD_BYTES = 4 * MAX_BATCH_BYTES

COUNTS = (
    "connections",
    "connections_lost",
    "connections_failed",
    "stalls",
    "threads_replaced",
    "published",
    "published_acknowledged",
    "published_refused",
    "refused_not_connected",
    "refused_no_room",
    "refused_too_large",
    "refused_topic",
    "dropped_unacknowledged",
    "received",
    "received_batches",
    "received_not_taken",
)


class Figures:
    """Counts since the start, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(COUNTS, 0)

    def add(self, name: str, count: int = 1) -> None:
        with self._lock:
            self._counts[name] += count

    def counts(self) -> Mapping[str, int]:
        with self._lock:
            return dict(self._counts)


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    content: bytes
    retain: bool
    qos: int = 1


class SendQueue:
    """Open as long as there is a connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Message] = deque()
        self._bytes = 0
        self._is_open = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_open(self) -> bool:
        return self._is_open

    def open(self) -> None:
        with self._lock:
            self._is_open = True

    def close(self) -> int:
        """How many waited, and are gone."""
        with self._lock:
            count = len(self._waiting)
            self._waiting.clear()
            self._bytes, self._is_open = 0, False
            return count

    def put(self, message: Message) -> str:
        """The figure that counts the refusal; empty when it waits now."""
        with self._lock:
            if not self._is_open:
                return "refused_not_connected"
            size_bytes = self._bytes + len(message.content)
            if len(self._waiting) >= MAX_WAITING_MESSAGES or (self._waiting and size_bytes > MAX_WAITING_BYTES):
                return "refused_no_room"
            self._waiting.append(message)
            self._bytes = size_bytes
            return ""

    def take(self, count: int) -> list[Message]:
        """The oldest, at most so many."""
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
            self._bytes -= sum(len(message.content) for message in taken)
            return taken


class Acknowledges(Protocol):
    def acknowledge(self, packet_id: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Received:
    """packet_id: 0 for what is not acknowledged (QoS 0)."""

    topic: str
    content: bytes
    packet_id: int
    session: Acknowledges


@dataclass(frozen=True, slots=True)
class StateChanged:
    is_connected: bool


class Inbox:
    """What has come, in the order in which it came, with the changes of the connection between."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Received | StateChanged] = deque()
        self._bytes = 0
        self._is_ended = False

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= MAX_HELD_MESSAGES or self._bytes >= MAX_HELD_BYTES

    def add(self, item: Received | StateChanged) -> None:
        with self._changed:
            self._waiting.append(item)
            self._bytes += len(item.content) if isinstance(item, Received) else 0
            self._changed.notify()

    def end(self) -> None:
        """Nothing more comes: `take` gives what there is, and then None."""
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()

    def take(self) -> StateChanged | list[Received] | None:
        """Waits for a change, or for a batch: all messages that have come, 1 to 256 of at most 4 MiB or one alone."""
        with self._changed:
            while not self._waiting and not self._is_ended:
                self._changed.wait()
            if not self._waiting:
                return None
            first = self._waiting[0]
            if isinstance(first, StateChanged):
                self._waiting.popleft()
                return first
            return self._batch()

    def _batch(self) -> list[Received]:
        batch: list[Received] = []
        size_bytes = 0
        while self._waiting and len(batch) < MAX_BATCH_MESSAGES:
            item = self._waiting[0]
            if isinstance(item, StateChanged) or (batch and size_bytes + len(item.content) > MAX_BATCH_BYTES):
                break
            self._waiting.popleft()
            batch.append(item)
            size_bytes += len(item.content)
        self._bytes -= size_bytes
        return batch
