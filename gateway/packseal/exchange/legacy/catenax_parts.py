"""What the two older passports of Catena-X write alike: documents, and the footprint with an entry for each stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from packseal.exchange.export import Builder, Converted, Field, Path, text
from packseal.exchange.legacy.entries import said, take_documents
from packseal.exchange.legacy.forms import Document, documents, not_negative

STATUSES = {word: word for word in ("original", "repurposed", "re-used", "remanufactured", "waste")}
STAGES = {  # key -> stage of the life cycle, as the models' descriptions have it
    "cf_total": "whole life cycle",
    "cf_raw": "raw material acquisition and pre-processing",
    "cf_production": "main product production",
    "cf_distribution": "distribution",
    "cf_eol": "end of life and recycling",
}
_BESIDE = {"unit": "kg CO2e / kWh", "type": "Climate Change Total"}


def footprint_lines(path: Path) -> tuple[Field, ...]:
    """The whole first."""
    amounts = (
        Field(path, key, not_negative, key == "cf_total", "Art. 7(1)", f"an entry of its own: {stage}")
        for key, stage in STAGES.items()
    )
    return (
        *amounts,
        Field(path, "cf_class", text, False, "Art. 7(2)", "in the entry of the whole"),
        Field(path, "cf_study", text, False, "Art. 7(1)(g)", "in each entry"),
    )


def take_footprint(builder: Builder, lines: tuple[Field, ...], take_plant: Callable[[Path], None]) -> None:
    """An entry for the whole, and one for each stage that was stated. take_plant: writes at an entry's field for the
    plants, or says why it does not."""
    amounts = [line for line in lines if line.key in STAGES]
    told = [line for line in amounts if said(builder, line.key) is not None]
    place = 0
    for line in told or amounts[:1]:
        entry = replace(line, path=(*line.path, place, "value")) if told else line
        if builder.take(entry):
            _beside(builder, line.key, (*line.path, place), take_plant)
            place += 1


def take_sources(builder: Builder, lines: tuple[Field, ...], categories: dict[str, str], type_name: str) -> None:
    """Documents that have no field of their own, each with its category. type_name: what the model calls their type."""
    place = 0
    for line in lines:
        content = said(builder, line.key)
        for document in [] if content is None else documents(line.key, content, builder.source.files):
            written = {**write_document(document), "category": categories[line.key]}
            written[type_name] = written.pop("contentType")
            builder.put((*line.path, place), line.key, written)
            place += 1
    if not place:
        builder.take(lines[0])


def write_document(document: Document) -> dict[str, Converted]:
    return {"content": document.address, "contentType": document.media_type or "URL", "header": document.title}


def _beside(builder: Builder, key: str, path: Path, take_plant: Callable[[Path], None]) -> None:
    """What stands beside the amount of one entry."""
    for name, word in {"lifecycle": STAGES[key], **_BESIDE}.items():
        builder.put((*path, name), key, word)
    if key == "cf_total":
        builder.take(Field((*path, "performanceClass"), "cf_class", text))
    take_documents(builder, [Field((*path, "declaration"), "cf_study", text, True)], write_document)
    builder.take(Field((*path, "rulebook"), "", text, True))
    take_plant((*path, "manufacturingPlant"))
