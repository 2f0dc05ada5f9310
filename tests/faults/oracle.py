"""What must be true after every fault: all that was receipted is stored, each once, and each gap is told of.

One oracle for all tests that kill: it knows the store's public face, and what was heard at the broker. It counts
what is lost and what is doubled; what contradicts a signature fails at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from packseal.errors import Reason
from packseal.io.passport_storing import PassportStoring
from packseal.records.answer import Answer, ReceiptAnswer, RefusalAnswer
from packseal.records.bare import check_told, is_bare, seq_of
from packseal.records.blinding import stored_leaf
from packseal.records.bodies import EntryType, Gap, Window
from packseal.records.checkpoint import Receipt, receipt_leaf_entry, verify_receipt
from packseal.records.emptied import is_emptied
from packseal.records.entries import Entry, decode_entry
from packseal.records.log import Delivery
from packseal.records.merkle import Edge, leaf_hash
from packseal.records.note import verify_log_checkpoint

NO_LIMIT = 1 << 24
EXPECTED_REFUSALS = {Reason.MISSING_ENTRIES}  # of what came before something that was lost on its way: it is sent again


@dataclass(frozen=True, slots=True)
class StoredLog:
    """contents: as the store has them, from record 0 on."""

    seed: bytes
    contents: tuple[bytes, ...]


@dataclass(slots=True)
class Found:
    """records: stored. gaps: told of by GAP records. bare, emptied: records of which values are gone, each told of."""

    records: int = 0
    receipts: int = 0
    lost: int = 0
    doubled: int = 0
    gaps: int = 0
    bare: int = 0
    emptied: int = 0
    boots: int = 0

    def add(self, other: Found) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Heard:
    """What has gone over the broker, and what a gateway's outbox kept: none of it is believed without its signature."""

    deliveries: list[Delivery] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def receipts(self, service_key: bytes) -> dict[bytes, Receipt]:
        """By their bytes. Fails for a refusal that only a fault of ours explains."""
        refused = {one.reason for one in self.answers if isinstance(one, RefusalAnswer)}
        assert refused <= EXPECTED_REFUSALS, [one for one in self.answers if isinstance(one, RefusalAnswer)][-3:]
        signed = {one.receipt for one in self.answers if isinstance(one, ReceiptAnswer)}
        return {content: verify_receipt(content, service_key) for content in signed}


def check_records(stored: Mapping[bytes, StoredLog], heard: Heard, service_key: bytes) -> Found:
    """Every byte ever delivered is stored once under its number, and every receipt given still holds.

    stored: by log id.
    """
    receipts = heard.receipts(service_key)
    assert receipts, "nothing was receipted, so nothing was tried"
    found = Found(receipts=len(receipts))
    for log_id, log in stored.items():
        found.add(_check_log(log, [one for one in receipts.values() if one.log_id == log_id]))
    for delivery in heard.deliveries:
        if delivery.log_id in stored:
            _check_delivery(delivery, stored[delivery.log_id])
    found.lost += sum(one.size for one in receipts.values() if one.log_id not in stored)
    found.doubled += _second_receipts(receipts.values())
    return found


def _check_log(log: StoredLog, receipts: list[Receipt]) -> Found:
    seqs = [seq_of(content) for content in log.contents]
    assert seqs == list(range(len(seqs))), "a record is missing in the store, or stands at another's place"
    leaves = [stored_leaf(content, log.seed)[1] for content in log.contents]
    edge, size, lost = Edge(), 0, 0
    for receipt in sorted(receipts, key=lambda one: one.size):
        lost = max(lost, receipt.size - len(leaves))
        if receipt.size <= len(leaves):
            edge, size = edge.extended(leaves[size : receipt.size]), receipt.size
            assert edge.root() == receipt.root, f"the receipt for {size} records is of others"
    return _explained(log, Found(records=len(seqs), lost=lost, doubled=len(leaves) - len(set(leaves))))


def _explained(log: StoredLog, found: Found) -> Found:
    """No window's values are gone, and no time passed in which none was recorded, without a word of it."""
    bare = [seq_of(content) for content in log.contents if is_bare(content)]
    entries = [decode_entry(content) for content in log.contents if not is_bare(content)]
    check_told(bare, entries)
    _check_times(entries)
    found.bare, found.emptied = len(bare), sum(map(is_emptied, log.contents))
    found.gaps = sum(entry.type == EntryType.GAP for entry in entries)
    found.boots = sum(entry.type == EntryType.BOOT for entry in entries)
    return found


def _check_times(entries: list[Entry]) -> None:
    """From one window of a boot to the next no more time passes than the next one covers, but where a GAP says so."""
    before: Entry | None = None
    told_ms = 0
    for entry in entries:
        if isinstance(entry.body, Gap):
            told_ms += entry.body.span_ms[1] - entry.body.span_ms[0]
        if entry.type != EntryType.WINDOW:
            continue
        if before and before.boot == entry.boot and isinstance(entry.body, Window):
            passed_ms = entry.uptime_ms - before.uptime_ms
            covered_ms = entry.body.duration_ms + told_ms
            assert passed_ms <= 1.5 * covered_ms, f"nothing tells of {passed_ms} ms before record {entry.seq}"
        before, told_ms = entry, 0


def _check_delivery(delivery: Delivery, log: StoredLog) -> None:
    """What was sent and is stored is the same: byte for byte, or of the same leaf where it was emptied on its way."""
    known = log.contents[delivery.first_seq : delivery.first_seq + len(delivery.entries)]
    for sent, kept in zip(delivery.entries, known, strict=False):
        same = sent == kept or stored_leaf(sent, log.seed)[1] == stored_leaf(kept, log.seed)[1]
        assert same, f"record {seq_of(kept)} of log {delivery.log_id.hex()} was sent with another content"


def _second_receipts(receipts: Iterable[Receipt]) -> int:
    """One receipt for a size of a log, and one place in the service's log for each."""
    of_size, at = defaultdict[tuple[bytes, int], int](int), defaultdict[int, int](int)
    for one in receipts:
        of_size[one.log_id, one.size] += 1
        at[one.service_index] += 1
    return sum(count - 1 for count in (*of_size.values(), *at.values()))


def stored_logs(store: PassportStoring) -> dict[bytes, StoredLog]:
    """All of a store, each log checked by the store's own audit too: signed as it stands, and complete."""
    logs = {}
    for head in store.heads():
        audit = store.audit(head.log_id, limit=NO_LIMIT)
        assert (audit.differences, audit.is_complete) == ((), True)
        logs[head.log_id] = StoredLog(head.seed, tuple(store.known(head.log_id).entries(0, head.size)))
    return logs


def check_service_log(store: PassportStoring, heard: Heard, service_key: bytes) -> None:
    """The log that the service signs holds every receipt that was heard, at its place; their times never go back."""
    entries = store.log.entries(0, store.log.size())
    note = verify_log_checkpoint(store.log.note() or b"", service_key)
    assert (note.size, note.root) == (len(entries), Edge().extended(list(map(leaf_hash, entries))).root())
    receipts = heard.receipts(service_key)
    for content, receipt in receipts.items():
        assert entries[receipt.service_index] == receipt_leaf_entry(content).to_bytes()
        assert store.receipt(receipt.log_id, receipt.size) == content
    times = [one.received_unix_ms for one in sorted(receipts.values(), key=lambda one: one.service_index)]
    assert times == sorted(times), "a later receipt is of an earlier time"
