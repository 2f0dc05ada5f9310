"""A bundle carries one record to a stranger; `verify_bundle` is what the stranger runs (docs/record.md section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from packseal.errors import EvidenceError, Reason
from packseal.records.cbor import decode, encode
from packseal.records.checkpoint import Checkpoint, Receipt, verify_checkpoint, verify_receipt
from packseal.records.entries import Entry, Key, decode_entry, genesis_key, log_id_of
from packseal.records.merkle import HASH_BYTES, leaf_hash, verify_inclusion

BUNDLE_VERSION = "packseal/bundle/1"
MAX_BUNDLE_BYTES = 4096

CLASSES = {
    "A": "key in a secure element",
    "B": "key in the board's microcontroller",
    "C": "observed on CAN by a gateway and signed there",
    "D": "imported from a file; a replay, never live",
}


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """The verifier was told: this log belongs to this battery, with this evidence class."""

    battery: str
    evidence_class: str


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom the verifier trusts: logs by log_id, services by public key."""

    logs: dict[bytes, PolicyLog]
    services: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    genesis: bytes
    entry: bytes
    proof: tuple[bytes, ...]
    checkpoint: bytes
    receipt: bytes

    def to_bytes(self) -> bytes:
        return encode([BUNDLE_VERSION, self.genesis, self.entry, list(self.proof), self.checkpoint, self.receipt])

    @classmethod
    def from_bytes(cls, content: bytes) -> Bundle:
        """Raises EvidenceError (MALFORMED, UNKNOWN_VERSION)."""
        if len(content) > MAX_BUNDLE_BYTES:
            raise EvidenceError(Reason.MALFORMED, f"a bundle of {len(content)} bytes, over {MAX_BUNDLE_BYTES}")
        match decode(content):
            case [str(version), *_] if version != BUNDLE_VERSION:
                raise EvidenceError(Reason.UNKNOWN_VERSION, f"{version!r}; this reader knows {BUNDLE_VERSION!r}")
            case [str(), bytes(genesis), bytes(entry), list(items), bytes(checkpoint), bytes(receipt)]:
                proof = tuple(item for item in items if isinstance(item, bytes) and len(item) == HASH_BYTES)
                if len(proof) == len(items):
                    return cls(genesis, entry, proof, checkpoint, receipt)
        raise EvidenceError(Reason.MALFORMED, "a bundle is [version, genesis, entry, [proof], checkpoint, receipt]")


@dataclass(frozen=True, slots=True)
class TrustedBundle:
    """What a bundle proves. What it does not: that the sensors told the truth (docs/record.md section 9)."""

    battery: str
    evidence_class: str
    log_id: bytes
    key: Key
    entry: Entry
    checkpoint: Checkpoint
    receipt: Receipt


def verify_bundle(content: bytes, policy: Policy) -> TrustedBundle:
    """The six steps of docs/record.md section 7. Raises EvidenceError with the reason of the first that fails."""
    bundle = Bundle.from_bytes(content)  # 1
    log_id, key = log_id_of(bundle.genesis), genesis_key(bundle.genesis)  # 2
    trusted = policy.logs.get(log_id)
    if trusted is None:
        raise EvidenceError(Reason.UNKNOWN_LOG, f"the policy does not list log {log_id.hex()}")
    checkpoint = verify_checkpoint(bundle.checkpoint, log_id, key.public_key)  # 3
    entry = decode_entry(bundle.entry)  # 4
    if entry.seq >= checkpoint.size:
        raise EvidenceError(Reason.WRONG_SEQ, f"record {entry.seq} is not below size {checkpoint.size}")
    _verify_included(bundle, entry, checkpoint)  # 5
    receipt = _verify_receipt(bundle.receipt, policy.services)  # 6
    if (receipt.log_id, receipt.size, receipt.root) != (log_id, checkpoint.size, checkpoint.root):
        raise EvidenceError(Reason.RECEIPT_MISMATCH, "the receipt covers another log, size or root")
    return TrustedBundle(trusted.battery, trusted.evidence_class, log_id, key, entry, checkpoint, receipt)


def _verify_included(bundle: Bundle, entry: Entry, checkpoint: Checkpoint) -> None:
    try:
        verify_inclusion(leaf_hash(bundle.entry), entry.seq, checkpoint.size, bundle.proof, checkpoint.root)
    except EvidenceError as error:
        raise EvidenceError(error.reason, f"record {entry.seq}: {error.detail}") from None


def _verify_receipt(content: bytes, services: Sequence[bytes]) -> Receipt:
    refusal = EvidenceError(Reason.UNKNOWN_SERVICE, "the policy lists no service")
    for public_key in services:
        try:
            return verify_receipt(content, public_key)
        except EvidenceError as error:
            if error.reason is not Reason.UNKNOWN_SERVICE:
                raise
            refusal = error
    raise refusal
