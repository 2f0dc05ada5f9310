"""Reads a log from outside, over HTTP or in a folder, and asks witnesses to cosign it.

Nothing that comes from the log is used before it is checked: the checkpoint against the log's key, every tile and every
entry against the checkpoint. Every answer has a limit in bytes and in time.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from packseal.errors import EvidenceError, Reason, UnavailableError, WitnessConflictError
from packseal.io.http_client import TIMEOUT_S, ask, checked_url
from packseal.io.tile_store import CHECKPOINT, TileStore
from packseal.records.note import MAX_NOTE_BYTES, LogCheckpoint, decode_size, verify_log_checkpoint
from packseal.records.passport_log import ENTRIES, TILE_WIDTH, LogEntry, Tile, VerifiedTiles, tile_at

MAX_TILE_BYTES = Tile(ENTRIES, 0).size_bytes
SIZE_TYPE = "text/x.tlog.size"


class LogSource(Protocol):
    """Where the files of a log are."""

    def get(self, path: str, max_bytes: int) -> bytes | None:
        """The file under this path of the log, None where there is none. Raises UnavailableError."""


class FolderLog:
    """A log in a folder, as TileStore publishes it or as it was copied from somewhere."""

    def __init__(self, folder: Path) -> None:
        self._store = TileStore(folder)

    def get(self, path: str, max_bytes: int) -> bytes | None:
        content = self._store.read(path)
        if content is not None and len(content) > max_bytes:
            raise UnavailableError(f"{self._store.folder / path}: larger than {max_bytes} bytes, so not of a log")
        return content


class HTTPLog:
    """A log under a URL prefix."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        """Raises ConfigError for anything but http:// and https://."""
        self._url, self._timeout_s = checked_url(url), timeout_s

    def get(self, path: str, max_bytes: int) -> bytes | None:
        status, _, content = ask(f"{self._url}/{path}", None, max_bytes, self._timeout_s)
        if status in (404, 410):
            return None
        if status != 200:
            raise UnavailableError(f"{self._url}/{path}: answers {status}; look at the log of that server")
        return content


class LogReader:
    """One log: its files, its name and its key."""

    def __init__(self, source: LogSource, origin: str, public_key: bytes) -> None:
        self.origin, self.public_key = origin, public_key
        self._source = source

    def checkpoint(self) -> tuple[LogCheckpoint, bytes]:
        """What the log says it is now, and the note that says so. Raises UnavailableError, EvidenceError.

        Whether it continues what was seen before, and who cosigned it, is for the caller.
        """
        note = self._source.get(CHECKPOINT, MAX_NOTE_BYTES)
        if note is None:
            raise UnavailableError(f"the log {self.origin} has no checkpoint; check its address")
        checkpoint = verify_log_checkpoint(note, self.public_key)
        if checkpoint.origin != self.origin:
            raise EvidenceError(Reason.WRONG_LOG, f"a checkpoint of {checkpoint.origin!r}, expected {self.origin!r}")
        return checkpoint, note

    def tiles(self, checkpoint: LogCheckpoint) -> VerifiedTiles:
        """The tiles of this checkpoint's tree, each checked when it is read. Raises UnavailableError, EvidenceError."""
        return VerifiedTiles(lambda level, index, width: self._tile(Tile(level, index, width)), checkpoint)

    def entries(self, tiles: VerifiedTiles, start: int) -> Iterator[tuple[int, LogEntry]]:
        """Index and entry, from `start` to the end of the tree, checked bundle by bundle. Raises as tiles does."""
        for first in range(start - start % TILE_WIDTH, tiles.size, TILE_WIDTH):
            bundle = self._tile(tile_at(ENTRIES, first // TILE_WIDTH, tiles.size))
            for index, entry in enumerate(tiles.verified_entries(first // TILE_WIDTH, bundle), first):
                if index >= start:
                    yield index, entry

    def _tile(self, tile: Tile) -> bytes:
        """A partial tile may have given way to its full one, which begins with it (tlog-tiles, Partial Tiles)."""
        content = self._source.get(tile.path, MAX_TILE_BYTES)
        if content is None and tile.width < TILE_WIDTH:
            content = self._source.get(Tile(tile.level, tile.index).path, MAX_TILE_BYTES)
            content = None if content is None else content[: tile.size_bytes]
        if content is None:
            raise EvidenceError(Reason.MISSING_ENTRIES, f"{tile.path} is covered by the signed checkpoint, but missing")
        return content


def request_cosignature(
    url: str, old_size: int, proof: Sequence[bytes], note: bytes, timeout_s: float = TIMEOUT_S
) -> bytes:
    """The witness's signature lines for this checkpoint (tlog-witness, add-checkpoint); not verified yet.

    The caller takes his line out of them with note.chosen_cosignature. Raises WitnessConflictError with the size that
    the witness knows, UnavailableError for every other refusal.
    """
    address = f"{checked_url(url)}/add-checkpoint"
    lines = [f"old {old_size}", *(base64.b64encode(node).decode() for node in proof), "", ""]
    status, kind, content = ask(address, "\n".join(lines).encode() + note, MAX_NOTE_BYTES, timeout_s)
    if status == 200:
        return content
    if status == 409 and kind == SIZE_TYPE:
        size = _size(address, content)
        if size == old_size:
            raise UnavailableError(f"{address}: has cosigned another tree of {size}; look into it before anything else")
        raise WitnessConflictError(address, size)
    raise UnavailableError(f"{address}: refuses the checkpoint with {status}: {content[:80]!r}")


def _size(address: str, content: bytes) -> int:
    try:
        return decode_size(content.decode(errors="replace").removesuffix("\n"))
    except EvidenceError:
        raise UnavailableError(f"{address}: answers 409 without the size it knows") from None
