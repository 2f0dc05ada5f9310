"""The passport's store in one SQLite file: the default, for a service that is one program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from packseal.io.database import Database
from packseal.io.passport_schema import NEWEST, migrate
from packseal.io.sql_store import SQLStore


class PassportStore(SQLStore):
    """Usable from any thread. Every method raises UnavailableError when the disk does not answer."""

    _database: Database

    def __init__(self, path: Path) -> None:
        """Opens the file, or creates it, and brings its tables up to date."""
        database = Database(path, "")
        try:
            if _version(database.rows) != NEWEST:
                with database.transaction() as transaction:
                    migrate(transaction, _version(lambda query: transaction.execute(query).fetchall()), str(path))
        except BaseException:
            database.close()
            raise
        super().__init__(database)
        self.path = path


def _version(rows: Callable[[str], list[Any]]) -> int:
    names = {name for (name,) in rows("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if "schema_version" in names:
        ((version,),) = rows("SELECT version FROM schema_version")
        return int(version)
    return 1 if "logs" in names else 0
