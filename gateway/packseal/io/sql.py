"""What a store asks of a database, whichever it is: SQLite (database.py) or PostgreSQL (postgres_database.py).

Queries are written once, in the words that both have, with SQLite's placeholders `?` and `:name` and blobs as x'00';
PostgreSQL's side translates those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias

Parameters: TypeAlias = Sequence[object] | Mapping[str, object]


class Transaction(Protocol):
    """What is done through it is done as a whole, or not at all."""

    def execute(self, query: str, parameters: Any = ..., /) -> Any:
        """-> a cursor with fetchall() and rowcount"""

    def executemany(self, query: str, rows: Iterable[Any], /) -> Any:
        """-> a cursor whose rowcount is that of all rows"""


class SQLDatabase(Protocol):
    """Usable from any thread. Every method raises UnavailableError where the database does not answer."""

    @property
    def where(self) -> str:
        """Its name in words for users."""

    def rows(self, query: str, parameters: Parameters = ()) -> list[Any]:
        """What is committed; never called inside of a transaction."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """All of the block or nothing of it, durable at its end."""

    def close(self) -> None: ...
