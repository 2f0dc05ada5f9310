"""Entries, tile paths, and proofs out of tiles: those out of all leaves, and at sizes too large to have all leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import EvidenceError, Reason
from packseal.records import merkle
from packseal.records.merkle import EMPTY_ROOT, Edge, verify_consistency, verify_inclusion
from packseal.records.note import LogCheckpoint
from packseal.records.passport_log import (
    ENTRIES,
    NO_TAG,
    EntryKind,
    LogEntry,
    Tile,
    VerifiedTiles,
    changed_tiles,
    consistency_proof,
    decode_bundle,
    edge_at,
    edge_tiles,
    encode_bundle,
    inclusion_proof,
    root_at,
    subject_tag,
    tile_at,
)
from tests.log.station import ORIGIN, key_act, receipt_entry, root_of

SIZES = st.one_of(st.integers(1, 700), st.sampled_from([1, 2, 255, 256, 257, 511, 512, 513, 700]))
LEAVES = [hashlib.sha256(b"%d" % number).digest() for number in range(70_000)]


class Shelf:
    """Tiles in memory; counts what is read."""

    def __init__(self, tiles: Mapping[Tile, bytes]) -> None:
        self.tiles, self.reads = dict(tiles), 0

    def __call__(self, level: int, index: int, width: int) -> bytes:
        self.reads += 1
        return self.tiles[Tile(level, index, width)]


def shelf_of(size: int) -> Shelf:
    return Shelf(changed_tiles(Shelf({}), 0, LEAVES[:size]))


@cache
def large_shelf() -> Shelf:
    return shelf_of(70_000)


class EqualLeaves:
    """A tree of any size whose leaves are all the same, so that each level has one hash: tiles without the leaves."""

    def __init__(self) -> None:
        self.reads, self._hashes = 0, [LEAVES[0]]
        for _ in range(48):
            self._hashes.append(merkle.node_hash(self._hashes[-1], self._hashes[-1]))

    def __call__(self, level: int, _index: int, width: int) -> bytes:
        self.reads += 1
        return self._hashes[8 * level] * width

    def root(self, size: int) -> bytes:
        heights = [height for height in reversed(range(48)) if size >> height & 1]
        return Edge(size, tuple(self._hashes[height] for height in heights)).root()


@given(st.sampled_from(EntryKind), st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32))
def test_every_entry_comes_back(kind: EntryKind, tag: bytes, digest: bytes) -> None:
    entry = LogEntry(kind, NO_TAG if kind == EntryKind.RECEIPT else tag, digest)
    assert len(entry.to_bytes()) == 49
    assert LogEntry.from_bytes(entry.to_bytes()) == entry


@pytest.mark.parametrize(
    "content",
    [b"", bytes(49), b"\x04" + bytes(48), b"\x01" + b"\x01" * 48, b"\x02" + bytes(47), b"\x02" + bytes(49)],
    ids=["nothing", "kind 0", "kind 4", "a receipt with a tag", "48 bytes", "50 bytes"],
)
def test_other_bytes_are_no_entry(content: bytes) -> None:
    with pytest.raises(EvidenceError) as refusal:
        LogEntry.from_bytes(content)
    assert refusal.value.reason == Reason.MALFORMED


def test_the_tag_of_a_battery_is_as_documented() -> None:
    assert subject_tag("pack-1") == hashlib.sha256(b"packseal/subject/1\0pack-1").digest()[:16]


@given(st.integers(0, 256))
def test_bundles_come_back(count: int) -> None:
    entries = [receipt_entry(number) for number in range(count)]
    assert decode_bundle(encode_bundle(entries)) == entries


@given(st.integers(1, 5), st.data())
def test_a_bundle_cut_or_with_other_lengths_is_malformed(count: int, data: st.DataObject) -> None:
    content = encode_bundle([receipt_entry(number) for number in range(count)])
    cut = data.draw(st.integers(1, len(content) - 1).filter(lambda at: at % 51))
    for broken in (
        content[:cut],
        content + b"\x00",
        b"\x00\x01" + content,
        content[:-51] + b"\x00\x30" + content[-49:],
    ):
        with pytest.raises(EvidenceError) as refusal:
            decode_bundle(broken)
        assert refusal.value.reason == Reason.MALFORMED


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 1_234_067), "tile/1/x001/x234/067"),
        (Tile(0, 273, 112), "tile/0/273.p/112"),
        (Tile(ENTRIES, 1000, 1), "tile/entries/x001/000.p/1"),
        (Tile(63, 999), "tile/63/999"),
    ],
)
def test_paths_of_the_specification(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert Tile.from_path(path) == tile


@given(st.integers(-1, 63), st.integers(0, (1 << 40) - 1), st.integers(1, 256))
def test_every_tile_has_one_path(level: int, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert Tile.from_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "", "tile", "tile/0", "tile/0/0", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/0/x000/000",
        "tile/0/x001/x234", "tile/0/001/002", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p",
        "tile/0/000/", "/tile/0/000", "tile/0/../0/000", "tile/0/000\n", "tile/0/\u0660\u0660\u0660",
        "tile/entries/000.p/1/2",
        "tile/Entries/000", "tile/0/x1/000", "checkpoint", "tile/0/000.new",
    ],
)  # fmt: skip
def test_no_other_text_is_a_path(path: str) -> None:
    with pytest.raises(ValueError, match="not the path"):
        Tile.from_path(path)


@given(st.text("tile/entries0123456789x.p", max_size=30))
def test_a_path_that_is_read_is_the_path_that_is_written(path: str) -> None:
    try:
        assert Tile.from_path(path).path == path
    except ValueError as error:
        assert "not the path" in str(error)  # noqa: PT017 - most texts are refused, and that is as right


def test_the_tiles_of_the_specifications_example() -> None:
    """tlog-tiles, Partial Tiles: a tree of 70,000."""
    tiles = set(large_shelf().tiles)
    assert tiles == {Tile(0, n) for n in range(273)} | {
        Tile(0, 273, 112), Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)
    }  # fmt: skip
    assert edge_tiles(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert edge_tiles(256) == [Tile(1, 0, 1)]
    assert edge_tiles(0) == []


@given(st.lists(st.integers(1, 400), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None)
def test_growing_in_pieces_gives_the_tiles_of_each_size(pieces: list[int]) -> None:
    shelf, size = Shelf({}), 0
    for piece in pieces:
        changed = changed_tiles(shelf, size, LEAVES[size : size + piece])
        assert not any(shelf.tiles.get(tile, content) != content for tile, content in changed.items())
        shelf.tiles |= changed
        size += piece
        assert all(shelf.tiles[tile] == content for tile, content in shelf_of(size).tiles.items())


@given(SIZES, st.data())
@settings(max_examples=60, deadline=None)
def test_proofs_are_those_out_of_all_leaves(tree_size: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, tree_size))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    shelf = shelf_of(tree_size)
    assert edge_at(shelf, size, tree_size) == Edge().extended(LEAVES[:size])
    assert root_at(shelf, size, tree_size) == Edge().extended(LEAVES[:size]).root()
    assert inclusion_proof(shelf, index, size, tree_size) == merkle.inclusion_proof(LEAVES[:size], index)
    assert consistency_proof(shelf, old, size, tree_size) == merkle.consistency_proof(LEAVES[:size], old)


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 65_792, 69_999, 70_000])
def test_proofs_across_the_second_level(size: int) -> None:
    shelf = large_shelf()
    root = Edge().extended(LEAVES[:size]).root()
    assert root_at(shelf, size, 70_000) == root
    for index in (0, 255, 256, 65_279, size - 1):
        proof = inclusion_proof(shelf, index, size, 70_000)
        verify_inclusion(LEAVES[index], index, size, proof, root)
    for old in (1, 255, 256, 257, 65_535, size):
        proof = consistency_proof(shelf, old, size, 70_000)
        verify_consistency((old, size), proof, (root_at(shelf, old, 70_000), root))


@given(st.integers(1, (1 << 48) - 1), st.data())
def test_proofs_of_any_size_read_few_tiles(tree_size: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, tree_size))
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    tree = EqualLeaves()
    assert root_at(tree, size, tree_size) == tree.root(size)
    verify_inclusion(LEAVES[0], index, size, inclusion_proof(tree, index, size, tree_size), tree.root(size))
    proof = consistency_proof(tree, old, size, tree_size)
    verify_consistency((old, size), proof, (tree.root(old), tree.root(size)))
    assert tree.reads <= 6 + 12 + 12, "one tile of each of six levels for a root, two for a proof"


def test_an_empty_tree() -> None:
    assert root_at(Shelf({}), 0, 0) == EMPTY_ROOT
    assert VerifiedTiles(Shelf({}), LogCheckpoint(ORIGIN, 0, EMPTY_ROOT)).size == 0


@pytest.mark.parametrize(("size", "tree_size"), [(2, 1), (-1, 1), (1, 1 << 48)])
def test_sizes_outside_the_tree_are_the_callers_mistake(size: int, tree_size: int) -> None:
    with pytest.raises(ValueError, match="no tree"):
        root_at(Shelf({}), size, tree_size)


def verified(shelf: Shelf, size: int) -> VerifiedTiles:
    return VerifiedTiles(shelf, LogCheckpoint(ORIGIN, size, Edge().extended(LEAVES[:size]).root()))


def test_verified_tiles_are_the_tiles() -> None:
    shelf = large_shelf()
    tiles = verified(shelf, 70_000)
    assert all(tiles(tile.level, tile.index, tile.width) == content for tile, content in shelf.tiles.items())
    assert inclusion_proof(tiles, 300, 70_000, 70_000) == inclusion_proof(shelf, 300, 70_000, 70_000)


@given(st.sampled_from(sorted(shelf_of(700).tiles, key=lambda tile: tile.path)), st.data())
def test_one_changed_bit_of_any_tile_is_never_given_out(tile: Tile, data: st.DataObject) -> None:
    shelf = shelf_of(700)
    at = data.draw(st.integers(0, len(shelf.tiles[tile]) - 1))
    content = shelf.tiles[tile]
    shelf.tiles[tile] = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    with pytest.raises(EvidenceError) as refusal:
        verified(shelf, 700)(tile.level, tile.index, tile.width)
    assert refusal.value.reason == Reason.ROOT_MISMATCH


@pytest.mark.parametrize("length", [0, 8191, 8193, 32])
def test_a_tile_of_another_length_is_malformed(length: int) -> None:
    shelf = shelf_of(700)
    shelf.tiles[Tile(0, 1)] = (shelf.tiles[Tile(0, 1)] * 2)[:length]
    with pytest.raises(EvidenceError) as refusal:
        verified(shelf, 700)(0, 1, 256)
    assert refusal.value.reason == Reason.MALFORMED


def test_a_tile_that_the_tree_does_not_have_is_the_callers_mistake() -> None:
    tiles = verified(shelf_of(700), 700)
    for level, index, width in ((0, 2, 187), (0, 3, 1), (2, 0, 1), (1, 0, 256)):
        with pytest.raises(ValueError, match="tile"):
            tiles(level, index, width)


def test_entries_are_checked_against_the_signed_root() -> None:
    entries = [receipt_entry(number) for number in range(299)] + [key_act("pack-1", b"act")]
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    tiles = VerifiedTiles(Shelf(changed_tiles(Shelf({}), 0, leaves)), LogCheckpoint(ORIGIN, 300, root_of(entries)))
    assert tile_at(ENTRIES, 1, 300) == Tile(ENTRIES, 1, 44)
    assert [entry.to_bytes() for entry in tiles.verified_entries(1, encode_bundle(entries[256:]))] == entries[256:]
    for wrong in (entries[256:299], entries[:44], [*entries[256:299], key_act("pack-2", b"act")]):
        with pytest.raises(EvidenceError) as refusal:
            tiles.verified_entries(1, encode_bundle(wrong))
        assert refusal.value.reason == Reason.ROOT_MISMATCH


def test_appending_goes_on_from_the_edge() -> None:
    sizes: Sequence[int] = (0, 1, 255, 256, 300, 512)
    for old, new in pairwise(sizes):
        edge = edge_at(shelf_of(old), old, old).extended(LEAVES[old:new])
        assert edge.root() == root_at(shelf_of(new), new, new)
