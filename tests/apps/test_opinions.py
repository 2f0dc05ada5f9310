"""Board, service and BMS side by side on the page, and what does not fit, with its records."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from packseal.records.bodies import EntryType, Previous
from tests.apps.browser import ask
from tests.passport.board import RATED_MAH, Board, running_board
from tests.passport.desk import Desk, desk_for

PAGE = "/battery/pack-1"


def words_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def second_opinion(desk: Desk) -> dict[str, Any]:
    found: dict[str, Any] = ask(desk.app(), f"{PAGE}/data.json").json["second_opinion"]
    return found


def edited_board() -> Board:
    """Somebody makes its capacity larger by a half: the record is number 13."""
    board = running_board()
    board.append(EntryType.BOOT, {1: bytes(32), 2: 1, 3: 1, 4: 1, 5: 4, 6: 1, 7: RATED_MAH * 3 // 2})
    board.windows(3)
    return board


def test_three_views_stand_side_by_side_and_nothing_is_made_up(tmp_path: Path) -> None:
    board = running_board()
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery().to_bytes())
    words = words_of(ask(desk.app(), PAGE).text)
    assert "The board, in a signed record 91.2 % 90.2 to 92.2 %" in words
    assert "This service, from the board's windows alone not yet known" in words
    assert "needs " in words
    assert "The battery's own electronics 99.0 % states none" in words
    assert "What does not fit" not in words
    opinion = second_opinion(desk)
    assert opinion["opinion"]["soh_capacity"] is None
    assert opinion["opinion"]["missing"]
    assert opinion["alarms"] == []


def test_an_edited_capacity_is_an_alarm_with_the_record_that_shows_it(tmp_path: Path) -> None:
    board = edited_board()
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery().to_bytes())
    (alarm,) = second_opinion(desk)["alarms"]
    assert (alarm["kind"], alarm["severity"]) == ("setting-edited", "alert")
    assert alarm["evidence"][-1]["seq"] == 13
    assert alarm["evidence"][-1]["log_id"] == board.log_id.hex()
    page = ask(desk.app(), PAGE).text
    assert "What does not fit" in page
    assert f'records/{board.log_id.hex()}/13.bundle">record 13</a>' in page
    assert "The rated capacity was edited from" in words_of(page)


def test_a_restart_and_what_comes_twice_change_nothing(tmp_path: Path) -> None:
    board = edited_board()
    desk = desk_for(tmp_path, board)
    for size in (9, 14, 14, board.size):
        desk.receipt(board.delivery(0, size).to_bytes())
    before = second_opinion(desk)
    desk.reopen()
    assert second_opinion(desk) == before
    assert len(before["alarms"]) == 1


def test_a_log_that_goes_on_from_another_takes_its_alarms_over(tmp_path: Path) -> None:
    board = edited_board()
    board.seal()
    previous = Previous(board.log_id, board.size, board.root(board.size))
    after = Board(label=b"its second log !", previous=previous)
    after.boot()
    after.windows(2)
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery().to_bytes())
    desk.now_unix_ms += 60_000
    desk.receipt(after.delivery().to_bytes())
    alarms = second_opinion(desk)["alarms"]
    desk.reopen()
    assert second_opinion(desk)["alarms"] == alarms
    seen = {(item["log_id"], item["seq"]) for alarm in alarms for item in alarm["evidence"]}
    assert (board.log_id.hex(), 13) in seen
    assert (after.log_id.hex(), 1) in seen, "and edited back in the new log"
