"""Validity: each data point and attribute is present, missing, not yet due or not applicable, and says so in words."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import ConfigError
from packseal.passport.attributes import ATTRIBUTES, Duty
from packseal.passport.document import document
from packseal.passport.fold import Delivered, Passport, fold
from packseal.passport.guidance import guidance
from packseal.passport.settings import CATEGORIES, BatterySettings
from packseal.passport.validity import State, Validity, counts, present_keys, validity
from packseal.records.entries import decode_entry, genesis_key
from tests.passport.board import RATED_MAH, Board, running_board

ALL = frozenset(ATTRIBUTES) | {f"manufacturer_id.{part}" for part in ("name", "address", "web", "email")}
CONDITIONAL = {key for key in ATTRIBUTES if Duty.CONDITIONAL in ATTRIBUTES[key].duties.values()}
KEYS = st.sets(st.sampled_from(sorted(ALL)))
CATEGORY = st.sampled_from(sorted(CATEGORIES))


def unix_ms(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1000


DUE = unix_ms(2027, 2, 18)


def document_of(board: Board) -> dict[str, object]:
    entries = tuple(map(decode_entry, board.entries))
    at = (0, board.size, entries, board.uptime_ms, DUE)
    delivered = Delivered(board.log_id, "B", genesis_key(board.genesis), *at)
    return document(fold(Passport(BatterySettings("pack-1", "SBESS", RATED_MAH, "A used pack")), delivered), DUE)


def states(found: Validity, *numbers: int) -> list[State]:
    return [found.points[number].state for number in numbers]


def judged(category: str, present: Collection[str] = (), at_unix_ms: int = DUE) -> Validity:
    return validity(present, at_unix_ms, category)


@given(CATEGORY, KEYS)
def test_nothing_is_missing_before_the_day(category: str, present: set[str]) -> None:
    before, on_the_day = judged(category, present, DUE - 1), judged(category, present)
    pairs = [
        *zip(before.points.values(), on_the_day.points.values(), strict=True),
        *zip(before.attributes.values(), on_the_day.attributes.values(), strict=True),
    ]
    assert len(pairs) == 71 + 121
    for earlier, later in pairs:
        assert earlier.state is not State.MISSING
        assert earlier.state is State.NOT_YET_DUE or earlier == later


@given(CATEGORY, KEYS, KEYS, st.integers(DUE - 10**11, DUE + 10**11))
def test_what_is_added_only_ever_helps(category: str, present: set[str], more: set[str], at_unix_ms: int) -> None:
    before, after = judged(category, present, at_unix_ms), judged(category, present | more, at_unix_ms)
    assert set(after.lacking) <= set(before.lacking)
    for key, finding in before.attributes.items():
        after_it = after.attributes[key]
        assert after_it.is_stated == (key in present | more)
        assert finding.state in (after_it.state, State.MISSING, State.NOT_YET_DUE, State.NOT_APPLICABLE)
        if key in more and ATTRIBUTES[key].group:
            expected = State.NOT_APPLICABLE if finding.duty is Duty.NOT_APPLICABLE else State.PRESENT
            assert after_it.state is expected


@pytest.mark.parametrize(
    ("category", "mandatory", "conditional"),
    [("EV", 51, 8), ("LMT", 54, 8), ("SBESS", 36 + 5, 26 - 5), ("other_industrial", 36, 26 - 5)],
)
def test_of_an_empty_passport_all_that_is_a_duty_is_missing(category: str, mandatory: int, conditional: int) -> None:
    found = judged(category)
    numbers = counts(found.points.values())
    assert (len(found.lacking), numbers[State.MISSING]) == (mandatory, mandatory + conditional)
    assert numbers[State.NOT_YET_DUE] == 4, "points 17, 18, 19 and 44 wait"
    assert (numbers[State.PRESENT], sum(numbers.values())) == (0, 71)
    assert len(found.attributes) == 121


@pytest.mark.parametrize("category", CATEGORIES)
def test_of_a_full_passport_nothing_is_missing(category: str) -> None:
    found = judged(category, ALL, unix_ms(2040, 1, 1))
    numbers = counts(found.points.values())
    assert (found.lacking, numbers[State.MISSING], numbers[State.NOT_YET_DUE]) == ((), 0, 0)
    asked = [point for point in guidance("1.0") if point.duties[category] is not Duty.NOT_APPLICABLE]
    assert numbers[State.PRESENT] == len(asked)


def test_the_health_of_article_14_goes_by_category() -> None:
    health = (61, 62, 63, 64, 65, 66)
    missing, not_asked = State.MISSING, State.NOT_APPLICABLE
    assert states(judged("EV"), *health) == [missing, *[not_asked] * 5]
    assert states(judged("LMT"), *health) == [not_asked, *[missing] * 5]
    assert states(judged("SBESS"), *health) == [not_asked, *[missing] * 5]
    assert states(judged("other_industrial"), *health) == [not_asked] * 6
    assert judged("EV").points[62].words == "not to be filled for this category: remaining capacity; Annex XIII 4(b)"
    stated = judged("EV", {"remaining_capacity"}).points[62]
    assert (stated.state, stated.is_stated) == (not_asked, True)
    assert stated.words.startswith("not to be filled for this category, yet stated: ")


def test_words_name_what_and_which_clause() -> None:
    found = judged("SBESS", {"model_id", "mass", "cf_total", "soc"})
    words = {number: finding.words for number, finding in found.points.items()}
    assert words[3] == "missing: who manufactured it; Annex VI A (1)"
    assert words[5] == "voluntary, not stated: web and e-mail address of who manufactured it; Annex VI A (1)"
    assert words[7].endswith("; Annex VI A (2); still needed: batch or serial number")
    assert words[10] == "stated: mass; Annex VI A (5)"
    assert words[16].startswith("not to be filled by any battery: ")
    assert words[18].endswith("Annex XIII 1(c); waits for the act that sets its date")
    assert words[19].endswith("Annex XIII 1(d); due from 18 Aug 2027")
    assert words[35] == "missing, if it applies: period of the commercial warranty; Annex XIII 1(m)"
    assert found.words == (
        "stationary storage, guidance 1.0, 2027-02-18: of 71 data points 2 present, 60 missing (20 of them only if they"
        " apply), 4 not yet due, 5 not applicable"
    )


def test_due_diligence_has_its_own_day_and_other_pending_points_have_none() -> None:
    day = unix_ms(2027, 8, 18)
    before, after = judged("EV", (), day - 1), judged("EV", (), day)
    assert states(before, 17, 18, 19, 44) == [State.NOT_YET_DUE] * 4
    assert states(after, 17, 18, 19, 44) == [State.NOT_YET_DUE, State.NOT_YET_DUE, State.MISSING, State.NOT_YET_DUE]
    assert after.attributes["due_diligence_report"].state is State.MISSING
    assert after.attributes["cf_total"].state is State.NOT_YET_DUE
    early = judged("EV", {"due_diligence_report"}, day - 1).points[19]
    assert early.words.startswith("stated, before it is asked for: ")
    assert judged("EV", {"due_diligence_report"}, day).points[19].words.startswith("stated: ")


def test_attributes_say_what_the_guidance_does_not_ask_for() -> None:
    storage, vehicle = judged("SBESS").attributes, judged("EV", {"socr"}).attributes
    assert storage["time_hot"].words == (
        "missing: time too hot; Annex VII B (4); its BMS has had to keep it since 18 Aug 2024, Art. 14(1)"
    )
    assert vehicle["time_hot"].words == "voluntary, not stated: time too hot; Annex VII B (4)"
    assert (storage["registration_id"].state, storage["cell_soh_spread"].state) == (State.MISSING, State.NOT_APPLICABLE)
    assert vehicle["socr"].words.startswith("no part of a passport, yet stated: ")
    assert vehicle["remaining_capacity"].words.startswith("not asked for in this category: ")


def test_recycled_content_is_asked_for_by_the_guidance_before_the_regulation_does() -> None:
    found = judged("EV", {"recycled_cobalt_pre"})
    assert states(found, 20, 21) == [State.MISSING, State.MISSING]
    assert found.points[20].words.endswith("still needed: cobalt from used products")
    assert found.attributes["recycled_cobalt_post"].state is State.NOT_YET_DUE
    assert states(judged("EV", {"recycled_cobalt_pre", "recycled_cobalt_post"}), 20) == [State.PRESENT]


def test_who_manufactured_it_is_three_points() -> None:
    parts = {"manufacturer_id", "manufacturer_id.name", "manufacturer_id.web"}
    assert states(judged("LMT", parts), 3, 4, 5) == [State.PRESENT, State.MISSING, State.NOT_APPLICABLE]
    assert judged("LMT", {"manufacturer_id"}).attributes["manufacturer_id"].state is State.PRESENT


def test_an_operator_exempts_from_conditions_and_from_nothing_else() -> None:
    found = validity((), DUE, "EV", exempt=ATTRIBUTES)
    plain = judged("EV")
    for number, finding in found.points.items():
        is_exempt = plain.points[number].duty is Duty.CONDITIONAL
        assert finding.state is (State.NOT_APPLICABLE if is_exempt else plain.points[number].state)
    assert found.lacking == plain.lacking
    assert found.points[35].words.startswith("does not apply, so its operator says: ")
    assert states(validity((), DUE, "EV", exempt={"cd_pb_symbol"}), 35, 41) == [State.MISSING, State.NOT_APPLICABLE]
    assert validity({"warranty"}, DUE, "EV", exempt=CONDITIONAL).points[35].state is State.PRESENT


def test_of_a_document_what_has_a_value_is_present() -> None:
    board = running_board()
    board.estimate(4, (4210, 55))
    found = present_keys(document_of(board))
    assert found == {
        "battery_category", "rated_capacity_item", "remaining_capacity", "capacity_fade", "ohmic_resistance", "soc",
        "temperature", "cell_voltage_spread", "full_cycles", "energy_throughput", "capacity_throughput",
        "deep_discharge_events", "overcharge_events", "time_hot", "time_cold", "time_charging_hot",
        "time_charging_cold", "temperature_histogram", "soc_histogram", "value_method",
    }, "power at 80 % alone is not the remaining power; the rated capacity rests on no record"  # fmt: skip
    board.estimate(5, (2100, 55))
    more = present_keys(document_of(board))
    assert more - found == {"remaining_power"}
    assert judged("SBESS", more).points[63].state is State.PRESENT


def test_what_is_stated_stands_in_the_document_by_its_attribute() -> None:
    maker = {"name": "Cells & Co", "address": "", "web": None}
    values = {
        "manufacturer_id": {"value": maker},
        "full_cycles": {"value": 0},
        "mass": {"value": ""},
        "hazardous_substances": {"value": []},
        "no_attribute": {"value": 1},
        "chemistry": "not a value",
    }
    assert present_keys({"values": values}) == {"manufacturer_id", "manufacturer_id.name", "full_cycles"}
    assert present_keys({}) == present_keys({"values": None, "battery": []}) == frozenset()


def test_what_follows_from_its_life_is_present_too() -> None:
    life: dict[str, object] = {
        "passport_id": "00" * 16,
        "category": "EV",
        "status": None,
        "originals": [],
        "operator": {"public_key": "00", "role": None, "is_known": False},
        "notes": [{"kind": "repair"}],
        "values": {"manufacturer_id": {"value": {"name": "Cells & Co"}}, "mass": {"value": "12.5"}, "soce_cpct": {}},
    }
    found = {"passport_id", "battery_category", "repair_history", "manufacturer_id", "manufacturer_id.name", "mass"}
    assert present_keys({"life": life}) == found
    life |= {"status": "original", "originals": [{}], "operator": {"is_known": True}, "notes": [{"kind": "accident"}]}
    more = {"status", "previous_passports", "operator_id", "negative_events"}
    assert present_keys({"life": life}) == (found | more) - {"repair_history"}


def test_what_is_asked_for_wrongly_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"known: 1\.0"):
        validity((), DUE, "EV", "2.0")
    with pytest.raises(ValueError, match="category 'ev': expected one of EV, LMT, SBESS, other_industrial"):
        validity((), DUE, "ev")
    with pytest.raises(ValueError, match="no attributes: soce_cpct"):
        validity({"soce_cpct"}, DUE, "EV")
    with pytest.raises(ValueError, match="no attributes: all"):
        validity((), DUE, "EV", exempt={"all"})
