"""Logs that the gateway itself signs: what opened each, its starts, and the entries that no checkpoint covers yet.

Part of the outbox: an entry leaves this table in the transaction that stores the delivery it went into. Whoever starts
a log holds the outbox against other processes, since two signers would sign two roots for one size. Where what stands
here was damaged, nobody can know what was signed: then another log is begun.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from packseal.io.database import Database
from packseal.io.row_check import check_of

SCHEMA = """
CREATE TABLE IF NOT EXISTS own_logs (
    battery TEXT NOT NULL, public_key BLOB NOT NULL, label BLOB NOT NULL, seed BLOB NOT NULL,
    boot INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (battery, public_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS own_entries (
    log_id BLOB NOT NULL, seq INTEGER NOT NULL, entry BLOB NOT NULL, PRIMARY KEY (log_id, seq)
) STRICT, WITHOUT ROWID;
"""
COLUMNS = {
    "own_logs": "battery, public_key, label, seed, boot, row_check",
    "own_entries": "log_id, seq, entry, row_check",
}
ADDED = {"own_logs": ("row_check INTEGER",), "own_entries": ("row_check INTEGER",)}  # since the first version


@dataclass(frozen=True, slots=True)
class OwnLogStart:
    """`boot` counts the starts, this one included; all of it is durable."""

    label: bytes
    seed: bytes
    boot: int


class OwnLogTable:
    def __init__(self, database: Database) -> None:
        self._database = database

    def started(self, battery: str, public_key: bytes, label: bytes, seed: bytes) -> OwnLogStart:
        """Counts a start of this key's log of a battery; label and seed are for one that is new."""
        key = (battery, public_key)
        query = "SELECT label, seed, boot FROM own_logs WHERE battery = ? AND public_key = ?"
        with self._database.transaction() as connection:
            known = connection.execute(query, key).fetchone()
            start = OwnLogStart(known[0], known[1], known[2] + 1) if known else OwnLogStart(label, seed, 1)
            row = (*key, start.label, start.seed, start.boot)
            connection.execute("INSERT OR REPLACE INTO own_logs VALUES (?, ?, ?, ?, ?, ?)", (*row, check_of(row)))
        return start

    def pending(self, log_id: bytes, first_seq: int) -> list[bytes]:
        """The entries from first_seq on."""
        query = "SELECT entry FROM own_entries WHERE log_id = ? AND seq >= ? ORDER BY seq"
        rows: Any = self._database.rows(query, (log_id, first_seq))
        return [entry for (entry,) in rows]

    def keep(self, log_id: bytes, first_seq: int, entries: Sequence[bytes]) -> None:
        """Raises UnavailableError; then none of them is kept."""
        with self._database.transaction() as connection:
            rows = [(log_id, seq, entry) for seq, entry in enumerate(entries, first_seq)]
            checked = [(*row, check_of(row)) for row in rows]
            connection.executemany("INSERT OR REPLACE INTO own_entries VALUES (?, ?, ?, ?)", checked)


def settle(connection: sqlite3.Connection, log_id: bytes, size: int) -> None:
    """Inside the outbox's transaction: everything below size stands in stored deliveries."""
    connection.execute("DELETE FROM own_entries WHERE log_id = ? AND seq < ?", (log_id, size))
