"""The published folder: what it holds, a crash at every operation on a file, and histories that do not fit."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from packseal.errors import EvidenceError, Reason, UnavailableError
from packseal.io.files import Files
from packseal.io.log_client import FolderLog
from packseal.io.tile_store import TileStore
from packseal.records.merkle import verify_consistency
from packseal.records.note import unverified_log_checkpoint
from packseal.records.passport_log import EntryKind, Tile, consistency_proof
from tests.log.station import Station, contents, key_act, reader_of, receipt_entry, root_of, signed_note

SIZES = (3, 255, 256, 300, 600)


class PowerCut(BaseException):
    """The machine is off: nothing after this runs."""


class CutFiles(Files):
    """Files whose power is cut at operation number `cut`; a write is left half done."""

    def __init__(self, cut: int) -> None:
        self.cut, self.done = cut, 0

    def _count(self) -> None:
        if self.done == self.cut:
            raise PowerCut
        self.done += 1

    def write(self, path: Path, content: bytes) -> None:
        if self.done == self.cut:
            path.write_bytes(content[: len(content) // 2])
        self._count()
        super().write(path, content)

    def rename(self, old: Path, new: Path) -> None:
        self._count()
        super().rename(old, new)

    def make_folder(self, path: Path) -> None:
        self._count()
        super().make_folder(path)

    def sync_folder(self, path: Path) -> None:
        self._count()
        super().sync_folder(path)

    def remove_folder(self, path: Path) -> None:
        self._count()
        super().remove_folder(path)


def station_of(folder: Path, *sizes: int) -> Station:
    station = Station(folder)
    for size in sizes:
        station.grow(size - len(station.entries))
        station.publish()
    return station


def refused(act: Callable[[], object]) -> EvidenceError:
    with pytest.raises(EvidenceError) as refusal:
        act()
    return refusal.value


def is_readable(folder: Path, station: Station) -> bool:
    """A stranger reads all that the checkpoint covers, and it is what the database holds."""
    reader = reader_of(FolderLog(folder))
    checkpoint, _ = reader.checkpoint()
    found = [entry.to_bytes() for _, entry in reader.entries(reader.tiles(checkpoint), 0)]
    return found == station.entries[: checkpoint.size]


def test_the_files_of_a_log_as_it_grows(tmp_path: Path) -> None:
    station_of(tmp_path, 3, 256, 300)
    assert set(contents(tmp_path)) == {
        "checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"
    }  # fmt: skip
    assert len((tmp_path / "tile/0/000").read_bytes()) == 8192


def test_an_empty_log_has_a_checkpoint_alone(tmp_path: Path) -> None:
    station = Station(tmp_path / "log")
    station.publish()
    assert set(contents(tmp_path / "log")) == {"checkpoint"}
    assert is_readable(tmp_path / "log", station)


def test_every_size_can_be_read_and_old_checkpoints_keep_their_tiles(tmp_path: Path) -> None:
    station, reader = Station(tmp_path), reader_of(FolderLog(tmp_path))
    checkpoints = []
    for size in (1, 2, 255, 256, 257, 511, 513):
        station.grow(size - len(station.entries))
        checkpoints.append(unverified_log_checkpoint(station.publish()))
        for checkpoint in checkpoints:
            found = [entry.to_bytes() for _, entry in reader.entries(reader.tiles(checkpoint), 0)]
            assert found == station.entries[: checkpoint.size]


def test_publishing_again_changes_the_note_alone(tmp_path: Path) -> None:
    station = station_of(tmp_path, *SIZES)
    before = {path: (tmp_path / path).stat().st_mtime_ns for path in contents(tmp_path) if path != "checkpoint"}
    station.publish()
    assert before == {path: (tmp_path / path).stat().st_mtime_ns for path in before}


def test_power_is_cut_at_every_operation(tmp_path: Path) -> None:
    """After each cut a stranger reads the old tree or the new one, and the next publish ends as without the cut."""
    whole = contents(station_of(tmp_path / "whole", 250, 600).store.folder)
    station_of(tmp_path / "old", 250)
    cut, is_done = 0, False
    while not is_done:
        folder = tmp_path / f"cut-{cut}"
        shutil.copytree(tmp_path / "old", folder)
        station = Station(folder, CutFiles(cut))
        station.grow(600)
        try:
            station.publish()
            is_done = True
        except PowerCut:
            cut += 1
        assert is_readable(folder, station)
        again = Station(folder)
        again.grow(600)
        again.publish()
        assert without_leftovers(folder) == whole, f"cut at operation {cut}"
    assert cut > 20


def without_leftovers(folder: Path) -> dict[str, bytes]:
    """What a cut leaves for ever are partial tiles beside their full ones, which are right and which nobody misses."""
    found = contents(folder)
    leftovers = {path for path in found if ".p/" in path and path.partition(".p/")[0] in found}
    assert all(found[path.partition(".p/")[0]].startswith(found[path]) for path in leftovers)
    return {path: content for path, content in found.items() if path not in leftovers}


def test_a_first_publish_cut_at_every_operation(tmp_path: Path) -> None:
    whole = contents(station_of(tmp_path / "whole", 300).store.folder)
    for cut in range(100):
        station = Station(tmp_path / "log", CutFiles(cut))
        station.grow(300)
        try:
            station.publish()
            break
        except PowerCut:
            assert station.store.read("checkpoint") is None or is_readable(tmp_path / "log", station)
    else:
        pytest.fail("never done")
    assert contents(tmp_path / "log") == whole


@pytest.mark.parametrize(
    "missing", ["checkpoint", "tile", "tile/0", "tile/1", "tile/0/002.p", "tile/entries", "tile/0/000"]
)
def test_what_somebody_removed_is_made_again(tmp_path: Path, missing: str) -> None:
    station = station_of(tmp_path / "log", 600)
    whole = contents(tmp_path / "log")
    path = tmp_path / "log" / missing
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    (tmp_path / "log" / "checkpoint").unlink(missing_ok=True)
    station.publish()
    assert contents(tmp_path / "log") == whole


@pytest.mark.parametrize("missing", ["tile", "tile/1", "tile/0/002.p"])
def test_a_missing_edge_is_noticed_without_being_told(tmp_path: Path, missing: str) -> None:
    station = station_of(tmp_path / "log", 600)
    shutil.rmtree(tmp_path / "log" / missing)
    station.grow(10)
    station.publish()
    whole = contents(station_of(tmp_path / "whole", 610).store.folder)
    assert whole.items() <= contents(tmp_path / "log").items()


def test_a_damaged_checkpoint_is_made_again(tmp_path: Path) -> None:
    station = station_of(tmp_path, 300)
    (tmp_path / "checkpoint").write_bytes(b"\x00")
    station.publish()
    assert is_readable(tmp_path, station)


@pytest.mark.parametrize("changed", [0, 255, 256, 299])
def test_a_database_that_tells_another_story_is_a_fork(tmp_path: Path, changed: int) -> None:
    """Entries below the published size changed, also where the next tiles alone would not show it."""
    station = station_of(tmp_path, 300)
    before = contents(tmp_path)
    station.grow(400)
    true, station.entries[changed] = station.entries[changed], key_act("pack-1", b"put in later")
    assert refused(station.publish).reason in {Reason.FORK, Reason.ROOT_MISMATCH}
    assert contents(tmp_path)["checkpoint"] == before["checkpoint"]
    assert {path: content for path, content in contents(tmp_path).items() if path in before} == before
    station.entries[changed] = true
    station.publish()
    assert is_readable(tmp_path, station), "the attempt left nothing that is in the way of the true story"


def test_a_rebuild_that_finds_another_story_keeps_the_checkpoint(tmp_path: Path) -> None:
    station = station_of(tmp_path, 300)
    shutil.rmtree(tmp_path / "tile")
    station.entries[3] = key_act("pack-1", b"put in later")
    checkpoint = (tmp_path / "checkpoint").read_bytes()
    assert refused(station.publish).reason == Reason.FORK
    assert (tmp_path / "checkpoint").read_bytes() == checkpoint


def test_a_smaller_log_is_a_fork(tmp_path: Path) -> None:
    station = station_of(tmp_path, 300)
    before = contents(tmp_path)
    error = refused(lambda: station.publish(299))
    assert error.reason == Reason.FORK
    assert "restore the database" in error.detail
    assert contents(tmp_path) == before


def test_a_note_that_does_not_fit_the_entries_is_not_published(tmp_path: Path) -> None:
    station = station_of(tmp_path, 3)
    before = (tmp_path / "checkpoint").read_bytes()
    station.grow(2)
    other = signed_note([receipt_entry(number) for number in range(10, 15)])
    assert refused(lambda: station.store.publish(5, station.leaves, other)).reason == Reason.ROOT_MISMATCH
    assert refused(lambda: station.store.publish(4, station.leaves, other)).reason == Reason.WRONG_SIZE
    six = signed_note([*station.entries, receipt_entry(9)])
    assert refused(lambda: station.store.publish(6, station.leaves, six)).reason == Reason.MISSING_ENTRIES
    assert (tmp_path / "checkpoint").read_bytes() == before
    station.publish()
    assert is_readable(tmp_path, station)


def test_tiles_come_first_so_that_witnesses_sign_before_anybody_reads(tmp_path: Path) -> None:
    station = station_of(tmp_path, 300)
    checkpoint = (tmp_path / "checkpoint").read_bytes()
    station.grow(300)
    assert station.store.write_tiles(600, station.leaves) == root_of(station.entries)
    assert (tmp_path / "checkpoint").read_bytes() == checkpoint
    assert is_readable(tmp_path, station)
    proof = consistency_proof(station.store.reader(600), 300, 600, 600)
    verify_consistency((300, 600), proof, (root_of(station.entries[:300]), root_of(station.entries)))
    station.publish()
    found = contents(tmp_path)
    assert found == contents(station_of(tmp_path / "whole", 300, 600).store.folder)


def test_no_root_is_given_for_a_story_that_contradicts_the_published_one(tmp_path: Path) -> None:
    station = station_of(tmp_path, 300)
    station.entries[299] = key_act("pack-1", b"put in later")
    station.grow(10)
    assert refused(lambda: station.store.write_tiles(310, station.leaves)).reason == Reason.FORK
    assert refused(lambda: station.store.write_tiles(299, station.leaves)).reason == Reason.FORK


def test_a_log_larger_than_one_batch(tmp_path: Path) -> None:
    station = Station(tmp_path / "log", QuickFiles())
    station.grow(65_536 + 300)
    note = station.note()
    asked: list[tuple[int, int]] = []

    def leaves(start: int, stop: int) -> Sequence[bytes]:
        asked.append((start, stop))
        return station.leaves(start, stop)

    station.store.publish(len(station.entries), leaves, note)
    assert asked == [(0, 65_536), (65_536, 65_836)]
    assert is_readable(tmp_path / "log", station)


class QuickFiles(Files):
    """Does not wait for the disk: for a test of many files whose power is not cut."""

    def write(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)


def test_only_paths_of_a_log_are_read(tmp_path: Path) -> None:
    station = station_of(tmp_path / "log", 300)
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "log/other").write_bytes(b"other")
    (tmp_path / "log/tile/0/000.new").write_bytes(b"unfinished")
    for path in ("../secret", "other", "tile/0/000.new", "tile/0", "", ".", "tile/0/002", "tile/0/../../checkpoint",
                 "/etc/passwd", "checkpoint/", "tile/0/000/000", "\x00", "tile/0/000.p/3"):  # fmt: skip
        assert station.store.read(path) is None, path
    assert station.store.read("tile/0/000") == (tmp_path / "log/tile/0/000").read_bytes()


def test_a_disk_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"a file where the folder should be")
    station = Station(tmp_path / "log")
    station.grow(1)
    with pytest.raises(UnavailableError, match=r"log: .*; check the disk"):
        station.publish()


def test_entries_of_all_kinds_come_back(tmp_path: Path) -> None:
    station = Station(tmp_path)
    station.grow(2)
    station.entries.append(key_act("pack-1", b"act"))
    station.publish()
    reader = reader_of(FolderLog(tmp_path))
    checkpoint, _ = reader.checkpoint()
    (found,) = [entry for _, entry in reader.entries(reader.tiles(checkpoint), 2)]
    assert (found.kind, found.to_bytes()) == (EntryKind.KEY_ACT, station.entries[2])
    assert TileStore(tmp_path).read(Tile(0, 0, 3).path) is not None
