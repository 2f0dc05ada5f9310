"""The example packs are packs: what they state could be stated, what they measure has its key, unit and group."""

from __future__ import annotations

from decimal import Decimal

import pytest

from packseal.exchange.source import Content, Origin
from packseal.passport.attributes import ATTRIBUTES, Kind, group_of
from packseal.passport.stated_values import problem_of
from tests.exchange.packs import CATEGORIES, check_tables, pack, sparse_pack


def plain(content: Content | None) -> object:
    return str(content) if isinstance(content, Decimal) else content


def test_the_tables_are_whole() -> None:
    check_tables()


@pytest.mark.parametrize("category", CATEGORIES)
def test_what_is_stated_could_be(category: str) -> None:
    stated = [value for value in pack(category).values.values() if value.origin is Origin.STATED]
    found = {value.key: problem_of(value.key, plain(value.content)) for value in stated}
    assert {key: words for key, words in found.items() if words} == {
        "negative_events": "negative_events is kept as notes; add one with `packseal passport act note`",
        "repair_history": "repair_history is kept as notes; add one with `packseal passport act note`",
    }


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_value_has_its_group_and_unit(category: str) -> None:
    for source in (pack(category), sparse_pack(category)):
        for key, value in source.values.items():
            assert (value.key, value.group) == (key, group_of(key))
            if value.origin is Origin.STATED:
                assert value.unit == ATTRIBUTES[key].unit
                assert isinstance(value.content, Decimal) == (ATTRIBUTES[key].kind is Kind.DECIMAL)


def test_the_categories_differ() -> None:
    packs = {category: set(pack(category).values) for category in CATEGORIES}
    assert {"soce_cpct", "certified_energy"} <= packs["EV"]
    assert {"soce_cpct", "certified_energy"}.isdisjoint(packs["LMT"] | packs["SBESS"] | packs["other_industrial"])
    assert all(set(sparse_pack(category).values) < keys for category, keys in packs.items())
