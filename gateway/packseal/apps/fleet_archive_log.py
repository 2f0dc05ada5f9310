"""Verifies one log of a fleet archive again, as a receiver of its deliveries would, and its receipts beside it.

Each delivery is judged by TrustedLog.verified, the rules of docs/record.md section 6. Where one does not hold,
passport/audit.py names the records whose bytes differ, and the audit goes on behind them. A receipt holds when a
trusted service signed it over exactly this log, size and root, and its leaf lies at its place in the public log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import takewhile

from packseal.apps.fleet_archive_findings import Found, log_words
from packseal.errors import EvidenceError, Reason
from packseal.passport.audit import LogIdentity, StoredRecord, StoredSpan, check_span
from packseal.records.attestation import attestation_digest, verify_attestation
from packseal.records.bodies import Rotation, Seal
from packseal.records.checkpoint import Checkpoint, receipt_leaf_entry, verify_checkpoint, verify_receipt
from packseal.records.cose import VerifyingKey, key_id, unverified_kid
from packseal.records.emptied import Emptied, emptied_seqs
from packseal.records.entries import decode_entry, genesis_key, log_id_of
from packseal.records.log import MAX_DELIVERY_BYTES, NOTHING_KNOWN, Delivery, TrustedLog, rotations_to_bytes
from packseal.records.merkle import Edge


@dataclass(frozen=True, slots=True)
class Trusted:
    """Who counts, by what the auditor was told and by acts of the public log that hold.

    services: public keys. gateways: by key id. bound: by the key that opens a log, and listed: by log_id, the battery,
    its class and the index from which on it is so. revoked: by key, the index from which on it counts no more.
    """

    services: tuple[bytes, ...]
    gateways: Mapping[bytes, VerifyingKey] = field(default_factory=dict)
    bound: Mapping[bytes, tuple[str, str, int]] = field(default_factory=dict)
    listed: Mapping[bytes, tuple[str, str]] = field(default_factory=dict)
    revoked: Mapping[bytes, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ArchivedDelivery:
    """A row of the deliveries, and the entry at its index of the public log."""

    log_id: bytes
    size: int
    is_inner: bool
    checkpoint: bytes
    edge: bytes | None
    receipt: bytes
    service_index: int
    received_unix_ms: int
    attestation: bytes | None
    battery: str
    evidence_class: str
    entry: bytes | None


@dataclass(frozen=True, slots=True)
class ArchivedRecord:
    log_id: bytes
    seq: int
    leaf: bytes
    entry: bytes


class LogAudit:
    """Takes the deliveries of a log in the order of their sizes, inner ones before the one that they are inside of."""

    def __init__(self, genesis: bytes, seed: bytes, trusted: Trusted, found: Found) -> None:
        """Raises EvidenceError where the genesis opens no log."""
        genesis_key(genesis)
        self._log = TrustedLog(genesis, seed)
        self._trusted, self._found = trusted, found
        self._waiting: list[ArchivedDelivery] = []
        self._where = log_words(self._log.log_id)

    def add(self, delivery: ArchivedDelivery, records: Iterator[ArchivedRecord]) -> None:
        """records: those below the delivery's size that no delivery before it had."""
        if delivery.is_inner:
            self._waiting.append(delivery)
            return
        before = self._log
        if not before.size < delivery.size <= before.size + MAX_DELIVERY_BYTES:
            self._say(delivery, f"it ends at record {delivery.size - 1}, the one before it at {before.size - 1}")
            return
        some = _each_once(records, before.size)
        self._verify(delivery, some)
        for inner in self._waiting:
            self._check_inner(inner, before, [record.leaf for record in some])
        self._waiting.clear()

    def close(self) -> None:
        for inner in self._waiting:
            self._say(inner, "no delivery reaches so far")
        self._found.counts["logs"] += 1

    # ---- records

    def _verify(self, delivery: ArchivedDelivery, records: list[ArchivedRecord]) -> None:
        counts, log = self._found.counts, self._log
        contents = tuple(record.entry for record in records)
        made = Delivery(log.genesis, log.seed, log.size, contents, delivery.checkpoint, delivery.attestation)
        checkpoint = None
        try:
            if [record.seq for record in records] != list(range(log.size, delivery.size)):
                raise EvidenceError(Reason.MISSING_ENTRIES, "records are not there")
            verified = log.verified(made, NOTHING_KNOWN, self._told(delivery, contents))
            if [record.leaf for record in records] != list(verified.leaves):
                raise EvidenceError(Reason.ROOT_MISMATCH, "leaves were altered")
            if verified.log.edge.to_bytes() != delivery.edge:
                raise EvidenceError(Reason.ROOT_MISMATCH, "the edge behind them was altered")
            checkpoint, self._log = verified.checkpoint, verified.log
        except EvidenceError as error:
            self._name(delivery, records, error)
        counts["records"] += len(records)
        counts["emptied_windows"] += len(emptied_seqs(contents, log.size))
        self._check_receipt(delivery, checkpoint)
        self._check_keys(delivery)

    def _told(self, delivery: ArchivedDelivery, contents: tuple[bytes, ...]) -> Emptied | None:
        """Which windows the gateway gave up: by its word, where its key is trusted; else by that of the service, whose
        receipt names the attestation."""
        if delivery.attestation is None:
            return None
        gateway = self._trusted.gateways.get(unverified_kid(delivery.attestation) or b"")
        if gateway:
            said = verify_attestation(delivery.attestation, gateway)
            ends = (said.log_id, said.size)
            if ends != (delivery.log_id, delivery.size):
                raise EvidenceError(Reason.RECEIPT_MISMATCH, "the attestation is of another delivery")
            self._found.counts["attestations"] += 1
            return said.emptied
        self._found.counts["attestations_by_gateways_not_trusted"] += 1
        seqs = emptied_seqs(contents, self._log.size)
        return Emptied.of(seqs) if seqs else None

    def _name(self, delivery: ArchivedDelivery, records: list[ArchivedRecord], error: EvidenceError) -> None:
        """The records that differ, by number; what the whole delivery is refused for, where none does."""
        log = self._log
        stored = tuple(StoredRecord(r.seq, r.leaf, r.entry, delivery.received_unix_ms, log.seed) for r in records)
        identity = LogIdentity(log.log_id, log.genesis, rotations_to_bytes(log.rotations))
        span = StoredSpan(
            log.size, delivery.size, delivery.checkpoint, delivery.edge or b"", delivery.received_unix_ms, stored
        )
        checked = check_span(identity, log.edge, span)
        for difference in checked.differences:
            self._found.add(self._where, f"{difference.words}: {difference.reason}: {difference.detail}")
        if not checked.differences:
            self._say(delivery, str(error))
        self._log = _behind(log, checked.edge, checked.good)

    # ---- signatures

    def _check_receipt(self, delivery: ArchivedDelivery, checkpoint: Checkpoint | None) -> None:
        """checkpoint: the one that it is for; None where that did not hold."""
        try:
            service = next(
                (key for key in self._trusted.services if key_id(key) == unverified_kid(delivery.receipt)),
                self._trusted.services[0],
            )
            receipt = verify_receipt(delivery.receipt, service)
            ends = (receipt.log_id, receipt.size)
            if ends != (delivery.log_id, delivery.size) or (checkpoint and checkpoint.root != receipt.root):
                raise EvidenceError(Reason.RECEIPT_MISMATCH, "the receipt is of another log, size or root")
            if (receipt.service_index, receipt.received_unix_ms) != (
                delivery.service_index,
                delivery.received_unix_ms,
            ):
                raise EvidenceError(Reason.RECEIPT_MISMATCH, "the receipt has another index or time")
            digest = attestation_digest(delivery.attestation) if delivery.attestation is not None else None
            if not delivery.is_inner and digest != receipt.attestation_digest:
                raise EvidenceError(Reason.RECEIPT_MISMATCH, "the attestation is not the one that the receipt names")
            if receipt_leaf_entry(delivery.receipt).to_bytes() != delivery.entry:
                raise EvidenceError(Reason.BAD_INCLUSION_PROOF, "its leaf is not at its place in the public log")
            revoked = self._trusted.revoked.get(service)
            if revoked is not None and revoked <= receipt.service_index:
                raise EvidenceError(Reason.KEY_REVOKED, "the service's key counted no more")
        except EvidenceError as error:
            self._say(delivery, f"receipt: {error}")
        self._found.counts["receipts"] += 1
        self._found.counts["checkpoints"] += 1

    def _check_inner(self, inner: ArchivedDelivery, before: TrustedLog, leaves: list[bytes]) -> None:
        """Its root is that of the log at its size."""
        checkpoint = None
        try:
            key = self._log.key_at(inner.size)
            checkpoint = verify_checkpoint(inner.checkpoint, inner.log_id, key)
            edge = before.edge.extended(leaves[: inner.size - before.size])
            if (checkpoint.size, checkpoint.root) != (inner.size, edge.root()) or edge.size != inner.size:
                raise EvidenceError(Reason.FORK, f"another root for size {inner.size}")
        except EvidenceError as error:
            self._say(inner, str(error))
        self._check_receipt(inner, checkpoint)
        self._check_keys(inner)

    def _check_keys(self, delivery: ArchivedDelivery) -> None:
        """Its keys counted, and it is of the battery that it is bound to."""
        for key in self._log.keys:
            revoked = self._trusted.revoked.get(key.public_key)
            if revoked is not None and revoked <= delivery.service_index:
                self._say(delivery, f"{Reason.KEY_REVOKED}: a key of the log was revoked at index {revoked}")
        said = (delivery.battery, delivery.evidence_class)
        listed = self._trusted.listed.get(delivery.log_id)
        bound = self._trusted.bound.get(self._log.key.public_key)
        if bound and bound[2] > delivery.service_index:
            bound = None  # it came later; till then the service's settings said so
        if listed is None and bound is None:
            self._found.counts["deliveries_of_logs_not_bound"] += 1
        for binding in filter(None, (listed, bound and bound[:2])):
            if binding != said:
                words = (
                    f"battery {said[0]!r} in class {said[1]}, but it is bound to {binding[0]!r} in class {binding[1]}"
                )
                self._say(delivery, f"{Reason.WRONG_BATTERY}: {words}")

    def _say(self, delivery: ArchivedDelivery, what: str) -> None:
        self._found.add(self._where, f"delivery up to record {delivery.size - 1}: {what}")


def audit_log(
    genesis: bytes,
    seed: bytes,
    deliveries: Iterable[ArchivedDelivery],
    records: Iterable[ArchivedRecord],
    trusted: Trusted,
    found: Found,
) -> None:
    """All of one log, in order: deliveries by size, inner ones first; records by seq."""
    log_id, rest = log_id_of(genesis), _Rest(records)
    try:
        audit = LogAudit(genesis, seed, trusted, found)
    except EvidenceError as error:
        found.add(log_words(log_id), f"its genesis opens no log: {error}")
        return
    for delivery in deliveries:
        audit.add(delivery, rest.below(delivery.size) if not delivery.is_inner else iter(()))
    audit.close()
    behind = rest.count()
    if behind:
        found.add(log_words(log_id), f"{behind} records stand behind its last checkpoint")


class _Rest:
    """Records in order, of which one look ahead is kept."""

    def __init__(self, records: Iterable[ArchivedRecord]) -> None:
        self._records = iter(records)
        self._next = next(self._records, None)

    def below(self, size: int) -> Iterator[ArchivedRecord]:
        while self._next is not None and self._next.seq < size:
            record, self._next = self._next, next(self._records, None)
            yield record

    def count(self) -> int:
        return sum(1 for _ in self.below(1 << 62))


def _each_once(records: Iterator[ArchivedRecord], first_seq: int) -> list[ArchivedRecord]:
    """Of one that is there twice, the first; the shard's own query names it. Never more than a delivery can have."""
    found: dict[int, ArchivedRecord] = {}
    for record in takewhile(lambda _: len(found) <= MAX_DELIVERY_BYTES, records):
        if record.seq >= first_seq:
            found.setdefault(record.seq, record)
    return list(found.values())


def _behind(log: TrustedLog, edge: Edge, good: tuple[StoredRecord, ...]) -> TrustedLog:
    """The log behind a delivery of which only some records hold: what they say is taken over."""
    for record in good:
        with suppress(EvidenceError):
            entry = decode_entry(record.entry)
            log = replace(log, boot=entry.boot, uptime_ms=entry.uptime_ms, is_sealed=isinstance(entry.body, Seal))
            if isinstance(entry.body, Rotation):
                log = replace(log, rotations=(*log.rotations, (record.seq + 1, entry.body.key)))
    return replace(log, edge=edge)
