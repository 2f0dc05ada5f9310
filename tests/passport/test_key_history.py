"""Logs that change their key, end, and go on: what is received, and what the bundles of all their records prove."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from packseal.errors import Reason, UnavailableError
from packseal.records.bodies import Previous
from packseal.records.bundle import MAX_BUNDLE_BYTES, Bundle
from packseal.records.log import Delivery
from packseal.records.verify import verify_bundle
from tests.passport.authorities import bind, open_desk, strangers_policy
from tests.passport.board import Board, key_of, running_board
from tests.passport.desk import Desk

KEYS = ("board", "second key", "third key")


def rotated(board: Board, first: int, name: str) -> bytes:
    """The delivery that ends in the change of key, its checkpoint by the key before."""
    checkpoint = board.rotate(name)
    return Delivery(board.genesis, board.seed, first, tuple(board.entries[first:]), checkpoint).to_bytes()


def twice_rotated(folder: Path) -> tuple[Desk, Board, list[int]]:
    """Bound by an integrator. -> also the sizes that the two changes of key end"""
    board, desk = running_board(), open_desk(folder)
    bind(desk, board)
    ends: list[int] = []
    for name in KEYS[1:]:
        size = board.size if ends else 0
        desk.receipt(rotated(board, ends[-1] if ends else size, name))
        ends.append(board.size)
        board.windows(3)
    desk.receipt(board.delivery(ends[-1]).to_bytes())
    return desk, board, ends


def log_of(desk: Desk) -> dict[str, Any]:
    logs: Any = desk.document()["logs"]
    (found,) = logs
    return dict(found)


def test_every_record_verifies_by_the_key_of_its_place(tmp_path: Path) -> None:
    desk, board, ends = twice_rotated(tmp_path)
    for _ in range(2):
        for seq in range(board.size):
            content = desk.bundle(board, seq)
            trusted = verify_bundle(content, strangers_policy())
            changes = sum(end < trusted.checkpoint.size for end in ends)
            assert len(Bundle.from_bytes(content).rotations) == changes
            assert trusted.key.public_key == bytes(key_of(KEYS[changes]).verify_key)
            assert (trusted.entry.seq, trusted.battery, trusted.log_id) == (seq, "pack-1", board.log_id)
        desk.reopen()
    assert not desk.store.audit(board.log_id).differences


def test_changes_of_key_are_counted_and_noted(tmp_path: Path) -> None:
    desk, board, ends = twice_rotated(tmp_path)
    assert log_of(desk)["key_changes"] == 2
    document = desk.document()
    desk.reopen()
    assert desk.document() == document
    # ENROL and BIND, NOTED of the genesis and of the first change, its receipt, NOTED of the second
    assert [index for index, _ in desk.store.log.acts()] == [0, 1, 2, 3, 5]
    log = desk.store.trusted_log(board.log_id)
    assert log is not None
    assert [size for size, _ in log.rotations] == ends


@pytest.mark.parametrize("name", KEYS[:2])
def test_a_key_that_was_changed_signs_nothing_more(tmp_path: Path, name: str) -> None:
    desk, board, ends = twice_rotated(tmp_path)
    size = board.size
    board.windows(1)
    board.signing_key = key_of(name)
    contents = desk.contents()
    assert desk.refusal(board.delivery(size).to_bytes()).reason == Reason.BAD_SIGNATURE
    assert desk.contents() == contents
    board.signing_key = key_of(KEYS[2])
    desk.receipt(board.delivery(size).to_bytes())
    board.signing_key = key_of(KEYS[0])
    inner = board.delivery(0, ends[0] - 2)
    desk.receipt(inner.to_bytes())


def test_a_change_of_key_may_come_alone_and_at_once(tmp_path: Path) -> None:
    board, desk = Board(), open_desk(tmp_path)
    bind(desk, board)
    desk.receipt(board.delivery().to_bytes())
    for name in KEYS[1:]:
        desk.receipt(rotated(board, board.size, name))
    board.windows(1)
    desk.receipt(board.delivery(3).to_bytes())
    assert len(Bundle.from_bytes(desk.bundle(board, 3)).rotations) == 2
    assert verify_bundle(desk.bundle(board, 3), strangers_policy()).entry.seq == 3


def test_more_changes_than_a_bundle_has_room_for_are_said(tmp_path: Path) -> None:
    board, desk = running_board(), open_desk(tmp_path)
    bind(desk, board)
    first = 0
    for number in range(9):
        desk.receipt(rotated(board, first, f"key {number}"))
        first = board.size
    board.windows(1)
    desk.receipt(board.delivery(first).to_bytes())
    with pytest.raises(UnavailableError, match=f"larger than {MAX_BUNDLE_BYTES} bytes"):
        desk.bundle(board, first)


# ---- sealed, and going on


def sealed(folder: Path) -> tuple[Desk, Board]:
    board = running_board()
    desk = open_desk(folder, (board, "B"))
    board.seal(1)
    desk.receipt(board.delivery().to_bytes())
    return desk, board


def successor(board: Board, **changed: Any) -> Board:
    previous = replace(Previous(board.log_id, board.size, board.root(board.size)), **changed)
    return running_board(label=b"its second log !", previous=previous)


def test_nothing_follows_a_seal(tmp_path: Path) -> None:
    desk, board = sealed(tmp_path)
    assert log_of(desk)["sealed"] == "the BMS was reset"
    for _ in range(2):
        contents, size = desk.contents(), board.size
        board.windows(1)
        assert desk.refusal(board.delivery(size).to_bytes()).reason == Reason.SEALED
        assert desk.refusal(board.delivery(size - 1).to_bytes()).reason == Reason.SEALED
        assert desk.contents() == contents
        desk.receipt(board.delivery(5, size).to_bytes())
        del board.entries[size:]
        desk.reopen()


def test_a_log_goes_on_from_one_that_was_sealed(tmp_path: Path) -> None:
    desk, board = sealed(tmp_path)
    new = successor(board)
    desk.receipt(new.delivery().to_bytes())
    logs: Any = desk.document()["logs"]
    assert {log["log_id"]: log["goes_on_from"] for log in logs} == {
        board.log_id.hex(): None,
        new.log_id.hex(): board.log_id.hex(),
    }
    for one in (board, new):
        assert verify_bundle(desk.bundle(one, 12), desk.policy()).log_id == one.log_id
    assert [log["sealed"] for log in logs if log["log_id"] == board.log_id.hex()] == ["the BMS was reset"]


LIES: dict[str, dict[str, Any]] = {"another root": {"root": bytes(32)}, "another size": {"size": 13}}


@pytest.mark.parametrize("changed", LIES.values(), ids=LIES)
def test_a_log_that_goes_on_from_what_was_not_is_a_fork(tmp_path: Path, changed: dict[str, Any]) -> None:
    desk, board = sealed(tmp_path)
    contents = desk.contents()
    assert desk.refusal(successor(board, **changed).delivery().to_bytes()).reason == Reason.FORK
    assert desk.contents() == contents
    desk.receipt(successor(board).delivery().to_bytes())


def test_a_log_that_goes_on_from_one_that_still_runs_is_a_fork(tmp_path: Path) -> None:
    board = running_board()
    desk = open_desk(tmp_path, (board, "B"))
    desk.receipt(board.delivery().to_bytes())
    assert desk.refusal(successor(board).delivery().to_bytes()).reason == Reason.FORK


@pytest.mark.parametrize("changed", LIES.values(), ids=LIES)
def test_a_log_that_ends_otherwise_than_a_later_one_has_said_is_a_fork(tmp_path: Path, changed: dict[str, Any]) -> None:
    """The later one came first, and the one before it in pieces; also after a restart."""
    board = running_board()
    board.seal(1)
    desk = open_desk(tmp_path, (board, "B"))
    desk.receipt(successor(board, **changed).delivery().to_bytes())
    desk.receipt(board.delivery(0, 9).to_bytes())
    for _ in range(2):
        assert desk.refusal(board.delivery(9).to_bytes()).reason == Reason.FORK
        desk.reopen()


def test_a_log_may_come_after_the_one_that_goes_on_from_it(tmp_path: Path) -> None:
    board = running_board()
    board.seal(1)
    desk = open_desk(tmp_path, (board, "B"))
    for one in (successor(board), board):
        desk.receipt(one.delivery().to_bytes())


def test_a_log_may_go_on_from_one_that_was_never_seen_here(tmp_path: Path) -> None:
    board = running_board()
    desk = open_desk(tmp_path, (board, "B"))
    desk.receipt(successor(board).delivery().to_bytes())
    assert log_of(desk)["goes_on_from"] == board.log_id.hex()
