"""What a passport service answers to a delivery: a signed receipt, or why it was refused (docs/record.md section 8).

Only the receipt inside an answer is signed. A refusal is a hint for the sender, and nothing may be deleted for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from packseal.errors import EvidenceError, Reason
from packseal.records.cbor import decode, encode
from packseal.records.checkpoint import FORMAT_VERSION
from packseal.records.entries import LOG_ID_BYTES
from packseal.records.merkle import MAX_SIZE

MAX_ANSWER_BYTES = 1024
MAX_DETAIL_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class ReceiptAnswer:
    """Stored. `receipt` is what verify_receipt reads; it is not verified yet."""

    log_id: bytes
    receipt: bytes


@dataclass(frozen=True, slots=True)
class RefusalAnswer:
    """Not stored. The service has the log up to `size_known`; log_id is empty when the delivery named none."""

    log_id: bytes
    size_known: int
    reason: str  # a word of Reason; a newer service may know more words
    detail: str


Answer: TypeAlias = ReceiptAnswer | RefusalAnswer


def encode_receipt_answer(log_id: bytes, receipt: bytes) -> bytes:
    return encode([FORMAT_VERSION, log_id, receipt])


def encode_refusal_answer(log_id: bytes, size_known: int, reason: str, detail: str) -> bytes:
    return encode([FORMAT_VERSION, log_id, size_known, str(reason), detail[:MAX_DETAIL_CHARACTERS]])


def decode_answer(content: bytes) -> Answer:
    """Raises EvidenceError (MALFORMED, UNKNOWN_VERSION)."""
    if len(content) > MAX_ANSWER_BYTES:
        raise EvidenceError(Reason.MALFORMED, f"an answer of {len(content)} bytes; the limit is {MAX_ANSWER_BYTES}")
    match decode(content):
        case [int(version), *_] if version != FORMAT_VERSION:
            raise EvidenceError(Reason.UNKNOWN_VERSION, f"answer version {version}; this reader knows {FORMAT_VERSION}")
        case [_, bytes(log_id), bytes(receipt)] if len(log_id) == LOG_ID_BYTES:
            return ReceiptAnswer(log_id, receipt)
        case [_, bytes(log_id), int(size), str(reason), str(detail)]:
            if len(log_id) in (0, LOG_ID_BYTES) and 0 <= size < MAX_SIZE:
                return RefusalAnswer(log_id, size, reason, detail)
    raise EvidenceError(Reason.MALFORMED, "an answer is [1, log_id, receipt] or [1, log_id, size, reason, detail]")
