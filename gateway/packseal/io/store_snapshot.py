"""All rows of a store as one moment has them, while others write; and new tables to put such rows into."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from packseal.errors import ConfigError, UnavailableError
from packseal.io.database import Database
from packseal.io.passport_schema import migrate
from packseal.io.sql import Transaction
from packseal.io.store_place import PostgresURL, StorePlace

RowsOf: TypeAlias = Callable[[str], tuple[Sequence[str], Iterator[Sequence[Any]]]]
"""table -> its columns, and its rows"""


def snapshot(place: StorePlace) -> AbstractContextManager[RowsOf]:
    """Raises UnavailableError, also while rows are read."""
    return _of_file(place) if isinstance(place, Path) else _of_server(place)


def new_tables(place: StorePlace, version: int) -> AbstractContextManager[Transaction]:
    """Tables of that version, empty; at the end of the block they are brought up to date, and there as a whole.

    Raises ConfigError where there is a store already, UnavailableError.
    """
    return _new_file(place, version) if isinstance(place, Path) else _in_new_database(place, version)


@contextmanager
def _of_file(path: Path) -> Iterator[RowsOf]:
    """Its write-ahead log keeps what is written meanwhile apart."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN")

            def rows_of(table: str) -> tuple[Sequence[str], Iterator[Sequence[Any]]]:
                cursor = connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - our own names
                return [column[0] for column in cursor.description], iter(cursor)

            rows_of("schema_version")[1].__next__()  # the moment
            yield rows_of
    except sqlite3.Error as error:
        raise UnavailableError(f"{path}: {error}; check the disk's space and the file's rights") from None


@contextmanager
def _of_server(place: PostgresURL) -> Iterator[RowsOf]:
    from packseal.io.postgres_database import PostgresDatabase  # noqa: PLC0415 - who has a file does not load psycopg

    with closing(PostgresDatabase(place.text)) as database, database.snapshot() as rows_of:
        yield rows_of


@contextmanager
def _new_file(path: Path, version: int) -> Iterator[Transaction]:
    unfinished = path.with_name(path.name + ".new")
    if path.exists() or unfinished.exists():
        raise ConfigError(f"{path if path.exists() else unfinished} is there already; restore to a new place")
    try:
        with closing(Database(unfinished, "")) as database:
            with database.transaction() as transaction:
                migrate(transaction, 0, str(path), upto=version)
                yield transaction
                migrate(transaction, version, str(path))
            database.fold_back()
        os.link(unfinished, path)  # never over another one
    except FileExistsError:
        raise ConfigError(f"{path} is there already; restore to a new place") from None
    finally:
        for end in ("", "-wal", "-shm"):
            Path(f"{unfinished}{end}").unlink(missing_ok=True)


@contextmanager
def _in_new_database(place: PostgresURL, version: int) -> Iterator[Transaction]:
    from packseal.io.postgres_database import PostgresDatabase  # noqa: PLC0415 - the same

    with closing(PostgresDatabase(place.text)) as database:
        if database.rows("SELECT to_regclass('schema_version') IS NOT NULL")[0][0]:
            raise ConfigError(f"{place}: there is a store in it already; restore to a new database")
        with database.transaction() as transaction:
            migrate(transaction, 0, place.text, is_postgres=True, upto=version)
            yield transaction
            migrate(transaction, version, place.text, is_postgres=True)
