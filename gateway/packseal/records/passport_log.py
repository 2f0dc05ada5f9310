"""The passport service's own log: its entries, and the tiles that its tree is kept in (C2SP tlog-tiles).

Decides what an entry is, which tiles make up a tree, and how root and proofs come out of a few tiles: at most one or
two of each level, whatever the size of the log. Tiles are read by a function; where they lie is for others to know.
The tree is that of RFC 9162, and merkle.verify_inclusion and verify_consistency check what is computed here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from packseal.errors import EvidenceError, Reason
from packseal.records.merkle import HASH_BYTES, Edge, leaf_hash
from packseal.records.note import MAX_LOG_SIZE, LogCheckpoint

TAG_BYTES = 16
ENTRY_BYTES = 1 + TAG_BYTES + HASH_BYTES
NO_TAG = bytes(TAG_BYTES)
SUBJECT = b"packseal/subject/1\x00"

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
ENTRIES = -1  # the level of entry bundles, which lie beside the tiles of level 0
LENGTH_BYTES = 2  # before each entry of a bundle (tlog-tiles, Log entries)
KEPT_TILES = 256  # 2 MB: the way up from any tile, and those beside it

_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]|[1-5][0-9]|6[0-3])/(?P<index>(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?"
)


class EntryKind(IntEnum):
    RECEIPT = 1
    KEY_ACT = 2
    STATEMENT = 3


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One leaf: which kind of statement was signed, whose battery it concerns, and the statement's SHA-256."""

    kind: EntryKind
    tag: bytes
    digest: bytes

    def __post_init__(self) -> None:
        if len(self.tag) != TAG_BYTES or len(self.digest) != HASH_BYTES:
            raise ValueError(f"a tag has {TAG_BYTES} bytes, a digest {HASH_BYTES}")
        if self.kind == EntryKind.RECEIPT and self.tag != NO_TAG:
            raise ValueError("the entry of a receipt names no battery")

    def to_bytes(self) -> bytes:
        return bytes([self.kind]) + self.tag + self.digest

    @classmethod
    def from_bytes(cls, content: bytes) -> LogEntry:
        """The entry of exactly these bytes. Raises EvidenceError(MALFORMED)."""
        try:
            if len(content) != ENTRY_BYTES:
                raise ValueError(f"{len(content)} bytes instead of {ENTRY_BYTES}")
            return cls(EntryKind(content[0]), content[1 : 1 + TAG_BYTES], content[1 + TAG_BYTES :])
        except ValueError as error:
            raise EvidenceError(Reason.MALFORMED, f"not an entry of a passport log: {error}") from None


def subject_tag(battery: str) -> bytes:
    """What stands for a battery in the log: its owner finds it, and nobody reads the battery's name out of it."""
    return hashlib.sha256(SUBJECT + battery.encode()).digest()[:TAG_BYTES]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    return b"".join(len(entry).to_bytes(LENGTH_BYTES, "big") + entry for entry in entries)


def decode_bundle(content: bytes) -> list[bytes]:
    """The entries of a bundle, all of our length. Raises EvidenceError(MALFORMED)."""
    step = LENGTH_BYTES + ENTRY_BYTES
    entries = [content[at + LENGTH_BYTES : at + step] for at in range(0, len(content), step)]
    if encode_bundle(entries) != content or any(len(entry) != ENTRY_BYTES for entry in entries):
        raise EvidenceError(Reason.MALFORMED, f"a bundle of other than entries of {ENTRY_BYTES} bytes")
    return entries


@dataclass(frozen=True, slots=True)
class Tile:
    """Which tile: level 0 holds leaf hashes, level n + 1 the roots of full tiles of level n (ENTRIES: the entries)."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Where it is served (tlog-tiles, Merkle Tree): index 1234067 is x001/x234/067."""
        groups = f"{self.index:,}".split(",")
        names = [f"x{int(group):03d}" for group in groups[:-1]] + [f"{int(groups[-1]):03d}"]
        level = "entries" if self.level == ENTRIES else str(self.level)
        return f"tile/{level}/{'/'.join(names)}" + (f".p/{self.width}" if self.width < TILE_WIDTH else "")

    @classmethod
    def from_path(cls, path: str) -> Tile:
        """The tile whose one path this is. Raises ValueError for any other text."""
        match = _PATH.fullmatch(path)
        if match is None:
            raise ValueError("not the path of a tile")
        level = ENTRIES if match["level"] == "entries" else int(match["level"])
        tile = cls(level, int(match["index"].replace("x", "").replace("/", "")), int(match["width"] or TILE_WIDTH))
        if not 0 < tile.width <= TILE_WIDTH or tile.path != path:
            raise ValueError("not the path of a tile")
        return tile

    @property
    def size_bytes(self) -> int:
        return self.width * (LENGTH_BYTES + ENTRY_BYTES if self.level == ENTRIES else HASH_BYTES)


class TileReader(Protocol):
    """Gives the hashes of a tile, width times 32 bytes."""

    def __call__(self, level: int, index: int, width: int, /) -> bytes: ...


def edge_tiles(size: int) -> list[Tile]:
    """The partial tile of each level where there is one: together they give the root of the tree."""
    levels = range(-(-size.bit_length() // TILE_HEIGHT))
    edge = [
        Tile(level, size >> TILE_HEIGHT * (level + 1), (size >> TILE_HEIGHT * level) % TILE_WIDTH) for level in levels
    ]
    return [tile for tile in edge if tile.width]


def tile_at(level: int, index: int, size: int) -> Tile:
    """The tile as a tree of this size has it. Raises ValueError where it has none."""
    width = min(TILE_WIDTH, (size >> TILE_HEIGHT * max(level, 0)) - index * TILE_WIDTH)
    if index < 0 or width <= 0:
        raise ValueError(f"no tile {index} of level {level} in a tree of {size}")
    return Tile(level, index, width)


def root_at(read: TileReader, size: int, tree_size: int) -> bytes:
    """The root of the first `size` leaves, out of the tiles of a tree of tree_size."""
    return _Subtrees(read, size, tree_size).root(0, size)


def edge_at(read: TileReader, size: int, tree_size: int) -> Edge:
    """The complete subtrees of the first `size` leaves, to go on appending to them."""
    return _Subtrees(read, size, tree_size).edge(0, size)


def inclusion_proof(read: TileReader, index: int, size: int, tree_size: int) -> list[bytes]:
    """The audit path of a leaf among the first `size` (RFC 9162 section 2.1.3.1), lowest node first."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    subtrees = _Subtrees(read, size, tree_size)
    return [subtrees.root(start, stop) for start, stop in reversed(list(_siblings(index, size)))]


def consistency_proof(read: TileReader, old_size: int, size: int, tree_size: int) -> list[bytes]:
    """That the first old_size leaves begin the first `size` (RFC 9162 section 2.1.4.1)."""
    if not 0 < old_size <= size:
        raise ValueError(f"no tree of {old_size} in one of {size}")
    subtrees = _Subtrees(read, size, tree_size)
    start, stop, beside = 0, size, []
    while stop != old_size:
        split = start + _split(stop - start)
        if old_size <= split:
            beside.append((split, stop))
            stop = split
        else:
            beside.append((start, split))
            start = split
    shared = [(start, stop)] if start else []  # the old root itself, which its reader has, is left out
    return [subtrees.root(*span) for span in [*shared, *reversed(beside)]]


def _split(count: int) -> int:
    """The largest power of two below count (RFC 9162 section 2.1.1)."""
    return 1 << (count - 1).bit_length() - 1


def _siblings(index: int, size: int) -> Iterator[tuple[int, int]]:
    """The leaves beside the way from the root down to a leaf."""
    start, stop = 0, size
    while stop - start > 1:
        split = start + _split(stop - start)
        if index < split:
            yield split, stop
            stop = split
        else:
            yield start, split
            start = split


class _Subtrees:
    """Roots of spans of leaves; reads each tile once."""

    def __init__(self, read: TileReader, size: int, tree_size: int) -> None:
        if not 0 <= size <= tree_size < MAX_LOG_SIZE:
            raise ValueError(f"no tree of {size} in one of {tree_size}")
        self._read, self._tree_size = read, tree_size
        self._tiles: dict[tuple[int, int], bytes] = {}

    def root(self, start: int, stop: int) -> bytes:
        return self.edge(start, stop).root()

    def edge(self, start: int, stop: int) -> Edge:
        """start is a multiple of the span's length rounded up to a power of two, as in every tree of RFC 9162."""
        size, roots, at = stop - start, [], start
        for height in reversed(range(size.bit_length())):
            if size >> height & 1:
                roots.append(self._complete(height, at >> height))
                at += 1 << height
        return Edge(size, tuple(roots))

    def _complete(self, height: int, index: int) -> bytes:
        """The root of 2^height leaves, out of the tile that holds their hashes or roots."""
        level, depth = divmod(height, TILE_HEIGHT)
        tile_index, first = divmod(index << depth, TILE_WIDTH)
        content = self._tile(level, tile_index)
        return Edge().extended(_hashes(content)[first : first + (1 << depth)]).root()

    def _tile(self, level: int, index: int) -> bytes:
        content = self._tiles.get((level, index))
        if content is None:
            tile = tile_at(level, index, self._tree_size)
            content = self._tiles[level, index] = _checked_length(tile, self._read(level, index, tile.width))
        return content


class VerifiedTiles:
    """Tiles of a signed tree, each checked against its root before it is given out. Itself a TileReader.

    The partial tiles at the tree's edge give its root; any full tile is a hash in the tile above it.
    """

    def __init__(self, read: TileReader, checkpoint: LogCheckpoint) -> None:
        """Reads the edge. Raises EvidenceError(ROOT_MISMATCH) unless it is what was signed."""
        self._read, self.size = read, checkpoint.size
        edge = edge_tiles(self.size)
        self._edge = {(t.level, t.index): _checked_length(t, read(t.level, t.index, t.width)) for t in edge}
        self._inner: dict[tuple[int, int], bytes] = {}
        if root_at(self._edge_tile, self.size, self.size) != checkpoint.root:
            raise EvidenceError(Reason.ROOT_MISMATCH, f"the tiles of size {self.size} are not those of the signed root")

    def __call__(self, level: int, index: int, width: int) -> bytes:
        """Raises EvidenceError(ROOT_MISMATCH), ValueError for a tile that this tree does not have."""
        if tile_at(level, index, self.size).width != width:
            raise ValueError(f"tile {index} of level {level} has another width in a tree of {self.size}")
        return self._edge_tile(level, index, width) if width < TILE_WIDTH else self._full(level, index)

    def verified_entries(self, index: int, bundle: bytes) -> list[LogEntry]:
        """The entries of the bundle beside tile `index` of level 0. Raises EvidenceError (MALFORMED, ROOT_MISMATCH)."""
        entries = decode_bundle(bundle)
        leaves = b"".join(leaf_hash(entry) for entry in entries)
        if leaves != self(0, index, tile_at(0, index, self.size).width):
            raise EvidenceError(Reason.ROOT_MISMATCH, f"the entries of bundle {index} are not those of the signed root")
        return [LogEntry.from_bytes(entry) for entry in entries]

    def _edge_tile(self, level: int, index: int, _width: int) -> bytes:
        return self._edge[level, index]

    def _full(self, level: int, index: int) -> bytes:
        content = self._inner.get((level, index))
        if content is None:
            above, place = divmod(index, TILE_WIDTH)
            expected = _hashes(self(level + 1, above, tile_at(level + 1, above, self.size).width))[place]
            content = _checked_length(Tile(level, index), self._read(level, index, TILE_WIDTH))
            if Edge().extended(_hashes(content)).root() != expected:
                raise EvidenceError(Reason.ROOT_MISMATCH, f"{Tile(level, index).path} is not of the signed root")
            if len(self._inner) >= KEPT_TILES:
                del self._inner[next(iter(self._inner))]
            self._inner[level, index] = content
        return content


def changed_tiles(read: TileReader, old_size: int, leaves: Sequence[bytes]) -> dict[Tile, bytes]:
    """The tiles that come about when leaf hashes are appended; read gives the edge of the old tree.

    Every full tile is new here for ever; of the partial ones only those of the new size come out, not those between.
    """
    changed: dict[Tile, bytes] = {}
    hashes, level, count = list(leaves), 0, old_size
    while hashes:
        index, present = divmod(count, TILE_WIDTH)
        if present:
            hashes[:0] = _hashes(_checked_length(Tile(level, index, present), read(level, index, present)))
        rows = [hashes[at : at + TILE_WIDTH] for at in range(0, len(hashes), TILE_WIDTH)]
        changed |= {Tile(level, index + n, len(row)): b"".join(row) for n, row in enumerate(rows)}
        hashes = [Edge().extended(row).root() for row in rows if len(row) == TILE_WIDTH]
        level, count = level + 1, count >> TILE_HEIGHT
    return changed


def _hashes(content: bytes) -> list[bytes]:
    return [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]


def _checked_length(tile: Tile, content: bytes) -> bytes:
    if len(content) != tile.size_bytes:
        words = f"{tile.path} has {len(content)} bytes instead of {tile.size_bytes}"
        raise EvidenceError(Reason.MALFORMED, words)
    return content
