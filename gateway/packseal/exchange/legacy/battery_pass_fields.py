"""The table of io.catenax.battery.battery_pass 6.1.0: which value of a passport stands at which path, and how.

Paths and names are the model's; requirements are those of its JSON schema. What each group of lines is written with is
decided in battery_pass.py.
"""

from __future__ import annotations

from packseal.exchange.export import Converted, Field, number, one_of, scaled, text
from packseal.exchange.forms import day
from packseal.exchange.legacy.catenax_parts import STATUSES, footprint_lines
from packseal.exchange.legacy.forms import always, at_charge, of_component, only_one, period, share, urn_uuid, whole
from packseal.exchange.source import Content

CATEGORIES = {"EV": "EV", "LMT": "LMT", "other_industrial": "industrial"}  # no word for stationary storage
_IDENTIFICATION = ("identification", "identification")
_RATED = ("performance", "rated")
_DYNAMIC = ("performance", "dynamic")
_DOCUMENTS = ("sustainability", "documents")
_NO_VALUE = "no attribute of a passport states it"


def codes(content: Content) -> Converted:
    return [{"key": "uniqueProductIdentifier", "value": text(content)}]


def serial(content: Content) -> Converted:
    return [{"key": "partInstanceId", "value": text(content)}]


def carrier(content: Content) -> Converted:
    """Article 13(6) knows one kind; what was stated says where it is."""
    return {"carrierType": "QR", "carrierLayout": text(content)}


def weight(content: Content) -> Converted:
    return {"value": number(content), "unit": "unit:kilogram"}


def warranty(content: Content) -> Converted:
    length, unit = period(content)
    return {"lifeValue": length, "lifeUnit": f"unit:{unit}"}


PLAIN = (
    Field(("identification", "category"), "battery_category", one_of(CATEGORIES), True, "Art. 3(1)(11)-(15)",
          "no word for stationary storage"),
    Field(("identification", "idDmc"), "battery_uid", text, True, "Art. 77(3)"),
    Field(("identification", "chemistry"), "chemistry", text, True, "Annex XIII 1(b)"),
    Field((*_IDENTIFICATION, "type", "nameAtManufacturer"), "model_id", text, True, "Art. 38(6)"),
    Field((*_IDENTIFICATION, "codes"), "battery_uid", codes, True, "Art. 77(3)", "beside idDmc"),
    Field((*_IDENTIFICATION, "serial"), "serial_number", serial, False, "Art. 38(6)", "as partInstanceId"),
    Field((*_IDENTIFICATION, "dataCarrier"), "data_carrier", carrier, True, "Art. 13(6)", "its text as the layout"),
    Field(("characteristics", "warranty"), "warranty", warranty, True, "Annex XIII 1(m)", "a length; a date is lost"),
    Field(("characteristics", "physicalDimension", "weight"), "mass", weight, True, "Annex VI A (5)"),
    Field(("operation", "manufacturer", "manufacturingDate"), "manufacturing_date", day, False, "Annex VI A (4)",
          "wants a day; a month alone is lost"),
    Field(("operation", "intoServiceDate"), "into_service_date", day, False, "Annex VII B (1)",
          "wants a day; a month alone is lost"),
    Field(("sustainability", "status"), "status", one_of(STATUSES), True, "Annex XIII 4(c)"),
    Field(("metadata", "passportIdentifier"), "passport_id", urn_uuid, True, "",
          "the passport's 128 bits, spelt as a UUID"),
    Field(("metadata", "predecessor"), "previous_passports", only_one(urn_uuid), True, "Art. 77(7)", "room for one"),
    Field(("metadata", "registrationIdentifier"), "registration_id", text, False, "Art. 77(10)"),
    Field(("commercial", "placedOnMarket"), "placed_on_market_date", day, False, "Art. 77(1)"),
    Field((*_RATED, "voltage", "min"), "min_voltage", number, True, "Annex XIII 1(h)"),
    Field((*_RATED, "voltage", "max"), "max_voltage", number, True, "Annex XIII 1(h)"),
    Field((*_RATED, "voltage", "nominal"), "nominal_voltage", number, True, "Annex XIII 1(h)"),
    Field((*_RATED, "roundTripEfficiency", "initial"), "initial_rte", number, True, "Annex XIII 1(n)"),
    Field((*_RATED, "roundTripEfficiency", "50PercentLife"), "rte_50", number, True, "Annex XIII 1(n)"),
    Field((*_RATED, "energy", "value"), "certified_energy", number, False, "UN GTR 22"),
    Field((*_RATED, "resistance", "cell"), "initial_resistance", of_component("cell"), True, "Annex XIII 1(o)"),
    Field((*_RATED, "resistance", "pack"), "initial_resistance", of_component("pack"), True, "Annex XIII 1(o)"),
    Field((*_RATED, "power", "value"), "max_power", number, True, "Annex XIII 1(i)"),
    Field((*_RATED, "power", "at20SoC"), "original_power", at_charge(20), True, "Annex XIII 1(i)"),
    Field((*_RATED, "power", "at80SoC"), "original_power", at_charge(80), True, "Annex XIII 1(i)"),
    Field((*_RATED, "capacity", "thresholdExhaustion"), "exhaustion_threshold", number, True, "Annex XIII 1(k)"),
    Field((*_RATED, "temperature", "lower"), "idle_temp_min", number, True, "Annex XIII 1(l)"),
    Field((*_RATED, "temperature", "upper"), "idle_temp_max", number, True, "Annex XIII 1(l)"),
    Field((*_RATED, "selfDischargingRate"), "initial_self_discharge", number, True, "", "% a month"),
    Field((*_RATED, "lifetime", "expectedYears"), "expected_years", whole, True, "Annex XIII 4(a)", "whole years"),
    Field((*_RATED, "lifetime", "cycleLifeTesting", "cycles"), "expected_cycles", number, True, "Annex XIII 1(j)"),
    Field((*_RATED, "lifetime", "cycleLifeTesting", "appliedDischargeRate"), "c_rate_cycle_test", number, True,
          "Annex XIII 1(p)"),
    Field((*_DYNAMIC, "selfDischargingRate"), "self_discharge", number, True, "Annex VII A (4)",
          "% in 30 days stands for % a month; no place for its time"),
)  # fmt: skip
RATED_CAPACITY = (
    Field((*_RATED, "capacity", "value"), "rated_capacity", number, True, "Annex XIII 1(g)"),
    Field((*_RATED, "capacity", "value"), "rated_capacity_item", number, False, "Annex XIII 4(a)",
          "where the model's is not stated"),
)  # fmt: skip
TIMED = (
    Field((*_DYNAMIC, "stateOfCharge", "value"), "soc", number, True, "Annex XIII 4(d)"),
    Field((*_DYNAMIC, "fullCycles", "value"), "full_cycles", whole, True, "Annex VII B (5)", "whole cycles"),
    Field((*_DYNAMIC, "power", "fade", "value"), "power_fade", number, True, "Annex XIII 4(a)"),
    Field((*_DYNAMIC, "power", "remaining", "value"), "power_at_80", scaled("1000"), True, "Annex VII A (2)",
          "kW to W; room for one state of charge: that at 80 %"),
    Field((*_DYNAMIC, "capacity", "fade", "value"), "capacity_fade", number, True, "Annex XIII 4(a)"),
    Field((*_DYNAMIC, "capacity", "throughput", "value"), "capacity_throughput", number, True, "Annex VII B (3)",
          "no place for charge and discharge apart"),
    Field((*_DYNAMIC, "capacity", "capacity", "value"), "remaining_capacity", number, True, "Annex VII A (1)"),
    Field((*_DYNAMIC, "roundTripEfficiency", "fade", "value"), "rte_fade", number, True, "Annex XIII 4(a)"),
    Field((*_DYNAMIC, "roundTripEfficiency", "remaining", "value"), "round_trip_efficiency", number, True,
          "Annex VII A (3)"),
    Field((*_DYNAMIC, "resistance", "increase", "pack", "value"), "resistance_increase", number, True,
          "Annex XIII 4(a)"),
    Field((*_DYNAMIC, "resistance", "remaining", "pack", "value"), "ohmic_resistance", number, True,
          "Annex VII A (5)"),
    Field((*_DYNAMIC, "energy", "soce", "value"), "soce_cpct", number, True, "Annex VII A",
          "required of every category, a duty of EV alone"),
    Field((*_DYNAMIC, "energy", "remaining", "value"), "usable_energy", number, True, "UN GTR 22"),
    Field((*_DYNAMIC, "energy", "throughput", "value"), "energy_throughput", number, False, "Annex VII B (2)",
          "no place for charge and discharge apart"),
)  # fmt: skip
DOCUMENTS = (
    Field((*_DOCUMENTS, "separateCollection"), "info_separate_collection", text, True, "Art. 74(1)(b)"),
    Field((*_DOCUMENTS, "separateCollection"), "separate_collection_symbol", text, False, "Art. 13(4)"),
    Field((*_DOCUMENTS, "wastePrevention"), "info_waste_prevention", text, True, "Art. 74(1)(a)"),
    Field((*_RATED, "lifetime", "report"), "reference_test", text, True, "Annex XIII 1(j)"),
    Field((*_DYNAMIC, "negativeEvents"), "negative_events", text, False, "Annex XIII 4(d)", "each as a line of text"),
    Field(("conformity", "declarationOfConformity"), "declaration_of_conformity", text, True, "Art. 18"),
    Field(("conformity", "resultOfTestReport"), "test_reports", text, True, "Annex XIII 3"),
    Field(("conformity", "thirdPartyAssurance"), "third_party_assurance", text, True, "Art. 49(1)(d)"),
    Field(("conformity", "dueDiligencePolicy"), "due_diligence_report", text, True, "Art. 52(3)"),
    Field(("safety", "safetyMeasures"), "safety_measures", text, True, "Annex XIII 2(d)"),
    Field(("safety", "safetyMeasures"), "instructions", text, False, "Annex XIII 1(t)"),
    Field(("safety", "meaningOfLabels"), "labels_meaning", text, True, "Art. 74(1)(e)"),
    Field(("safety", "dismantling"), "dismantling_manuals", text, True, "Annex XIII 2(c)"),
)  # fmt: skip
SOURCES = {  # key -> category of a document that has no field of its own
    "info_collection_second_life": "Treatment facilities",
    "cd_pb_symbol": "Safety Information",
    "cf_label": "Environmental Impact",
    "substance_impact": "Material and Substance Information",
    "bms_interface": "Technical Documentation",
}
FURTHER = tuple(
    Field(("sources",), key, text, False, "", f"document of the category {SOURCES[key]}") for key in SOURCES
)
CARBON = footprint_lines(("sustainability", "carbonFootprint"))
AGENTS = Field(("safety", "usableExtinguishAgent"), "extinguishing_agent", text, True, "Annex VI A (9)",
               "wants the class of fire, which nobody states")  # fmt: skip
COMPOSITION = Field(("materials", "composition"), "detailed_composition", share, True, "Annex XIII 2(a)",
                    "share in percent; wants recycled and renewable shares of each material")  # fmt: skip
HAZARDOUS = Field(("materials", "hazardous", "other"), "hazardous_substances", share, False, "Annex VI A (8)")
PARTS = Field(("handling", "content", "sparePart"), "component_part_numbers", text, True, "Annex XIII 2(b)")
PRODUCERS = Field(("handling", "content", "producer"), "spare_part_sources", text, True, "Annex XIII 2(b)",
                  "their BPNL alone")  # fmt: skip
METALS = ("nickel", "cobalt", "lithium", "lead")
RECYCLED = tuple(
    Field(("materials", "active", metal, "recycled"), f"recycled_{metal}_{origin}", number, origin == "pre",
          "Art. 8(1)", "before and after use are one number there")
    for metal in METALS for origin in ("pre", "post")
)  # fmt: skip
CRITICAL = tuple(
    Field(("materials", "active", metal, "critical"), "critical_raw_materials", always(True), True, "Annex XIII 1(b)",
          "where the list names it")
    for metal in METALS
)  # fmt: skip
ABSENT = tuple(
    Field(path, "", text, True, note=_NO_VALUE)
    for path in (
        (*_IDENTIFICATION, "classification"),
        ("metadata", "expirationDate"),
        ("metadata", "issueDate"),
        ("metadata", "backupReference"),
        ("commercial", "purpose"),
        (*_RATED, "roundTripEfficiency", "depthOfDischarge"),
        (*_RATED, "lifetime", "cycleLifeTesting", "temperature"),
        (*_RATED, "lifetime", "cycleLifeTesting", "depthOfDischarge"),
        (*_RATED, "lifetime", "cycleLifeTesting", "appliedChargeRate"),
        (*_DYNAMIC, "resistance", "increase", "cell"),
        (*_DYNAMIC, "resistance", "remaining", "cell"),
        ("materials", "hazardous", "cadmium"),
        ("materials", "hazardous", "mercury"),
        ("materials", "hazardous", "lead"),
        *(("materials", "active", metal, name) for metal in METALS for name in ("location", "documentation")),
        *(("materials", "active", "lead", name) for name in ("impactOfSubstances", "concentration", "materialUnit")),
    )
)  # fmt: skip
ALL = (
    *PLAIN, *RATED_CAPACITY, *TIMED, *DOCUMENTS, *FURTHER, *CARBON, AGENTS, COMPOSITION, HAZARDOUS, PARTS, PRODUCERS,
    *RECYCLED, *CRITICAL, *ABSENT,
)  # fmt: skip
