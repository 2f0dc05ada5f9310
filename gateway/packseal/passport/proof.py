"""Inclusion proofs and checks over one stored span: the records between two checkpoints and the edge before them.

RFC 9162 section 2.1.3.1, computed from (edge, leaves) instead of all leaves, so that its cost is that of the span and
not of the log. Every subtree left of the path is either wholly below the edge, and then one of its roots, or is split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from packseal.records.merkle import Edge, node_hash


@dataclass(frozen=True, slots=True)
class SpanTree:
    """The tree of size edge.size + len(leaves)."""

    edge: Edge
    leaves: Sequence[bytes]

    @property
    def size(self) -> int:
        return self.edge.size + len(self.leaves)

    def inclusion_proof(self, seq: int) -> tuple[bytes, ...]:
        """The audit path of a leaf of the span, lowest node first."""
        if not self.edge.size <= seq < self.size:
            raise ValueError(f"record {seq} is not in the span {self.edge.size} to {self.size - 1}")
        return tuple(self._path(seq, 0, self.size, self._edge_nodes()))

    def _edge_nodes(self) -> dict[tuple[int, int], bytes]:
        nodes, start = {}, 0
        for root, bit in zip(self.edge.roots, _bits(self.edge.size), strict=True):
            nodes[start, bit] = root
            start += bit
        return nodes

    def _path(self, seq: int, start: int, count: int, nodes: dict[tuple[int, int], bytes]) -> list[bytes]:
        if count == 1:
            return []
        left = 1 << (count - 1).bit_length() - 1
        if seq < start + left:
            return [*self._path(seq, start, left, nodes), self._root(start + left, count - left, nodes)]
        return [*self._path(seq, start + left, count - left, nodes), self._root(start, left, nodes)]

    def _root(self, start: int, count: int, nodes: dict[tuple[int, int], bytes]) -> bytes:
        known = nodes.get((start, count))
        if known is not None:
            return known
        if count == 1:
            return self.leaves[start - self.edge.size]
        left = 1 << (count - 1).bit_length() - 1
        return node_hash(self._root(start, left, nodes), self._root(start + left, count - left, nodes))


def _bits(size: int) -> list[int]:
    return [1 << bit for bit in reversed(range(size.bit_length())) if size >> bit & 1]
