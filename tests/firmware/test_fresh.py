"""Nonces in checkpoints on each interpreter (docs/link.md clause 20): what answers one, and what asking may cost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logger.core.fresh import NO_ROOM, TAKEN, TOO_SOON, FreshRead
from tests.firmware.conftest import Interpreter

Fresh = Callable[[str], Any]
SCRIPT = Path(__file__).parent / "board_tests" / "fresh.py"
WINDOW = 2
NONCES = [bytes([number]) * 16 for number in range(4)]


@pytest.fixture
def fresh(interpreter: Interpreter) -> Fresh:
    def run(question: str) -> Any:
        return json.loads(interpreter.run(SCRIPT, question, heap_bytes=8 << 20, timeout_s=240))

    return run


@pytest.mark.on_32_bits
def test_the_window_under_way_ends_with_the_next_sample_and_a_whole_one_follows(fresh: Fresh) -> None:
    result = fresh("early")
    ((number, kind, _),) = result["answered"]
    assert (number, kind) == (1, WINDOW), "the checkpoint ends in the window that was cut short"
    assert 0 < result["age_ms"] <= 1_000, "it ended behind the nonce, and within a sample"
    assert result["states"] == [[1, TAKEN, 0]]
    assert result["durations"] == [4_000, 10_000, 10_000, 10_000, 10_000]
    assert (result["slots_missed"], result["events"], result["once"]) == (0, 0, 1)


def test_a_window_without_a_current_ends_when_it_would_and_nothing_is_said_twice(fresh: Fresh) -> None:
    result = fresh("silent")
    assert result["answered"] == [1]
    assert 1_000 < result["waited_ms"] <= 10_000
    assert result["durations"] == [10_000, 10_000]
    assert result["events"] == 1


def test_who_asks_all_the_time_gets_one_answer_a_window_and_makes_no_more_windows(fresh: Fresh) -> None:
    """Ten minutes; who is left alone signs each fifth window, who is asked each one."""
    asked, plain = fresh("flooded"), fresh("left_alone")
    assert asked["taken"] == asked["answered"]
    assert asked["taken"] + asked["too_soon"] == asked["asked"] >= 600
    assert plain["windows"] - 2 <= asked["windows"] <= plain["windows"] + 2
    assert asked["windows"] - 3 <= asked["answered"] <= asked["windows"]
    assert plain["bytes"] < asked["bytes"] < 3 * plain["bytes"]
    assert 8_000 <= asked["greatest_wait_ms"] <= 9_000
    assert (asked["slots_missed"], asked["windows_lost"]) == (0, 0)


def test_at_worst_there_are_two_windows_in_the_time_of_one(fresh: Fresh) -> None:
    result = fresh("worst")
    assert result["answered"] == 30
    assert result["windows"] <= 2 * result["of"]


def test_a_nonce_is_answered_once_and_another_has_to_wait(fresh: Fresh) -> None:
    result = fresh("again")
    assert [state[:2] for state in result["states"]] == [
        [1, TAKEN], [1, TAKEN], [2, TOO_SOON], [1, TAKEN], [2, TOO_SOON], [2, TAKEN],
    ]  # fmt: skip
    assert result["answered"] == [1, 2]


def test_a_board_without_room_says_so(fresh: Fresh) -> None:
    result = fresh("full")
    assert result["states"] == [[2, NO_ROOM, 0], [3, TAKEN, 0]]
    assert result["answered"] == [1, 3]


def test_beside_orders_checkpoints_stay_good(fresh: Fresh) -> None:
    """The script verifies each checkpoint by the key of its size."""
    assert fresh("ordered") == {"logs": 2, "answered": [[1, 2], [3]], "rotations": 1}


def test_power_may_go_anywhere_on_the_way_to_the_answer(fresh: Fresh) -> None:
    """The script refuses two roots for one size; what was lost with the power is asked for again."""
    result = fresh("cuts")
    assert result["cuts"] >= 4
    assert all(answered[-1] == 2 and set(answered) <= {1, 2} for answered in result["answered"])


def test_the_largest_checkpoint_has_the_room_that_is_kept_for_one(fresh: Fresh) -> None:
    result = fresh("largest")
    assert result["bytes"] <= result["room"]


def test_the_state_of_health_is_the_same_whoever_asks(fresh: Fresh) -> None:
    assert fresh("health_asked") == fresh("health_plain") != []


# ---- the object alone


@pytest.fixture
def read() -> FreshRead:
    return FreshRead(10_000, 1_000, 10)


def test_a_window_that_finds_no_room_hands_the_nonce_on_to_the_next(read: FreshRead) -> None:
    assert read.offer(NONCES[0], 0, has_room=True) == (TAKEN, 0)
    read.note_window(5)
    read.note_lost()
    assert read.is_wanted
    assert not read.note_kept(5)
    assert read.take() is None
    read.note_window(9)
    read.note_lost()
    read.note_window(12)
    assert [read.note_kept(at) for at in (11, 12, 12)] == [False, True, False]
    read.note_lost()  # of others: this one is in the log
    assert (read.take(), read.take()) == (NONCES[0], None)


def test_the_wait_is_told_in_real_milliseconds(read: FreshRead) -> None:
    read.offer(NONCES[0], 0, has_room=True)
    assert read.offer(NONCES[1], 0, has_room=True) == (TOO_SOON, 900)
    read.note_window(100)
    read.note_kept(100)
    read.take()
    assert read.offer(NONCES[1], 5_100, has_room=True) == (TOO_SOON, 400)
    assert read.offer(NONCES[0], 5_100, has_room=False) == (TAKEN, 0), "its answer is in the log"
    assert read.offer(NONCES[1], 9_100, has_room=False) == (NO_ROOM, 0)
    assert read.offer(NONCES[1], 9_100, has_room=True) == (TAKEN, 0)


def test_a_board_whose_window_is_one_sample_still_waits() -> None:
    short = FreshRead(1_000, 1_000, 1)
    short.offer(NONCES[0], 0, has_room=True)
    short.note_window(1_000)
    short.note_kept(1_000)
    short.take()
    assert short.offer(NONCES[1], 1_500, has_room=True) == (TOO_SOON, 500)


def test_another_log_begins_without_a_nonce(read: FreshRead) -> None:
    read.offer(NONCES[0], 50_000, has_room=True)
    read.begin()
    assert not read.is_wanted
    assert read.offer(NONCES[1], 0, has_room=True) == (TAKEN, 0)
