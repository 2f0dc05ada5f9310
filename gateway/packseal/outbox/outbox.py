"""The outbox: pending -> in flight -> acknowledged by a receipt, or refused and tried again later.

Decides the order and the times of sending. It holds no content: whoever owns it keeps that on disk, and deletes it only
for what `acknowledged` returns. Deliveries of one log leave in order. One goes ahead alone; when its receipt has shown
that the way is open, many are in flight, until something of the log is late, refused or missing at the other end.
What is late waits longer each time, and for what a receipt is late by follows how long they took of late: who sends
again what is only slow makes it slower. While the service is silent one delivery, a scout, goes out every few seconds,
another one each time; the first answer ends the waiting of all.

A place is taken by what was just sent; by what is late only in a silence, so that batteries that the service does not
know leave room for the others. What was sent least often goes first.

Of several logs, those in which a SOH, EVENT, KEY, GAP or SEAL waits go first, up to the last of these; every fourth
place is for the others, so that nothing waits for ever (docs/decisions/0017-the-outbox-at-its-limits.md).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice, zip_longest

from packseal.records.bodies import EntryType

MAX_IN_FLIGHT = 64  # until their receipts: they keep broker and service busy, and no more than these are sent twice
RECEIPT_TIMEOUT_MS = 2_000  # at least
MAX_RECEIPT_TIMEOUT_MS = 20_000
LATE_AT = 4  # times what a receipt mostly took
MAX_BACKOFF_MS = 60_000
SCOUT_MS = 5_000  # so long a service may be back without being found; and a gateway sends no more to a dead one
OTHERS_TURN = 4  # of so many places one is for what is not urgent
URGENT = frozenset({EntryType.SOH, EntryType.EVENT, EntryType.KEY, EntryType.GAP, EntryType.SEAL})
MS_PER_HOUR = 3_600_000


class State(StrEnum):
    PENDING, IN_FLIGHT, REFUSED = "pending", "in flight", "refused"


@dataclass(frozen=True, slots=True)
class Item:
    """A delivery of `records` entries that ends at `size` of a log; `due_ms` is when it may next be sent.

    content_bytes: its length. kinds: of its entries (EntryType). windows: of its entries those WINDOWs that have their
    values; emptied: those that have not. level: how often it was reduced. uptime_ms: of its checkpoint.
    """

    log_id: bytes
    size: int
    records: int
    stored_ms: int
    state: State = State.PENDING
    attempts: int = 0
    due_ms: int = 0
    refusal: str = ""
    content_bytes: int = 0
    kinds: frozenset[int] = frozenset()
    windows: int = 0
    emptied: int = 0
    level: int = 0
    uptime_ms: int = 0

    @property
    def first_seq(self) -> int:
        return self.size - self.records

    @property
    def is_urgent(self) -> bool:
        return not URGENT.isdisjoint(self.kinds)


@dataclass(frozen=True, slots=True)
class _Flight:
    """first_ms: when it was sent first, sent_ms: when last. due_ms: when it may be sent again."""

    first_ms: int
    sent_ms: int
    due_ms: int


@dataclass(slots=True)
class _Log:
    items: OrderedDict[int, Item] = field(default_factory=OrderedDict)  # by size, in order
    urgent: deque[int] = field(default_factory=deque)  # sizes of the urgent ones, in order
    is_open: bool = False  # a receipt has come since something was last late, refused or missing

    def to_send(self, now_ms: int) -> Iterator[Item]:
        for number, item in enumerate(self.items.values()):
            if item.state is State.IN_FLIGHT and item.due_ms <= now_ms:
                self.is_open = False  # its receipt is late
            if (number and not self.is_open) or (item.state is State.REFUSED and item.due_ms > now_ms):
                return
            if item.due_ms <= now_ms:
                yield item

    @property
    def urgent_size(self) -> int:
        """Up to where what waits is urgent; 0 where nothing is."""
        return self.urgent[-1] if self.urgent else 0

    @property
    def waiting_ms(self) -> int:
        """From the oldest to the newest that waits, by the log's own clock."""
        if not self.items:
            return 0
        return self.items[next(reversed(self.items))].uptime_ms - next(iter(self.items.values())).uptime_ms


class Outbox:
    """records, emptied: how many wait, and of how many of these the values were given up."""

    def __init__(self) -> None:
        self._logs: dict[bytes, _Log] = {}
        self._waiting: dict[bytes, _Log] = {}  # those of which something waits: few, where thousands are known
        self._in_flight: dict[tuple[bytes, int], _Flight] = {}
        self._places = 0
        self._answered_ms = self._scout_after_ms = 0
        self._took_ms = 0.0  # receipts, of late
        self.records = 0
        self.emptied = 0

    def add(self, item: Item) -> None:
        """Raises ValueError if the log already waits up to this size or beyond."""
        log = self._logs.setdefault(item.log_id, _Log())
        if log.items and item.size <= next(reversed(log.items)):
            raise ValueError(f"log {item.log_id.hex()} already waits up to {next(reversed(log.items))}")
        log.items[item.size] = item
        log.urgent.extend([item.size] * item.is_urgent)
        self._waiting[item.log_id] = log
        self._count(item, 1)

    def due(self, now_ms: int) -> list[Item]:
        """What to send now, oldest of each log first; each is in flight from then on until its receipt is late."""
        self._choose_scout(now_ms)
        room = MAX_IN_FLIGHT - self._places_taken(now_ms)
        if room <= 0:
            return []
        urgent: list[list[Item]] = []
        others: list[list[Item]] = []
        for log in self._waiting.values():
            found = list(islice(log.to_send(now_ms), room))
            if found:
                (urgent if found[0].size <= log.urgent_size else others).append(found)
        for logs in (urgent, others):
            logs.sort(key=lambda found: found[0].attempts)
        chosen = self._first(urgent, others, room)
        taken = {(item.log_id, item.size) for item in chosen}
        rest = [[item for item in found if (item.log_id, item.size) not in taken] for found in (*urgent, *others)]
        chosen += _in_turn(rest)[: room - len(chosen)]
        return [self._put(item, State.IN_FLIGHT, now_ms) for item in chosen]

    def not_sent(self, item: Item) -> None:
        """One of `due` that could not be handed over: due again when it is late, which is no reason to wait longer."""
        log = self._logs.get(item.log_id)
        if log and log.items.get(item.size) == item:
            self._set(replace(item, attempts=item.attempts - 1))

    def acknowledged(self, log_id: bytes, size: int, now_ms: int) -> list[Item]:
        """Takes out, and returns, all that a receipt for this size covers."""
        log = self._logs.get(log_id)
        if log is None:
            return []
        log.is_open = True
        covered = []
        while log.items and next(iter(log.items)) <= size:
            covered.append(log.items.popitem(last=False)[1])
        while log.urgent and log.urgent[0] <= size:
            log.urgent.popleft()
        for item in covered:
            flight = self._in_flight.pop((log_id, item.size), None)
            if flight:
                self._took_ms += (min(now_ms - flight.first_ms, MAX_RECEIPT_TIMEOUT_MS) - self._took_ms) / 8
            self._count(item, -1)
        if not log.items:
            self._waiting.pop(log_id, None)
        if covered:
            self._answered(now_ms, was_late=any(item.attempts > 1 for item in covered))
        return covered

    def missing(self, log_id: bytes, size_known: int, now_ms: int) -> None:
        """The service has the log only up to size_known: go back to there, or say so when that is no longer here."""
        log = self._waiting.get(log_id)
        if log is None:
            return
        self._answered(now_ms, was_late=True)
        oldest = next(iter(log.items.values()))
        if oldest.first_seq > size_known:
            lacking = f"records {size_known} to {oldest.first_seq - 1}"
            self.refused(log_id, f"missing-entries: the service lacks {lacking}, which are gone here", now_ms)
        elif log.is_open:
            log.is_open = False
            self._reset(log_id)

    def refused(self, log_id: bytes, reason: str, now_ms: int) -> None:
        """The service refused what is in flight of this log: kept, shown, and tried again with back-off."""
        if log_id in self._logs:
            self._logs[log_id].is_open = False
        flying = self._flying(log_id)
        for item in flying:
            self._put(replace(item, refusal=reason), State.REFUSED, now_ms)
        if flying:
            self._answered(now_ms, was_late=True)

    def disconnected(self) -> None:
        """The broker is gone: what was in flight is sent again as soon as it is back."""
        for log_id in {log_id for log_id, _ in self._in_flight}:
            self._reset(log_id)
        for log in self._logs.values():
            log.is_open = False

    def is_idle(self, run: Sequence[Item]) -> bool:
        """Whether all of it waits as it was, and nothing of it is in flight."""
        waiting = self._logs.get(run[0].log_id, _Log()).items
        return all(waiting.get(one.size) == one and one.state is not State.IN_FLIGHT for one in run)

    def replaced(self, run: Sequence[Item], item: Item) -> None:
        """One delivery now stands for an idle run, at whose size it ends."""
        log = self._logs[item.log_id]
        for one in run:
            self._count(one, -1)
            if one.size != item.size:
                del log.items[one.size]
        log.items[item.size] = item  # keeps its place
        log.urgent = deque(size for size in log.urgent if size in log.items)
        if item.is_urgent and item.size not in log.urgent:
            log.urgent = deque(sorted([*log.urgent, item.size]))
        self._count(item, 1)

    def items(self) -> list[Item]:
        return [item for log in self._waiting.values() for item in log.items.values()]

    def items_of(self, log_id: bytes) -> list[Item]:
        """In order."""
        return list(self._logs.get(log_id, _Log()).items.values())

    def log_ids(self) -> list[bytes]:
        """Of the logs of which something waits."""
        return list(self._waiting)

    def refusals(self) -> set[str]:
        """The service's words for what it refuses now. A refused log is tried from its oldest delivery on."""
        heads = (islice(log.items.values(), MAX_IN_FLIGHT) for log in self._waiting.values())
        return {item.refusal for head in heads for item in head if item.state is State.REFUSED}

    @property
    def deliveries(self) -> int:
        return sum(len(log.items) for log in self._waiting.values())

    @property
    def oldest_stored_ms(self) -> int | None:
        """Of the first that waits of each log, the one that was stored first; None where nothing waits."""
        heads = [next(iter(log.items.values())) for log in self._waiting.values()]
        return min((head.stored_ms for head in heads), default=None)

    @property
    def hours(self) -> float:
        """From the oldest to the newest that waits of one log, by its own clock; of the log where that is most."""
        return max((log.waiting_ms for log in self._waiting.values()), default=0) / MS_PER_HOUR

    def _is_silent(self, now_ms: int) -> bool:
        return now_ms - self._answered_ms > SCOUT_MS

    def _answered(self, now_ms: int, *, was_late: bool) -> None:
        """After a silence, all that would wait for long is due at once. Where nothing was late there was none."""
        if was_late and self._is_silent(now_ms):
            for key, flight in list(self._in_flight.items()):
                if flight.due_ms - now_ms > RECEIPT_TIMEOUT_MS:
                    self._make_due(key)
        self._answered_ms = now_ms

    def _choose_scout(self, now_ms: int) -> None:
        """In a silence, of what waits for its receipt the one that was sent longest ago is due before its time."""
        if not self._in_flight or not self._is_silent(now_ms) or now_ms < self._scout_after_ms:
            return
        longest = min(self._in_flight, key=lambda key: self._in_flight[key].sent_ms)
        if now_ms - self._in_flight[longest].sent_ms >= SCOUT_MS:
            self._scout_after_ms = now_ms + SCOUT_MS
            self._make_due(longest)

    def _make_due(self, key: tuple[bytes, int]) -> None:
        log_id, size = key
        self._set(replace(self._logs[log_id].items[size], state=State.PENDING, due_ms=0))

    def _places_taken(self, now_ms: int) -> int:
        if self._is_silent(now_ms):
            return sum(flight.due_ms > now_ms for flight in self._in_flight.values())
        timeout_ms = self._timeout_ms
        return sum(now_ms < flight.sent_ms + timeout_ms for flight in self._in_flight.values())

    @property
    def _timeout_ms(self) -> int:
        return int(min(max(RECEIPT_TIMEOUT_MS, LATE_AT * self._took_ms), MAX_RECEIPT_TIMEOUT_MS))

    def _first(self, urgent: list[list[Item]], others: list[list[Item]], room: int) -> list[Item]:
        """What is urgent, with every fourth place for logs in which nothing is; each log in its order."""
        before_others = [
            [item for item in found if item.size <= self._logs[item.log_id].urgent_size] for found in urgent
        ]
        chosen: list[Item] = []
        waiting, others_waiting = deque(_in_turn(before_others)), deque(_in_turn(others))
        while waiting and len(chosen) < room:
            self._places += 1
            is_others = self._places % OTHERS_TURN == 0 and others_waiting
            chosen.append((others_waiting if is_others else waiting).popleft())
        return chosen

    def _flying(self, log_id: bytes) -> list[Item]:
        return [self._logs[log_id].items[size] for one, size in sorted(self._in_flight) if one == log_id]

    def _reset(self, log_id: bytes) -> None:
        for item in self._flying(log_id):
            self._set(replace(item, state=State.PENDING, attempts=0, due_ms=0))

    def _put(self, item: Item, state: State, now_ms: int) -> Item:
        wait_ms = min(self._timeout_ms << min(item.attempts, 10), MAX_BACKOFF_MS)
        changed = replace(item, state=state, attempts=item.attempts + 1, due_ms=now_ms + wait_ms)
        before = self._in_flight.get((item.log_id, item.size))
        self._set(changed)
        if state is State.IN_FLIGHT:
            first_ms = before.first_ms if before else now_ms
            self._in_flight[item.log_id, item.size] = _Flight(first_ms, now_ms, changed.due_ms)
        return changed

    def _set(self, item: Item) -> None:
        self._logs[item.log_id].items[item.size] = item
        if item.state is not State.IN_FLIGHT:
            self._in_flight.pop((item.log_id, item.size), None)

    def _count(self, item: Item, sign: int) -> None:
        self.records += sign * item.records
        self.emptied += sign * item.emptied


def _in_turn(of_logs: list[list[Item]]) -> list[Item]:
    """One of each log, then the next of each: a long log starves no other."""
    return [item for turn in zip_longest(*of_logs) for item in turn if item]
