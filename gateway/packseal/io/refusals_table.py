"""What was refused, counted by topic, log and reason: nothing that came is lost without a trace."""

from __future__ import annotations

from dataclasses import dataclass

from packseal.io.sql import SQLDatabase

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

    def __init__(self, database: SQLDatabase) -> None:
        self._database = database

    def add(self, unix_ms: int, topic: str, log_id: bytes | None, reason: str, detail: str, battery: str) -> None:
        """Counts a refusal; of more than MAX_REFUSALS kinds the ones not seen for longest go."""
        row: dict[str, object] = {"topic": _fitting(topic), "log_id": log_id, "reason": reason, "unix_ms": unix_ms}
        row |= {"detail": _fitting(detail), "battery": _fitting(battery)}
        with self._database.transaction() as transaction:
            transaction.execute(_ADD, row)
            transaction.execute(_FORGET_OLDEST, (MAX_REFUSALS,))

    def of(self, battery: str, limit: int = 20) -> list[Refusal]:
        query = (
            "SELECT topic, log_id, reason, detail, battery, count, first_unix_ms, last_unix_ms FROM refusals"
            " WHERE battery = ? ORDER BY last_unix_ms DESC, rowid DESC LIMIT ?"
        )
        return [Refusal(*row) for row in self._database.rows(query, (battery, limit))]


def _fitting(text: str) -> str:
    """PostgreSQL has no text with a NUL in it."""
    return text[:MAX_TEXT].replace("\0", "\ufffd")


_ADD = (
    "INSERT INTO refusals VALUES (:topic, :log_id, :reason, :detail, :battery, 1, :unix_ms, :unix_ms)"
    " ON CONFLICT (topic, coalesce(log_id, x''), reason) DO UPDATE SET"
    " count = refusals.count + 1, detail = :detail, battery = :battery, last_unix_ms = :unix_ms"
)
_FORGET_OLDEST = (
    "DELETE FROM refusals WHERE rowid NOT IN"
    " (SELECT rowid FROM refusals ORDER BY last_unix_ms DESC, rowid DESC LIMIT ?)"
)
