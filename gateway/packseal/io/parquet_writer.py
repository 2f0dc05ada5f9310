"""Writes the rows of a run into Parquet files of bounded size, a file for each table, shard and month at a time.

Every file is written under another name, put on the disk, and only then named. None of them counts before the run's
manifest names it (parquet_manifest.py). Rows wait in memory for a piece of a file at most.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from packseal.io.files import UNFINISHED, Files
from packseal.io.parquet_manifest import FilePart, make_folders
from packseal.io.parquet_tables import MAX_FILE_ROWS, PUBLIC_LOG, REPEATED, SCHEMAS, SEARCHED, Row, shard_of

PIECE_ROWS, PIECE_BYTES = 8192, 1 << 21
FILE_BYTES = 64 << 20


class RunWriter:
    """For one run, which has this number. Nothing of it may be used after an error."""

    def __init__(self, folder: Path, run: int, shards: int) -> None:
        self._folder, self._run, self._shards = folder, run, shards
        self._open: dict[tuple[str, int], _File] = {}
        self._month = ""
        self._number = 0
        self.files: list[FilePart] = []

    def add(self, table: str, month: str, row: Row) -> None:
        """Another month closes the files of the one before it. The first column of a row of a log is its log_id."""
        if month != self._month:
            self.close()
            self._month = month
        log_id = row[0]
        shard = shard_of(log_id, self._shards) if isinstance(log_id, bytes) else -1
        file = self._open.get((table, shard))
        if file is None:
            file = self._open[table, shard] = self._new(table, shard)
        file.add(row)
        if file.is_full:
            self.files.append(self._open.pop((table, shard)).close(self._folder))

    def close(self) -> None:
        """Everything is on the disk."""
        while self._open:
            self.files.append(self._open.popitem()[1].close(self._folder))

    def _new(self, table: str, shard: int) -> _File:
        place = self._folder / table / ("" if table == PUBLIC_LOG else f"shard={shard:02x}") / f"month={self._month}"
        make_folders(place, self._folder)
        self._number += 1
        return _File(place / f"{self._run:08d}-{self._number:04d}.parquet", table)


class _File:
    def __init__(self, path: Path, table: str) -> None:
        self._path, self._schema = path, SCHEMAS[table]
        self._unfinished = path.with_name(path.name + UNFINISHED)
        descriptor = os.open(self._unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        names = set(self._schema.names)
        self._writer: Any = pq.ParquetWriter(
            self._file, self._schema, compression="zstd", use_dictionary=[name for name in REPEATED if name in names],
            write_statistics=[name for name in SEARCHED if name in names],
        )  # fmt: skip
        self._rows: list[Row] = []
        self._waiting_bytes = 0
        self._written = 0

    @property
    def is_full(self) -> bool:
        return self._file.tell() >= FILE_BYTES or self._written + PIECE_ROWS >= MAX_FILE_ROWS

    def add(self, row: Row) -> None:
        self._rows.append(row)
        self._waiting_bytes += sum(len(value) for value in row if isinstance(value, bytes))
        if len(self._rows) >= PIECE_ROWS or self._waiting_bytes >= PIECE_BYTES:
            self._write()

    def close(self, folder: Path) -> FilePart:
        self._write()
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._file.tell()
        self._file.close()
        with self._unfinished.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        self._unfinished.rename(self._path)
        Files().sync_folder(self._path.parent)
        return FilePart(str(self._path.relative_to(folder)), self._written, size, digest)

    def _write(self) -> None:
        if not self._rows:
            return
        columns = zip(*self._rows, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._written += len(self._rows)
        self._rows, self._waiting_bytes = [], 0
