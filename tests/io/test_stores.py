"""What both stores rest on: closed when they cannot be opened, errors that name the file, nothing half done."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from packseal.errors import UnavailableError
from packseal.io.database import Database
from packseal.io.outbox_store import OutboxStore, only_new
from packseal.records.checkpoint import Receipt
from packseal.records.cose import VerifyingKey
from packseal.records.log import Delivery, TrustedLog
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


def test_a_database_is_its_owners_alone_with_all_that_lies_beside_it(tmp_path: Path) -> None:
    """Also where everything else that is made is readable for others."""
    usual = os.umask(0o022)
    opened = Database(tmp_path / "some.db", SCHEMA)
    os.umask(usual)
    _insert(opened, 1)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("some.db", "some.db-wal", "some.db-shm"), 0o600)
    opened.close()


def stored(outbox: OutboxStore, board: Board, first: int, size: int) -> None:
    stored_as(outbox, board.delivery(first, size))


def stored_as(outbox: OutboxStore, delivery: Delivery) -> None:
    found = outbox.log(delivery.log_id)
    log = found.log if found else TrustedLog(delivery.genesis, delivery.seed)
    outbox.store("pack-1", delivery, log.verified(delivery, only_new(log)), 0)


def test_an_outbox_keeps_a_delivery_until_its_receipt(outbox: OutboxStore) -> None:
    board = running_board()
    stored(outbox, board, 0, 4)
    stored(outbox, board, 4, 9)
    assert [(item.size, item.records) for item in outbox.waiting()] == [(4, 4), (9, 5)]
    assert outbox.content(outbox.waiting()[1]) == ("pack-1", board.delivery(4, 9).to_bytes())
    root = outbox.root_at(board.log_id, 4)
    assert root is not None
    outbox.acknowledge([(Receipt(board.log_id, 4, root, 0, 0, bytes(16)), b"receipt")])
    assert [item.size for item in outbox.waiting()] == [9]
    found = outbox.log(board.log_id)
    assert found is not None
    assert (found.log.size, found.receipted_size, found.receipt) == (9, 4, b"receipt")
    assert outbox.counts() == {"records_receipted": 4, "records_stored": 9}


def test_an_outbox_keeps_changes_of_key_and_the_end_of_a_log(outbox: OutboxStore) -> None:
    board = running_board(2)
    changed_at = board.rotate("later")
    stored_as(outbox, replace(board.delivery(), checkpoint=changed_at))
    board.windows(1)
    stored(outbox, board, board.size - 1, board.size)
    found = outbox.log(board.log_id)
    assert found is not None
    later = VerifyingKey(bytes(board.signing_key.verify_key))
    assert found.log.rotations == ((board.size - 1, later),)
    assert (found.log.seed, found.log.is_sealed) == (board.seed, False)
    board.seal()
    stored(outbox, board, board.size - 1, board.size)
    found = outbox.log(board.log_id)
    assert found is not None
    assert found.log.is_sealed


EDITS = {
    "an edge of one byte": "UPDATE logs SET edge = x'00'",
    "an edge without a root": "UPDATE logs SET edge = x'00000004'",
    "a genesis that does not decode": "UPDATE logs SET genesis = x'ff'",
    "another log's seed": "UPDATE logs SET seed = x'00000000000000000000000000000000'",
    "changes of key that do not decode": "UPDATE logs SET rotations = x'ff'",
    "a key of no length": "UPDATE logs SET rotations = x'8183041240'",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_altered_outbox_is_named(outbox: OutboxStore, edit: str) -> None:
    board = running_board()
    stored(outbox, board, 0, 4)
    with closing(sqlite3.connect(outbox.path)) as file, file:
        file.execute(edit)
    with pytest.raises(UnavailableError, match=rf"outbox\.db: what it holds of log {board.log_id.hex()} is not"):
        outbox.log(board.log_id)


def test_acts_of_several_threads_are_each_done_or_not(database: Database) -> None:
    """Some of them fail by themselves; what the others say is stored is there for whoever reads at that moment."""
    outcomes: dict[int, object] = {}

    def act(number: int) -> None:
        def insert(connection: sqlite3.Connection) -> int:
            connection.execute("INSERT INTO numbers VALUES (?)", [number])
            if number % 3 == 0:
                raise KeyError(number)
            return number

        try:
            stored = database.together(insert)
            outcomes[number] = stored if database.committed("SELECT * FROM numbers WHERE value = ?", [stored]) else None
        except KeyError as error:
            outcomes[number] = error.args[0], "failed"

    threads = [threading.Thread(target=act, args=(number,)) for number in range(90)]
    with database.transaction():  # so that all wait for one another
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {number: number if number % 3 else (number, "failed") for number in range(90)}
    assert sorted(database.rows("SELECT value FROM numbers")) == [(n,) for n in range(90) if n % 3]


def test_a_number_that_sqlite_refuses_costs_no_other_act(database: Database) -> None:
    with pytest.raises(UnavailableError, match="too large"):
        database.together(lambda connection: connection.execute("INSERT INTO numbers VALUES (?)", [1 << 63]))
    database.together(lambda connection: connection.execute("INSERT INTO numbers VALUES (1)"))
    assert database.committed("SELECT value FROM numbers") == [(1,)]


def test_after_the_end_nothing_is_opened_again(database: Database) -> None:
    database.close()
    with pytest.raises(UnavailableError, match="closed database"):
        database.committed("SELECT value FROM numbers")


def test_whoever_reads_what_is_committed_waits_for_no_writer(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("INSERT INTO numbers VALUES (1)")
        assert database.committed("SELECT value FROM numbers") == []
    assert database.committed("SELECT value FROM numbers") == [(1,)]
