"""The passport's logs and records as they are stored, read: heads, records, checkpoints with receipts, and their audit.

Reading is in spans, one a delivery, so that no log has to fit into memory. The queries are the same for both databases
(sql.py). What is stored, and when, decides sql_store.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256

from packseal.errors import EvidenceError, UnavailableError
from packseal.io.passport_rows import (
    Covering,
    LogHead,
    damaged,
)
from packseal.io.sql import SQLDatabase
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
from packseal.records.bodies import EntryType, Previous
from packseal.records.entries import genesis_key
from packseal.records.log import MAX_DELIVERY_BYTES, Known, TrustedLog
from packseal.records.merkle import Edge

MAX_PLOT_POINTS = 500
SIZES_ASKED = 32  # in one query, which always has the same text


class SQLRecords:
    """Usable from any thread. Every method raises UnavailableError when the database does not answer."""

    def __init__(self, database: SQLDatabase) -> None:
        self._database = database
        self.where = database.where

    def heads(self) -> list[LogHead]:
        """Of every log, whether it was altered or not."""
        return self._heads("TRUE", ())

    def heads_of(self, battery: str) -> list[LogHead]:
        return self._heads("battery = ?", (battery,))

    def heads_opened_by(self, public_key: bytes) -> list[LogHead]:
        return self._heads("opener = ?", (public_key,))

    def head(self, log_id: bytes) -> LogHead | None:
        found = self._heads("log_id = ?", (log_id,))
        return found[0] if found else None

    def sizes(self, log_ids: Sequence[bytes]) -> dict[bytes, int]:
        """How many records are stored of those logs that are known."""
        found: dict[bytes, int] = {}
        for start in range(0, len(log_ids), SIZES_ASKED):
            asked = log_ids[start : start + SIZES_ASKED]
            found |= dict(self._database.rows(_SIZES, (*asked, *[asked[0]] * (SIZES_ASKED - len(asked)))))
        return found

    def end_of(self, log_id: bytes) -> Previous | None:
        """Where a log that goes on from this one says that it ends."""
        for head in self._heads("previous = ?", (log_id,)):
            previous = genesis_key(head.genesis).previous if head.has_own_genesis else None
            if previous and previous.log_id == log_id:
                return previous
        return None

    def trusted_log(self, log_id: bytes) -> TrustedLog | None:
        """Raises UnavailableError also when what is stored of the log's head was altered."""
        head = self.head(log_id)
        return head.log if head else None

    def known(self, log_id: bytes) -> Known:
        """What TrustedLog.verified asks for. Raises UnavailableError rather than blaming a sender for our disk."""
        return Known(lambda seq, count: self._entries(log_id, seq, count), lambda size: self._edge(log_id, size))

    def receipt_of_digest(self, log_id: bytes, unix_ms: int, digest: bytes) -> bytes | None:
        """The receipt for this log, of this time, with this SHA-256: what a TIME entry names."""
        rows = self._database.rows(_RECEIPTS_AT, {"log_id": log_id, "unix_ms": unix_ms})
        return next((receipt for (receipt,) in rows if sha256(receipt).digest() == digest), None)

    def receipt(self, log_id: bytes, size: int) -> bytes | None:
        """For exactly this size; None when no checkpoint of it was stored yet."""
        rows = self._database.rows(_RECEIPT, {"log_id": log_id, "size": size})
        return rows[0][0] if rows else None

    def recent_records(self, log_id: bytes, limit: int = 20) -> list[StoredRecord]:
        return self._records("log_id = ? ORDER BY seq DESC LIMIT ?", (log_id, limit))

    def plotted_records(self, log_id: bytes, points: int = MAX_PLOT_POINTS) -> list[StoredRecord]:
        """Every n-th record: at most `points` look-ups, however long the log is."""
        size = self._size(log_id)
        stride = -(-size // points) or 1
        query = (
            "WITH RECURSIVE places (seq) AS (SELECT CAST(:first AS BIGINT)"
            " UNION ALL SELECT seq + :stride FROM places WHERE seq + :stride < :size)"
            " SELECT records.seq, leaf, entry, received_unix_ms, (SELECT seed FROM logs WHERE log_id = :log_id)"
            " FROM places CROSS JOIN records WHERE records.log_id = :log_id AND records.seq = places.seq"
            " ORDER BY records.seq"
        )
        chosen = {"first": (size - 1) % stride if size else 0, "stride": stride, "size": size, "log_id": log_id}
        rows = self._database.rows(query, chosen)
        return [StoredRecord(*row) for row in rows]

    def plotted_statements(self, log_id: bytes, points: int = MAX_PLOT_POINTS) -> list[StoredRecord]:
        """Every n-th state-of-health record."""
        ((count,),) = self._database.rows(_COUNT_STATEMENTS, (log_id,))
        rows = self._database.rows(_STATEMENTS, (log_id, -(-count // points) or 1))
        return [StoredRecord(*row) for row in rows]

    def covering(self, log_id: bytes, seq: int) -> Covering | None:
        """The smallest stored checkpoint that covers the record, with its receipt; None when there is none."""
        query = (
            "SELECT size, content, receipt, service_index, attestation FROM checkpoints"
            " WHERE log_id = ? AND size > ? ORDER BY size LIMIT 1"
        )
        rows = self._database.rows(query, (log_id, seq))
        return Covering(*rows[0]) if rows else None

    def checkpoint(self, log_id: bytes, size: int) -> bytes | None:
        """The stored checkpoint of exactly this size."""
        query = "SELECT content FROM checkpoints WHERE log_id = ? AND size = ?"
        rows = self._database.rows(query, (log_id, size))
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
        leaves = self._database.rows(
            "SELECT leaf FROM records WHERE log_id = ? AND seq >= ? AND seq < ? ORDER BY seq", (log_id, edge.size, size)
        )
        return SpanTree(edge, [leaf for (leaf,) in leaves]).inclusion_proof(seq)

    def spans(self, log_id: bytes, from_size: int = 0) -> Iterator[StoredSpan]:
        """What is stored behind from_size, one delivery at a time.

        A delivery has fewer records than bytes: a size beyond that was altered, and the audit of the ends names it.
        """
        while True:
            rows = self._database.rows(
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
        head = self.head(log_id)
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
        ends = self._database.rows(_ENDS, (log_id,))
        return AuditResult(edge, edge.size, kept([*found, *check_ends(*ends[0])]))

    def _size(self, log_id: bytes) -> int:
        rows = self._database.rows("SELECT size FROM logs WHERE log_id = ?", (log_id,))
        return rows[0][0] if rows else 0

    def _records(self, where: str, parameters: tuple[object, ...]) -> list[StoredRecord]:
        query = f"{_RECORDS} WHERE {where}"
        rows = self._database.rows(query, parameters)
        return [StoredRecord(*row) for row in rows]

    def _entries(self, log_id: bytes, seq: int, count: int) -> list[bytes]:
        return [record.entry for record in self._unaltered(log_id, seq, count)] if count else []

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
        rows = self._database.rows(query, (log_id, size))
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

    def _damaged(self, what: str) -> UnavailableError:
        return damaged(self.where, what)

    def _heads(self, where: str, parameters: tuple[object, ...]) -> list[LogHead]:
        rows = self._database.rows(f"{_HEADS} WHERE {where} ORDER BY log_id", parameters)
        return [LogHead(self.where, *row) for row in rows]


_HEADS = (
    "SELECT log_id, genesis, seed, battery, evidence_class, size, edge, boot, uptime_ms, rotations, is_sealed FROM logs"
)
_SIZES = f"SELECT log_id, size FROM logs WHERE log_id IN ({', '.join('?' * SIZES_ASKED)})"  # noqa: S608 - marks alone
_RECORDS = (
    "SELECT seq, leaf, entry, received_unix_ms, (SELECT seed FROM logs WHERE logs.log_id = records.log_id) FROM records"
)
_OF_KIND = {EntryType.KEY: "substr(entry, 2, 1) = x'06'", EntryType.TIME: "substr(entry, 2, 1) = x'07'"}
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
    " FROM records JOIN (SELECT log_id, seed FROM logs) AS seeds USING (log_id)"
    " WHERE log_id = ? AND substr(entry, 2, 1) = x'03') AS placed WHERE (place - 1) % ? = 0 ORDER BY seq"
)
_ENDS = (
    "SELECT l.edge, l.size, c.edge, c.size, (SELECT max(seq) + 1 FROM records r WHERE r.log_id = l.log_id)"
    " FROM logs l LEFT JOIN checkpoints c USING (log_id) WHERE l.log_id = ? ORDER BY c.size DESC LIMIT 1"
)
