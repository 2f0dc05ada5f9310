"""The fold gives one result whatever way the records came; the document invents nothing and calls no replay live."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.passport.document import document
from packseal.passport.fold import Delivered, Passport, fold
from packseal.passport.settings import BatterySettings
from packseal.records.answer import RefusalAnswer
from packseal.records.bodies import EntryType, Origin
from packseal.records.entries import decode_entry, genesis_key
from tests.passport.board import RATED_MAH, Board, running_board, settings_for
from tests.passport.desk import START_UNIX_MS, Desk, desk_for

COUNTED = (
    "deep_discharge_events", "overcharge_events", "time_hot", "time_cold", "time_charging_hot", "time_charging_cold",
)  # fmt: skip
EMPTY = Passport(BatterySettings("pack-1", "SBESS", RATED_MAH, "A used pack"))


def delivered(board: Board, first: int, size: int, received_unix_ms: int = START_UNIX_MS, **changed: Any) -> Delivered:
    entries = tuple(decode_entry(content) for content in board.entries[first:size])
    at = (first, size, entries, board.uptime_ms, received_unix_ms)
    return replace(Delivered(board.log_id, "B", genesis_key(board.genesis), *at), **changed)


def values(passport: Passport, now_unix_ms: int = START_UNIX_MS) -> dict[str, Any]:
    found = document(passport, now_unix_ms)["values"]
    assert isinstance(found, dict)
    return found


@given(st.data())
@settings(deadline=None, max_examples=30)
def test_shuffled_and_repeated_deliveries_give_one_document(data: st.DataObject) -> None:
    board = running_board()
    cuts = sorted(data.draw(st.sets(st.integers(1, board.size - 1), max_size=4)) | {0, board.size})
    pieces = [board.delivery(first, size).to_bytes() for first, size in pairwise(cuts)]
    order = data.draw(st.permutations(pieces * 2))
    with tempfile.TemporaryDirectory() as straight_folder, tempfile.TemporaryDirectory() as shuffled_folder:
        straight, shuffled = desk_for(Path(straight_folder), board), desk_for(Path(shuffled_folder), board)
        for piece in pieces:
            straight.receipt(piece)
        while order:  # what came too early was refused as missing-entries, and is sent again
            order = [piece for piece in order if isinstance(shuffled.give(piece), RefusalAnswer)]
        assert shuffled.document() == straight.document()
        for desk in (straight, shuffled):
            desk.store.close()


@given(st.integers(1, 12), st.integers(1, 12))
def test_what_was_folded_before_is_ignored(first_size: int, again_from: int) -> None:
    board = running_board()
    once = fold(fold(EMPTY, delivered(board, 0, first_size)), delivered(board, first_size, board.size))
    overlapping = fold(
        fold(EMPTY, delivered(board, 0, first_size)), delivered(board, min(first_size, again_from), board.size)
    )
    assert once == overlapping == fold(once, delivered(board, again_from, board.size))


def test_a_hole_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="records 3 to 4"):
        fold(fold(EMPTY, delivered(running_board(), 0, 3)), delivered(running_board(), 5, 9))


def test_every_value_is_there_or_says_what_is_missing() -> None:
    for passport in (
        EMPTY,
        fold(EMPTY, delivered(running_board(), 0, 13)),
        fold(EMPTY, delivered(running_board(), 0, 1)),
    ):
        for key, value in values(passport).items():
            assert value["value"] is not None or value["missing"], key
            if value["value"] is not None and key != "rated_capacity_item":
                assert value["record"]["seq"] < 13, key


def test_what_nothing_rests_on_is_not_known() -> None:
    unknown = {key for key, value in values(EMPTY).items() if value["value"] is None}
    assert unknown == set(values(EMPTY)) - {"rated_capacity_item"}


def test_values_are_those_of_the_newest_record() -> None:
    board = running_board()
    board.windows(2)
    found = values(fold(EMPTY, delivered(board, 0, board.size)))
    assert (found["soc"]["value"], found["soc"]["unit"], found["soc"]["record"]["seq"]) == (79.86, "%", 14)
    assert (found["remaining_capacity"]["value"], found["remaining_capacity"]["unit"]) == (54.72, "Ah")
    assert (found["ohmic_resistance"]["value"], found["ohmic_resistance"]["unit"]) == (0.02231, "Ohm")
    assert found["ohmic_resistance"]["text"] == "22.31 mΩ"
    assert (found["full_cycles"]["value"], found["full_cycles"]["unit"]) == (1.5, "1")
    assert found["energy_throughput"]["value"] == 40 / 1000 + 3714 / 1000
    assert [found[key]["text"] for key in COUNTED] == ["2", "1", "120 min", "1 min", "60 min", "0 min"]
    assert {found[key]["record"]["seq"] for key in COUNTED} == {14}
    assert found["pack_current_ma"]["text"] == "\u22125.00 A"


def test_a_source_that_counts_charge_and_energy_alone() -> None:
    board = Board()
    board.append(EntryType.WINDOW, {1: 10_000, 2: 10, 9: [1_000, 90_000, 40, 3_700]})
    found = values(fold(EMPTY, delivered(board, 0, 2)))
    assert (found["full_cycles"]["value"], found["capacity_throughput"]["value"]) == (1.5, 91)
    assert [found[key]["value"] for key in COUNTED] == [None] * len(COUNTED)


def test_uncertainty_is_shown_as_an_interval_of_95_percent() -> None:
    soh = values(fold(EMPTY, delivered(running_board(), 0, 13)))["soh_capacity_cpct"]
    assert (soh["interval"]["low"], soh["interval"]["high"]) == (90.22, 92.18)
    assert "95 %" in soh["interval"]["coverage"]
    assert soh["standard_uncertainty"] == 0.5


def test_capacity_fade_is_not_told_when_board_and_passport_disagree_on_the_rated_capacity() -> None:
    board = Board()
    board.state_of_health(rated_mah=50_000)
    fade = values(fold(EMPTY, delivered(board, 0, 2)))["capacity_fade"]
    assert fade["value"] is None
    assert "50.0 Ah" in fade["missing"]


@pytest.mark.parametrize(("clock_rate", "age_ms"), [(1, 7_000 + 20_000), (60, 7_000 + 20_000 // 60)])
def test_age_is_time_since_receipt_and_how_old_the_record_then_was(clock_rate: int, age_ms: int) -> None:
    board = Board(source=0, clock_rate=clock_rate)
    board.boot()
    board.windows(1)
    board.uptime_ms += 20_000
    passport = fold(EMPTY, delivered(board, 0, 3))
    assert values(passport, START_UNIX_MS + 7_000)["soc"]["age_ms"] == age_ms


def test_a_backlog_is_as_old_as_the_newest_delivery_shows() -> None:
    board = running_board(2)
    first = delivered(board, 0, 4, checkpoint_uptime_ms=20_000)
    board.uptime_ms += 3_600_000
    board.boot()
    passport = fold(fold(EMPTY, first), delivered(board, 4, 6))
    assert values(passport)["soc"]["age_ms"] == 3_600_000


def test_an_import_is_a_replay_without_an_age() -> None:
    board = running_board(origin=Origin.FILE)
    passport = fold(EMPTY, delivered(board, 0, 13, evidence_class="D"))
    assert document(passport, START_UNIX_MS)["replay"] is True
    measured = [value for value in values(passport).values() if value["value"] is not None and value["record"]]
    assert len(measured) > 10
    assert all(value["replay"] and value["age_ms"] is None for value in measured)


def test_a_simulator_is_named() -> None:
    found = document(fold(EMPTY, delivered(running_board(source=0, clock_rate=60), 0, 13)), START_UNIX_MS)
    assert (found["simulated"], found["clock_rate"]) == (True, 60)


def test_the_better_evidence_wins_and_both_logs_stay_listed() -> None:
    board, replay = running_board(), running_board(origin=Origin.FILE, name="import")
    passport = fold(EMPTY, delivered(board, 0, 13))
    passport = fold(passport, delivered(replay, 0, 13, START_UNIX_MS + 1_000, evidence_class="D"))
    assert {value.get("evidence_class") for value in values(passport).values()} == {"B", None}
    logs = document(passport, START_UNIX_MS)["logs"]
    assert isinstance(logs, list)
    assert {log["evidence_class"] for log in logs} == {"B", "D"}


def test_completeness_counts_gaps_and_time() -> None:
    board = running_board(10)
    board.gap(5)
    found: Any = document(fold(EMPTY, delivered(board, 0, board.size)), START_UNIX_MS)["completeness"]
    assert (found["records_present"], found["records_counted"]) == (14, 19)
    assert (found["time_covered_ms"], found["time_elapsed_ms"]) == (100_000, 150_000)
    assert found["windows_lost"] == [{"cause": "the log was full", "windows": 5}]


def test_one_key_speaks_for_one_battery() -> None:
    battery = settings_for((Board(), "B")).batteries[0]
    with pytest.raises(ValueError, match="twice"):
        type(settings_for())((battery, replace(battery, id="pack-2")))


def test_a_desk_without_records_knows_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, settings_for((Board(), "B")))
    assert desk.document()["logs"] == []
