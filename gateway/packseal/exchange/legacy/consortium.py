"""Battery Pass consortium, data model 1.2.0 after DIN DKE SPEC 99100, with its aspect of performance 1.2.1 or 1.2.0.

Decides how the lines of consortium_fields.py are put together. Known of the model: it requires nearly everything of
every category, among it the state of certified energy; its types for the warranty and for dates of a day have no place
for either; units of power, of their ratio and of the remaining capacity contradict their descriptions, so a line of
the loss report names the unit that is written, for a person to decide whether the partner reads it so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from packseal.exchange.export import Builder, Export, Field, Path, Target, one_of, text
from packseal.exchange.forms import UNDETERMINED, cas_number, decimal, in_parts, stated_moment
from packseal.exchange.identifiers import Identifiers, Party
from packseal.exchange.legacy import consortium_fields as fields
from packseal.exchange.legacy.entries import (
    Answerable,
    Cell,
    answerable,
    put_moment,
    said,
    say_digits_lost,
    take_entries,
    take_first,
    take_link,
    take_named,
    take_rows,
    take_timed,
)
from packseal.exchange.legacy.forms import Document, documents, listed_as_critical, resource, whole
from packseal.exchange.loss import Why
from packseal.exchange.source import Source

_INCREASE = fields.INCREASE
TARGET = Target(
    "battery-pass",
    "Battery Pass 1.2 (performance 1.2.1)",
    "Battery Pass 1.2.0 with Performance 1.2.1",
    (*fields.ALWAYS, *fields.TIMED, _INCREASE, *fields.PLAIN_1_2_1, *fields.TIMED_1_2_1, *fields.POWER_1_2_1),
)
TARGET_1_2_0 = Target(
    "battery-pass-1.2.0",
    "Battery Pass 1.2 (performance 1.2.0)",
    "Battery Pass 1.2.0",
    (*fields.ALWAYS, *fields.TIMED, _INCREASE, *fields.PLAIN_1_2_0, *fields.TIMED_1_2_0, *fields.POWER_1_2_0),
)


def make(source: Source, identifiers: Identifiers, operator: Party | None = None) -> Export:
    """With performance 1.2.1. operator: who answers for the passport, where that is not the manufacturer."""
    builder = Builder(TARGET, source)
    _take_common(builder, identifiers, answerable(identifiers.manufacturer, operator))
    builder.take_all(fields.PLAIN_1_2_1)
    _take_timed(builder, fields.TIMED_1_2_1)
    for line in fields.POWER_1_2_1:
        _take_power(builder, line, line)
    return _finished(builder)


def make_1_2_0(source: Source, identifiers: Identifiers, operator: Party | None = None) -> Export:
    """With performance 1.2.0."""
    builder = Builder(TARGET_1_2_0, source)
    _take_common(builder, identifiers, answerable(identifiers.manufacturer, operator))
    builder.take_all(fields.PLAIN_1_2_0)
    _take_timed(builder, fields.TIMED_1_2_0)
    told = [line for line in fields.POWER_1_2_0 if said(builder, line.key) is not None]
    place = 0
    for line in told:
        place += _take_power(builder, line, replace(line, path=(*line.path, place)))
    if not told:
        builder.take(fields.POWER_1_2_0[0])
    return _finished(builder)


def _take_common(builder: Builder, identifiers: Identifiers, by: Answerable) -> None:
    """What both versions of the aspect of performance have, and the other six aspects."""
    builder.take_all(fields.PLAIN)
    take_first(builder, fields.RATED_CAPACITY)
    take_entries(builder, fields.STAGES)
    for line in fields.LINKS:
        take_link(builder, replace(line, convert=resource(line.key, builder.source.files)))
    _names(builder, identifiers, by)
    _labels(builder)
    _circularity(builder)
    _materials(builder)
    _performance(builder)


def _finished(builder: Builder) -> Export:
    for line in builder.target.fields:
        if line.convert in (whole, fields.whole_years):
            say_digits_lost(builder, line)
    for key, words in fields.UNITS_IN_DOUBT.items():
        lines = [line for line in builder.target.fields if line.key == key]
        if lines and said(builder, key) is not None:
            builder.lose(Why.DECIDE, lines[0].path, key, words)
    return builder.export()


def _names(builder: Builder, identifiers: Identifiers, by: Answerable) -> None:
    general = ("GeneralProductInformation",)
    of_maker, of_operator = (*general, "manufacturerInformation"), (*general, "operatorInformation")
    maker = identifiers.manufacturer
    builder.name((*of_operator, "contactName"), by.keys, by.party.name)
    what, of = "BPNL, LEI or corporate number", "who answers for the passport"
    take_named(builder, (*of_operator, "identifier"), by.keys, _number_of(by.party), f"{what} of {of}")
    named = _number_of(maker)
    take_named(builder, (*of_maker, "identifier"), ("manufacturer_id",), named, f"{what} of the manufacturer")


def _number_of(party: Party) -> str | None:
    return party.bpnl or party.lei or party.corporate_number


def _labels(builder: Builder) -> None:
    """Each symbol that was stated, with what all of them mean."""
    meaning = fields.SYMBOLS[-1]
    told = [line for line in fields.SYMBOLS[:-1] if said(builder, line.key) is not None]
    for place, line in enumerate(told):
        entry = (*line.path, place)
        shown = replace(line, path=(*entry, "labelingSymbol"), convert=resource(line.key, builder.source.files))
        take_link(builder, shown)
        builder.put((*entry, "labelingSubject"), line.key, fields.LABELS[line.key])
        builder.take(replace(meaning, path=(*entry, "labelingMeaning", UNDETERMINED), is_required=True))
    if not told:
        builder.take(fields.SYMBOLS[0])


def _circularity(builder: Builder) -> None:
    manuals = said(builder, fields.MANUALS.key)
    found = [] if manuals is None else documents(fields.MANUALS.key, manuals, builder.source.files)
    links = [document for document in found if not document.is_text]
    for place, document in enumerate(links):
        _manual(builder, (*fields.MANUALS.path, place), document)
    if not links:
        builder.take(replace(fields.MANUALS, convert=resource(fields.MANUALS.key, builder.source.files)))
    take_rows(builder, fields.SPARES, _SPARE_CELLS)
    _recycled(builder)


def _manual(builder: Builder, path: Path, document: Document) -> None:
    key = fields.MANUALS.key
    builder.put((*path, "documentType"), key, "DismantlingManual")
    builder.put((*path, "documentURL"), key, document.address)
    if document.media_type:
        builder.put((*path, "mimeType"), key, document.media_type)
    else:
        builder.lose(Why.NO_SOURCE, (*path, "mimeType"), key, "required; of a link it is not known")


def _recycled(builder: Builder) -> None:
    """An entry for each metal of which a share was stated."""
    place = 0
    pairs = list(zip(fields.RECYCLED[::2], fields.RECYCLED[1::2], fields.METALS.values(), strict=True))
    for pre, post, word in pairs:
        told = [line.key for line in (pre, post) if said(builder, line.key) is not None]
        if not told:
            continue
        entry = (*pre.path, place)
        builder.put((*entry, "recycledMaterial"), told[0], word)
        for line, name in ((pre, "preConsumerShare"), (post, "postConsumerShare")):
            builder.take(replace(line, path=(*entry, name), is_required=True))
        place += 1
    if not place:
        builder.take(fields.RECYCLED[0])


def _materials(builder: Builder) -> None:
    critical = Cell(("isCriticalRawMaterial",), "material", listed_as_critical(said(builder, "critical_raw_materials")))
    take_rows(builder, fields.MATERIALS, (*_MATERIAL_CELLS, critical))
    take_rows(builder, fields.HAZARDOUS, _HAZARD_CELLS)
    substances, impact = said(builder, fields.HAZARDOUS.key), fields.IMPACT
    count = len(substances) if isinstance(substances, list) else 0
    if count == 1:
        builder.take(impact)
        return
    for place in range(count):
        path = (*fields.HAZARDOUS.path, place, "hazardousSubstanceImpact")
        builder.lose(Why.DECIDE, path, impact.key, "one text speaks of all substances; say which of them does what")


def _performance(builder: Builder) -> None:
    take_rows(builder, fields.ORIGINAL_POWER, _POWER_CELLS)
    take_rows(builder, fields.RESISTANCES, _RESISTANCE_CELLS)
    _take_timed(builder, fields.TIMED)
    if take_timed(builder, _INCREASE, "lastUpdate"):
        builder.put((*_INCREASE.path[:-1], "batteryComponent"), _INCREASE.key, "pack")
    take_rows(builder, fields.EVENTS, _EVENT_CELLS)
    _hours(builder)


def _take_timed(builder: Builder, lines: Iterable[Field]) -> None:
    for line in lines:
        take_timed(builder, line, "lastUpdate")


def _hours(builder: Builder) -> None:
    """One time stands for four values: the earliest of theirs, so that none looks newer than it is."""
    builder.take_all(fields.HOURS)
    told = [builder.source.values[line.key] for line in fields.HOURS if said(builder, line.key) is not None]
    made = [(value.made_unix_ms, value.key) for value in told if value.made_unix_ms is not None]
    path = (*fields.HOURS[0].path[:-1], "lastUpdate")
    if made:
        oldest_unix_ms, key = min(made)
        put_moment(builder, path, key, oldest_unix_ms)
    else:
        builder.lose(Why.NO_SOURCE, path, fields.HOURS[0].key, "required; nobody has stated when they were found")


def _take_power(builder: Builder, line: Field, entry: Field) -> bool:
    """entry: the line at its place in a list, where there is a list. -> whether it was written."""
    of_entry = (*entry.path, "remainingPowerCapabilityValue")
    if not take_timed(builder, replace(line, path=(*of_entry, "powerCapabilityAt")), "rPCLastUpdated"):
        return False
    builder.put((*of_entry, "atSoC"), line.key, int(line.key.rpartition("_")[2]))
    made = builder.source.values[line.key].made_unix_ms
    if made is None:
        builder.lose(Why.NO_SOURCE, (*entry.path, "lastUpdate"), line.key, "required beside the value")
    else:
        put_moment(builder, (*entry.path, "lastUpdate"), line.key, made)
    return True


_MATERIAL_CELLS = (
    Cell(("batteryMaterialName",), "material", text),
    Cell(("batteryMaterialIdentifier",), "cas", cas_number),
    Cell(("batteryMaterialLocation", "componentName"), "part", text),
    Cell(("batteryMaterialMass",), "", text),
)
_HAZARD_CELLS = (
    Cell(("hazardousSubstanceName",), "material", text),
    Cell(("hazardousSubstanceIdentifier",), "cas", cas_number),
    Cell(("hazardousSubstanceConcentration",), "share_percent", decimal),
    Cell(("hazardousSubstanceLocation", "componentName"), "part", text),
    Cell(("hazardousSubstanceClass",), "hazard", fields.hazard),
)
_SPARE_CELLS = (
    Cell(("nameOfSupplier",), "name", text),
    Cell(("addressOfSupplier",), "address", in_parts),
    Cell(("emailAddressOfSupplier",), "email", fields.email),
    Cell(("supplierWebAddress",), "web", text),
    Cell(("components",), "", text),
)
_POWER_CELLS = (Cell(("atSoC",), "soc_percent", decimal), Cell(("powerCapabilityAt",), "power_w", decimal))
_RESISTANCE_CELLS = (
    Cell(("batteryComponent",), "component", one_of({word: word for word in ("pack", "module", "cell")})),
    Cell(("ohmicResistance",), "ohm", decimal),
)
_EVENT_CELLS = (Cell(("negativeEvent",), "text", text), Cell(("lastUpdate",), "at", stated_moment))
