"""The passport's records in an SQL database: what was verified, the signed receipts for it, and what was refused.

Deliveries are stored whole, with their receipts and the leaves of those in the service's own log, in one transaction
that is on the disk before a receipt leaves it (docs/record.md section 5.5), or not at all. How they
are read: sql_records.py. The queries are the same for both databases (sql.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from packseal.io.fleet_table import FleetTable
from packseal.io.outgoing_log_table import OutgoingLogTable
from packseal.io.passport_log_table import Appending, PassportLogTable
from packseal.io.passport_rows import (
    Batch,
    Change,
    Incoming,
    Kept,
    OvertakenError,
    SignedAct,
    SignNote,
)
from packseal.io.passport_schema import opened_by
from packseal.io.read_log_table import ReadLogTable
from packseal.io.refusals_table import RefusalsTable
from packseal.io.sql import SQLDatabase, Transaction
from packseal.io.sql_records import SQLRecords
from packseal.io.state_tables import StateTables
from packseal.io.statements_table import StatementsTable
from packseal.io.webhook_table import WebhookTable
from packseal.passport.life import Life
from packseal.records.checkpoint import receipt_leaf_entry
from packseal.records.log import rotations_to_bytes
from packseal.records.statements import SignedStatement

RecordRow: TypeAlias = tuple[bytes, int, bytes, bytes, int]
Receipted: TypeAlias = tuple[int, bytes]  # its index in the passport log, the receipt


class SQLStore(SQLRecords):
    """Usable from any thread. Every method raises UnavailableError when the database does not answer."""

    def __init__(self, database: SQLDatabase) -> None:
        super().__init__(database)
        self.log = PassportLogTable(database)
        self.refusals = RefusalsTable(database)
        self.fleet = FleetTable(database)
        self.states = StateTables(database, self.fleet)
        self.read_log = ReadLogTable(database)
        self.outgoing = OutgoingLogTable(database)
        self.statements = StatementsTable(database)
        self.webhooks = WebhookTable(database)

    def close(self) -> None:
        self._database.close()

    def store_many(self, batch: Batch) -> Kept:
        """Keeps what deliveries add, acts that go with them, their receipts and the leaves of those, all or nothing.

        Raises OvertakenError, with nothing stored, when another worker stored first what a delivery rests on. The
        service's log is locked last, and for as short as can be: the records are in by then.
        """
        with self._database.transaction() as transaction:
            came_unix_ms = max(batch.now_unix_ms, self.log.received_unix_ms(transaction))
            grown = [one for one in batch.deliveries if one.verified.contents]
            self._put_heads(transaction, grown)
            self._put_records(transaction, [row for one in grown for row in _record_rows(one, came_unix_ms)])
            self._lock_log(transaction)
            appending = self.log.begun(transaction, batch.acts_seen)
            unix_ms = appending.received_unix_ms = max(came_unix_ms, appending.received_unix_ms)
            self.states.put_passports(transaction, [one.passport(unix_ms) for one in grown if one.passport])
            receipts = [_receipted(one, appending) for one in batch.deliveries]
            self._put_checkpoints(transaction, batch.deliveries, receipts, unix_ms)
            size = self.log.end(transaction, appending, batch.note)
        return Kept(tuple(receipt for _, receipt in receipts), unix_ms, size)

    def store_acts(self, acts: Sequence[SignedAct], sign_note: SignNote, acts_seen: int) -> int:
        """Keeps acts and their leaves. -> the index of the last one. Raises OvertakenError as store_many does."""
        with self._database.transaction() as transaction:
            self._lock_log(transaction)
            appending = self.log.begun(transaction, acts_seen)
            for act in acts:
                appending.add_act(act)
            return self.log.end(transaction, appending, sign_note) - 1

    def store_statement(
        self, content: bytes, signed: SignedStatement, lives: Sequence[Life], sign_note: SignNote, acts_seen: int
    ) -> int:
        """Keeps a statement about a passport and its leaf. -> its index in the passport log

        lives: those that it changes, as they are after it. Raises OvertakenError, with nothing stored, when another
        worker has taken an act, or a statement that they rest on.
        """
        with self._database.transaction() as transaction:
            self._lock_log(transaction)
            appending = self.log.begun(transaction, acts_seen)
            self.statements.check_newest(transaction, lives)
            appending.add(signed.leaf_entry.to_bytes())
            size = self.log.end(transaction, appending, sign_note)
            self.statements.add(transaction, size - 1, content, signed)
            self.fleet.put_lives(transaction, lives)
        return size - 1

    def changes(self, after: int, limit: int) -> list[Change]:
        """What came behind an index of the passport log, in its order."""
        rows = self._database.rows(_CHANGES, {"after": after, "limit": limit})
        return [Change(*row) for row in rows]

    def last_received_unix_ms(self) -> int:
        return self.log.last_received_unix_ms()

    # ---- writing, inside of a transaction

    def _put_heads(self, transaction: Transaction, grown: Sequence[Incoming]) -> None:
        """Each log goes on from exactly the size that was verified, else nothing is stored."""
        ordered = sorted(grown, key=lambda one: one.verified.log.log_id)
        new = [_new_head(one) for one in ordered if not one.verified.first_seq]
        longer = [_longer_head(one) for one in ordered if one.verified.first_seq]
        done = transaction.executemany(_NEW_HEAD, new).rowcount if new else 0
        done += transaction.executemany(_LONGER_HEAD, longer).rowcount if longer else 0
        if done != len(grown):
            raise OvertakenError(f"{self.where}: another program stored records of the same log first; try again")

    def _put_records(self, transaction: Transaction, rows: Sequence[RecordRow]) -> None:
        transaction.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows)

    def _lock_log(self, transaction: Transaction) -> None:
        """Of all workers one at a time goes on from here."""

    def _put_checkpoints(
        self, transaction: Transaction, deliveries: Sequence[Incoming], receipts: Sequence[Receipted], unix_ms: int
    ) -> None:
        """Behind new records, or inside of what was stored before."""
        outer, inner = [], []
        for one, (index, receipt) in zip(deliveries, receipts, strict=True):
            signed, log = one.verified.checkpoint, one.verified.log
            at = (signed.log_id, signed.size, one.checkpoint)
            if one.verified.contents:
                outer.append((*at, log.edge.to_bytes(), receipt, index, unix_ms, one.attestation))
            else:
                inner.append((*at, receipt, index, unix_ms))
        if outer:
            transaction.executemany("INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?)", outer)
        if inner:
            transaction.executemany("INSERT INTO inner_checkpoints VALUES (?, ?, ?, ?, ?, ?)", inner)


def _receipted(one: Incoming, appending: Appending) -> Receipted:
    """Its acts first, then its receipt, which is made for the index it gets."""
    for act in one.acts:
        appending.add_act(act)
    index = appending.size
    receipt = one.receipt(index, appending.received_unix_ms)
    appending.add(receipt_leaf_entry(receipt).to_bytes())
    return index, receipt


def _record_rows(one: Incoming, unix_ms: int) -> Iterator[RecordRow]:
    log_id, verified = one.verified.log.log_id, one.verified
    pairs = zip(verified.leaves, verified.contents, strict=True)
    return ((log_id, seq, leaf, content, unix_ms) for seq, (leaf, content) in enumerate(pairs, verified.first_seq))


def _new_head(one: Incoming) -> tuple[object, ...]:
    log = one.verified.log
    return (log.log_id, log.genesis, log.seed, *opened_by(log.log_id, log.genesis), *_head_values(one))


def _longer_head(one: Incoming) -> tuple[object, ...]:
    return (*_head_values(one), one.verified.log.log_id, one.verified.first_seq)


def _head_values(one: Incoming) -> tuple[object, ...]:
    log = one.verified.log
    at = (log.size, log.edge.to_bytes(), log.boot, log.uptime_ms, rotations_to_bytes(log.rotations))
    return (one.battery, one.evidence_class, *at, int(log.is_sealed))


_NEW_HEAD = (
    "INSERT INTO logs (log_id, genesis, seed, opener, previous, battery, evidence_class, size, edge, boot, uptime_ms,"
    " rotations, is_sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_LONGER_HEAD = (
    "UPDATE logs SET battery = ?, evidence_class = ?, size = ?, edge = ?, boot = ?, uptime_ms = ?, rotations = ?,"
    " is_sealed = ? WHERE log_id = ? AND size = ?"
)
_CHANGES = """
SELECT * FROM (
    SELECT * FROM (
        SELECT service_index AS idx, battery, 'records' AS kind FROM checkpoints JOIN logs USING (log_id)
        WHERE service_index > :after ORDER BY service_index LIMIT :limit
    ) AS new_records
    UNION ALL SELECT * FROM (
        SELECT s.idx, battery, 'statement' FROM statements s JOIN created USING (passport_id)
        WHERE s.idx > :after ORDER BY s.idx LIMIT :limit
    ) AS new_statements
    UNION ALL SELECT * FROM (
        SELECT s.idx, battery, 'statement' FROM restricted_statements s JOIN created USING (passport_id)
        WHERE s.idx > :after ORDER BY s.idx LIMIT :limit
    ) AS new_restricted
) AS new ORDER BY idx LIMIT :limit
"""
