"""A fleet archive: holds what the store holds, once, grows by what is new, and is readable without us."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from packseal.apps.fleet_archive import archive_store
from packseal.errors import ConfigError, UnavailableError
from packseal.io.files import held
from packseal.io.parquet_manifest import LOCK
from packseal.io.store_place import PostgresURL
from packseal.records.blinding import stored_leaf
from tests.audit.fleet import EMPTIED, SHARDS, Fleet
from tests.passport.board import running_board, settings_for
from tests.passport.desk import Desk
from tests.postgres import Cluster


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Fleet:
    if request.param == "SQLite":
        return Fleet(tmp_path)
    cluster: Cluster = request.getfixturevalue("cluster")
    return Fleet(tmp_path, PostgresURL(cluster.new_database()))


def test_everything_in_the_store_is_archived_and_holds(fleet: Fleet) -> None:
    added = fleet.archive()
    assert (added.records, added.logs, added.deliveries) == (fleet.records, 3, 7)
    found = fleet.audit(with_store=True)
    assert found.findings == ()
    assert found.holds
    counts = {name: found.counts[name] for name in ("records", "logs", "receipts", "checkpoints", "emptied_windows")}
    expected = {"records": fleet.records, "logs": 3, "receipts": 7, "checkpoints": 7, "emptied_windows": len(EMPTIED)}
    assert counts == expected
    entries = fleet.desk.store.log.size()
    assert found.counts["public_log_entries"] == entries
    assert found.counts["compared_with_the_store"] == fleet.records + 7 + 3 + entries


def test_a_run_adds_what_is_new_and_nothing_else(fleet: Fleet) -> None:
    fleet.archive()
    before = {path: path.read_bytes() for path in fleet.folder.rglob("*.parquet")}
    assert fleet.archive().run == 0
    fleet.grow(fleet.first, 4)
    found = fleet.audit(with_store=True)
    assert found.holds, "what is newer in the store is no difference"
    assert found.counts["newer_in_the_store"] == 4
    added = fleet.archive()
    assert (added.run, added.records, added.deliveries, added.logs) == (2, 4, 1, 0)
    assert all(path.read_bytes() == content for path, content in before.items())
    found = fleet.audit(with_store=True)
    assert (found.holds, found.counts["records"], found.runs) == (True, fleet.records, 2)


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.archive()
    paths = [fleet.folder, *fleet.folder.rglob("*")]
    modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in paths}
    assert modes == {True: 0o700, False: 0o600}
    assert len({(path.is_dir(), path.stat().st_mode & 0o777) for path in paths}) == 2


def test_any_reader_of_parquet_reads_it(tmp_path: Path) -> None:
    """With DuckDB alone: the records are those that the boards made, and count as their logs say."""
    fleet = Fleet(tmp_path)
    fleet.archive()
    with duckdb.connect() as connection:
        query = (
            "SELECT log_id, seq, leaf, entry, month, shard FROM read_parquet(?, hive_partitioning = true)"
            " ORDER BY log_id, seq"
        )
        rows = connection.execute(query, [f"{fleet.folder}/records/**/*.parquet"]).fetchall()
    boards = {board.log_id: board for board in fleet.boards}
    assert len(rows) == fleet.records
    for log_id, seq, leaf, entry, month, shard in rows:
        board = boards[log_id]
        assert stored_leaf(board.entries[seq], board.seed)[1] == leaf
        assert entry == board.entries[seq] or (board.name == "two" and seq in EMPTIED)
        assert (month, int(str(shard), 16)) == ("2026-09", log_id[0] * SHARDS >> 8)


def test_two_runs_at_once_do_not_mix(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.archive()
    with held(fleet.folder / LOCK, "held"), pytest.raises(UnavailableError, match="another run; wait for its end"):
        fleet.archive()


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda fleet: fleet.archive(shards=8), "has 2 shards; leave --shards out"),
        (lambda fleet: fleet.archive(shards=3), "expected one of 1, 2, 4"),
        (lambda fleet: (fleet.folder / "manifest/00000001.json").write_text("{}") and fleet.archive(), "new folder"),
        (lambda fleet: fleet.desk.path.rename(fleet.folder / "away") and fleet.archive(), "does not exist"),
    ],
)
def test_what_cannot_be_archived_says_why(tmp_path: Path, attempt: Callable[[Fleet], object], words: str) -> None:
    fleet = Fleet(tmp_path)
    fleet.archive()
    with pytest.raises(ConfigError, match=words):
        attempt(fleet)


def test_another_store_is_not_added_to_an_archive(tmp_path: Path) -> None:
    """One with fewer entries in its public log: restored from a backup, or somebody else's."""
    fleet = Fleet(tmp_path)
    fleet.archive()
    (tmp_path / "other").mkdir()
    board = running_board(name="other")
    fleet.desk = Desk(tmp_path / "other", settings_for((board, "B")))
    fleet.desk.receipt(board.delivery().to_bytes())
    with pytest.raises(ConfigError, match="goes further than"):
        fleet.archive()


def test_a_store_without_anything_makes_no_archive(tmp_path: Path) -> None:
    desk = Desk(tmp_path, settings_for())
    with pytest.raises(ConfigError, match="has stored nothing yet"):
        archive_store(desk.place, tmp_path / "archive")


def test_files_of_somebody_else_in_the_folder_stay(tmp_path: Path) -> None:
    """Only what a run may have left is cleared away."""
    fleet = Fleet(tmp_path)
    others = [fleet.folder / "records/other.parquet", fleet.folder / "notes/2026.parquet"]
    left = fleet.folder / "records/shard=00/month=2026-09/00000001-0001.parquet.new"
    for path in (*others, left):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
    fleet.archive()
    assert not left.exists()
    assert all(path.read_bytes() == b"mine" for path in others)
    assert fleet.audit().holds
