"""Every attribute that a battery passport can hold: what it is, who may see it, and for which category it is a duty.

Decides nothing else: which of them the Commission's guidance asks for is in guidance.py, what is missing on a day in
validity.py, what a reader is shown in access.py. Sources: Regulation (EU) 2023/1542, Articles 10, 13, 14, 77, Annexes
IV, VI, VII, XIII; DIN DKE SPEC 99100 where it asks for more than the regulation; UN GTR No. 22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import TypeAlias

from packseal.passport.settings import CATEGORIES


class Group(IntEnum):
    """Who may see a value (Article 77(2), by the points of Annex XIII). The groups are not nested."""

    PUBLIC = 1
    MODEL = 2  # about the model: persons with a legitimate interest, notified bodies, authorities, the Commission
    AUTHORITIES = 3  # notified bodies, market surveillance, the Commission
    INDIVIDUAL = 4  # about the individual battery: persons with a legitimate interest


class Duty(StrEnum):
    MANDATORY = "mandatory"
    CONDITIONAL = "conditional"  # mandatory where its condition holds, such as "where applicable"
    PENDING = "pending"  # waits for an act that says from when and in which format
    VOLUNTARY = "voluntary"
    PART_B = "part B"  # kept by the BMS (Annex VII part B); no data point of the guidance
    NOT_APPLICABLE = "not applicable"


class Kind(StrEnum):
    """What a value is made of."""

    IDENTIFIER = "identifier"
    PARTY = "party"  # a map: name, address, contact, and an identifier where there is one
    TEXT = "text"
    CHOICE = "choice"
    DATE = "date"
    TIME = "time"
    DECIMAL = "decimal"
    COUNT = "count"
    LIST = "list"
    FILE = "file"
    LINK = "link"


class Section(StrEnum):
    IDENTIFICATION = "identification"
    LABELS = "labels and conformity"
    CARBON_FOOTPRINT = "carbon footprint"
    DUE_DILIGENCE = "due diligence"
    MATERIALS = "materials"
    CIRCULARITY = "circularity"
    CAPACITY = "capacity, energy and voltage"
    POWER = "power"
    EFFICIENCY = "efficiency and self-discharge"
    RESISTANCE = "resistance"
    LIFETIME = "lifetime"
    TEMPERATURE = "temperature"
    EVENTS = "events"
    VEHICLE = "vehicle"  # kept by the vehicle, no part of a passport
    OF_VALUES = "of each value"  # stands beside a value and is seen with it
    SECOND_LIFE = "second life"


DUTY_LETTERS = MappingProxyType(
    {
        "M": Duty.MANDATORY,
        "C": Duty.CONDITIONAL,
        "P": Duty.PENDING,
        "V": Duty.VOLUNTARY,
        "B": Duty.PART_B,
        "-": Duty.NOT_APPLICABLE,
    }
)


def duties(letters: str) -> Mapping[str, Duty]:
    """Of one letter for each category, in the order of settings.CATEGORIES: EV, LMT, SBESS, other_industrial."""
    return MappingProxyType(
        {category: DUTY_LETTERS[letter] for category, letter in zip(CATEGORIES, letters, strict=True)}
    )


@dataclass(frozen=True, slots=True)
class Attribute:
    """`name` reads on in a sentence. `unit` by UCUM, "" for none. `group` None: what is no part of a passport, and what
    stands beside a value and has its group."""

    key: str
    name: str
    section: Section
    unit: str
    kind: Kind
    is_dynamic: bool
    group: Group | None
    duties: Mapping[str, Duty]  # category -> duty
    clause: str


_Row: TypeAlias = tuple[str, str, str, Kind, str, int, str, str]

# Columns: key, name, unit, kind, s(tatic) or d(ynamic), group or 0, duty for EV LMT SBESS other_industrial, clause.
_ROWS: Mapping[Section, tuple[_Row, ...]] = {
    Section.IDENTIFICATION: (
        ("passport_id", "identifier of the passport", "", Kind.IDENTIFIER, "s", 1, "VVVV", "Art. 77(7)-(8)"),
        ("battery_uid", "unique identifier of the battery", "", Kind.IDENTIFIER, "s", 1, "MMMM", "Art. 77(3)"),
        ("registration_id", "number in the EU registry", "", Kind.IDENTIFIER, "s", 3, "MMMM", "Art. 77(10)"),
        ("model_id", "model", "", Kind.TEXT, "s", 1, "MMMM", "Art. 38(6); Annex VI A (2)"),
        ("serial_number", "batch or serial number", "", Kind.TEXT, "s", 1, "MMMM", "Art. 38(6); Annex VI A (2)"),
        ("operator_id", "who is responsible for the passport", "", Kind.PARTY, "d", 1, "MMMM", "Art. 77(4), (7)"),
        ("manufacturer_id", "who manufactured it", "", Kind.PARTY, "s", 1, "MMMM", "Art. 38(7); Annex VI A (1)"),
        ("facility_id", "where it was manufactured", "", Kind.TEXT, "s", 1, "MMMM", "Annex VI A (3)"),
        ("manufacturing_date", "month of manufacture", "", Kind.DATE, "s", 1, "MMMM", "Annex VI A (4)"),
        ("into_service_date", "date of putting into service", "", Kind.DATE, "s", 4, "VBBV", "Annex VII B (1)"),
        ("placed_on_market_date", "date of placing on the market", "", Kind.DATE, "s", 4, "VVVV", "Art. 77(1)"),
        ("warranty", "period of the commercial warranty", "", Kind.TEXT, "s", 1, "CCCC", "Annex XIII 1(m)"),
        ("battery_category", "category", "", Kind.CHOICE, "s", 1, "MMMM", "Art. 3(1)(11)-(15); Annex VI A (2)"),
        ("mass", "mass", "kg", Kind.DECIMAL, "s", 1, "MMMM", "Annex VI A (5)"),
        ("status", "status in its life", "", Kind.CHOICE, "d", 4, "MMMM", "Annex XIII 4(c); Art. 77(7)"),
        ("previous_passports", "passports that it comes from", "", Kind.LIST, "d", 4, "CCCC", "Art. 77(7)"),
        ("data_carrier", "kind and place of the QR code", "", Kind.TEXT, "s", 1, "MMMM", "Art. 13(6)-(7); Annex VI C"),
    ),
    Section.LABELS: (
        ("separate_collection_symbol", "symbol for separate collection", "", Kind.FILE, "s", 1, "MMMM", "Art. 13(4)"),
        ("cd_pb_symbol", "symbol for cadmium or lead", "", Kind.FILE, "s", 1, "CCCC", "Art. 13(5); Annex XIII 1(q)"),
        ("cf_label", "label of the carbon footprint", "", Kind.FILE, "s", 1, "PPPP", "Art. 7(2)"),
        ("extinguishing_agent", "what extinguishes it", "", Kind.LIST, "s", 1, "MMMM", "Annex VI A (9)"),
        ("labels_meaning", "what its labels mean", "", Kind.TEXT, "s", 1, "MMMM", "Art. 74(1)(e); Annex XIII 1(s)"),
        ("declaration_of_conformity", "EU declaration of conformity", "", Kind.FILE, "s", 1, "MMMM", "Art. 18"),
        ("test_reports", "test reports of its compliance", "", Kind.FILE, "s", 3, "MMMM", "Annex XIII 3; Annex VIII"),
        ("instructions", "instructions for use", "", Kind.FILE, "s", 1, "PPPP", "Annex XIII 1(t)"),
    ),
    Section.CARBON_FOOTPRINT: (
        ("cf_total", "carbon footprint", "kgCO2e/kWh", Kind.DECIMAL, "s", 1, "PPPP", "Art. 7(1); Annex XIII 1(c)"),
        ("cf_raw", "carbon footprint of raw materials", "kgCO2e/kWh", Kind.DECIMAL, "s", 1, "PPPP", "Art. 7(1)"),
        ("cf_production", "carbon footprint of production", "kgCO2e/kWh", Kind.DECIMAL, "s", 1, "PPPP", "Art. 7(1)"),
        ("cf_distribution", "carbon footprint of transport", "kgCO2e/kWh", Kind.DECIMAL, "s", 1, "PPPP", "Art. 7(1)"),
        ("cf_eol", "carbon footprint of recycling", "kgCO2e/kWh", Kind.DECIMAL, "s", 1, "PPPP", "Art. 7(1)"),
        ("cf_class", "class of its carbon footprint", "", Kind.TEXT, "s", 1, "PPPP", "Art. 7(2); Annex XIII 1(c)"),
        ("cf_study", "study behind its carbon footprint", "", Kind.LINK, "s", 1, "PPPP", "Art. 7(1)(g)"),
        ("cf_absolute", "carbon footprint in all", "tCO2e", Kind.DECIMAL, "s", 1, "VVVV", "DIN DKE SPEC 99100 6.3.10"),
    ),
    Section.DUE_DILIGENCE: (
        ("due_diligence_report", "report on due diligence", "", Kind.FILE, "s", 1, "PPPP", "Art. 52(3)"),
        ("third_party_assurance", "assurances of recognised schemes", "", Kind.LINK, "s", 1, "VVVV", "Art. 49(1)(d)"),
        ("supply_chain_indices", "supply chain index", "", Kind.DECIMAL, "s", 1, "VVVV", "DIN DKE SPEC 99100 6.4.4"),
    ),
    Section.MATERIALS: (
        ("chemistry", "chemistry", "", Kind.TEXT, "s", 1, "MMMM", "Annex VI A (7); Annex XIII 1(b)"),
        ("critical_raw_materials", "critical raw materials", "", Kind.LIST, "s", 1, "MMMM", "Annex VI A (10)"),
        ("detailed_composition", "materials of its electrodes and electrolyte", "%", Kind.LIST, "s", 2, "MMMM",
         "Annex XIII 2(a)"),
        ("hazardous_substances", "hazardous substances", "%", Kind.LIST, "s", 1, "MMMM", "Annex VI A (8)"),
        ("substance_impact", "what its substances do to health and nature", "", Kind.TEXT, "s", 1, "MMMM",
         "Art. 74(1)(f); Annex XIII 1(s)"),
    ),
    Section.CIRCULARITY: (
        ("dismantling_manuals", "how to take it apart", "", Kind.FILE, "s", 2, "MMMM", "Annex XIII 2(c)"),
        ("component_part_numbers", "part numbers of its components", "", Kind.LIST, "s", 2, "MMMM", "Annex XIII 2(b)"),
        ("spare_part_sources", "where spare parts are had", "", Kind.LIST, "s", 2, "MMMM", "Annex XIII 2(b)"),
        ("safety_measures", "safety measures", "", Kind.FILE, "s", 2, "MMMM", "Annex XIII 2(d); Art. 74(2)"),
        ("recycled_nickel_pre", "nickel from manufacturing waste", "%", Kind.DECIMAL, "s", 1, "PPPP", "Art. 8(1)"),
        ("recycled_cobalt_pre", "cobalt from manufacturing waste", "%", Kind.DECIMAL, "s", 1, "PPPP", "Art. 8(1)"),
        ("recycled_lithium_pre", "lithium from manufacturing waste", "%", Kind.DECIMAL, "s", 1, "PPPP", "Art. 8(1)"),
        ("recycled_lead_pre", "lead from manufacturing waste", "%", Kind.DECIMAL, "s", 1, "PPPP", "Art. 8(1)"),
        ("recycled_nickel_post", "nickel from used products", "%", Kind.DECIMAL, "s", 1, "PPPP", "Art. 8(1)"),
        ("recycled_cobalt_post", "cobalt from used products", "%", Kind.DECIMAL, "s", 1, "PPPP", "Art. 8(1)"),
        ("recycled_lithium_post", "lithium from used products", "%", Kind.DECIMAL, "s", 1, "PPPP", "Art. 8(1)"),
        ("recycled_lead_post", "lead from used products", "%", Kind.DECIMAL, "s", 1, "PPPP", "Art. 8(1)"),
        ("renewable_content", "renewable content", "%", Kind.DECIMAL, "s", 1, "MMMM", "Annex XIII 1(f)"),
        ("info_waste_prevention", "what users can do against waste", "", Kind.FILE, "s", 1, "MMMM", "Art. 74(1)(a)"),
        ("info_separate_collection", "how users hand it in apart", "", Kind.FILE, "s", 1, "MMMM", "Art. 74(1)(b)"),
        ("info_collection_second_life", "where it is collected and treated", "", Kind.FILE, "s", 1, "MMMM",
         "Art. 74(1)(c)"),
    ),
    Section.CAPACITY: (
        ("rated_capacity", "rated capacity of the model", "Ah", Kind.DECIMAL, "s", 1, "MMMM", "Annex XIII 1(g)"),
        ("rated_capacity_item", "rated capacity of this battery", "Ah", Kind.DECIMAL, "d", 4, "MMCC",
         "Annex IV A (1); Annex XIII 4(a)"),
        ("remaining_capacity", "remaining capacity", "Ah", Kind.DECIMAL, "d", 4, "-MM-",
         "Annex VII A (1); Annex XIII 4(b)"),
        ("capacity_fade", "capacity lost", "%", Kind.DECIMAL, "d", 4, "MMCC", "Annex IV A (1); Annex XIII 4(a)"),
        ("certified_energy", "certified usable energy", "kWh", Kind.DECIMAL, "s", 1, "V---", "UN GTR 22"),
        ("remaining_energy", "remaining usable energy", "kWh", Kind.DECIMAL, "d", 4, "VVVV", "UN GTR 22"),
        ("soce", "state of certified energy", "%", Kind.DECIMAL, "d", 4, "M---", "Annex VII A; Annex XIII 4(b)"),
        ("soc", "state of charge, recorded now and then", "%", Kind.DECIMAL, "d", 4, "CCCC", "Annex XIII 4(d)"),
        ("min_voltage", "lowest voltage", "V", Kind.DECIMAL, "s", 1, "MMMM", "Annex XIII 1(h)"),
        ("max_voltage", "highest voltage", "V", Kind.DECIMAL, "s", 1, "MMMM", "Annex XIII 1(h)"),
        ("nominal_voltage", "nominal voltage", "V", Kind.DECIMAL, "s", 1, "MMMM", "Annex XIII 1(h)"),
    ),
    Section.POWER: (
        ("original_power", "power when new", "W", Kind.LIST, "s", 1, "MMMM", "Annex XIII 1(i); Annex IV B (4)"),
        ("power_item", "power of this battery", "W", Kind.DECIMAL, "d", 4, "MMCC", "Annex IV A (2); Annex XIII 4(a)"),
        ("remaining_power", "remaining power at 80 % and 20 % charge, where possible", "W", Kind.LIST, "d", 4, "-MM-",
         "Annex VII A (2); Annex XIII 4(b)"),
        ("power_fade", "power lost", "%", Kind.DECIMAL, "d", 4, "MMCC", "Annex IV A (2); Annex XIII 4(a)"),
        ("max_power", "highest power permitted", "W", Kind.DECIMAL, "s", 1, "MMMM", "Annex XIII 1(i)"),
        ("power_energy_ratio", "power to energy", "W/Wh", Kind.DECIMAL, "s", 1, "VVVV", "Annex IV B (2)"),
    ),
    Section.EFFICIENCY: (
        ("initial_rte", "round-trip efficiency when new", "%", Kind.DECIMAL, "s", 1, "MMCC", "Annex XIII 1(n)"),
        ("rte_50", "round-trip efficiency at half of its cycles", "%", Kind.DECIMAL, "s", 1, "MMCC", "Annex XIII 1(n)"),
        ("rte_item", "round-trip efficiency of this battery", "%", Kind.DECIMAL, "d", 4, "CCCC",
         "Annex IV A (4); Annex XIII 4(a)"),
        ("remaining_rte", "remaining round-trip efficiency, where possible", "%", Kind.DECIMAL, "d", 4, "-MM-",
         "Annex VII A (3); Annex XIII 4(b)"),
        ("rte_fade", "round-trip efficiency lost", "%", Kind.DECIMAL, "d", 4, "CCCC",
         "Annex IV A (4); Annex XIII 4(a)"),
        ("initial_self_discharge", "self-discharge when new", "%/month", Kind.DECIMAL, "s", 4, "-VV-",
         "DIN DKE SPEC 99100 6.7.4.6"),
        ("current_self_discharge", "self-discharge now", "%/month", Kind.DECIMAL, "d", 4, "-VV-",
         "DIN DKE SPEC 99100 6.7.4.7"),
        ("self_discharge_evolution", "change of self-discharge", "%", Kind.DECIMAL, "d", 4, "-MM-",
         "Annex VII A (4); Annex XIII 4(b)"),
    ),
    Section.RESISTANCE: (
        ("initial_resistance", "resistance of cell and pack when new", "Ohm", Kind.LIST, "s", 1, "MMMM",
         "Annex XIII 1(o)"),
        ("resistance_item", "resistance of this battery", "Ohm", Kind.DECIMAL, "d", 4, "MMCC",
         "Annex IV A (3); Annex XIII 4(a)"),
        ("ohmic_resistance", "ohmic resistance in use, where possible", "Ohm", Kind.DECIMAL, "d", 4, "-MM-",
         "Annex VII A (5); Annex XIII 4(b)"),
        ("resistance_increase", "resistance gained", "%", Kind.DECIMAL, "d", 4, "MMCC",
         "Annex IV A (3); Annex XIII 4(a)"),
    ),
    Section.LIFETIME: (
        ("expected_years", "expected life in years", "a", Kind.DECIMAL, "d", 4, "MMCC",
         "Annex IV A (5); Annex XIII 4(a)"),
        ("expected_cycles", "expected life of the model in cycles", "", Kind.COUNT, "s", 1, "MMCC", "Annex XIII 1(j)"),
        ("expected_cycles_item", "expected life of this battery in cycles", "", Kind.COUNT, "d", 4, "MMCC",
         "Annex IV A (5); Annex XIII 4(a)"),
        ("full_cycles", "full cycles", "", Kind.DECIMAL, "d", 4, "CMMC", "Annex VII B (5); Annex XIII 4(d)"),
        ("reference_test", "test behind its expected life", "", Kind.TEXT, "s", 1, "MMCC", "Annex XIII 1(j)"),
        ("c_rate_cycle_test", "C-rate of the test of its cycles", "1/h", Kind.DECIMAL, "s", 1, "MMCC",
         "Annex XIII 1(p)"),
        ("energy_throughput", "energy moved", "kWh", Kind.DECIMAL, "d", 4, "VBBV", "Annex VII B (2)"),
        ("capacity_throughput", "charge moved", "Ah", Kind.DECIMAL, "d", 4, "VBBV", "Annex VII B (3)"),
        ("exhaustion_threshold", "capacity at which it is exhausted", "%", Kind.DECIMAL, "s", 1, "M---",
         "Annex XIII 1(k)"),
    ),
    Section.TEMPERATURE: (
        ("temperature", "temperature, recorded now and then", "Cel", Kind.DECIMAL, "d", 4, "CCCC", "Annex XIII 4(d)"),
        ("idle_temp_min", "lowest temperature when not in use", "Cel", Kind.DECIMAL, "s", 1, "MMMM",
         "Annex XIII 1(l)"),
        ("idle_temp_max", "highest temperature when not in use", "Cel", Kind.DECIMAL, "s", 1, "MMMM",
         "Annex XIII 1(l)"),
        ("time_hot", "time too hot", "min", Kind.COUNT, "d", 4, "VBBV", "Annex VII B (4)"),
        ("time_cold", "time too cold", "min", Kind.COUNT, "d", 4, "VBBV", "Annex VII B (4)"),
        ("time_charging_hot", "time charged too hot", "min", Kind.COUNT, "d", 4, "VBBV", "Annex VII B (4)"),
        ("time_charging_cold", "time charged too cold", "min", Kind.COUNT, "d", 4, "VBBV", "Annex VII B (4)"),
    ),
    Section.EVENTS: (
        ("deep_discharge_events", "deep discharges", "", Kind.COUNT, "d", 4, "VBBV", "Annex VII B (4)"),
        ("overcharge_events", "overcharges", "", Kind.COUNT, "d", 4, "VVVV", "DIN DKE SPEC 99100 6.7.8.3"),
        ("negative_events", "accidents and other events", "", Kind.LIST, "d", 4, "CCCC", "Annex XIII 4(d)"),
    ),
    Section.VEHICLE: (
        ("socr", "state of certified range", "%", Kind.DECIMAL, "d", 0, "V---", "UN GTR 22; Reg. (EU) 2024/1257"),
        ("virtual_distance", "distance that other uses stand for", "km", Kind.DECIMAL, "d", 0, "V---", "UN GTR 22"),
        ("v2x_energy", "energy given to other uses than driving", "Wh", Kind.DECIMAL, "d", 0, "V---", "UN GTR 22"),
    ),
    Section.OF_VALUES: (
        ("value_date", "when each value was found", "", Kind.TIME, "d", 0, "VVVV", "DIN DKE SPEC 99100 6.7.1"),
        ("value_originator", "who found each value", "", Kind.TEXT, "d", 0, "VVVV", "DIN DKE SPEC 99100 6.7.1"),
        ("value_uncertainty", "uncertainty of each value", "same as value", Kind.DECIMAL, "d", 0, "VVVV",
         "DIN DKE SPEC 99100 6.7.1"),
        ("value_method", "method of each value", "", Kind.TEXT, "d", 0, "VVVV", "DIN DKE SPEC 99100 6.7.1"),
    ),
    Section.SECOND_LIFE: (
        ("cell_voltage_spread", "spread of cell voltages", "V", Kind.DECIMAL, "d", 4, "VVVV", "no clause asks for it"),
        ("cell_soh_spread", "spread of cell health", "%", Kind.DECIMAL, "d", 4, "VVVV", "Art. 3(1)(32)"),
        ("temperature_histogram", "time by temperature", "min", Kind.LIST, "d", 4, "VVVV",
         "DIN DKE SPEC 99100 6.7.7.2"),
        ("soc_histogram", "time by state of charge", "min", Kind.LIST, "d", 4, "VVVV", "DIN DKE SPEC 99100 6.7.2.8"),
        ("c_rate_histogram", "time by C-rate", "min", Kind.LIST, "d", 4, "VVVV", "no clause asks for it"),
        ("protection_trips", "trips of its protection", "", Kind.LIST, "d", 4, "VVVV", "no clause asks for it"),
        ("repair_history", "repairs", "", Kind.LIST, "d", 4, "VVVV", "DIN DKE SPEC 99100 6.1.3.7"),
        ("bms_reset_log", "resets and changes of its BMS", "", Kind.LIST, "d", 4, "VVVV", "Art. 14(3)"),
        ("bms_interface", "how its BMS is read", "", Kind.LINK, "s", 4, "VVVV", "Art. 14(2)"),
    ),
}  # fmt: skip


def _attribute(section: Section, row: _Row) -> Attribute:
    key, name, unit, kind, change, group, letters, clause = row
    seen_by = Group(group) if group else None
    return Attribute(key, name, section, unit, kind, change == "d", seen_by, duties(letters), clause)


ATTRIBUTES: Mapping[str, Attribute] = MappingProxyType(
    {row[0]: _attribute(section, row) for section, rows in _ROWS.items() for row in rows}
)

DOCUMENT_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "rated_capacity_item": "rated_capacity_item",
        "remaining_capacity": "remaining_capacity",
        "capacity_fade": "capacity_fade",
        "ohmic_resistance": "ohmic_resistance",
        "usable_energy": "remaining_energy",
        "soce_cpct": "soce",
        "power_at_80": "remaining_power",
        "power_at_20": "remaining_power",
        "round_trip_efficiency": "remaining_rte",
        "self_discharge": "current_self_discharge",
        "soc": "soc",
        "temperature": "temperature",
        "cell_spread_mv": "cell_voltage_spread",
        "full_cycles": "full_cycles",
        "energy_throughput": "energy_throughput",
        "capacity_throughput": "capacity_throughput",
        "deep_discharge_events": "deep_discharge_events",
        "overcharge_events": "overcharge_events",
        "time_hot": "time_hot",
        "time_cold": "time_cold",
        "time_charging_hot": "time_charging_hot",
        "time_charging_cold": "time_charging_cold",
    }
)
"""Key of a value in the passport's document (values.py) -> the attribute that it is, or is one part of."""

OWN_GROUPS: Mapping[str, Group] = MappingProxyType(
    {
        "soh_capacity_cpct": Group.INDIVIDUAL,
        "soc_reported_cpct": Group.INDIVIDUAL,
        "soh_reported_cpct": Group.INDIVIDUAL,
        "pack_voltage_mv": Group.INDIVIDUAL,
        "pack_current_ma": Group.INDIVIDUAL,
    }
)
"""Values of the document that are no attribute: all tell of the individual battery and its use (Annex XIII 4)."""


def group_of(key: str) -> Group | None:
    """Who may see the value of a document or attribute key; None, nobody, also for a key that is not known."""
    if key in OWN_GROUPS:
        return OWN_GROUPS[key]
    attribute = ATTRIBUTES.get(DOCUMENT_KEYS.get(key, key))
    return attribute.group if attribute else None
