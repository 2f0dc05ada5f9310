"""An outbox whose file was damaged: found when it opens, set aside, and carried over as far as it can be read."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from packseal.apps.own_log import OwnLog
from packseal.errors import UnavailableError
from packseal.io.files import Files
from packseal.io.outbox_repair import mark_damaged, repaired
from packseal.io.outbox_rows import ADDED
from packseal.io.outbox_store import DamagedError, OutboxStore, only_new
from packseal.records.bodies import Origin
from packseal.records.checkpoint import Receipt
from packseal.records.log import Delivery, TrustedLog, Verified
from tests.apps.test_collector import port_for
from tests.outbox.site import GATEWAY
from tests.passport.board import Board, running_board

FLIPS = 2_000 if os.environ.get("PACKSEAL_NIGHTLY") else 60
DELIVERIES, WINDOWS = 12, 8


@dataclass
class Outbox:
    """A file with the logs of two boards and one of its own, and how it was."""

    path: Path
    logs: dict[str, tuple[Board, TrustedLog]]

    @property
    def records(self) -> int:
        return sum(log.size for _, log in self.logs.values())

    def flip(self, at: int, bit: int = 0) -> None:
        content = bytearray(self.path.read_bytes())
        content[at] ^= 1 << bit
        self.path.write_bytes(bytes(content))

    def overwrite(self, query: str, *values: object) -> None:
        with closing(sqlite3.connect(self.path)) as file, file:
            assert file.execute(query, values).rowcount == 1

    def rowid(self, board: Board, number: int) -> int:
        with closing(sqlite3.connect(self.path)) as file:
            query = "SELECT rowid FROM deliveries WHERE log_id = ? ORDER BY size LIMIT 1 OFFSET ?"
            found: int = file.execute(query, (board.log_id, number)).fetchone()[0]
            return found


def store_all(store: OutboxStore, board: Board, deliveries: int = DELIVERIES) -> TrustedLog:
    log = TrustedLog(board.genesis, board.seed)
    for _ in range(deliveries):
        board.windows(WINDOWS)
        verified = log.verified(board.delivery(log.size), only_new(log))
        store.store(board.name, board.delivery(log.size), verified, 0)
        log = verified.log
    return log


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Outbox:
    path = tmp_path_factory.mktemp("template") / "outbox.db"
    boards = [running_board(0, name="pack-1"), running_board(0, name="pack-2")]
    boards.append(running_board(0, name="bus", origin=Origin.GATEWAY))
    with closing(OutboxStore(path)) as store:
        logs = {board.name: (board, store_all(store, board)) for board in boards}
        store.own_logs.started("bus", boards[2].public_key, boards[2].label, boards[2].seed)
        store._database.fold_back()
    return Outbox(path, logs)


@pytest.fixture
def outbox(template: Outbox, tmp_path: Path) -> Outbox:
    shutil.copyfile(template.path, tmp_path / "outbox.db")
    return replace(template, path=tmp_path / "outbox.db")


def accounted(outbox: Outbox) -> OutboxStore:
    """Opens it; what was in it is kept as it was, asked again, or counted as lost."""
    store = OutboxStore(outbox.path)
    repair, waiting = store.repair, store.waiting()
    kept = sum(item.records for item in waiting)
    known = {log.log_id: (board, log) for board, log in outbox.logs.values()}
    for item in waiting:
        board, _ = known[item.log_id]
        battery, content = store.content(item)
        assert Delivery.from_bytes(content).entries == tuple(board.entries[item.first_seq : item.size])
        assert (battery, store.root_at(item.log_id, item.size)) == (board.name, board.root(item.size))
    gone = repair.records_asked_again + repair.records_lost
    if all(store.log(log_id) for log_id in known):
        assert kept + gone == outbox.records, repair
    else:  # where a log cannot be read, nor its first deliveries, nobody knows where it began here
        assert 0 < repair.records_lost <= outbox.records - kept or not repair.is_readable
    if repair.aside:
        assert repair.records_kept == kept
        assert store.counts()["outbox_damaged"] == 1
        assert str(repair.aside[0]) in repair.problem
    for board, log in known.values():
        waits = [(item.first_seq, item.size) for item in waiting if item.log_id == board.log_id]
        assert [first for first, _ in waits] == [0, *(size for _, size in waits)][: len(waits)]
        found = store.log(board.log_id)
        assert found is None or found.log.size in {0, log.size}
    return store


@pytest.mark.parametrize("seed", range(FLIPS))
def test_whatever_bit_turns_everything_is_accounted_for(outbox: Outbox, seed: int) -> None:
    drawn = random.Random(seed)
    size = outbox.path.stat().st_size
    for _ in range(drawn.choice([1, 1, 1, 8])):
        outbox.flip(drawn.randrange(4096 if seed % 5 == 0 else size), drawn.randrange(8))
    accounted(outbox).close()
    again = OutboxStore(outbox.path)
    assert again.counts().get("outbox_damaged", 0) <= 1, "it is whole now"
    again.close()


@pytest.mark.parametrize("cut", [0, 1, 100, 4096, 5000, 40_000])
def test_a_file_that_was_cut_short(outbox: Outbox, cut: int) -> None:
    OutboxStore(outbox.path).close()
    outbox.path.write_bytes(outbox.path.read_bytes()[:cut])
    with closing(OutboxStore(outbox.path)) as store:
        assert sum(item.records for item in store.waiting()) < outbox.records
        assert not store.repair.is_readable or store.repair.records_asked_again
        assert store.counts()["outbox_damaged"] == 1


def test_a_file_of_something_else_is_set_aside(outbox: Outbox) -> None:
    outbox.path.write_bytes(b"This is no database." * 1000)
    with closing(OutboxStore(outbox.path)) as store:
        assert not store.repair.is_readable
        assert "how much was in it cannot be read" in store.repair.problem
        assert store.counts() == {
            "outbox_damaged": 1, "outbox_unreadable": 1, "records_asked_again": 0, "records_lost_damaged": 0,
            "records_salvaged": 0,
        }  # fmt: skip
    (aside,) = store.repair.aside
    assert aside.read_bytes().startswith(b"This is no database.")


def altered_delivery(outbox: Outbox, name: str, number: int) -> None:
    """A bit turned inside of a record: nothing that SQLite looks at."""
    board, _ = outbox.logs[name]
    rowid = outbox.rowid(board, number)
    outbox.overwrite("UPDATE deliveries SET content = CAST(content || x'00' AS BLOB) WHERE rowid = ?", rowid)


def test_a_board_is_asked_again_for_what_is_behind_the_damage(outbox: Outbox) -> None:
    board, _ = outbox.logs["pack-1"]
    altered_delivery(outbox, "pack-1", 5)
    store = accounted(outbox)
    kept = [item for item in store.waiting() if item.log_id == board.log_id]
    assert len(kept) == 5
    assert store.repair.records_asked_again == board.size - kept[-1].size
    port = port_for(store, board)
    port.hello(board)
    port.records(board, 0)
    assert (port.size(board), port.problem) == (board.size, "")
    (*_, newest) = [item for item in store.waiting() if item.log_id == board.log_id]
    assert newest.size == board.size
    store.close()


def test_a_board_that_has_freed_what_was_receipted_begins_at_its_oldest(outbox: Outbox) -> None:
    board, _ = outbox.logs["pack-1"]
    with closing(OutboxStore(outbox.path)) as store:
        first = next(item for item in store.waiting() if item.log_id == board.log_id)
        receipt = Receipt(board.log_id, first.size, board.root(first.size), 0, 0, bytes(16))
        store.acknowledge([(receipt, b"receipt")])
    altered_delivery(outbox, "pack-1", 0)
    store = OutboxStore(outbox.path)
    found = store.log(board.log_id)
    assert found
    assert (found.log.size, found.receipted_size, found.receipt) == (0, first.size, b"receipt")
    port = port_for(store, board)
    port.hello(board, first.size)
    port.records(board, first.size)
    assert (port.size(board), port.problem) == (board.size, "")
    store.close()


def test_what_comes_twice_after_that_waits_once(outbox: Outbox) -> None:
    board, _ = outbox.logs["pack-1"]
    altered_delivery(outbox, "pack-1", 5)
    store = accounted(outbox)
    log = TrustedLog(board.genesis, board.seed)
    before = store.waiting()
    first = board.delivery(0, before[0].size)
    verified = log.verified(first, only_new(log))
    assert store.store("pack-1", first, verified, 0) is None
    assert store.waiting() == before
    store.close()


def test_of_a_log_of_its_own_what_is_gone_is_lost_and_it_goes_on_as_another(outbox: Outbox) -> None:
    bus, _ = outbox.logs["bus"]
    altered_delivery(outbox, "bus", 7)
    store = accounted(outbox)
    assert (
        store.repair.records_lost == bus.size - [item for item in store.waiting() if item.log_id == bus.log_id][-1].size
    )
    assert store.counts()["records_lost_damaged"] == store.repair.records_lost > 0
    log = OwnLog("bus", GATEWAY, store, submit)
    assert log.log_id != bus.log_id
    assert (log.signed_size, log.boot) == (0, 1)
    store.close()


def submit(battery: str, delivery: Delivery, verified: Verified, *, is_live: bool, counts: object) -> None:
    pytest.fail(f"nothing is handed over here: {battery, delivery, verified, is_live, counts}")


def test_of_a_log_of_its_own_the_signed_state_is_never_trusted_where_something_was_damaged(outbox: Outbox) -> None:
    """It would sign another root for a size that it has signed."""
    bus, _ = outbox.logs["bus"]
    outbox.overwrite("UPDATE own_logs SET boot = boot + 1")
    store = accounted(outbox)
    start = store.own_logs.started("bus", bus.public_key, b"another label...", bytes(16))
    assert (start.label, start.boot) == (b"another label...", 1)
    store.close()


def test_damage_that_is_met_while_it_runs_is_said_and_repaired_at_the_next_start(outbox: Outbox) -> None:
    store = OutboxStore(outbox.path)
    board, _ = outbox.logs["pack-2"]
    altered_delivery(outbox, "pack-2", 3)
    item = [item for item in store.waiting() if item.log_id == board.log_id][3]
    with pytest.raises(DamagedError, match="restart the gateway"):
        store.content(item)
    store.close()
    accounted(outbox).close()
    assert not outbox.path.with_name("outbox.db.damaged").exists()


class CrashError(Exception):
    """The machine is gone."""


class CrashingFiles(Files):
    """Crashes at one of the renames."""

    def __init__(self, renames: int) -> None:
        self.left = renames

    def rename(self, old: Path, new: Path) -> None:
        if self.left == 0:
            raise CrashError
        self.left -= 1
        super().rename(old, new)


@pytest.mark.parametrize("renames", range(4))
def test_a_crash_while_it_is_repaired_costs_nothing(outbox: Outbox, renames: int) -> None:
    altered_delivery(outbox, "pack-1", 5)
    whole = accounted(replace(outbox, path=shutil.copyfile(outbox.path, outbox.path.with_name("other.db"))))
    outbox.path.with_name("outbox.db-wal").write_bytes(b"")
    with pytest.raises(CrashError):
        repaired(outbox.path, CrashingFiles(renames))
    with closing(OutboxStore(outbox.path)) as store:
        assert [(item.size, item.log_id) for item in store.waiting()] == [
            (item.size, item.log_id) for item in whole.waiting()
        ]
        assert len(store.repair.aside) == 1
    whole.close()


def test_the_damaged_file_is_shown_until_a_person_deletes_it(outbox: Outbox) -> None:
    altered_delivery(outbox, "pack-1", 5)
    accounted(outbox).close()
    with closing(OutboxStore(outbox.path)) as again:
        assert "check the disk, then delete that file" in again.repair.problem
    again.repair.aside[0].unlink()
    with closing(OutboxStore(outbox.path)) as clean:
        assert clean.repair.problem == ""


def test_a_second_one_gets_the_next_number(outbox: Outbox) -> None:
    for number in (1, 2):
        altered_delivery(outbox, "pack-1", 0 if number == 2 else 5)
        OutboxStore(outbox.path).close()
        assert outbox.path.with_name(f"outbox.db.damaged-{number}").exists()


def test_a_folder_that_cannot_be_written_is_named(outbox: Outbox) -> None:
    place = outbox.path.with_name("nowhere") / "outbox.db"
    with pytest.raises(UnavailableError, match="nowhere"):
        OutboxStore(place)


@pytest.fixture
def old_outbox(outbox: Outbox) -> Outbox:
    """As a version before the checks left it."""
    with closing(sqlite3.connect(outbox.path)) as file:
        for table, columns in ADDED.items():
            for column in columns:
                file.execute(f"ALTER TABLE {table} DROP COLUMN {column.split()[0]}")
        file.commit()
    return outbox


def test_an_outbox_of_an_older_version_goes_on(old_outbox: Outbox) -> None:
    store = accounted(old_outbox)
    assert store.repair.aside == ()
    _, log = old_outbox.logs["pack-1"]
    board = running_board(0, name="pack-1")
    board.windows(DELIVERIES * WINDOWS + 3)
    store.store("pack-1", board.delivery(log.size), log.verified(board.delivery(log.size), only_new(log)), 0)
    store.close()


def test_a_damaged_outbox_of_an_older_version_is_judged_by_signatures(old_outbox: Outbox) -> None:
    board, _ = old_outbox.logs["pack-1"]
    altered_delivery(old_outbox, "pack-1", 5)
    mark_damaged(old_outbox.path)
    store = accounted(old_outbox)
    assert len([item for item in store.waiting() if item.log_id == board.log_id]) == 5
    store.close()
