"""Finds out whether an outbox is damaged: by SQLite's own check, and by the check that is stored in each row.

What cannot be looked at, since the disk does not answer or somebody else has the file, is not damaged by that.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from packseal.errors import UnavailableError
from packseal.io.outbox_files import beside
from packseal.io.outbox_rows import ADDED, DELIVERY_COLUMNS, LOG_COLUMNS
from packseal.io.own_log_table import COLUMNS
from packseal.io.row_check import is_as_stored

CHECK_S = 20.0  # a gigabyte on an SD card takes longer: then the rest is checked when it is sent
BUSY_TIMEOUT_S = 10
LEAST_BYTES = 512  # SQLite takes a shorter file for a new one
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


def fault_of(path: Path) -> tuple[bool, bool]:
    """(whether it is damaged, whether all of it was looked at)"""
    if not path.exists():
        return False, True
    size_bytes = path.stat().st_size
    if size_bytes < LEAST_BYTES:
        is_new = not size_bytes and not beside(path, ".reserve").exists()  # which is made when the file has its tables
        return not is_new, True
    with reading(path, CHECK_S) as (connection, deadline):
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
def reading(path: Path, seconds: float) -> Iterator[tuple[sqlite3.Connection, float]]:
    """The file as it is, nothing of it changed; what takes longer is interrupted."""
    deadline = time.monotonic() + seconds
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection:
        connection.set_progress_handler(lambda: int(time.monotonic() >= deadline), 10_000)
        connection.text_factory = lambda content: content.decode(errors="replace")
        yield connection, deadline
