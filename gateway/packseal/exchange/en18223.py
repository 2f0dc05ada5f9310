"""A passport as one JSON document in the shape of EN 18223:2026, the common information model of product passports.

The standard's text was not read. The shape rests on public accounts of it: OPC 30450-1 (its classes, and which members
of the header are mandatory), the annex on product passports of IDTA-01001 3.2 and the service of Eclipse BaSyx that
implements it (names in JSON), and published examples of its full representation (`elements` with `elementId`,
`objectType`, `valueDataType`, `value`). They disagree on `lastUpdate` or `lastUpdated`, and on the members of a
collection, `elements` or `value`: the first of each is written here. No data dictionary for batteries is published, so
elements are called by the keys of docs/attributes.md and have no dictionaryReference.

Decides that each value is a collection of its own, with its unit, method, uncertainty and evidence as elements beside
the value: the model leaves what a product's elements are to the product, so nothing is lost here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import count
from typing import TypeAlias

from packseal.exchange.circumstances import circumstances
from packseal.exchange.exact import plain
from packseal.exchange.export import Builder, Converted, Export, Field, Target, one_of, text
from packseal.exchange.identifiers import Identifiers, Party
from packseal.exchange.legacy.entries import answerable, put_moment, take_named
from packseal.exchange.legacy.forms import documents, urn_uuid
from packseal.exchange.source import Content, File, Source, Value

Element: TypeAlias = dict[str, Converted]
IN_FORCE = dict.fromkeys(("original", "repurposed", "re-used", "remanufactured", "waste"), "active")
SCHEMA_VERSION = "EN 18223:2026"
HEADER = (
    Field(("digitalProductPassportId",), "passport_id", urn_uuid, True, "4.1.2.1", "the passport's 128 bits as a UUID"),
    Field(("uniqueProductIdentifier",), "battery_uid", text, True, "4.1.2.1"),
    Field(("dppStatus",), "status", one_of(IN_FORCE), True, "4.1.2.1", "active until the battery is recycled"),
    Field(("facilityId",), "facility_id", text, False, "4.1.2.1"),
)
SECTIONS: Mapping[str, tuple[str, ...]] = {
    "identification": (
        "passport_id", "battery_uid", "registration_id", "model_id", "serial_number", "operator_id", "manufacturer_id",
        "facility_id", "manufacturing_date", "into_service_date", "placed_on_market_date", "warranty",
        "battery_category", "mass", "status", "previous_passports", "data_carrier",
    ),
    "labelsAndConformity": (
        "separate_collection_symbol", "cd_pb_symbol", "cf_label", "extinguishing_agent", "labels_meaning",
        "declaration_of_conformity", "test_reports", "instructions",
    ),
    "carbonFootprint": (
        "cf_total", "cf_raw", "cf_production", "cf_distribution", "cf_eol", "cf_class", "cf_study", "cf_absolute",
    ),
    "dueDiligence": ("due_diligence_report", "third_party_assurance", "supply_chain_indices"),
    "materials": (
        "chemistry", "critical_raw_materials", "detailed_composition", "hazardous_substances", "substance_impact",
    ),
    "circularity": (
        "dismantling_manuals", "component_part_numbers", "spare_part_sources", "safety_measures",
        "recycled_nickel_pre", "recycled_cobalt_pre", "recycled_lithium_pre", "recycled_lead_pre",
        "recycled_nickel_post", "recycled_cobalt_post", "recycled_lithium_post", "recycled_lead_post",
        "renewable_content", "info_waste_prevention", "info_separate_collection", "info_collection_second_life",
    ),
    "performanceAndDurability": (
        "rated_capacity", "rated_capacity_item", "remaining_capacity", "soh_capacity_cpct", "capacity_fade",
        "certified_energy", "usable_energy", "soce_cpct", "soc", "min_voltage", "max_voltage", "nominal_voltage",
        "original_power", "power_item", "power_at_80", "power_at_20", "power_fade", "max_power", "power_energy_ratio",
        "initial_rte", "rte_50", "rte_item", "round_trip_efficiency", "rte_fade", "initial_self_discharge",
        "self_discharge", "self_discharge_evolution", "initial_resistance", "resistance_item", "ohmic_resistance",
        "resistance_increase", "expected_years", "expected_cycles", "expected_cycles_item", "full_cycles",
        "reference_test", "c_rate_cycle_test", "energy_throughput", "capacity_throughput", "exhaustion_threshold",
        "temperature", "idle_temp_min", "idle_temp_max", "time_hot", "time_cold", "time_charging_hot",
        "time_charging_cold", "deep_discharge_events", "overcharge_events", "negative_events",
    ),
}  # fmt: skip
FURTHER = "furtherValues"  # for what has no section of its own
TARGET = Target(
    "en-18223",
    "Product passport in the shape of EN 18223",
    "EN 18223:2026, from public accounts",
    (
        *HEADER,
        *(Field(("elements", section, key), key, plain) for section, keys in SECTIONS.items() for key in keys),
    ),
    has_circumstances=True,
)
_SECTION_OF = {key: section for section, keys in SECTIONS.items() for key in keys}
_TYPES_OF_TEXT = (
    (re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z"), "xsd:dateTime"),
    (re.compile(r"\d{4}-\d{2}-\d{2}"), "xsd:date"),
    (re.compile(r"\d{4}-\d{2}"), "xsd:gYearMonth"),
)
_DATED = re.compile(r".*_date|time|at")  # names of what is a date or a time


def make(source: Source, identifiers: Identifiers, operator: Party | None = None) -> Export:
    """operator: who answers for the passport, where that is not the manufacturer."""
    builder, by = Builder(TARGET, source), answerable(identifiers.manufacturer, operator)
    builder.take_all(HEADER)
    builder.constant(("granularity",), "Item")
    builder.constant(("dppSchemaVersion",), SCHEMA_VERSION)
    put_moment(builder, ("lastUpdate",), "", source.as_of_unix_ms)
    number = by.party.bpnl or by.party.lei or by.party.gln or by.party.corporate_number
    what = "BPNL, LEI, GLN or corporate number of who answers for it"
    take_named(builder, ("economicOperatorId",), by.keys, number, what)
    place = count()
    for section in (*SECTIONS, FURTHER):
        values = [value for key, value in source.values.items() if _SECTION_OF.get(key, FURTHER) == section]
        if values:
            _take_section(builder, next(place), section, values)
    return builder.export()


def _take_section(builder: Builder, place: int, section: str, values: list[Value]) -> None:
    path = ("elements", place)
    for name, word in _head(section, "DataElementCollection").items():
        builder.constant((*path, name), word)
    for number, value in enumerate(values):
        builder.put((*path, "elements", number), value.key, _of_value(value, builder.source.files))


def _of_value(value: Value, files: Mapping[str, File]) -> Element:
    parts: dict[str, Content] = {} if value.content is None else {"value": value.content}
    if value.unit:
        parts["unit"] = value.unit
    parts |= {"origin": str(value.origin), **circumstances(value)}
    is_dated = bool(_DATED.fullmatch(value.key))
    elements: list[Converted] = [
        _element(name, part, files, is_dated=is_dated and name == "value") for name, part in parts.items()
    ]
    return {**_head(value.key, "DataElementCollection"), "elements": elements}


def _element(name: str, content: Content, files: Mapping[str, File], *, is_dated: bool = False) -> Element:
    if isinstance(content, dict):
        elements: list[Converted] = [_element(key, one, files) for key, one in content.items()]
        return {**_head(name, "DataElementCollection"), "elements": elements}
    if isinstance(content, list):
        return _of_list(name, content, files)
    if isinstance(content, str) and (content in files or content.startswith("https://")):
        return _resource(name, content, files)
    kind = _type_of(content, is_dated=is_dated or bool(_DATED.fullmatch(name)))
    return {**_head(name, "SingleValuedDataElement"), "valueDataType": kind, "value": plain(content)}


def _of_list(name: str, content: list[Content], files: Mapping[str, File]) -> Element:
    """One element with many values, where all are plain and of one type; else a collection of numbered ones."""
    items = [_element(str(number), one, files) for number, one in enumerate(content, 1)]
    kinds = {(item["objectType"], item.get("valueDataType")) for item in items}
    kind, value_type = kinds.pop() if len(kinds) == 1 else ("", None)
    if kind == "SingleValuedDataElement":
        values = [plain(one) for one in content]
        return {**_head(name, "MultiValuedDataElement"), "valueDataType": value_type, "value": values}
    return {**_head(name, "DataElementCollection"), "elements": [*items]}


def _resource(name: str, content: str, files: Mapping[str, File]) -> Element:
    found = documents(name, content, files)[0]
    known: Element = {"contentType": found.media_type, "resourceTitle": found.title}
    return {**_head(name, "RelatedResource"), "url": found.address, **(known if content in files else {})}


def _head(name: str, kind: str) -> Element:
    return {"elementId": name, "objectType": kind}


def _type_of(content: Content, *, is_dated: bool) -> str:
    if isinstance(content, bool):
        return "xsd:boolean"
    if isinstance(content, int):
        return "xsd:integer"
    if isinstance(content, Decimal):
        return "xsd:decimal"
    found = (kind for pattern, kind in _TYPES_OF_TEXT if isinstance(content, str) and pattern.fullmatch(content))
    return next(found, "xsd:string") if is_dated else "xsd:string"
