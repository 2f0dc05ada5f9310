"""A store as one file that either database takes back, taken while deliveries arrive.

All rows of all tables as one moment has them, so that heads, checkpoints and the signed note agree. The file: a line
that names it, then frames: 4 bytes of length, then deterministic CBOR. Each is [table, [column], [row]], but the first,
which is [version of the tables], and the last, ["end", rows, SHA-256 of all before it]. It holds the seeds of logs, so
that it is its owner's alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from packseal.errors import ConfigError, EvidenceError, UnavailableError
from packseal.io.passport_schema import NEWEST
from packseal.io.sql import Transaction
from packseal.io.store_place import StorePlace
from packseal.io.store_snapshot import RowsOf, new_tables, snapshot
from packseal.io.stores import has_records, open_store
from packseal.records.cbor import Value, decode, encode

FIRST_LINE = b"packseal backup of a passport store 1\n"
TABLES = (  # those that others refer to come first
    "logs", "records", "checkpoints", "inner_checkpoints", "passport_log", "acts", "log_head", "refusals", "passports",
    "opinions", "created", "successors", "statements", "restricted_statements", "reads", "public_reads",
    "dropped_reads", "fleet", "webhooks", "outgoing",
)  # fmt: skip
ROWS = 500  # in a frame
MAX_FRAME_BYTES = 1 << 24
END = "end"
COLUMN = re.compile("[a-z_]{1,40}")


def back_up(place: StorePlace, path: Path) -> int:
    """Writes a new file, whole or not at all. -> how many rows. Raises ConfigError, UnavailableError."""
    if path.exists():
        raise ConfigError(f"{path} is there already; a backup never takes the place of another one")
    if not has_records(place):
        raise ConfigError(f"{place} does not exist, or has stored nothing yet")
    open_store(place).close()  # brings its tables up to date
    unfinished = path.with_name(path.name + ".new")
    try:
        with _private(unfinished) as file, snapshot(place) as rows_of:
            count = _write(file, rows_of)
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, path)
    except FileExistsError:
        raise ConfigError(f"{path} is there already; a backup never takes the place of another one") from None
    except OSError as error:
        raise UnavailableError(f"{path}: {error.strerror}") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def restore(path: Path, place: StorePlace) -> int:
    """Makes a store, of either kind, out of a backup of either kind, whole or not at all. -> how many rows.

    Raises ConfigError where there is a store already and for what is no whole backup, UnavailableError.
    """
    try:
        with path.open("rb") as file:
            for _ in _frames(file, path):
                pass  # whole, before anything is made of it
            file.seek(0)
            frames = _frames(file, path)
            match next(frames, None):
                case [int(version)] if 1 <= version <= NEWEST:
                    with new_tables(place, version) as transaction:
                        return _put(transaction, frames, path)
                case [int(version)]:
                    words = f"its tables are of version {version}, and this packseal knows them up to {NEWEST}"
                    raise ConfigError(f"{path}: {words}; install the packseal that wrote it, or a newer one")
            raise _broken(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


# ---- writing


@contextmanager
def _private(path: Path) -> Iterator[BinaryIO]:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        yield file


def _write(file: BinaryIO, rows_of: RowsOf) -> int:
    digest, count = sha256(FIRST_LINE), 0
    file.write(FIRST_LINE)
    for frame in _all_frames(rows_of):
        content = encode(frame)
        framed = len(content).to_bytes(4, "big") + content
        digest.update(framed)
        file.write(framed)
        count += len(frame[2]) if len(frame) == 3 and isinstance(frame[2], list) else 0
    content = encode([END, count, digest.digest()])
    file.write(len(content).to_bytes(4, "big") + content)
    return count


def _all_frames(rows_of: RowsOf) -> Iterator[list[Value]]:
    yield [NEWEST]
    for table in TABLES:
        columns, rows = rows_of(table)
        named: list[Value] = list(columns)
        for some in _in_parts(rows):
            yield [table, named, some]


def _in_parts(rows: Iterable[Sequence[Any]]) -> Iterator[list[Value]]:
    part: list[Value] = []
    for row in rows:
        part.append(list(row))
        if len(part) == ROWS:
            yield part
            part = []
    if part:
        yield part


# ---- reading


def _frames(file: BinaryIO, path: Path) -> Iterator[list[Value]]:
    """All but the last, which must be right. Raises ConfigError."""
    if file.read(len(FIRST_LINE)) != FIRST_LINE:
        raise ConfigError(f"{path}: not a backup of a passport store, or one of another version of packseal")
    digest, count = sha256(FIRST_LINE), 0
    while True:
        head = file.read(4)
        length = int.from_bytes(head, "big")
        content = file.read(length) if len(head) == 4 and length <= MAX_FRAME_BYTES else b""
        if not content or len(content) < length:
            raise _broken(path)
        frame = _decoded(content, path)
        if frame[:1] == [END]:
            if frame != [END, count, digest.digest()] or file.read(1):
                raise _broken(path)
            return
        digest.update(head + content)
        count += len(frame[2]) if len(frame) == 3 and isinstance(frame[2], list) else 0
        yield frame


def _decoded(content: bytes, path: Path) -> list[Value]:
    try:
        frame = decode(content)
    except EvidenceError:
        frame = None
    if not isinstance(frame, list) or not frame:
        raise _broken(path)
    return frame


def _put(transaction: Transaction, frames: Iterator[list[Value]], path: Path) -> int:
    count = 0
    for frame in frames:
        match frame:
            case [str(table), [str(), *_] as columns, [list(), *_] as rows] if table in TABLES:
                names = [name for name in columns if isinstance(name, str) and COLUMN.fullmatch(name)]
                if len(names) == len(columns) and all(isinstance(row, list) and len(row) == len(names) for row in rows):
                    places = ", ".join("?" * len(names))
                    query = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})"  # noqa: S608 - checked names
                    transaction.executemany(query, rows)
                    count += len(rows)
                    continue
        raise _broken(path)
    return count


def _broken(path: Path) -> ConfigError:
    return ConfigError(f"{path}: was cut short or altered; use another backup")
