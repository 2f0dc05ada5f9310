"""When a record was made: after a receipt that the board had seen, before the one that covers it, by no other clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from packseal.passport import words
from packseal.records.answer import ReceiptAnswer
from packseal.records.bundle import Bundle
from packseal.records.entries import decode_entry
from packseal.records.report import interval
from packseal.records.verify import verify_bundle
from tests.passport.board import Board, running_board
from tests.passport.desk import START_UNIX_MS, Desk, desk_for

HOUR_MS = 3_600_000
FIRST = 13  # records that have a receipt before the board says anything about time


def received(folder: Path) -> tuple[Desk, Board, bytes]:
    """A desk with a log and the receipt for it. An hour later the board goes on."""
    board = running_board()
    desk = desk_for(folder, board)
    receipt = given(desk, board.delivery().to_bytes())
    desk.now_unix_ms += HOUR_MS
    return desk, board, receipt


def given(desk: Desk, delivery: bytes) -> bytes:
    answer = desk.give(delivery)
    assert isinstance(answer, ReceiptAnswer)
    return answer.receipt


def made(desk: Desk) -> dict[str, Any]:
    values: Any = desk.document()["values"]
    return dict(values["soc"]["made"])


def not_before(desk: Desk, board: Board, seq: int) -> int | None:
    return verify_bundle(desk.bundle(board, seq), desk.policy()).not_before_unix_ms


def test_a_true_receipt_bounds_what_comes_behind_it(tmp_path: Path) -> None:
    desk, board, receipt = received(tmp_path)
    board.time(receipt, START_UNIX_MS)
    board.windows(1)
    desk.receipt(board.delivery(FIRST).to_bytes())
    for _ in range(2):
        assert made(desk) == {
            "not_before_unix_ms": START_UNIX_MS,
            "not_after_unix_ms": START_UNIX_MS + HOUR_MS,
            "width_ms": HOUR_MS,
            "text": "2026-09-21 14:13:20 to 15:13:20 UTC, 60.0 minutes wide",
        }
        trusted = verify_bundle(desk.bundle(board, FIRST + 1), desk.policy())
        assert (trusted.not_before_unix_ms, trusted.not_after_unix_ms) == (START_UNIX_MS, START_UNIX_MS + HOUR_MS)
        assert interval(trusted).endswith("an interval of 60.0 minutes")
        desk.reopen()
    for seq in (FIRST - 1, FIRST):  # in front of the TIME entry, and that itself
        assert not_before(desk, board, seq) is None


def other_digest(board: Board, _receipt: bytes) -> None:
    board.time(b"another", START_UNIX_MS)


def other_time(board: Board, receipt: bytes) -> None:
    board.time(receipt, START_UNIX_MS + 1)


FALSE: list[Callable[[Board, bytes], None]] = [other_digest, other_time]


@pytest.mark.parametrize("say", FALSE)
def test_a_receipt_that_was_never_given_bounds_nothing(tmp_path: Path, say: Callable[[Board, bytes], None]) -> None:
    desk, board, receipt = received(tmp_path)
    say(board, receipt)
    board.windows(1)
    desk.receipt(board.delivery(FIRST).to_bytes())
    for _ in range(2):
        found = made(desk)
        assert (found["not_before_unix_ms"], found["width_ms"]) == (None, None)
        assert found["text"] == "not after 2026-09-21 15:13:20 UTC; not known how long before"
        assert Bundle.from_bytes(desk.bundle(board, FIRST + 1)).time is None
        assert not_before(desk, board, FIRST + 1) is None
        desk.reopen()


def test_a_receipt_of_another_log_bounds_nothing(tmp_path: Path) -> None:
    desk, board, _ = received(tmp_path)
    other = running_board(label=b"another log here")
    receipt = given(desk, other.delivery().to_bytes())
    board.time(receipt, desk.now_unix_ms)
    board.windows(1)
    desk.now_unix_ms += 1_000
    desk.receipt(board.delivery(FIRST).to_bytes())
    assert made(desk)["not_before_unix_ms"] is None
    assert not_before(desk, board, FIRST + 1) is None


def test_the_newest_true_one_counts(tmp_path: Path) -> None:
    desk, board, receipt = received(tmp_path)
    board.time(receipt, START_UNIX_MS)
    second = given(desk, board.delivery(FIRST).to_bytes())
    board.windows(1)
    board.time(second, START_UNIX_MS + HOUR_MS)
    board.windows(1)
    other_digest(board, b"")
    board.windows(1)
    desk.now_unix_ms += HOUR_MS
    desk.receipt(board.delivery(FIRST + 1).to_bytes())
    assert made(desk)["not_before_unix_ms"] == START_UNIX_MS + HOUR_MS
    found = [not_before(desk, board, seq) for seq in range(FIRST, board.size)]
    assert found == [None, START_UNIX_MS, START_UNIX_MS, *[START_UNIX_MS + HOUR_MS] * 3]


def test_a_receipt_inside_what_is_stored_is_a_true_one_too(tmp_path: Path) -> None:
    desk, board, _ = received(tmp_path)
    inner = given(desk, board.delivery(0, 5).to_bytes())
    board.time(inner, desk.now_unix_ms)
    board.windows(1)
    desk.now_unix_ms += 1_000
    desk.receipt(board.delivery(FIRST).to_bytes())
    assert made(desk)["width_ms"] == 1_000
    assert not_before(desk, board, FIRST + 1) == START_UNIX_MS + HOUR_MS


def test_times_of_receipts_never_fall(tmp_path: Path) -> None:
    """Set back by a day, across a restart, for new records, inner checkpoints and another log."""
    board, other = running_board(), running_board(label=b"another log here")
    desk = desk_for(tmp_path, board)
    times = [desk.receipt(board.delivery(0, 5).to_bytes()).received_unix_ms]
    desk.now_unix_ms -= 24 * HOUR_MS
    times.append(desk.receipt(board.delivery(5, 9).to_bytes()).received_unix_ms)
    desk.reopen()
    for delivery in (board.delivery(0, 3), other.delivery(), board.delivery(9)):
        times.append(desk.receipt(delivery.to_bytes()).received_unix_ms)
    assert times == [START_UNIX_MS] * 5
    desk.now_unix_ms = START_UNIX_MS + 1
    desk.receipt(board.delivery(0, 2).to_bytes())
    desk.now_unix_ms = START_UNIX_MS - 1
    desk.reopen()
    assert desk.receipt(board.delivery(0, 1).to_bytes()).received_unix_ms == START_UNIX_MS + 1, "an inner one counts"


def test_a_clock_that_was_set_back_makes_an_interval_of_nothing_and_no_age_below_zero(tmp_path: Path) -> None:
    desk, board, receipt = received(tmp_path)
    board.time(receipt, START_UNIX_MS)
    board.windows(1)
    desk.now_unix_ms = START_UNIX_MS - 24 * HOUR_MS
    desk.receipt(board.delivery(FIRST).to_bytes())
    assert made(desk)["width_ms"] == 0
    values: Any = desk.document()["values"]
    assert values["soc"]["age_ms"] == 0
    assert not_before(desk, board, FIRST + 1) == START_UNIX_MS


def test_a_time_entry_says_what_it_says_to_a_person(tmp_path: Path) -> None:
    desk, board, receipt = received(tmp_path)
    board.time(receipt, START_UNIX_MS)
    desk.receipt(board.delivery(FIRST).to_bytes())
    stored = desk.store.record(board.log_id, FIRST)
    assert stored is not None
    assert words.record(decode_entry(stored.entry)) == "the receipt of 2026-09-21 14:13:20 UTC had arrived"
