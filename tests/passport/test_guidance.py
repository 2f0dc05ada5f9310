"""The data points of the guidance: whole, of known attributes, and those of the Commission's own list."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from packseal.errors import ConfigError
from packseal.passport.attributes import ATTRIBUTES, Duty, Group
from packseal.passport.guidance import GUIDANCE, Point, guidance
from packseal.passport.settings import CATEGORIES
from tests.passport.test_attributes import rows_of

DUTIES = {
    "mandatory": Duty.MANDATORY,
    "conditional": Duty.CONDITIONAL,
    "optional": Duty.VOLUNTARY,
    "pending": Duty.PENDING,
    "notToBeFilled": Duty.NOT_APPLICABLE,
}
TIERS = {
    "public": {Group.PUBLIC},
    "legitimateInterest": {Group.MODEL, Group.INDIVIDUAL},
    "notifiedBodiesAndAuthorities": {Group.AUTHORITIES},
}
HEALTH = range(62, 67)  # of Article 14: of stationary storage, of no other industrial battery
OTHERWISE = {5, *range(20, 24), 68}  # web address optional; recycled content and cycles: guidance and regulation differ
POINTS = {point.number: point for point in guidance("1.0")}


def attributes_of(point: Point) -> list[str]:
    return [key.partition(".")[0] for key in point.keys]


def test_every_point_is_the_one_of_the_commissions_list(shared: Path) -> None:
    rows = rows_of(shared / "facts" / "ec_guidance_71.csv")
    assert [int(row["nr"]) for row in rows] == list(POINTS)
    for row in rows:
        point = POINTS[int(row["nr"])]
        industrial = DUTIES[row["industrial"]]
        storage, other = (Duty.MANDATORY, Duty.NOT_APPLICABLE) if point.number in HEALTH else (industrial, industrial)
        expected = [DUTIES[row["ev"]], DUTIES[row["lmt"]], storage, other]
        assert [point.duties[category] for category in CATEGORIES] == expected, row
        assert {ATTRIBUTES[key].group for key in attributes_of(point)} <= TIERS[row["access_tier"]], row
        source = row["source"].removeprefix("BR ").replace("Article", "Art.")
        assert re.sub(r" (?=\([a-z\d]+\)$)", "", source) in (re.sub(r" (?=\(\d+\)$)", "", point.clause), ""), row


def test_every_attribute_fills_the_points_that_its_facts_name(shared: Path) -> None:
    filled_by: dict[str, set[int]] = {}
    for point in POINTS.values():
        for key in attributes_of(point):
            filled_by.setdefault(key, set()).add(point.number)
    named: dict[str, set[int]] = {}
    for row in rows_of(shared / "facts" / "attributes.csv"):
        if found := re.search(r"COM DP (\d+)(?:-(\d+))?", row["source_clause"]):
            first, last = int(found[1]), int(found[2] or found[1])
            named[row["key"]] = set(range(first, last + 1))
    assert {key for key in named if not filled_by.get(key, set()) & named[key]} == set()
    outside = {key for key, numbers in filled_by.items() if not numbers <= named.get(key, set())}
    assert outside == {"cf_raw", "cf_production", "cf_distribution", "cf_eol", "cf_study"}, "parts of the declaration"
    for row in rows_of(shared / "facts" / "dynamic_bms.csv"):
        expected = set() if row["com_dp"] == "-" else {int(row["com_dp"])}
        assert filled_by.get(row["key"], set()) == expected, row


@pytest.mark.parametrize("version", GUIDANCE)
def test_a_version_holds_together(version: str) -> None:
    points = guidance(version)
    assert [point.number for point in points] == list(range(1, len(points) + 1))
    for point in points:
        assert list(point.duties) == list(CATEGORIES)
        assert Duty.PART_B not in point.duties.values()
        assert set(attributes_of(point)) <= ATTRIBUTES.keys()
        assert len(set(point.keys)) == len(point.keys)
        assert bool(point.keys) != point.is_never_filled, "filled by something, or never"


def test_the_guidance_asks_for_what_the_regulation_asks_for() -> None:
    """But for what is listed here, and a change of one table alone fails."""
    for point in POINTS.values():
        for key in attributes_of(point):
            if point.number not in OTHERWISE:
                assert ATTRIBUTES[key].duties == point.duties, (point.number, key)
    assert [number for number, point in POINTS.items() if point.is_never_filled] == [16, 25]


@pytest.mark.parametrize("version", ["2.0", "", "1", "1.0 "])
def test_a_version_that_is_not_known_is_refused_with_those_that_are(version: str) -> None:
    with pytest.raises(ConfigError, match=r"is not known here; known: 1\.0$"):
        guidance(version)
