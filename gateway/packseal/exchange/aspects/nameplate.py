"""Battery Nameplate 1.0.0 (IDTA 02035-1): which battery it is, who made it where and when, and what marks it bears.

CX-0160 1.1.0 section 3: UniqueFacilityIdentifier is a BPNS, ManufacturerIdentifier a BPNL. An address in one text is
not taken apart, and a month of manufacture gets no day: both are lines of the losses that name the cure.
"""

from __future__ import annotations

from packseal.exchange.aspects.forms import (
    SPEC,
    documents,
    file_of,
    filled,
    lose_rest,
    multilingual,
    part,
    take_part,
    texts,
)
from packseal.exchange.aspects.parties import (
    FACILITY,
    MANUFACTURER,
    legal_entity,
    site,
    take_facility,
    take_manufacturer,
)
from packseal.exchange.export import Builder, Converted, Export, Field, Target, UnfitError, one_of
from packseal.exchange.forms import day
from packseal.exchange.identifiers import Identifiers
from packseal.exchange.loss import Why
from packseal.exchange.source import Content, Source

MODEL = "urn:samm:io.admin-shell.idta.batterypass.digital_nameplate:1.0.0#BatteryNameplate"
STATUSES = {word: word for word in ("original", "repurposed", "re-used", "remanufactured", "waste")}


def _uri(content: Content) -> Converted:
    if not isinstance(content, str) or not content.startswith(("https://", "http://", "urn:")):
        raise UnfitError("the model wants an address; it stands there as the passport's own")
    return content


def _marking(content: Content) -> Converted:
    """Which files there are; with its name and kind each is a Marking."""
    return list(texts(content))


PRODUCT = Field(("URIOfTheProduct",), "battery_uid", _uri, True, f"{SPEC} 6.1.2.1", "else the passport's address")
NAMED = (
    ("name", Field(("ManufacturerName",), MANUFACTURER, part("name", multilingual), True, f"{SPEC} 6.1.2.4",
                   "in no known language")),
    ("street", Field(("AddressInformation", "Street"), MANUFACTURER, part("street", multilingual), True,
                     f"{SPEC} 6.1.2.3")),
    ("postal_code", Field(("AddressInformation", "ZipCode"), MANUFACTURER, part("postal_code", multilingual), True,
                          f"{SPEC} 6.1.2.3")),
    ("city", Field(("AddressInformation", "CityTown"), MANUFACTURER, part("city", multilingual), True,
                   f"{SPEC} 6.1.2.3")),
    ("country", Field(("AddressInformation", "NationalCode"), MANUFACTURER, part("country", multilingual), True,
                      f"{SPEC} 6.1.2.3", "ISO 3166-1")),
    ("email", Field(("AddressInformation", "Email", "EmailAddress"), MANUFACTURER, part("email", filled),
                    clause=f"{SPEC} 6.1.2.3")),
    ("web", Field(("AddressInformation", "AddressOfAdditionalLink"), MANUFACTURER, part("web", filled),
                  clause=f"{SPEC} 6.1.2.3")),
)  # fmt: skip
MAKER = Field(("ManufacturerIdentifier",), MANUFACTURER, part("id", legal_entity), True, "CX-0160 3", "BPNL")
PLACE = Field(("UniqueFacilityIdentifier",), FACILITY, site, True, "CX-0160 3", "BPNS")
OPERATOR = Field(("OperatorIdentifier",), "operator_id", part("id", filled), clause=f"{SPEC} 6.1.2.3")
PLAIN = (
    Field(("SerialNumber",), "serial_number", filled, True, f"{SPEC} 6.1.2.2"),
    Field(("DateOfManufacture",), "manufacturing_date", day, True, f"{SPEC} 6.1.3.2", "to the day"),
    Field(("DateOfPuttingIntoService",), "into_service_date", day, clause=f"{SPEC} 6.1.3.3", note="to the day"),
    Field(("LifeCycleStage",), "status", one_of(STATUSES), True, f"{SPEC} 6.1.3.7"),
    Field(("EUDeclarationOfConformity",), "declaration_of_conformity", documents, True, f"{SPEC} 6.2.7",
          "identifiers of documents"),
    Field(("ResultsOfTestReportsProvingCompliance",), "test_reports", documents, True, f"{SPEC} 6.2.8",
          "identifiers of documents"),
)  # fmt: skip
MARKINGS = tuple(
    (name, Field(("Markings",), key, _marking, clause=f"{SPEC} {clause}", note="a file and its kind"))
    for name, key, clause in (
        ("separate collection symbol", "separate_collection_symbol", "6.2.2"),
        ("symbol for cadmium or lead", "cd_pb_symbol", "6.2.3"),
        ("carbon footprint label", "cf_label", "6.2.4"),
    )
)
ANY_MARKING = Field(("Markings",), "separate_collection_symbol", _marking, True, f"{SPEC} 6.2.2")
TARGET = Target(
    "nameplate", "Battery Nameplate", MODEL,
    (PRODUCT, *(line for _, line in NAMED), MAKER, PLACE, OPERATOR, *PLAIN, *(line for _, line in MARKINGS)),
)  # fmt: skip


def make(source: Source, link: str = "", identifiers: Identifiers | None = None) -> Export:
    """link: the public address of the passport, "" for none."""
    builder = Builder(TARGET, source)
    _product(builder, link)
    _manufacturer(builder, identifiers)
    take_facility(builder, PLACE, identifiers)
    if take_part(builder, "id", OPERATOR):
        _lose_unread(builder, OPERATOR, {"id"})
    builder.take_all(PLAIN)
    _markings(builder)
    return builder.export()


def _product(builder: Builder, link: str) -> None:
    value = builder.source.values.get(PRODUCT.key)
    said = value.content if value else None
    if link and not (isinstance(said, str) and said.startswith(("https://", "http://", "urn:"))):
        builder.constant(PRODUCT.path, link)
    else:
        builder.take(PRODUCT)


def _manufacturer(builder: Builder, identifiers: Identifiers | None) -> None:
    written = {name for name, line in NAMED if take_part(builder, name, line)}
    take_manufacturer(builder, MAKER, identifiers)
    if written:
        _lose_unread(builder, NAMED[0][1], {*written, "id"})


def _lose_unread(builder: Builder, line: Field, names: set[str]) -> None:
    content = builder.source.values[line.key].content
    lose_rest(builder, line.path, line.key, set(content) - names if isinstance(content, dict) else ())


def _markings(builder: Builder) -> None:
    count = 0
    for name, line in MARKINGS:
        value = builder.source.values.get(line.key)
        if value is None or value.content is None:
            builder.take(line)
            continue
        for reference in _references(builder, line, value.content):
            count += _marked(builder, name, line, reference, count)
    if not count and not any(line.key in builder.source.values for _, line in MARKINGS):
        builder.take(ANY_MARKING)


def _references(builder: Builder, line: Field, content: Content) -> list[str]:
    try:
        return texts(content)
    except UnfitError as error:
        builder.lose(Why.UNFIT, line.path, line.key, str(error))
        return []


def _marked(builder: Builder, name: str, line: Field, reference: str, number: int) -> bool:
    try:
        file = file_of(reference, builder.source.files)
    except UnfitError as error:
        builder.lose(Why.UNFIT, line.path, line.key, str(error))
        return False
    builder.put((*line.path, number), line.key, {"MarkingName": name, "MarkingFile": file})
    return True
