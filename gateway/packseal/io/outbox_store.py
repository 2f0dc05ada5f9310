"""The outbox on disk: deliveries until a receipt covers them, and how far each log was verified."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from packseal.errors import UnavailableError
from packseal.io import own_log_table
from packseal.io.database import Database
from packseal.io.files import Reserve
from packseal.io.outbox_repair import Repair, mark_damaged, repaired
from packseal.io.outbox_rows import (
    DELIVERY_COLUMNS,
    LOG_COLUMNS,
    SCHEMA,
    STORE_DELIVERY,
    STORE_LOG,
    StoredLog,
    add_columns,
    count,
    delivery_row,
    item_of,
    kinds_of,
    stored_log,
)
from packseal.io.own_log_table import OwnLogTable
from packseal.io.row_check import is_as_stored
from packseal.outbox import Item
from packseal.records.checkpoint import Receipt
from packseal.records.log import Delivery, Known, TrustedLog, Verified
from packseal.records.merkle import Edge

__all__ = ["DamagedError", "OutboxStore", "StoredLog", "only_new"]

RESERVE_BYTES = 2 << 20  # the write-ahead log moved into the database, and the deletion of some deliveries
CURE = "restart the gateway, which then keeps what can be read and asks the boards for the rest"
_ITEM_COLUMNS = "log_id, size, records, stored_ms, length(content), kinds, windows, emptied, level, uptime_ms"
_ROW_COLUMNS = ", ".join(f"deliveries.{name}" for name in DELIVERY_COLUMNS.split(", "))


class DamagedError(UnavailableError):
    """What the disk gives back is not what was stored; at the next start the file is repaired (outbox_repair.py)."""


class OutboxStore:
    """windows_summed: how many windows of a log that is signed here become one, as who knows the limits has set it."""

    def __init__(self, path: Path) -> None:
        """Repairs a damaged file first; `repair` says what came of it. Raises UnavailableError."""
        self.repair: Repair = repaired(path)
        self._used_bytes = self._free_bytes = 0  # of the file, as of the last commit
        self._database = Database(path, SCHEMA, lambda: mark_damaged(path), self._measure)
        self._reserve = Reserve(path.with_name(path.name + ".reserve"), RESERVE_BYTES)
        with self._database.transaction() as connection:
            add_columns(connection)
        self.own_logs = OwnLogTable(self._database)
        self.path = path
        self.windows_summed = 1

    def log(self, log_id: bytes) -> StoredLog | None:
        found = self._logs("WHERE log_id = ?", (log_id,))
        return found[0] if found else None

    def logs(self) -> list[StoredLog]:
        return self._logs("", ())

    def store(self, battery: str, delivery: Delivery, verified: Verified, now_ms: int) -> Item | None:
        """Keeps a verified delivery and the log as it is after it, in one transaction.

        None: all of it waits already, as after a repair, when a board is asked again from its oldest record on.
        """
        log, checkpoint = verified.log, verified.checkpoint
        content = delivery.to_bytes()
        item = item_of(delivery, content, log.size, now_ms, checkpoint.uptime_ms)
        row = delivery_row(item, content, checkpoint.root)

        def act(connection: sqlite3.Connection) -> Item | None:
            before = self._log_in(connection, log.log_id)
            begun_at = before.begun_at if before and before.log.size else delivery.first_seq
            receipted = (before.receipted_size, before.receipt) if before else (0, None)
            connection.execute(STORE_LOG, StoredLog(log, battery, *receipted, begun_at).to_row())
            own_log_table.settle(connection, log.log_id, log.size)
            query = "SELECT max(size) FROM deliveries WHERE log_id = ?"
            (waiting_to,) = connection.execute(query, (log.log_id,)).fetchone()
            if waiting_to is not None and waiting_to >= log.size:
                return None
            connection.execute(STORE_DELIVERY, row)
            count(connection, {"records_stored": item.records})
            return item

        return self._database.together(act)

    def waiting(self) -> list[Item]:
        """What has no receipt yet, in order."""
        rows: Any = self._database.committed(f"SELECT {_ITEM_COLUMNS} FROM deliveries ORDER BY log_id, size")  # noqa: S608
        return [
            Item(
                log_id, size, records, stored_ms, content_bytes=content_bytes, kinds=kinds_of(kinds), windows=windows,
                emptied=emptied, level=level, uptime_ms=uptime_ms,
            )
            for log_id, size, records, stored_ms, content_bytes, kinds, windows, emptied, level, uptime_ms in rows
        ]  # fmt: skip

    def content(self, item: Item) -> tuple[str, bytes]:
        """The battery and the bytes of a waiting delivery.

        Raises KeyError when it waits no more, DamagedError when the disk has changed it.
        """
        row, battery = self._row(item.log_id, item.size)
        if not is_as_stored(row):
            raise self._damaged(f"what it holds of records {item.first_seq} to {item.size - 1}")
        return battery, row[3]

    def root_at(self, log_id: bytes, size: int) -> bytes | None:
        """The signed root of the waiting delivery that ends at size; None where none does."""
        query = "SELECT root FROM deliveries WHERE log_id = ? AND size = ?"
        rows: Any = self._database.committed(query, (log_id, size))
        return rows[0][0] if rows else None

    def acknowledge(self, receipts: Sequence[tuple[Receipt, bytes]]) -> None:
        """Deletes what verified receipts cover and keeps them for the boards, in one commit; also on a full disk."""

        def act(connection: sqlite3.Connection) -> None:
            for receipt, content in receipts:
                self._acknowledge(connection, receipt, content)

        self._freeing(act)

    def reduce(self, run: Sequence[Item], delivery: Delivery) -> Item:
        """Puts one delivery in the place of a run of waiting ones, at whose end it ends; also on a full disk.

        Counts the windows whose values are given up by it. Raises KeyError when some of the run waits no more.
        """
        last = run[-1]
        row, _ = self._row(last.log_id, last.size)
        content = delivery.to_bytes()
        item = item_of(delivery, content, last.size, run[0].stored_ms, last.uptime_ms, last.level + 1)
        changed = delivery_row(item, content, row[4])
        given_up = {
            "windows_emptied": item.emptied - sum(one.emptied for one in run),
            "deliveries_joined": len(run) - 1,
        }
        self._freeing(lambda connection: _replace(connection, run, changed, given_up))
        return item

    def count(self, name: str, number: int = 1) -> None:
        self._database.together(lambda connection: count(connection, {name: number}))

    def counts(self) -> dict[str, int]:
        rows: Any = self._database.committed("SELECT name, value FROM counts ORDER BY name")
        return dict(rows)

    def used_bytes(self) -> int:
        """What the file holds; pages that are free in it are used again before it grows."""
        return self._used_bytes

    def disk_room(self) -> tuple[int, int]:
        """(bytes that may still be written, what is free within the file included; bytes of the whole disk).

        Raises UnavailableError.
        """
        try:
            found = os.statvfs(self.path.parent)
        except OSError as error:
            raise UnavailableError(f"{self.path.parent}: {error.strerror}") from None
        return found.f_bavail * found.f_frsize + self._free_bytes, found.f_blocks * found.f_frsize

    def close(self) -> None:
        self._database.close()

    def _acknowledge(self, connection: sqlite3.Connection, receipt: Receipt, content: bytes) -> None:
        log = self._log_in(connection, receipt.log_id)
        covered = "log_id = ? AND size <= ?"
        key = (receipt.log_id, receipt.size)
        query = f"SELECT coalesce(sum(records), 0) FROM deliveries WHERE {covered}"  # noqa: S608 - constant text
        (records,) = connection.execute(query, key).fetchone()
        connection.execute(f"DELETE FROM deliveries WHERE {covered}", key)  # noqa: S608
        if log and log.receipted_size < receipt.size:
            newer = StoredLog(log.log, log.battery, receipt.size, content, log.begun_at)
            connection.execute(STORE_LOG, newer.to_row())
        count(connection, {"records_receipted": records})

    def _freeing(self, act: Callable[[sqlite3.Connection], None]) -> None:
        """What makes room is done on a full disk too, with the room that was kept back for it."""
        try:
            self._database.together(act)
        except UnavailableError:
            if not self._reserve.release():
                raise
            self._database.fold_back()
            self._database.together(act)
            self._database.fold_back()
        self._reserve.restore()

    def _measure(self, connection: sqlite3.Connection) -> None:
        query = "SELECT page_count, freelist_count, page_size FROM pragma_page_count, pragma_freelist_count"
        pages, free_pages, page_bytes = connection.execute(f"{query}, pragma_page_size").fetchone()
        self._used_bytes, self._free_bytes = (pages - free_pages) * page_bytes, free_pages * page_bytes

    def _row(self, log_id: bytes, size: int) -> tuple[Any, str]:
        query = f"SELECT {_ROW_COLUMNS}, battery FROM deliveries JOIN logs USING (log_id) WHERE log_id = ? AND size = ?"  # noqa: S608
        rows: Any = self._database.committed(query, (log_id, size))
        if not rows:
            raise KeyError(f"nothing waits at {size}")
        return rows[0][:-1], rows[0][-1]

    def _log_in(self, connection: sqlite3.Connection, log_id: bytes) -> StoredLog | None:
        """As it is inside of a transaction."""
        row = connection.execute(f"SELECT {LOG_COLUMNS} FROM logs WHERE log_id = ?", (log_id,)).fetchone()  # noqa: S608
        return self._stored(row) if row else None

    def _logs(self, where: str, parameters: tuple[object, ...]) -> list[StoredLog]:
        rows: Any = self._database.committed(f"SELECT {LOG_COLUMNS} FROM logs {where} ORDER BY log_id", parameters)  # noqa: S608
        return [self._stored(row) for row in rows]

    def _stored(self, row: Sequence[Any]) -> StoredLog:
        try:
            return stored_log(row)
        except ValueError:
            raise self._damaged(f"what it holds of log {row[0].hex()}") from None

    def _damaged(self, what: str) -> DamagedError:
        mark_damaged(self.path)
        return DamagedError(f"{self.path}: {what} is not what was stored; {CURE}")


def _replace(connection: sqlite3.Connection, run: Sequence[Item], row: tuple[Any, ...], counts: dict[str, int]) -> None:
    keys = [(item.log_id, item.size) for item in run]
    deleted = connection.executemany("DELETE FROM deliveries WHERE log_id = ? AND size = ?", keys).rowcount
    if deleted != len(run):
        raise KeyError(f"{len(run) - deleted} of {len(run)} deliveries wait no more")
    connection.execute(STORE_DELIVERY, row)
    count(connection, counts)


def only_new(log: TrustedLog) -> Known:
    """What a gateway, which deletes, can say of a log's past: its newest edge, nothing below."""

    def entries(first_seq: int, count: int) -> list[bytes]:
        if count:
            raise UnavailableError(f"records from {first_seq} on are no longer here to compare with")
        return []

    def edge(size: int) -> Edge:
        if size != log.size:
            raise UnavailableError(f"the log's state at {size} is no longer here to compare with")
        return log.edge

    return Known(entries, edge)
