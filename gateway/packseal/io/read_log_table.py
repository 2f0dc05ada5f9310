"""Who was shown what of a battery: reads of restricted groups one by one, public ones counted by day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from packseal.io.sql import SQLDatabase

SCHEMA = """
CREATE TABLE IF NOT EXISTS reads (
    unix_ms INTEGER NOT NULL, role TEXT NOT NULL, name TEXT NOT NULL, battery TEXT NOT NULL, groups TEXT NOT NULL,
    kind TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS reads_battery ON reads (battery, unix_ms);
CREATE INDEX IF NOT EXISTS reads_time ON reads (unix_ms);
CREATE TABLE IF NOT EXISTS public_reads (
    day INTEGER NOT NULL, battery TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (battery, day, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS public_reads_day ON public_reads (day);
CREATE TABLE IF NOT EXISTS dropped_reads (
    battery TEXT PRIMARY KEY, restricted INTEGER NOT NULL, public INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Read:
    """name: of the reader in the settings, "" for who showed no credential. groups: shown beyond the public one. kind:
    of path, such as "page" or "data"."""

    unix_ms: int
    role: str
    name: str
    battery: str
    groups: tuple[int, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class PublicReads:
    """day: whole days since 1970, UTC."""

    day: int
    battery: str
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class DroppedReads:
    """How many of each were too old to be kept."""

    restricted: int
    public: int


class ReadLogTable:
    """Part of the passport's database. Every method raises UnavailableError when the disk does not answer."""

    def __init__(self, database: SQLDatabase) -> None:
        self._database = database

    def add(self, read: Read) -> None:
        groups = ",".join(map(str, sorted(read.groups)))
        row = (read.unix_ms, read.role, read.name, read.battery, groups, read.kind)
        with self._database.transaction() as connection:
            connection.execute("INSERT INTO reads VALUES (?, ?, ?, ?, ?, ?)", row)

    def count(self, reads: Iterable[PublicReads]) -> None:
        """Adds to what was counted before."""
        rows = [(one.day, one.battery, one.kind, one.count) for one in reads]
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT INTO public_reads VALUES (?, ?, ?, ?) ON CONFLICT (battery, day, kind)"
                " DO UPDATE SET count = public_reads.count + excluded.count",
                rows,
            )

    def drop_before(self, day: int) -> None:
        """Everything of the days before this one, counted."""
        span: Mapping[str, object] = {"day": day, "unix_ms": day * DAY_MS}
        with self._database.transaction() as connection:
            for count in _COUNT_OLD:
                connection.execute(count, span)
            connection.execute("DELETE FROM reads WHERE unix_ms < :unix_ms", span)
            connection.execute("DELETE FROM public_reads WHERE day < :day", span)

    def of(self, battery: str, limit: int = 100) -> list[Read]:
        """The newest ones of restricted groups, newest first."""
        query = (
            "SELECT unix_ms, role, name, battery, groups, kind FROM reads WHERE battery = ?"
            " ORDER BY unix_ms DESC, rowid DESC LIMIT ?"
        )
        rows: list[Any] = self._database.rows(query, (battery, limit))
        return [Read(at, role, name, of, _numbers(groups), kind) for at, role, name, of, groups, kind in rows]

    def public_of(self, battery: str, limit: int = 100) -> list[PublicReads]:
        """By day and kind, newest first."""
        query = "SELECT day, battery, kind, count FROM public_reads WHERE battery = ? ORDER BY day DESC, kind LIMIT ?"
        rows: list[Any] = self._database.rows(query, (battery, limit))
        return [PublicReads(*row) for row in rows]

    def dropped_of(self, battery: str) -> DroppedReads:
        rows: list[Any] = self._database.rows(
            "SELECT restricted, public FROM dropped_reads WHERE battery = ?", (battery,)
        )
        return DroppedReads(*rows[0]) if rows else DroppedReads(0, 0)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


_COUNT_OLD = (
    "INSERT INTO dropped_reads SELECT battery, count(*), 0 FROM reads WHERE unix_ms < :unix_ms GROUP BY battery"
    " ON CONFLICT (battery) DO UPDATE SET restricted = dropped_reads.restricted + excluded.restricted",
    "INSERT INTO dropped_reads SELECT battery, 0, sum(count) FROM public_reads WHERE day < :day GROUP BY battery"
    " ON CONFLICT (battery) DO UPDATE SET public = dropped_reads.public + excluded.public",
)
