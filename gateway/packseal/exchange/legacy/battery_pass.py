"""Catena-X io.catenax.battery.battery_pass 6.1.0, the battery passport before CX-0160, for partners who still take it.

Decides how the lines of battery_pass_fields.py are put together. Known of the model: it has no word for stationary
storage, wants the state of certified energy, efficiencies and resistances of cells from every category, and has no
place for counted events, for temperatures, for uncertainty, or for a second point of remaining power. What it wants and
the passport does not say stays out of the document, which then fails the model's schema at exactly these places, and
stands in the loss report.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from packseal.exchange.export import Builder, Convert, Converted, Export, Field, Path, Target, number, text
from packseal.exchange.forms import cas_number
from packseal.exchange.identifiers import Identifiers, Party, bpnl
from packseal.exchange.legacy import battery_pass_fields as fields
from packseal.exchange.legacy.catenax_parts import take_footprint, take_sources, write_document
from packseal.exchange.legacy.entries import (
    Answerable,
    Cell,
    answerable,
    put_moment,
    said,
    say_digits_lost,
    take_documents,
    take_first,
    take_named,
    take_rows,
    take_timed,
)
from packseal.exchange.legacy.forms import always, line_of, listed_as_critical, share, whole
from packseal.exchange.loss import Why
from packseal.exchange.source import Content, Source

TARGET = Target(
    "catena-x-battery-pass",
    "Catena-X battery pass 6.1.0",
    "urn:samm:io.catenax.battery.battery_pass:6.1.0#BatteryPass",
    fields.ALL,
)


def make(source: Source, identifiers: Identifiers, operator: Party | None = None) -> Export:
    """operator: who answers for the passport, where that is not the manufacturer."""
    builder = Builder(TARGET, source)
    builder.take_all((*fields.PLAIN, *fields.ABSENT))
    take_first(builder, fields.RATED_CAPACITY)
    for line in fields.TIMED:
        take_timed(builder, line, "time")
    for line in (*fields.PLAIN, *fields.TIMED):
        if line.convert is whole:
            say_digits_lost(builder, line)
    _documents(builder)
    _names(builder, identifiers, answerable(identifiers.manufacturer, operator))
    take_footprint(builder, fields.CARBON, lambda path: _take_plant(builder, identifiers, path))
    _materials(builder)
    _handling(builder)
    return builder.export()


def _documents(builder: Builder) -> None:
    for path in dict.fromkeys(line.path for line in fields.DOCUMENTS):
        take_documents(builder, [line for line in fields.DOCUMENTS if line.path == path], write_document)
    take_sources(builder, fields.FURTHER, fields.SOURCES, "type")


def _names(builder: Builder, identifiers: Identifiers, by: Answerable) -> None:
    """What the parties and the kind of battery are called in Catena-X, and what the format says of itself."""
    builder.constant(("specVersion",), "urn:io.catenax.battery.battery_pass:6.1.0")
    put_moment(builder, ("metadata", "version"), "", builder.source.as_of_unix_ms)
    part = ("identification", "identification", "type", "manufacturerPartId")
    builder.name(part, ("model_id",), identifiers.manufacturer_part_id)
    what = "BPNL of who answers for the passport"
    take_named(builder, ("metadata", "economicOperatorId"), by.keys, by.party.bpnl, what)
    made, maker = ("operation", "manufacturer"), identifiers.manufacturer.bpnl
    take_named(builder, (*made, "manufacturer"), ("manufacturer_id",), maker, "BPNL of the manufacturer")
    _take_plant(builder, identifiers, (*made, "facility"))


def _take_plant(builder: Builder, identifiers: Identifiers, path: Path) -> None:
    plant = identifiers.plant.bpna if identifiers.plant else None
    take_named(builder, (*path, 0, "facility"), ("facility_id",), plant, "BPNA of the plant")


def _materials(builder: Builder) -> None:
    critical = listed_as_critical(said(builder, "critical_raw_materials"))
    take_rows(builder, fields.COMPOSITION, _composition_cells(critical))
    take_rows(builder, fields.HAZARDOUS, _hazardous_cells(critical))
    for pre, post in zip(fields.RECYCLED[::2], fields.RECYCLED[1::2], strict=True):
        _recycled(builder, pre, post)
    for line in fields.CRITICAL:
        builder.take(replace(line, convert=_if_listed(str(line.path[2]))))


def _composition_cells(critical: Convert) -> tuple[Cell, ...]:
    return (
        Cell(("id", 0, "name"), "material", text),
        Cell(("id", 0, "id"), "cas", cas_number),
        Cell(("id", 0, "type"), "cas", always("CAS")),
        Cell(("concentration",), "share_percent", share),
        Cell(("unit",), "share_percent", always("unit:percent")),
        Cell(("critical",), "material", critical),
        Cell(("location",), "part", text),
        *(Cell((name,), "", text) for name in ("documentation", "recycled", "renewable")),
    )


def _hazardous_cells(critical: Convert) -> tuple[Cell, ...]:
    return (
        Cell(("materialIdentification", 0, "name"), "material", text),
        Cell(("materialIdentification", 0, "id"), "cas", cas_number),
        Cell(("materialIdentification", 0, "type"), "cas", always("CAS")),
        Cell(("concentration",), "share_percent", share),
        Cell(("materialUnit",), "share_percent", always("unit:percent")),
        Cell(("critical",), "material", critical),
        Cell(("location",), "part", text),
        *(Cell((name,), "", text) for name in ("documentation", "impactOfSubstances")),
    )


def _recycled(builder: Builder, pre: Field, post: Field) -> None:
    """One number for the shares from before and after use, where both are known: their sum."""
    stated = {line.key: said(builder, line.key) for line in (pre, post)}
    shares = {key: content for key, content in stated.items() if isinstance(content, int | Decimal)}
    total = sum(shares.values(), Decimal())
    is_share = all(each >= 0 for each in shares.values()) and total <= 100
    if not shares:
        builder.take(pre)
    elif len(shares) == 1 or not is_share:
        why = "both shares are needed, of 0 to 100 % together"
        for key in shares:
            builder.lose(Why.UNFIT, pre.path, key, why)
    else:
        for key in shares:
            builder.put(pre.path, key, number(total))
            builder.lose(Why.COARSER, pre.path, key, "the shares from before and after use are one number there")


def _if_listed(metal: str) -> Convert:
    return lambda content: listed_as_critical(content)(metal)


def _handling(builder: Builder) -> None:
    take_rows(builder, fields.AGENTS, (Cell(("media",), "media", text), Cell(("fireClass",), "", text)))
    take_rows(builder, fields.PARTS, _PART_CELLS)
    take_rows(builder, fields.PRODUCERS, (Cell(("id",), "id", _bpnl),))
    applicable = ("handling", "applicable")
    if said(builder, fields.PARTS.key) is not None:
        builder.put(applicable, fields.PARTS.key, True)
    else:
        builder.take(replace(fields.PARTS, path=applicable))


def _bpnl(content: Content) -> Converted:
    return bpnl(line_of(content))


_PART_CELLS = (Cell(("manufacturerPartId",), "number", text), Cell(("nameAtManufacturer",), "component", text))
