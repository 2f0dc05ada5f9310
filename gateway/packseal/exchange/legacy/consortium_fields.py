"""The table of the Battery Pass consortium's data model 1.2: which value of a passport stands where, and how.

Seven aspects in one document, each under its name. The model's typing errors (`batteryTechicalProperties`,
`warrentyPeriod`, `thirdPartyAussurances`, `supplyChainIndicies`) are names on the wire. Its aspect of performance has
two versions, 1.2.0 and 1.2.1, which differ in names and in what has a time.
"""

from __future__ import annotations

import re

from packseal.exchange.export import Convert, Converted, Field, Path, UnfitError, number, one_of, scaled, text
from packseal.exchange.forms import decimal, in_parts
from packseal.exchange.legacy.forms import no_time_of_day, share, whole
from packseal.exchange.source import Content

CATEGORIES = {"EV": "ev", "LMT": "lmt", "SBESS": "stationary", "other_industrial": "industrial"}
STATUSES = {
    "original": "Original", "repurposed": "Repurposed", "re-used": "Reused", "remanufactured": "Remanufactured",
    "waste": "Waste",
}  # fmt: skip
HAZARDS = {
    "acute toxicity": "AcuteToxicity",
    "skin corrosion or irritation": "SkinCorrosionOrIrritation",
    "eye damage or irritation": "EyeDamageOrIrritation",
}
METALS = {"cobalt": "Cobalt", "nickel": "Nickel", "lithium": "Lithium", "lead": "Lead"}
MAX_YEARS = 32_767  # its type has 16 bits
_PASSPORT = re.compile(r"[a-z0-9]{1,64}")
_EMAIL = re.compile(r"[\w.-]+@[\w.-]+\.[A-Za-z]{2,}")
_PATTERN_EMAIL = re.compile(r"[w.-]+@[w.-]+.[A-Za-z]{2,}")  # as the model has it, with w where \w was meant


def passport_urn(content: Content) -> Converted:
    if not isinstance(content, str) or not _PASSPORT.fullmatch(content):
        raise UnfitError("the target wants small letters and digits alone")
    return f"urn:packseal:{content}"


def of_party(name: str) -> Convert:
    """One text of a party's table."""

    def read(content: Content) -> Converted:
        if not isinstance(content, dict) or name not in content:
            raise UnfitError(f"its {name} is not stated")
        return text(content[name])

    return read


def party_email(content: Content) -> Converted:
    found = of_party("email")(content)
    if not isinstance(found, str) or not _PATTERN_EMAIL.fullmatch(found):
        raise UnfitError("the target's own pattern refuses all but addresses of w, dots and dashes")
    return found


def email(content: Content) -> Converted:
    if not isinstance(content, str) or not _EMAIL.fullmatch(content):
        raise UnfitError("the target wants an address of mail")
    return content


def month_of_year(_content: Content) -> Converted:
    raise UnfitError("the target's type is a month of the year, which no length of time and no date is")


def one_boundary(_content: Content) -> Converted:
    raise UnfitError("the target has one number for a range of two")


def stage(word: str) -> Convert:
    return lambda content: {"lifecycleStage": word, "carbonFootprint": number(content)}


def texts(content: Content) -> Converted:
    return [text(one) for one in content] if isinstance(content, list) else [text(content)]


def hazard(content: Content) -> Converted:
    return one_of(HAZARDS)(content.casefold() if isinstance(content, str) else content)


def idle_boundary(content: Content) -> Converted:
    if not -100 <= number(content) <= 200:
        raise UnfitError("the target takes -100 to 200 degrees Celsius")
    return number(content)


def whole_years(content: Content) -> Converted:
    if not 0 <= number(content) <= MAX_YEARS:
        raise UnfitError(f"the target takes 0 to {MAX_YEARS} years")
    return whole(content)


_GENERAL = ("GeneralProductInformation",)
_MAKER = (*_GENERAL, "manufacturerInformation")
_CARBON = ("CarbonFootprint",)
_END = ("Circularity", "endOfLifeInformation")
_CHEMISTRY = ("MaterialComposition", "batteryChemistry")
_NEW: Path = ("Performance", "batteryTechicalProperties")
_NOW: Path = ("Performance", "batteryCondition")

PLAIN = (
    Field((*_GENERAL, "productIdentifier"), "battery_uid", text, True, "6.1.2.2"),
    Field((*_GENERAL, "batteryPassportIdentifier"), "passport_id", passport_urn, True, "6.1.2.1", "urn:packseal:…"),
    Field((*_GENERAL, "batteryCategory"), "battery_category", one_of(CATEGORIES), True, "6.1.3.5"),
    Field((*_MAKER, "contactName"), "manufacturer_id", of_party("name"), True, "6.1.2.4"),
    Field((*_MAKER, "postalAddress"), "manufacturer_id", in_parts, True, "6.1.2.4",
          "one text; a person has to part it"),
    Field((*_MAKER, "emailAddress"), "manufacturer_id", party_email, False, "6.1.2.4", "the model's pattern is wrong"),
    Field((*_MAKER, "webAddress"), "manufacturer_id", of_party("web"), False, "6.1.2.4"),
    Field((*_GENERAL, "manufacturingDate"), "manufacturing_date", no_time_of_day, True, "6.1.3.2",
          "wants a time of day, which nobody states"),
    Field((*_GENERAL, "batteryStatus"), "status", one_of(STATUSES), True, "6.1.3.7"),
    Field((*_GENERAL, "batteryMass"), "mass", number, True, "6.1.3.6", "kg"),
    Field((*_GENERAL, "manufacturingPlace"), "facility_id", in_parts, True, "6.1.3.1", "wants an address in parts"),
    Field((*_GENERAL, "operatorInformation", "postalAddress"), "operator_id", in_parts, True, "6.1.2.3",
          "wants an address in parts"),
    Field((*_GENERAL, "puttingIntoService"), "into_service_date", no_time_of_day, True, "6.1.3.3",
          "wants a time of day, which nobody states"),
    Field((*_GENERAL, "warrentyPeriod"), "warranty", month_of_year, True, "6.1.3.4", "the model's type is wrong"),
    Field((*_CARBON, "batteryCarbonFootprint"), "cf_total", number, True, "6.3.2"),
    Field((*_CARBON, "carbonFootprintPerformanceClass"), "cf_class", text, True, "6.3.7"),
    Field((*_CARBON, "absoluteCarbonFootprint"), "cf_absolute", scaled("1000"), False, "6.3.10", "t to kg"),
    Field(("Circularity", "safetyMeasures", "extinguishingAgent"), "extinguishing_agent", texts, True, "6.2.5"),
    Field(("Circularity", "renewableContent"), "renewable_content", number, True, "6.6.2.11"),
    Field((*_CHEMISTRY, "shortName"), "chemistry", text, True, "6.5.2", "one name, written in both places"),
    Field((*_CHEMISTRY, "clearName"), "chemistry", text, True, "6.5.2", "one name, written in both places"),
    Field(("SupplyChainDueDiligence", "supplyChainIndicies"), "supply_chain_indices", number, False, "6.4.4"),
    Field((*_NEW, "ratedMaximumPower"), "max_power", scaled("0.001"), True, "6.7.3.5", "W to kW"),
    Field((*_NEW, "powerCapabilityRatio"), "power_energy_ratio", number, True, "6.7.3.6"),
    Field((*_NEW, "ratedEnergy"), "certified_energy", number, True, "6.7.2.5", "required of every category"),
    Field((*_NEW, "expectedNumberOfCycles"), "expected_cycles", number, True, "6.7.6.3"),
    Field((*_NEW, "initialSelfDischarge"), "initial_self_discharge", number, True, "6.7.4.6"),
    Field((*_NEW, "roundtripEfficiency"), "initial_rte", number, True, "6.7.4.2"),
    Field((*_NEW, "expectedLifetime"), "expected_years", whole_years, True, "6.7.6.2", "whole years"),
    Field((*_NEW, "nominalVoltage"), "nominal_voltage", number, True, "6.7.2.11"),
    Field((*_NEW, "minimumVoltage"), "min_voltage", number, True, "6.7.2.9"),
    Field((*_NEW, "maximumVoltage"), "max_voltage", number, True, "6.7.2.10"),
    Field((*_NEW, "capacityThresholdForExhaustion"), "exhaustion_threshold", number, True, "6.7.6.9",
          "required of every category, a duty of EV alone"),
    Field((*_NEW, "cRateLifeCycleTest"), "c_rate_cycle_test", number, True, "6.7.6.6"),
)  # fmt: skip
RATED_CAPACITY = (
    Field((*_NEW, "ratedCapacity"), "rated_capacity", number, True, "6.7.2.2"),
    Field((*_NEW, "ratedCapacity"), "rated_capacity_item", number, False, "6.7.2.2", "where the model's is not stated"),
)
LINKS = (
    Field((*_CARBON, "carbonFootprintStudy"), "cf_study", text, True, "6.3.8"),
    Field(("Labels", "declarationOfConformity"), "declaration_of_conformity", text, True, "6.2.7", "room for one"),
    Field(("Labels", "resultOfTestReport"), "test_reports", text, True, "6.2.8", "room for one"),
    Field(("Circularity", "safetyMeasures", "safetyInstructions"), "safety_measures", text, True, "6.6.1.5",
          "room for one"),
    Field((*_END, "wastePrevention"), "info_waste_prevention", text, True, "6.6.3.2", "room for one"),
    Field((*_END, "separateCollection"), "info_separate_collection", text, True, "6.6.3.3", "room for one"),
    Field((*_END, "informationOnCollection"), "info_collection_second_life", text, True, "6.6.3.4", "room for one"),
    Field(("SupplyChainDueDiligence", "supplyChainDueDiligenceReport"), "due_diligence_report", text, True, "6.4.2",
          "room for one"),
    Field(("SupplyChainDueDiligence", "thirdPartyAussurances"), "third_party_assurance", text, False, "6.4.3",
          "room for one"),
    Field((*_NEW, "lifetimeReferenceTest"), "reference_test", text, True, "6.7.6.5", "wants a link"),
)  # fmt: skip
STAGES = tuple(
    Field((*_CARBON, "carbonFootprintPerLifecycleStage"), key, stage(word), key == "cf_raw", clause)
    for key, word, clause in (
        ("cf_raw", "RawMaterialExtraction", "6.3.3"),
        ("cf_production", "MainProduction", "6.3.4"),
        ("cf_distribution", "Distribution", "6.3.5"),
        ("cf_eol", "Recycling", "6.3.6"),
    )
)
LABELS = {  # key of the symbol -> what it is about
    "separate_collection_symbol": "SeparateCollection",
    "cd_pb_symbol": "HazardousMaterial",
    "cf_label": "CarbonFootPrint",
}
SYMBOLS = (
    *(Field(("Labels", "labels"), key, text, key == "separate_collection_symbol", "6.2", word)
      for key, word in LABELS.items()),
    Field(("Labels", "labels"), "labels_meaning", text, False, "6.2.6", "with each label; its language is not stated"),
)  # fmt: skip
MANUALS = Field(("Circularity", "dismantlingAndRemovalInformation"), "dismantling_manuals", text, True, "6.6.1.2",
                "wants the type of the file, known of attached ones alone")  # fmt: skip
SPARES = Field(("Circularity", "sparePartSources"), "spare_part_sources", text, True, "6.6.1.4",
               "wants an address in parts, and which parts each has")  # fmt: skip
RECYCLED = tuple(
    Field(("Circularity", "recycledContent"), f"recycled_{metal}_{origin}", share,
          (metal, origin) == ("cobalt", "pre"), "6.6.2", "an entry for each metal")
    for metal in METALS for origin in ("pre", "post")
)  # fmt: skip
MATERIALS = Field(("MaterialComposition", "batteryMaterials"), "detailed_composition", decimal, True, "6.5.4",
                  "wants grams; shares are stated")  # fmt: skip
HAZARDOUS = Field(("MaterialComposition", "hazardousSubstances"), "hazardous_substances", decimal, True, "6.5.5")
IMPACT = Field(("MaterialComposition", "hazardousSubstances", 0, "hazardousSubstanceImpact"), "substance_impact", texts,
               True, "6.5.6", "where one substance is stated")  # fmt: skip
ORIGINAL_POWER = Field((*_NEW, "originalPowerCapability"), "original_power", decimal, True, "6.7.3.2")
RESISTANCES = Field((*_NEW, "initialInternalResistance"), "initial_resistance", decimal, True, "6.7.5.2")
EVENTS = Field((*_NOW, "negativeEvents"), "negative_events", text, True, "6.7.8.4")
HOURS = tuple(
    Field((*_NOW, "temperatureInformation", name), key, number, True, clause, "min; one time for the four")
    for key, name, clause in (
        ("time_hot", "timeExtremeHighTemp", "6.7.7.5"),
        ("time_cold", "timeExtremeLowTemp", "6.7.7.6"),
        ("time_charging_hot", "timeExtremeHighTempCharging", "6.7.7.7"),
        ("time_charging_cold", "timeExtremeLowTempCharging", "6.7.7.8"),
    )
)
ALWAYS = (
    *PLAIN, *RATED_CAPACITY, *LINKS, *STAGES, *SYMBOLS, MANUALS, SPARES, *RECYCLED, MATERIALS, HAZARDOUS, IMPACT,
    ORIGINAL_POWER, RESISTANCES, EVENTS, *HOURS,
)  # fmt: skip

_TIMED = (
    ("capacity_throughput", "capacityThroughput", "capacityThroughputValue", number, "6.7.6.8", ""),
    ("full_cycles", "numberOfFullCycles", "numberOfFullCyclesValue", whole, "6.7.6.4", "whole cycles"),
    ("soce_cpct", "stateOfCertifiedEnergy", "stateOfCertifiedEnergyValue", number, "6.7.2.7",
     "required of every category, a duty of EV alone"),
    ("capacity_fade", "capacityFade", "capacityFadeValue", number, "6.7.2.4", ""),
    ("remaining_capacity", "remainingCapacity", "remainingCapacityValue", number, "6.7.2.3", "Ah"),
    ("round_trip_efficiency", "remainingRoundTripEnergyEfficiency", "remainingRoundTripEnergyEfficiencyValue", number,
     "6.7.4.4", ""),
    ("soc", "stateOfCharge", "stateOfChargeValue", number, "6.7.2.8", ""),
)  # fmt: skip


def _timed(key: str, group: str, name: str, convert: Convert, clause: str, note: str = "") -> Field:
    return Field((*_NOW, group, name), key, convert, True, clause, note)


TIMED = tuple(_timed(*row) for row in _TIMED)
INCREASE = Field((*_NOW, "internalResistanceIncrease", 0, "internalResistanceIncreaseValue"), "resistance_increase",
                 number, True, "6.7.5.3", "of the pack")  # fmt: skip
_RATE_NOTE = "% in 30 days"
TIMED_1_2_1 = (
    _timed("energy_throughput", "energyThroughput", "energyThroughputValue", number, "6.7.6.7"),
    _timed("usable_energy", "remainingEnergy", "remainingEnergyValue", number, "6.7.2.6"),
    _timed("self_discharge_evolution", "evolutionOfSelfDischarge", "evolutionOfSelfDischargeValue", number, "6.7.4.8"),
    _timed("self_discharge", "currentSelfDischargingRate", "currentSelfDischargingRateValue", number, "6.7.4.7",
           _RATE_NOTE),
)  # fmt: skip
PLAIN_1_2_1 = (
    Field((*_NEW, "temperatureRangeIdleState", "minimum"), "idle_temp_min", idle_boundary, True, "6.7.7.3"),
    Field((*_NEW, "temperatureRangeIdleState", "maximum"), "idle_temp_max", idle_boundary, True, "6.7.7.4"),
    Field((*_NEW, "roundTripEfficiencyat50PerCentCycleLife"), "rte_50", number, True, "6.7.4.3"),
    Field((*_NEW, "roundTripEfficiencyFade"), "rte_fade", number, True, "6.7.4.5", "no place for its time"),
    Field((*_NEW, "powerFade"), "power_fade", number, True, "6.7.3.4", "no place for its time"),
)
POWER_1_2_1 = (Field((*_NOW, "remainingPowerCapability"), "power_at_80", scaled("1000"), True, "6.7.3.3",
                     "kW to W; room for one state of charge: that at 80 %"),)  # fmt: skip
TIMED_1_2_0 = (
    _timed("usable_energy", "remainingEnergy", "remainingEnergyalue", number, "6.7.2.6"),
    _timed("self_discharge", "currentSelfDischargingRate", "currentSelfDischargingRateEntity", number, "6.7.4.7",
           _RATE_NOTE),
)  # fmt: skip
PLAIN_1_2_0 = (
    Field((*_NEW, "temperatureRangeIdleState"), "idle_temp_min", one_boundary, True, "6.7.7.3", "one number for two"),
    Field((*_NEW, "temperatureRangeIdleState"), "idle_temp_max", one_boundary, False, "6.7.7.4", "one number for two"),
    Field((*_NOW, "roundTripEfficiencyat50PerCentCycleLife"), "rte_50", number, True, "6.7.4.3"),
    Field((*_NOW, "roundTripEfficiencyFade"), "rte_fade", number, True, "6.7.4.5", "no place for its time"),
    Field((*_NOW, "powerFade"), "power_fade", number, True, "6.7.3.4", "no place for its time"),
    Field((*_NOW, "energyThroughput"), "energy_throughput", number, True, "6.7.6.7", "no place for its time"),
    Field((*_NOW, "evolutionOfSelfDischarge", "evolutionOfSelfDischargeEntityValue"), "self_discharge_evolution",
          number, True, "6.7.4.8", "no place for its time"),
)  # fmt: skip
POWER_1_2_0 = tuple(
    Field((*_NOW, "remainingPowerCapability"), f"power_at_{percent}", scaled("1000"), percent == 80, "6.7.3.3",
          "kW to W")
    for percent in (80, 20)
)  # fmt: skip
UNITS_IN_DOUBT = {  # key -> what its description and its unit in the model disagree about
    "original_power": "written in W, as the model describes it; its unit there is percent",
    "power_at_80": "written in W, as the model describes it; its unit there is percent",
    "power_at_20": "written in W, as the model describes it; its unit there is percent",
    "power_energy_ratio": "written in W/Wh, as the model describes it; its unit there is percent",
    "remaining_capacity": "written in Ah, as the model describes it; its unit there is kWh",
}
