"""Catena-X battery pass 6.1.0: what the example packs look like there, and what is lost on the way."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from packseal.exchange.export import Export
from packseal.exchange.identifiers import Party
from packseal.exchange.legacy.battery_pass import TARGET, make
from packseal.exchange.loss import Json, Loss, Why, missing_fields
from packseal.exchange.source import Content, Source
from tests.exchange.legacy_schemas import NAMED, UNNAMED
from tests.exchange.packs import pack, sparse_pack, stated


def at(document: object, path: str) -> object:
    """By RFC 6901, without its escapes. Raises KeyError, IndexError."""
    here = document
    for part in path.split("/")[1:]:
        here = here[int(part)] if isinstance(here, list) else _member(here, part)
    return here


def _member(here: object, part: str) -> object:
    assert isinstance(here, dict), part
    return here[part]


def with_content(source: Source, key: str, content: Content) -> Source:
    """The source with one more stated value, or with this one instead of its own."""
    value = source.values.get(key) or stated("mass")
    return replace(source, values={**source.values, key: replace(value, key=key, content=content)})


def losses_of(export: Export, key: str) -> list[tuple[Why, str]]:
    return [(loss.why, loss.field) for loss in export.losses if loss.key == key]


EV = make(pack("EV"), NAMED)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/specVersion", "urn:io.catenax.battery.battery_pass:6.1.0"),
        ("/identification/category", "EV"),
        ("/identification/idDmc", "https://example.org/b/PS60-000123"),
        ("/identification/identification/type/manufacturerPartId", "PS-60-A"),
        ("/identification/identification/serial/0/value", "PS60-000123"),
        ("/metadata/passportIdentifier", "urn:uuid:00000000-0000-0000-0000-0000000000a0"),
        ("/metadata/economicOperatorId", "BPNL00000003AYRE"),
        ("/operation/manufacturer/facility/0/facility", "BPNA000000000001"),
        ("/characteristics/physicalDimension/weight", {"value": 412.5, "unit": "unit:kilogram"}),
        ("/performance/rated/power", {"value": 120000, "at20SoC": 60000, "at80SoC": 90000}),
        ("/performance/rated/resistance", {"cell": 0.001, "pack": 0.05}),
        ("/performance/rated/capacity/value", 150),
        ("/performance/dynamic/power/remaining", {"value": 81000, "time": "2027-01-15T07:59:00Z"}),
        ("/performance/dynamic/stateOfCharge", {"value": 63.25, "time": "2027-01-15T07:59:00Z"}),
        ("/performance/dynamic/energy/soce/value", 86.9),
        ("/performance/dynamic/fullCycles/value", 212),
        ("/sustainability/carbonFootprint/0/performanceClass", "B"),
        ("/sustainability/carbonFootprint/1/lifecycle", "raw material acquisition and pre-processing"),
        ("/materials/active/cobalt/recycled", 22),
        ("/materials/active/cobalt/critical", True),
        ("/materials/composition/1/id/0", {"name": "graphite", "id": "7782-42-5", "type": "CAS"}),
        ("/materials/composition/1/concentration", 18.04),
        ("/handling/content/sparePart/0", {"manufacturerPartId": "4711-0815", "nameAtManufacturer": "BMS"}),
        ("/sources/0/category", "Treatment facilities"),
    ],
)
def test_where_the_values_of_an_ev_pack_stand(path: str, expected: object) -> None:
    assert at(EV.document, path) == expected


def test_an_attached_file_is_named_by_its_digest() -> None:
    """RFC 6920, 3; a link stays a link."""
    reports = at(EV.document, "/conformity/resultOfTestReport")
    assert reports == [
        {"content": "ni:///sha-256;q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s", "contentType": "application/pdf",
         "header": "test report.pdf"},
        {"content": "https://example.org/report-2.pdf", "contentType": "URL", "header": "test reports"},
    ]  # fmt: skip


@pytest.mark.parametrize(("category", "word"), [("EV", "EV"), ("LMT", "LMT"), ("other_industrial", "industrial")])
def test_words_of_categories(category: str, word: str) -> None:
    assert at(make(pack(category), NAMED).document, "/identification/category") == word


def test_stationary_storage_has_no_word_there() -> None:
    export = make(pack("SBESS"), NAMED)
    assert losses_of(export, "battery_category") == [(Why.UNFIT, "/identification/category")]
    identification = export.document["identification"]
    assert isinstance(identification, dict)
    assert "category" not in identification


def test_a_month_gets_no_day() -> None:
    assert losses_of(EV, "manufacturing_date") == [(Why.UNFIT, "/operation/manufacturer/manufacturingDate")]
    whole = make(with_content(pack("EV"), "manufacturing_date", "2026-11-05"), NAMED)
    assert at(whole.document, "/operation/manufacturer/manufacturingDate") == "2026-11-05"


@pytest.mark.parametrize(
    ("stated_as", "written"),
    [
        ("8 years", {"lifeValue": 8, "lifeUnit": "unit:year"}),
        ("P96M", {"lifeValue": 96, "lifeUnit": "unit:month"}),
        ("3000 cycles", {"lifeValue": 3000, "lifeUnit": "unit:cycle"}),
        ("2034-11", None),
        ("as long as it lasts", None),
    ],
)
def test_a_warranty_is_a_length_or_is_lost(stated_as: str, written: Json | None) -> None:
    export = make(with_content(pack("EV"), "warranty", stated_as), NAMED)
    characteristics = export.document["characteristics"]
    assert isinstance(characteristics, dict)
    assert characteristics.get("warranty") == written
    assert ((Why.UNFIT, "/characteristics/warranty") in losses_of(export, "warranty")) == (written is None)


def test_what_the_model_cuts_off_is_said() -> None:
    export = make(with_content(pack("EV"), "full_cycles", Decimal("212.75")), NAMED)
    assert at(export.document, "/performance/dynamic/fullCycles/value") == 212
    lost = [loss for loss in export.losses if loss.key == "full_cycles" and loss.field]
    assert [loss.words for loss in lost] == ["212.75 is carried without its decimals"]


def test_one_share_of_two_is_no_sum() -> None:
    export = make(sparse_pack("EV"), NAMED)
    assert losses_of(export, "recycled_cobalt_pre") == [(Why.UNFIT, "/materials/active/cobalt/recycled")]


def test_several_predecessors_are_no_one() -> None:
    one, two = "a1" * 16, "a2" * 16
    path = "/metadata/predecessor"
    told = make(with_content(pack("EV"), "previous_passports", [one]), NAMED)
    assert at(told.document, path) == "urn:uuid:a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1"
    both = make(with_content(pack("EV"), "previous_passports", [one, two]), NAMED)
    assert losses_of(both, "previous_passports") == [(Why.UNFIT, path)]


def test_the_capacity_of_the_item_stands_in_where_the_model_states_none() -> None:
    source = pack("EV")
    export = make(replace(source, values={k: v for k, v in source.values.items() if k != "rated_capacity"}), NAMED)
    assert at(export.document, "/performance/rated/capacity/value") == 151.2


def test_names_that_nobody_told_are_missing_and_never_made_up() -> None:
    missing = set(missing_fields(make(pack("EV"), UNNAMED).losses))
    assert missing - set(missing_fields(EV.losses)) == {
        "/metadata/economicOperatorId",
        "/operation/manufacturer/manufacturer",
        "/operation/manufacturer/facility/0/facility",
        *(f"/sustainability/carbonFootprint/{place}/manufacturingPlant/0/facility" for place in range(5)),
    }


def test_who_answers_for_the_passport_may_be_another_than_the_maker() -> None:
    export = make(pack("EV"), NAMED, Party("Store KG", bpnl="BPNL00000003B2OM"))
    assert at(export.document, "/metadata/economicOperatorId") == "BPNL00000003B2OM"
    assert at(export.document, "/operation/manufacturer/manufacturer") == "BPNL00000003AYRE"


def test_a_time_that_is_not_known_is_missing() -> None:
    source = pack("EV")
    undated = replace(source.values["soc"], made_unix_ms=None)
    export = make(replace(source, values={**source.values, "soc": undated}), NAMED)
    assert (Why.NO_SOURCE, "/performance/dynamic/stateOfCharge/time") in losses_of(export, "soc")
    assert at(export.document, "/performance/dynamic/stateOfCharge") == {"value": 63.25}


def test_events_and_the_second_point_of_power_have_no_place() -> None:
    lost = {loss.key: loss for loss in EV.losses if loss.why is Why.NO_PLACE}
    assert {"deep_discharge_events", "overcharge_events", "time_hot", "temperature", "power_at_20"} <= set(lost)
    assert lost["time_hot"] == Loss(Why.NO_PLACE, "", "time_hot", f"{TARGET.name} has no field for it")
