"""Catena-X io.catenax.generic.digital_product_passport 7.0.0: the passport of any product, with a battery's values.

Decides how the lines of product_passport_fields.py are put together, and that each value stands in additionalData too,
whole: with its unit, method, uncertainty and the record or statement that it rests on. So nothing is lost on the way;
what the model requires of every product and a battery passport does not say is in the loss report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from packseal.exchange.circumstances import circumstances
from packseal.exchange.export import Builder, Converted, Export, Field, Path, Target, text
from packseal.exchange.forms import cas_number
from packseal.exchange.identifiers import Identifiers, Party
from packseal.exchange.legacy import product_passport_fields as fields
from packseal.exchange.legacy.catenax_parts import take_footprint, take_sources
from packseal.exchange.legacy.entries import (
    Answerable,
    Cell,
    answerable,
    put_moment,
    take_entries,
    take_named,
    take_rows,
)
from packseal.exchange.legacy.forms import always, share
from packseal.exchange.source import Content, Source, Value

TARGET = Target(
    "catena-x-product-passport",
    "Catena-X digital product passport 7.0.0",
    "urn:samm:io.catenax.generic.digital_product_passport:7.0.0#DigitalProductPassport",
    fields.ALL,
    has_circumstances=True,
)
_MATERIAL_CELLS = (
    Cell(("materialIdentifications", 0, "materialName"), "material", text),
    Cell(("materialIdentifications", 0, "materialId"), "cas", cas_number),
    Cell(("materialIdentifications", 0, "materialListTypeId"), "cas", always("CAS")),
    Cell(("concentrationInformation", "concentration", "concentrationValue"), "share_percent", share),
    Cell(("concentrationInformation", "concentration", "concentrationUnit"), "share_percent", always("unit:percent")),
    Cell(("materialLocations", 0), "part", text, is_required=False),
    *(
        Cell((name,), "", text)
        for name in ("recycled", "materialDocuments", "substancesOfConcernInformation", "declarableIngredient")
    ),
)
_COMPONENT_CELLS = (
    Cell(("componentName",), "component", text, is_required=False),
    Cell(("componentCode",), "number", text),
    Cell(("componentSortingInformation",), "", text),
)
_PART_CELLS = (
    Cell(("nameAtManufacturer",), "component", text),
    Cell(("manufacturerPartId",), "number", text),
    Cell(("sparePartProvider",), "", text),
)


def make(source: Source, identifiers: Identifiers, operator: Party | None = None) -> Export:
    """operator: who answers for the passport, where that is not the manufacturer."""
    builder = Builder(TARGET, source)
    builder.take_all((*fields.PLAIN, *fields.ABSENT))
    take_entries(builder, fields.LIFESPAN)
    _names(builder, identifiers, answerable(identifiers.manufacturer, operator))
    take_sources(builder, fields.SOURCES, fields.CATEGORIES, "contentType")
    take_footprint(builder, fields.CARBON, lambda path: _take_plant(builder, path))
    take_rows(builder, fields.MATERIALS, _MATERIAL_CELLS)
    for line, applicable, cells in (
        (fields.COMPONENTS, fields.HAS_COMPONENTS, _COMPONENT_CELLS),
        (fields.PARTS, fields.HAS_PARTS, _PART_CELLS),
    ):
        builder.take(replace(applicable, convert=always(True)))
        take_rows(builder, line, cells)
    for place, value in enumerate(source.values.values()):
        builder.put(("additionalData", place), value.key, _whole(value))
    return builder.export()


def _names(builder: Builder, identifiers: Identifiers, by: Answerable) -> None:
    """What the parties and the kind of battery are called in Catena-X, and what the format says of itself."""
    builder.constant(("metadata", "specVersion"), "urn:io.catenax.generic.digital_product_passport:7.0.0")
    put_moment(builder, ("metadata", "version"), "", builder.source.as_of_unix_ms)
    operator = ("metadata", "economicOperator")
    builder.name((*operator, "economicOperatorNames"), by.keys, [by.party.name])
    of_type = ("identification", "partTypeInformation", "manufacturerPartId")
    builder.name(of_type, ("model_id",), identifiers.manufacturer_part_id)
    what = "BPNL, LEI or corporate number"
    number, of = (*operator, "economicOperatorIdentification"), f"{what} of who answers for the passport"
    take_named(builder, number, by.keys, _number_of(by.party), of)
    maker = ("operation", "manufacturing", "manufacturer", "manufacturerIdentification")
    named = _number_of(identifiers.manufacturer)
    take_named(builder, maker, ("manufacturer_id",), named, f"{what} of the manufacturer")


def _number_of(party: Party) -> str | None:
    return party.bpnl or party.lei or party.corporate_number


def _take_plant(builder: Builder, path: Path) -> None:
    """The model wants the plant's address in parts, and a passport states it as one text."""
    builder.take(Field(path, "", text, True))


def _whole(value: Value) -> dict[str, Converted]:
    """An entry of additionalData: the value with all that is known of it, each a child."""
    parts = {"value": value.content} if value.content is not None else {}
    children = [_entry(name, content) for name, content in {**parts, **circumstances(value)}.items()]
    unit = f", in {value.unit}" if value.unit else ""
    return {
        "label": value.key.replace("_", " "),
        "description": f"{value.key}{unit}; {value.origin}",
        "type": _type("object", value.unit),
        "children": children,
    }


def _type(word: str, unit: str = "") -> dict[str, Converted]:
    return {"dataType": word, "typeUnit": fields.UNITS[unit]} if unit in fields.UNITS else {"dataType": word}


def _entry(name: str, content: Content) -> Converted:
    about: dict[str, Converted] = {"label": name, "description": name.replace("_", " ")}
    if isinstance(content, dict):
        return {**about, "type": _type("object"), "children": [_entry(key, one) for key, one in content.items()]}
    if isinstance(content, list):
        items = [_entry(str(number), one) for number, one in enumerate(content, 1)]
        return {**about, "type": _type("array"), "children": items}
    return {**about, "type": _type(_word(content)), "data": str(content)}


def _word(content: Content) -> str:
    words: Mapping[type, str] = {bool: "xsd:boolean", int: "xsd:integer", Decimal: "xsd:double"}
    return words.get(type(content), "xsd:string")
