"""The passport's records on disk: what was verified, the signed receipts for it, and what was refused.

A delivery is stored whole, with its receipt and the leaf of that in the service's own log, in one transaction that is
on the disk before the receipt leaves it (docs/record.md section 5.5), or not at all. Reading is in spans, one a
delivery, so that no log has to fit into memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from packseal.errors import EvidenceError, UnavailableError
from packseal.io.database import Database
from packseal.io.passport_log_table import SCHEMA as LOG_SCHEMA
from packseal.io.passport_log_table import PassportLogTable, SignedAct, SignNote
from packseal.io.passport_rows import Arrived, Covering, LogHead, Signing, damaged
from packseal.io.read_log_table import SCHEMA as READ_LOG_SCHEMA
from packseal.io.read_log_table import ReadLogTable
from packseal.io.refusals_table import SCHEMA as REFUSALS_SCHEMA
from packseal.io.refusals_table import RefusalsTable
from packseal.passport.audit import (
    AuditResult,
    Difference,
    LogIdentity,
    StoredRecord,
    StoredSpan,
    check_ends,
    check_span,
    kept,
)
from packseal.passport.proof import SpanTree
from packseal.records.bodies import EntryType
from packseal.records.checkpoint import receipt_leaf_entry
from packseal.records.log import (
    MAX_DELIVERY_BYTES,
    Known,
    TrustedLog,
    Verified,
    rotations_to_bytes,
)
from packseal.records.merkle import Edge
from packseal.records.passport_log import LogEntry

SCHEMA = """
CREATE TABLE IF NOT EXISTS logs (
    log_id BLOB PRIMARY KEY, genesis BLOB NOT NULL, seed BLOB NOT NULL, battery TEXT NOT NULL,
    evidence_class TEXT NOT NULL, size INTEGER NOT NULL, edge BLOB NOT NULL, boot INTEGER NOT NULL,
    uptime_ms INTEGER NOT NULL, rotations BLOB NOT NULL, is_sealed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    log_id BLOB NOT NULL REFERENCES logs, seq INTEGER NOT NULL, leaf BLOB NOT NULL, entry BLOB NOT NULL,
    received_unix_ms INTEGER NOT NULL, PRIMARY KEY (log_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_soh ON records (log_id, seq) WHERE substr(entry, 2, 1) = x'03';
CREATE INDEX IF NOT EXISTS records_time ON records (log_id, seq) WHERE substr(entry, 2, 1) = x'07';
CREATE INDEX IF NOT EXISTS records_key ON records (log_id, seq) WHERE substr(entry, 2, 1) = x'06';
CREATE TABLE IF NOT EXISTS checkpoints (
    log_id BLOB NOT NULL REFERENCES logs, size INTEGER NOT NULL, content BLOB NOT NULL, edge BLOB NOT NULL,
    receipt BLOB NOT NULL, service_index INTEGER NOT NULL UNIQUE, received_unix_ms INTEGER NOT NULL,
    attestation BLOB, PRIMARY KEY (log_id, size)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inner_checkpoints (
    log_id BLOB NOT NULL REFERENCES logs, size INTEGER NOT NULL, content BLOB NOT NULL,
    receipt BLOB NOT NULL, service_index INTEGER NOT NULL UNIQUE, received_unix_ms INTEGER NOT NULL,
    PRIMARY KEY (log_id, size)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS checkpoints_received ON checkpoints (log_id, received_unix_ms);
CREATE INDEX IF NOT EXISTS inner_checkpoints_received ON inner_checkpoints (log_id, received_unix_ms);
"""
MAX_PLOT_POINTS = 500


class PassportStore:
    """Usable from any thread. Every method raises UnavailableError when the disk does not answer."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, SCHEMA + LOG_SCHEMA + REFUSALS_SCHEMA + READ_LOG_SCHEMA)
        self.log = PassportLogTable(self._database)
        self.refusals = RefusalsTable(self._database)
        self.read_log = ReadLogTable(self._database)
        self.path = path

    def close(self) -> None:
        self._database.close()

    def heads(self) -> list[LogHead]:
        """Of every log, whether it was altered or not."""
        rows: list[Any] = self._database.rows(f"{_HEADS} ORDER BY log_id")
        return [LogHead(self.path, *row) for row in rows]

    def trusted_log(self, log_id: bytes) -> TrustedLog | None:
        """Raises UnavailableError also when what is stored of the log's head was altered."""
        head = self._head(log_id)
        return head.log if head else None

    def known(self, log_id: bytes) -> Known:
        """What TrustedLog.verified asks for. Raises UnavailableError rather than blaming a sender for our disk."""
        return Known(lambda seq, count: self._entries(log_id, seq, count), lambda size: self._edge(log_id, size))

    def store(self, verified: Verified, arrived: Arrived, signing: Signing) -> bytes:
        """Keeps what a delivery adds, acts that go with it, and its receipt with its leaf. -> the receipt"""
        log = verified.log
        head: dict[str, object] = {"log_id": log.log_id, "genesis": log.genesis, "seed": log.seed}
        head |= {"battery": arrived.battery, "evidence_class": arrived.evidence_class, "size": log.size}
        head |= {"edge": log.edge.to_bytes(), "boot": log.boot, "uptime_ms": log.uptime_ms}
        head |= {"rotations": rotations_to_bytes(log.rotations), "is_sealed": int(log.is_sealed)}
        rows = [
            (log.log_id, seq, leaf, content, arrived.unix_ms)
            for seq, (leaf, content) in enumerate(
                zip(verified.leaves, verified.contents, strict=True), verified.first_seq
            )
        ]
        with self._database.transaction() as connection:
            self._check_unmoved(connection.execute("SELECT size FROM logs WHERE log_id = ?", (log.log_id,)), verified)
            connection.execute(_PUT_HEAD, head)
            connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows)
            index, receipt = self._signed(connection, signing)
            connection.execute(
                "INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (log.log_id, log.size, arrived.checkpoint, log.edge.to_bytes(), receipt, index, arrived.unix_ms,
                 arrived.attestation),
            )  # fmt: skip
        return receipt

    def store_inner(self, verified: Verified, arrived: Arrived, signing: Signing) -> bytes:
        """Keeps a checkpoint that ends inside what was stored before, as `store` does. -> the receipt"""
        inner = verified.checkpoint
        with self._database.transaction() as connection:
            index, receipt = self._signed(connection, signing)
            connection.execute(
                "INSERT INTO inner_checkpoints VALUES (?, ?, ?, ?, ?, ?)",
                (inner.log_id, inner.size, arrived.checkpoint, receipt, index, arrived.unix_ms),
            )
        return receipt

    def store_acts(self, acts: Sequence[SignedAct], sign_note: SignNote) -> int:
        """Keeps acts and their leaves. -> the index of the last one"""
        with self._database.transaction() as connection:
            return self.log.append(connection, acts, None, sign_note)

    def _signed(self, connection: sqlite3.Connection, signing: Signing) -> tuple[int, bytes]:
        receipts = []

        def receipt_entry(index: int) -> LogEntry:
            receipts.append(signing.receipt(index))
            return receipt_leaf_entry(receipts[0])

        index = self.log.append(connection, signing.acts, receipt_entry, signing.note)
        return index, receipts[0]

    def last_received_unix_ms(self) -> int:
        """When the newest receipt was given: no later one may have an earlier time (docs/record.md section 5.5)."""
        ((unix_ms,),) = self._counted(_LAST_RECEIVED, ())
        return int(unix_ms)

    def receipt_of_digest(self, log_id: bytes, unix_ms: int, digest: bytes) -> bytes | None:
        """The receipt for this log, of this time, with this SHA-256: what a TIME entry names."""
        rows: list[Any] = self._database.rows(_RECEIPTS_AT, {"log_id": log_id, "unix_ms": unix_ms})
        return next((receipt for (receipt,) in rows if sha256(receipt).digest() == digest), None)

    def receipt(self, log_id: bytes, size: int) -> bytes | None:
        """For exactly this size; None when no checkpoint of it was stored yet."""
        rows: list[Any] = self._database.rows(_RECEIPT, {"log_id": log_id, "size": size})
        return rows[0][0] if rows else None

    def recent_records(self, log_id: bytes, limit: int = 20) -> list[StoredRecord]:
        return self._records("log_id = ? ORDER BY seq DESC LIMIT ?", (log_id, limit))

    def plotted_records(self, log_id: bytes, points: int = MAX_PLOT_POINTS) -> list[StoredRecord]:
        """Every n-th record: at most `points` look-ups, however long the log is."""
        size = self._size(log_id)
        stride = -(-size // points) or 1
        query = (
            "WITH RECURSIVE at (seq) AS"
            " (SELECT :first UNION ALL SELECT seq + :stride FROM at WHERE seq + :stride < :size)"
            " SELECT records.seq, leaf, entry, received_unix_ms, (SELECT seed FROM logs WHERE log_id = :log_id)"
            " FROM at CROSS JOIN records ON records.log_id = :log_id AND records.seq = at.seq ORDER BY records.seq"
        )
        chosen = {"first": (size - 1) % stride if size else 0, "stride": stride, "size": size, "log_id": log_id}
        rows: list[Any] = self._database.rows(query, chosen)
        return [StoredRecord(*row) for row in rows]

    def plotted_statements(self, log_id: bytes, points: int = MAX_PLOT_POINTS) -> list[StoredRecord]:
        """Every n-th state-of-health record."""
        ((count,),) = self._counted(_COUNT_STATEMENTS, (log_id,))
        rows: list[Any] = self._database.rows(_STATEMENTS, (log_id, -(-count // points) or 1))
        return [StoredRecord(*row) for row in rows]

    def covering(self, log_id: bytes, seq: int) -> Covering | None:
        """The smallest stored checkpoint that covers the record, with its receipt; None when there is none."""
        query = (
            "SELECT size, content, receipt, service_index, attestation FROM checkpoints"
            " WHERE log_id = ? AND size > ? ORDER BY size LIMIT 1"
        )
        rows: list[Any] = self._database.rows(query, (log_id, seq))
        return Covering(*rows[0]) if rows else None

    def checkpoint(self, log_id: bytes, size: int) -> bytes | None:
        """The stored checkpoint of exactly this size."""
        query = "SELECT content FROM checkpoints WHERE log_id = ? AND size = ?"
        rows: list[Any] = self._database.rows(query, (log_id, size))
        return rows[0][0] if rows else None

    def record(self, log_id: bytes, seq: int) -> StoredRecord | None:
        records = self._records("log_id = ? AND seq = ?", (log_id, seq))
        return records[0] if records else None

    def records_of_kind(self, log_id: bytes, kind: EntryType, below: int, limit: int) -> list[StoredRecord]:
        """KEY or TIME records below a seq, newest first."""
        where = _OF_KIND[kind]
        return self._records(f"log_id = ? AND seq < ? AND {where} ORDER BY seq DESC LIMIT ?", (log_id, below, limit))

    def inclusion_proof(self, log_id: bytes, seq: int, size: int) -> tuple[bytes, ...]:
        """Of a stored record in the tree of a stored checkpoint.

        Made from the stored leaves: a record that was altered makes a bundle that every verifier refuses.
        """
        edge = self._edge_before(log_id, seq)
        leaves: list[Any] = self._database.rows(
            "SELECT leaf FROM records WHERE log_id = ? AND seq >= ? AND seq < ? ORDER BY seq", (log_id, edge.size, size)
        )
        return SpanTree(edge, [leaf for (leaf,) in leaves]).inclusion_proof(seq)

    def spans(self, log_id: bytes, from_size: int = 0) -> Iterator[StoredSpan]:
        """What is stored behind from_size, one delivery at a time.

        A delivery has fewer records than bytes: a size beyond that was altered, and the audit of the ends names it.
        """
        while True:
            rows: list[Any] = self._database.rows(
                "SELECT size, content, edge, received_unix_ms FROM checkpoints WHERE log_id = ?"
                " AND size > ? AND size < ? ORDER BY size LIMIT 1",
                (log_id, from_size, from_size + MAX_DELIVERY_BYTES),
            )
            if not rows:
                return
            size, content, edge, unix_ms = rows[0]
            records = self._records("log_id = ? AND seq >= ? AND seq < ? ORDER BY seq", (log_id, from_size, size))
            yield StoredSpan(from_size, size, content, edge, unix_ms, tuple(records))
            from_size = size

    def audit(self, log_id: bytes, start: Edge | None = None, limit: int = 20_000) -> AuditResult:
        """Checks stored records against the signed checkpoints from `start` on, about `limit` of them at a time."""
        head = self._head(log_id)
        if head is None:
            return AuditResult(Edge(), 0, ())
        size_known = head.edge.size
        edge, found = start or Edge(), list[Difference]()
        end = edge.size + limit
        for span in self.spans(log_id, edge.size):
            checked = check_span(head.identity, edge, span)
            edge = checked.edge
            found += checked.differences
            if end <= edge.size < size_known:
                return AuditResult(edge, size_known, kept(found))
        ends: list[Any] = self._database.rows(_ENDS, (log_id,))
        return AuditResult(edge, edge.size, kept([*found, *check_ends(*ends[0])]))

    def _head(self, log_id: bytes) -> LogHead | None:
        rows: list[Any] = self._database.rows(f"{_HEADS} WHERE log_id = ?", (log_id,))
        return LogHead(self.path, *rows[0]) if rows else None

    def _size(self, log_id: bytes) -> int:
        rows: list[Any] = self._database.rows("SELECT size FROM logs WHERE log_id = ?", (log_id,))
        return rows[0][0] if rows else 0

    def _counted(self, query: str, parameters: tuple[object, ...]) -> list[Any]:
        rows: list[Any] = self._database.rows(query, parameters)
        return rows

    def _records(self, where: str, parameters: tuple[object, ...]) -> list[StoredRecord]:
        query = f"{_RECORDS} WHERE {where}"
        rows: list[Any] = self._database.rows(query, parameters)
        return [StoredRecord(*row) for row in rows]

    def _entries(self, log_id: bytes, seq: int, count: int) -> list[bytes]:
        return [record.entry for record in self._unaltered(log_id, seq, count)]

    def _unaltered(self, log_id: bytes, seq: int, count: int) -> list[StoredRecord]:
        records = self._records("log_id = ? AND seq >= ? AND seq < ? ORDER BY seq", (log_id, seq, seq + count))
        altered = [record.seq for record in records if not record.is_unaltered]
        if altered or len(records) != count:
            raise self._damaged(f"record {altered[0]}" if altered else f"a record from {seq} to {seq + count - 1}")
        return records

    def _edge(self, log_id: bytes, size: int) -> Edge:
        edge = self._edge_before(log_id, size)
        between = self._unaltered(log_id, edge.size, size - edge.size)
        return edge.extended([record.leaf for record in between])

    def _edge_before(self, log_id: bytes, size: int) -> Edge:
        """The newest stored edge of at most this size. It must have the root that was signed: else the file was
        altered, and no sender is to be blamed for a root that differs."""
        query = (
            "SELECT c.edge, c.content, l.genesis, l.rotations FROM checkpoints c JOIN logs l USING (log_id)"
            " WHERE c.log_id = ? AND c.size <= ? ORDER BY c.size DESC LIMIT 1"
        )
        rows: list[Any] = self._database.rows(query, (log_id, size))
        if not rows:
            return Edge()
        stored, content, genesis, rotations = rows[0]
        try:
            edge = Edge.from_bytes(stored)
            signed = LogIdentity(log_id, genesis, rotations).verified(content, edge.size)
        except (ValueError, EvidenceError):
            raise self._damaged("an edge or its checkpoint") from None
        if (edge.size, edge.root()) != (signed.size, signed.root):
            raise self._damaged("an edge or its checkpoint")
        return edge

    def _check_unmoved(self, sizes: Any, verified: Verified) -> None:
        found: Sequence[tuple[int]] = sizes.fetchall()
        if (found[0][0] if found else 0) != verified.first_seq:
            raise UnavailableError(f"{self.path}: another program wrote to it; run one passport service per file")

    def _damaged(self, what: str) -> UnavailableError:
        return damaged(self.path, what)


_HEADS = (
    "SELECT log_id, genesis, seed, battery, evidence_class, size, edge, boot, uptime_ms, rotations, is_sealed FROM logs"
)
_PUT_HEAD = (
    "INSERT INTO logs VALUES (:log_id, :genesis, :seed, :battery, :evidence_class, :size, :edge, :boot, :uptime_ms,"
    " :rotations, :is_sealed) ON CONFLICT (log_id) DO UPDATE SET battery = :battery, evidence_class = :evidence_class,"
    " size = :size, edge = :edge, boot = :boot, uptime_ms = :uptime_ms, rotations = :rotations, is_sealed = :is_sealed"
)
_RECORDS = (
    "SELECT seq, leaf, entry, received_unix_ms, (SELECT seed FROM logs WHERE logs.log_id = records.log_id) FROM records"
)
_OF_KIND = {EntryType.KEY: "substr(entry, 2, 1) = x'06'", EntryType.TIME: "substr(entry, 2, 1) = x'07'"}
_LAST_RECEIVED = (
    "SELECT max((SELECT ifnull(max(received_unix_ms), 0) FROM checkpoints),"
    " (SELECT ifnull(max(received_unix_ms), 0) FROM inner_checkpoints))"
)
_RECEIPTS_AT = (
    "SELECT receipt FROM checkpoints WHERE log_id = :log_id AND received_unix_ms = :unix_ms"
    " UNION ALL SELECT receipt FROM inner_checkpoints WHERE log_id = :log_id AND received_unix_ms = :unix_ms"
)
_RECEIPT = (
    "SELECT receipt FROM checkpoints WHERE log_id = :log_id AND size = :size"
    " UNION ALL SELECT receipt FROM inner_checkpoints WHERE log_id = :log_id AND size = :size"
)
_COUNT_STATEMENTS = "SELECT count(*) FROM records WHERE log_id = ? AND substr(entry, 2, 1) = x'03'"
_STATEMENTS = (
    "SELECT seq, leaf, entry, received_unix_ms, seed FROM (SELECT *, row_number() OVER (ORDER BY seq DESC) AS place"
    " FROM records JOIN (SELECT log_id, seed FROM logs) USING (log_id)"
    " WHERE log_id = ? AND substr(entry, 2, 1) = x'03') WHERE (place - 1) % ? = 0 ORDER BY seq"
)
_ENDS = (
    "SELECT l.edge, l.size, c.edge, c.size, (SELECT max(seq) + 1 FROM records r WHERE r.log_id = l.log_id)"
    " FROM logs l LEFT JOIN checkpoints c USING (log_id) WHERE l.log_id = ? ORDER BY c.size DESC LIMIT 1"
)
