"""Stores of every version that was released are opened, brought up to date, and go on; newer ones are refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from packseal.apps.passport_rebuild import rebuild
from packseal.errors import UnavailableError
from packseal.io.passport_schema import MIGRATIONS, NEWEST, migrate
from packseal.io.passport_store import PassportStore
from packseal.io.postgres_database import PostgresDatabase
from packseal.io.postgres_store import PostgresStore
from packseal.records.bodies import Previous
from tests.passport.board import Board, running_board
from tests.passport.desk import Desk, desk_for
from tests.postgres import Cluster

# What packseal 0.1.0 made.
VERSION_1 = """
CREATE TABLE logs (
    log_id BLOB PRIMARY KEY, genesis BLOB NOT NULL, seed BLOB NOT NULL, battery TEXT NOT NULL,
    evidence_class TEXT NOT NULL, size INTEGER NOT NULL, edge BLOB NOT NULL, boot INTEGER NOT NULL,
    uptime_ms INTEGER NOT NULL, rotations BLOB NOT NULL, is_sealed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE records (
    log_id BLOB NOT NULL REFERENCES logs, seq INTEGER NOT NULL, leaf BLOB NOT NULL, entry BLOB NOT NULL,
    received_unix_ms INTEGER NOT NULL, PRIMARY KEY (log_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_soh ON records (log_id, seq) WHERE substr(entry, 2, 1) = x'03';
CREATE INDEX records_time ON records (log_id, seq) WHERE substr(entry, 2, 1) = x'07';
CREATE INDEX records_key ON records (log_id, seq) WHERE substr(entry, 2, 1) = x'06';
CREATE TABLE checkpoints (
    log_id BLOB NOT NULL REFERENCES logs, size INTEGER NOT NULL, content BLOB NOT NULL, edge BLOB NOT NULL,
    receipt BLOB NOT NULL, service_index INTEGER NOT NULL UNIQUE, received_unix_ms INTEGER NOT NULL,
    attestation BLOB, PRIMARY KEY (log_id, size)
) STRICT, WITHOUT ROWID;
CREATE TABLE inner_checkpoints (
    log_id BLOB NOT NULL REFERENCES logs, size INTEGER NOT NULL, content BLOB NOT NULL,
    receipt BLOB NOT NULL, service_index INTEGER NOT NULL UNIQUE, received_unix_ms INTEGER NOT NULL,
    PRIMARY KEY (log_id, size)
) STRICT, WITHOUT ROWID;
CREATE INDEX checkpoints_received ON checkpoints (log_id, received_unix_ms);
CREATE INDEX inner_checkpoints_received ON inner_checkpoints (log_id, received_unix_ms);
CREATE TABLE passport_log (idx INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT;
CREATE INDEX passport_log_acts ON passport_log (idx) WHERE substr(entry, 1, 1) = x'02';
CREATE TABLE acts (
    idx INTEGER PRIMARY KEY REFERENCES passport_log, content BLOB NOT NULL,
    signer BLOB NOT NULL, algorithm INTEGER NOT NULL, role INTEGER NOT NULL
) STRICT;
CREATE TABLE log_head (
    one INTEGER PRIMARY KEY CHECK (one = 1), edge BLOB NOT NULL, note BLOB NOT NULL, cosigned BLOB
) STRICT;
CREATE TABLE refusals (
    topic TEXT NOT NULL, log_id BLOB, reason TEXT NOT NULL, detail TEXT NOT NULL, battery TEXT NOT NULL,
    count INTEGER NOT NULL, first_unix_ms INTEGER NOT NULL, last_unix_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX refusals_once ON refusals (topic, ifnull(log_id, x''), reason);
"""
COLUMNS_1 = {
    "logs": "log_id, genesis, seed, battery, evidence_class, size, edge, boot, uptime_ms, rotations, is_sealed",
    "records": "*",
    "checkpoints": "*",
    "inner_checkpoints": "*",
    "passport_log": "*",
    "acts": "*",
    "log_head": "one, edge, note, cosigned",
    "refusals": "*",
}


def as_version_1(path: Path) -> None:
    """The same content as that version had it."""
    new = path.with_name("old.db")
    with closing(sqlite3.connect(new)) as file, file:
        file.executescript(VERSION_1)
        file.execute("ATTACH ? AS now", (str(path),))
        for table, columns in COLUMNS_1.items():
            file.execute(f"INSERT INTO {table} SELECT {columns} FROM now.{table}")  # noqa: S608 - named above
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    new.rename(path)


def test_a_store_of_version_1_goes_on(tmp_path: Path) -> None:
    board = running_board()
    board.seal()
    after = Board(label=b"its second log !", previous=Previous(board.log_id, board.size, board.root(board.size)))
    after.windows(3)
    desk = desk_for(tmp_path, board)
    receipts = [desk.receipt(one.delivery(0, 3).to_bytes()) for one in (after, board)]
    desk.receipt(board.delivery(0, 2).to_bytes())
    desk.refusal(running_board(name="stranger").delivery().to_bytes())
    document, refusals = desk.document(), desk.service.refusals("pack-1")
    desk.store.close()
    as_version_1(desk.path)

    desk.now_unix_ms -= 60_000
    desk.open()
    assert desk.store.last_received_unix_ms() == receipts[-1].received_unix_ms
    assert desk.store.end_of(board.log_id) == after.previous
    assert desk.store.heads_opened_by(board.public_key) == desk.store.heads()
    assert desk.service.refusals("pack-1") == refusals
    desk.refusal(running_board(name="stranger").delivery().to_bytes())
    assert [one.count for one in desk.service.refusals("pack-1")] == [one.count + 1 for one in refusals]
    desk.now_unix_ms += 60_000
    assert desk.document() == document
    desk.receipt(board.delivery(3).to_bytes())
    assert rebuild(desk.service, "pack-1").is_same
    assert not desk.store.audit(board.log_id).differences
    desk.bundle(board, 5)


def test_a_store_of_version_2_goes_on(tmp_path: Path) -> None:
    """Which had no log of what left."""
    board = running_board()
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery(0, 3).to_bytes())
    document = desk.document()
    desk.store.close()
    with closing(sqlite3.connect(desk.path)) as file, file:
        file.executescript("DROP TABLE outgoing; UPDATE schema_version SET version = 2")

    desk.open()
    assert desk.document() == document
    assert desk.store.outgoing.of("pack-1") == []
    desk.receipt(board.delivery(3).to_bytes())
    with closing(sqlite3.connect(tmp_path / "new.db")) as file, file:
        migrate(file, 0, "new.db", upto=2)
    PassportStore(tmp_path / "new.db").close()
    assert tables_of(desk.path) == tables_of(tmp_path / "new.db")


def tables_of(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as file:
        rows: list[tuple[str, str]] = file.execute(
            "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c ORDER BY m.name, c.name"
        ).fetchall()
    return rows


def test_an_old_store_and_a_new_one_have_the_same_columns(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as file:
        file.executescript(VERSION_1)
    for name in ("old.db", "new.db"):
        PassportStore(tmp_path / name).close()
    assert tables_of(tmp_path / "old.db") == tables_of(tmp_path / "new.db")


def test_both_databases_have_the_same_columns(tmp_path: Path, cluster: Cluster) -> None:
    PassportStore(tmp_path / "new.db").close()
    with closing(PostgresDatabase(cluster.new_store())) as database:
        found = database.rows(
            "SELECT table_name::text, column_name::text FROM information_schema.columns c JOIN pg_class p"
            " ON p.relname = c.table_name WHERE table_schema = 'public' AND NOT p.relispartition"
        )
    indices = {(table, column) for table, column in tables_of(tmp_path / "new.db")} - set(found)
    assert set(found) <= set(tables_of(tmp_path / "new.db"))
    assert {table for table, _ in indices}.isdisjoint({table for table, _ in found})


def test_a_newer_store_is_refused_with_its_cure(tmp_path: Path, cluster: Cluster) -> None:
    words = rf"tables are of version {NEWEST + 1}, .* up to version {NEWEST}; install the packseal"
    path, url = tmp_path / "passport.db", cluster.new_database()
    PassportStore(path).close()
    PostgresStore(url).close()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE schema_version SET version = version + 1")
    with closing(PostgresDatabase(url)) as database, database.transaction() as transaction:
        transaction.execute("UPDATE schema_version SET version = version + 1")
    with pytest.raises(UnavailableError, match=rf"passport\.db: .*{words}"):
        PassportStore(path)
    with pytest.raises(UnavailableError, match=words):
        PostgresStore(url)


def test_versions_are_numbered_one_after_the_other() -> None:
    assert [migration.version for migration in MIGRATIONS] == list(range(1, NEWEST + 1))


def test_a_migration_that_fails_leaves_the_old_store(tmp_path: Path) -> None:
    board = running_board()
    desk = Desk(tmp_path, desk_for(tmp_path, board).settings)
    desk.store.close()
    as_version_1(desk.path)
    before = tables_of(desk.path)
    with closing(sqlite3.connect(desk.path)) as file, file:
        file.execute("CREATE TABLE passports (in_the_way INTEGER)")
    with pytest.raises(UnavailableError, match="passports already exists"):
        PassportStore(desk.path)
    with closing(sqlite3.connect(desk.path)) as file, file:
        file.execute("DROP TABLE passports")
    assert tables_of(desk.path) == before
    PassportStore(desk.path).close()
