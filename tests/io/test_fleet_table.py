"""The list of a fleet, as every store keeps it: sorted, filtered, counted, and put together from three sides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packseal.io.fleet_table import SORTS, FleetQuery, FleetRow, FleetTable
from packseal.io.store_place import PostgresURL, StorePlace
from packseal.io.stores import open_store
from packseal.passport.life import Life
from packseal.passport.settings import BatterySettings
from packseal.passport.summary import Summary
from packseal.records.statement_bodies import Stage
from tests.passport.lives import Register

NOW_UNIX_MS = 1_790_000_000_000
NOTHING = Summary("", None, None, None, None, 0, 0, 0, False, False)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FleetTable]:
    place: StorePlace = tmp_path / "passport.db"
    if request.param == "PostgreSQL":
        place = PostgresURL(request.getfixturevalue("cluster").new_store())
    with closing(open_store(place)) as store:
        with store.fleet._database.transaction() as transaction:
            transaction.execute("DELETE FROM fleet")
        yield store.fleet


def measured(battery: str, soh_cpct: int | None = None, **of: Any) -> Summary:
    return replace(NOTHING, battery=battery, soh_cpct=soh_cpct, **of)


def put(fleet: FleetTable, *summaries: Summary) -> None:
    with fleet._database.transaction() as transaction:
        fleet.put_measured(transaction, summaries)


def put_lives(fleet: FleetTable, *lives: Life) -> None:
    with fleet._database.transaction() as transaction:
        fleet.put_lives(transaction, lives)


def named(battery: str, name: str, category: str = "EV") -> BatterySettings:
    return BatterySettings(battery, category, None, name, ())


def ids(fleet: FleetTable, **query: Any) -> list[str]:
    return [row.battery for row in fleet.rows(FleetQuery(**query))]


def test_what_was_measured_is_read_back_and_replaced(fleet: FleetTable) -> None:
    first = measured("a", 9_120, soh_uncertainty_cpct=50, spread_cpct=120, evidence_class="B", records=97,
                     records_lost=3, received_unix_ms=NOW_UNIX_MS, is_simulated=True)  # fmt: skip
    put(fleet, first)
    assert fleet.rows(FleetQuery()) == [
        FleetRow("a", None, "", "", None, 9_120, 50, 120, "B", 97, 3, NOW_UNIX_MS, is_simulated=True, is_replay=False)
    ]
    put(fleet, replace(first, soh_cpct=None, soh_uncertainty_cpct=None, records=98, is_simulated=False, is_replay=True))
    (row,) = fleet.rows(FleetQuery())
    assert (row.soh_cpct, row.records, row.is_simulated, row.is_replay) == (None, 98, False, True)


def test_nothing_to_put_is_nothing(fleet: FleetTable) -> None:
    put(fleet)
    put_lives(fleet)
    fleet.keep_settings([])
    assert fleet.rows(FleetQuery()) == []


def test_settings_name_a_battery_until_a_life_does(fleet: FleetTable) -> None:
    register = Register()
    life = register.create("first")
    fleet.keep_settings([named(life.battery, "Old name", "LMT"), named("other", "Other")])
    put(fleet, measured(life.battery, 9_000, records=5))
    (of_settings, other) = fleet.rows(FleetQuery())
    assert (of_settings.name, of_settings.category, of_settings.passport_id, of_settings.stage) == (
        "Old name", "LMT", None, None,
    )  # fmt: skip
    put_lives(fleet, life)
    fleet.keep_settings([named(life.battery, "Newer name", "SBESS")])
    (of_life, still_other) = fleet.rows(FleetQuery())
    assert (of_life.name, of_life.category, of_life.passport_id) == (life.name, life.category, life.passport_id)
    assert (of_life.stage, of_life.soh_cpct, of_life.records) == (Stage.PREPARED, 9_000, 5), "both sides are kept"
    assert still_other == other
    assert ids(fleet, words="newer") == ids(fleet, words="old name") == []
    assert ids(fleet, words=life.name) == [life.battery]


def test_a_life_goes_on(fleet: FleetTable) -> None:
    register = Register()
    put_lives(fleet, register.create("first"), register.create("second"))
    put_lives(fleet, register.state("first", Stage.ORIGINAL))
    assert ids(fleet, stage=Stage.ORIGINAL) == ["battery-first"]
    assert ids(fleet, stage=Stage.PREPARED) == ["battery-second"]


def sorted_rows() -> list[Summary]:
    """b is known in nothing; a is the least in everything, c the most."""
    return [
        measured("a", 8_000, spread_cpct=10, evidence_class="A", records=1, records_lost=0, received_unix_ms=1),
        measured("b"),
        measured("c", 9_000, spread_cpct=20, evidence_class="B", records=9, records_lost=1, received_unix_ms=2),
    ]


@pytest.mark.parametrize("sort", ["soh_cpct", "spread_cpct", "evidence_class", "received_unix_ms"])
def test_what_is_not_known_stands_last_in_both_directions(fleet: FleetTable, sort: str) -> None:
    put(fleet, *sorted_rows())
    assert ids(fleet, sort=sort) == ["a", "c", "b"]
    assert ids(fleet, sort=sort, is_descending=True) == ["c", "a", "b"]


def test_other_orders(fleet: FleetTable) -> None:
    fleet.keep_settings([named("a", "Zeta", "SBESS"), named("c", "Alpha", "EV")])
    put(fleet, *sorted_rows())
    assert ids(fleet, sort="category") == ["c", "a", "b"]
    assert ids(fleet, sort="name") == ["c", "b", "a"], "without a name it is called by its id"
    assert ids(fleet, sort="name", is_descending=True) == ["a", "b", "c"]
    assert ids(fleet, sort="completeness") == ["c", "a", "b"]
    assert ids(fleet, sort="records_lost", is_descending=True) == ["c", "a", "b"]
    assert ids(fleet, is_descending=True) == ["c", "b", "a"]
    assert ids(fleet, sort="stage") == ["a", "b", "c"], "all unknown: by id"
    with pytest.raises(ValueError, match="sorted by one of"):
        FleetQuery("battery; DROP TABLE fleet")


def filled(fleet: FleetTable) -> list[Summary]:
    """Twenty-three, with ties and unknown ones in every column."""
    made = [
        measured(
            f"pack-{number:02}", None if number % 5 == 0 else 8_000 + 100 * (number % 7),
            spread_cpct=number % 3 or None, evidence_class="ABCD"[number % 4], records=100 - number % 4,
            records_lost=number % 4, received_unix_ms=number % 6,
        )
        for number in range(23)
    ]  # fmt: skip
    put(fleet, *made)
    return made


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("is_descending", [False, True])
def test_pages_are_the_whole_list_wherever_they_are_read_from(
    fleet: FleetTable, sort: str, is_descending: bool
) -> None:
    filled(fleet)
    whole = fleet.rows(FleetQuery(sort, is_descending=is_descending))
    pages = [FleetQuery(sort, is_descending=is_descending, offset=offset, limit=5) for offset in range(0, 30, 5)]
    assert [row for page in pages for row in fleet.rows(page)] == whole
    assert [row for page in pages for row in fleet.rows(page, of=23)] == whole


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"category": "LMT"}, ["bike"]),
    ({"stage": 1}, []),
    ({"least_soh_cpct": 9_000}, ["bike"]),
    ({"most_soh_cpct": 9_000}, ["bike", "rack"]),
    ({"least_soh_cpct": 8_001, "most_soh_cpct": 8_999}, []),
    ({"heard_before_unix_ms": 200}, ["car", "rack"]),
    ({"least_complete_percent": 99}, ["bike"]),
    ({"most_complete_percent": 98}, ["rack"]),
    ({"is_empty": True}, ["car"]),
    ({"batteries": frozenset({"car", "rack", "not here"})}, ["car", "rack"]),
    ({"batteries": frozenset()}, []),
    ({"batteries": ["rack"], "words": "a", "least_soh_cpct": 1}, ["rack"]),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS, ids=[", ".join(query) for query, _ in FILTERS])
def test_filters(fleet: FleetTable, query: dict[str, Any], expected: list[str]) -> None:
    fleet.keep_settings([named("bike", "Bike", "LMT"), named("rack", "Rack", "SBESS"), named("car", "Car")])
    put(fleet, measured("bike", 9_000, records=199, records_lost=1, received_unix_ms=200))
    put(fleet, measured("rack", 8_000, records=989, records_lost=11, received_unix_ms=100))
    assert ids(fleet, **query) == expected
    assert fleet.count(FleetQuery(**query)) == fleet.counts(FleetQuery(**query)).batteries == len(expected)


NAMES = ["100 % sure", "100 sure", "a_b", "axb", "wow!", "wow", "Ä Übergröße", "全角ＡＢＣ"]
WORDS = [
    ("100 %", ["100 % sure"]), ("%", ["100 % sure"]), ("_", ["a_b"]), ("a_b", ["a_b"]), ("!", ["wow!"]),
    ("WOW", ["wow!", "wow"]), ("ä übergrösse", ["Ä Übergröße"]), ("ÜBERGRÖSSE", ["Ä Übergröße"]),
    ("A\u0308 U\u0308ber", ["Ä Übergröße"]), ("abc", ["全角ＡＢＣ"]), ("pack-6", ["Ä Übergröße"]),
    ("\0", []), ("' OR 1=1 --", []), ("\\", []), ("", NAMES),
]  # fmt: skip


@pytest.mark.parametrize(("words", "expected"), WORDS)
def test_words_are_found_as_they_are_written(fleet: FleetTable, words: str, expected: list[str]) -> None:
    fleet.keep_settings([named(f"pack-{number}", name) for number, name in enumerate(NAMES)])
    assert [row.name for row in fleet.rows(FleetQuery(words=words))] == expected


@given(st.text(max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
def test_any_words_are_an_answer(fleet: FleetTable, words: str) -> None:
    name = words.encode("utf-8", "replace").decode().replace("\0", "?")
    fleet.keep_settings([named("only", name)])
    assert ids(fleet, words=name) == ["only"], "a name is found by itself"
    assert ids(fleet, words=words.encode("utf-8", "replace").decode()) in ([], ["only"])


def test_counts(fleet: FleetTable) -> None:
    put(fleet, *(measured(f"p{number}", soh, records=whole, records_lost=100 - whole) for number, (soh, whole) in
                 enumerate([(8_499, 100), (8_500, 99), (8_999, 99), (9_000, 50), (None, 0)])))  # fmt: skip
    put(fleet, measured("silent"), measured("heard", 9_100, records=50, records_lost=50, received_unix_ms=100))
    counts = fleet.counts(FleetQuery())
    assert counts.batteries == 7
    assert counts.by_health == ((8_000, 1), (8_500, 2), (9_000, 2))
    assert counts.by_completeness == ((0, 1), (50, 2), (99, 2), (100, 1))
    assert fleet.counts(FleetQuery(), 100).silent == 6, "never heard of is silent"
    assert fleet.counts(FleetQuery(least_soh_cpct=8_500), 101).silent == 4
    assert (counts.empty, counts.silent) == (1, 0)
    assert fleet.counts(FleetQuery(least_soh_cpct=8_500)).by_health == ((8_500, 2), (9_000, 2))


def test_quartiles_and_what_is_far_from_them(fleet: FleetTable) -> None:
    put(fleet, *(measured(f"p{number}", soh) for number, soh in enumerate([8_000, 8_100, 8_200])))
    assert fleet.counts(FleetQuery()).quartiles_cpct is None, "three tell nothing"
    assert fleet.counts(FleetQuery()).outliers is None
    values = [9_000, 9_010, 9_020, 9_030, 9_040, 9_050, 9_060, 9_070]
    put(fleet, *(measured(f"p{number}", soh) for number, soh in enumerate(values)))
    put(fleet, measured("unknown"))
    counts = fleet.counts(FleetQuery())
    assert counts.quartiles_cpct == (9_020, 9_060)
    assert counts.outliers is not None
    assert (counts.outliers.most_low_cpct, counts.outliers.least_high_cpct) == (8_959, 9_121)
    assert (counts.outliers.low, counts.outliers.high) == (0, 0)


@pytest.mark.parametrize(("lowest", "low"), [(8_940, 0), (8_939, 1)])
@pytest.mark.parametrize(("highest", "high"), [(9_100, 0), (9_101, 1)])
def test_a_value_on_the_bound_is_not_far_off(fleet: FleetTable, lowest: int, low: int, highest: int, high: int) -> None:
    values = [lowest, 9_000, 9_000, 9_020, 9_020, 9_040, 9_040, highest]
    put(fleet, *(measured(f"p{number}", soh) for number, soh in enumerate(values)))
    found = fleet.counts(FleetQuery())
    assert found.quartiles_cpct == (9_000, 9_040)
    assert found.outliers is not None
    assert (found.outliers.low, found.outliers.high) == (low, high)
    assert ids(fleet, most_soh_cpct=found.outliers.most_low_cpct) == ["p0"] * low
    assert ids(fleet, least_soh_cpct=found.outliers.least_high_cpct) == ["p7"] * high


def test_names_are_sorted_as_people_look_for_them(fleet: FleetTable) -> None:
    names = ["beta", "Alpha", "alpha", "Beta 2", "ALPHA"]
    fleet.keep_settings([named(f"pack-{number}", name) for number, name in enumerate(names)])
    assert [row.name for row in fleet.rows(FleetQuery("name"))] == ["Alpha", "alpha", "ALPHA", "beta", "Beta 2"]
