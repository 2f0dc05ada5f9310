"""What a store holds of a log, as deliveries to fold again: checked against what was signed on the way.

What was altered on the disk is left out, and counts as not present; the audit names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

from packseal.errors import EvidenceError, UnavailableError
from packseal.io.passport_rows import LogHead
from packseal.io.passport_storing import PassportStoring
from packseal.passport.audit import StoredRecord, check_span
from packseal.passport.fold import Delivered, LogState, Passport, fold
from packseal.passport.settings import BatterySettings
from packseal.records.bodies import Key, Time
from packseal.records.emptied import is_emptied
from packseal.records.entries import Entry, decode_entry, genesis_key
from packseal.records.merkle import Edge


@dataclass(frozen=True, slots=True)
class Source:
    """Whose records a log's are, and how far they are to be believed."""

    battery: BatterySettings
    evidence_class: str


@dataclass(frozen=True, slots=True)
class StoredLog:
    """A log whose records count for a battery now."""

    head: LogHead
    source: Source
    key: Key


Believed: TypeAlias = Callable[[LogHead], StoredLog | None]
"""None of a log whose key speaks for no battery here."""


class StoredDeliveries:
    def __init__(self, store: PassportStoring, believed: Believed) -> None:
        self._store = store
        self._believed = believed

    def logs(self, battery_id: str) -> list[StoredLog]:
        """Of a battery, a log behind those that it goes on from."""
        heads = oldest_first(self._store.heads_of(battery_id))
        found = [log for log in map(self._believed, heads) if log]
        return [log for log in found if log.source.battery.id == battery_id]

    def of(self, log: StoredLog, from_size: int = 0) -> Iterator[Delivered]:
        """Those behind from_size, where one ended, as they came. Raises UnavailableError."""
        head, log_id = log.head, log.head.log_id
        edge = self._edge(log_id, from_size)
        for span in self._store.spans(log_id, edge.size):
            checked = check_span(head.identity, edge, span)
            edge = checked.edge
            entries = _readable(checked.good)
            at = (span.first_seq, span.size, entries, checked.uptime_ms, span.received_unix_ms)
            emptied = sum(is_emptied(record.entry) for record in checked.good)
            good_times = self.good_times(log_id, entries)
            yield Delivered(log_id, log.source.evidence_class, log.key, *at, good_times, emptied)

    def folded(self, passport: Passport, log: StoredLog) -> Passport:
        """With all that is stored of the log. What is missing behind its last checkpoint counts as not present."""
        state = passport.log(log.head.log_id)
        if state and state.size > log.head.size:
            passport = without(passport, state.log_id)
            state = None
        for delivered in self.of(log, state.size if state else 0):
            passport = fold(passport, delivered)
        return reaching(passport, log.head.log_id, log.source.evidence_class, log.key, log.head.size)

    def good_times(self, log_id: bytes, entries: Iterable[Entry]) -> frozenset[int]:
        """Which TIME entries name a receipt that this service has given for the log."""
        times = [(entry.seq, entry.body) for entry in entries if isinstance(entry.body, Time)]
        return frozenset(
            seq
            for seq, time in times
            if self._store.receipt_of_digest(log_id, time.received_unix_ms, time.receipt_digest)
        )

    def _edge(self, log_id: bytes, size: int) -> Edge:
        """That of the log's beginning where the one asked for was altered: then all is read again."""
        with suppress(UnavailableError):
            return self._store.known(log_id).edge(size) if size else Edge()
        return Edge()


def without(passport: Passport, log_id: bytes) -> Passport:
    return replace(passport, logs=tuple(log for log in passport.logs if log.log_id != log_id))


def with_log(passport: Passport, state: LogState) -> Passport:
    others = [log for log in passport.logs if log.log_id != state.log_id]
    return replace(passport, logs=tuple(sorted([*others, state], key=lambda log: log.log_id)))


def reaching(passport: Passport, log_id: bytes, evidence_class: str, key: Key, size: int) -> Passport:
    """With the log at this size at least: what is missing up to there counts as not present."""
    state = passport.log(log_id) or LogState(log_id, evidence_class, key)
    return with_log(passport, replace(state, size=size)) if state.size < size else passport


def oldest_first(heads: Sequence[LogHead]) -> list[LogHead]:
    """A log behind those that it goes on from, as they were received."""
    before = {
        head.log_id: previous.log_id
        for head in heads
        if head.has_own_genesis and (previous := genesis_key(head.genesis).previous)
    }

    def age(head: LogHead) -> int:
        log_id, steps = before.get(head.log_id), 0
        while log_id is not None and steps < len(heads):  # a circle cannot be signed, but stored bytes can be anything
            log_id, steps = before.get(log_id), steps + 1
        return steps

    return sorted(heads, key=age)


def _readable(records: Sequence[StoredRecord]) -> tuple[Entry, ...]:
    """Without emptied windows, and what a version of other limits took: they count as not present."""
    entries = []
    for record in records:
        if is_emptied(record.entry):
            continue
        with suppress(EvidenceError):
            entries.append(decode_entry(record.entry))
    return tuple(entries)
