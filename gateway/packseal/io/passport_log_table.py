"""The passport service's own log in its database: entries, acts, and the newest signed checkpoint of them.

The truth that tile_store.py publishes. Entries come in with the records they stand for, in one transaction, and with
them a signed note over the tree that holds them: so what has a leaf is in a signed checkpoint as soon as it is stored.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from packseal.errors import EvidenceError, UnavailableError
from packseal.io.database import Database
from packseal.records.acts import Act, Authority, Role, verify_act
from packseal.records.cose import VerifyingKey
from packseal.records.merkle import Edge, leaf_hash
from packseal.records.passport_log import LogEntry

SCHEMA = """
CREATE TABLE IF NOT EXISTS passport_log (idx INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS passport_log_acts ON passport_log (idx) WHERE substr(entry, 1, 1) = x'02';
CREATE TABLE IF NOT EXISTS acts (
    idx INTEGER PRIMARY KEY REFERENCES passport_log, content BLOB NOT NULL,
    signer BLOB NOT NULL, algorithm INTEGER NOT NULL, role INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS log_head (
    one INTEGER PRIMARY KEY CHECK (one = 1), edge BLOB NOT NULL, note BLOB NOT NULL, cosigned BLOB
) STRICT;
"""

SignNote: TypeAlias = Callable[[int, bytes], bytes]
"""(size, root) -> the signed note"""


@dataclass(frozen=True, slots=True)
class SignedAct:
    content: bytes
    act: Act


class PassportLogTable:
    """Part of the passport store; `append` runs inside the store's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def size(self) -> int:
        return self._edge(self._head()).size

    def note(self) -> bytes | None:
        """The newest signed checkpoint; None while the log is empty."""
        head = self._head()
        return head[1] if head else None

    def cosigned(self) -> bytes | None:
        """The newest note that witnesses have signed as well."""
        head = self._head()
        return head[2] if head else None

    def set_cosigned(self, note: bytes) -> None:
        with self._database.transaction() as connection:
            connection.execute("UPDATE log_head SET cosigned = ?", (note,))

    def entries(self, start: int, stop: int) -> list[bytes]:
        query = "SELECT entry FROM passport_log WHERE idx >= ? AND idx < ? ORDER BY idx"
        rows: list[Any] = self._database.rows(query, (start, stop))
        return [entry for (entry,) in rows]

    def acts(self) -> list[tuple[int, bytes]]:
        rows: list[Any] = self._database.rows("SELECT idx, content FROM acts ORDER BY idx")
        return rows

    def index_of(self, act: bytes) -> int | None:
        rows: list[Any] = self._database.rows("SELECT idx FROM acts WHERE content = ?", (act,))
        return rows[0][0] if rows else None

    def verified_acts(self) -> list[tuple[int, Act]]:
        """Every act with its index, by the key and role that its signer had when it was taken.

        Raises UnavailableError where one is not what its leaf in the log stands for, or is not there: an act that
        vanished could make a revoked key good again.
        """
        rows: list[Any] = self._database.rows(_ACTS)
        acts = []
        for index, entry, content, signer, algorithm, role in rows:
            try:
                act = verify_act(content or b"", [Authority(VerifyingKey(signer or b"", algorithm), Role(role))])
            except (EvidenceError, ValueError):
                act = None
            if act is None or act.leaf_entry.to_bytes() != entry:
                words = f"act {index} is not what was stored; restore the file from a backup"
                raise UnavailableError(f"{self._database.path}: {words}")
            acts.append((index, act))
        return acts

    def append(
        self,
        connection: sqlite3.Connection,
        acts: Sequence[SignedAct],
        receipt_entry: Callable[[int], LogEntry] | None,
        sign_note: SignNote,
    ) -> int:
        """Acts first, then a receipt, which is made for the index it gets. -> the index of the last of them"""
        edge = self._edge(self._head())
        entries = [signed.act.leaf_entry.to_bytes() for signed in acts]
        if receipt_entry:
            entries.append(receipt_entry(edge.size + len(acts)).to_bytes())
        connection.executemany("INSERT INTO passport_log VALUES (?, ?)", enumerate(entries, edge.size))
        rows = [(index, signed.content, *_signer(signed.act)) for index, signed in enumerate(acts, edge.size)]
        connection.executemany("INSERT INTO acts VALUES (?, ?, ?, ?, ?)", rows)
        grown = edge.extended([leaf_hash(entry) for entry in entries])
        connection.execute(
            "INSERT INTO log_head VALUES (1, :edge, :note, NULL)"
            " ON CONFLICT (one) DO UPDATE SET edge = :edge, note = :note",
            {"edge": grown.to_bytes(), "note": sign_note(grown.size, grown.root())},
        )
        return grown.size - 1

    def _head(self) -> tuple[bytes, bytes, bytes | None] | None:
        rows: list[Any] = self._database.rows("SELECT edge, note, cosigned FROM log_head")
        return rows[0] if rows else None

    def _edge(self, head: tuple[bytes, bytes, bytes | None] | None) -> Edge:
        try:
            return Edge.from_bytes(head[0]) if head else Edge()
        except ValueError:
            words = "the head of the passport log is not what was stored; restore the file from a backup"
            raise UnavailableError(f"{self._database.path}: {words}") from None


def _signer(act: Act) -> tuple[bytes, int, int]:
    key = act.authority.key
    return key.public_key, key.algorithm, int(act.authority.role)


_ACTS = (
    "SELECT coalesce(p.idx, a.idx), entry, content, signer, algorithm, role FROM"
    " (SELECT idx, entry FROM passport_log WHERE substr(entry, 1, 1) = x'02') p"
    " FULL JOIN acts a ON p.idx = a.idx ORDER BY 1"
)
