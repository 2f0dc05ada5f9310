"""Pages are read while deliveries come: neither waits for the other for ever, and both end in the same passport."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.passport.board import running_board, settings_for
from tests.passport.desk import Desk

DELIVERIES, READERS, LIMIT_S = 60, 3, 120


def test_reading_and_receiving_do_not_hold_each_other_up(tmp_path: Path) -> None:
    board = running_board()
    desk = Desk(tmp_path, settings_for((board, "B")))
    desk.receipt(board.delivery().to_bytes())
    service, ended = desk.service, threading.Event()

    def read() -> None:
        while not ended.is_set():
            service.states.forget("pack-1")  # as with many batteries, of which few are at hand
            service.document("pack-1")

    readers = [threading.Thread(target=read, daemon=True) for _ in range(READERS)]
    receiver = threading.Thread(target=lambda: receive(desk), daemon=True)
    for thread in (*readers, receiver):
        thread.start()
    receiver.join(LIMIT_S)
    is_stuck = receiver.is_alive()
    ended.set()
    for thread in readers:
        thread.join(0 if is_stuck else LIMIT_S)
    assert not is_stuck
    assert not any(thread.is_alive() for thread in readers)
    (log,) = service.document("pack-1")["logs"]  # type: ignore[index, misc]
    assert log["records"] == running_board().size + DELIVERIES


def receive(desk: Desk) -> None:
    board = running_board()
    for _ in range(DELIVERIES):
        sent = board.size
        board.windows(1)
        desk.receipt(board.delivery(first=sent).to_bytes())
