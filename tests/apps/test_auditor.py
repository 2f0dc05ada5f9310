"""The auditor: long logs in pieces, and a difference that stays until a whole round no longer finds it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from packseal.apps.auditor import PIECE, Auditor, Verdict
from tests.passport.board import Board, running_board
from tests.passport.desk import Desk, desk_for
from tests.waiting import until


def audited(folder: Path) -> tuple[Desk, Board, Auditor]:
    """A log of three deliveries and an auditor that checks one of them at each look."""
    board = running_board()
    desk = desk_for(folder, board)
    for first, size in pairwise((0, 4, 9, 13)):
        desk.receipt(board.delivery(first, size).to_bytes())
    return desk, board, Auditor(desk.store, lambda: desk.now_unix_ms, piece=1)


def looks(desk: Desk, board: Board, auditor: Auditor, count: int) -> list[Verdict]:
    found = []
    for _ in range(count):
        desk.now_unix_ms += 1_000
        found.append(auditor.verdict(board.log_id, board.size))
    return found


def test_a_long_log_is_verified_after_its_first_round_and_stays_so(tmp_path: Path) -> None:
    desk, board, auditor = audited(tmp_path)
    found = looks(desk, board, auditor, 6)
    assert [verdict.is_verified for verdict in found] == [False, False, True, True, True, True]
    assert [verdict.checked for verdict in found] == [4, 9, 13, 13, 13, 13]


def test_a_difference_counts_at_once_and_until_a_whole_round_is_clean(tmp_path: Path) -> None:
    desk, board, auditor = audited(tmp_path)
    looks(desk, board, auditor, 3)
    desk.edit(lambda file: file.execute("UPDATE records SET entry = ? WHERE seq = 5", (board.entries[4],)))
    assert [len(verdict.differences) for verdict in looks(desk, board, auditor, 3)] == [0, 1, 1]
    desk.edit(lambda file: file.execute("UPDATE records SET entry = ? WHERE seq = 5", (board.entries[5],)))
    assert [len(verdict.differences) for verdict in looks(desk, board, auditor, 4)] == [1, 1, 0, 0]


def test_the_rest_of_a_long_log_is_checked_behind_the_page(tmp_path: Path) -> None:
    """Also what comes after the first round; an altered record of it is found in the next."""
    board = running_board(PIECE + 300)
    desk = desk_for(tmp_path, board)
    for first, size in pairwise((0, PIECE + 100, board.size)):
        desk.receipt(board.delivery(first, size).to_bytes())
    auditor = Auditor(desk.store, lambda: desk.now_unix_ms)
    assert auditor.verdict(board.log_id, board.size) == Verdict(PIECE + 100, board.size)
    until(lambda: auditor.verdict(board.log_id, board.size).is_verified)
    desk.edit(lambda file: file.execute("UPDATE records SET entry = ? WHERE seq = 1200", (board.entries[4],)))
    desk.now_unix_ms += 1_000
    auditor.verdict(board.log_id, board.size)
    until(lambda: bool(auditor.verdict(board.log_id, board.size).differences))


def test_many_readers_cost_one_look_a_second(tmp_path: Path) -> None:
    _, board, auditor = audited(tmp_path)
    verdicts = [auditor.verdict(board.log_id, board.size) for _ in range(5)]
    assert {verdict.checked for verdict in verdicts} == {4}


def test_a_store_that_cannot_be_read_is_not_verified(tmp_path: Path) -> None:
    desk, board, auditor = audited(tmp_path)
    looks(desk, board, auditor, 3)
    desk.edit(lambda file: file.execute("UPDATE logs SET edge = x'0102030405'"))
    (verdict,) = looks(desk, board, auditor, 1)
    assert not verdict.is_verified
    assert "restore the file from a backup" in verdict.problem
