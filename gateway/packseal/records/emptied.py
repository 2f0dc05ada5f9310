"""Emptied windows: what is left of a WINDOW whose values a gateway gave up (docs/record.md sections 3.4 and 5.8).

The blinded entry stands in the open one's place. Its leaf is the same, so the tree holds and every other record can be
proven; and it still says that it is a WINDOW and when it ended, so nothing else can be given up in this way. Of which
windows that is so, the gateway's attestation says; whether it did, log.py decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packseal.records.bodies import EntryType
from packseal.records.cbor import ARRAY, BYTES

MAX_EMPTIED_BYTES = 64  # more than seq, boot, uptime_ms and the root can take
SEQ_BYTES = 4
_START = bytes((ARRAY << 5 | 5, EntryType.WINDOW))
_ARGUMENT_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}  # by the low five bits of a head


@dataclass(frozen=True, slots=True)
class Emptied:
    """Which windows of a delivery were emptied: how many, and the SHA-256 of their numbers, 4 bytes each, rising."""

    windows: int
    digest: bytes

    @classmethod
    def of(cls, seqs: Iterable[int]) -> Emptied:
        numbers = [seq.to_bytes(SEQ_BYTES, "big") for seq in seqs]
        return cls(len(numbers), hashlib.sha256(b"".join(numbers)).digest())


def is_emptied(content: bytes) -> bool:
    """Whether it is a WINDOW by its root alone; whether it is well formed, decode_entry says."""
    if len(content) > MAX_EMPTIED_BYTES or content[:2] != _START:
        return False
    at = len(_START)
    for _ in range(3):  # seq, boot, uptime_ms
        at += 1 + _ARGUMENT_BYTES.get(content[at] & 31, 0) if at < len(content) else 1
    return at < len(content) and content[at] >> 5 == BYTES


def emptied_seqs(contents: Sequence[bytes], first_seq: int) -> list[int]:
    return [seq for seq, content in enumerate(contents, first_seq) if is_emptied(content)]
