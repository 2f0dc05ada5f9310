"""The tables of a fleet archive as Parquet files: their columns, their names on the disk, and their limits.

docs/archive.md. A shard is the beginning of the log's id, so that all of a log lies in one; a month is that of the
receipt. What is read was perhaps written by somebody else: a file of another shape or size is refused before its
content is looked at.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from packseal.io.parquet_manifest import PATH, FilePart
from packseal.records.entries import LOG_ID_BYTES
from packseal.records.merkle import HASH_BYTES

Row: TypeAlias = tuple[object, ...]

_LOG_ID, _HASH = pa.binary(LOG_ID_BYTES), pa.binary(HASH_BYTES)
LOGS, RECORDS, DELIVERIES, PUBLIC_LOG = "logs", "records", "deliveries", "public_log"


def _needed(*columns: tuple[str, pa.DataType]) -> list[pa.Field]:
    return [pa.field(name, kind, nullable=False) for name, kind in columns]


SCHEMAS = {
    LOGS: pa.schema(_needed(("log_id", _LOG_ID), ("genesis", pa.binary()), ("seed", pa.binary()))),
    RECORDS: pa.schema(
        _needed(("log_id", _LOG_ID), ("seq", pa.int32()), ("leaf", _HASH), ("entry", pa.binary())),
    ),
    DELIVERIES: pa.schema(
        [
            *_needed(("log_id", _LOG_ID), ("size", pa.int32()), ("is_inner", pa.bool_()), ("checkpoint", pa.binary())),
            pa.field("edge", pa.binary()),
            *_needed(("receipt", pa.binary()), ("service_index", pa.int64()), ("received_unix_ms", pa.int64())),
            pa.field("attestation", pa.binary()),
            *_needed(("battery", pa.string()), ("evidence_class", pa.string())),
        ]
    ),
    PUBLIC_LOG: pa.schema(
        [
            *_needed(("idx", pa.int64()), ("entry", pa.binary())),
            *(pa.field(name, pa.binary()) for name in ("content", "signer")),
            *(pa.field(name, pa.int64()) for name in ("algorithm", "role")),
        ]
    ),
}
REPEATED = ["log_id", "battery", "evidence_class", "algorithm", "role"]  # columns that a dictionary makes small
SEARCHED = ["log_id", "seq", "size", "service_index", "idx"]  # those with the least and greatest of each piece

MAX_FILE_BYTES = 1 << 28
MAX_FILE_ROWS = 1 << 21
MAX_GROUP_BYTES = 1 << 26  # of a piece as it is unpacked
LAST_MONTH = "9999-12"


def shard_of(log_id: bytes, shards: int) -> int:
    """shards: a power of two, at most 256."""
    return log_id[0] * shards >> 8


def shard_bounds(shard: int, shards: int) -> tuple[bytes, bytes]:
    """From the first log_id of a shard on, and before the second, which is longer than any where there is none."""
    width = 256 // shards
    last = (shard + 1) * width
    return bytes((shard * width,)), bytes((last,)) if last < 256 else b"\xff" * (LOG_ID_BYTES + 1)


def month_of(unix_ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(unix_ms // 1000, UTC):%Y-%m}"
    except (ValueError, OverflowError, OSError):
        return LAST_MONTH


def table_of(path: str) -> tuple[str, int] | None:
    """Which table and shard a file of an archive is of; None for what no archive names so. -1: of no shard."""
    found = PATH.fullmatch(path)
    if found is None:
        return None
    return (found[1], int(found[2], 16)) if found[1] else (found[3], -1)


def fault_of(folder: Path, part: FilePart) -> str:
    """Why a file that a manifest names is not to be read; empty where it is as it was written."""
    path, named = folder / part.path, table_of(part.path)
    if named is None:
        return "is named as no file of an archive is"
    try:
        if path.is_symlink() or not path.is_file():
            return "is not there"
        size = path.stat().st_size
        if size != part.size or size > MAX_FILE_BYTES:
            return f"has {size} bytes instead of {part.size}"
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").digest() != part.digest:
                return "is not what was written"
        return _shape_fault(path, SCHEMAS[named[0]], part.rows)
    except OSError as error:
        return f"cannot be read: {error.strerror or 'damaged'}"


def _shape_fault(path: Path, schema: pa.Schema, rows: int) -> str:
    try:
        with pq.ParquetFile(path) as file:
            found, meta = file.schema_arrow, file.metadata
            groups = [meta.row_group(place) for place in range(meta.num_row_groups)]
    except (pa.ArrowException, OSError, ValueError):
        return "is no Parquet file"
    if not found.equals(schema):
        return "has other columns than this table"
    if meta.num_rows != rows or rows > MAX_FILE_ROWS or sum(group.num_rows for group in groups) != rows:
        return f"has {meta.num_rows} rows instead of {rows}"
    if any(group.total_byte_size > MAX_GROUP_BYTES for group in groups):
        return f"unpacks to pieces of more than {MAX_GROUP_BYTES} bytes"
    return ""
