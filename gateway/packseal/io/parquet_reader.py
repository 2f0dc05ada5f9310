"""Reads the tables of a fleet archive by DuckDB: in order, piece by piece, within bounds of memory.

DuckDB gets at the archive's files and a folder of its own for what does not fit into memory, and at nothing else. Only
files that were checked (parquet_tables.fault_of) are given to it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from packseal.errors import ConfigError
from packseal.io.parquet_tables import SCHEMAS

PIECE_ROWS = 4096
MEMORY = "1GB"


class UnreadableArchiveError(ConfigError):
    """A file of an archive that looks whole, and cannot be read."""


class ArchiveReader:
    """Of some files of an archive. Every method raises UnreadableArchiveError where a file cannot be read after all."""

    def __init__(self, folder: Path, files: dict[str, list[str]]) -> None:
        """files: by table, as paths below the folder."""
        self._spill = tempfile.TemporaryDirectory(prefix="packseal-audit-")
        self._connection = duckdb.connect(config={"threads": 1, "memory_limit": MEMORY})
        home = str(folder.resolve())
        self._connection.execute(f"SET temp_directory = {_quoted(self._spill.name)}")
        self._connection.execute(
            f"SET allowed_directories = [{_quoted(home + '/')}, {_quoted(self._spill.name + '/')}]"
        )
        for setting in ("enable_external_access = false", "lock_configuration = true"):
            self._connection.execute(f"SET {setting}")
        for table in SCHEMAS:
            self._view(table, [f"{home}/{path}" for path in files.get(table, ())])

    def close(self) -> None:
        self._connection.close()
        self._spill.cleanup()

    def stream(self, query: str, parameters: Sequence[object] = ()) -> Iterator[Any]:
        """The rows of a query, in pieces; several may be read at the same time."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(query, list(parameters))
            while piece := cursor.fetchmany(PIECE_ROWS):
                yield from piece
        except duckdb.Error as error:
            raise UnreadableArchiveError(_words(error)) from None
        finally:
            cursor.close()

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[Any]:
        return list(self.stream(query, parameters))

    def put_keys(self, table: str, rows: Iterable[list[tuple[bytes, int, str]]]) -> None:
        """A table of (log_id, number, digest) to compare with, in pieces."""
        self._connection.execute(f"CREATE TABLE {table} (log_id BLOB, number BIGINT, digest VARCHAR)")
        for piece in rows:
            columns = list(zip(*piece, strict=True))
            types = (pa.binary(), pa.int64(), pa.string())
            arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
            self._connection.register("piece", pa.Table.from_arrays(arrays, names=["log_id", "number", "digest"]))
            self._connection.execute(f"INSERT INTO {table} SELECT * FROM piece")  # noqa: S608 - our own names
            self._connection.unregister("piece")

    def drop(self, table: str) -> None:
        self._connection.execute(f"DROP TABLE {table}")

    def _view(self, table: str, paths: list[str]) -> None:
        if paths:
            listed = ", ".join(map(_quoted, paths))
            self._connection.execute(
                f"CREATE VIEW {table} AS SELECT *, filename AS path FROM read_parquet([{listed}], filename = true,"  # noqa: S608
                " hive_partitioning = false)"
            )
            return
        columns = ", ".join(f"{name} {_TYPES[name]}" for name in (*SCHEMAS[table].names, "path"))
        self._connection.execute(f"CREATE TABLE {table} ({columns})")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _words(error: duckdb.Error) -> str:
    return f"cannot be read: {' '.join(str(error).split())[:200]}"


_TYPES = {
    "log_id": "BLOB", "genesis": "BLOB", "seed": "BLOB", "seq": "INTEGER", "leaf": "BLOB", "entry": "BLOB",
    "size": "INTEGER", "is_inner": "BOOLEAN", "checkpoint": "BLOB", "edge": "BLOB", "receipt": "BLOB",
    "service_index": "BIGINT", "received_unix_ms": "BIGINT", "attestation": "BLOB", "battery": "VARCHAR",
    "evidence_class": "VARCHAR", "idx": "BIGINT", "content": "BLOB", "signer": "BLOB", "algorithm": "BIGINT",
    "role": "BIGINT", "path": "VARCHAR",
}  # fmt: skip

DELIVERIES_OF_LOGS = (
    "SELECT d.log_id, size, is_inner, checkpoint, edge, receipt, service_index, received_unix_ms, attestation, battery,"
    " evidence_class, p.entry FROM deliveries d LEFT JOIN"
    " (SELECT idx, any_value(entry) AS entry FROM public_log GROUP BY idx) p ON p.idx = d.service_index"
    " ORDER BY d.log_id, size, is_inner DESC, service_index"
)
RECORDS_OF_LOGS = "SELECT log_id, seq, leaf, entry FROM records ORDER BY log_id, seq"
LOGS_IN_ORDER = "SELECT log_id, genesis, seed FROM logs ORDER BY log_id"
