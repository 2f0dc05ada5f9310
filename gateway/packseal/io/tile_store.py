"""The published form of the passport service's log: tiles, entry bundles and checkpoint as files (C2SP tlog-tiles).

A projection of the service's database, and the memory of what others have seen of it: by its checkpoint a database that
was put back is known, so the folder is never deleted; tiles that are gone are made again. Every file is there whole or
not at all; tiles never change; the checkpoint comes last, after all that it covers is on the disk. So a crash leaves at
most files that the checkpoint does not cover yet, and the next publish goes on from the checkpoint.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from packseal.errors import EvidenceError, Reason, UnavailableError
from packseal.io.files import UNFINISHED, Files, write_whole
from packseal.records.merkle import leaf_hash
from packseal.records.note import LogCheckpoint, unverified_log_checkpoint
from packseal.records.passport_log import (
    ENTRIES,
    TILE_WIDTH,
    Tile,
    TileReader,
    changed_tiles,
    encode_bundle,
    root_at,
    tile_at,
)

CHECKPOINT = "checkpoint"
BATCH_LEAVES = TILE_WIDTH * TILE_WIDTH  # 3 MB of entries in memory at a time, however long the log is

LeavesReader: TypeAlias = Callable[[int, int], Sequence[bytes]]
"""Entries start to stop (exclusive) of the log, from the database."""


class TileStore:
    """One folder of one log. Any number of readers; one publisher at a time."""

    def __init__(self, folder: Path, files: Files | None = None) -> None:
        self.folder = folder
        self._files = files or Files()
        self._lock = threading.Lock()

    def read(self, path: str) -> bytes | None:
        """What is served under this path of the log; None for any path that has nothing. Raises UnavailableError."""
        if path != CHECKPOINT:
            try:
                Tile.from_path(path)
            except ValueError:
                return None
        try:
            return (self.folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unavailable(error) from None

    def published(self) -> LogCheckpoint | None:
        """The tree of the checkpoint that is there, by whomever it is signed; None where none is to go on from."""
        note = self.read(CHECKPOINT)
        try:
            return None if note is None else unverified_log_checkpoint(note)
        except EvidenceError:
            return None  # damaged: the folder is published anew from the database

    def reader(self, size: int) -> TileReader:
        """Tiles of a tree whose tiles were written; a partial one that is gone is the beginning of its full one."""

        def read(level: int, index: int, width: int) -> bytes:
            tile = Tile(level, index, width)
            content = self.read(tile.path) or self.read(Tile(level, index).path)
            if content is None:
                raise EvidenceError(Reason.MISSING_ENTRIES, f"{tile.path} of the log of {size} is missing")
            return content[: tile.size_bytes]

        return read

    def write_tiles(self, size: int, leaves: LeavesReader) -> bytes:
        """The root of the log's first `size` entries, whose tiles are on the disk now; the checkpoint is as it was.

        For the log itself, which signs this root and asks its witnesses before anybody sees it. Raises as publish does.
        """
        with self._publishing():
            self._write(size, leaves)
            return root_at(self.reader(size), size, size)

    def publish(self, size: int, leaves: LeavesReader, note: bytes) -> None:
        """Makes the folder hold the log's first `size` entries and this checkpoint, whatever it held before.

        1. What was published is the beginning of what the database holds, and not larger than it. 2. New bundles and
        tiles are written and on the disk. 3. They have the root that the note says. 4. The checkpoint takes the place
        of the old one. 5. Partial tiles whose full tile is there are removed.

        Raises UnavailableError or EvidenceError, and the checkpoint stays as it was: FORK where the folder holds
        another story than the database, MISSING_ENTRIES, ROOT_MISMATCH, WRONG_SIZE where entries and note do not fit.
        """
        checkpoint = unverified_log_checkpoint(note)
        if checkpoint.size != size:
            raise EvidenceError(Reason.WRONG_SIZE, f"a checkpoint of {checkpoint.size} for {size} entries")
        with self._publishing():
            full = self._write(size, leaves)
            if root_at(self.reader(size), size, size) != checkpoint.root:
                raise EvidenceError(Reason.ROOT_MISMATCH, f"the {size} entries do not have the root of the checkpoint")
            write_whole(self.folder / CHECKPOINT, note, self._files)
            for tile in full:
                self._remove_partial(tile)

    @contextmanager
    def _publishing(self) -> Iterator[None]:
        with self._lock:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                folder = os.open(self.folder, os.O_RDONLY)
                try:
                    fcntl.flock(folder, fcntl.LOCK_EX)  # also against an export beside the running service
                    yield
                finally:
                    os.close(folder)
            except OSError as error:
                raise self._unavailable(error) from None

    def _write(self, size: int, leaves: LeavesReader) -> list[Tile]:
        """Steps 1 and 2; the full tiles from the published size on."""
        old = self.published()
        if old is not None and old.size > size:
            raise self._fork(f"a checkpoint of {old.size} is published already, and this one is of {size}")
        start = old.size if old is not None and self._is_whole(old) else 0
        touched: set[Path] = set()
        full: list[Tile] = []
        for first, stop in _batches(start, size):
            for tile, content in self._changed(first, stop, leaves, size).items():
                self._write_once(tile, content, touched)
                full += [tile] if tile.width == TILE_WIDTH else []
        for folder in sorted(touched, reverse=True):
            self._files.sync_folder(folder)
        if old is not None and root_at(self.reader(size), old.size, size) != old.root:
            raise self._fork(f"the published checkpoint of {old.size} is not the beginning of these entries")
        return full

    def _changed(self, start: int, stop: int, leaves: LeavesReader, size: int) -> dict[Tile, bytes]:
        """Bundles and tiles of entries `start` to `stop`, whole from the bundle on that `start` falls into."""
        first = start - start % TILE_WIDTH
        entries = leaves(first, stop)
        if len(entries) != stop - first:
            words = f"{len(entries)} entries from {first} on, expected {stop - first}"
            raise EvidenceError(Reason.MISSING_ENTRIES, words)
        hashes = [leaf_hash(entry) for entry in entries]
        read = self.reader(size)
        if first < start and read(0, first // TILE_WIDTH, start - first) != b"".join(hashes[: start - first]):
            raise self._fork(f"entries {first} to {start - 1} are published with other content")
        bundles = {
            tile_at(ENTRIES, at // TILE_WIDTH, stop): encode_bundle(entries[at - first : at - first + TILE_WIDTH])
            for at in range(first, stop, TILE_WIDTH)
        }
        return bundles | changed_tiles(read, first, hashes)

    def _write_once(self, tile: Tile, content: bytes, touched: set[Path]) -> None:
        path = self.folder / tile.path
        self._make_folders(path.parent, touched)
        present = self.read(tile.path)
        if present == content:
            return  # its folder is synced all the same: a crash may have come before that
        if present is not None:
            raise self._fork(f"{tile.path} is there with other content")
        unfinished = path.with_name(path.name + UNFINISHED)
        self._files.write(unfinished, content)
        self._files.rename(unfinished, path)

    def _make_folders(self, folder: Path, touched: set[Path]) -> None:
        touched.add(folder)
        if folder != self.folder:
            self._make_folders(folder.parent, touched)
            if not folder.is_dir():
                self._files.make_folder(folder)

    def _remove_partial(self, tile: Tile) -> None:
        path = self.folder / tile.path
        partial = path.with_name(path.name + ".p")
        if partial.is_dir():
            self._files.remove_folder(partial)

    def _is_whole(self, published: LogCheckpoint) -> bool:
        """The edge that the next tiles are computed from is there and has the published root."""
        try:
            return root_at(self.reader(published.size), published.size, published.size) == published.root
        except EvidenceError:
            return False

    def _fork(self, what: str) -> EvidenceError:
        cure = "restore the database that is the newest one, and never delete this folder"
        return EvidenceError(Reason.FORK, f"{self.folder}: {what}; {cure}")

    def _unavailable(self, error: OSError) -> UnavailableError:
        words = f"{self.folder}: {error.strerror or error}; check the disk's space and the folder's rights"
        return UnavailableError(words)


def _batches(start: int, size: int) -> Iterator[tuple[int, int]]:
    """Spans that end where a tile of level 1 does, so that no partial tiles lie between them."""
    while start < size:
        stop = min(size, start - start % BATCH_LEAVES + BATCH_LEAVES)
        yield start, stop
        start = stop
