"""The Merkle tree of RFC 9162 section 2.1: leaves, edge, root, inclusion proofs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from packseal.errors import EvidenceError, Reason

HASH_BYTES = 32
MAX_SIZE = 1 << 24
EMPTY_ROOT = hashlib.sha256().digest()


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Edge:
    """The roots of a tree's complete subtrees, largest first: all that is needed to go on appending to it."""

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.roots) != self.size.bit_count():
            raise ValueError(f"a tree of {self.size} leaves has {self.size.bit_count()} complete subtrees")

    def extended(self, leaves: Sequence[bytes]) -> Edge:
        """The edge after appending leaf hashes."""
        roots, size = list(self.roots), self.size
        for leaf in leaves:
            roots.append(leaf)
            size += 1
            for _ in range((size & -size).bit_length() - 1):
                right = roots.pop()
                roots.append(node_hash(roots.pop(), right))
        return Edge(size, tuple(roots))

    def root(self) -> bytes:
        if not self.roots:
            return EMPTY_ROOT
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root

    def to_bytes(self) -> bytes:
        return self.size.to_bytes(4, "big") + b"".join(self.roots)

    @classmethod
    def from_bytes(cls, content: bytes) -> Edge:
        """The edge that to_bytes wrote. Raises ValueError for any other bytes."""
        body = content[4:]
        if len(body) % HASH_BYTES:
            raise ValueError("an edge is a size and whole hashes")
        roots = tuple(body[i : i + HASH_BYTES] for i in range(0, len(body), HASH_BYTES))
        return cls(int.from_bytes(content[:4], "big"), roots)


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of leaves[index] among these leaf hashes, lowest node first (RFC 9162 section 2.1.3.1)."""
    if not 0 <= index < len(leaves):
        raise ValueError(f"no leaf {index} in a tree of {len(leaves)}")
    proof = []
    nodes = list(leaves)
    while len(nodes) > 1:
        if index ^ 1 < len(nodes):
            proof.append(nodes[index ^ 1])
        pairs = [node_hash(nodes[i], nodes[i + 1]) for i in range(0, len(nodes) - 1, 2)]
        nodes = pairs + nodes[len(pairs) * 2 :]
        index //= 2
    return proof


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Raises EvidenceError(BAD_INCLUSION_PROOF) unless leaf is at index in the tree (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        raise EvidenceError(Reason.BAD_INCLUSION_PROOF, f"no leaf {index} in a tree of {size}")
    last, node = size - 1, leaf
    for sibling in proof:
        if not last:
            raise EvidenceError(Reason.BAD_INCLUSION_PROOF, "the proof is longer than the tree is high")
        if index & 1 or index == last:
            node = node_hash(sibling, node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        index, last = index >> 1, last >> 1
    if last or node != root or len(root) != HASH_BYTES:
        raise EvidenceError(Reason.BAD_INCLUSION_PROOF, "the record is not what the signed root covers")
