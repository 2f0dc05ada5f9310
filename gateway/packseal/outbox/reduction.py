"""What is given up when space ends: values of old windows, every second one of a run, and what delivered them.

Decides which run of deliveries of one log is reduced next, and what is left of it. Only values of WINDOWs are given up:
SOH, EVENT, KEY, CONFIG, SEAL, GAP and the rest stay, and so does every leaf (docs/record.md section 3.4). A run is
halved as often as is needed, the older the more often, so the newest windows stay and of old ones survivors at even
distances. Room comes from the joining too: a delivery has half a kilobyte of signatures around its entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import log2

from packseal.outbox.outbox import Item, State
from packseal.records.blinding import emptied
from packseal.records.bodies import EntryType
from packseal.records.emptied import Emptied, emptied_seqs, is_emptied
from packseal.records.log import Delivery

LEAST_RUN_BYTES, MOST_RUN_BYTES = 8_192, 65_536  # the most is a quarter of the largest delivery
RUNS_IN_OUTBOX = 32  # of a small one, so that the newest windows are not in the same run as old ones
LEVEL_BEYOND_HOURS = 4  # of what is older than the limit in hours, one window in 16 keeps its values


@dataclass(frozen=True, slots=True)
class Run:
    """Deliveries of one log that follow each other. behind_ms: how far the newest of the log is from its end."""

    items: tuple[Item, ...]
    behind_ms: int

    @property
    def level(self) -> int:
        return self.items[0].level

    @property
    def windows(self) -> int:
        return sum(item.windows for item in self.items)

    @property
    def urgency(self) -> float:
        """The greatest is reduced first: what was halved less often than its age asks for."""
        return log2(max(self.behind_ms, 1)) - self.level


def runs_of(items: Sequence[Item], limit_bytes: int, behind_ms: int = 0) -> Iterator[Run]:
    """Of one log, its deliveries in order: the runs in which something can be given up.

    limit_bytes: of the outbox. behind_ms: only of what is so far behind the newest.
    """
    newest_ms = items[-1].uptime_ms if items else 0
    run_bytes = min(max(limit_bytes // RUNS_IN_OUTBOX, LEAST_RUN_BYTES), MOST_RUN_BYTES)
    run: list[Item] = []
    for item in items:
        if newest_ms - item.uptime_ms < behind_ms:
            break
        if run and not _is_next(run, item, run_bytes):
            yield from _worth(run, newest_ms)
            run = []
        if item.state is not State.IN_FLIGHT:
            run.append(item)
    yield from _worth(run, newest_ms)


def _is_next(run: Sequence[Item], item: Item, run_bytes: int) -> bool:
    """A change of key stands last below its checkpoint, so nothing is joined behind one."""
    last = run[-1]
    is_joint = item.first_seq == last.size and item.level == last.level and EntryType.KEY not in last.kinds
    is_small = sum(one.content_bytes for one in run) + item.content_bytes <= run_bytes
    return is_joint and is_small and item.state is not State.IN_FLIGHT


def _worth(run: Sequence[Item], newest_ms: int) -> Iterator[Run]:
    found = Run(tuple(run), newest_ms - run[-1].uptime_ms if run else 0)
    if found.windows > 1 or len(run) > 1:
        yield found


def reduced(deliveries: Sequence[Delivery]) -> Delivery:
    """A run as one delivery, with the values of every second window that still has them; the last one keeps them.

    It lacks the attestation that says so. Raises EvidenceError(MALFORMED) where an entry is none.
    """
    first, last = deliveries[0], deliveries[-1]
    entries = [content for delivery in deliveries for content in delivery.entries]
    opened = [number for number, content in enumerate(entries) if is_open_window(content)]
    for number in opened[-2::-2]:
        entries[number] = emptied(entries[number], first.seed)
    return replace(last, first_seq=first.first_seq, entries=tuple(entries), attestation=None)


def emptied_in(delivery: Delivery) -> Emptied:
    """As the attestation has to say it."""
    return Emptied.of(emptied_seqs(delivery.entries, delivery.first_seq))


def is_open_window(content: bytes) -> bool:
    return kind_of(content) == EntryType.WINDOW and not is_emptied(content)


def kind_of(content: bytes) -> int:
    """Of an entry, its type; 0 for a bare leaf."""
    return content[1] if content[:1] == b"\x85" else 0
