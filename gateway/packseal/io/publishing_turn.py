"""Whose turn it is to publish the service's log, where several workers have one database: one at a time.

A lock of a PostgreSQL session: the server frees it when its holder ends, however that ends, and drops a session whose
machine has vanished after half a minute. Two that take it to be theirs for a moment do no harm: a folder of tiles has a
lock of its own, and only grows. A second lock, held as long as published log and database contradict each other, tells
the workers that have no folder to look into.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol

import psycopg

from packseal.errors import UnavailableError
from packseal.io.postgres_database import CONNECT_TIMEOUT_S

TURN_LOCK, CONTRADICTION_LOCK = 0x7061636B0003, 0x7061636B0004  # advisory locks of this database
LOOK_PERIOD_S = 1.0
_SESSION = (
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4 -c tcp_user_timeout=30000"
    " -c idle_session_timeout=0 -c client_min_messages=warning"
)
_HELD = (
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND (classid::bigint << 32) + objid::bigint = %s)"
)


class Turn(Protocol):
    """Every method raises UnavailableError where the database does not answer."""

    def is_ours(self) -> bool:
        """Takes the turn where nobody has it."""

    def tell(self, contradiction: str) -> None:
        """Whoever has the turn says what is wrong; empty when nothing is."""

    def is_contradicted(self) -> bool:
        """Whoever has the turn says that something is."""

    def close(self) -> None: ...


class OnlyTurn:
    """Of a service that shares its store with nobody."""

    def is_ours(self) -> bool:
        return True

    def tell(self, contradiction: str) -> None:
        pass

    def is_contradicted(self) -> bool:
        return False

    def close(self) -> None:
        pass


class SharedTurn:
    """Of one worker. Usable from any thread."""

    def __init__(self, url: str) -> None:
        self.where = url
        self._lock = threading.Lock()
        self._session: psycopg.Connection | None = None
        self._has_turn = self._has_told = False
        self._looked_s, self._found = float("-inf"), False

    def is_ours(self) -> bool:
        with self._lock:
            if self._has_turn and self._session:
                self._asked("SELECT TRUE")  # by which a session that has ended is known
            else:
                self._has_turn = self._asked("SELECT pg_try_advisory_lock(%s)", TURN_LOCK)
            return self._has_turn

    def tell(self, contradiction: str) -> None:
        with self._lock:
            if bool(contradiction) != self._has_told:
                lock = "pg_try_advisory_lock_shared" if contradiction else "pg_advisory_unlock_shared"
                self._asked(f"SELECT {lock}(%s)", CONTRADICTION_LOCK)
                self._has_told = bool(contradiction)

    def is_contradicted(self) -> bool:
        with self._lock:
            if time.monotonic() - self._looked_s >= LOOK_PERIOD_S:
                self._found = self._asked(_HELD, CONTRADICTION_LOCK)
                self._looked_s = time.monotonic()
            return self._found

    def close(self) -> None:
        with self._lock:
            self._ended()

    def _asked(self, query: str, *parameters: int) -> bool:
        try:
            if self._session is None:
                self._session = psycopg.connect(
                    self.where, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, options=_SESSION,
                    application_name="packseal turn", keepalives_idle=10, keepalives_interval=5, keepalives_count=4,
                )  # fmt: skip
            row = self._session.execute(query.encode(), parameters or None).fetchone()
            return bool(row and row[0])
        except psycopg.Error as error:
            self._ended()
            raise UnavailableError(f"{self.where}: {' '.join(str(error).split())}") from None

    def _ended(self) -> None:
        """With the session go its locks."""
        self._has_turn = self._has_told = False
        if self._session:
            self._session.close()
            self._session = None
