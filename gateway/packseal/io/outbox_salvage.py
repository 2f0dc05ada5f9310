"""Reads what can be read of a damaged outbox: rows from both ends of a table, and behind those that cannot be read.

Leaves to the caller what of it is kept (outbox_repair.py). Nothing of the damaged file is changed.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packseal.errors import UnavailableError
from packseal.io.database import Database
from packseal.io.outbox_damage import UNREADABLE, reading
from packseal.io.outbox_files import beside, remove_outbox
from packseal.io.outbox_rows import (
    ADDED,
    DELIVERY_COLUMNS,
    LOG_COLUMNS,
    SCHEMA,
    StoredLog,
    add_columns,
    stored_log,
)
from packseal.io.row_check import is_as_stored

PAGE_BYTES = 4096  # of every outbox
MOST_MISSES = 20_000  # rows behind each other that cannot be read: a page that leads to others leads to fewer


@dataclass(slots=True)
class Salvaged:
    """What can be read of a damaged file. of_unknown: (first_seq, size) of deliveries whose log cannot be read.

    ends: size of the last delivery of each log, as the index has it.
    """

    logs: dict[bytes, StoredLog] = field(default_factory=dict)
    deliveries: dict[bytes, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))
    counts: dict[str, int] = field(default_factory=dict)
    of_unknown: dict[bytes, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    ends: dict[bytes, int] = field(default_factory=dict)
    own_entries: int = 0

    @property
    def records_unknown(self) -> int:
        """In deliveries of logs of which nothing else can be read: from the first of them to the last."""
        firsts = {log_id: min(first for first, _ in spans) for log_id, spans in self.of_unknown.items()}
        ends = {log_id: max(end for _, end in spans) for log_id, spans in self.of_unknown.items()}
        return sum(max(ends[log_id], self.ends.get(log_id, 0)) - first for log_id, first in firsts.items())


def salvaged(path: Path) -> Salvaged:
    """What can be read of the file; empty where nothing can."""
    found = _read(path)
    return found if found.logs else _read_by_a_new_head(path) or found


def _read(path: Path) -> Salvaged:
    found = Salvaged()
    with suppress(*UNREADABLE), reading(path, 3600.0) as (connection, _):
        found.counts = dict(row for row in _both_ways(connection, "counts", "name, value", "name") if _is_count(row))
        for row in _both_ways(connection, "logs", _columns(connection, "logs", LOG_COLUMNS), "log_id"):
            with suppress(ValueError):
                log = stored_log(row)
                found.logs[log.log.log_id] = log
        found.own_entries = len(list(_both_ways(connection, "own_entries", "log_id, seq", "log_id, seq")))
        for log_id, size in _both_ways(connection, "deliveries", "log_id, size", "log_id, size"):
            if isinstance(log_id, bytes) and isinstance(size, int):
                found.ends[log_id] = max(size, found.ends.get(log_id, 0))
        for row in _by_rowid(connection, _columns(connection, "deliveries", DELIVERY_COLUMNS)):
            if not (is_as_stored(row) and _is_typed(row)):
                continue
            if row[0] in found.logs:
                found.deliveries[row[0]].append(row)
            else:
                found.of_unknown[row[0]].append((row[1] - row[2], row[1]))
    return found


def _read_by_a_new_head(path: Path) -> Salvaged | None:
    """Where its first page is damaged, which says where all tables begin: by the first page of a new outbox.

    Tables of an outbox always begin at the same pages, since they are made first. None without room for a copy.
    """
    copy, new = beside(path, ".copied"), beside(path, ".new-head")
    try:
        remove_outbox(copy)
        remove_outbox(new)
        with closing(Database(new, SCHEMA)) as database, database.transaction() as connection:
            add_columns(connection)
        for ending in ("", "-wal"):
            if beside(path, ending).exists():
                shutil.copyfile(beside(path, ending), beside(copy, ending))
        with copy.open("r+b") as file:
            file.write(_first_page(new.read_bytes()[:PAGE_BYTES]))
        found = _read(copy)
    except (OSError, UnavailableError):
        return None
    finally:
        remove_outbox(copy)
        remove_outbox(new)
    return found if found.logs else None


def _first_page(page: bytes) -> bytes:
    """Without what the header says of its own file (section 1.3 of SQLite's file format): its size, and free pages."""
    counter = int.from_bytes(page[24:28], "big")
    other = (counter + 1).to_bytes(4, "big")  # then the size is that of the file
    return page[:28] + bytes(12) + page[40:92] + other + page[96:]


def _columns(connection: sqlite3.Connection, table: str, names: str) -> str:
    """Those of this version; what an older one did not have is taken as its default."""
    known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    defaults = {column.split()[0]: "0" if "DEFAULT 0" in column else "NULL" for column in ADDED[table]}
    return ", ".join(name if name in known else defaults.get(name, "NULL") for name in names.split(", "))


def _both_ways(connection: sqlite3.Connection, table: str, columns: str, order: str) -> Iterator[tuple[Any, ...]]:
    """Rows from both ends, up to what cannot be read; each once."""
    seen: set[tuple[Any, ...]] = set()
    backwards = ", ".join(f"{name} DESC" for name in order.split(", "))
    for direction in (order, backwards):
        with suppress(*UNREADABLE):
            for row in connection.execute(f"SELECT {columns} FROM {table} ORDER BY {direction}"):  # noqa: S608
                if row in seen and direction != order:
                    break
                seen.add(row)
                yield row


def _by_rowid(connection: sqlite3.Connection, columns: str) -> Iterator[tuple[Any, ...]]:
    """Every delivery that can be read, also behind one that cannot."""
    query = f"SELECT rowid, {columns} FROM deliveries NOT INDEXED WHERE rowid > ? ORDER BY rowid"  # noqa: S608
    at, last, misses = 0, _last_rowid(connection), 0
    while misses < MOST_MISSES and (last is None or at <= last):
        try:
            for rowid, *row in connection.execute(query, (at,)):
                at, misses = rowid, 0
                yield tuple(row)
        except UNREADABLE:
            at, misses = at + 1, misses + 1
        else:
            return


def _last_rowid(connection: sqlite3.Connection) -> int | None:
    with suppress(*UNREADABLE):
        (last,) = connection.execute("SELECT max(rowid) FROM deliveries NOT INDEXED").fetchone()
        return int(last or 0)
    return None


def _is_typed(row: Sequence[Any]) -> bool:
    """Whether a delivery's values are of their kinds: a turned bit can make any of them another."""
    log_id, size, records, content, root, *numbers, _ = row
    are_bytes = all(isinstance(value, bytes) for value in (log_id, content, root))
    return are_bytes and all(isinstance(value, int) for value in (size, records, *numbers))


def _is_count(row: tuple[Any, ...]) -> bool:
    return isinstance(row[0], str) and isinstance(row[1], int)
