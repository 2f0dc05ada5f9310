"""Which files of a fleet archive count: those that the manifest of a finished run names, and no others.

A run writes its files first, each whole and on the disk, and its manifest last. So a run that is killed has written
nothing that counts, and the next one clears away what it left. A manifest names the one before it by its digest.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packseal.errors import ConfigError
from packseal.io.files import UNFINISHED, Files, create_private, read_bounded

FORMAT = "packseal/fleet-archive/1"
FOLDER, LOCK = "manifest", "archive.lock"
MAX_MANIFEST_BYTES = 1 << 26
MAX_RUNS = 100_000
MAX_NOTE_BYTES = 4096
SHARDS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_NAME = re.compile(r"\d{8}\.json")
PATH = re.compile(
    r"(logs|records|deliveries)/shard=([0-9a-f]{2})/month=\d{4}-\d{2}/\d{8}-\d{4,9}\.parquet"
    r"|(public_log)/month=\d{4}-\d{2}/\d{8}-\d{4,9}\.parquet"
)


@dataclass(frozen=True, slots=True)
class FilePart:
    """path: below the archive's folder."""

    path: str
    rows: int
    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """Of one run: it added what has an index of the public log from `start` on and below `stop`.

    note, cosigned: the public log's signed notes at the end of the run. previous: the digest of the manifest before.
    """

    run: int
    shards: int
    start: int
    stop: int
    note: bytes
    cosigned: bytes
    previous: bytes
    files: tuple[FilePart, ...] = field(default=())

    def to_bytes(self) -> bytes:
        files = [[part.path, part.rows, part.size, part.digest.hex()] for part in self.files]
        head = {"format": FORMAT, "run": self.run, "shards": self.shards, "start": self.start, "stop": self.stop}
        notes = {"note": self.note.hex(), "cosigned": self.cosigned.hex(), "previous": self.previous.hex()}
        return json.dumps(head | notes | {"files": files}, indent=0).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Manifest:
        """Raises ValueError."""
        try:
            found = json.loads(content)
        except RecursionError:
            raise ValueError("nested deeper than any manifest is") from None
        match found:
            case {
                "format": str(name), "run": int(run), "shards": int(shards), "start": int(start), "stop": int(stop),
                "note": str(note), "cosigned": str(cosigned), "previous": str(previous), "files": [*files],
            } if name == FORMAT and shards in SHARDS and 0 <= start <= stop < 1 << 48:  # fmt: skip
                notes = bytes.fromhex(note), bytes.fromhex(cosigned)
                if max(map(len, notes)) <= MAX_NOTE_BYTES:
                    return cls(run, shards, start, stop, *notes, bytes.fromhex(previous), tuple(map(_part, files)))
        raise ValueError(f"no manifest of {FORMAT}")


@dataclass(frozen=True, slots=True)
class Archive:
    """What the manifests say together. faults: file and what is wrong with it."""

    folder: Path
    manifests: tuple[Manifest, ...]
    faults: tuple[tuple[str, str], ...]
    newest: bytes  # the digest of the last manifest

    @property
    def shards(self) -> int:
        return self.manifests[-1].shards if self.manifests else 0

    @property
    def stop(self) -> int:
        return self.manifests[-1].stop if self.manifests else 0

    def files(self) -> Iterator[FilePart]:
        for manifest in self.manifests:
            yield from manifest.files


def read_archive(folder: Path) -> Archive:
    """A manifest that does not follow from the one before is a fault, and so is one that is not there.

    Raises ConfigError for a folder without any.
    """
    try:
        names = sorted(path.name for path in (folder / FOLDER).iterdir() if _NAME.fullmatch(path.name))
    except OSError:
        raise ConfigError(f"{folder}: no fleet archive; make one with `packseal passport archive`") from None
    if not names or len(names) > MAX_RUNS:
        raise ConfigError(f"{folder}: no fleet archive; make one with `packseal passport archive`")
    manifests, faults, digest = list[Manifest](), list[tuple[str, str]](), bytes(32)
    for name in names:
        content = read_bounded(folder / FOLDER / name, MAX_MANIFEST_BYTES)
        try:
            manifest = Manifest.from_bytes(content)
        except ValueError as error:
            faults.append((f"{FOLDER}/{name}", f"cannot be read: {error}"))
            continue
        before = manifests[-1] if manifests else None
        ends = (before.run + 1, before.stop, before.shards) if before else (1, 0, manifest.shards)
        if (manifest.run, manifest.start, manifest.shards) != ends or manifest.previous != digest:
            faults.append((f"{FOLDER}/{name}", "does not go on from the manifest before it"))
        if name != _name(manifest.run):
            faults.append((f"{FOLDER}/{name}", "is named as another run"))
        manifests.append(manifest)
        digest = hashlib.sha256(content).digest()
    faults += _named_twice(manifests)
    return Archive(folder, tuple(manifests), tuple(faults), digest)


def add_manifest(folder: Path, manifest: Manifest) -> None:
    """Its files count from here on. Raises FileExistsError, OSError."""
    create_private(folder / FOLDER / _name(manifest.run), manifest.to_bytes())


def make_folders(path: Path, top: Path) -> None:
    """For the owner alone, down from the archive's own folder, each on the disk."""
    if path.is_dir():
        return
    if path != top:
        make_folders(path.parent, top)
    path.mkdir(mode=0o700, parents=path == top, exist_ok=True)
    path.chmod(0o700)
    Files().sync_folder(path.parent)


def clear_leftovers(archive: Archive) -> int:
    """Takes away what a run left that did not come to its end. -> how many files"""
    named = {part.path for part in archive.files()}
    count = 0
    for path in archive.folder.glob("*/**/*.parquet*"):
        name = str(path.relative_to(archive.folder))
        if name not in named and PATH.fullmatch(name.removesuffix(UNFINISHED)):
            path.unlink()
            count += 1
    return count


def _name(run: int) -> str:
    return f"{run:08d}.json"


def _part(item: Any) -> FilePart:
    match item:
        case [str(path), int(rows), int(size), str(digest)] if min(rows, size) > 0:
            return FilePart(path, rows, size, bytes.fromhex(digest))
    raise ValueError("a file of a manifest is [path, rows, size, digest]")


def _named_twice(manifests: list[Manifest]) -> list[tuple[str, str]]:
    seen, twice = set[str](), list[tuple[str, str]]()
    for part in (part for manifest in manifests for part in manifest.files):
        if part.path in seen:
            twice.append((part.path, "is named twice"))
        seen.add(part.path)
    return twice
