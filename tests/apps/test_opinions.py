"""Board, service and BMS side by side on the page, and what does not fit, with its records."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

from packseal.apps.opinions import LAG, begun
from packseal.passport.settings import BatterySettings, EnrolledSource, PassportSettings
from packseal.records.bodies import EntryType, Previous, Window
from packseal.records.entries import Entry
from tests.apps.browser import ask
from tests.passport.board import RATED_MAH, Board, running_board
from tests.passport.desk import Desk, desk_for
from tests.passport.test_fold import delivered

PAGE = "/battery/pack-1"


def words_of(html: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)))


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
    assert alarm["evidence"][-1]["received_unix_ms"] == desk.now_unix_ms
    page = ask(desk.app(), PAGE).text
    assert "What does not fit" in page
    assert f'records/{board.log_id.hex()}/13.bundle">record 13</a>' in page
    words = words_of(page)
    assert "The rated capacity was edited from 60 to 90 Ah. Ask who changed it" in words
    assert "before 60 Ah, now 90 Ah" in words
    assert f"received {alarm['evidence'][-1]['received']}" in words


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


def test_a_reset_of_the_bms_and_other_settings_are_alarms_with_their_records(tmp_path: Path) -> None:
    board = running_board()
    for settings_digest in (b"a" * 32, b"b" * 32):
        board.append(EntryType.CONFIG, {5: settings_digest})
    board.append(EntryType.EVENT, {1: 5, 2: 1})
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery().to_bytes())
    found = {alarm["kind"]: alarm["evidence"][-1]["seq"] for alarm in second_opinion(desk)["alarms"]}
    assert found == {"setting-edited": 14, "bms-reset": 15}
    words = words_of(ask(desk.app(), PAGE).text)
    assert "The settings of the board were changed" in words
    assert "The BMS was reset: it forgot what it knew of this pack" in words


def test_who_runs_the_service_is_told_the_setting_that_is_missing(tmp_path: Path) -> None:
    board = running_board()
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery().to_bytes())
    assert "put the chemistry of its cells, lfp, nmc, nca or lco, beside this battery" in words_of(
        ask(desk.app(), PAGE).text
    )


def test_what_is_missing_is_that_of_now_and_asking_leaves_nothing_behind(tmp_path: Path) -> None:
    board = running_board()
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery(0, 2).to_bytes())
    assert second_opinion(desk)["opinion"]["missing"] == ["no window with cell voltages"]
    desk.receipt(board.delivery(2).to_bytes())
    asked = second_opinion(desk)["opinion"]
    desk.reopen()
    assert asked == second_opinion(desk)["opinion"]
    assert "no window with cell voltages" not in asked["missing"]


def chained() -> tuple[Board, Board]:
    before = edited_board()
    before.seal()
    after = Board(label=b"its second log !", previous=Previous(before.log_id, before.size, before.root(before.size)))
    after.boot()
    after.windows(2)
    return before, after


def test_which_of_two_logs_came_first_makes_no_difference(tmp_path: Path) -> None:
    before, after = chained()
    found = []
    for name, boards in (("in order", (before, after)), ("the new one first", (after, before))):
        (tmp_path / name).mkdir()
        desk = desk_for(tmp_path / name, before)
        for board in boards:
            desk.receipt(board.delivery().to_bytes())
        found.append(second_opinion(desk))
        desk.reopen()
        assert second_opinion(desk) == found[-1], name
    assert found[0] == found[1]
    seen = {(item["log_id"], item["seq"]) for alarm in found[0]["alarms"] for item in alarm["evidence"]}
    assert {(before.log_id.hex(), 13), (after.log_id.hex(), 1)} <= seen


def batteries(*boards: tuple[str, Board]) -> PassportSettings:
    """pack-1 and pack-2."""
    sources = {"pack-1": [], "pack-2": []}  # type: dict[str, list[EnrolledSource]]
    for battery, board in boards:
        sources[battery].append(EnrolledSource(board.public_key, "B"))
    return PassportSettings(
        tuple(BatterySettings(battery, "SBESS", None, "A pack", tuple(found)) for battery, found in sources.items())
    )


def test_a_log_takes_nothing_over_from_another_battery(tmp_path: Path) -> None:
    before = edited_board()
    before.seal()
    thief = Board("thief", previous=Previous(before.log_id, before.size, before.root(before.size)))
    thief.boot()
    desk = Desk(tmp_path, batteries(("pack-1", before), ("pack-2", thief)))
    desk.receipt(before.delivery().to_bytes())
    desk.receipt(thief.delivery().to_bytes())
    assert len(second_opinion(desk)["alarms"]) == 1
    assert ask(desk.app(), "/battery/pack-2/data.json").json["second_opinion"]["alarms"] == []


def test_a_new_board_does_not_hide_the_alarms_of_the_old_one(tmp_path: Path) -> None:
    old, new = edited_board(), running_board(name="new")
    desk = Desk(tmp_path, batteries(("pack-1", old), ("pack-1", new)))
    desk.receipt(old.delivery().to_bytes())
    desk.now_unix_ms += 60_000
    desk.receipt(new.delivery().to_bytes())
    (alarm,) = second_opinion(desk)["alarms"]
    assert alarm["evidence"][-1]["log_id"] == old.log_id.hex()


def test_an_entry_that_the_estimate_fails_at_ends_the_estimate_and_nothing_else() -> None:
    """None is known that would: this one no decoder lets through."""
    board = running_board()
    first = delivered(board, 0, board.size).entries
    bad = Entry(EntryType.WINDOW, board.size, 1, 0, Window(1, 1, cell_mv=("x",) * 4))  # type: ignore[arg-type]
    followed = begun(BatterySettings("pack-1", "SBESS", RATED_MAH, "A pack"), board.log_id)
    followed.add(first, board.size)
    followed.add((bad,), board.size + 1)
    followed.add((), board.size + 2)
    assert (followed.stopped_seq, followed.size) == (board.size, board.size + 2)


def test_a_long_log_is_not_read_again_from_its_beginning(tmp_path: Path) -> None:
    """A stored opinion is at most LAG records behind, whoever asked; an edited one counts for nothing."""
    board = edited_board()
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery().to_bytes())
    board.windows(LAG)
    desk.receipt(board.delivery(17, 1000).to_bytes())
    desk.receipt(board.delivery(1000).to_bytes())
    row = desk.store.states.opinion(board.log_id)
    assert row is not None
    assert row.size == board.size
    found = second_opinion(desk)
    assert [alarm["kind"] for alarm in found["alarms"]] == ["setting-edited"]

    desk.reopen()
    assert second_opinion(desk) == found
    desk.edit(lambda file: file.execute("UPDATE opinions SET state = ?", (row.state[:-1] + b"?",)))
    desk.reopen()
    assert second_opinion(desk) == found
