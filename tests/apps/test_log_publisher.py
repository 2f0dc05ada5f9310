"""The service's log as others see it: signed before a receipt leaves, and published."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from packseal.errors import UnavailableError
from packseal.io.tile_store import CHECKPOINT
from packseal.records.answer import ReceiptAnswer
from packseal.records.checkpoint import receipt_leaf_entry, verify_receipt
from packseal.records.merkle import Edge, leaf_hash, verify_consistency
from packseal.records.note import LogCheckpoint
from packseal.records.passport_log import consistency_proof
from tests.apps.published import check_published, filled, grow, published, signed
from tests.passport.board import TOPIC, running_board
from tests.passport.desk import SERVICE_PUBLIC_KEY, desk_for

# ---- signed before it leaves


def test_no_receipt_leaves_before_its_leaf_is_in_a_signed_tree(tmp_path: Path) -> None:
    """docs/record.md section 5.5, looked at through the file alone, as whoever finds it after a crash."""
    board = running_board()
    desk = desk_for(tmp_path, board)
    for first, size in ((0, 5), (5, 9), (0, 3), (0, 7), (9, 13)):
        answer = desk.give(board.delivery(first, size).to_bytes())
        with closing(sqlite3.connect(desk.path)) as file:
            entries = [entry for (entry,) in file.execute("SELECT entry FROM passport_log ORDER BY idx")]
            ((note,),) = file.execute("SELECT note FROM log_head")
        assert isinstance(answer, ReceiptAnswer)
        receipt = verify_receipt(answer.receipt, SERVICE_PUBLIC_KEY)
        assert entries[receipt.service_index] == receipt_leaf_entry(answer.receipt).to_bytes()
        tree = Edge().extended([leaf_hash(entry) for entry in entries])
        assert signed(note) == LogCheckpoint(desk.settings.origin, tree.size, tree.root())


def test_every_note_continues_the_one_before(tmp_path: Path) -> None:
    desk, board = filled(tmp_path)
    notes = [signed(desk.store.log.note())]
    for _ in range(5):
        grow(desk, board)
        notes.append(signed(desk.store.log.note()))
    desk.publisher.turn()
    last = notes[-1]
    for note in notes:
        proof = consistency_proof(desk.tiles.reader(last.size), note.size, last.size, last.size)
        verify_consistency((note.size, last.size), proof, (note.root, last.root))


def test_a_log_whose_head_was_altered_gives_no_receipt(tmp_path: Path) -> None:
    desk, board = filled(tmp_path)
    board.windows(1)
    desk.edit(lambda file: file.execute("UPDATE log_head SET edge = x'00'"))
    with pytest.raises(UnavailableError, match=r"passport\.db: the head of the passport log .* restore"):
        desk.service.receive(TOPIC, board.delivery(13).to_bytes())


# ---- published


def test_what_is_new_is_published_at_the_next_turn(tmp_path: Path) -> None:
    desk, board = filled(tmp_path)
    for times in (0, 1, 3, 260):  # over the first full tile
        grow(desk, board, times)
        desk.publisher.turn()
        check_published(desk)
    before = {path: path.stat().st_mtime_ns for path in desk.tiles.folder.rglob("*") if path.is_file()}
    desk.publisher.turn()
    assert {path: path.stat().st_mtime_ns for path in before} == before, "nothing new, nothing written"


def test_a_restart_goes_on(tmp_path: Path) -> None:
    desk, board = filled(tmp_path)
    desk.publisher.turn()
    before = published(desk)
    for _ in range(3):
        desk.reopen()
        grow(desk, board)
        desk.publisher.turn()
        check_published(desk)
    size = published(desk).size
    proof = consistency_proof(desk.tiles.reader(size), before.size, size, size)
    verify_consistency((before.size, size), proof, (before.root, published(desk).root))


def removed(folder: Path) -> None:
    shutil.rmtree(folder)


def without_tiles(folder: Path) -> None:
    shutil.rmtree(folder / "tile")


def without_checkpoint(folder: Path) -> None:
    (folder / CHECKPOINT).unlink()


def half_a_checkpoint(folder: Path) -> None:
    (folder / CHECKPOINT).write_bytes((folder / CHECKPOINT).read_bytes()[:20])


@pytest.mark.parametrize("damage", [removed, without_tiles, without_checkpoint, half_a_checkpoint])
def test_a_folder_that_was_damaged_is_made_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    desk, board = filled(tmp_path)
    grow(desk, board, 300)
    desk.publisher.turn()
    damage(desk.tiles.folder)
    desk.reopen()
    grow(desk, board)
    desk.publisher.turn()
    check_published(desk)


def test_a_database_put_back_to_an_older_state_is_not_published_over_a_newer_one(tmp_path: Path) -> None:
    desk, board = filled(tmp_path)
    desk.store._database.fold_back()
    older = desk.path.read_bytes()
    grow(desk, board)
    desk.publisher.turn()
    newer = published(desk)
    desk.store.close()
    desk.path.write_bytes(older)
    desk.open()
    desk.publisher._tried(desk.publisher.turn)
    assert "restore the database" in desk.publisher.problem
    assert desk.publisher.contradiction == desk.publisher.problem
    assert published(desk) == newer


def test_stopping_publishes_what_is_left(tmp_path: Path) -> None:
    desk, board = filled(tmp_path)
    desk.publisher.start()
    grow(desk, board)
    desk.publisher.stop()
    assert desk.publisher.problem == ""
    check_published(desk)
