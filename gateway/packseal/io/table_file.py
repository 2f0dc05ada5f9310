"""Tables of measurements on disk: text with separators, plain or gzipped, and Parquet. Rows come one by one.

Which column is what, and which value counts, is decided in signals/.
"""

from __future__ import annotations

import csv
import gzip
import importlib
import importlib.util
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import IO, Any

from packseal.errors import TableError, UnavailableError

CURE = "run: pip install 'packseal[replay]'"
KINDS = ".csv, .tsv, .txt (also with .gz behind) or .parquet"
SEPARATORS = "\t;,"  # the first of them that the header has; names have commas in them, too
BATCH_ROWS = 4096
MAX_HEADER = 1 << 16

Cells = Sequence[object]


@dataclass(frozen=True)
class Table:
    """rows(names): the cells of these columns, row by row; None for a row that is too short to have them."""

    names: tuple[str, ...]
    rows: Callable[[Sequence[str]], Iterator[Cells | None]]


def open_table(path: Path) -> Table:
    """Raises TableError; so does `rows`, where the file turns out to be damaged."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes[-1:] == [".parquet"]:
        return _parquet(path)
    is_zipped = suffixes[-1:] == [".gz"]
    if suffixes[-2:-1] + suffixes[-1:] and suffixes[-2 if is_zipped else -1] in (".csv", ".tsv", ".txt"):
        return _text(path, is_zipped)
    raise TableError(f"{path}: expected {KINDS}; save the table as one of these")


def require(module: str) -> None:
    """Raises UnavailableError, naming the cure."""
    if importlib.util.find_spec(module) is None:
        raise UnavailableError(f"this needs {module}, which is not installed; {CURE}")


def unix_ms(cell: object) -> int:
    """Of a time or its ISO 8601 text; UTC where it has no zone. Raises ValueError for anything else."""
    if isinstance(cell, str):
        cell = datetime.fromisoformat(cell.strip())
    if isinstance(cell, date) and not isinstance(cell, datetime):
        cell = datetime.combine(cell, time())
    if not isinstance(cell, datetime):
        raise ValueError("no time")
    return round((cell if cell.tzinfo else cell.replace(tzinfo=UTC)).timestamp() * 1000)


# ---- text


def _text(path: Path, is_zipped: bool) -> Table:
    with _naming(path), _opened(path, is_zipped) as file:
        header = file.readline(MAX_HEADER)
    separator = next((one for one in SEPARATORS if one in header), ",")
    names = tuple(name.strip() for name in next(csv.reader([header], delimiter=separator), ()))
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise TableError(f'{path}: two columns are named "{twice}"; rename one of them')
    return Table(names, lambda wanted: _text_rows(path, is_zipped, separator, [names.index(name) for name in wanted]))


def _text_rows(path: Path, is_zipped: bool, separator: str, places: Sequence[int]) -> Iterator[Cells | None]:
    last = max(places)
    with _naming(path), _opened(path, is_zipped) as file:
        file.readline(MAX_HEADER)
        lines: Iterator[str] = (line.replace(",", ".") for line in file) if separator == ";" else file
        for cells in csv.reader(lines, delimiter=separator):  # beside semicolons, a comma is a decimal point
            if len(cells) > last:
                yield [cells[place].strip() for place in places]
            elif cells:
                yield None


def _opened(path: Path, is_zipped: bool) -> IO[str]:
    if is_zipped:
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, csv.Error) as error:
        raise TableError(f"{path}: damaged, or not what its name says: {error}; save or copy it again") from None
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror or error}") from None


# ---- Parquet


def _parquet(path: Path) -> Table:
    require("pyarrow")
    with _naming_parquet(path) as parquet, parquet.ParquetFile(path) as file:
        names = tuple(file.schema_arrow.names)
    return Table(names, lambda wanted: _parquet_rows(path, list(wanted)))


def _parquet_rows(path: Path, wanted: list[str]) -> Iterator[Cells]:
    with _naming_parquet(path) as parquet, parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=wanted):
            yield from zip(*(batch.column(name).to_pylist() for name in wanted), strict=True)


@contextmanager
def _naming_parquet(path: Path) -> Iterator[Any]:
    parquet, pyarrow = (importlib.import_module(name) for name in ("pyarrow.parquet", "pyarrow"))
    try:
        yield parquet
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:  # the last of a damaged column's name
        said, *_ = str(error).split("\n")
        raise TableError(f"{path}: no Parquet file that can be read: {said}") from None
