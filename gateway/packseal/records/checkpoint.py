"""Checkpoints of boards and receipts of services: who signed which root (docs/record.md section 5)."""

from __future__ import annotations

from dataclasses import dataclass

from packseal.errors import EvidenceError, Reason
from packseal.records.cbor import Value, decode, encode
from packseal.records.cose import (
    ED25519,
    Sign,
    VerifyingKey,
    key_id,
    payload_digest,
    sign1,
    unverified_kid,
    unverified_payload,
    verify1,
)
from packseal.records.entries import LOG_ID_BYTES, MAX_BOOT
from packseal.records.fields import DIGEST_BYTES, MAX_NUMBER
from packseal.records.merkle import HASH_BYTES, MAX_SIZE
from packseal.records.passport_log import NO_TAG, EntryKind, LogEntry

FORMAT_VERSION = 1
CHECKPOINT_PURPOSE = "packseal/checkpoint/1"
RECEIPT_PURPOSE = "packseal/receipt/1"
SALT_BYTES = 16
MAX_NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log had this root at this size, says its key."""

    log_id: bytes
    size: int
    root: bytes
    boot: int
    uptime_ms: int
    nonce: bytes | None = None
    hwcounter: int | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Everything of the log below size is stored for good, says the service."""

    log_id: bytes
    size: int
    root: bytes
    service_index: int
    received_unix_ms: int
    salt: bytes
    attestation_digest: bytes | None = None


def sign_checkpoint(checkpoint: Checkpoint, sign: Sign, algorithm: int = ED25519) -> bytes:
    c = checkpoint
    fields: list[Value] = [FORMAT_VERSION, c.log_id, c.size, c.root, c.boot, c.uptime_ms, c.nonce, c.hwcounter]
    return sign1(encode(fields), CHECKPOINT_PURPOSE, sign, algorithm=algorithm)


def verify_checkpoint(content: bytes, log_id: bytes, key: VerifyingKey) -> Checkpoint:
    """Raises EvidenceError (MALFORMED, UNKNOWN_VERSION, BAD_SIGNATURE, WRONG_LOG)."""
    if unverified_kid(content) is not None:
        raise EvidenceError(Reason.MALFORMED, "a checkpoint names no key; its log does")
    match versioned(verify1(content, CHECKPOINT_PURPOSE, key)):
        case [bytes(log), int(size), bytes(root), int(boot), int(uptime), bytes() | None as nonce, int() | None as hw]:
            checkpoint = Checkpoint(log, size, root, boot, uptime, nonce, hw)
        case _:
            raise EvidenceError(Reason.MALFORMED, "a checkpoint has eight fields")
    check_head(checkpoint.log_id, checkpoint.size, checkpoint.root)
    _check_numbers(checkpoint.uptime_ms, checkpoint.hwcounter or 0)
    if not 1 <= checkpoint.boot <= MAX_BOOT or len(checkpoint.nonce or b"") > MAX_NONCE_BYTES:
        raise EvidenceError(Reason.MALFORMED, "boot or nonce of a checkpoint is out of range")
    if checkpoint.log_id != log_id:
        raise EvidenceError(Reason.WRONG_LOG, f"a checkpoint of log {checkpoint.log_id.hex()}, not of {log_id.hex()}")
    return checkpoint


def unverified_size(content: bytes) -> int | None:
    """What a checkpoint claims; None of what is none. Good for putting things in order, and for nothing else."""
    try:
        fields = decode(unverified_payload(content))
    except EvidenceError:
        return None
    size = fields[2] if isinstance(fields, list) and len(fields) > 2 else None
    return size if isinstance(size, int) else None


def receipt_payload(receipt: Receipt) -> bytes:
    r = receipt
    head: list[Value] = [FORMAT_VERSION, r.log_id, r.size, r.root, r.service_index, r.received_unix_ms]
    return encode([*head, r.salt, r.attestation_digest])


def sign_receipt(receipt: Receipt, sign: Sign, public_key: bytes) -> bytes:
    return sign1(receipt_payload(receipt), RECEIPT_PURPOSE, sign, kid=key_id(public_key))


def receipt_leaf_entry(content: bytes) -> LogEntry:
    """What stands for a receipt in the passport log (section 7.2). Raises EvidenceError(MALFORMED)."""
    return LogEntry(EntryKind.RECEIPT, NO_TAG, payload_digest(content))


def verify_receipt(content: bytes, public_key: bytes) -> Receipt:
    """By a service, whose keys are Ed25519. Raises EvidenceError (MALFORMED, UNKNOWN_VERSION, UNKNOWN_SERVICE,
    BAD_SIGNATURE)."""
    kid = unverified_kid(content)
    if kid != key_id(public_key):
        named = kid.hex() if kid else "nobody"
        raise EvidenceError(Reason.UNKNOWN_SERVICE, f"the receipt names key {named}, which is not trusted here")
    match versioned(verify1(content, RECEIPT_PURPOSE, VerifyingKey(public_key))):
        case [bytes(log_id), int(size), bytes(root), int(index), int(unix_ms), bytes(salt), bytes() | None as digest]:
            check_head(log_id, size, root)
            _check_numbers(index, unix_ms)
            if len(salt) == SALT_BYTES and len(digest or bytes(DIGEST_BYTES)) == DIGEST_BYTES and digest != b"":
                return Receipt(log_id, size, root, index, unix_ms, salt, digest)
    raise EvidenceError(Reason.MALFORMED, "a receipt has eight fields")


def versioned(payload: bytes) -> list[Value]:
    """What follows the format version in a signed payload. Raises EvidenceError (MALFORMED, UNKNOWN_VERSION)."""
    match decode(payload):
        case [int(version), *fields]:
            if version != FORMAT_VERSION:
                raise EvidenceError(Reason.UNKNOWN_VERSION, f"format version {version}, not {FORMAT_VERSION}")
            return fields
    raise EvidenceError(Reason.MALFORMED, "a signed payload is an array that begins with its format version")


def check_head(log_id: bytes, size: int, root: bytes) -> None:
    """Raises EvidenceError(MALFORMED)."""
    if len(log_id) != LOG_ID_BYTES or not 0 < size < MAX_SIZE or len(root) != HASH_BYTES:
        raise EvidenceError(Reason.MALFORMED, "log_id, size or root is not of its kind")


def _check_numbers(*numbers: int) -> None:
    if not 0 <= min(numbers) <= max(numbers) <= MAX_NUMBER:
        raise EvidenceError(Reason.MALFORMED, f"a number of {numbers} is out of range")
