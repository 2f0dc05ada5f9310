"""What must be true after every fault: all that was receipted is stored, each once, and each gap is told of.

One oracle for all tests that kill: it knows the store's public face, and what was heard at the broker. First it counts
what is lost and what is doubled (`count`), whatever else is wrong; then it holds that, and all else, to be as it must.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from packseal.errors import Reason
from packseal.io.passport_storing import PassportStoring
from packseal.records.answer import Answer, ReceiptAnswer, RefusalAnswer
from packseal.records.bare import check_told, is_bare, seq_of
from packseal.records.blinding import stored_leaf
from packseal.records.bodies import EntryType, Gap, Window
from packseal.records.cbor import decode, encode
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


NO_LOG = StoredLog(b"", ())
Sent = tuple[int, bytes]  # number, content


@dataclass(slots=True)
class Found:
    """records: stored. gaps: told of by GAP records. bare, emptied: records of which values are gone, each told of.

    lost: records that have a receipt, and are not in the store as they were sent. doubled: receipts beyond one for a
    size of a log, or beyond one at a place in the service's log; records stored under a second number.
    """

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

    def check(self) -> None:
        assert (self.lost, self.doubled) == (0, 0), self


@dataclass(slots=True)
class Heard:
    """What has gone over the broker, and what a gateway's outbox kept: none of it is believed without its signature."""

    deliveries: list[Delivery] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def receipts(self, service_key: bytes) -> dict[bytes, Receipt]:
        """By their bytes. Raises EvidenceError for one that the service has not signed."""
        signed = {one.receipt for one in self.answers if isinstance(one, ReceiptAnswer)}
        return {content: verify_receipt(content, service_key) for content in signed}

    def check_refusals(self) -> None:
        """Fails for a refusal that only a fault of ours explains."""
        refused = {one.reason for one in self.answers if isinstance(one, RefusalAnswer)}
        assert refused <= EXPECTED_REFUSALS, [one for one in self.answers if isinstance(one, RefusalAnswer)][-3:]


# ---- what is counted


def count(stored: Mapping[bytes, StoredLog], heard: Heard, service_key: bytes) -> Found:
    """What is there, what is lost and what is doubled, whatever else is wrong. stored: by log id."""
    receipts = heard.receipts(service_key)
    sizes, sent = _receipted_sizes(receipts.values()), _sent(heard.deliveries)
    found = Found(receipts=len(receipts), doubled=_second_receipts(receipts.values()))
    for log_id in {*stored, *sizes}:
        found.add(_count_log(stored.get(log_id, NO_LOG), sizes.get(log_id, 0), sent[log_id]))
    return found


def _receipted_sizes(receipts: Iterable[Receipt]) -> dict[bytes, int]:
    sizes = defaultdict[bytes, int](int)
    for one in receipts:
        sizes[one.log_id] = max(sizes[one.log_id], one.size)
    return sizes


def _sent(deliveries: Iterable[Delivery]) -> defaultdict[bytes, set[Sent]]:
    """By log id. Most come again and again."""
    sent = defaultdict[bytes, set[Sent]](set)
    for one in deliveries:
        sent[one.log_id].update(enumerate(one.entries, one.first_seq))
    return sent


def _count_log(log: StoredLog, receipted_size: int, sent: set[Sent]) -> Found:
    by_number = {seq_of(content): content for content in log.contents}
    lost = set(range(receipted_size)) - set(by_number)
    lost |= {seq for seq, content in sent if seq < receipted_size and not _is_kept(content, by_number.get(seq), log)}
    doubled = len(log.contents) - len(set(map(_without_number, log.contents)))
    entries = [decode_entry(content) for content in log.contents if not is_bare(content)]
    return Found(
        records=len(log.contents),
        lost=len(lost),
        doubled=doubled,
        gaps=sum(entry.type == EntryType.GAP for entry in entries),
        bare=len(log.contents) - len(entries),
        emptied=sum(map(is_emptied, log.contents)),
        boots=sum(entry.type == EntryType.BOOT for entry in entries),
    )


def _is_kept(sent: bytes, kept: bytes | None, log: StoredLog) -> bool:
    """As it was sent: byte for byte, or of the same leaf where it was emptied on its way."""
    return kept is not None and (sent == kept or stored_leaf(sent, log.seed)[1] == stored_leaf(kept, log.seed)[1])


def _without_number(content: bytes) -> bytes:
    """The same for a record that stands under two numbers. Of a window, whose root is salted by its number where it is
    emptied, only when it ended: no two of one start end at once (firmware/logger/core/sampler.py). A bare leaf is the
    hash of its number too, and can only stand twice under the same."""
    match decode(content):
        case [EntryType.WINDOW, _, boot, uptime_ms, _]:
            return encode([EntryType.WINDOW.value, boot, uptime_ms])
        case [kind, _, boot, uptime_ms, body]:
            return encode([kind, boot, uptime_ms, body])
    return content


def _second_receipts(receipts: Iterable[Receipt]) -> int:
    """One receipt for a size of a log, and one place in the service's log for each."""
    of_size, at = defaultdict[tuple[bytes, int], int](int), defaultdict[int, int](int)
    for one in receipts:
        of_size[one.log_id, one.size] += 1
        at[one.service_index] += 1
    return sum(count - 1 for count in (*of_size.values(), *at.values()))


# ---- what must be so


def check_records(stored: Mapping[bytes, StoredLog], heard: Heard, service_key: bytes) -> Found:
    """Nothing is lost and nothing doubled; every receipt given still holds; every gap is told of. stored: by log id."""
    found = count(stored, heard, service_key)
    found.check()
    heard.check_refusals()
    receipts = heard.receipts(service_key)
    assert receipts, "nothing was receipted, so nothing was tried"
    sent = _sent(heard.deliveries)
    for log_id, log in stored.items():
        _check_log(log, [one for one in receipts.values() if one.log_id == log_id])
        for seq, content in sent[log_id]:
            is_same = seq >= len(log.contents) or _is_kept(content, log.contents[seq], log)
            assert is_same, f"record {seq} of log {log_id.hex()} was sent with another content"
    return found


def check_all_stored(stored: Mapping[bytes, StoredLog], deliveries: Iterable[Delivery]) -> None:
    """Of what is at rest: every delivery ever heard ends within what is stored. Only where nothing is on its way."""
    for one in deliveries:
        size = len(stored.get(one.log_id, NO_LOG).contents)
        end = one.first_seq + len(one.entries)
        assert end <= size, f"log {one.log_id.hex()} was sent up to record {end - 1}, and {size} records are stored"


def _check_log(log: StoredLog, receipts: list[Receipt]) -> None:
    seqs = [seq_of(content) for content in log.contents]
    assert seqs == list(range(len(seqs))), "a record is missing in the store, or stands at another's place"
    leaves = [stored_leaf(content, log.seed)[1] for content in log.contents]
    edge, size = Edge(), 0
    for receipt in sorted(receipts, key=lambda one: one.size):
        edge, size = edge.extended(leaves[size : receipt.size]), receipt.size
        assert edge.root() == receipt.root, f"the receipt for {size} records is of others"
    bare = [seq_of(content) for content in log.contents if is_bare(content)]
    entries = [decode_entry(content) for content in log.contents if not is_bare(content)]
    check_told(bare, entries)
    _check_times(entries)


def _check_times(entries: Sequence[Entry]) -> None:
    """Windows cover no time twice, and within a start leave none out of which no GAP tells.

    To the millisecond: a window begins at the very number at which the one before it ended, kept or not
    (Sampler.end_window), and a GAP is made in one step from the numbers of the windows lost (Logger._keep_steps). A
    start goes on from the time of the newest record, so that no window of it reaches back before that.
    """
    told = sorted(entry.body.span_ms for entry in entries if isinstance(entry.body, Gap))
    before: Entry | None = None
    for entry in entries:
        if entry.type != EntryType.WINDOW:
            continue
        if before and isinstance(entry.body, Window):
            began_ms = entry.uptime_ms - entry.body.duration_ms
            twice_ms = before.uptime_ms - began_ms
            assert twice_ms <= 0, f"record {entry.seq} covers {twice_ms} ms that record {before.seq} covers"
            untold_ms = _untold_ms(before.uptime_ms, began_ms, told) if before.boot == entry.boot else 0
            assert not untold_ms, f"nothing tells of {untold_ms} ms before record {entry.seq}"
        before = entry


def _untold_ms(first_ms: int, last_ms: int, told: Sequence[tuple[int, int]]) -> int:
    """Of the time between, what none of these spans covers. told: sorted."""
    untold_ms = 0
    for begins_ms, ends_ms in told:
        untold_ms += max(0, min(begins_ms, last_ms) - first_ms)
        first_ms = max(first_ms, ends_ms)
    return untold_ms + max(0, last_ms - first_ms)


def read_logs(store: PassportStoring) -> dict[bytes, StoredLog]:
    """All of a store that can be read, to count it: what was altered is not there."""
    logs = {}
    for head in store.heads():
        records = store.recent_records(head.log_id, NO_LIMIT)
        contents = tuple(one.entry for one in reversed(records) if one.is_unaltered)
        logs[head.log_id] = StoredLog(head.seed, contents)
    return logs


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
