"""A damaged outbox: found when it is opened, set aside whole, and what can be read of it carried into a new file.

Decides what is kept: of each log the deliveries that follow each other from its last receipt on and are as they were
stored; they still have their signatures, so the passport service judges them again. What is behind the first one that
is not there, the board has: it keeps what has no receipt, and is asked again. A log that this gateway signs itself goes
on as another one, since nobody can know what was signed of it (own_log_table.py): what is gone of it is lost, and
counted. The damaged file stays where it is, under another name, until a person deletes it.

A crash in the middle costs nothing: the new file gets its name only when it is whole, and the renaming is gone on with.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from packseal.errors import EvidenceError, UnavailableError
from packseal.io.database import Database
from packseal.io.files import Files
from packseal.io.outbox_rows import (
    ADDED,
    DELIVERY_COLUMNS,
    LOG_COLUMNS,
    SCHEMA,
    STORE_DELIVERY,
    STORE_LOG,
    StoredLog,
    add_columns,
    count,
    stored_log,
)
from packseal.io.own_log_table import COLUMNS
from packseal.io.row_check import is_as_stored
from packseal.records.bodies import Origin
from packseal.records.checkpoint import verify_checkpoint
from packseal.records.log import Delivery
from packseal.records.merkle import Edge

CHECK_S = 20.0  # a gigabyte on an SD card takes longer: then the rest is checked when it is sent
BUSY_TIMEOUT_S = 10
PAGE_BYTES = 4096  # of every outbox
LEAST_BYTES = 512  # SQLite takes a shorter file for a new one
MOST_MISSES = 20_000  # rows behind each other that cannot be read: a page that leads to others leads to fewer
TABLES = {"logs": LOG_COLUMNS, "deliveries": DELIVERY_COLUMNS, "counts": "name, value", **COLUMNS}
UNREADABLE = (sqlite3.Error, UnicodeError)  # SQLite quotes names in its errors, and damaged ones are not UTF-8
ELSEWHERE = {  # the disk does not answer, or somebody else has the file: nothing is damaged by that
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
}


@dataclass(frozen=True, slots=True)
class Repair:
    """What opening the outbox came to. records_kept, records_asked_again, records_lost: of a damaged one.

    aside: where damaged ones lie. is_checked: False where time was short. is_readable: False where so little could be
    read that nobody knows how much was in it.
    """

    aside: tuple[Path, ...] = ()
    is_checked: bool = True
    is_readable: bool = True
    records_kept: int = 0
    records_asked_again: int = 0
    records_lost: int = 0

    @property
    def problem(self) -> str:
        if not self.aside:
            return ""
        cure = "check the disk, then delete that file"
        if not self.is_readable:
            return f"{self.aside[-1]}: the outbox was damaged, and how much was in it cannot be read; {cure}"
        found = f"{self.records_kept} records kept, {self.records_asked_again} asked again from their boards"
        return f"{self.aside[-1]}: the outbox was damaged: {found}, {self.records_lost} lost; {cure}"


def mark_damaged(path: Path) -> None:
    """The next opening repairs it, whatever a check says. A disk that takes no mark is checked all the same."""
    with suppress(OSError):
        _beside(path, ".damaged").touch()


def repaired(path: Path, files: Files | None = None) -> Repair:
    """Makes sure that the file can be worked with. Raises UnavailableError."""
    files = files or Files()
    try:
        _go_on_renaming(path, files)
        marked = _beside(path, ".damaged")
        fault, is_checked = (True, True) if marked.exists() else _fault(path)
        found = Repair(is_checked=is_checked)
        if fault and path.exists():
            found = _rebuild(path)
            files.rename(_beside(path, ".rebuilding"), _beside(path, ".rebuilt"))
            files.sync_folder(path.parent)
            _go_on_renaming(path, files)
        marked.unlink(missing_ok=True)
    except OSError as error:
        raise UnavailableError(f"{path}: {error.strerror}; check the disk's space and the folder's rights") from None
    return replace(found, aside=_aside(path))


# ---- finding out


def _fault(path: Path) -> tuple[bool, bool]:
    """(whether it is damaged, whether all of it was looked at)"""
    if not path.exists():
        return False, True
    size_bytes = path.stat().st_size
    if size_bytes < LEAST_BYTES:
        is_new = not size_bytes and not _beside(path, ".reserve").exists()  # which is made when the file has its tables
        return not is_new, True
    with _reading(path, CHECK_S) as (connection, deadline):
        try:
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return True, True
            connection.execute("BEGIN")  # one state of it, should somebody write meanwhile
            return _has_altered_rows(connection), True
        except UNREADABLE as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if code == sqlite3.SQLITE_INTERRUPT and time.monotonic() >= deadline:
                return False, False
            if code in ELSEWHERE:
                raise UnavailableError(f"{path}: {error}; check the disk's space and the file's rights") from None
            return True, True


def _has_altered_rows(connection: sqlite3.Connection) -> bool:
    known = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not known:
        return False  # made, and not filled before the power went
    if not {"logs", "deliveries", "counts"} <= known or not all(_has_its_columns(connection, one) for one in known):
        return True
    found = dict.fromkeys(TABLES, 0)
    for table in [table for table in TABLES if table in known and _has_checks(connection, table)]:
        order = "log_id, size" if table == "deliveries" else "1"
        for row in connection.execute(f"SELECT {TABLES[table]} FROM {table} ORDER BY {order}"):  # noqa: S608
            found[table] += 1
            if not is_as_stored(row):
                return True
    counted: int = connection.execute("SELECT count(*) FROM deliveries NOT INDEXED").fetchone()[0]
    return _has_checks(connection, "deliveries") and counted != found["deliveries"]  # without the index, and by it


def _has_its_columns(connection: sqlite3.Connection, table: str) -> bool:
    """Also as an older version left it, without some that were added."""
    names = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    expected, added = set(TABLES.get(table, "").split(", ")), {one.split()[0] for one in ADDED.get(table, ())}
    return expected - added <= names <= expected


def _has_checks(connection: sqlite3.Connection, table: str) -> bool:
    """Not so of a file that an older version made."""
    return "row_check" in {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


@contextmanager
def _reading(path: Path, seconds: float) -> Iterator[tuple[sqlite3.Connection, float]]:
    """The file as it is, nothing of it changed; what takes longer is interrupted."""
    deadline = time.monotonic() + seconds
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection:
        connection.set_progress_handler(lambda: int(time.monotonic() >= deadline), 10_000)
        connection.text_factory = lambda content: content.decode(errors="replace")
        yield connection, deadline


# ---- carrying over


@dataclass(slots=True)
class _Found:
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


def _rebuild(path: Path) -> Repair:
    """Writes what can be kept into a new file beside it."""
    found = _read(path)
    if not found.logs:
        found = _read_by_a_new_head(path) or found
    fresh = _beside(path, ".rebuilding")
    _remove(fresh)
    is_readable = bool(found.logs or found.counts)
    with closing(Database(fresh, SCHEMA)) as database, database.transaction() as connection:
        add_columns(connection)
        count(connection, found.counts)
        numbers = _carried(connection, found)
        names = ("records_salvaged", "records_asked_again", "records_lost_damaged")
        count(connection, dict(zip(names, numbers, strict=True)) | {"outbox_damaged": 1})
        count(connection, {} if is_readable else {"outbox_unreadable": 1})
    return Repair((), True, is_readable, *numbers)


def _carried(connection: sqlite3.Connection, found: _Found) -> tuple[int, int, int]:
    """Records (kept, asked again, lost)."""
    kept = asked_again = 0
    lost = found.records_unknown + found.own_entries
    for log_id, stored in found.logs.items():
        start = max(stored.receipted_size, stored.begun_at)
        chosen, end = _in_a_row(stored, found.deliveries.get(log_id, []), start)
        is_whole = end >= stored.log.size
        is_own = stored.log.key.origin is not Origin.BOARD
        missing = 0 if is_whole else stored.log.size - end
        log = stored if is_whole or is_own or stored.log.is_sealed else _forgotten(stored)
        connection.execute(STORE_LOG, log.to_row())
        connection.executemany(STORE_DELIVERY, chosen)
        kept += end - start
        asked_again += 0 if is_own or stored.log.is_sealed else missing
        lost += missing if is_own or stored.log.is_sealed else 0
    return kept, asked_again, lost


def _forgotten(stored: StoredLog) -> StoredLog:
    """As if the board's log had not been seen beyond its receipts: the board then begins at its own oldest record."""
    return replace(stored, log=replace(stored.log, edge=Edge(), boot=0, uptime_ms=0), begun_at=0)


def _in_a_row(stored: StoredLog, rows: Sequence[tuple[Any, ...]], start: int) -> tuple[list[tuple[Any, ...]], int]:
    """The deliveries that follow each other from start on, and where they end."""
    chosen, end = [], start
    for row in sorted(rows, key=lambda row: row[1]):
        size, records = row[1], row[2]
        if size - records <= end < size and _is_whole(stored, row):
            chosen.append(row)
            end = size
    return chosen, end


def _is_whole(stored: StoredLog, row: tuple[Any, ...]) -> bool:
    """As it was stored; where an older version left no check, by its own signature."""
    try:
        delivery = Delivery.from_bytes(row[3])
        if row[-1] is None:
            verify_checkpoint(delivery.checkpoint, stored.log.log_id, stored.log.key_at(row[1]))
    except EvidenceError:
        return False
    ends: tuple[bytes, int] = (row[0], row[1])
    return (delivery.log_id, delivery.first_seq + len(delivery.entries)) == ends


# ---- reading what can be read


def _read(path: Path) -> _Found:
    found = _Found()
    with suppress(*UNREADABLE), _reading(path, 3600.0) as (connection, _):
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


def _read_by_a_new_head(path: Path) -> _Found | None:
    """Where its first page is damaged, which says where all tables begin: by the first page of a new outbox.

    Tables of an outbox always begin at the same pages, since they are made first. None without room for a copy.
    """
    copy, new = _beside(path, ".copied"), _beside(path, ".new-head")
    try:
        _remove(copy)
        _remove(new)
        with closing(Database(new, SCHEMA)) as database, database.transaction() as connection:
            add_columns(connection)
        for ending in ("", "-wal"):
            if _beside(path, ending).exists():
                shutil.copyfile(_beside(path, ending), _beside(copy, ending))
        with copy.open("r+b") as file:
            file.write(_first_page(new.read_bytes()[:PAGE_BYTES]))
        found = _read(copy)
    except (OSError, UnavailableError):
        return None
    finally:
        _remove(copy)
        _remove(new)
    return found if found.logs else None


def _first_page(page: bytes) -> bytes:
    """Without what the header says of its own file (section 1.3 of SQLite's file format): its size, and free pages."""
    counter = int.from_bytes(page[24:28], "big")
    other = (counter + 1).to_bytes(4, "big")  # then the size is that of the file
    return page[:28] + bytes(12) + page[40:92] + other + page[96:]


def _remove(file: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        _beside(file, ending).unlink(missing_ok=True)


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


# ---- names


def _go_on_renaming(path: Path, files: Files) -> None:
    """The damaged file aside, its write-ahead log first, then the new one in its place."""
    rebuilt = _beside(path, ".rebuilt")
    if not rebuilt.exists():
        return
    aside = _next_aside(path)
    for name in ("-wal", ""):
        if _beside(path, name).exists():
            files.rename(_beside(path, name), _beside(aside, name))
    _beside(path, "-shm").unlink(missing_ok=True)
    files.rename(rebuilt, path)
    files.sync_folder(path.parent)


def _next_aside(path: Path) -> Path:
    """outbox.db.damaged-<n>; one whose write-ahead log alone was moved before a crash is gone on with."""
    number = 1
    while _beside(path, f".damaged-{number}").exists():
        number += 1
    return _beside(path, f".damaged-{number}")


def _aside(path: Path) -> tuple[Path, ...]:
    return tuple(sorted(one for one in path.parent.glob(f"{path.name}.damaged-*") if not one.name.endswith("-wal")))


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
