"""A fresh read of one worker, whose answer another worker takes: nobody tells who waits, so he looks."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from packseal.records.answer import ReceiptAnswer
from tests.apps.test_fresh_reads import LONG_S, NONCE, Office
from tests.passport.board import Board
from tests.passport.desk import Desk


def given(desk: Desk, board: Board, nonce: bytes | None = None) -> None:
    """A window more, taken by a worker that is not asked."""
    first = board.size
    board.windows(1)
    delivery = replace(board.delivery(first), checkpoint=board.checkpoint(nonce=nonce))
    assert isinstance(desk.give(delivery.to_bytes()), ReceiptAnswer)


def test_the_answer_is_found_also_where_the_log_has_gone_on_since(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.arrive()
    future = office.ask()
    given(office.desk, office.board)
    given(office.desk, office.board, NONCE)
    at = office.board.size
    given(office.desk, office.board)
    answer = future.result(LONG_S)
    assert (answer.nonce, answer.entry.seq) == (NONCE, at - 1)
    with closing(office.desk.store):
        office.end()
