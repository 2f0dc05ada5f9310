"""Audits one shard of a fleet archive: every log in it, and what only all of its rows together show.

The one function that engines run over partitions: in this process, in several, or on the workers of a cluster. What it
is given and what it gives back are values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packseal.apps.fleet_archive_compare import compare_shard
from packseal.apps.fleet_archive_findings import Found, log_words
from packseal.apps.fleet_archive_log import ArchivedDelivery, ArchivedRecord, Trusted, audit_log
from packseal.io.parquet_manifest import FilePart
from packseal.io.parquet_reader import (
    DELIVERIES_OF_LOGS,
    LOGS_IN_ORDER,
    RECORDS_OF_LOGS,
    ArchiveReader,
    UnreadableArchiveError,
)
from packseal.io.parquet_source import open_rows
from packseal.io.parquet_tables import PUBLIC_LOG, fault_of, shard_bounds, shard_of, table_of
from packseal.io.store_place import store_place
from packseal.records.entries import log_id_of

MAX_NAMED = 200  # of what one query finds


@dataclass(frozen=True, slots=True)
class ShardTask:
    """files: of the shard. public: those of the public log, which were checked. stop: how far the archive goes.
    store: to compare with; empty for none."""

    folder: str
    shard: int
    shards: int
    files: tuple[FilePart, ...]
    public: tuple[str, ...]
    stop: int
    trusted: Trusted
    store: str = ""

    @property
    def words(self) -> str:
        return f"shard {self.shard:02x}"


def audit_shard(task: ShardTask) -> Found:
    """Raises nothing for what an archive holds: all of that is a finding. UnavailableError is of the store."""
    found = Found()
    files = good_files(Path(task.folder), task.files, found)
    try:
        with closing(ArchiveReader(Path(task.folder), files | {PUBLIC_LOG: list(task.public)})) as reader:
            _check_sets(reader, task, found)
            _check_logs(reader, task.trusted, found)
            if task.store:
                _compare(reader, task, found)
    except UnreadableArchiveError as error:
        found.add(task.words, str(error))
    return found


def good_files(folder: Path, parts: Iterable[FilePart], found: Found) -> dict[str, list[str]]:
    """Those that are as they were written, by table; each of the others is a finding."""
    good: dict[str, list[str]] = {}
    for part in parts:
        fault, named = fault_of(folder, part), table_of(part.path)
        if fault or named is None:
            found.add(part.path, fault)
        else:
            good.setdefault(named[0], []).append(part.path)
            found.counts["files"] += 1
            found.counts["bytes"] += part.size
    return good


def _compare(reader: ArchiveReader, task: ShardTask, found: Found) -> None:
    with closing(open_rows(store_place(task.store))) as store:
        compare_shard(reader, store, shard_bounds(task.shard, task.shards), task.stop, found)


def _check_logs(reader: ArchiveReader, trusted: Trusted, found: Found) -> None:
    deliveries, records = _ByLog(reader.stream(DELIVERIES_OF_LOGS)), _ByLog(reader.stream(RECORDS_OF_LOGS))
    before = b""
    for log_id, genesis, seed in reader.stream(LOGS_IN_ORDER):
        if log_id == before or log_id_of(genesis) != log_id:
            words = "its beginning is there twice" if log_id == before else "its genesis opens another log"
            found.add(log_words(log_id), words)
            continue
        before = log_id
        some = (ArchivedDelivery(*row) for row in deliveries.of(log_id))
        audit_log(genesis, seed, some, (ArchivedRecord(*row) for row in records.of(log_id)), trusted, found)


def _check_sets(reader: ArchiveReader, task: ShardTask, found: Found) -> None:
    for words, query in _TWICE.items():
        for log_id, number, count in reader.rows(f"{query} ORDER BY 1, 2 LIMIT {MAX_NAMED}"):
            found.add(log_words(log_id), f"{words.format(number)} is there {count} times")
    for words, query in _ORPHANS.items():
        for log_id, count in reader.rows(f"{query} ORDER BY 1 LIMIT {MAX_NAMED}"):
            found.add(log_words(log_id), f"{count} {words} of a log that is not there")
    for path, first, count in reader.rows(_PLACES):
        if shard_of(bytes.fromhex(first), task.shards) != task.shard:
            found.add(str(Path(path).relative_to(Path(task.folder).resolve())), f"{count} rows are of another shard")


class _ByLog:
    """A stream in the order of log_id, read log by log."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def of(self, log_id: bytes) -> Iterator[Any]:
        """Skips those of logs before it."""
        while self._next is not None and self._next[0] < log_id:
            self._next = next(self._rows, None)
        while self._next is not None and self._next[0] == log_id:
            row, self._next = self._next, next(self._rows, None)
            yield row


_TWICE = {
    "record {}": "SELECT log_id, seq, count(*) FROM records GROUP BY log_id, seq HAVING count(*) > 1",
    "delivery of size {}": (
        "SELECT log_id, size, count(*) FROM deliveries GROUP BY log_id, size, is_inner HAVING count(*) > 1"
    ),
}
_ORPHANS = {
    "records": "SELECT log_id, count(*) FROM records ANTI JOIN logs USING (log_id) GROUP BY log_id",
    "deliveries": "SELECT log_id, count(*) FROM deliveries ANTI JOIN logs USING (log_id) GROUP BY log_id",
}
_PLACES = " UNION ALL ".join(
    f"SELECT path, substr(hex(log_id), 1, 2), count(*) FROM {table} GROUP BY ALL"  # noqa: S608 - our own names
    for table in ("logs", "records", "deliveries")
)
