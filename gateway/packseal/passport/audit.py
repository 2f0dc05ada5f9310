"""Does what is stored still hash to what was signed? Checks one stored span after the other and names what differs.

A record whose bytes no longer give its stored leaf is named exactly. Where leaves were altered too, the signed root
still shows it, and the span between two checkpoints is named. Going on behind a difference needs no trust in it: the
next span starts from a stored edge, which is used only when it has the root that was signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from packseal.errors import EvidenceError, Reason
from packseal.records.blinding import stored_leaf
from packseal.records.checkpoint import Checkpoint, verify_checkpoint
from packseal.records.entries import log_id_of
from packseal.records.log import TrustedLog, rotations_from_bytes
from packseal.records.merkle import Edge

MAX_DIFFERENCES = 20  # an audit says what is wrong; a list of every record of a ruined file helps nobody


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Which keys sign for a log, as it is stored."""

    log_id: bytes
    genesis: bytes
    rotation_bytes: bytes

    def verified(self, checkpoint: bytes, size: int) -> Checkpoint:
        """Raises EvidenceError."""
        if log_id_of(self.genesis) != self.log_id:
            raise EvidenceError(Reason.WRONG_LOG, "the stored genesis opens another log")
        try:
            rotations = rotations_from_bytes(self.rotation_bytes)
        except ValueError:
            raise EvidenceError(Reason.BAD_ROTATION, "the stored changes of key were altered") from None
        log = TrustedLog(self.genesis, b"", rotations=rotations)
        return verify_checkpoint(checkpoint, self.log_id, log.key_at(size))


@dataclass(frozen=True, slots=True)
class StoredRecord:
    seq: int
    leaf: bytes
    entry: bytes
    received_unix_ms: int
    seed: bytes  # of its log

    @property
    def is_unaltered(self) -> bool:
        """Its bytes still hash to its leaf; whether that leaf is signed, the span's root says."""
        try:
            return stored_leaf(self.entry, self.seed)[1] == self.leaf
        except EvidenceError:
            return False


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """What one delivery added: its records and the checkpoint that ends them, as the store holds them now."""

    first_seq: int
    size: int
    checkpoint: bytes
    edge: bytes
    received_unix_ms: int
    records: tuple[StoredRecord, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Records first_seq to last_seq are not what was signed."""

    first_seq: int
    last_seq: int
    reason: Reason
    detail: str

    @property
    def words(self) -> str:
        one = self.first_seq == self.last_seq
        return f"record {self.first_seq}" if one else f"records {self.first_seq} to {self.last_seq}"


@dataclass(frozen=True, slots=True)
class CheckedSpan:
    """`edge` goes on to the next span; `good` are the records whose bytes the key of the log has signed."""

    edge: Edge
    uptime_ms: int
    good: tuple[StoredRecord, ...]
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class AuditResult:
    """`edge.size` is where to go on; the log was checked to its end when that is `size`."""

    edge: Edge
    size: int
    differences: tuple[Difference, ...]

    @property
    def is_complete(self) -> bool:
        return self.edge.size >= self.size


def check_span(log: LogIdentity, before: Edge, span: StoredSpan) -> CheckedSpan:
    """Recomputes the leaves and the root of a span whose predecessor ended at `before`."""
    is_good = {record.seq: record.is_unaltered for record in span.records}
    altered = tuple(_difference(record) for record in span.records if not is_good[record.seq])
    numbers = tuple(record.seq for record in span.records)
    if numbers != tuple(range(span.first_seq, span.size)) or span.first_seq != before.size:
        return CheckedSpan(_stored_edge(span, None), 0, (), (*altered, *_missing(span, numbers)))
    edge = before.extended([record.leaf for record in span.records])
    try:
        uptime_ms = _verify_signed(log, edge, span)
    except EvidenceError as error:
        span_difference = Difference(span.first_seq, span.size - 1, error.reason, error.detail)
        signed_root = _signed_root(log, span)
        return CheckedSpan(_stored_edge(span, signed_root), 0, (), (*altered, span_difference))
    good = tuple(record for record in span.records if is_good[record.seq])
    return CheckedSpan(edge, uptime_ms, good, altered)


def check_ends(
    head_edge: bytes, head_size: int, edge: bytes | None, size: int | None, records: int | None
) -> tuple[Difference, ...]:
    """The head that a store goes on appending to, the last checkpoint and the last record are at the same size."""
    sizes = (head_size, size or 0, records or 0)
    if len(set(sizes)) == 1:
        altered = Difference(head_size - 1, head_size - 1, Reason.ROOT_MISMATCH, "the log's head behind it was altered")
        return () if head_edge == edge else (altered,)
    detail = f"the log's head ends at {head_size}, its checkpoints at {size or 0}, its records at {records or 0}"
    return (Difference(min(*sizes, max(sizes) - 1), max(sizes) - 1, Reason.MISSING_ENTRIES, detail),)


def _difference(record: StoredRecord) -> Difference:
    return Difference(
        record.seq, record.seq, Reason.ROOT_MISMATCH, "its stored bytes are not the bytes that were signed"
    )


def _missing(span: StoredSpan, numbers: Sequence[int]) -> tuple[Difference, ...]:
    """A difference for every run of records that are not there; the whole span when it does not join the one before."""
    runs: list[list[int]] = []
    for seq in sorted(set(range(span.first_seq, span.size)) - set(numbers)) or [span.first_seq]:
        if runs and runs[-1][1] == seq - 1:
            runs[-1][1] = seq
        else:
            runs.append([seq, seq])
    lost = (Reason.MISSING_ENTRIES, "was stored and is no longer there")
    return tuple(Difference(first, last, *lost) for first, last in runs)


def _verify_signed(log: LogIdentity, edge: Edge, span: StoredSpan) -> int:
    checkpoint = log.verified(span.checkpoint, span.size)
    if (checkpoint.size, checkpoint.root) != (edge.size, edge.root()):
        raise EvidenceError(Reason.ROOT_MISMATCH, "they do not hash to the root that was signed")
    if span.edge != edge.to_bytes():
        raise EvidenceError(Reason.ROOT_MISMATCH, "the stored edge behind them was altered")
    return checkpoint.uptime_ms


def _signed_root(log: LogIdentity, span: StoredSpan) -> bytes | None:
    try:
        return log.verified(span.checkpoint, span.size).root
    except EvidenceError:
        return None


def _stored_edge(span: StoredSpan, signed_root: bytes | None) -> Edge:
    """Where the next span starts from: an edge that is unsigned makes that span differ as well, which is right."""
    try:
        stored = Edge.from_bytes(span.edge)
    except ValueError:
        stored = Edge()
    if stored.size == span.size and signed_root in (None, stored.root()):
        return stored
    return Edge(span.size, (bytes(32),) * span.size.bit_count())


def kept(differences: Sequence[Difference]) -> tuple[Difference, ...]:
    return tuple(differences[:MAX_DIFFERENCES])
