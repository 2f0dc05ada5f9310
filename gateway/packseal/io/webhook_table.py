"""How far each webhook has been told of changes, and which worker tells it now."""

from __future__ import annotations

from typing import Any

from packseal.io.sql import SQLDatabase

SCHEMA = """
CREATE TABLE webhooks (
    url TEXT PRIMARY KEY, told INTEGER NOT NULL, worker BLOB NOT NULL, until_unix_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""


class WebhookTable:
    """Part of the passport store. Every method raises UnavailableError."""

    def __init__(self, database: SQLDatabase) -> None:
        self._database = database

    def take(self, url: str, first: int, worker: bytes, now_unix_ms: int, until_unix_ms: int) -> int | None:
        """Makes it this worker's until then. -> the last index in the passport log that it has been told of, `first`
        for a new one; None while it is another worker's"""
        with self._database.transaction() as transaction:
            transaction.execute(_NEW, (url, first, b"", 0))
            taken = transaction.execute(_TAKE, (worker, until_unix_ms, url, worker, now_unix_ms)).rowcount
            rows: list[Any] = transaction.execute("SELECT told FROM webhooks WHERE url = ?", (url,)).fetchall()
        return int(rows[0][0]) if taken else None

    def set_told(self, url: str, told: int, worker: bytes) -> None:
        """By whoever holds it; of another worker nothing is changed."""
        with self._database.transaction() as transaction:
            transaction.execute("UPDATE webhooks SET told = ? WHERE url = ? AND worker = ?", (told, url, worker))

    def release(self, url: str, worker: bytes) -> None:
        """Another worker may take it at once."""
        with self._database.transaction() as transaction:
            transaction.execute("UPDATE webhooks SET until_unix_ms = 0 WHERE url = ? AND worker = ?", (url, worker))


_NEW = "INSERT INTO webhooks VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_TAKE = "UPDATE webhooks SET worker = ?, until_unix_ms = ? WHERE url = ? AND (worker = ? OR until_unix_ms <= ?)"
