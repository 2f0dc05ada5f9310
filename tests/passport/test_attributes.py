"""The table of attributes holds together, and agrees with the document and with the facts of the regulation."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from packseal.passport.attributes import (
    ATTRIBUTES,
    DOCUMENT_KEYS,
    DUTY_LETTERS,
    OWN_GROUPS,
    Group,
    Kind,
    Section,
    group_of,
)
from packseal.passport.document import document
from packseal.passport.fold import Passport
from packseal.passport.settings import CATEGORIES, BatterySettings
from packseal.passport.values import QUANTITIES

GROUPS = {
    "public": Group.PUBLIC,
    "legit_interest+commission": Group.MODEL,
    "authorities": Group.AUTHORITIES,
    "legit_interest": Group.INDIVIDUAL,
    "contract_or_LI": Group.INDIVIDUAL,
    "same_as_value": None,
    "not_in_passport": None,
}
KINDS = {
    "id": Kind.IDENTIFIER,
    "id(uri)": Kind.IDENTIFIER,
    "id+contact": Kind.PARTY,
    "string": Kind.TEXT,
    "string|geo|id": Kind.TEXT,
    "string|uri": Kind.TEXT,
    "uri|string": Kind.TEXT,
    "date|duration": Kind.TEXT,
    "date": Kind.DATE,
    "date(YYYY-MM)": Kind.DATE,
    "datetime(UTC)": Kind.TIME,
    "decimal": Kind.DECIMAL,
    "decimal|histogram": Kind.DECIMAL,
    "integer": Kind.COUNT,
    "string|list": Kind.LIST,
    "graphic|uri": Kind.FILE,
    "uri(pdf)": Kind.FILE,
    "uri": Kind.LINK,
}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def kind_of(stated: str) -> Kind:
    known = {"list": Kind.LIST, "enum": Kind.CHOICE}
    return KINDS[stated] if stated in KINDS else known[stated.partition("(")[0]]


def letters(key: str) -> str:
    of_duty = {duty: letter for letter, duty in DUTY_LETTERS.items()}
    return "".join(of_duty[ATTRIBUTES[key].duties[category]] for category in CATEGORIES)


def test_every_attribute_is_the_one_of_the_facts(shared: Path) -> None:
    rows = rows_of(shared / "facts" / "attributes.csv")
    assert [row["key"] for row in rows] == list(ATTRIBUTES)
    for row in rows:
        attribute = ATTRIBUTES[row["key"]]
        stated = dict(pair.split(":") for pair in row["battery_categories"].split(";"))
        found = (attribute.group, attribute.unit, attribute.kind, attribute.is_dynamic, letters(attribute.key))
        is_dynamic = {"static": False, "dynamic": True}[row["static_or_dynamic"]]
        duty_letters = "".join(stated[category] for category in ("EV", "LMT", "SBESS", "IND"))
        assert found == (GROUPS[row["access_tier"]], row["unit"], kind_of(row["type"]), is_dynamic, duty_letters), row


def test_what_the_bms_feeds_agrees_with_its_own_facts(shared: Path) -> None:
    rows = rows_of(shared / "facts" / "dynamic_bms.csv")
    assert len(rows) == 32
    for row in rows:
        attribute = ATTRIBUTES[row["key"]]
        unit = "" if row["unit"] in ("1", "date", "enum", "list") else row["unit"].split(" ")[0]
        assert (attribute.group, attribute.unit) == (Group.INDIVIDUAL, unit), row
        assert row["access_tier"].startswith("LI"), row
        assert letters(attribute.key) == "".join(row[category][0] for category in CATEGORIES), row


def test_the_table_holds_together() -> None:
    assert len(ATTRIBUTES) == 121, "a key that stands twice would make it fewer"
    for key, attribute in ATTRIBUTES.items():
        assert (attribute.key, list(attribute.duties)) == (key, list(CATEGORIES))
        assert attribute.name == attribute.name.strip() != ""
        assert attribute.clause
        no_group = attribute.section in (Section.VEHICLE, Section.OF_VALUES)
        assert (attribute.group is None) == no_group, key


def test_every_value_of_the_document_has_a_group() -> None:
    values = document(Passport(BatterySettings("pack-1", "SBESS", None, "A used pack")), 0)["values"]
    assert isinstance(values, dict)
    assert [key for key in values if group_of(key) is None] == []
    ours = {"rated_capacity_item", *(quantity.key for quantity in QUANTITIES)}
    assert DOCUMENT_KEYS.keys() | OWN_GROUPS.keys() <= ours, "no key of a document that there is not"


def test_a_key_means_the_same_in_document_and_table() -> None:
    assert set(DOCUMENT_KEYS.values()) <= ATTRIBUTES.keys()
    assert [key for key in DOCUMENT_KEYS if key in ATTRIBUTES and DOCUMENT_KEYS[key] != key] == []
    assert OWN_GROUPS.keys().isdisjoint(ATTRIBUTES)
    assert OWN_GROUPS.keys().isdisjoint(DOCUMENT_KEYS)


@pytest.mark.parametrize(
    ("key", "group"),
    [
        ("mass", Group.PUBLIC),
        ("dismantling_manuals", Group.MODEL),
        ("test_reports", Group.AUTHORITIES),
        ("soce_cpct", Group.INDIVIDUAL),
        ("soh_reported_cpct", Group.INDIVIDUAL),
        ("socr", None),
        ("value_method", None),
        ("", None),
        ("Mass", None),
        ("mass.part", None),
    ],
)
def test_who_may_see_a_key(key: str, group: Group | None) -> None:
    assert group_of(key) is group
