"""SQLite as every store uses it: WAL, every commit on the disk, one lock, errors that name the cure."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from packseal.errors import UnavailableError
from packseal.io.sql import Parameters

BUSY_TIMEOUT_S = 10
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
WAL_PAGES = 250  # 1 MB beside the database, so that a small disk is not filled by what waits to be moved


class Database:
    """One connection for all threads of a process."""

    def __init__(self, path: Path, schema: str, damaged: Callable[[], None] | None = None) -> None:
        """Opens the file, or creates it for its owner alone: it holds seeds. Raises UnavailableError.

        damaged: called when SQLite finds that the file is not what it wrote.
        """
        self.path, self._damaged = path, damaged
        self._lock = threading.RLock()
        with suppress(OSError):  # it is there, or SQLite says why it cannot be; its -wal and -shm get the same rights
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise self._unavailable(error) from None
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._connection.executescript(schema)
        except sqlite3.Error as error:
            self._connection.close()
            raise self._unavailable(error) from None

    @property
    def where(self) -> str:
        """Its name in words for users."""
        return str(self.path)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block or nothing of it. SQLite's errors come out as UnavailableError."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
            except (sqlite3.Error, OverflowError) as error:
                raise self._unavailable(error) from None

    def rows(self, query: str, parameters: Parameters = ()) -> list[Any]:
        """Parameters by name (`:size`) are a mapping, by place (`?`) a sequence; Python refuses to mix them."""
        with self._lock:
            try:
                return self._connection.execute(query, parameters).fetchall()
            except (sqlite3.Error, OverflowError) as error:
                raise self._unavailable(error) from None

    def fold_back(self) -> None:
        """Moves all of the write-ahead log into the database and empties it."""
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _unavailable(self, error: sqlite3.Error | OverflowError) -> UnavailableError:
        """OverflowError: a number beyond SQLite's 64 bits, which the formats' limits keep out before it comes here."""
        if self._damaged and getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGED:
            self._damaged()
        return UnavailableError(f"{self.path}: {error}; check the disk's space and the file's rights")
