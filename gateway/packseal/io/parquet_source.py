"""What a fleet archive is made of and compared with: the rows of a store, a bounded piece at a time.

Everything below an index of the passport log was committed with it, and is never changed: so pieces that are read one
after the other fit together, while deliveries go on arriving.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from packseal.errors import ConfigError, UnavailableError
from packseal.io.database import Database
from packseal.io.sql import SQLDatabase
from packseal.io.store_place import StorePlace
from packseal.io.stores import has_records, open_store
from packseal.records.merkle import Edge

PAGE_ROWS = 20_000


class StoreRows:
    """Every method raises UnavailableError where the database does not answer."""

    def __init__(self, database: SQLDatabase) -> None:
        self._database = database

    def close(self) -> None:
        self._database.close()

    def head(self) -> tuple[int, bytes, bytes]:
        """Size of the passport log, its signed note, and the newest one with cosignatures, which may be empty.

        Raises ConfigError where nothing was stored yet.
        """
        rows = self._database.rows("SELECT edge, note, cosigned FROM log_head")
        if not rows:
            raise ConfigError(f"{self._database.where} has stored nothing yet")
        ((edge, note, cosigned),) = rows
        try:
            return Edge.from_bytes(edge).size, note, cosigned or b""
        except ValueError:
            words = "the head of the passport log is not what was stored; restore the file from a backup"
            raise UnavailableError(f"{self._database.where}: {words}") from None

    def public_log(self, start: int, stop: int) -> list[Any]:
        """As the archive's table has them."""
        return self._database.rows(_PUBLIC_LOG, {"start": start, "stop": stop})

    def deliveries(self, start: int, stop: int) -> list[Any]:
        """As the archive's table has them; then first_seq (None of inner ones), genesis and seed."""
        return self._database.rows(_DELIVERIES, {"start": start, "stop": stop})

    def records(self, start: int, stop: int) -> list[Any]:
        """What these deliveries added: as the archive's table has them, then received_unix_ms of the delivery."""
        return self._database.rows(_RECORDS, {"start": start, "stop": stop})

    # ---- to compare: by shard, in the order of their keys

    def ends(self, bounds: tuple[bytes, bytes], stop: int) -> dict[bytes, int]:
        """Where each log ends as far as the passport log goes to `stop`."""
        query = (
            "SELECT log_id, max(size) FROM checkpoints WHERE log_id >= ? AND log_id < ? AND service_index < ?"
            " GROUP BY log_id"
        )
        return dict(self._database.rows(query, (*bounds, stop)))

    def all_logs(self, bounds: tuple[bytes, bytes]) -> Iterator[list[Any]]:
        return self._pages("log_id, 0, genesis, seed, battery || '/' || evidence_class", "logs", "log_id, 0", bounds)

    def all_records(self, bounds: tuple[bytes, bytes]) -> Iterator[list[Any]]:
        return self._pages("log_id, seq, leaf, entry", "records", "log_id, seq", bounds)

    def all_deliveries(self, bounds: tuple[bytes, bytes]) -> Iterator[list[Any]]:
        """log_id, size, checkpoint, edge, receipt, service_index, received_unix_ms, attestation"""
        columns = "log_id, size, content, edge, receipt, service_index, received_unix_ms, attestation"
        return self._pages(columns, "checkpoints", "log_id, size", bounds)

    def all_inner(self, bounds: tuple[bytes, bytes]) -> Iterator[list[Any]]:
        columns = "log_id, size, content, NULL, receipt, service_index, received_unix_ms, NULL"
        return self._pages(columns, "inner_checkpoints", "log_id, size", bounds)

    def _pages(self, columns: str, table: str, keys: str, bounds: tuple[bytes, bytes]) -> Iterator[list[Any]]:
        """Each from where the one before ended."""
        first, last = bounds
        behind: Sequence[object] = (first, -1)
        query = (
            f"SELECT {columns} FROM {table} WHERE ({keys}) > (?, ?) AND log_id < ?"  # noqa: S608 - our own names
            f" ORDER BY {keys.removesuffix(', 0')} LIMIT {PAGE_ROWS}"
        )
        while True:
            rows = self._database.rows(query, (*behind, last))
            if rows:
                yield rows
            if len(rows) < PAGE_ROWS:
                return
            behind = rows[-1][:2]


def open_rows(place: StorePlace) -> StoreRows:
    """Of a store that is there, brought up to date. Raises ConfigError, UnavailableError."""
    if not has_records(place):
        raise ConfigError(f"{place} does not exist, or has stored nothing yet")
    open_store(place).close()
    if isinstance(place, Path):
        return StoreRows(Database(place, ""))
    from packseal.io.postgres_database import PostgresDatabase  # noqa: PLC0415 - who has a file does not load psycopg

    return StoreRows(PostgresDatabase(place.text))


_OUTER = (
    "SELECT c.log_id, c.size, c.content, c.edge, c.receipt, c.service_index, c.received_unix_ms, c.attestation,"
    " (SELECT coalesce(max(b.size), 0) FROM checkpoints b WHERE b.log_id = c.log_id AND b.size < c.size) AS first_seq"
    " FROM checkpoints c WHERE c.service_index >= :start AND c.service_index < :stop"
)
_DELIVERIES = (
    f"SELECT d.log_id, d.size, first_seq IS NULL, d.content, d.edge, d.receipt, d.service_index, d.received_unix_ms,"  # noqa: S608
    f" d.attestation, l.battery, l.evidence_class, first_seq, l.genesis, l.seed FROM ({_OUTER}"
    " UNION ALL SELECT log_id, size, content, NULL, receipt, service_index, received_unix_ms, NULL, NULL"
    " FROM inner_checkpoints WHERE service_index >= :start AND service_index < :stop) AS d"
    " JOIN logs l ON l.log_id = d.log_id ORDER BY d.service_index"
)
_RECORDS = (
    f"SELECT r.log_id, r.seq, r.leaf, r.entry, d.received_unix_ms FROM ({_OUTER}) AS d"  # noqa: S608
    " JOIN records r ON r.log_id = d.log_id AND r.seq >= d.first_seq AND r.seq < d.size"
    " ORDER BY d.service_index, r.seq"
)
_PUBLIC_LOG = (
    "SELECT p.idx, p.entry, coalesce(a.content, s.content, r.content), coalesce(a.signer, s.signer, r.signer),"
    " coalesce(a.algorithm, s.algorithm, r.algorithm), coalesce(a.role, s.role, r.role) FROM passport_log p"
    " LEFT JOIN acts a ON a.idx = p.idx LEFT JOIN statements s ON s.idx = p.idx"
    " LEFT JOIN restricted_statements r ON r.idx = p.idx WHERE p.idx >= :start AND p.idx < :stop ORDER BY p.idx"
)
