"""What both stores rest on: closed when they cannot be opened, errors that name the file, nothing half done."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from packseal.errors import UnavailableError
from packseal.io.database import Database
from packseal.io.outbox_store import OutboxStore, only_new
from packseal.records.checkpoint import Receipt
from packseal.records.log import TrustedLog
from tests.passport.board import Board, running_board

SCHEMA = "CREATE TABLE IF NOT EXISTS numbers (value INTEGER NOT NULL) STRICT;"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "some.db", SCHEMA)
    yield opened
    opened.close()


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[OutboxStore]:
    opened = OutboxStore(tmp_path / "outbox.db")
    yield opened
    opened.close()


@pytest.mark.parametrize("number", [1 << 63, -(1 << 63) - 1, 1 << 64])
def test_a_number_beyond_sqlite_is_our_error_and_stores_nothing(database: Database, number: int) -> None:
    with pytest.raises(UnavailableError, match=r"some\.db: .* too large"):
        _insert(database, 1, number)
    with pytest.raises(UnavailableError, match=r"some\.db: .* too large"):
        database.rows("SELECT :number", {"number": number})
    assert database.rows("SELECT * FROM numbers") == []


def _insert(database: Database, *numbers: int) -> None:
    with database.transaction() as connection:
        connection.executemany("INSERT INTO numbers VALUES (?)", [(number,) for number in numbers])


def test_what_cannot_be_opened_is_left_closed(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    path.write_bytes(b"not a database, and long enough to tell" * 40)
    database = Database.__new__(Database)
    with pytest.raises(UnavailableError, match=r"some\.db: file is not a database"):
        Database.__init__(database, path, SCHEMA)
    with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
        database._connection.execute("SELECT 1")


def stored(outbox: OutboxStore, board: Board, first: int, size: int) -> None:
    delivery = board.delivery(first, size)
    found = outbox.log(board.log_id)
    log = found.log if found else TrustedLog(board.genesis)
    outbox.store("pack-1", delivery, log.verified(delivery, only_new(log)), 0)


def test_an_outbox_keeps_a_delivery_until_its_receipt(outbox: OutboxStore) -> None:
    board = running_board()
    stored(outbox, board, 0, 4)
    stored(outbox, board, 4, 9)
    assert [(item.size, item.records) for item in outbox.waiting()] == [(4, 4), (9, 5)]
    assert outbox.content(outbox.waiting()[1]) == ("pack-1", board.delivery(4, 9).to_bytes())
    root = outbox.root_at(board.log_id, 4)
    assert root is not None
    outbox.acknowledge(Receipt(board.log_id, 4, root, 0, 0), b"receipt")
    assert [item.size for item in outbox.waiting()] == [9]
    found = outbox.log(board.log_id)
    assert found is not None
    assert (found.log.size, found.receipted_size, found.receipt) == (9, 4, b"receipt")
    assert outbox.counts() == {"records_receipted": 4, "records_stored": 9}


EDITS = {
    "an edge of one byte": "UPDATE logs SET edge = x'00'",
    "an edge without a root": "UPDATE logs SET edge = x'00000004'",
    "a genesis that does not decode": "UPDATE logs SET genesis = x'ff'",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_altered_outbox_is_named(outbox: OutboxStore, edit: str) -> None:
    board = running_board()
    stored(outbox, board, 0, 4)
    with closing(sqlite3.connect(outbox.path)) as file, file:
        file.execute(edit)
    with pytest.raises(UnavailableError, match=rf"outbox\.db: what it holds of log {board.log_id.hex()} is not"):
        outbox.log(board.log_id)
