"""Deliveries, and the trusted view of a log that grows by them (docs/record.md section 6).

TrustedLog is what gateway and passport service keep of a log: its keys, size and edge. `verified` says what a delivery
adds, or raises and changes nothing; storing the answer, and only then going on with its `log`, is the caller's part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from packseal.errors import EvidenceError, Reason
from packseal.records.bare import check_told, is_bare, seq_of
from packseal.records.blinding import SEED_BYTES, seed_digest, stored_leaf
from packseal.records.bodies import Key, Rotation, Seal
from packseal.records.cbor import Value, decode, encode
from packseal.records.checkpoint import FORMAT_VERSION, Checkpoint, verify_checkpoint
from packseal.records.cose import VerifyingKey
from packseal.records.emptied import Emptied, emptied_seqs
from packseal.records.entries import Entry, decode_entry, genesis_key, log_id_of
from packseal.records.merkle import Edge
from packseal.records.rotation import verify_rotation

MAX_DELIVERY_BYTES = 262_144  # a board's whole backlog at 75 bytes a minute for two days; more comes in pieces


@dataclass(frozen=True, slots=True)
class Delivery:
    """Open entries, or bare leaves and emptied windows in their place, from first_seq up to a checkpoint's size.

    Nothing in it is trusted before TrustedLog.verified.
    """

    genesis: bytes
    seed: bytes
    first_seq: int
    entries: tuple[bytes, ...]
    checkpoint: bytes
    attestation: bytes | None = None

    @property
    def log_id(self) -> bytes:
        return log_id_of(self.genesis)

    def to_bytes(self) -> bytes:
        head: list[Value] = [FORMAT_VERSION, self.genesis, self.seed, self.first_seq]
        return encode([*head, list(self.entries), self.checkpoint, self.attestation])

    @classmethod
    def from_bytes(cls, content: bytes) -> Delivery:
        """Raises EvidenceError (MALFORMED, UNKNOWN_VERSION)."""
        if len(content) > MAX_DELIVERY_BYTES:
            raise EvidenceError(Reason.MALFORMED, f"a delivery of {len(content)} bytes, over {MAX_DELIVERY_BYTES}")
        match decode(content):
            case [int(version), *_] if version != FORMAT_VERSION:
                raise EvidenceError(Reason.UNKNOWN_VERSION, f"delivery version {version}, not {FORMAT_VERSION}")
            case [
                int(), bytes(genesis), bytes(seed), int(first_seq), [_, *_] as items, bytes(checkpoint),
                bytes() | None as attestation,
            ] if first_seq >= 0:  # fmt: skip
                entries = tuple(item for item in items if isinstance(item, bytes))
                if len(entries) == len(items):
                    return cls(genesis, seed, first_seq, entries, checkpoint, attestation)
        raise EvidenceError(
            Reason.MALFORMED, "a delivery is [1, genesis, seed, first_seq, [entries], checkpoint, attestation]"
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What the receiver has stored of a log below its size; both answer from durable storage."""

    entries: Callable[[int, int], Sequence[bytes]]  # (first seq, count) -> the entries received before
    edge: Callable[[int], Edge]  # size -> the edge the log had at that size


NOTHING_KNOWN = Known(lambda _seq, _count: [], lambda _size: Edge())  # of a log that begins


@dataclass(frozen=True, slots=True)
class Verified:
    """What a good delivery adds: `contents` and their leaves from `first_seq`; empty when all of it was known.

    `entries` are those that are there, which may be fewer: a bare leaf has none, and neither has an emptied window.
    """

    log: TrustedLog
    checkpoint: Checkpoint
    first_seq: int
    contents: tuple[bytes, ...]
    entries: tuple[Entry, ...]
    leaves: tuple[bytes, ...]

    def leaf(self, seq: int) -> bytes:
        return self.leaves[seq - self.first_seq]


@dataclass(frozen=True, slots=True)
class Added:
    """Entries behind a log's last one, and its edge with them; no checkpoint says yet that they belong there."""

    contents: tuple[bytes, ...]
    entries: tuple[Entry, ...]
    leaves: tuple[bytes, ...]
    edge: Edge


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """A log as far as it was verified. `boot` and `uptime_ms` are those of its last entry.

    rotations: (size, key): the key signs every checkpoint beyond that size.
    """

    genesis: bytes
    seed: bytes
    edge: Edge = field(default_factory=Edge)
    boot: int = 0
    uptime_ms: int = 0
    rotations: tuple[tuple[int, VerifyingKey], ...] = ()
    is_sealed: bool = False

    @property
    def size(self) -> int:
        return self.edge.size

    @property
    def log_id(self) -> bytes:
        return log_id_of(self.genesis)

    @property
    def key(self) -> Key:
        """The key that opened the log, and what it said of itself."""
        return genesis_key(self.genesis)

    @property
    def keys(self) -> tuple[VerifyingKey, ...]:
        """Every key that has signed or may sign for this log."""
        return (self.key.verifying_key, *(key for _, key in self.rotations))

    def key_at(self, size: int) -> VerifyingKey:
        """The key that signs a checkpoint of this size."""
        later = [key for beyond, key in self.rotations if size > beyond]
        return later[-1] if later else self.key.verifying_key

    def verified(self, delivery: Delivery, known: Known, told: Emptied | None = None) -> Verified:
        """Checks a delivery in the order of docs/record.md section 6. Raises EvidenceError with the rule's reason.

        told: which of its windows are emptied, by the attestation of a gateway that the receiver knows.
        """
        self._check_log(delivery)  # 1
        end = delivery.first_seq + len(delivery.entries)
        checkpoint = verify_checkpoint(delivery.checkpoint, self.log_id, self.key_at(end))  # 2
        if end != checkpoint.size:  # 3
            raise EvidenceError(Reason.WRONG_SIZE, f"entries end at {end}, the checkpoint at {checkpoint.size}")
        self._check_overlap(delivery, checkpoint, known)  # 4
        check_emptied(delivery, told)
        added = self.added(delivery.entries[max(0, self.size - delivery.first_seq) :])  # 5
        return self.concluded(added, checkpoint)

    def added(self, contents: Sequence[bytes]) -> Added:
        """New entries, opened and hashed as step 5 has it, but for the checkpoint's time. Raises EvidenceError."""
        before = Before(self.boot, self.uptime_ms, self.is_sealed)
        opened = open_entries(contents, self.size, self.seed, self.log_id, before)
        entries, leaves = tuple(entry for entry, _ in opened if entry), tuple(leaf for _, leaf in opened)
        return Added(tuple(contents), entries, leaves, self.edge.extended(leaves))

    def concluded(self, added: Added, checkpoint: Checkpoint) -> Verified:
        """The log with what `added` gave, under a checkpoint whose signature was verified: the rest of steps 5 and 6.

        Raises EvidenceError (TIME_RUNS_BACK, ROOT_MISMATCH).
        """
        if added.entries:
            check_time(added.entries[-1], checkpoint, "the checkpoint")
        if added.contents and added.edge.root() != checkpoint.root:  # 6
            span = f"{self.size} to {checkpoint.size - 1}"
            raise EvidenceError(Reason.ROOT_MISMATCH, f"records {span} do not hash to the signed root")
        log = self._after(added.edge, added.entries)
        return Verified(log, checkpoint, self.size, added.contents, added.entries, added.leaves)

    def _after(self, edge: Edge, entries: Sequence[Entry]) -> TrustedLog:
        last = entries[-1] if entries else self
        ending = entries[-1].body if entries else None
        rotations = (*self.rotations, (edge.size, ending.key)) if isinstance(ending, Rotation) else self.rotations
        is_sealed = self.is_sealed or isinstance(ending, Seal)
        return TrustedLog(self.genesis, self.seed, edge, last.boot, last.uptime_ms, rotations, is_sealed)

    def _check_log(self, delivery: Delivery) -> None:
        if delivery.genesis != self.genesis:
            raise EvidenceError(Reason.UNKNOWN_LOG, "the delivery opens another log")
        if len(delivery.seed) != SEED_BYTES or seed_digest(delivery.seed) != self.key.seed_digest:
            raise EvidenceError(Reason.BAD_SEED, "the disclosure seed is not the one that the log was opened with")

    def _check_overlap(self, delivery: Delivery, checkpoint: Checkpoint, known: Known) -> None:
        if delivery.first_seq > self.size:
            missing = f"{self.size} to {delivery.first_seq - 1}"
            raise EvidenceError(Reason.MISSING_ENTRIES, f"records {missing} have not been received")
        overlap = delivery.entries[: self.size - delivery.first_seq]
        before = known.entries(delivery.first_seq, len(overlap))
        for seq, (old, new) in enumerate(zip(before, overlap, strict=True), delivery.first_seq):
            if old != new and stored_leaf(old, self.seed)[1] != stored_leaf(new, self.seed)[1]:
                raise EvidenceError(Reason.FORK, f"record {seq} was received before with other bytes")
        if checkpoint.size <= self.size and known.edge(checkpoint.size).root() != checkpoint.root:
            raise EvidenceError(Reason.FORK, f"two signed roots for size {checkpoint.size}")


@dataclass(frozen=True, slots=True)
class Before:
    """Where entries go on from: the boot and uptime of the entry before them, and whether that one ended the log."""

    boot: int = 0
    uptime_ms: int = 0
    is_sealed: bool = False


def check_emptied(delivery: Delivery, told: Emptied | None) -> None:
    """Step 5: emptied windows are those that a gateway says it gave up, and without its word they are no open entries.

    Raises EvidenceError (MALFORMED, MISSING_ENTRIES).
    """
    seqs = emptied_seqs(delivery.entries, delivery.first_seq)
    if seqs and told is None:
        words = "is blinded where it must be open, and no gateway that is known here says that it had no room"
        raise EvidenceError(Reason.MALFORMED, f"record {seqs[0]} {words}")
    if seqs and Emptied.of(seqs) != told:
        words = "and the gateway says that it gave up others"
        raise EvidenceError(Reason.MISSING_ENTRIES, f"record {seqs[0]} came without its values, {words}")


def open_entries(
    contents: Sequence[bytes], first_seq: int, seed: bytes, log_id: bytes, before: Before
) -> list[tuple[Entry | None, bytes]]:
    """Step 5 of section 6, but for the checkpoint's time and who emptied a window: each entry with its leaf.

    None in place of the entry for a bare leaf and an emptied window.

    Raises EvidenceError (MALFORMED, WRONG_SEQ, SEALED, TIME_RUNS_BACK, BAD_ROTATION, MISSING_ENTRIES).
    """
    opened: list[tuple[Entry | None, bytes]] = []
    bare = []
    end = first_seq + len(contents)
    last: Before | Entry = before
    is_sealed = before.is_sealed
    for seq, content in enumerate(contents, first_seq):
        entry, leaf = stored_leaf(content, seed)
        number = entry.seq if entry else seq_of(content)
        if number != seq:
            raise EvidenceError(Reason.WRONG_SEQ, f"record {seq} is numbered {number}")
        if not seq and log_id_of(content) != log_id:
            raise EvidenceError(Reason.WRONG_LOG, "record 0 is not the entry that opens the log")
        if is_sealed:
            raise EvidenceError(Reason.SEALED, f"record {seq} stands behind the end of the log")
        opened.append((entry, leaf))
        if is_bare(content):
            bare.append(seq)
            continue
        stated = entry or decode_entry(content)
        check_time(last, stated, f"record {seq}")
        if isinstance(stated.body, Rotation):
            verify_rotation(stated, log_id, end)
        is_sealed = isinstance(stated.body, Seal)
        last = stated
    since = 0 if before.boot else first_seq  # taken up from a board's edge
    check_told(bare, [entry for entry, _ in opened if entry], since)
    if opened and opened[-1][0] is None:
        raise EvidenceError(Reason.MISSING_ENTRIES, f"record {end - 1}, the last one, came without its values")
    return opened


def check_time(before: Before | Entry, after: Entry | Checkpoint, name: str) -> None:
    """Raises EvidenceError(TIME_RUNS_BACK)."""
    if after.boot < before.boot or after.uptime_ms < before.uptime_ms:
        raise EvidenceError(Reason.TIME_RUNS_BACK, f"{name} is older than the record before it")


def rotations_to_bytes(rotations: Sequence[tuple[int, VerifyingKey]]) -> bytes:
    """TrustedLog.rotations as a store keeps them."""
    return encode([[size, key.algorithm, key.public_key] for size, key in rotations])


def rotations_from_bytes(content: bytes) -> tuple[tuple[int, VerifyingKey], ...]:
    """What rotations_to_bytes wrote. Raises ValueError for any other bytes."""
    try:
        value = decode(content)
    except EvidenceError as error:
        raise ValueError(str(error)) from None
    rotations = []
    for item in value if isinstance(value, list) else [None]:
        match item:
            case [int(size), int(algorithm), bytes(public_key)]:
                rotations.append((size, VerifyingKey(public_key, algorithm)))
            case _:
                raise ValueError("changes of key are [[size, algorithm, public_key]]")
    return tuple(rotations)
