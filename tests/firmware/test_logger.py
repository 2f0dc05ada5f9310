"""Whole lives of the logger and its log on each interpreter; board_tests/ has the lives, and checks as it goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.conftest import Interpreter

Life = Callable[..., Any]
BOARD_TESTS = Path(__file__).parent / "board_tests"


@pytest.fixture
def life(interpreter: Interpreter) -> Life:
    def run(name: str, heap_bytes: int = 2 << 20) -> Any:
        return json.loads(interpreter.run(BOARD_TESTS / "logger_lives.py", name, heap_bytes=heap_bytes))

    return run


def test_power_may_go_at_any_operation_of_the_flash(interpreter: Interpreter) -> None:
    assert int(interpreter.run(BOARD_TESTS / "power_cuts.py", heap_bytes=64 << 20)) > 200


@pytest.mark.parametrize("cells", ["sampling", "large"])
def test_no_slot_is_missed_while_every_window_is_blinded_and_signed(life: Life, cells: str) -> None:
    result = life(cells)
    assert result["slots_missed"] == 0
    assert result["counts"]["WINDOW"] == 59
    assert result["samples"] == 591
    assert result["checkpoints"] == 60
    assert result["is_all_receipted"]


def test_slots_that_pass_are_counted_and_the_log_goes_on(life: Life) -> None:
    result = life("slow")
    assert result["slots_missed"] > 500
    assert 0 < result["slots_missed"] - result["slots_missed_in_windows"] < 100, "those of windows not delivered yet"
    assert result["counts"]["WINDOW"] > 50
    assert result["checkpoints"] > 3


def test_what_a_full_log_cannot_keep_is_counted_in_a_gap(life: Life) -> None:
    result = life("full")
    assert result["gap_windows"] == [result["windows_lost"]]
    assert result["windows_lost"] >= result["lost_while_full"] > 100
    assert result["is_all_receipted"]


def test_windows_that_find_no_room_leave_their_leaves_while_those_do(life: Life) -> None:
    """Twice full, each time over a restart: once with leaves alone, once beyond what leaves have room for."""
    result = life("full_leaves", 32 << 20)  # the flash and the gateway of the test are in it
    (few, few_windows), (many, many_windows) = result["told"]
    assert few >= 100 > few_windows - few
    assert many_windows - many > 100
    assert result["gaps"][0][1][2] >= few
    assert result["bare"] == sum(bare[2] for _, bare in result["gaps"])
    assert result["is_all_receipted"]


@pytest.mark.parametrize("name", ["loss_half_torn", "loss_of_garbage"])
def test_a_cut_in_the_count_of_a_loss_leaves_room_for_the_receipt(life: Life, name: str) -> None:
    result = life(name)
    assert result["is_all_receipted"]
    assert result["boots"] == [1, 2]
    assert result["damaged"] == 0


def test_a_checkpoint_that_is_held_is_not_taken_for_durable(life: Life) -> None:
    """Else the new key would sign before the old one has signed for it."""
    result = life("held_key", 4 << 20)
    assert result["is_all_receipted"]
    assert result["rotations"] == 1


def test_a_start_with_a_full_log_is_told_when_there_is_room(life: Life) -> None:
    result = life("full_restart")
    assert result["boots"] == [1, 2]
    assert result["lost_before"] > 20
    (told,) = result["gap_windows"]
    # what was lost before the cut is known but for the newest, on a flash of eight small sectors
    assert result["windows_lost"] + result["lost_before"] // 2 < told <= result["windows_lost"] + result["lost_before"]
    assert result["is_all_receipted"]


def test_restarts_go_on_where_the_log_ends(life: Life) -> None:
    result = life("restarts")
    assert result["boots"] == [1, 2, 3, 4, 5]
    assert result["slots_missed"] == 0


def test_what_nobody_signed_frees_nothing(life: Life) -> None:
    result = life("hostile")
    assert result["receipts_refused"] == 17
    assert result["frames_refused"] == 11


def test_a_receipt_that_a_larger_one_overtook_takes_nothing_back(life: Life) -> None:
    result = life("late_receipt")
    assert result["receipted"] == [0, result["checkpoints"][-1]]


def test_credit_and_rewind(life: Life) -> None:
    """Entries 0 KEY, 1 BOOT, 2 CONFIG, then windows; checkpoints of the sizes 3, 6 and 9."""
    assert life("credit") == [
        ["hello"],
        [0, 1, 2, "checkpoint"],
        [],
        [3, 4, 5, "checkpoint"],
        [1, 2, "checkpoint"],
        [],
        ["checkpoint", 3],
        [4, 5, "checkpoint", 6, 7, 8, "checkpoint", 9, 10],
    ]
