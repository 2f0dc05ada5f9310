"""The Merkle tree of RFC 9162 section 2.1: leaves, edge, root, inclusion proofs."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
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
        if len(content) < 4 or len(body) % HASH_BYTES:
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
    if included_root(leaf, index, size, proof) != root or len(root) != HASH_BYTES:
        raise EvidenceError(Reason.BAD_INCLUSION_PROOF, "the record is not what the signed root covers")


def included_root(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that a proof leads to. Raises EvidenceError(BAD_INCLUSION_PROOF) for one of a wrong length."""
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
    if last:
        raise EvidenceError(Reason.BAD_INCLUSION_PROOF, "the proof is shorter than the tree is high")
    return node


def consistency_proof(leaves: Sequence[bytes], size: int) -> list[bytes]:
    """That the tree of the first `size` of these leaf hashes begins that of all (RFC 9162 section 2.1.4.1)."""
    if not 0 < size <= len(leaves):
        raise ValueError(f"no tree of {size} in one of {len(leaves)}")
    return _subproof(leaves, size, is_whole=True)


def _subproof(leaves: Sequence[bytes], size: int, *, is_whole: bool) -> list[bytes]:
    if size == len(leaves):
        return [] if is_whole else [Edge().extended(leaves).root()]
    split = _left_count(len(leaves))
    if size <= split:
        return [*_subproof(leaves[:split], size, is_whole=is_whole), Edge().extended(leaves[split:]).root()]
    return [*_subproof(leaves[split:], size - split, is_whole=False), Edge().extended(leaves[:split]).root()]


def verify_consistency(sizes: tuple[int, int], proof: Sequence[bytes], roots: tuple[bytes, bytes]) -> None:
    """Raises EvidenceError(BAD_CONSISTENCY_PROOF) unless the first tree is a beginning of the second.

    RFC 9162 section 2.1.4.2. A tree of size 0 is refused: it is a beginning of every tree and says nothing.
    """
    first, second = sizes
    if not 0 < first <= second:
        raise _inconsistent(f"no tree of {first} leaves can be proven to begin one of {second}")
    if first == second:
        if proof or roots[0] != roots[1]:
            raise _inconsistent("two roots for one size, or a proof where none is needed")
        return
    if not proof:
        raise _inconsistent("the proof is empty")
    path = list(proof) if first & (first - 1) else [roots[0], *proof]
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if not last:
            raise _inconsistent("the proof is longer than the tree is high")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last or (old, new) != roots:
        raise _inconsistent("the proof does not lead from the one root to the other")


def _inconsistent(what: str) -> EvidenceError:
    return EvidenceError(Reason.BAD_CONSISTENCY_PROOF, what)


def subset_proof(leaves: Sequence[bytes], shown: Collection[int]) -> list[bytes]:
    """The roots of the largest subtrees without a shown leaf, from left to right (docs/record.md section 4.6)."""
    return _subset_proof(leaves, 0, len(leaves), shown)


def _subset_proof(leaves: Sequence[bytes], start: int, count: int, shown: Collection[int]) -> list[bytes]:
    if not any(start <= index < start + count for index in shown):
        return [Edge().extended(leaves[start : start + count]).root()]
    if count == 1:
        return []
    left = _left_count(count)
    return [
        *_subset_proof(leaves, start, left, shown),
        *_subset_proof(leaves, start + left, count - left, shown),
    ]


def subset_root(count: int, shown: Mapping[int, bytes], hashes: Sequence[bytes]) -> bytes | None:
    """The root of a tree of `count` leaves from some of them and the hashes of subset_proof; None where the hashes are
    too few or too many."""
    rest = iter(hashes)
    root = _subset_root(0, count, shown, rest)
    return root if root is not None and next(rest, None) is None else None


def _subset_root(start: int, count: int, shown: Mapping[int, bytes], rest: Iterator[bytes]) -> bytes | None:
    if not any(start <= index < start + count for index in shown):
        return next(rest, None)
    if count == 1:
        return shown[start]
    left = _left_count(count)
    roots = _subset_root(start, left, shown, rest), _subset_root(start + left, count - left, shown, rest)
    return None if roots[0] is None or roots[1] is None else node_hash(roots[0], roots[1])


def _left_count(count: int) -> int:
    """The largest power of two below count (RFC 9162 section 2.1.1)."""
    return 1 << (count - 1).bit_length() - 1
