"""The table of io.catenax.generic.digital_product_passport 7.0.0: which value of a passport stands where, and how.

Paths and names are the model's; requirements are those of its JSON schema. How the groups of lines are written is
decided in product_passport.py.
"""

from __future__ import annotations

from packseal.exchange.export import Converted, Field, UnfitError, number, one_of, text
from packseal.exchange.forms import day, in_parts
from packseal.exchange.legacy.battery_pass_fields import codes, serial, weight
from packseal.exchange.legacy.catenax_parts import STATUSES, footprint_lines
from packseal.exchange.legacy.forms import only_one, period, share, urn_uuid
from packseal.exchange.source import Content

_MANUFACTURING = ("operation", "manufacturing")
_CONTACT_NAMES = {"web": "website", "email": "email", "phone": "phoneNumber"}


def predecessor(content: Content) -> Converted:
    return {"applicable": True, "content": only_one(urn_uuid)(content)}


def carriers(content: Content) -> Converted:
    """Article 13(6) knows one kind; what was stated says where it is."""
    return [{"carrierType": "QR", "carrierPositions": [text(content)]}]


def names(content: Content) -> Converted:
    if not isinstance(content, dict) or "name" not in content:
        raise UnfitError("the target wants a name; none is stated")
    return [text(content["name"])]


def contact(content: Content) -> Converted:
    """Of a party, as far as it is stated."""
    stated = content if isinstance(content, dict) else {}
    found: dict[str, Converted] = {name: text(stated[key]) for key, name in _CONTACT_NAMES.items() if key in stated}
    if not found:
        raise UnfitError("the target wants a way to reach the party; none is stated")
    return found


def years(content: Content) -> Converted:
    return {"lifeValue": number(content), "lifeUnit": "unit:year", "lifeType": "technical lifetime"}


def cycles(content: Content) -> Converted:
    return {"lifeValue": number(content), "lifeUnit": "unit:cycle", "lifeType": "technical lifetime"}


def guaranteed(content: Content) -> Converted:
    length, unit = period(content)
    return {"lifeValue": length, "lifeUnit": f"unit:{unit}", "lifeType": "guaranteed lifetime"}


PLAIN = (
    Field(("metadata", "passportIdentifier"), "passport_id", urn_uuid, True, "",
          "the passport's 128 bits, spelt as a UUID"),
    Field(("metadata", "predecessor"), "previous_passports", predecessor, True, "Art. 77(7)", "room for one"),
    Field(("metadata", "registrationIdentifier"), "registration_id", text, False, "Art. 77(10)"),
    Field(("metadata", "economicOperator", "economicOperatorAddress"), "operator_id", in_parts, True, "Art. 77(4)",
          "one text, which a person has to part"),
    Field(("metadata", "economicOperator", "economicOperatorContact"), "operator_id", contact, True, "Art. 77(4)"),
    Field(("identification", "partTypeInformation", "nameAtManufacturer"), "model_id", text, True, "Art. 38(6)"),
    Field(("identification", "codes"), "battery_uid", codes, True, "Art. 77(3)"),
    Field(("identification", "serialInformation"), "serial_number", serial, False, "Art. 38(6)", "as partInstanceId"),
    Field(("identification", "dataCarriers"), "data_carrier", carriers, True, "Art. 13(6)", "its text as the place"),
    Field((*_MANUFACTURING, "manufacturingDate"), "manufacturing_date", day, False, "Annex VI A (4)",
          "wants a day; a month alone is lost"),
    Field((*_MANUFACTURING, "manufacturer", "manufacturerNames"), "manufacturer_id", names, True, "Annex VI A (1)"),
    Field((*_MANUFACTURING, "manufacturer", "manufacturerContact"), "manufacturer_id", contact, True,
          "Annex VI A (1)"),
    Field((*_MANUFACTURING, "manufacturer", "manufacturerAddress"), "manufacturer_id", in_parts, True,
          "Annex VI A (1)", "one text, which a person has to part"),
    Field((*_MANUFACTURING, "facilities", 0, "facilityIdentification"), "facility_id", text, True, "Annex VI A (3)"),
    Field((*_MANUFACTURING, "facilities", 0, "facilityAddress"), "facility_id", in_parts, True, "Annex VI A (3)",
          "one text, which a person has to part"),
    Field(("characteristics", "physicalDimension", "weight"), "mass", weight, True, "Annex VI A (5)"),
    Field(("commercial", "placedOnMarket"), "placed_on_market_date", day, False, "Art. 77(1)"),
    Field(("sustainability", "productStatus"), "status", one_of(STATUSES), True, "Annex XIII 4(c)"),
)  # fmt: skip
LIFESPAN = (
    Field(("characteristics", "lifespan"), "expected_years", years, True, "Annex XIII 4(a)", "technical lifetime"),
    Field(("characteristics", "lifespan"), "expected_cycles", cycles, False, "Annex XIII 1(j)", "technical lifetime"),
    Field(("characteristics", "lifespan"), "warranty", guaranteed, False, "Annex XIII 1(m)", "guaranteed lifetime"),
)
CATEGORIES = {  # key -> category of the document, as the model spells it
    "declaration_of_conformity": "EU Declaration of Conformity",
    "test_reports": "Result of Tests Reports",
    "third_party_assurance": "Report from Third-parties Verifications",
    "due_diligence_report": "Due Diligence Policy Report",
    "dismantling_manuals": "Dismantling Information",
    "safety_measures": "Safety Information",
    "instructions": "Instructions",
    "labels_meaning": "Meaning of Labels and Symbols",
    "separate_collection_symbol": "Specific Mandatory Labels",
    "cd_pb_symbol": "Specific Mandatory Labels",
    "cf_label": "Specific Mandatory Labels",
    "cf_study": "Environmental Impact",
    "extinguishing_agent": "Usable Extinguish Agents Information",
    "substance_impact": "Material and Substance Information",
    "reference_test": "Repairability or Durability Documentation",
    "info_waste_prevention": "Waste Generation and Prevention",
    "info_separate_collection": "Waste Separate Collection",
    "info_collection_second_life": "End of Life",
    "bms_interface": "Technical Documentation",
}
SOURCES = tuple(
    Field(("sources",), key, text, key == "declaration_of_conformity", "", f"category {category}")
    for key, category in CATEGORIES.items()
)
CARBON = footprint_lines(("sustainability", "productFootprint", "carbon"))
MATERIALS = Field(("composition", "materialInformation", "materials"), "detailed_composition", share, True,
                  "Annex XIII 2(a)", "share in percent")  # fmt: skip
COMPONENTS = Field(("composition", "componentInformation", "content"), "component_part_numbers", text, False,
                   "Annex XIII 2(b)")  # fmt: skip
HAS_COMPONENTS = Field(("composition", "componentInformation", "applicable"), "component_part_numbers", text, True,
                       "Annex XIII 2(b)")  # fmt: skip
PARTS = Field(("handling", "content"), "component_part_numbers", text, False, "Annex XIII 2(b)")
HAS_PARTS = Field(("handling", "applicable"), "component_part_numbers", text, True, "Annex XIII 2(b)")
ABSENT = tuple(
    Field(path, "", text, True, note="no attribute of a passport states it")
    for path in (
        ("metadata", "expirationDate"),
        ("metadata", "issueDate"),
        ("metadata", "backupReference"),
        ("metadata", "language"),
        ("identification", "partClassification"),
        ("identification", "productImages"),
        ("operation", "import"),
        ("operation", "extendedProducerResponsibilityScheme"),
        ("characteristics", "physicalDimension", "grossWeight"),
        ("characteristics", "physicalDimension", "grossVolume"),
        ("characteristics", "physicalDimension", "volume"),
        ("commercial", "purpose"),
        ("commercial", "recallInformation"),
        ("sustainability", "reusability"),
        ("sustainability", "recycleabilityPerformance"),
        ("compliances",),
    )
)
ALL = (
    *PLAIN, *LIFESPAN, *SOURCES, *CARBON, MATERIALS, COMPONENTS, HAS_COMPONENTS, PARTS, HAS_PARTS, *ABSENT,
)  # fmt: skip
UNITS = {  # UCUM -> the unit catalogue of SAMM, where it has it
    "%": "unit:percent", "%/month": "unit:percentPerMonth", "A": "unit:ampere", "Ah": "unit:ampereHour",
    "Cel": "unit:degreeCelsius", "Ohm": "unit:ohm", "V": "unit:volt", "W": "unit:watt", "a": "unit:year",
    "kW": "unit:kilowatt", "kWh": "unit:kilowattHour", "kg": "unit:kilogram", "mA": "unit:milliampere",
    "mV": "unit:millivolt", "min": "unit:minuteUnitOfTime",
}  # fmt: skip
