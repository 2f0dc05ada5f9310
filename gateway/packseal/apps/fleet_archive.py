"""`packseal passport archive`: what a store holds of a fleet, added to partitioned Parquet files (docs/archive.md).

A run goes along the passport log from where the last one ended: what has a receipt has a place in it, once and for
ever. So nothing is written twice, nothing is left out, and memory holds a piece of it at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from packseal.errors import ConfigError, UnavailableError
from packseal.io.files import held
from packseal.io.parquet_manifest import (
    FOLDER,
    LOCK,
    SHARDS,
    Archive,
    Manifest,
    add_manifest,
    clear_leftovers,
    make_folders,
    read_archive,
)
from packseal.io.parquet_source import StoreRows, open_rows
from packseal.io.parquet_tables import DELIVERIES, LOGS, PUBLIC_LOG, RECORDS, month_of
from packseal.io.parquet_writer import RunWriter
from packseal.io.store_place import StorePlace

PIECE = 256  # indices of the passport log at a time: deliveries of 262,144 bytes at most
DEFAULT_SHARDS = 16


@dataclass(frozen=True, slots=True)
class Added:
    """By one run. size_bytes: of its files; run: 0 where there was nothing new."""

    run: int
    records: int
    deliveries: int
    logs: int
    files: int
    size_bytes: int


def archive_store(
    place: StorePlace, folder: Path, shards: int | None = None, progress: Callable[[int], None] = lambda _records: None
) -> Added:
    """Adds what is new. shards: of a new archive; one that is there keeps its own.

    Raises ConfigError, UnavailableError.
    """
    try:
        return _archive_store(place, folder, shards, progress)
    except OSError as error:
        raise UnavailableError(f"{folder}: {error.strerror}; check the disk's space and the folder's rights") from None


def _archive_store(place: StorePlace, folder: Path, shards: int | None, progress: Callable[[int], None]) -> Added:
    with closing(open_rows(place)) as rows:
        make_folders(folder / FOLDER, folder)
        with held(folder / LOCK, f"{folder} is being written by another run; wait for its end"):
            (folder / LOCK).chmod(0o600)
            before = _before(folder, shards)
            clear_leftovers(before)
            stop, note, cosigned = rows.head()
            if stop < before.stop:
                words = f"{folder} goes further than {place}: was the store restored from a backup, or is it another?"
                raise ConfigError(f"{words} give a new folder")
            run = before.manifests[-1].run + 1 if before.manifests else 1
            writer = RunWriter(folder, run, before.shards or shards or DEFAULT_SHARDS)
            counts = _write(rows, writer, before.stop, stop, progress)
            if stop == before.stop:
                return Added(0, 0, 0, 0, 0, 0)
            head = (run, before.shards or shards or DEFAULT_SHARDS, before.stop, stop)
            add_manifest(folder, Manifest(*head, note, cosigned, before.newest, tuple(writer.files)))
        return Added(run, *counts, len(writer.files), sum(part.size for part in writer.files))


def _before(folder: Path, shards: int | None) -> Archive:
    """Raises ConfigError where what is there cannot be gone on with."""
    if shards is not None and shards not in SHARDS:
        raise ConfigError(f"--shards {shards}: expected one of {', '.join(map(str, SHARDS))}")
    if not any((folder / FOLDER).glob("*.json")):
        return Archive(folder, (), (), bytes(32))
    found = read_archive(folder)
    if found.faults:
        path, words = found.faults[0]
        raise ConfigError(f"{folder / path} {words}; nothing is added to a damaged archive: give a new folder")
    if shards not in (None, found.shards):
        raise ConfigError(f"{folder} has {found.shards} shards; leave --shards out, or give a new folder")
    return found


def _write(
    rows: StoreRows, writer: RunWriter, start: int, stop: int, progress: Callable[[int], None]
) -> tuple[int, int, int]:
    records = deliveries = logs = 0
    month = month_of(0)
    for first in range(start, stop, PIECE):
        piece = (first, min(first + PIECE, stop))
        found = rows.deliveries(*piece)
        for row in rows.records(*piece):
            writer.add(RECORDS, month_of(row[4]), tuple(row[:4]))
            records += 1
        for row in found:
            *delivery, first_seq, genesis, seed = row
            month = month_of(delivery[7])
            delivery[2] = bool(delivery[2])
            writer.add(DELIVERIES, month, tuple(delivery))
            deliveries += 1
            if first_seq == 0:
                writer.add(LOGS, month, (delivery[0], genesis, seed))
                logs += 1
        for row in rows.public_log(*piece):
            writer.add(PUBLIC_LOG, month, tuple(row))
        progress(records)
    writer.close()
    return records, deliveries, logs
