"""The log's Merkle tree: a board keeps its right edge only (docs/record.md section 3; RFC 9162 section 2.1.1)."""

from hashlib import sha256

HASH_BYTES = 32
MAX_SIZE = (1 << 24) - 1  # docs/record.md section 5.4: so an edge has at most 24 hashes


def leaf_hash(entry):
    return sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return sha256(b"\x01" + left + right).digest()


class Edge:
    """The roots of the complete subtrees of a tree, largest first: one for each 1 bit of its size."""

    def __init__(self):
        self.size = 0
        self.roots = []

    def append(self, leaf):
        """Adds the next leaf hash."""
        if self.size == MAX_SIZE:
            raise ValueError("the tree is full")
        bits = self.size
        while bits & 1:  # each trailing 1 is a subtree as large as the one at hand: join them
            leaf = node_hash(self.roots.pop(), leaf)
            bits >>= 1
        self.roots.append(leaf)
        self.size += 1

    def root(self):
        """The root of the whole tree; of an empty one, the hash of nothing (RFC 9162 section 2.1.1)."""
        if not self.roots:
            return sha256(b"").digest()
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = node_hash(left, root)
        return root

    def to_bytes(self):
        return self.size.to_bytes(4, "little") + b"".join(self.roots)

    @staticmethod
    def from_bytes(content):
        """The edge that to_bytes wrote. Raises ValueError for any other bytes."""
        edge = Edge()
        edge.size = int.from_bytes(content[:4], "little")
        if edge.size > MAX_SIZE or len(content) != edge_bytes(edge.size):
            raise ValueError("an edge is a size and a hash for each 1 bit of it")
        edge.roots = [bytes(content[i : i + HASH_BYTES]) for i in range(4, len(content), HASH_BYTES)]
        return edge


def edge_bytes(size):
    """The length of to_bytes() of a tree of this size."""
    return 4 + HASH_BYTES * bin(size).count("1")
