"""What persons and firms have stated about passports, each statement as it was signed, with its leaf in the log.

What everybody may read (VALUES of group 1) lies in one table, what is restricted (Article 77(2) of Regulation (EU)
2023/1542) in another, so that a database's own rights can keep readers from the second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from packseal.errors import EvidenceError, UnavailableError
from packseal.io.passport_rows import OvertakenError
from packseal.io.sql import SQLDatabase, Transaction
from packseal.passport.attributes import Group
from packseal.passport.life import Life
from packseal.records.acts import Authority, Role
from packseal.records.cose import VerifyingKey
from packseal.records.statement_bodies import Create, Statement, Values
from packseal.records.statements import SignedStatement, verify_statement

_COLUMNS = (
    "idx INTEGER PRIMARY KEY REFERENCES passport_log, passport_id BLOB NOT NULL, digest BLOB NOT NULL UNIQUE,"
    " content BLOB NOT NULL, signer BLOB NOT NULL, algorithm INTEGER NOT NULL, role INTEGER NOT NULL"
)
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS created (
    passport_id BLOB PRIMARY KEY, battery TEXT NOT NULL UNIQUE, idx INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS successors (
    original BLOB NOT NULL REFERENCES created, idx INTEGER NOT NULL, PRIMARY KEY (original, idx)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS statements ({_COLUMNS}) STRICT;
CREATE TABLE IF NOT EXISTS restricted_statements ({_COLUMNS}) STRICT;
CREATE INDEX IF NOT EXISTS statements_of ON statements (passport_id, idx);
CREATE INDEX IF NOT EXISTS restricted_statements_of ON restricted_statements (passport_id, idx);
"""


@dataclass(frozen=True, slots=True)
class StoredStatement:
    index: int
    content: bytes
    signed: SignedStatement


class StatementsTable:
    """Part of the passport store; `add` runs inside the store's transaction."""

    def __init__(self, database: SQLDatabase) -> None:
        self._database = database

    def add(self, transaction: Transaction, index: int, content: bytes, signed: SignedStatement) -> None:
        """Keeps a statement whose leaf has this index in the passport log."""
        statement, key = signed.statement, signed.authority.key
        row = (index, statement.passport_id, signed.digest, content, key.public_key, key.algorithm)
        transaction.execute(_ADD[_is_public(statement)], (*row, int(signed.authority.role)))
        if isinstance(statement, Create):
            created = (statement.passport_id, statement.battery, index)
            transaction.execute("INSERT INTO created VALUES (?, ?, ?)", created)
            links = [(original.passport_id, index) for original in statement.originals]
            transaction.executemany("INSERT INTO successors VALUES (?, ?)", links)

    def check_newest(self, transaction: Transaction, lives: Iterable[Life]) -> None:
        """Each life is one statement behind what is stored of it. Raises OvertakenError."""
        for life in lives:
            before = life.history[-2].source.index if len(life.history) > 1 else None
            ((newest,),) = transaction.execute(_NEWEST, {"id": life.passport_id}).fetchall()
            if newest != before:
                raise OvertakenError(f"{self._database.where}: another worker has taken a statement; try again")

    def newest(self, passport_id: bytes) -> int | None:
        """The index of the newest statement that tells of a passport, its successors' first ones among them."""
        ((newest,),) = self._database.rows(_NEWEST, {"id": passport_id})
        return None if newest is None else int(newest)

    def passport_of(self, battery: str) -> bytes | None:
        rows: list[Any] = self._database.rows("SELECT passport_id FROM created WHERE battery = ?", (battery,))
        return rows[0][0] if rows else None

    def battery_of(self, passport_id: bytes) -> str | None:
        rows: list[Any] = self._database.rows("SELECT battery FROM created WHERE passport_id = ?", (passport_id,))
        return rows[0][0] if rows else None

    def index_of(self, digest: bytes) -> int | None:
        rows: list[Any] = self._database.rows(_INDEX_OF, {"digest": digest})
        return rows[0][0] if rows else None

    def of(self, passport_id: bytes) -> list[tuple[int, SignedStatement]]:
        """All that tell of a passport, in the order of the log, with the CREATE of each that came from it.

        Raises UnavailableError where one is not what its leaf in the log stands for, or is not there.
        """
        return [(one.index, one.signed) for one in self.stored(passport_id)]

    def stored(self, passport_id: bytes) -> list[StoredStatement]:
        """The same, as they came."""
        rows: list[Any] = self._database.rows(_OF, {"id": passport_id})
        return [StoredStatement(row[0], row[2], self._verified(*row)) for row in rows]

    def _verified(
        self, index: int, entry: bytes, content: bytes, signer: bytes, algorithm: int, role: int
    ) -> SignedStatement:
        try:
            authority = Authority(VerifyingKey(signer, algorithm), Role(role))
            signed = verify_statement(content, [authority])
        except (EvidenceError, ValueError):
            signed = None
        if signed is None or signed.leaf_entry.to_bytes() != entry:
            words = f"statement {index} is not what was stored; restore the file from a backup"
            raise UnavailableError(f"{self._database.where}: {words}")
        return signed


def _is_public(statement: Statement) -> bool:
    return isinstance(statement, Values) and statement.group == Group.PUBLIC


_ADD = {
    True: "INSERT INTO statements VALUES (?, ?, ?, ?, ?, ?, ?)",
    False: "INSERT INTO restricted_statements VALUES (?, ?, ?, ?, ?, ?, ?)",
}
_OF = """
SELECT s.idx, p.entry, s.content, s.signer, s.algorithm, s.role
FROM statements s JOIN passport_log p USING (idx) WHERE s.passport_id = :id
UNION ALL SELECT s.idx, p.entry, s.content, s.signer, s.algorithm, s.role
FROM restricted_statements s JOIN passport_log p USING (idx) WHERE s.passport_id = :id
UNION ALL SELECT s.idx, p.entry, s.content, s.signer, s.algorithm, s.role
FROM successors n JOIN restricted_statements s USING (idx) JOIN passport_log p USING (idx) WHERE n.original = :id
ORDER BY 1
"""
_INDEX_OF = (
    "SELECT idx FROM statements WHERE digest = :digest"
    " UNION ALL SELECT idx FROM restricted_statements WHERE digest = :digest"
)
_NEWEST = """
SELECT max(idx) FROM (
    SELECT max(idx) AS idx FROM statements WHERE passport_id = :id
    UNION ALL SELECT max(idx) FROM restricted_statements WHERE passport_id = :id
    UNION ALL SELECT max(idx) FROM successors WHERE original = :id
) AS all_kinds
"""
