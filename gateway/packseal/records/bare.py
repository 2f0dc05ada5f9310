"""Bare leaves: what is left of a record whose content a full board could not keep (docs/record.md section 3).

`[leaf, seq]` stands in an entry's place. The tree goes on over it, so every other record can be proven, and the GAP
entry that the board puts behind it says how many there are. Whether that is so, log.py decides.
"""

from __future__ import annotations

from collections.abc import Sequence

from packseal.errors import EvidenceError, Reason
from packseal.records.bodies import Gap
from packseal.records.cbor import decode, encode
from packseal.records.entries import Entry, decode_entry
from packseal.records.fields import malformed
from packseal.records.merkle import HASH_BYTES, MAX_SIZE

_PAIR = 0x82  # an array of two; an entry is one of five


def encode_bare(seq: int, leaf: bytes) -> bytes:
    return encode([leaf, seq])


def is_bare(content: bytes) -> bool:
    """Whether it stands in an entry's place without being one; whether it is well formed, decode_bare says."""
    return content[:1] == bytes((_PAIR,))


def decode_bare(content: bytes) -> tuple[int, bytes]:
    """(seq, leaf). Raises EvidenceError(MALFORMED)."""
    match decode(content):
        case [bytes(leaf), int(seq)] if len(leaf) == HASH_BYTES and 0 < seq < MAX_SIZE:
            return seq, leaf
    raise malformed("a bare leaf is [leaf, seq]")


def seq_of(content: bytes) -> int:
    """Of an entry or a bare leaf. Raises EvidenceError(MALFORMED)."""
    return decode_bare(content)[0] if is_bare(content) else decode_entry(content).seq


def check_told(bare: Sequence[int], entries: Sequence[Entry], since: int = 0) -> None:
    """Every bare leaf is told of by a GAP behind it, and every GAP tells the truth. Section 6 step 5.

    bare: their seqs, rising; entries: those between and behind them. Raises EvidenceError(MISSING_ENTRIES).
    """
    told: set[int] = set()
    for gap, seq in ((entry.body, entry.seq) for entry in entries if isinstance(entry.body, Gap)):
        if gap.bare is None:
            continue
        first, last, count = gap.bare
        found = {number for number in bare if first <= number <= last}
        is_told = len(found) == count or (first < since and len(found) < count)
        if not is_told or count > gap.windows or last >= seq:
            words = f"record {seq} says that of {count} records from {first} to {last} only the leaf is there"
            raise EvidenceError(Reason.MISSING_ENTRIES, f"{words}; it is so of {len(found)}")
        told |= found
    untold = [number for number in bare if number not in told]
    if untold:
        words = f"record {untold[0]} came without its content, and no GAP behind it says so"
        raise EvidenceError(Reason.MISSING_ENTRIES, words)
