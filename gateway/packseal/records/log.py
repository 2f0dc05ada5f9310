"""Deliveries, and the trusted view of a board's log that grows by them (docs/record.md section 5).

TrustedLog is what gateway and passport service keep of a log: its key, size and edge. `verified` says what a delivery
adds, or raises and changes nothing; storing the answer, and only then going on with its `log`, is the caller's part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from packseal.errors import EvidenceError, Reason
from packseal.records.cbor import decode, encode
from packseal.records.checkpoint import FORMAT_VERSION, Checkpoint, verify_checkpoint
from packseal.records.entries import Entry, Key, decode_entry, genesis_key, log_id_of
from packseal.records.merkle import Edge, leaf_hash

MAX_DELIVERY_BYTES = 262_144  # a board's whole backlog at 75 bytes a minute for two days; more comes in pieces


@dataclass(frozen=True, slots=True)
class Delivery:
    """Entries from first_seq up to a checkpoint's size. Nothing in it is trusted before TrustedLog.verified."""

    genesis: bytes
    first_seq: int
    entries: tuple[bytes, ...]
    checkpoint: bytes

    @property
    def log_id(self) -> bytes:
        return log_id_of(self.genesis)

    def to_bytes(self) -> bytes:
        return encode([FORMAT_VERSION, self.genesis, self.first_seq, list(self.entries), self.checkpoint])

    @classmethod
    def from_bytes(cls, content: bytes) -> Delivery:
        """Raises EvidenceError (MALFORMED, UNKNOWN_VERSION)."""
        if len(content) > MAX_DELIVERY_BYTES:
            raise EvidenceError(Reason.MALFORMED, f"a delivery of {len(content)} bytes, over {MAX_DELIVERY_BYTES}")
        match decode(content):
            case [int(version), *_] if version != FORMAT_VERSION:
                raise EvidenceError(Reason.UNKNOWN_VERSION, f"delivery version {version}, not {FORMAT_VERSION}")
            case [int(), bytes(genesis), int(first_seq), [_, *_] as items, bytes(checkpoint)] if first_seq >= 0:
                entries = tuple(item for item in items if isinstance(item, bytes))
                if len(entries) == len(items):
                    return cls(genesis, first_seq, entries, checkpoint)
        raise EvidenceError(Reason.MALFORMED, "a delivery is [1, genesis, first_seq, [entries], checkpoint]")


@dataclass(frozen=True, slots=True)
class Known:
    """What the receiver has stored of a log below its size; both answer from durable storage."""

    entries: Callable[[int, int], Sequence[bytes]]  # (first seq, count) -> the entries received before
    edge: Callable[[int], Edge]  # size -> the edge the log had at that size


@dataclass(frozen=True, slots=True)
class Verified:
    """What a good delivery adds: `entries` with their bytes, from `first_seq`; empty when all of it was known."""

    log: TrustedLog
    checkpoint: Checkpoint
    first_seq: int
    contents: tuple[bytes, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """A log as far as it was verified. `boot` and `uptime_ms` are those of its last entry."""

    genesis: bytes
    edge: Edge = field(default_factory=Edge)
    boot: int = 0
    uptime_ms: int = 0

    @property
    def size(self) -> int:
        return self.edge.size

    @property
    def log_id(self) -> bytes:
        return log_id_of(self.genesis)

    @property
    def key(self) -> Key:
        return genesis_key(self.genesis)

    def verified(self, delivery: Delivery, known: Known) -> Verified:
        """Checks a delivery in the order of docs/record.md section 5. Raises EvidenceError with the rule's reason."""
        if delivery.genesis != self.genesis:  # 1
            raise EvidenceError(Reason.UNKNOWN_LOG, "the delivery opens another log")
        checkpoint = verify_checkpoint(delivery.checkpoint, self.log_id, self.key.public_key)  # 2
        end = delivery.first_seq + len(delivery.entries)
        if end != checkpoint.size:  # 3
            raise EvidenceError(Reason.WRONG_SIZE, f"entries end at {end}, the checkpoint at {checkpoint.size}")
        self._check_overlap(delivery, checkpoint, known)  # 4
        new = delivery.entries[max(0, self.size - delivery.first_seq) :]
        entries = self._checked_entries(new, checkpoint)  # 5
        edge = self.edge.extended([leaf_hash(content) for content in new])
        if new and edge.root() != checkpoint.root:  # 6
            span = f"{self.size} to {checkpoint.size - 1}"
            raise EvidenceError(Reason.ROOT_MISMATCH, f"records {span} do not hash to the signed root")
        last = entries[-1] if entries else self
        log = TrustedLog(self.genesis, edge, last.boot, last.uptime_ms)
        return Verified(log, checkpoint, self.size, tuple(new), entries)

    def _check_overlap(self, delivery: Delivery, checkpoint: Checkpoint, known: Known) -> None:
        if delivery.first_seq > self.size:
            missing = f"{self.size} to {delivery.first_seq - 1}"
            raise EvidenceError(Reason.MISSING_ENTRIES, f"records {missing} have not been received")
        overlap = delivery.entries[: self.size - delivery.first_seq]
        before = known.entries(delivery.first_seq, len(overlap))
        for seq, (old, new) in enumerate(zip(before, overlap, strict=True), delivery.first_seq):
            if old != new:
                raise EvidenceError(Reason.FORK, f"record {seq} was received before with other bytes")
        if checkpoint.size <= self.size and known.edge(checkpoint.size).root() != checkpoint.root:
            raise EvidenceError(Reason.FORK, f"two signed roots for size {checkpoint.size}")

    def _checked_entries(self, contents: Sequence[bytes], checkpoint: Checkpoint) -> tuple[Entry, ...]:
        entries: list[Entry] = []
        before: TrustedLog | Entry = self
        for seq, content in enumerate(contents, self.size):
            entry = decode_entry(content)
            if entry.seq != seq:
                raise EvidenceError(Reason.WRONG_SEQ, f"record {seq} is numbered {entry.seq}")
            _check_time(before, entry, f"record {seq}")
            entries.append(entry)
            before = entry
        if entries:
            _check_time(before, checkpoint, "the checkpoint")
        return tuple(entries)


def _check_time(before: TrustedLog | Entry, after: Entry | Checkpoint, name: str) -> None:
    if after.boot < before.boot or after.uptime_ms < before.uptime_ms:
        raise EvidenceError(Reason.TIME_RUNS_BACK, f"{name} is older than the record before it")
