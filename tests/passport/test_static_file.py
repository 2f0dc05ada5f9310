"""Static data from CSV and JSON: what may be stated, and every mistake of a file that is refused as a whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import TableError
from packseal.passport.attributes import ATTRIBUTES, Group, Kind
from packseal.passport.stated_values import MEASURED, OF_LIFE, OF_NOTES, by_group, problem_of
from packseal.passport.static_file import MAX_JSON_DEPTH, read_static

GOOD = {
    "model_id": "PS-60",
    "mass": "412.5",
    "manufacturing_date": "2026-11",
    "manufacturer_id": {"name": "Cells AG", "address": "Werkstr. 1, 38440 Wolfsburg"},
    "expected_cycles": 3000,
    "critical_raw_materials": ["cobalt", "lithium"],
    "declaration_of_conformity": "a1" * 32,
    "cf_study": "https://example.org/study.pdf",
    "dismantling_manuals": "https://example.org/manual.pdf",
}


def test_a_json_file_of_one_passport() -> None:
    found = read_static(json.dumps(GOOD).encode(), "pack.json")
    assert (found.problems, dict(found.values[""])) == ((), GOOD)


def test_a_number_of_json_keeps_its_text() -> None:
    found = read_static(b'{"mass": 412.50, "expected_cycles": 3000}', "pack.json")
    assert dict(found.values[""]) == {"mass": "412.50", "expected_cycles": 3000}


def test_a_list_of_passports() -> None:
    content = json.dumps([{"passport": "AB" * 16, "values": GOOD}, {"passport": "cd" * 16, "values": GOOD}])
    found = read_static(content.encode(), "fleet.json")
    assert set(found.values) == {"ab" * 16, "cd" * 16}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_long_table(separator: str) -> None:
    rows = [("passport", "key", "value"), ("ab" * 16, "mass", "412.5"), ("ab" * 16, "expected_cycles", "3000"),
            ("ab" * 16, "extinguishing_agent", "water|CO2"), ("ab" * 16, "manufacturer_id", "Cells AG")]  # fmt: skip
    found = read_static("\r\n".join(map(separator.join, rows)).encode("utf-8-sig"), "fleet.csv")
    assert found.problems == ()
    assert dict(found.values["ab" * 16]) == {
        "mass": "412.5", "expected_cycles": 3000, "extinguishing_agent": ["water", "CO2"],
        "manufacturer_id": {"name": "Cells AG"},
    }  # fmt: skip


def test_a_wide_table_states_nothing_where_a_cell_is_empty() -> None:
    found = read_static(b"passport,mass,model_id\n" + b"ab" * 16 + b",412.5,\n" + b"cd" * 16 + b",,PS-60\n", "f.csv")
    assert {name: dict(one) for name, one in found.values.items()} == {
        "ab" * 16: {"mass": "412.5"}, "cd" * 16: {"model_id": "PS-60"},
    }  # fmt: skip


def test_every_mistake_is_told_and_nothing_is_imported() -> None:
    table = (
        "key,value\nmass,heavy\nmodel_id,PS-60\nweight,412\nsoce,90\nstatus,original\nmass,1,2\nrenewable_content,140\n"
    )
    found = read_static(table.encode(), "pack.csv")
    assert found.values == {}
    assert [(problem.place, problem.key) for problem in found.problems] == [
        ("row 2", "mass"), ("row 4", "weight"), ("row 5", "soce"), ("row 6", "status"), ("row 7", ""),
        ("row 8", "renewable_content"),
    ]  # fmt: skip
    assert "signed records alone" in found.problems[2].words
    assert found.problem_count == 6


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "pack.csv", "name each column once"),
        (b"key,key\na,b\n", "pack.csv", "name each column once"),
        (b'key,value\nmass,"4"12\n', "pack.csv", "row 2"),
        (b"\xff\xfe", "pack.csv", "no UTF-8"),
        (b"{}", "pack.xlsx", "ends in .csv or .json"),
        (b'"text"', "pack.json", "expected an object"),
        (b'{"mass": 1, "mass": 2}', "pack.json", "stands twice"),
        (b'{"mass": NaN}', "pack.json", "no number"),
        (b"[" * 100_000, "pack.json", f"at most {MAX_JSON_DEPTH}"),
        (b'["' + b"]" * 5000 + b'",' + b"[" * 5000, "pack.json", f"at most {MAX_JSON_DEPTH}"),
    ],
)
def test_what_cannot_be_read(content: bytes, name: str, words: str) -> None:
    with pytest.raises(TableError, match=words):
        read_static(content, name)


def test_an_empty_file_is_a_problem_and_not_a_success() -> None:
    assert read_static(b"{}", "pack.json").problem_count == 1
    assert read_static(b"key,value\n", "pack.csv").problem_count == 1


def test_rows_with_and_without_a_passport_do_not_mix() -> None:
    found = read_static(b"passport,key,value\n,mass,1\n" + b"ab" * 16 + b",mass,1\n", "pack.csv")
    assert found.values == {}


@pytest.mark.parametrize("key", sorted(MEASURED | OF_LIFE | OF_NOTES))
def test_nobody_types_in_what_is_measured_or_decided_by_acts(key: str) -> None:
    for value in ("90", 90, ["90"], {"name": "90"}, "2027-02", "https://example.org"):
        assert problem_of(key, value)


LEAVES = st.text(max_size=20) | st.integers() | st.floats() | st.none() | st.booleans() | st.binary(max_size=4)
ANYTHING = st.recursive(LEAVES, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=5), one))
KINDS: dict[Kind, tuple[type, ...]] = {
    Kind.COUNT: (int,), Kind.PARTY: (dict,), Kind.LIST: (list,), Kind.FILE: (str, list),
}  # fmt: skip


@given(st.sampled_from(sorted(ATTRIBUTES)), ANYTHING)
def test_what_passes_is_of_the_kind_of_its_attribute(key: str, value: object) -> None:
    if not problem_of(key, value):
        assert isinstance(value, KINDS.get(ATTRIBUTES[key].kind, (str,)))
        assert ATTRIBUTES[key].group is not None


@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.json"]))
def test_any_bytes_end_in_an_answer(content: bytes, name: str) -> None:
    try:
        found = read_static(content, name)
    except TableError:
        return
    assert bool(found.problems) != bool(found.values)


def test_values_are_parted_by_who_may_see_them() -> None:
    apart = by_group(GOOD)
    assert set(apart) == {Group.PUBLIC, Group.MODEL}
    assert set(apart[Group.MODEL]) == {"dismantling_manuals"}
