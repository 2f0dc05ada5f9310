"""The eight aspects: each fits its published template or says what it lacks, and every value is accounted for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from packseal.exchange.catenax.submodel import OFFERED
from packseal.exchange.export import Export, pointer
from packseal.exchange.identifiers import Identifiers, Party, Plant
from packseal.exchange.loss import Why, missing_fields
from packseal.exchange.named import Named
from packseal.exchange.source import Bound, Content, Interval, Origin, Source, Value
from packseal.exchange.targets import TARGETS, Made
from tests.exchange.aspect_templates import TEMPLATES, missing, template, wrong
from tests.exchange.packs import CATEGORIES, NUMBERS, STATED, pack, sparse_pack

NAMES = Named(
    Identifiers(Party("Cells AG", bpnl="BPNL00000003AYRE"), "PS-60", plant=Plant("Wolfsburg", bpns="BPNS00000003AYRE")),
    link="https://example.org/battery/a0",
)
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/battery-evidence.schema.json").read_text("utf-8"))
OF_IDTA, OURS = tuple(TARGETS[name] for name in TEMPLATES), TARGETS["evidence"]
SOURCES = [pytest.param(make(category), id=f"{make.__name__} {category}")
           for make in (pack, sparse_pack) for category in CATEGORIES]  # fmt: skip


def unexplained(export: Export, lacking: Iterator[str]) -> list[str]:
    """Of what is lacking, that of which the loss report says nothing."""
    told = [loss.field for loss in export.losses if loss.why in (Why.NO_SOURCE, Why.UNFIT, Why.WITHHELD, Why.DECIDE)]
    return [one for one in lacking if not any(_is_about(field, one) for field in told if field)]


def _is_about(field: str, place: str) -> bool:
    return f"{field}/".startswith(f"{place}/") or f"{place}/".startswith(f"{field}/")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("part", OF_IDTA, ids=lambda part: part.target.id)
def test_it_fits_its_template_or_says_what_it_lacks(part: Made, source: Source, shared: Path) -> None:
    export, published = part.make(source, NAMES), template(shared, part.target.id)
    assert list(wrong(export.document, published.root)) == []
    assert unexplained(export, missing(export.document, published.root)) == []


@pytest.mark.parametrize("part", OF_IDTA, ids=lambda part: part.target.id)
def test_its_template_s_own_name_is_among_its_identifiers(part: Made, shared: Path) -> None:
    named = (part.target.model, *OFFERED[part.target.id].supplemental_ids)
    published = template(shared, part.target.id).semantic_id
    assert unversioned(published) in [unversioned(one) for one in named]


def unversioned(identifier: str) -> str:
    """Patches of an aspect model have templates that still name the model of 1.0.0."""
    return re.sub(r":1\.0\.[01]#", "#", identifier)


@pytest.mark.parametrize("part", OF_IDTA, ids=lambda part: part.target.id)
def test_what_it_says_it_lacks_is_lacking(part: Made) -> None:
    export = part.make(sparse_pack("LMT"), NAMES)
    assert missing_fields(export.losses)
    assert not set(missing_fields(export.losses)) & set(export.leaves)


@pytest.mark.parametrize(
    ("pointed", "value"),
    [("StateOfCharge", None), ("StateOfCharge/LastUpdate", "2027-01-15T07:59:00"), ("Health", 91),
     ("NumberOfFullCycles/NumberOfFullCyclesValue", 1.5), ("InformationOnAccidents", "none"),
     ("NegativeEvents", {}), ("TemperatureInformation/MeasuredTemp", True)],
)  # fmt: skip
def test_a_mistake_is_found_by_the_template(pointed: str, value: object, shared: Path) -> None:
    published = template(shared, "product-condition").root
    document: Any = deepcopy(TARGETS["product-condition"].make(pack("EV"), NAMES).document)
    *way, last = pointed.split("/")
    here = document[way[0]] if way else document
    if value is None:
        del here[last]
    else:
        here[last] = value
    assert [*wrong(document, published), *missing(document, published)] == [f"/{pointed}"]


def schema_problems(document: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(document)]


@pytest.mark.parametrize("source", SOURCES)
def test_our_own_aspect_fits_its_schema_and_loses_nothing(source: Source) -> None:
    export = OURS.make(source, NAMES)
    assert schema_problems(export.document) == []
    assert export.losses == ()
    said: Any = export.document["values"]
    assert [one["key"] for one in said] == sorted(source.values)


def test_the_schema_is_one_and_finds_a_mistake() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    document: Any = OURS.make(pack("EV"), NAMES).document
    del document["values"][0]["value"]
    document["values"][1]["statement"] = "no digest"
    assert len(schema_problems(document)) == 2


# ---- any source

KEYS = (*STATED, *NUMBERS, "power_fade", "negative_events", "status", "battery_category", "operator_id", "of_no_target")
DECIMALS = st.decimals(-(10**9), 10**9, places=4)
TEXTS = st.sampled_from(
    ["", "NMC 811", "2027-02", "2027-02-18", "https://example.org/a.pdf", "https://[", "ab" * 32, "12"]
)
PARTS_OF_ROWS = st.sampled_from(["material", "name", "cas", "component", "ohm", "text", "at", "statement", "web", "id"])
CONTENTS: st.SearchStrategy[Content] = st.recursive(
    st.one_of(TEXTS, DECIMALS, st.integers(-(10**6), 10**13), st.booleans(), st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PARTS_OF_ROWS, inner, max_size=4),
    max_leaves=8,
)
MOMENTS = st.none() | st.integers(-(10**6), 10**15)


@st.composite
def values(draw: st.DrawFn, key: str) -> Value:
    typical = STATED.get(key, Decimal(NUMBERS[key][0]) if key in NUMBERS else "original")
    content = draw(st.just(typical) | CONTENTS | st.none())
    bound = Bound(draw(DECIMALS), draw(st.booleans())) if content is None else None
    statement, record = draw(st.sampled_from([None, "d1" * 32])), draw(st.sampled_from([None, ("5a" * 16, 7)]))
    interval = draw(st.none() | st.builds(Interval, DECIMALS, DECIMALS))
    return Value(
        key, content, draw(st.sampled_from(["", "%", "kWh"])), draw(st.integers(1, 4)), draw(st.sampled_from(Origin)),
        bound, draw(st.sampled_from([None, "a test"])), draw(st.none() | DECIMALS), interval, record, statement,
        draw(MOMENTS), is_coarser=draw(st.booleans()), rule=draw(st.sampled_from(["", "rule-1"])),
    )  # fmt: skip


@st.composite
def sources(draw: st.DrawFn) -> Source:
    keys = draw(st.sets(st.sampled_from(KEYS), max_size=12))
    category = draw(st.sampled_from(CATEGORIES))
    found = {key: draw(values(key)) for key in sorted(keys)}
    return replace(pack(category), values=found, as_of_unix_ms=draw(st.integers(0, 10**15)))


def pointers(document: object, path: tuple[str | int, ...] = ()) -> Iterator[str]:
    """Of each text, number, truth value, null and empty list or map."""
    if isinstance(document, dict | list) and document:
        inner = document.items() if isinstance(document, dict) else enumerate(document)
        for name, one in inner:
            yield from pointers(one, (*path, name))
    else:
        yield pointer(path)


@given(source=sources(), part=st.sampled_from((*OF_IDTA, OURS)))
def test_of_any_source_everything_is_carried_or_lost_and_every_leaf_has_a_rule(source: Source, part: Made) -> None:
    export = part.make(source, NAMES)
    if export.document:
        assert set(export.leaves) == set(pointers(export.document))
    carried = {leaf.key for leaf in export.leaves.values()} - {""}
    lost = {loss.key for loss in export.losses}
    assert carried <= set(source.values) <= carried | lost
    assert all(leaf.rule for leaf in export.leaves.values())
    json.dumps(export.document, allow_nan=False)


@given(sources())
def test_of_any_source_our_own_aspect_fits_its_schema(source: Source) -> None:
    assert schema_problems(OURS.make(source, NAMES).document) == []


@given(source=sources(), part=st.sampled_from(OF_IDTA))
def test_of_any_source_nothing_of_another_kind_is_written(source: Source, part: Made, shared: Path) -> None:
    assert list(wrong(part.make(source, NAMES).document, template(shared, part.target.id).root)) == []
