"""A damaged outbox: found when it is opened, set aside whole, and what can be read of it carried into a new file.

How it is found, and what can be read: outbox_damage.py, outbox_salvage.py. Decides what is kept: of each log the
deliveries that follow each other from its last receipt on and are as they were stored; they still have their
signatures, so the passport service judges them again. What is behind the first one that is not there, the board has: it
keeps what has no receipt, and is asked again. A log that this gateway signs itself goes on as another one, since nobody
can know what was signed of it (own_log_table.py): what is gone of it is lost, and counted. The damaged file stays where
it is, under another name, until a person deletes it.

A crash in the middle costs nothing: the new file gets its name only when it is whole, and the renaming is gone on with.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packseal.errors import EvidenceError, UnavailableError
from packseal.io.database import Database
from packseal.io.files import Files
from packseal.io.outbox_damage import fault_of
from packseal.io.outbox_files import beside, remove_outbox
from packseal.io.outbox_rows import SCHEMA, STORE_DELIVERY, STORE_LOG, StoredLog, add_columns, count
from packseal.io.outbox_salvage import Salvaged, salvaged
from packseal.records.bodies import Origin
from packseal.records.checkpoint import verify_checkpoint
from packseal.records.log import Delivery
from packseal.records.merkle import Edge


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
        beside(path, ".damaged").touch()


def repaired(path: Path, files: Files | None = None) -> Repair:
    """Makes sure that the file can be worked with. Raises UnavailableError."""
    files = files or Files()
    try:
        _go_on_renaming(path, files)
        marked = beside(path, ".damaged")
        fault, is_checked = (True, True) if marked.exists() else fault_of(path)
        found = Repair(is_checked=is_checked)
        if fault and path.exists():
            found = _rebuild(path)
            files.rename(beside(path, ".rebuilding"), beside(path, ".rebuilt"))
            files.sync_folder(path.parent)
            _go_on_renaming(path, files)
        marked.unlink(missing_ok=True)
    except OSError as error:
        raise UnavailableError(f"{path}: {error.strerror}; check the disk's space and the folder's rights") from None
    return replace(found, aside=_aside(path))


# ---- carrying over


def _rebuild(path: Path) -> Repair:
    """Writes what can be kept into a new file beside it."""
    found = salvaged(path)
    fresh = beside(path, ".rebuilding")
    remove_outbox(fresh)
    is_readable = bool(found.logs or found.counts)
    with closing(Database(fresh, SCHEMA)) as database, database.transaction() as connection:
        add_columns(connection)
        count(connection, found.counts)
        numbers = _carried(connection, found)
        names = ("records_salvaged", "records_asked_again", "records_lost_damaged")
        count(connection, dict(zip(names, numbers, strict=True)) | {"outbox_damaged": 1})
        count(connection, {} if is_readable else {"outbox_unreadable": 1})
    return Repair((), True, is_readable, *numbers)


def _carried(connection: sqlite3.Connection, found: Salvaged) -> tuple[int, int, int]:
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


# ---- names


def _go_on_renaming(path: Path, files: Files) -> None:
    """The damaged file aside, its write-ahead log first, then the new one in its place."""
    rebuilt = beside(path, ".rebuilt")
    if not rebuilt.exists():
        return
    aside = _next_aside(path)
    for name in ("-wal", ""):
        if beside(path, name).exists():
            files.rename(beside(path, name), beside(aside, name))
    beside(path, "-shm").unlink(missing_ok=True)
    files.rename(rebuilt, path)
    files.sync_folder(path.parent)


def _next_aside(path: Path) -> Path:
    """outbox.db.damaged-<n>; one whose write-ahead log alone was moved before a crash is gone on with."""
    number = 1
    while beside(path, f".damaged-{number}").exists():
        number += 1
    return beside(path, f".damaged-{number}")


def _aside(path: Path) -> tuple[Path, ...]:
    return tuple(sorted(one for one in path.parent.glob(f"{path.name}.damaged-*") if not one.name.endswith("-wal")))
