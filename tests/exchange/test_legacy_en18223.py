"""The shape of EN 18223: its header, its five kinds of elements, and every value read back as it was."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings

from packseal.exchange.en18223 import SECTIONS, make
from packseal.exchange.exact import plain
from packseal.exchange.loss import Json, Why
from packseal.exchange.source import Bound, Content, Source
from packseal.passport.attributes import ATTRIBUTES, DOCUMENT_KEYS
from packseal.passport.derived import DERIVED
from tests.exchange.legacy_schemas import NAMED, UNNAMED
from tests.exchange.packs import CATEGORIES, pack, sparse_pack
from tests.exchange.test_legacy import CONTENTS
from tests.exchange.test_legacy_battery_pass import losses_of, with_content

MEMBERS = {  # OPC 30450-1, 6.4 to 6.8: what each kind has to have
    "DataElementCollection": {"elementId", "objectType", "elements"},
    "SingleValuedDataElement": {"elementId", "objectType", "valueDataType", "value"},
    "MultiValuedDataElement": {"elementId", "objectType", "valueDataType", "value"},
    "RelatedResource": {"elementId", "objectType", "url"},
}
OPTIONAL = {"RelatedResource": {"contentType", "resourceTitle"}}
SEEN = pack("LMT")
EMPTY = replace(SEEN, values={})
EV = make(pack("EV"), NAMED)


def read(element: object) -> object:
    """An element as the plain value that it was made of. Fails for what is no element."""
    assert isinstance(element, dict)
    kind = element["objectType"]
    assert set(element) - OPTIONAL.get(kind, set()) == MEMBERS[kind]
    if kind == "RelatedResource":
        return _address(element["url"])
    if kind != "DataElementCollection":
        return element["value"]
    named = {one["elementId"]: read(one) for one in element["elements"]}
    assert len(named) == len(element["elements"])
    return named


def _address(url: str) -> str:
    """The digest of what is named by one (RFC 6920)."""
    digest = url.removeprefix("ni:///sha-256;")
    return url if digest == url else base64.urlsafe_b64decode(f"{digest}=").hex()


def values_of(document: Json) -> dict[str, Mapping[str, object]]:
    """By key, each value with all that stands beside it."""
    sections = document["elements"]
    assert isinstance(sections, list)
    found: dict[str, Mapping[str, object]] = {}
    for section in sections:
        values = read(section)
        assert isinstance(values, dict)
        found |= values
    return found


def as_read(content: object) -> object:
    """Lists that are no list of plain values of one type come back by number."""
    if isinstance(content, dict):
        return {name: as_read(one) for name, one in content.items()}
    if isinstance(content, list) and not _is_many(content):
        return {str(number): as_read(one) for number, one in enumerate(content, 1)}
    return plain(content)  # type: ignore[arg-type]


def _is_many(content: list[object]) -> bool:
    kinds = {type(one) for one in content}
    is_plain = not kinds & {dict, list} and len(kinds) == 1
    return is_plain and not any(isinstance(one, str) and _is_address(one) for one in content)


def _is_address(content: str) -> bool:
    return content.startswith("https://") or content in SEEN.files


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("make_pack", [pack, sparse_pack])
def test_every_value_reads_back_as_it_was(category: str, make_pack: type) -> None:
    source = make_pack(category)
    assert isinstance(source, Source)
    found = values_of(make(source, NAMED).document)
    assert {key: one["value"] for key, one in found.items()} == {
        key: as_read(value.content) for key, value in source.values.items()
    }


@settings(deadline=None)
@given(CONTENTS)
def test_any_value_reads_back_as_it_was(content: Content) -> None:
    export = make(with_content(EMPTY, "repair_history", content), NAMED)
    assert values_of(export.document)["repair_history"]["value"] == as_read(content)


def test_the_header() -> None:
    header = {name: one for name, one in EV.document.items() if name != "elements"}
    assert header == {
        "digitalProductPassportId": "urn:uuid:00000000-0000-0000-0000-0000000000a0",
        "uniqueProductIdentifier": "https://example.org/b/PS60-000123",
        "granularity": "Item",
        "dppSchemaVersion": "EN 18223:2026",
        "dppStatus": "active",
        "lastUpdate": "2027-01-15T08:00:00Z",
        "economicOperatorId": "BPNL00000003AYRE",
        "facilityId": "BPNS00000003AYRE",
    }


def test_what_is_mandatory_and_unknown_is_missing() -> None:
    source = sparse_pack("LMT")
    export = make(replace(source, values={"mass": source.values["mass"]}), UNNAMED)
    missing = {loss.field for loss in export.losses if loss.why is Why.NO_SOURCE}
    assert missing == {"/digitalProductPassportId", "/uniqueProductIdentifier", "/dppStatus", "/economicOperatorId"}


def test_a_value_stands_with_its_circumstances() -> None:
    told = values_of(EV.document)["remaining_capacity"]
    assert told == {
        "value": 137.894, "unit": "Ah", "origin": "measured", "method": "method of remaining_capacity",
        "standard_uncertainty": 0.907, "time": "2027-01-15T07:59:00Z", "evidence_class": "B",
        "interval_95_percent": {"low": 136.11628, "high": 139.67172},
        "record": {"log": "5a" * 16, "seq": 1042},
    }  # fmt: skip
    assert losses_of(EV, "remaining_capacity") == []


def test_types_of_values() -> None:
    kinds = {}
    sections = EV.document["elements"]
    assert isinstance(sections, list)
    for section in sections:
        for value in section["elements"]:
            kinds[value["elementId"]] = value["elements"][0].get("valueDataType")
    assert kinds["manufacturing_date"] == "xsd:gYearMonth"
    assert kinds["into_service_date"] == "xsd:date"
    assert (kinds["mass"], kinds["expected_cycles"], kinds["chemistry"]) == ("xsd:decimal", "xsd:integer", "xsd:string")
    assert kinds["warranty"] == "xsd:string"  # it may be any text, this one looks like a month
    assert kinds["extinguishing_agent"] == "xsd:string"


def test_a_decimal_that_no_double_holds_keeps_its_digits() -> None:
    export = make(with_content(pack("EV"), "mass", Decimal("412.50000000000000001")), NAMED)
    assert values_of(export.document)["mass"]["value"] == "412.50000000000000001"


def test_a_bound_stands_there_and_the_value_does_not() -> None:
    source = pack("EV")
    told = replace(
        source.values["soh_capacity_cpct"], content=None, bound=Bound(Decimal(80), is_at_least=True),
        standard_uncertainty=None, interval=None, details={},
    )  # fmt: skip
    found = values_of(make(replace(source, values={**source.values, told.key: told}), NAMED).document)
    assert found["soh_capacity_cpct"]["at_least"] == 80
    assert "value" not in found["soh_capacity_cpct"]


def test_what_has_no_section_of_its_own_is_carried_too() -> None:
    sections = EV.document["elements"]
    assert isinstance(sections, list)
    assert sections[-1]["elementId"] == "furtherValues"
    assert {"soc_histogram", "repair_history"} <= {one["elementId"] for one in sections[-1]["elements"]}


def test_sections_hold_attributes_and_keys_of_documents_alone() -> None:
    known = set(ATTRIBUTES) | set(DOCUMENT_KEYS) | {one.key for one in DERIVED} | {"soh_capacity_cpct"}
    keys = [key for section in SECTIONS.values() for key in section]
    assert set(keys) <= known
    assert len(set(keys)) == len(keys)
