"""A log's change of key: a KEY entry that the new key has signed, last below a checkpoint by the old one.

docs/record.md section 2, KEY, and section 5.6.
"""

from __future__ import annotations

from packseal.errors import EvidenceError, Reason
from packseal.records.bodies import Rotation
from packseal.records.cbor import encode
from packseal.records.checkpoint import FORMAT_VERSION
from packseal.records.cose import Sign, VerifyingKey, bare_message
from packseal.records.entries import Entry

ROTATION_PURPOSE = "packseal/rotation/1"


def sign_rotation(log_id: bytes, key: VerifyingKey, sign: Sign) -> Rotation:
    """What the new key signs, to go into the KEY entry."""
    return Rotation(key, sign(_message(log_id, key)))


def verify_rotation(entry: Entry, log_id: bytes, size: int) -> VerifyingKey:
    """The key that signs behind this entry, which must end a tree of this size. Raises EvidenceError(BAD_ROTATION)."""
    if not isinstance(entry.body, Rotation) or entry.seq != size - 1:
        words = f"record {entry.seq} is no change of key that ends a checkpoint of size {size}"
        raise EvidenceError(Reason.BAD_ROTATION, words)
    key = entry.body.key
    try:
        key.verify(_message(log_id, key), entry.body.possession, ROTATION_PURPOSE)
    except EvidenceError:
        raise EvidenceError(Reason.BAD_ROTATION, f"record {entry.seq}: the new key has not signed") from None
    return key


def _message(log_id: bytes, key: VerifyingKey) -> bytes:
    payload = encode([FORMAT_VERSION, key.algorithm, key.public_key, log_id])
    return bare_message(key.algorithm, ROTATION_PURPOSE, payload)
