"""Grades of used packs: the rule as it is written, and that neither a worse pack nor less evidence is ever better."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.passport.access import ReaderRole, groups, visible
from packseal.passport.grading import Grading, Verdict, grading
from packseal.passport.grading_rows import ROWS, State
from packseal.passport.grading_rule import CRITERIA, RULE_VERSION, Criterion, Grade
from tests.passport.gradable import gradable

A, B, C, NONE = Grade.A, Grade.B, Grade.C, Grade.NONE

CASES: list[tuple[dict[str, Any], Grade, str]] = [
    ({}, A, ""),
    ({"soh": 91.0, "unsure": 1.0}, A, ""),
    ({"soh": 91.0, "unsure": 1.01}, B, "health"),
    ({"soh": 80.9}, C, "health"),
    ({"soh": 65.9}, NONE, "health"),
    ({"age_days": 90}, A, ""),
    ({"age_days": 91}, B, "age"),
    ({"age_days": 181}, C, "age"),
    ({"age_days": 366}, NONE, "age"),
    ({"spread": 2.8}, B, "spread"),  # 1.96 · √(0.1² + 0.1²) = 0.28 is added
    ({"spread": 5.8}, C, "spread"),
    ({"spread": 9.8}, NONE, "spread"),
    ({"rise_percent": 31}, B, "resistance"),
    ({"rise_percent": 500}, C, "resistance"),
    ({"self_discharge": 3.1}, B, "self_discharge"),
    ({"self_discharge": 5.1}, C, "self_discharge"),
    ({"self_discharge": 8.1}, NONE, "self_discharge"),
    ({"records_lost": 11}, B, "completeness"),
    ({"records_lost": 51}, C, "completeness"),
    ({"records_lost": 201}, NONE, "completeness"),
    ({"evidence_class": "A"}, A, ""),
    ({"evidence_class": "C"}, B, "evidence_class"),
    ({"evidence_class": "D"}, NONE, "evidence_class"),
    ({"evidence_class": "E"}, NONE, "evidence_class"),
    ({"severities": ("note",)}, B, "alarms"),
    ({"severities": ("note", "warning")}, C, "alarms"),
    ({"severities": ("alert", "note")}, NONE, "alarms"),
    ({"severities": ("of a later version",)}, NONE, "alarms"),
]


@pytest.mark.parametrize(("changed", "grade", "in_the_way"), CASES)
def test_the_rule(changed: dict[str, Any], grade: Grade, in_the_way: str) -> None:
    found = grading(gradable(**changed))
    assert found.grade is grade
    assert [one.criterion.key for one in found.in_the_way] == ([in_the_way] if in_the_way else [])


@pytest.mark.parametrize("flag", ["simulated", "replay"])
@pytest.mark.parametrize("place", ["document", "soh_capacity_cpct", "self_discharge"])
def test_what_is_simulated_or_replayed_is_never_graded_as_real(flag: str, place: str) -> None:
    document = gradable()
    (document if place == "document" else document["values"][place])[flag] = True
    found = grading(document)
    assert found.grade is NONE
    assert [one.criterion.key for one in found.in_the_way] == ["real"]


@pytest.mark.parametrize("flag", ["simulated", "replay"])
def test_a_resistance_from_a_file_or_a_simulator_is_not_known(flag: str) -> None:
    document = gradable()
    document["values"]["resistance_increase"][flag] = True
    assert grading(document).grade is C


@pytest.mark.parametrize("state", ["altered", "checking", "empty"])
def test_nothing_is_graded_that_is_not_verified(state: str) -> None:
    document = gradable()
    document["verification"]["state"] = state
    assert grading(document).grade is NONE


@pytest.mark.parametrize(("status", "grade"), [("re-used", A), ("repurposed", A), ("waste", NONE), (None, NONE)])
def test_only_what_is_on_the_market_is_graded(status: str | None, grade: Grade) -> None:
    document = gradable()
    document["life"]["status"] = status
    assert grading(document).grade is grade


def test_a_second_opinion_without_an_opinion_clears_nothing() -> None:
    document = gradable()
    document["second_opinion"]["opinion"]["missing"] = ["more charges"]
    found = finding(grading(document), "alarms")
    assert (found.verdict, found.allows, found.missing) == (Verdict.NOT_KNOWN, NONE, "more charges")


def test_a_resistance_of_which_nobody_stated_what_it_was_when_new_is_not_known_and_not_hidden() -> None:
    document = gradable()
    del document["values"]["resistance_increase"]
    found = finding(grading(document), "resistance")
    assert (found.verdict, found.allows) == (Verdict.NOT_KNOWN, C)
    assert grading(document).cells["resistance_increase"].state is State.UNKNOWN


def test_a_public_reader_is_told_that_it_is_not_shown_and_nothing_else() -> None:
    found = grading(visible(gradable(soh=93.21), groups(ReaderRole.PUBLIC)))
    assert found.grade is NONE
    hidden = {one.criterion.key for one in found.findings if one.verdict is Verdict.HIDDEN}
    assert hidden == {
        "status", "health", "age", "spread", "resistance", "self_discharge", "evidence_class", "alarms"
    }  # fmt: skip
    assert found.cells["soh_capacity_cpct"].state is State.HIDDEN
    assert "93.2" not in repr(found)
    assert found.cells["completeness"].state is State.KNOWN
    owner = grading(visible(gradable(), groups(ReaderRole.OWNER)))
    assert owner.grade is A, "all that counts is in what an owner sees"


def test_what_is_not_known_says_what_is_needed() -> None:
    cell = grading(gradable()).cells["power_at_80"]
    assert (cell.state, cell.notes) == (State.UNKNOWN, ("needs a board",))


def test_an_empty_document_has_every_line_and_no_grade() -> None:
    found = grading({})
    assert found.grade is NONE
    assert set(found.cells) == {row.key for row in ROWS}
    assert [one.criterion for one in found.findings] == list(CRITERIA)
    assert found.rule_version == RULE_VERSION


def test_the_first_life() -> None:
    document = gradable()
    cell = grading(document).cells["first_life"]
    assert (cell.text, cell.notes) == ("not sealed", ("0 of 1 log",))
    document["life"] |= {"originals": [{"passport_id": "00"}], "sealed": [{"log_id": "11"}]}
    assert grading(document).cells["first_life"].text == "sealed"
    del document["life"]["originals"]
    assert grading(document).cells["first_life"].state is State.HIDDEN


@pytest.mark.parametrize("criterion", [one for one in CRITERIA if one.limits])
def test_what_the_table_says_in_words_is_what_its_numbers_ask(criterion: Criterion) -> None:
    said = zip(criterion.asks, criterion.limits, strict=False)
    assert all(f"{limit:g} " in words for words, limit in said)
    assert all(("at least" in words) is criterion.is_more_better for words, _ in zip(criterion.asks, criterion.limits,
        strict=False))  # fmt: skip


def test_every_criterion_has_its_reason() -> None:
    assert all(one.reason and one.asks[0] for one in CRITERIA)
    assert len({one.key for one in CRITERIA}) == len(CRITERIA)


def finding(found: Grading, key: str) -> Any:
    return next(one for one in found.findings if one.criterion.key == key)


# ---- properties

SEVERITIES = st.lists(st.sampled_from(["note", "warning", "alert"]), max_size=3).map(tuple)
WORSE = {  # how a pack can be worse in one criterion -> what is added to it
    "soh": -1, "unsure": 1, "age_days": 1, "spread": 1, "rise_percent": 1, "self_discharge": 1, "records_lost": 1,
}  # fmt: skip
PACKS = st.fixed_dictionaries(
    {
        "soh": st.floats(40, 110), "unsure": st.floats(0, 10), "age_days": st.integers(0, 500),
        "spread": st.floats(0, 14), "rise_percent": st.floats(-20, 150), "self_discharge": st.floats(0, 12),
        "records_lost": st.integers(0, 400), "evidence_class": st.sampled_from("ABC"), "severities": SEVERITIES,
    }
)  # fmt: skip
GOOD_PACKS = st.fixed_dictionaries(
    {
        "soh": st.floats(70, 100), "age_days": st.integers(0, 365), "spread": st.floats(0, 9),
        "rise_percent": st.floats(0, 90), "self_discharge": st.floats(0, 8), "records_lost": st.integers(0, 190),
        "evidence_class": st.sampled_from("ABC"), "severities": st.sampled_from([(), ("note",), ("warning",)]),
    }
)  # fmt: skip
ANY_PACKS = PACKS | GOOD_PACKS


@settings(deadline=None)
@given(ANY_PACKS, st.sampled_from(sorted(WORSE)), st.integers(0, 400))
def test_a_worse_pack_never_has_a_better_grade(pack: dict[str, Any], key: str, by: int) -> None:
    before = grading(gradable(**pack))
    pack[key] = pack.get(key, 1) + WORSE[key] * by
    if key == "records_lost":
        pack[key] = min(pack[key], 1000)
    after = grading(gradable(**pack))
    assert after.grade <= before.grade
    assert all(now.allows <= then.allows for now, then in zip(after.findings, before.findings, strict=True))


@settings(deadline=None)
@given(ANY_PACKS, st.sampled_from(["note", "warning", "alert"]), st.sampled_from("ABCD"))
def test_nor_one_with_another_alarm_or_of_a_worse_class(pack: dict[str, Any], severity: str, letter: str) -> None:
    before = grading(gradable(**pack)).grade
    assert grading(gradable(**pack | {"severities": (*pack["severities"], severity)})).grade <= before
    assert grading(gradable(**pack | {"evidence_class": max(letter, pack["evidence_class"])})).grade <= before


def paths(content: object, at: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """Of every key of every map in it."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        if isinstance(content, dict):
            yield (*at, key)
        yield from paths(value, (*at, key))


def without(document: dict[str, Any], path: tuple[object, ...]) -> dict[str, Any]:
    made = copy.deepcopy(document)
    holder: Any = made
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    return made


@settings(deadline=None)
@given(ANY_PACKS, st.data())
def test_missing_evidence_never_improves_a_grade(pack: dict[str, Any], data: st.DataObject) -> None:
    document = gradable(**pack)
    before = grading(document).grade
    for _ in range(data.draw(st.integers(1, 3))):
        document = without(document, data.draw(st.sampled_from(list(paths(document)))))
    assert grading(document).grade <= before


def test_no_single_key_is_missed_by_chance() -> None:
    for changed in ({}, {"soh": 82.0}, {"self_discharge": 20.0}, {"rise_percent": 90.0}, {"severities": ("alert",)}):
        document = gradable(**changed)
        before = grading(document).grade
        assert all(grading(without(document, path)).grade <= before for path in paths(document))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(JSON, st.data())
def test_any_document_is_graded_or_not_and_never_fails(content: object, data: st.DataObject) -> None:
    document = gradable()
    path = data.draw(st.sampled_from(list(paths(document))))
    holder: Any = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = content
    assert isinstance(grading(document).grade, Grade)
