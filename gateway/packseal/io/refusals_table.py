"""What was refused, counted by topic, log and reason: nothing that came is lost without a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from packseal.io.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS refusals (
    topic TEXT NOT NULL, log_id BLOB, reason TEXT NOT NULL, detail TEXT NOT NULL, battery TEXT NOT NULL,
    count INTEGER NOT NULL, first_unix_ms INTEGER NOT NULL, last_unix_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS refusals_once ON refusals (topic, ifnull(log_id, x''), reason);
"""
MAX_REFUSALS = 1000
MAX_TEXT = 256  # a topic and a detail come from outside; what is longer is cut


@dataclass(frozen=True, slots=True)
class Refusal:
    topic: str
    log_id: bytes | None
    reason: str
    detail: str
    battery: str
    count: int
    first_unix_ms: int
    last_unix_ms: int


class RefusalsTable:
    """Part of the passport's database. Every method raises UnavailableError when the disk does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, unix_ms: int, topic: str, log_id: bytes | None, reason: str, detail: str, battery: str) -> None:
        """Counts a refusal; of more than MAX_REFUSALS kinds the ones not seen for longest go."""
        row: dict[str, object] = {"topic": topic[:MAX_TEXT], "log_id": log_id, "reason": reason, "unix_ms": unix_ms}
        row |= {"detail": detail[:MAX_TEXT], "battery": battery[:MAX_TEXT]}
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO refusals VALUES (:topic, :log_id, :reason, :detail, :battery, 1, :unix_ms, :unix_ms)"
                " ON CONFLICT DO UPDATE SET"
                " count = count + 1, detail = :detail, battery = :battery, last_unix_ms = :unix_ms",
                row,
            )
            connection.execute(
                "DELETE FROM refusals WHERE rowid IN"
                " (SELECT rowid FROM refusals ORDER BY last_unix_ms DESC, rowid DESC LIMIT -1 OFFSET ?)",
                (MAX_REFUSALS,),
            )

    def of(self, battery: str, limit: int = 20) -> list[Refusal]:
        query = (
            "SELECT topic, log_id, reason, detail, battery, count, first_unix_ms, last_unix_ms FROM refusals"
            " WHERE battery = ? ORDER BY last_unix_ms DESC, rowid DESC LIMIT ?"
        )
        rows: list[Any] = self._database.rows(query, (battery, limit))
        return [Refusal(*row) for row in rows]
