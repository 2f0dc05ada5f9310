"""An outbox looked at from outside: how much waits, how old it is, what was counted. Reads alone, and creates nothing.

Also beside a running gateway, which is not held up: readers of a write-ahead log wait for nobody.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from packseal.errors import UnavailableError

BUSY_TIMEOUT_S = 5
LOCKS = Path("/proc/locks")
_WAITING = "SELECT count(*), coalesce(sum(records), 0), min(stored_ms) FROM deliveries"
_USED = (
    "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
)
_LOGS = "SELECT battery, log_id, receipted_size FROM logs ORDER BY battery, log_id"


@dataclass(frozen=True, slots=True)
class OutboxSeen:
    """What waits: deliveries and records in them. oldest_unix_ms: when the oldest was stored, None where nothing waits.
    used_bytes: what the file holds."""

    deliveries: int
    records: int
    oldest_unix_ms: int | None
    used_bytes: int
    counts: dict[str, int] = field(default_factory=dict)
    receipted: tuple[tuple[str, bytes, int], ...] = ()  # battery, log_id, size that a receipt covers


def look_at_outbox(path: Path) -> OutboxSeen:
    """Raises UnavailableError where it cannot be read."""
    if not path.exists():
        raise UnavailableError(f"{path}: there is no outbox yet; it is made when the gateway starts first")
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)) as opened:
            opened.execute("BEGIN")
            deliveries, records, oldest_unix_ms = opened.execute(_WAITING).fetchone()
            (used_bytes,) = opened.execute(_USED).fetchone()
            counts = dict(opened.execute("SELECT name, value FROM counts ORDER BY name"))
            logs = tuple(opened.execute(_LOGS))
    except sqlite3.Error as error:
        raise UnavailableError(f"{path}: {error}; run as the user of the gateway, or as root") from None
    return OutboxSeen(deliveries, records, oldest_unix_ms, used_bytes, counts, logs)


def is_held(path: Path) -> bool:
    """Whether a gateway or an import has this outbox open, as the kernel lists it: trying the lock would take it from
    one that starts just now."""
    try:
        inode = path.with_name(path.name + ".lock").stat().st_ino
        locks = LOCKS.read_text().splitlines()
    except OSError:
        return False
    return any(line.split()[1:4:2] == ["FLOCK", "WRITE"] and f":{inode} " in line for line in locks)
