"""The passport's store in a database of a PostgreSQL server: for many batteries, and several workers at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from packseal.io.passport_schema import NEWEST, migrate
from packseal.io.postgres_database import PostgresDatabase, PostgresTransaction
from packseal.io.sql import Transaction
from packseal.io.sql_store import RecordRow, SQLStore

LOG_LOCK, SCHEMA_LOCK = 0x7061636B0001, 0x7061636B0002  # advisory locks of this database


class PostgresStore(SQLStore):
    """Usable from any thread and by several processes at once. Every method raises UnavailableError when the server
    does not answer."""

    _database: PostgresDatabase

    def __init__(self, url: str) -> None:
        """Opens the database, which must be there, and makes its tables or brings them up to date."""
        database = PostgresDatabase(url)
        try:
            if _version(database.rows) != NEWEST:
                with database.transaction() as transaction:
                    transaction.execute("SELECT pg_advisory_xact_lock(?)", (SCHEMA_LOCK,))
                    found = _version(lambda query: transaction.execute(query).fetchall())
                    migrate(transaction, found, url, is_postgres=True)
        except BaseException:
            database.close()
            raise
        super().__init__(database)

    def _put_records(self, transaction: Transaction, rows: Sequence[RecordRow]) -> None:
        if rows:
            types = ("bytea", "int8", "bytea", "bytea", "int8")
            cast(PostgresTransaction, transaction).copy("records", types, rows)

    def _lock_log(self, transaction: Transaction) -> None:
        transaction.execute("SELECT pg_advisory_xact_lock(?)", (LOG_LOCK,))


def _version(rows: Callable[[str], list[Any]]) -> int:
    ((has_table,),) = rows("SELECT to_regclass('schema_version') IS NOT NULL")
    if not has_table:
        return 0
    ((version,),) = rows("SELECT version FROM schema_version")
    return int(version)
