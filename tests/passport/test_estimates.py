"""What the passport makes of ESTIMATEs: the newest of each quantity, with what it rests on; or what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.passport.document import document
from packseal.passport.fold import Passport, fold
from packseal.passport.words import record
from packseal.records.bodies import BlockEstimate, EntryType, Origin
from packseal.records.entries import decode_entry
from packseal.records.estimate_words import LACKING
from tests.passport.board import Board, running_board
from tests.passport.desk import START_UNIX_MS
from tests.passport.test_fold import EMPTY, delivered, values

KEYS = {
    3: ("usable_energy", 4.21, "4.21 kWh", "4.10 to 4.32 kWh"),
    4: ("power_at_80", 4.21, "4.21 kW", "4.10 to 4.32 kW"),
    5: ("power_at_20", 4.21, "4.21 kW", "4.10 to 4.32 kW"),
    6: ("round_trip_efficiency", 42.1, "42.1 %", "41.0 to 43.2 %"),
    7: ("self_discharge", 42.1, "42.10 % in 30 days", "41.02 to 43.18 % in 30 days"),
    8: ("soce_cpct", 42.1, "42.1 %", "41.0 to 43.2 %"),
}
HEALTH = ("soh_capacity_cpct", "remaining_capacity", "capacity_fade")


def folded(board: Board, passport: Passport = EMPTY, **changed: Any) -> Passport:
    return fold(passport, delivered(board, 0, board.size, **changed))


@pytest.mark.parametrize(("quantity", "shown"), KEYS.items())
def test_each_quantity_has_its_value_interval_and_what_it_rests_on(
    quantity: int, shown: tuple[str, float, str, str]
) -> None:
    key, value, text, interval = shown
    board = running_board()
    board.estimate(quantity, (4210, 55), temperature_ddegc=251, soc_span_cpct=(1200, 9100))
    board.uptime_ms += 7_000
    found = values(folded(board), START_UNIX_MS + 1_000)[key]
    assert (found["value"], found["text"], found["interval"]["text"]) == (value, text, interval)
    assert found["standard_uncertainty"] == pytest.approx(value * 55 / 4210)
    assert found["method"].startswith("capacity times the mean open-circuit voltage")
    assert (found["soc_span"], found["at_temperature"]) == ("12.0 to 91.0 %", "25.1 °C")
    assert (found["inputs"], found["age_ms"]) == ([2, 12], 4_000 + 7_000 + 1_000)
    assert (found["record"]["seq"], found["evidence_class"]) == (13, "B")


def test_the_newest_of_each_quantity_is_kept_and_of_unknown_ones_nothing() -> None:
    board = running_board()
    board.estimate(3, (4210, 55))
    board.estimate(8, (8000, 50))
    before = folded(board)
    board.estimate(3, (4100, 55), method=99)
    passport = folded(board)
    found = values(passport)
    assert (found["usable_energy"]["text"], found["usable_energy"]["method"]) == ("4.10 kWh", "method 99")
    assert found["soce_cpct"]["text"] == "80.0 %"
    kinds = set(passport.logs[0].found)
    assert kinds == set(before.logs[0].found)
    for quantity in (9, 77, 255):
        board.estimate(quantity, (1, 1))
    assert set(folded(board).logs[0].found) == kinds


@given(st.lists(st.tuples(st.integers(1, 255), st.booleans()), max_size=30))
def test_the_state_of_a_log_does_not_grow_with_its_estimates(said: list[tuple[int, bool]]) -> None:
    board = running_board(1)
    for quantity, is_known in said:
        board.estimate(quantity, (1, 1) if is_known else None, lacking=() if is_known else (1,))
    kinds = set(folded(board).logs[0].found) - set(folded(running_board(1)).logs[0].found)
    assert kinds == {f"estimate {quantity}" for quantity, _ in said if quantity <= 8}


# ---- weakest and strongest


@pytest.mark.parametrize(("quantity", "key", "weakest"), [(3, "usable_energy", 2), (2, "ohmic_resistance", 5)])
def test_the_weakest_block_is_the_least_of_energy_and_the_greatest_of_resistance(
    quantity: int, key: str, weakest: int
) -> None:
    board = running_board()
    blocks = {"least": BlockEstimate(2, 340, 6), "most": BlockEstimate(5, 360, 6)}
    board.estimate(quantity, (4210, 55), **blocks)
    found = values(folded(board))[key]
    assert (found["weakest"]["cell_block"], found["strongest"]["cell_block"]) == (weakest, 7 - weakest)
    if quantity == 3:
        assert found["weakest"]["text"] == "cell block 2, 0.34 kWh ± 0.01 kWh"


def test_a_state_of_health_names_its_weakest_and_strongest_block() -> None:
    board = running_board()
    content: Any = {1: 1, 2: [2, 5], 3: 60_000, 4: [54_720, 300], 5: [9120, 50], 9: 4000}
    board.append(EntryType.SOH, content | {10: [7, 8810, 60], 11: [0, 9330, 50]})
    found = values(folded(board))["soh_capacity_cpct"]
    assert found["weakest"] == {
        "cell_block": 7, "value": 88.1, "standard_uncertainty": 0.6, "text": "cell block 7, 88.1 % ± 1.2 %",
    }  # fmt: skip
    assert found["strongest"]["text"] == "cell block 0, 93.3 % ± 1.0 %"


# ---- not yet known


def test_what_is_lacking_is_said_with_its_cure_and_its_record() -> None:
    board = running_board()
    board.estimate(6, lacking=(4, 9), inputs=None, age_ms=None, method=5)
    found = values(folded(board))["round_trip_efficiency"]
    assert (found["value"], found["text"]) == (None, "not yet known")
    assert found["missing"] == (
        "needs an unbroken count of charge (keep the board and what it reads from running from one rest to the next)"
        " and a full cycle back to the same state of charge (discharge and charge the pack, back to where it began)"
    )
    assert [one["code"] for one in found["lacking"]] == [4, 9]
    assert (found["record"]["seq"], found["method"]) == (
        13, "energy out and in between two equal states of charge (method 5)",
    )  # fmt: skip


@pytest.mark.parametrize("code", [*LACKING, 77])
def test_every_lack_has_words(code: int) -> None:
    board = running_board()
    board.estimate(3, lacking=(code,))
    (found,) = values(folded(board))["usable_energy"]["lacking"]
    assert found["what"]
    assert found["cure"]
    assert "77" in found["what"] or code != 77


def test_health_is_not_known_while_the_board_says_so_last() -> None:
    board = running_board()
    board.estimate(1, lacking=(1,), method=2)
    found = values(folded(board))
    assert [found[key]["value"] for key in HEALTH] == [None] * 3
    assert "let the pack rest 10 minutes without current" in found["soh_capacity_cpct"]["missing"]
    board.state_of_health(9000)
    found = values(folded(board))
    assert found["soh_capacity_cpct"]["value"] == 90.0
    assert "lacking" not in found["soh_capacity_cpct"]


def test_an_estimate_of_health_is_no_statement_of_it() -> None:
    board = running_board()
    board.estimate(1, (5000, 10))
    found = values(folded(board))["soh_capacity_cpct"]
    assert (found["value"], found["record"]["seq"]) == (91.2, 12)


def test_resistance_is_that_of_the_estimate_where_there_is_one() -> None:
    board = running_board()
    assert values(folded(board))["ohmic_resistance"]["text"] == "22.31 mΩ"
    board.estimate(2, (21_000, 200), method=3)
    board.state_of_health()
    found = values(folded(board))["ohmic_resistance"]
    assert (found["text"], found["method"]) == ("21.00 mΩ", "current steps (method 3)")
    board.estimate(2, lacking=(3,), method=3)
    assert values(folded(board))["ohmic_resistance"]["missing"].startswith("needs current steps (")
    board.state_of_health()
    assert values(folded(board))["ohmic_resistance"]["text"] == "22.31 mΩ", "stated since"


def test_a_new_log_that_does_not_know_yet_hides_what_an_older_one_stated() -> None:
    old, new = running_board(name="old"), Board("new")
    new.estimate(1, lacking=(1, 2), inputs=None, age_ms=None)
    passport = folded(new, folded(old), received_unix_ms=START_UNIX_MS + 60_000)
    assert values(passport, START_UNIX_MS + 60_000)["soh_capacity_cpct"]["value"] is None
    passport = folded(old, folded(new), received_unix_ms=START_UNIX_MS + 60_000)
    assert values(passport, START_UNIX_MS + 60_000)["soh_capacity_cpct"]["value"] == 91.2, "which was stated later"


def test_a_replay_has_no_age_and_says_so() -> None:
    board = running_board(origin=Origin.FILE)
    board.estimate(3, (4210, 55))
    board.estimate(6, lacking=(9,))
    found = values(folded(board, evidence_class="D"))
    assert [(found[key]["replay"], found[key]["age_ms"]) for key in ("usable_energy", "round_trip_efficiency")] == [
        (True, None)
    ] * 2


def test_a_board_without_estimates_says_what_is_needed() -> None:
    found = values(folded(running_board()))
    assert {found[key]["missing"] for key, *_ in KEYS.values()} == {"needs a board that estimates it"}


def test_order_of_deliveries_makes_no_difference() -> None:
    board = running_board()
    for quantity in range(1, 10):
        board.estimate(quantity, (4210, 55))
    at_once = folded(board)
    piecewise = EMPTY
    for seq in range(board.size):
        piecewise = fold(piecewise, delivered(board, seq, seq + 1))
    assert document(at_once, START_UNIX_MS) == document(piecewise, START_UNIX_MS)


def test_the_list_of_records_says_it_in_a_few_words() -> None:
    board = running_board()
    board.estimate(5, (45_000, 500))
    board.estimate(8, lacking=(7,))
    said = [record(decode_entry(content)) for content in board.entries[-2:]]
    assert said == [
        "power for 10 s at 20 % charge: 45.00 kW ± 0.98 kW",
        "state of certified energy not yet known:"
        " needs a setting (put the certified energy into the board's configuration)",
    ]
