"""What left for whom: one line for each document that a partner was given, written before its bytes leave.

Nothing is ever dropped from it: who answers for a passport has to be able to say, years later, who was told what, and
under which contract. A line names values and rules, and has the SHA-256 of the bytes; the values are not in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from packseal.io.sql import SQLDatabase

SCHEMA = """
CREATE TABLE outgoing (
    unix_ms INTEGER NOT NULL, battery TEXT NOT NULL, passport TEXT NOT NULL, partner TEXT NOT NULL,
    audience TEXT NOT NULL, contract TEXT NOT NULL, target TEXT NOT NULL, rules TEXT NOT NULL, keys TEXT NOT NULL,
    digest BLOB NOT NULL, size INTEGER NOT NULL
) STRICT;
CREATE INDEX outgoing_battery ON outgoing (battery, unix_ms);
"""
BETWEEN = "\n"  # rule ids and keys have no line break in them


@dataclass(frozen=True, slots=True)
class Outgoing:
    """rules: ids of those by which it left, also `format:…` of what the format itself asks for. keys: of the values in
    it. digest: SHA-256 of the bytes; size: how many."""

    unix_ms: int
    battery: str
    passport: str
    partner: str
    audience: str
    contract: str
    target: str
    rules: tuple[str, ...]
    keys: tuple[str, ...]
    digest: bytes
    size: int


class OutgoingLogTable:
    """Part of the passport's database. Every method raises UnavailableError when the disk does not answer."""

    def __init__(self, database: SQLDatabase) -> None:
        self._database = database

    def add(self, one: Outgoing) -> None:
        """On the disk when it returns. Raises ValueError for a rule or key with a line break in it."""
        if any(BETWEEN in text for text in (*one.rules, *one.keys)):
            raise ValueError("a rule or a key with a line break in it")
        row = (
            one.unix_ms, one.battery, one.passport, one.partner, one.audience, one.contract, one.target,
            BETWEEN.join(one.rules), BETWEEN.join(one.keys), one.digest, one.size,
        )  # fmt: skip
        with self._database.transaction() as connection:
            connection.execute("INSERT INTO outgoing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def of(self, battery: str, limit: int = 100) -> list[Outgoing]:
        """The newest, newest first."""
        query = (
            "SELECT unix_ms, battery, passport, partner, audience, contract, target, rules, keys, digest, size"
            " FROM outgoing WHERE battery = ? ORDER BY unix_ms DESC, rowid DESC LIMIT ?"
        )
        rows: list[Any] = self._database.rows(query, (battery, limit))
        return [_outgoing(*row) for row in rows]


def _outgoing(*row: Any) -> Outgoing:
    unix_ms, battery, passport, partner, audience, contract, target, rules, keys, digest, size = row
    of = unix_ms, battery, passport, partner, audience, contract, target
    return Outgoing(*of, _parts(rules), _parts(keys), digest, size)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(text.split(BETWEEN)) if text else ()
