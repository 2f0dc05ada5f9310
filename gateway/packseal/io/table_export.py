"""Writes the table of passports (exchange/table.py): as text with commas, or as Parquet with the types of its columns.

Rows are taken one by one, so that a table may be of any length. A file is there whole or not at all. Text tables follow
RFC 4180, and no cell of text starts as a formula; what is empty has no sign between its commas.
"""

from __future__ import annotations

import csv
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from packseal.errors import ConfigError, TableError
from packseal.exchange.export import Export
from packseal.exchange.table import COLUMNS, Cell, Kind, Row, guarded, rows
from packseal.io.table_file import require

BATCH_ROWS = 4096
KINDS = ".csv or .parquet"


def write_table(path: Path, exports: Iterable[Export]) -> int:
    """By the ending of the path. -> how many rows. Raises TableError for another ending, UnavailableError where Parquet
    needs a package that is not there, ConfigError where nothing can be written."""
    write = {".csv": _write_csv, ".parquet": _write_parquet}.get(path.suffix.lower())
    if write is None:
        raise TableError(f"{path}: expected {KINDS}; name the file like that")
    unfinished = path.with_name(path.name + ".new")
    try:
        count = write(unfinished, rows(exports))
        unfinished.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def _write_csv(path: Path, table: Iterator[Row]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.name for column in COLUMNS])
        for row in table:
            writer.writerow([_written(column.kind, row[column.name]) for column in COLUMNS])
            count += 1
    return count


def _written(kind: Kind, cell: Cell) -> str:
    if cell is None:
        return ""
    if kind is Kind.TIME and isinstance(cell, int):
        return datetime.fromtimestamp(cell / 1000, UTC).isoformat(timespec="milliseconds")
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return guarded(cell) if isinstance(cell, str) else repr(cell)


def _batches(table: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(table, BATCH_ROWS)):
        yield batch


def _write_parquet(path: Path, table: Iterator[Row]) -> int:
    require("pyarrow")
    pyarrow, parquet = (importlib.import_module(name) for name in ("pyarrow", "pyarrow.parquet"))
    types: Mapping[Kind, Callable[[], object]] = {
        Kind.TEXT: pyarrow.string,
        Kind.NUMBER: pyarrow.float64,
        Kind.WHOLE: pyarrow.int64,
        Kind.TRUTH: pyarrow.bool_,
        Kind.TIME: lambda: pyarrow.timestamp("ms", tz="UTC"),
    }
    schema = pyarrow.schema([(column.name, types[column.kind]()) for column in COLUMNS])
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        for batch in _batches(table):
            writer.write_table(pyarrow.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count
