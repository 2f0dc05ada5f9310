"""What a stranger runs: the twelve steps of docs/record.md section 8 over one bundle, under the stranger's own policy.

Needs SHA-256 and Ed25519, and no network. What the caller must still do: have the policy from someone it trusts, and
ask whether the battery is the one in question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from packseal.errors import EvidenceError, Reason
from packseal.records.acts import BINDERS, Act, Bind, Revoke, verify_act
from packseal.records.attestation import Attestation, attestation_digest, verify_attestation
from packseal.records.blinding import OpenRecord
from packseal.records.bodies import Key, Time
from packseal.records.bundle import Bundle, Proof
from packseal.records.checkpoint import Checkpoint, Receipt, receipt_leaf_entry, verify_checkpoint, verify_receipt
from packseal.records.cose import VerifyingKey, unverified_kid
from packseal.records.disclosure import Disclosure, Shown, verify_disclosure
from packseal.records.entries import BLINDED_TYPES, Entry, decode_entry, genesis_key, log_id_of
from packseal.records.fields import malformed
from packseal.records.merkle import leaf_hash, verify_inclusion
from packseal.records.note import LogCheckpoint, verified_cosignatures, verify_log_checkpoint
from packseal.records.policy import CLASS_ORIGINS, Policy
from packseal.records.rotation import verify_rotation


@dataclass(frozen=True, slots=True)
class Attested:
    """By a gateway that the policy lists."""

    gateway: bytes
    statement: Attestation


@dataclass(frozen=True, slots=True)
class TrustedBundle:
    """What a bundle proves, and by whose word. What it does not: docs/record.md section 13.

    bound_by: who says that the log belongs to the battery; None when the policy itself does. shown: of a disclosure.
    attested: what a gateway says, None where none did or none that the policy knows.
    """

    battery: str
    evidence_class: str
    bound_by: Act | None
    log_id: bytes
    genesis: Key
    key: VerifyingKey
    entry: Entry
    shown: Shown | None
    checkpoint: Checkpoint
    receipt: Receipt
    service: bytes
    log: LogCheckpoint
    witnesses: Mapping[str, int]
    acts: Sequence[tuple[int, Act]]
    not_before_unix_ms: int | None
    attested: Attested | None

    @property
    def not_after_unix_ms(self) -> int:
        return self.receipt.received_unix_ms


def verify_bundle(content: bytes, policy: Policy) -> TrustedBundle:
    """Raises EvidenceError with the reason of the first step that fails."""
    check = _Check(Bundle.from_bytes(content), policy)  # 1
    check.genesis()  # 2
    check.rotations()  # 3
    checkpoint = check.checkpoint()  # 4
    entry, shown = check.record(checkpoint)  # 5
    receipt = check.receipt(checkpoint)  # 6
    note, witnesses = check.note(receipt)  # 7
    acts = check.acts(note)  # 8
    battery, evidence_class, bound_by = check.binding(receipt, acts)  # 9
    check.revocations(receipt, acts)  # 10
    not_before_unix_ms = check.time(entry, checkpoint, receipt)  # 11
    attested = check.attestation(receipt, acts)  # 12
    return TrustedBundle(
        battery, evidence_class, bound_by, check.log_id, check.opened, check.key, entry, shown, checkpoint, receipt,
        check.service, note, witnesses, acts, not_before_unix_ms, attested,
    )  # fmt: skip


@dataclass(slots=True)
class _Check:
    """One bundle on its way through the steps; each method is one."""

    bundle: Bundle
    policy: Policy
    log_id: bytes = b""
    opened: Key = field(init=False)
    key: VerifyingKey = field(init=False)
    keys: list[VerifyingKey] = field(default_factory=list)
    rotated_size: int = 0
    service: bytes = b""

    def genesis(self) -> None:
        self.opened = genesis_key(self.bundle.genesis)
        self.log_id = log_id_of(self.bundle.genesis)
        self.key = self.opened.verifying_key
        self.keys.append(self.key)

    def rotations(self) -> None:
        for part in self.bundle.rotations:
            checkpoint = verify_checkpoint(part.checkpoint, self.log_id, self.key)
            entry = decode_entry(part.entry)
            if checkpoint.size <= self.rotated_size:
                raise EvidenceError(Reason.BAD_ROTATION, "the changes of key do not follow one another")
            self.key = verify_rotation(entry, self.log_id, checkpoint.size)
            self.keys.append(self.key)
            self.rotated_size = checkpoint.size
            _check_included(entry.seq, leaf_hash(part.entry), part.proof, checkpoint)

    def checkpoint(self) -> Checkpoint:
        """By the last key. The checkpoint that a change of key ends itself is by the key before: no bundle needs it."""
        checkpoint = verify_checkpoint(self.bundle.checkpoint, self.log_id, self.key)
        if checkpoint.size <= self.rotated_size:
            raise EvidenceError(Reason.BAD_ROTATION, "the checkpoint is not beyond the last change of key")
        return checkpoint

    def record(self, checkpoint: Checkpoint) -> tuple[Entry, Shown | None]:
        entry = decode_entry(self.bundle.entry)
        blinded = self.bundle.entry
        disclosure = None
        match self.bundle.shown:
            case None if entry.type not in BLINDED_TYPES:
                pass
            case bytes(seed) if entry.type in BLINDED_TYPES and entry.root is None:
                blinded = OpenRecord.of(self.bundle.entry, seed).blinded()
            case dict(value) if entry.root is not None:
                disclosure = Disclosure.from_value(value, entry.type)
            case _:
                raise malformed("a record stands there open with its seed, blinded with a disclosure, or neither")
        if entry.seq >= checkpoint.size:
            raise EvidenceError(Reason.WRONG_SEQ, f"record {entry.seq} is not below size {checkpoint.size}")
        shown = verify_disclosure(entry, disclosure) if disclosure else None
        _check_included(entry.seq, leaf_hash(blinded), self.bundle.proof, checkpoint)
        return entry, shown

    def receipt(self, checkpoint: Checkpoint) -> Receipt:
        receipt, self.service = _trusted_receipt(self.bundle.receipt, self.policy)
        if (receipt.log_id, receipt.size, receipt.root) != (self.log_id, checkpoint.size, checkpoint.root):
            raise EvidenceError(Reason.RECEIPT_MISMATCH, "the receipt covers another log, size or root")
        return receipt

    def note(self, receipt: Receipt) -> tuple[LogCheckpoint, Mapping[str, int]]:
        """By the receipt's service, whose key counts up to the receipt's index: that was asked with the receipt."""
        note = verify_log_checkpoint(self.bundle.note, self.service)
        if note.origin != self.policy.services[self.service]:
            words = f"a note of log {note.origin!r}; the policy knows {self.policy.services[self.service]!r}"
            raise EvidenceError(Reason.UNKNOWN_SERVICE, f"{words} by this key")
        witnesses = verified_cosignatures(self.bundle.note, self.policy.witnesses)
        if len(witnesses) < self.policy.witnesses_needed:
            words = f"{len(witnesses)} of the {self.policy.witnesses_needed} witnesses that the policy asks for"
            raise EvidenceError(Reason.TOO_FEW_WITNESSES, words)
        leaf = leaf_hash(receipt_leaf_entry(self.bundle.receipt).to_bytes())
        verify_inclusion(leaf, receipt.service_index, note.size, self.bundle.note_proof, note.root)
        return note, witnesses

    def acts(self, note: LogCheckpoint) -> list[tuple[int, Act]]:
        acts = []
        for part in self.bundle.acts:
            act = verify_act(part.content, self.policy.authorities)
            signer = act.authority.key.public_key
            revoked_from = self.policy.revoked_from(signer, self.service)
            if revoked_from is not None and revoked_from <= part.index:
                words = f"entry {part.index} is signed by key {signer.hex()[:16]}, which was revoked before it"
                raise EvidenceError(Reason.KEY_REVOKED, words)
            verify_inclusion(leaf_hash(act.leaf_entry.to_bytes()), part.index, note.size, part.proof, note.root)
            acts.append((part.index, act))
        return acts

    def binding(self, receipt: Receipt, acts: Sequence[tuple[int, Act]]) -> tuple[str, str, Act | None]:
        listed, bound = self.policy.logs.get(self.log_id), None
        if listed:
            battery, evidence_class = listed.battery, listed.evidence_class
        else:
            bound, battery, evidence_class = self._bound(receipt, acts)
        if CLASS_ORIGINS[evidence_class] is not self.opened.origin:
            words = f"a log from a {self.opened.origin.name.lower()} cannot be of class {evidence_class}"
            raise EvidenceError(Reason.WRONG_CLASS, words)
        return battery, evidence_class, bound

    def _bound(self, receipt: Receipt, acts: Sequence[tuple[int, Act]]) -> tuple[Act, str, str]:
        """The BIND of the key that opened the log, with battery and class. Section 5.10: a key is bound once."""
        said: dict[tuple[str, str], list[tuple[int, Act]]] = {}
        for index, act in acts:
            bind = act.statement if act.authority.role in BINDERS else None
            if isinstance(bind, Bind) and bind.public_key == self.opened.public_key:
                said.setdefault((bind.battery, bind.evidence_class), []).append((index, act))
        if len(said) > 1:
            words = " and ".join(f"{battery!r} in class {evidence_class}" for battery, evidence_class in sorted(said))
            raise EvidenceError(Reason.ALREADY_BOUND, f"key {self.opened.public_key.hex()[:16]} is bound to {words}")
        for (battery, evidence_class), binds in said.items():
            index, act = min(binds, key=lambda bind: bind[0])
            if index < receipt.service_index:
                return act, battery, evidence_class
        words = f"neither the policy nor an act in the bundle says whose log {self.log_id.hex()} is"
        raise EvidenceError(Reason.UNKNOWN_LOG, words)

    def revocations(self, receipt: Receipt, acts: Sequence[tuple[int, Act]]) -> None:
        for key in self.keys:
            index = self._revoked_at(key.public_key, receipt, acts)
            if index is not None:
                words = f"key {key.public_key.hex()[:16]} was revoked at index {index}, the receipt came at"
                raise EvidenceError(Reason.KEY_REVOKED, f"{words} {receipt.service_index}")

    def _revoked_at(self, public_key: bytes, receipt: Receipt, acts: Sequence[tuple[int, Act]]) -> int | None:
        """Where a key was revoked, at or before the receipt, as the policy or an act of the bundle says."""
        told = self.policy.revoked_from(public_key, self.service)
        indices = [] if told is None else [told]
        indices += [
            i for i, act in acts if isinstance(act.statement, Revoke) and act.statement.public_key == public_key
        ]
        return min((index for index in indices if index <= receipt.service_index), default=None)

    def time(self, entry: Entry, checkpoint: Checkpoint, receipt: Receipt) -> int | None:
        part = self.bundle.time
        if part is None:
            return None
        time = decode_entry(part.entry)
        if not isinstance(time.body, Time) or time.seq >= entry.seq:
            raise EvidenceError(Reason.BAD_TIME, "no TIME entry before the record")
        if time.body.receipt_digest != attestation_digest(part.receipt):
            raise EvidenceError(Reason.BAD_TIME, f"record {time.seq} names another receipt")
        _check_included(time.seq, leaf_hash(part.entry), part.proof, checkpoint)
        earlier, by = _trusted_receipt(part.receipt, self.policy)
        is_earlier = by != self.service or earlier.service_index < receipt.service_index
        if earlier.received_unix_ms != time.body.received_unix_ms:
            raise EvidenceError(Reason.BAD_TIME, f"record {time.seq} states another time than the receipt it names")
        if earlier.log_id != self.log_id or not is_earlier or earlier.received_unix_ms > receipt.received_unix_ms:
            words = "the receipt that gives the time is of another log, or not before the one that covers the record"
            raise EvidenceError(Reason.BAD_TIME, words)
        return earlier.received_unix_ms

    def attestation(self, receipt: Receipt, acts: Sequence[tuple[int, Act]]) -> Attested | None:
        content = self.bundle.attestation
        if content is None:
            return None
        if attestation_digest(content) != receipt.attestation_digest:
            raise EvidenceError(Reason.RECEIPT_MISMATCH, "the receipt names another attestation of a gateway")
        key = self.policy.gateway(_kid(content))
        if key is None or self._revoked_at(key.public_key, receipt, acts) is not None:
            return None
        statement = verify_attestation(content, key)
        if (statement.log_id, statement.size, statement.root) != (self.log_id, receipt.size, receipt.root):
            raise EvidenceError(Reason.RECEIPT_MISMATCH, "the attestation is of another log, size or root")
        return Attested(key.public_key, statement)


def _check_included(seq: int, leaf: bytes, proof: Proof, checkpoint: Checkpoint) -> None:
    try:
        verify_inclusion(leaf, seq, checkpoint.size, proof, checkpoint.root)
    except EvidenceError as error:
        raise EvidenceError(error.reason, f"record {seq}: {error.detail}") from None


def _trusted_receipt(content: bytes, policy: Policy) -> tuple[Receipt, bytes]:
    """With the service of the policy that signed it, whose key counted at that index."""
    refusal = EvidenceError(Reason.UNKNOWN_SERVICE, "the policy lists no service")
    for public_key in policy.services:
        try:
            receipt = verify_receipt(content, public_key)
        except EvidenceError as error:
            if error.reason is not Reason.UNKNOWN_SERVICE:
                raise
            refusal = error
            continue
        revoked_from = policy.revoked_from(public_key, public_key)
        if revoked_from is not None and revoked_from <= receipt.service_index:
            words = f"service {public_key.hex()[:16]} was revoked at index {revoked_from}, the receipt is at"
            raise EvidenceError(Reason.KEY_REVOKED, f"{words} {receipt.service_index}")
        return receipt, public_key
    raise refusal


def _kid(content: bytes) -> bytes | None:
    """Of what may be no attestation at all: the receipt vouches for its bytes, so it is only not understood."""
    try:
        return unverified_kid(content)
    except EvidenceError:
        return None
