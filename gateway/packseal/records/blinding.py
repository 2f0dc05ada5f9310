"""Blinding: WINDOW, SOH and ESTIMATE are signed for as salted hashes, so that any of their values can be shown alone.

docs/record.md section 4. Decides salts, leaves and roots; what is shown of a record is disclosure.py's part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache

from packseal.errors import EvidenceError, Reason
from packseal.records.bare import decode_bare, is_bare
from packseal.records.bodies import StateOfHealth, Window
from packseal.records.cbor import encode
from packseal.records.emptied import is_emptied
from packseal.records.entries import BLINDED_NAMES, BLINDED_TYPES, Entry, Parts, decode_parts
from packseal.records.merkle import EMPTY_ROOT, leaf_hash

SEED_BYTES = SALT_BYTES = 16
FIELDS = 16
CELLS_FIELD, FLOOR_FIELD, CEILING_FIELD = 6, 14, 15
CELL_SALT, FLOOR_START, CEILING_START = 16, 17, 18  # first bytes of what is put through HMAC
CHAIN_STEPS, CHAIN_STEP_CPCT = 255, 50
_ABSENT = [encode([key, None]) for key in range(FIELDS)]
_FIELD_LABELS = [bytes((key,)) for key in range(FIELDS)]
_PAIR = b"\x82"  # an array of two
_BLOCK_BYTES = 64  # of SHA-256
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


class HMAC:
    """HMAC-SHA-256 (RFC 2104) with one key of at most 64 bytes. Its key is hashed once: a record takes some 30 of them,
    and Python's own one-shot function takes three times as long."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = key.ljust(_BLOCK_BYTES, b"\x00")
        self._inner, self._outer = hashlib.sha256(block.translate(_INNER)), hashlib.sha256(block.translate(_OUTER))

    def digest(self, message: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

    def salt(self, message: bytes) -> bytes:
        return self.digest(message)[:SALT_BYTES]

    def salts(self, messages: Iterable[bytes]) -> Iterator[bytes]:
        """`salt` of each, without two calls for each: a service makes 33 of them a record."""
        copy_inner, copy_outer = self._inner.copy, self._outer.copy
        for message in messages:
            inner, outer = copy_inner(), copy_outer()
            inner.update(message)
            outer.update(inner.digest())
            yield outer.digest()[:SALT_BYTES]


def seed_digest(disclosure_seed: bytes) -> bytes:
    return hashlib.sha256(disclosure_seed).digest()


def record_seed(disclosure_seed: bytes, seq: int) -> bytes:
    return HMAC(disclosure_seed).salt(seq.to_bytes(4, "big"))


def leaf_of(content: bytes, disclosure_seed: bytes) -> tuple[Entry, bytes]:
    """An open entry and its leaf. Raises EvidenceError(MALFORMED), also for one that is blinded or a bare leaf."""
    parts = decode_parts(content)
    entry = parts.entry
    if entry.root is not None:
        raise EvidenceError(Reason.MALFORMED, f"record {entry.seq} is blinded where it must be open")
    if entry.type not in BLINDED_TYPES:
        return entry, leaf_hash(content)
    return entry, leaf_hash(OpenRecord(parts, record_seed(disclosure_seed, entry.seq)).blinded())


def stored_leaf(content: bytes, disclosure_seed: bytes) -> tuple[Entry | None, bytes]:
    """As leaf_of, and of a bare leaf or an emptied window None with its leaf. Raises EvidenceError(MALFORMED)."""
    if is_bare(content):
        return None, decode_bare(content)[1]
    return emptied_leaf(content) if is_emptied(content) else leaf_of(content, disclosure_seed)


def emptied_leaf(content: bytes) -> tuple[None, bytes]:
    """Of an emptied window (emptied.py): its leaf is that of the open one. Raises EvidenceError(MALFORMED)."""
    decode_parts(content)
    return None, leaf_hash(content)


def emptied(content: bytes, disclosure_seed: bytes) -> bytes:
    """What is left of an open WINDOW without its values. Raises EvidenceError(MALFORMED) for any other entry."""
    parts = decode_parts(content)
    if not isinstance(parts.entry.body, Window):
        raise EvidenceError(Reason.MALFORMED, f"record {parts.entry.seq} is no open WINDOW")
    return OpenRecord(parts, record_seed(disclosure_seed, parts.entry.seq)).blinded()


def salted_leaf(salt: bytes, pair: bytes) -> bytes:
    """`pair`: the encoding of [key, value] or [cell block, value]."""
    return leaf_hash(salt + pair)


def chain(link: bytes, steps: int) -> bytes:
    """Section 4.4."""
    for _ in range(steps):
        link = hashlib.sha256(b"\x02" + link).digest()
    return link


class OpenRecord:
    """An open WINDOW, SOH or ESTIMATE with its record seed: every pair, salt and leaf."""

    def __init__(self, parts: Parts, seed: bytes) -> None:
        self.entry = parts.entry
        self.pairs = {key: _PAIR + pair for key, pair in parts.pairs.items()}
        self.cell_pairs: list[bytes] = []
        self.chains: dict[int, tuple[bytes, int]] = {}  # field -> (first link, steps to its end)
        self._head, self._keyed = parts.head, HMAC(seed)
        if isinstance(self.entry.body, Window) and CELLS_FIELD in self.pairs:
            self.cell_pairs = [_cell_pair(block, cell_mv) for block, cell_mv in enumerate(self.entry.body.cell_mv)]
            self.pairs[CELLS_FIELD] = encode([CELLS_FIELD, _root(self.cell_leaves())])
        if isinstance(self.entry.body, StateOfHealth):
            self._add_chains(self.entry.body.soh_capacity_cpct.value)

    @classmethod
    def of(cls, content: bytes, seed: bytes) -> OpenRecord:
        """Raises EvidenceError(MALFORMED) for what is no open WINDOW, SOH or ESTIMATE."""
        parts = decode_parts(content)
        if parts.entry.type not in BLINDED_TYPES or parts.entry.root is not None:
            raise EvidenceError(Reason.MALFORMED, f"not an open {BLINDED_NAMES}")
        return cls(parts, seed)

    def salt(self, key: int) -> bytes:
        return self._keyed.salt(_FIELD_LABELS[key])

    def cell_salt(self, block: int) -> bytes:
        return self._keyed.salt(_cell_label(block))

    def leaves(self) -> list[bytes]:
        values = map(self.pairs.get, range(FIELDS), _ABSENT)
        return _salted_leaves(self._keyed.salts(_FIELD_LABELS), values)

    def cell_leaves(self) -> list[bytes]:
        labels = map(_cell_label, range(len(self.cell_pairs)))
        return _salted_leaves(self._keyed.salts(labels), self.cell_pairs)

    def blinded(self) -> bytes:
        """The entry as it is signed for."""
        return self._head + b"\x58\x20" + _root(self.leaves())

    def _add_chains(self, capacity_cpct: int) -> None:
        floor = min(capacity_cpct // CHAIN_STEP_CPCT, CHAIN_STEPS)
        ceiling = max(CHAIN_STEPS - -(-capacity_cpct // CHAIN_STEP_CPCT), 0)
        for key, label, steps in ((FLOOR_FIELD, FLOOR_START, floor), (CEILING_FIELD, CEILING_START, ceiling)):
            first = self._keyed.digest(bytes((label,)))
            self.chains[key] = (first, steps)
            self.pairs[key] = encode([key, chain(first, steps)])


def _salted_leaves(salts: Iterable[bytes], pairs: Iterable[bytes]) -> list[bytes]:
    """`salted_leaf` of each."""
    sha256 = hashlib.sha256
    return [sha256(b"\x00" + salt + pair).digest() for salt, pair in zip(salts, pairs, strict=True)]


def _root(nodes: list[bytes]) -> bytes:
    """As RFC 9162 section 2.1.1 has it, also of no leaves: a column without a value."""
    if not nodes:
        return EMPTY_ROOT
    sha256 = hashlib.sha256
    while len(nodes) > 1:
        odd = nodes[-1:] if len(nodes) & 1 else []
        pairs = zip(nodes[::2], nodes[1::2], strict=False)
        nodes = [sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return nodes[0]


@lru_cache(maxsize=1 << 10)
def _cell_label(block: int) -> bytes:
    return bytes((CELL_SALT, block >> 8, block & 255))


@lru_cache(maxsize=1 << 15)
def _cell_pair(block: int, cell_mv: int | None) -> bytes:
    """Cells show the same few hundred voltages over and over."""
    return encode([block, cell_mv])
