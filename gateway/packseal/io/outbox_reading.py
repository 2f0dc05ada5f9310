"""An outbox looked at from outside: how much waits, how old it is, what was counted. Reads alone, and creates nothing.

Also beside a running gateway, which is not held up: readers of a write-ahead log wait for nobody.
"""

from __future__ import annotations

import fcntl
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from packseal.errors import UnavailableError

BUSY_TIMEOUT_S = 5
_WAITING = (
    "SELECT count(*), coalesce(sum(records), 0), coalesce(sum(length(content)), 0), min(stored_ms) FROM deliveries"
)
_SPANS = "SELECT coalesce(max(span), 0) FROM (SELECT max(stored_ms) - min(stored_ms) AS span FROM deliveries GROUP BY log_id)"
_LOGS = "SELECT battery, log_id, receipted_size FROM logs ORDER BY battery, log_id"


@dataclass(frozen=True, slots=True)
class OutboxSeen:
    """What waits: deliveries, records in them and their bytes. oldest_unix_ms: when the oldest of them was stored, None
    where nothing waits. span_ms: from the arrival of the oldest to that of the newest, of the log where that is longest.
    """

    deliveries: int
    records: int
    content_bytes: int
    oldest_unix_ms: int | None
    span_ms: int
    counts: dict[str, int] = field(default_factory=dict)
    receipted: tuple[tuple[str, bytes, int], ...] = ()  # battery, log_id, size that a receipt covers


def look_at_outbox(path: Path) -> OutboxSeen:
    """Raises UnavailableError where it cannot be read."""
    if not path.exists():
        raise UnavailableError(f"{path}: there is no outbox yet; it is made when the gateway starts first")
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)) as opened:
            opened.execute("BEGIN")
            waiting = opened.execute(_WAITING).fetchone()
            (span_ms,) = opened.execute(_SPANS).fetchone()
            counts = dict(opened.execute("SELECT name, value FROM counts ORDER BY name"))
            logs = tuple(opened.execute(_LOGS))
    except sqlite3.Error as error:
        raise UnavailableError(f"{path}: {error}; run as the user of the gateway, or as root") from None
    deliveries, records, content_bytes, oldest_unix_ms = waiting
    return OutboxSeen(deliveries, records, content_bytes, oldest_unix_ms, span_ms, counts, logs)


def is_held(path: Path) -> bool:
    """Whether a gateway or an import has this outbox open. Raises UnavailableError where that cannot be known."""
    lock = path.with_name(path.name + ".lock")
    if not lock.exists():
        return False
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        raise UnavailableError(f"{lock}: {error.strerror}; run as the user of the gateway, or as root") from None
    return False
