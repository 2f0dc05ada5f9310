"""Circularity 1.0.0 (IDTA 02035-7): taking apart, spare parts, recycled content, safety, and what follows as waste.

The names are those that the model's template and its published payload share. Part numbers stand with a supplier there,
and with the battery in a passport: with one supplier they are its own, with several a person has to say whose.
"""

from __future__ import annotations

from dataclasses import replace

from packseal.exchange.aspects.forms import SPEC, documents, filled, multilingual, text_list
from packseal.exchange.aspects.rows import Column, Row, listed, put_row
from packseal.exchange.export import Builder, Converted, Export, Field, Path, Target, UnfitError, number
from packseal.exchange.loss import Why
from packseal.exchange.source import Content, Source

MODEL = "urn:samm:io.admin-shell.idta.batterypass.circularity:1.0.0#Circularity"
SUPPLIERS, RECYCLED = "SparePartSources", "RecycledContentInformation"
METALS = ("Nickel", "Cobalt", "Lithium", "Lead")


def _rows(content: Content) -> Converted:
    """How each row is written is in SUPPLIER and COMPONENT."""
    raise UnfitError(f"a list is needed, not {type(content).__name__}")


SUPPLIER = (
    Column(("NameOfSupplier",), "name", multilingual, True),
    Column(("AddressOfSupplier", "Street"), "street", multilingual, True),
    Column(("AddressOfSupplier", "PostalCode"), "postal_code", multilingual, True),
    Column(("AddressOfSupplier", "NationalCode"), "country", multilingual, True),
    Column(("EmailAddressOfSupplier", "EmailAddress"), "email", filled, True),
    Column(("SupplierWebAddress",), "web", filled, True),
)
COMPONENT = (Column(("PartName",), "component", filled, True), Column(("PartNumber",), "number", filled, True))
DOCUMENTS = tuple(
    Field(path, key, documents, True, f"{SPEC} {clause}", "identifiers of documents")
    for path, key, clause in (
        (("DismantlingAndRemovalInformation",), "dismantling_manuals", "6.6.1.2"),
        (("SafetyMeasures", "SafetyInstructions"), "safety_measures", "6.6.1.5"),
        (("EndOfLifeInformation", "WastePrevention"), "info_waste_prevention", "6.6.3.2"),
        (("EndOfLifeInformation", "SeparateCollection"), "info_separate_collection", "6.6.3.3"),
        (("EndOfLifeInformation", "InformationOnCollection"), "info_collection_second_life", "6.6.3.4"),
    )
)
PLAIN = (
    Field(("SafetyMeasures", "ExtinguishingAgents"), "extinguishing_agent", text_list, True, f"{SPEC} 6.2.5"),
    Field(("RenewableContent",), "renewable_content", number, True, f"{SPEC} 6.6.2.11", "%"),
)
SOURCES = Field((SUPPLIERS,), "spare_part_sources", _rows, True, f"{SPEC} 6.6.1.3", "the town has no place")
PARTS = Field((SUPPLIERS, 0, "Components"), "component_part_numbers", _rows, True, f"{SPEC} 6.6.1.3",
              "of one supplier alone")  # fmt: skip
SHARES = tuple(
    (
        metal,
        Field((RECYCLED, 0, "PreConsumerShare"), f"recycled_{metal.lower()}_pre", number, True, f"{SPEC} 6.6.2.3 to 6",
              "%"),
        Field((RECYCLED, 0, "PostConsumerShare"), f"recycled_{metal.lower()}_post", number, True,
              f"{SPEC} 6.6.2.7 to 10", "%"),
    )
    for metal in METALS
)  # fmt: skip
TARGET = Target(
    "circularity", "Circularity", MODEL,
    (*DOCUMENTS, *PLAIN, SOURCES, PARTS, *(line for _, pre, post in SHARES for line in (pre, post))),
)  # fmt: skip


def make(source: Source) -> Export:
    builder = Builder(TARGET, source)
    builder.take_all((*DOCUMENTS, *PLAIN))
    _suppliers(builder)
    _recycled(builder)
    return builder.export()


def _suppliers(builder: Builder) -> None:
    count = 0
    for row in listed(builder, SOURCES.path, SOURCES.key, "name"):
        count += bool(put_row(builder, (SUPPLIERS, count), SOURCES.key, row, SUPPLIER))
    if not count and not _is_told(builder, SOURCES.key):
        builder.take(SOURCES)
    parts = listed(builder, (SUPPLIERS,), PARTS.key, "component")
    if count == 1:
        _parts(builder, parts)
    elif parts:
        words = f"the model has part numbers with a supplier, and {count} are told; a person has to say whose they are"
        builder.lose(Why.DECIDE, (SUPPLIERS,), PARTS.key, words)
    elif count or PARTS.key in builder.source.values:
        builder.take(PARTS)


def _parts(builder: Builder, parts: list[Row]) -> None:
    path: Path = (SUPPLIERS, 0, "Components")
    count = 0
    for row in parts:
        count += bool(put_row(builder, (*path, count), PARTS.key, row, COMPONENT))
    if not parts and not _is_told(builder, PARTS.key):
        builder.take(replace(PARTS, path=path))


def _recycled(builder: Builder) -> None:
    count = 0
    for metal, pre, post in SHARES:
        if _is_told(builder, pre.key) or _is_told(builder, post.key):
            path: Path = (RECYCLED, count)
            builder.constant((*path, "RecycledMaterial"), metal)
            builder.take_all(replace(line, path=(*path, line.path[-1])) for line in (pre, post))
            count += 1
        else:
            builder.take_all(replace(line, is_required=False) for line in (pre, post))
    if not count and not any(line.key in builder.source.values for _, *lines in SHARES for line in lines):
        builder.take(replace(SHARES[0][1], path=(RECYCLED,)))


def _is_told(builder: Builder, key: str) -> bool:
    value = builder.source.values.get(key)
    return value is not None and value.content is not None
