"""What contradicts its own log: kept and named, and no value of the passport rests on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.passport.contradictions import SLACK_MS, clock_ran_ahead, counter_fell
from packseal.records.writing import encode_window
from tests.passport.board import WINDOW_MS, Board, a_window, running_board, settings_for
from tests.passport.desk import Desk

DAY_MS = 86_400_000


def document_of(desk: Desk) -> Any:
    return desk.service.document("pack-1")


def window_with(board: Board, **changed: object) -> None:
    board.uptime_ms += WINDOW_MS
    window = replace(a_window(board.size), **changed)  # type: ignore[arg-type]
    board.entries.append(encode_window(board.size, board.boot_count, board.uptime_ms, window))


def test_a_counter_that_falls_is_kept_and_changes_nothing(tmp_path: Path) -> None:
    board = running_board()
    desk = Desk(tmp_path, settings_for((board, "B")))
    desk.receipt(board.delivery().to_bytes())
    before, sent, seq = document_of(desk)["values"], board.size, board.size
    fallen = (0, 5, 0, 1, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    window_with(board, counters=fallen, soc_cpct=4_000)
    desk.receipt(board.delivery(first=sent).to_bytes())
    after = document_of(desk)
    for key in ("energy_throughput", "capacity_throughput", "full_cycles", "deep_discharge_events"):
        assert after["values"][key]["value"] == before[key]["value"]
        assert after["values"][key]["record"] == before[key]["record"]
    assert after["values"]["soc"]["value"] == 40.0  # the rest of that record counts
    (log,) = after["logs"]
    assert log["contradictions"] == [
        {"what": "a counter that only goes up has fallen", "first_seq": seq, "records": 1}
    ]  # fmt: skip
    assert after["completeness"]["records_share"] == "100 %"


def test_a_clock_that_jumps_ahead_is_kept_and_changes_nothing(tmp_path: Path) -> None:
    board = running_board()
    desk = Desk(tmp_path, settings_for((board, "B")))
    receipt = desk.give(board.delivery().to_bytes())
    sent = board.size
    board.time(receipt.receipt, desk.now_unix_ms)  # type: ignore[union-attr]
    desk.now_unix_ms += DAY_MS
    board.uptime_ms += 400 * DAY_MS
    board.windows(2)
    board.state_of_health(5_000)
    desk.receipt(board.delivery(first=sent).to_bytes())
    after = document_of(desk)
    assert after["values"]["soh_capacity_cpct"]["value"] == 91.2
    (log,) = after["logs"]
    assert log["contradictions"][0]["records"] == 3
    assert after["completeness"]["time_elapsed_ms"] < DAY_MS
    desk.reopen()
    assert document_of(desk)["logs"] == after["logs"]


def test_a_clock_that_runs_as_time_passes_is_believed(tmp_path: Path) -> None:
    board = running_board()
    desk = Desk(tmp_path, settings_for((board, "B")))
    receipt = desk.give(board.delivery().to_bytes())
    sent = board.size
    board.time(receipt.receipt, desk.now_unix_ms)  # type: ignore[union-attr]
    desk.now_unix_ms += 400 * DAY_MS  # and a gateway that was away for so long brings it all at once
    board.uptime_ms += 400 * DAY_MS
    board.state_of_health(5_000)
    desk.receipt(board.delivery(first=sent).to_bytes())
    after = document_of(desk)
    assert after["values"]["soh_capacity_cpct"]["value"] == 50.0
    assert after["logs"][0]["contradictions"] == []


@given(st.lists(st.integers(0, 100), max_size=14), st.integers(0, 14))
def test_counters_that_rise_or_stay_never_contradict(counters: list[int], given_count: int) -> None:
    assert not counter_fell(counters, [value + 1 for value in counters[:given_count]])
    assert not counter_fell(counters, counters[:given_count])


@pytest.mark.parametrize("rate", [1, 60])
def test_the_limit_of_a_clock(rate: int) -> None:
    assert not clock_ran_ahead(rate * (105 * DAY_MS // 100 + SLACK_MS), DAY_MS, rate)
    assert clock_ran_ahead(rate * (105 * DAY_MS // 100 + SLACK_MS) + 1, DAY_MS, rate)
