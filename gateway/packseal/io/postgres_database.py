"""PostgreSQL as a store uses it: every commit on the disk, connections that come back, errors that name the cure.

A few connections, each for one thread at a time. A connection that the server has ended is made again before anything
is done through it; what was under way in it was not committed, or its sender hears of no answer and asks again.
"""

from __future__ import annotations

import re
import select
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, LiteralString

import psycopg
from psycopg.pq import TransactionStatus

from packseal.errors import UnavailableError
from packseal.io.passport_rows import OvertakenError
from packseal.io.sql import Parameters

CONNECTIONS = 8
CONNECT_TIMEOUT_S = 10
MIN_VERSION = 150_000
_TOKEN = re.compile(r"%|\?|(?<![:\w]):(\w+)|\bx'([0-9a-f]*)'|\browid\b")


class PostgresTransaction:
    """One transaction of one connection."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def execute(self, query: str, parameters: Parameters = (), /) -> psycopg.Cursor[Any]:
        cursor = self._connection.cursor(binary=True)
        return cursor.execute(translated(query), parameters or None)

    def executemany(self, query: str, rows: Iterable[Any], /) -> psycopg.Cursor[Any]:
        """In psycopg's pipeline: the rows do not wait for one another's answers."""
        cursor = self._connection.cursor(binary=True)
        cursor.executemany(translated(query), list(rows))
        return cursor

    def copy(self, table: LiteralString, types: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """The quickest way in for many rows."""
        with self._connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)


class PostgresDatabase:
    """Usable from any thread, by CONNECTIONS of them at a time; the others wait."""

    def __init__(self, url: str) -> None:
        """url: without a password, which libpq finds in PGPASSFILE or ~/.pgpass. Raises UnavailableError."""
        self.where = url
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        self._idle: list[psycopg.Connection] = []
        self._is_closed = False
        with self._connection() as connection:
            if connection.info.server_version < MIN_VERSION:
                raise UnavailableError(f"{url}: PostgreSQL {connection.info.server_version // 10_000}; 15 is needed")

    @contextmanager
    def transaction(self) -> Iterator[PostgresTransaction]:
        """All of the block or nothing of it. psycopg's errors come out as UnavailableError, and then whoever asks next
        gets a connection that works."""
        with self._connection() as connection:
            try:
                with connection.transaction():
                    yield PostgresTransaction(connection)
            except psycopg.Error as error:
                raise self._unavailable(error) from None

    def rows(self, query: str, parameters: Parameters = ()) -> list[Any]:
        with self._connection() as connection:
            try:
                return PostgresTransaction(connection).execute(query, parameters).fetchall()
            except psycopg.Error as error:
                raise self._unavailable(error) from None

    @contextmanager
    def snapshot(self) -> Iterator[Callable[[str], tuple[list[str], Iterator[Any]]]]:
        """table -> its columns and rows, of all tables as one moment has them, read piece by piece."""
        with self._connection() as connection:

            def rows_of(table: str) -> tuple[list[str], Iterator[Any]]:
                cursor = connection.cursor(name="rows_of", binary=True)
                cursor.execute(translated(f"SELECT * FROM {table}"))  # noqa: S608 - our own names
                return [column.name for column in cursor.description or ()], _closing(cursor)

            try:
                with connection.transaction():
                    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                    yield rows_of
            except psycopg.Error as error:
                raise self._unavailable(error) from None

    def close(self) -> None:
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        with self._places:
            connection = self._taken()
            try:
                yield connection
            finally:
                is_good = connection.info.transaction_status is TransactionStatus.IDLE
                if is_good and not self._is_closed:
                    self._idle.append(connection)
                else:
                    connection.close()

    def _taken(self) -> psycopg.Connection:
        """An idle connection that the server has not ended, else a new one."""
        while not self._is_closed:
            try:
                connection = self._idle.pop()
            except IndexError:
                return self._connected()
            if is_quiet(connection):
                return connection
            connection.close()
        raise UnavailableError(f"{self.where}: was closed")

    def _connected(self) -> psycopg.Connection:
        try:
            return psycopg.connect(
                self.where, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, application_name="packseal",
                options="-c synchronous_commit=on -c client_min_messages=warning",
            )  # fmt: skip
        except psycopg.Error as error:
            raise self._unavailable(error) from None

    def _unavailable(self, error: psycopg.Error) -> UnavailableError:
        words = " ".join(str(error).split())
        if (error.sqlstate or "").startswith("40"):  # two workers waited for each other, and this one gave way
            return OvertakenError(f"{self.where}: {words}; try again")
        return UnavailableError(f"{self.where}: {words}; {_cure(error, words)}")


def _closing(cursor: psycopg.ServerCursor[Any]) -> Iterator[Any]:
    with cursor:
        yield from cursor


def is_quiet(connection: psycopg.Connection) -> bool:
    """Nothing came on an idle connection: what a server sends that ends lies in the socket by then."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


@lru_cache(maxsize=256)
def translated(query: str) -> bytes:
    """From the words that a store writes: `?` and `:name` become psycopg's, blobs and rowid PostgreSQL's."""

    def token(found: re.Match[str]) -> str:
        text, name, blob = found[0], found[1], found[2]
        if name:
            return f"%({name})s"
        if blob is not None:
            return f"'\\x{blob}'::bytea"
        return {"%": "%%", "?": "%s", "rowid": "ctid"}[text]

    return _TOKEN.sub(token, query).encode()


def _cure(error: psycopg.Error, words: str) -> str:
    state = error.sqlstate or ""
    if state.startswith("53"):
        return "give the database server disk space, memory or connections"
    if state.startswith("28") or "password" in words:
        return "put the password into ~/.pgpass or the file that PGPASSFILE names, or let the server trust this user"
    if state == "3D000" or ("database" in words and "does not exist" in words):
        return "make it with createdb"
    if state == "42501":
        return "give this user the rights on its tables, or the database"
    if not state or state.startswith(("08", "57P")):
        return "is PostgreSQL running there, and are host and port right?"
    return "look into the log of the database server"
