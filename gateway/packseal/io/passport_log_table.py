"""The passport service's own log in its database: entries, acts, and the newest signed checkpoint of them.

The truth that tile_store.py publishes. Entries come in with the records they stand for, in one transaction, and with
them a signed note over the tree that holds them: so what has a leaf is in a signed checkpoint as soon as it is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

from packseal.errors import EvidenceError, UnavailableError
from packseal.io.passport_rows import OvertakenError, SignedAct, SignNote
from packseal.io.sql import SQLDatabase, Transaction
from packseal.records.acts import Act, Authority, Noted, Role, unverified_statement, verify_act
from packseal.records.cose import VerifyingKey
from packseal.records.merkle import Edge, leaf_hash

Row: TypeAlias = tuple[bytes, bytes, bytes | None]


@dataclass(slots=True)
class Appending:
    """The end of the log inside of a transaction: entries get the next indices, in order, until `store`."""

    edge: Edge
    received_unix_ms: int
    entries: list[bytes]
    acts: list[tuple[int, SignedAct]]

    @property
    def size(self) -> int:
        return self.edge.size + len(self.entries)

    def add(self, entry: bytes) -> None:
        self.entries.append(entry)

    def add_act(self, signed: SignedAct) -> None:
        self.acts.append((self.size, signed))
        self.entries.append(signed.act.leaf_entry.to_bytes())


class PassportLogTable:
    """Part of the passport store; `begun` and `end` run inside the store's transaction."""

    def __init__(self, database: SQLDatabase) -> None:
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
        with self._database.transaction() as transaction:
            transaction.execute("UPDATE log_head SET cosigned = ?", (note,))

    def last_received_unix_ms(self) -> int:
        """When the newest receipt was given: no later one may have an earlier time (docs/record.md section 5.5)."""
        rows = self._database.rows("SELECT received_unix_ms FROM log_head")
        return int(rows[0][0]) if rows else 0

    def entries(self, start: int, stop: int) -> list[bytes]:
        query = "SELECT entry FROM passport_log WHERE idx >= ? AND idx < ? ORDER BY idx"
        return [entry for (entry,) in self._database.rows(query, (start, stop))]

    def acts(self) -> list[tuple[int, bytes]]:
        return self._database.rows("SELECT idx, content FROM acts ORDER BY idx")

    def index_of(self, act: bytes) -> int | None:
        rows = self._database.rows("SELECT idx FROM acts WHERE content = ?", (act,))
        return rows[0][0] if rows else None

    def verified_acts(self, start: int = 0) -> list[tuple[int, Act]]:
        """Every act from this index on, by the key and role that its signer had when it was taken.

        Raises UnavailableError where one is not what its leaf in the log stands for, or is not there: an act that
        vanished could make a revoked key good again.
        """
        return list(self._verified(self._database.rows(_ACTS, {"start": start})))

    def _verified(self, rows: Sequence[Any]) -> Iterator[tuple[int, Act]]:
        for index, entry, content, signer, algorithm, role in rows:
            act = None
            with suppress(EvidenceError, ValueError):
                act = verify_act(content or b"", [Authority(VerifyingKey(signer or b"", algorithm), Role(role))])
            if act is None or act.leaf_entry.to_bytes() != entry:
                words = f"act {index} is not what was stored; restore the file from a backup"
                raise UnavailableError(f"{self._database.where}: {words}")
            yield index, act

    def received_unix_ms(self, transaction: Transaction) -> int:
        """The same, so far: others may be giving receipts now."""
        rows: list[Any] = transaction.execute("SELECT received_unix_ms FROM log_head").fetchall()
        return int(rows[0][0]) if rows else 0

    def begun(self, transaction: Transaction, acts_seen: int | None = None) -> Appending:
        """Where the log ends now; who writes to it has locked it. Raises OvertakenError when there are acts that the
        caller has not seen and that may change whom he believes."""
        rows: list[Any] = transaction.execute("SELECT edge, received_unix_ms FROM log_head").fetchall()
        edge, received_unix_ms = (self._edge(rows[0]), int(rows[0][1])) if rows else (Edge(), 0)
        if acts_seen is not None and acts_seen < edge.size:
            unseen = transaction.execute("SELECT content FROM acts WHERE idx >= ?", (acts_seen,)).fetchall()
            if not all(_changes_nothing(content) for (content,) in unseen):
                raise OvertakenError(f"{self._database.where}: another worker has taken an act; try again")
        return Appending(edge, received_unix_ms, [], [])

    def end(self, transaction: Transaction, appending: Appending, sign_note: SignNote) -> int:
        """Stores what was added, with the note. -> the size of the log"""
        first = appending.edge.size
        transaction.executemany("INSERT INTO passport_log VALUES (?, ?)", list(enumerate(appending.entries, first)))
        rows = [(index, signed.content, *_signer(signed.act)) for index, signed in appending.acts]
        if rows:
            transaction.executemany("INSERT INTO acts VALUES (?, ?, ?, ?, ?)", rows)
        grown = appending.edge.extended([leaf_hash(entry) for entry in appending.entries])
        note = sign_note(grown.size, grown.root())
        head = {"edge": grown.to_bytes(), "note": note, "received_unix_ms": appending.received_unix_ms}
        transaction.execute(_PUT_HEAD, head)
        return grown.size

    def _head(self) -> Row | None:
        rows = self._database.rows("SELECT edge, note, cosigned FROM log_head")
        return rows[0] if rows else None

    def _edge(self, head: Sequence[Any] | None) -> Edge:
        try:
            return Edge.from_bytes(head[0]) if head else Edge()
        except ValueError:
            words = "the head of the passport log is not what was stored; restore the file from a backup"
            raise UnavailableError(f"{self._database.where}: {words}") from None


def _changes_nothing(content: bytes) -> bool:
    with suppress(EvidenceError):
        return isinstance(unverified_statement(content), Noted)
    return False


def _signer(act: Act) -> tuple[bytes, int, int]:
    key = act.authority.key
    return key.public_key, key.algorithm, int(act.authority.role)


_ACTS = (
    "SELECT coalesce(p.idx, a.idx), entry, content, signer, algorithm, role FROM"
    " (SELECT idx, entry FROM passport_log WHERE substr(entry, 1, 1) = x'02' AND idx >= :start) AS p"
    " FULL JOIN (SELECT * FROM acts WHERE idx >= :start) AS a ON p.idx = a.idx ORDER BY 1"
)
_PUT_HEAD = (
    "INSERT INTO log_head (one, edge, note, received_unix_ms) VALUES (1, :edge, :note, :received_unix_ms)"
    " ON CONFLICT (one) DO UPDATE SET edge = :edge, note = :note, received_unix_ms = :received_unix_ms"
)
