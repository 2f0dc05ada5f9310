"""Backups of stores: whole whenever they are taken, and a store of either kind again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from packseal.apps.passport_rebuild import rebuild
from packseal.errors import ConfigError
from packseal.io.passport_store import PassportStore
from packseal.io.store_backup import TABLES, back_up, restore
from packseal.io.store_place import PostgresURL, StorePlace
from packseal.records.merkle import Edge, leaf_hash
from packseal.records.note import unverified_log_checkpoint
from tests.passport.board import TOPIC, Board, running_board, settings_for
from tests.passport.desk import Desk
from tests.postgres import Cluster

KINDS = ("SQLite", "PostgreSQL")


@pytest.fixture
def new_place(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str, str], StorePlace]:
    def made(kind: str, name: str) -> StorePlace:
        if kind == "SQLite":
            return tmp_path / name
        cluster: Cluster = request.getfixturevalue("cluster")
        return PostgresURL(cluster.new_database())

    return made


def filled(folder: Path, place: StorePlace) -> tuple[Board, Desk]:
    board = running_board()
    desk = Desk(folder, settings_for((board, "B")), place)
    for first, size in ((0, 4), (0, 2), (4, 13)):
        desk.receipt(board.delivery(first, size).to_bytes())
    desk.refusal(running_board(name="stranger").delivery().to_bytes())
    desk.publisher.turn()
    return board, desk


@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_a_store_comes_back_in_either_kind(
    tmp_path: Path, new_place: Callable[[str, str], StorePlace], source: str, target: str
) -> None:
    board, desk = filled(tmp_path, new_place(source, "passport.db"))
    place, path = new_place(target, "again.db"), tmp_path / "backup"
    count = back_up(desk.place, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert restore(path, place) == count
    again = Desk(tmp_path, desk.settings, place)
    assert again.contents() == desk.contents()
    assert again.document() == desk.document()
    assert again.service.refusals("pack-1") == desk.service.refusals("pack-1")
    board.windows(2)
    again.receipt(board.delivery(13).to_bytes())
    assert rebuild(again.service, "pack-1").is_same
    assert not again.store.audit(board.log_id).differences
    again.bundle(board, 14)
    if isinstance(place, Path):
        assert place.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_while_deliveries_arrive_is_whole(
    tmp_path: Path, new_place: Callable[[str, str], StorePlace], kind: str
) -> None:
    board, desk = filled(tmp_path, new_place(kind, "passport.db"))
    stopping = threading.Event()
    thread = threading.Thread(target=deliver_until, args=(desk, board, stopping))
    thread.start()
    sizes = []
    for number in range(4):
        path, place = tmp_path / f"backup {number}", tmp_path / f"again {number}.db"
        back_up(desk.place, path)
        restore(path, place)
        with closing(PassportStore(place)) as store:
            sizes.append(check_whole(store, board))
    stopping.set()
    thread.join()
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1], "records came meanwhile"


def deliver_until(desk: Desk, board: Board, stopping: threading.Event) -> None:
    while not stopping.is_set():
        size = board.size
        board.windows(1)
        desk.service.receive(TOPIC, board.delivery(size).to_bytes())


def check_whole(store: PassportStore, board: Board) -> int:
    """Head, records, checkpoints, passport and the signed note of one moment."""
    (head,) = store.heads()
    result = store.audit(board.log_id, limit=1 << 24)
    assert (result.differences, result.is_complete, result.size) == ((), True, head.size)
    note = unverified_log_checkpoint(store.log.note() or b"")
    entries = store.log.entries(0, note.size + 1)
    assert Edge().extended([leaf_hash(entry) for entry in entries]).root() == note.root
    state = store.states.passport("pack-1")
    assert state is not None
    assert state.size == head.size
    return head.size


def test_every_table_is_in_a_backup(tmp_path: Path) -> None:
    with closing(PassportStore(tmp_path / "passport.db")) as store:
        names = store._database.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")
    assert {name for (name,) in names} - {"schema_version"} == set(TABLES)


def test_what_was_cut_short_or_altered_makes_no_store(tmp_path: Path) -> None:
    _, desk = filled(tmp_path, tmp_path / "passport.db")
    path, target = tmp_path / "backup", tmp_path / "again.db"
    back_up(desk.place, path)
    content = path.read_bytes()
    step = len(content) // 40
    broken = [content[:length] for length in range(0, len(content), step)]
    broken += [content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for at in range(0, len(content), step)]
    for other in (*broken, content + b"\0", b"", content.replace(b"records", b"logs; DROP TABLE logs")):
        path.write_bytes(other)
        with pytest.raises(ConfigError, match="backup"):
            restore(path, target)
        assert not target.exists()
        assert not target.with_name("again.db.new").exists()


def test_nothing_is_written_over(tmp_path: Path, cluster: Cluster) -> None:
    _, desk = filled(tmp_path, tmp_path / "passport.db")
    path = tmp_path / "backup"
    back_up(desk.place, path)
    with pytest.raises(ConfigError, match="is there already; a backup never takes the place"):
        back_up(desk.place, path)
    with pytest.raises(ConfigError, match="is there already; restore to a new place"):
        restore(path, desk.place)
    with pytest.raises(ConfigError, match="there is a store in it already; restore to a new database"):
        restore(path, PostgresURL(cluster.new_store()))


def test_a_store_that_is_not_there_has_no_backup(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.db does not exist"):
        back_up(tmp_path / "none.db", tmp_path / "backup")
    with pytest.raises(ConfigError, match="backup: cannot be read"):
        restore(tmp_path / "backup", tmp_path / "passport.db")
