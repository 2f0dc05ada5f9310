"""SQLite as every store uses it: WAL, every commit on the disk, one lock, errors that name the cure.

What several threads store at the same time shares one commit (`together`), and what is only read waits for no writer
(`committed`): behind one lock, twenty threads that store would leave no turn to the one that sends and the one that
hears receipts.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from packseal.errors import UnavailableError
from packseal.io.sql import Parameters

BUSY_TIMEOUT_S = 10
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
WAL_PAGES = 250  # 1 MB beside the database, so that a small disk is not filled by what waits to be moved
MAX_TOGETHER = 64  # acts of one commit
T = TypeVar("T")


@dataclass(slots=True)
class _Act(Generic[T]):
    """What one thread wants to be done, and what came of it."""

    act: Callable[[sqlite3.Connection], T]
    result: T | None = None
    error: Exception | None = None
    is_done: bool = False


class Database:
    """One connection for all threads of a process that write, and one for those that read what is committed."""

    def __init__(
        self,
        path: Path,
        schema: str,
        damaged: Callable[[], None] | None = None,
        committing: Callable[[sqlite3.Connection], None] | None = None,
    ) -> None:
        """Opens the file, or creates it for its owner alone: it holds seeds. Raises UnavailableError.

        damaged: called when SQLite finds that the file is not what it wrote. committing: called at the end of each
        transaction.
        """
        self.path, self._damaged, self._committing = path, damaged, committing
        self._lock = threading.RLock()
        self._acts: deque[_Act[Any]] = deque()
        self._reading_lock = threading.Lock()
        self._reading: sqlite3.Connection | None = None
        with suppress(OSError):  # it is there, or SQLite says why it cannot be; its -wal and -shm get the same rights
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._connection = self._opened()
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
                    if self._committing:
                        self._committing(self._connection)
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
            except (sqlite3.Error, OverflowError) as error:
                raise self._unavailable(error) from None

    def together(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """All of the act or nothing of it, and on the disk when this returns. Acts of several threads share a commit.

        What it raises comes out, SQLite's errors as UnavailableError, and touches no other act; but where SQLite gives
        up the whole transaction, as on a full disk, all of its acts raise UnavailableError.
        """
        mine = _Act(act)
        self._acts.append(mine)
        with self._lock:
            while not mine.is_done:
                self._do_next()
        if mine.error is not None:
            raise mine.error
        return cast(T, mine.result)

    def _do_next(self) -> None:
        acts = [self._acts.popleft() for _ in range(min(len(self._acts), MAX_TOGETHER))]
        words = f"{self.path}: the program was ended before it was stored"
        try:
            with self.transaction() as connection:
                for one in acts:
                    self._do(connection, one)
            words = ""
        except UnavailableError as error:
            words = str(error)
        finally:
            for one in acts:
                one.error = one.error or (UnavailableError(words) if words else None)
                one.is_done = True

    def _do(self, connection: sqlite3.Connection, one: _Act[Any]) -> None:
        connection.execute("SAVEPOINT act")
        try:
            one.result = one.act(connection)
        except Exception as error:
            one.error = self._unavailable(error) if isinstance(error, sqlite3.Error | OverflowError) else error
            connection.execute("ROLLBACK TO act")
        connection.execute("RELEASE act")

    def committed(self, query: str, parameters: Parameters = ()) -> list[Any]:
        """As `rows`, but it waits for nobody who writes, and sees nothing of what is not committed."""
        with self._reading_lock:
            try:
                self._reading = self._reading or self._opened()
                return self._reading.execute(query, parameters).fetchall()
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
        with self._lock, self._reading_lock:
            if self._reading:
                self._reading.close()
            self._connection.close()
            self._reading = self._connection  # closed: whoever reads after the end hears of it, and opens nothing

    def _opened(self) -> sqlite3.Connection:
        try:
            return sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._unavailable(error) from None

    def _unavailable(self, error: sqlite3.Error | OverflowError) -> UnavailableError:
        """OverflowError: a number beyond SQLite's 64 bits, which the formats' limits keep out before it comes here."""
        if self._damaged and getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGED:
            self._damaged()
        return UnavailableError(f"{self.path}: {error}; check the disk's space and the file's rights")
