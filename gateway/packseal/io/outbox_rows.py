"""The tables of the outbox, and what stands in their rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from packseal.errors import EvidenceError
from packseal.io import own_log_table
from packseal.io.row_check import check_of, is_as_stored
from packseal.outbox import Item
from packseal.outbox.reduction import is_open_window, kind_of
from packseal.records.blinding import seed_digest
from packseal.records.emptied import is_emptied
from packseal.records.log import Delivery, TrustedLog, rotations_from_bytes, rotations_to_bytes
from packseal.records.merkle import Edge

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS logs (
    log_id BLOB PRIMARY KEY, genesis BLOB NOT NULL, seed BLOB NOT NULL, battery TEXT NOT NULL, edge BLOB NOT NULL,
    boot INTEGER NOT NULL, uptime_ms INTEGER NOT NULL, rotations BLOB NOT NULL, is_sealed INTEGER NOT NULL,
    receipted_size INTEGER NOT NULL DEFAULT 0, receipt BLOB
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (
    log_id BLOB NOT NULL REFERENCES logs, size INTEGER NOT NULL, records INTEGER NOT NULL, content BLOB NOT NULL,
    root BLOB NOT NULL, stored_ms INTEGER NOT NULL, PRIMARY KEY (log_id, size)
) STRICT;
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
{own_log_table.SCHEMA}"""
ADDED = {  # since the first version, to a file that was made by an older one; a check of NULL says nothing
    "logs": ("begun_at INTEGER NOT NULL DEFAULT 0", "row_check INTEGER"),
    "deliveries": (
        "kinds INTEGER NOT NULL DEFAULT 0",
        "windows INTEGER NOT NULL DEFAULT 0",
        "emptied INTEGER NOT NULL DEFAULT 0",
        "level INTEGER NOT NULL DEFAULT 0",
        "uptime_ms INTEGER NOT NULL DEFAULT 0",
        "row_check INTEGER",
    ),
    **own_log_table.ADDED,
}
LOG_COLUMNS = (
    "log_id, genesis, seed, battery, edge, boot, uptime_ms, rotations, is_sealed, receipted_size, receipt, begun_at,"
    " row_check"
)
DELIVERY_COLUMNS = (
    "log_id, size, records, content, root, stored_ms, kinds, windows, emptied, level, uptime_ms, row_check"
)
STORE_LOG = f"INSERT OR REPLACE INTO logs ({LOG_COLUMNS}) VALUES ({', '.join('?' * 13)})"  # noqa: S608 - constant text
STORE_DELIVERY = f"INSERT INTO deliveries ({DELIVERY_COLUMNS}) VALUES ({', '.join('?' * 12)})"  # noqa: S608


@dataclass(frozen=True, slots=True)
class StoredLog:
    """begun_at: the first record that this gateway had of it."""

    log: TrustedLog
    battery: str
    receipted_size: int
    receipt: bytes | None
    begun_at: int = 0

    def to_row(self) -> tuple[Any, ...]:
        log, edge = self.log, self.log.edge.to_bytes()
        head = (log.log_id, log.genesis, log.seed, self.battery, edge, log.boot, log.uptime_ms)
        tail = (rotations_to_bytes(log.rotations), int(log.is_sealed), self.receipted_size, self.receipt, self.begun_at)
        return (*head, *tail, check_of((*head, *tail)))


def stored_log(row: Sequence[Any]) -> StoredLog:
    """Raises ValueError for what is not what was stored."""
    log_id, genesis, seed, battery, edge, boot, uptime_ms, rotations, is_sealed, size, receipt, begun_at, _ = row
    try:
        at = (Edge.from_bytes(edge), boot, uptime_ms, rotations_from_bytes(rotations), bool(is_sealed))
        log = TrustedLog(genesis, seed, *at)
        are_typed = isinstance(battery, str) and isinstance(size, int) and isinstance(begun_at, int)
        if not are_typed or not is_as_stored(row) or log.log_id != log_id or seed_digest(seed) != log.key.seed_digest:
            raise ValueError(f"what is held of log {log_id.hex()} is not what was stored")
    except (TypeError, EvidenceError) as error:
        raise ValueError(str(error)) from None
    return StoredLog(log, battery, size, receipt, begun_at)


def item_of(delivery: Delivery, content: bytes, size: int, stored_ms: int, uptime_ms: int, level: int = 0) -> Item:
    """What waits, of a delivery that ends at size. content: its bytes."""
    entries = delivery.entries
    return Item(
        delivery.log_id,
        size,
        len(entries),
        stored_ms,
        content_bytes=len(content),
        kinds=frozenset(map(kind_of, entries)),
        windows=sum(map(is_open_window, entries)),
        emptied=sum(map(is_emptied, entries)),
        level=level,
        uptime_ms=uptime_ms,
    )


def delivery_row(item: Item, content: bytes, root: bytes) -> tuple[Any, ...]:
    kinds = sum(1 << kind for kind in item.kinds)
    head = (item.log_id, item.size, item.records, content, root, item.stored_ms)
    row = (*head, kinds, item.windows, item.emptied, item.level, item.uptime_ms)
    return (*row, check_of(row))


def add_columns(connection: sqlite3.Connection) -> None:
    for table, columns in ADDED.items():
        known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        for column in columns:
            if column.split()[0] not in known:
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")


def kinds_of(bits: int) -> frozenset[int]:
    return frozenset(kind for kind in range(32) if bits >> kind & 1)


def count(connection: sqlite3.Connection, numbers: dict[str, int]) -> None:
    rows: Iterable[tuple[str, int]] = numbers.items()
    connection.executemany(
        "INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value", rows
    )
