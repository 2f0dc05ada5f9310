"""What becomes of what a broker brings: answered, held back for what it goes on from, or handed back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from packseal.apps.early_deliveries import EarlyDeliveries
from packseal.apps.intake import Intake
from packseal.errors import Reason
from packseal.io.came import Came
from packseal.records.answer import Answer, ReceiptAnswer, RefusalAnswer, decode_answer
from tests.passport.board import TOPIC, Board, running_board, settings_for
from tests.passport.desk import Desk
from tests.waiting import until


class Place:
    def __init__(self, folder: Path, hold_s: float | None) -> None:
        self.board = running_board()
        self.desk = Desk(folder, settings_for((self.board, "B")))
        self.answers: list[Answer] = []
        self.done: list[bool] = []
        early = EarlyDeliveries(hold_s) if hold_s is not None else None
        service = self.desk.service
        self.intake = Intake(service.receive_many, self.desk.store.sizes, self._answered, early)

    def _answered(self, topic: str, content: bytes) -> None:
        assert topic == TOPIC
        self.answers.append(decode_answer(content))

    def take(self, *spans: tuple[int, int], board: Board | None = None) -> None:
        board = board or self.board
        self.intake.take([Came(TOPIC, board.delivery(*span).to_bytes(), self.done.append) for span in spans])

    @property
    def sizes(self) -> list[int]:
        return [head.size for head in self.desk.store.heads()]


@contextmanager
def place(folder: Path, hold_s: float | None = 3600.0) -> Iterator[Place]:
    made = Place(folder, hold_s)
    made.intake.start()
    try:
        yield made
    finally:
        made.intake.stop()


def test_what_is_early_is_answered_when_the_rest_has_come(tmp_path: Path) -> None:
    with place(tmp_path) as at:
        at.take((0, 2), (6, 8), (4, 6))
        assert (len(at.answers), at.done, at.intake.held) == (1, [True], 2)
        at.desk.receipt(at.board.delivery(2, 4).to_bytes())  # by another worker
        until(lambda: len(at.done) == 3, "the answers to what was held back")
        assert all(isinstance(answer, ReceiptAnswer) for answer in at.answers)
        assert (at.sizes, at.done) == ([8], [True] * 3)
        assert not at.desk.service.refusals("pack-1")


def test_what_is_early_for_too_long_is_refused_once(tmp_path: Path) -> None:
    with place(tmp_path, hold_s=0.05) as at:
        at.take((0, 2), (4, 6))
        until(lambda: len(at.answers) == 2, "the refusal")
        refused = at.answers[1]
        assert isinstance(refused, RefusalAnswer)
        assert (refused.reason, refused.size_known) == (Reason.MISSING_ENTRIES, 2)
        assert [one.reason for one in at.desk.service.refusals("pack-1")] == [Reason.MISSING_ENTRIES]


def test_where_nobody_else_takes_deliveries_nothing_is_held_back(tmp_path: Path) -> None:
    with place(tmp_path, hold_s=None) as at:
        at.take((0, 2), (4, 6))
        assert [type(answer) for answer in at.answers] == [ReceiptAnswer, RefusalAnswer]


def test_what_finds_no_room_is_refused_at_once(tmp_path: Path) -> None:
    with place(tmp_path, hold_s=0.0) as at:
        at.take((0, 2), (4, 6))
        assert [type(answer) for answer in at.answers] == [ReceiptAnswer, RefusalAnswer]


def test_what_cannot_be_stored_is_handed_back_and_told(tmp_path: Path) -> None:
    with place(tmp_path) as at:
        at.desk.store._database.rows("PRAGMA query_only = ON")
        at.take((0, 2))
        assert (at.answers, at.done) == ([], [False])
        assert f"a message on {TOPIC} was not taken" in at.intake.problem
        at.desk.store._database.rows("PRAGMA query_only = OFF")
        at.take((0, 2))
        assert (len(at.answers), at.done, at.intake.problem) == (1, [False, True], "")


def test_taken_from_many_threads_each_is_stored_once(tmp_path: Path) -> None:
    """As by several workers, in any order: what two of them have gets one receipt."""
    with place(tmp_path) as at:
        at.board.windows(20)
        size = at.board.size
        spans = [(first, first + 1) for first in range(size)]
        shares = [spans[part::3] + spans[part + 1 :: 3] for part in range(3)]
        threads = [threading.Thread(target=at.take, args=share) for share in shares]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: at.done.count(True) == sum(map(len, shares)), "all answers")
        assert at.sizes == [size]
        receipts = {answer.receipt for answer in at.answers if isinstance(answer, ReceiptAnswer)}
        assert len(receipts) == size
