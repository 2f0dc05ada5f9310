"""The outbox on disk: deliveries until a receipt covers them, and how far each log was verified."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packseal.errors import EvidenceError, UnavailableError
from packseal.io import own_log_table
from packseal.io.database import Database
from packseal.io.files import Reserve
from packseal.io.own_log_table import OwnLogTable
from packseal.outbox import Item
from packseal.records.blinding import seed_digest
from packseal.records.checkpoint import Receipt
from packseal.records.log import Delivery, Known, TrustedLog, Verified, rotations_from_bytes, rotations_to_bytes
from packseal.records.merkle import Edge

RESERVE_BYTES = 2 << 20  # the write-ahead log moved into the database, and the deletion of some deliveries
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
_STORE_LOG = (
    "INSERT INTO logs (log_id, genesis, seed, battery, edge, boot, uptime_ms, rotations, is_sealed)"
    " VALUES (:log_id, :genesis, :seed, :battery, :edge, :boot, :uptime_ms, :rotations, :is_sealed)"
    " ON CONFLICT (log_id) DO UPDATE SET battery = :battery, edge = :edge, boot = :boot, uptime_ms = :uptime_ms,"
    " rotations = :rotations, is_sealed = :is_sealed"
)
_LOG_COLUMNS = "log_id, genesis, seed, edge, boot, uptime_ms, rotations, is_sealed"


@dataclass(frozen=True, slots=True)
class StoredLog:
    log: TrustedLog
    battery: str
    receipted_size: int
    receipt: bytes | None


class OutboxStore:
    def __init__(self, path: Path) -> None:
        self._database = Database(path, SCHEMA)
        self._reserve = Reserve(path.with_name(path.name + ".reserve"), RESERVE_BYTES)
        self.own_logs = OwnLogTable(self._database)
        self.path = path

    def log(self, log_id: bytes) -> StoredLog | None:
        found = self._logs("WHERE log_id = ?", (log_id,))
        return found[0] if found else None

    def logs(self) -> list[StoredLog]:
        return self._logs("", ())

    def store(self, battery: str, delivery: Delivery, verified: Verified, now_ms: int) -> Item:
        """Keeps a verified delivery and the log as it is after it, in one transaction."""
        log, checkpoint = verified.log, verified.checkpoint
        records = len(delivery.entries)
        with self._database.transaction() as connection:
            connection.execute(_STORE_LOG, {"battery": battery, **_log_row(log)})
            own_log_table.settle(connection, log.log_id, log.size)
            connection.execute(
                "INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?)",
                (log.log_id, log.size, records, delivery.to_bytes(), checkpoint.root, now_ms),
            )
            _count(connection, {"records_stored": records})
        return Item(log.log_id, log.size, records, now_ms)

    def waiting(self) -> list[Item]:
        """What has no receipt yet, in order."""
        rows: Any = self._database.rows("SELECT log_id, size, records, stored_ms FROM deliveries ORDER BY log_id, size")
        return [Item(log_id, size, records, stored_ms) for log_id, size, records, stored_ms in rows]

    def content(self, item: Item) -> tuple[str, bytes]:
        """The battery and the bytes of a waiting delivery. Raises KeyError when it waits no more."""
        rows: Any = self._database.rows(
            "SELECT battery, content FROM deliveries JOIN logs USING (log_id) WHERE log_id = ? AND size = ?",
            (item.log_id, item.size),
        )
        if not rows:
            raise KeyError(f"nothing waits at {item.size}")
        battery, content = rows[0]
        return battery, content

    def root_at(self, log_id: bytes, size: int) -> bytes | None:
        """The signed root of the waiting delivery that ends at size; None where none does."""
        query = "SELECT root FROM deliveries WHERE log_id = ? AND size = ?"
        rows: Any = self._database.rows(query, (log_id, size))
        return rows[0][0] if rows else None

    def acknowledge(self, receipt: Receipt, content: bytes) -> None:
        """Deletes what a verified receipt covers and keeps the receipt for the board; also on a full disk."""
        try:
            self._acknowledge(receipt, content)
        except UnavailableError:
            if not self._reserve.release():
                raise
            self._database.fold_back()
            self._acknowledge(receipt, content)
            self._database.fold_back()
        self._reserve.restore()

    def _acknowledge(self, receipt: Receipt, content: bytes) -> None:
        with self._database.transaction() as connection:
            covered = "log_id = ? AND size <= ?"
            key = (receipt.log_id, receipt.size)
            query = f"SELECT coalesce(sum(records), 0) FROM deliveries WHERE {covered}"  # noqa: S608 - constant text
            (records,) = connection.execute(query, key).fetchone()
            connection.execute(f"DELETE FROM deliveries WHERE {covered}", key)  # noqa: S608
            connection.execute(
                "UPDATE logs SET receipted_size = :size, receipt = :receipt"
                " WHERE log_id = :log_id AND receipted_size < :size",
                {"log_id": receipt.log_id, "size": receipt.size, "receipt": content},
            )
            _count(connection, {"records_receipted": records})

    def count(self, name: str, number: int = 1) -> None:
        with self._database.transaction() as connection:
            _count(connection, {name: number})

    def counts(self) -> dict[str, int]:
        rows: Any = self._database.rows("SELECT name, value FROM counts ORDER BY name")
        return dict(rows)

    def close(self) -> None:
        self._database.close()

    def _logs(self, where: str, parameters: tuple[object, ...]) -> list[StoredLog]:
        columns = f"{_LOG_COLUMNS}, battery, receipted_size, receipt"
        rows: Any = self._database.rows(f"SELECT {columns} FROM logs {where} ORDER BY log_id", parameters)  # noqa: S608
        return [StoredLog(self._trusted(*row[:-3]), *row[-3:]) for row in rows]

    def _trusted(
        self,
        log_id: bytes,
        genesis: bytes,
        seed: bytes,
        edge: bytes,
        boot: int,
        uptime_ms: int,
        rotations: bytes,
        is_sealed: int,
    ) -> TrustedLog:
        try:
            at = (Edge.from_bytes(edge), boot, uptime_ms, rotations_from_bytes(rotations), bool(is_sealed))
            log = TrustedLog(genesis, seed, *at)
            if log.log_id != log_id or seed_digest(seed) != log.key.seed_digest:
                raise self._damaged(log_id)
        except (ValueError, EvidenceError):
            raise self._damaged(log_id) from None
        return log

    def _damaged(self, log_id: bytes) -> UnavailableError:
        words = f"what it holds of log {log_id.hex()} is not what was stored; restore the file from a backup"
        return UnavailableError(f"{self.path}: {words}")


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


def _log_row(log: TrustedLog) -> dict[str, object]:
    return {
        "log_id": log.log_id,
        "genesis": log.genesis,
        "seed": log.seed,
        "edge": log.edge.to_bytes(),
        "boot": log.boot,
        "uptime_ms": log.uptime_ms,
        "rotations": rotations_to_bytes(log.rotations),
        "is_sealed": int(log.is_sealed),
    }


def _count(connection: Any, numbers: dict[str, int]) -> None:
    rows: Iterable[tuple[str, int]] = numbers.items()
    connection.executemany(
        "INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value", rows
    )
