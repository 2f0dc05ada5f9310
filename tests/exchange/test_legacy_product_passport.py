"""Catena-X digital product passport 7.0.0: its own fields, and each value whole in additionalData."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from packseal.exchange.legacy.product_passport import make
from packseal.exchange.loss import Json, Why
from packseal.exchange.source import Bound
from tests.exchange.legacy_schemas import NAMED
from tests.exchange.packs import CATEGORIES, pack
from tests.exchange.test_legacy_battery_pass import at, losses_of, with_content

EV = make(pack("EV"), NAMED)


def entry_of(document: Json, key: str) -> Json:
    """Of additionalData, by the key that its description starts with."""
    entries = document["additionalData"]
    assert isinstance(entries, list)
    [found] = [entry for entry in entries if entry["description"].split(",")[0].split(";")[0] == key]
    assert isinstance(found, dict)
    return found


def children_of(entry: Json) -> dict[str, Json]:
    children = entry["children"]
    assert isinstance(children, list)
    return {child["label"]: child for child in children}


def test_where_the_values_of_an_ev_pack_stand() -> None:
    document = EV.document
    assert at(document, "/metadata/economicOperator/economicOperatorIdentification") == "BPNL00000003AYRE"
    assert at(document, "/identification/partTypeInformation") == {
        "nameAtManufacturer": "PS-60", "manufacturerPartId": "PS-60-A",
    }  # fmt: skip
    assert at(document, "/characteristics/lifespan/1") == {
        "lifeValue": 3000, "lifeUnit": "unit:cycle", "lifeType": "technical lifetime",
    }  # fmt: skip
    assert at(document, "/operation/manufacturing/manufacturer/manufacturerContact") == {
        "website": "https://example.org", "email": "info@example.org",
    }  # fmt: skip
    assert at(document, "/sustainability/productFootprint/carbon/0/value") == 62.4
    assert at(document, "/sources/0/category") == "EU Declaration of Conformity"


def test_a_value_stands_whole_with_its_circumstances() -> None:
    entry = entry_of(EV.document, "remaining_capacity")
    children = children_of(entry)
    assert entry["type"] == {"dataType": "object", "typeUnit": "unit:ampereHour"}
    assert {name: children[name]["data"] for name in ("value", "standard_uncertainty", "time", "method")} == {
        "value": "137.894", "standard_uncertainty": "0.907", "time": "2027-01-15T07:59:00Z",
        "method": "method of remaining_capacity",
    }  # fmt: skip
    assert {name: child["data"] for name, child in children_of(children["record"]).items()} == {
        "log": "5a" * 16, "seq": "1042",
    }  # fmt: skip


def test_a_list_of_tables_stands_whole() -> None:
    rows = children_of(children_of(entry_of(EV.document, "detailed_composition"))["value"])
    assert list(rows) == ["1", "2", "3"]
    assert children_of(rows["2"])["share_percent"]["data"] == "18.04"


def test_all_values_of_all_categories_are_carried() -> None:
    for category in CATEGORIES:
        source = pack(category)
        export = make(source, NAMED)
        assert {leaf.key for leaf in export.leaves.values()} >= set(source.values)
        assert not [loss for loss in export.losses if loss.why is Why.NO_PLACE]
        assert not [loss for loss in export.losses if loss.why is Why.COARSER]


def test_a_bound_stands_there_and_the_value_does_not() -> None:
    source = pack("EV")
    told = replace(
        source.values["soh_capacity_cpct"], content=None, bound=Bound(Decimal(80), is_at_least=True),
        standard_uncertainty=None, interval=None, method=None, record=None, details={},
    )  # fmt: skip
    export = make(replace(source, values={**source.values, told.key: told}), NAMED)
    children = children_of(entry_of(export.document, "soh_capacity_cpct"))
    assert children["at_least"]["data"] == "80"
    assert "value" not in children


def test_an_address_in_one_text_is_for_a_person_to_part() -> None:
    assert losses_of(EV, "manufacturer_id") == [
        (Why.UNFIT, "/operation/manufacturing/manufacturer/manufacturerAddress")
    ]


def test_a_warranty_that_is_a_length_is_a_guaranteed_lifetime() -> None:
    export = make(with_content(pack("EV"), "warranty", "P8Y"), NAMED)
    assert at(export.document, "/characteristics/lifespan/2") == {
        "lifeValue": 8, "lifeUnit": "unit:year", "lifeType": "guaranteed lifetime",
    }  # fmt: skip


def test_a_predecessor_is_named() -> None:
    export = make(with_content(pack("EV"), "previous_passports", ["a1" * 16]), NAMED)
    assert at(export.document, "/metadata/predecessor") == {
        "applicable": True, "content": "urn:uuid:a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1",
    }  # fmt: skip
