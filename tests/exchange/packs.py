"""Example packs of the four categories, as the values that an exchange starts from: full and sparse.

Stated values have the shapes that docs/attributes.md and passport/stated_values.py give them; a test checks that each
could be stated. Measured ones have the keys and units of passport/values.py. Which attributes a full pack has is
decided by its category: an EV states its certified energy, and its board estimates the state of it; the others do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from packseal.exchange.source import Content, File, Interval, LogEnd, Origin, Source, Value
from packseal.passport.attributes import ATTRIBUTES, DOCUMENT_KEYS, Duty, Kind, group_of
from packseal.passport.derived import DERIVED as DERIVED_FROM
from packseal.passport.stated_values import MEASURED, OF_LIFE, OF_NOTES
from packseal.passport.values import QUANTITIES

CATEGORIES = ("EV", "LMT", "SBESS", "other_industrial")
AS_OF_UNIX_MS = 1_800_000_000_000  # 2027-01-15 08:00 UTC
STATED_UNIX_MS = AS_OF_UNIX_MS - 86_400_000
LOG_ID = "5a" * 16
ROOT = "c4" * 32
PASSPORTS = {category: f"{number:032x}" for number, category in enumerate(CATEGORIES, 0xA0)}
REPORT = File("ab" * 32, "test report.pdf", "application/pdf", 48_113, 3)
DECLARATION = File("cd" * 32, "declaration of conformity.pdf", "application/pdf", 20_480, 1)
SYMBOL = "https://example.org/labels/separate-collection.svg"

STATED: Mapping[str, Content] = {
    # identification
    "battery_uid": "https://example.org/b/PS60-000123",
    "registration_id": "EU-REG-0000123",
    "model_id": "PS-60",
    "serial_number": "PS60-000123",
    "manufacturer_id": {
        "name": "Cells AG", "id": "BPNL00000003AYRE", "address": "Werkstr. 1, 38440 Wolfsburg, DE",
        "web": "https://example.org", "email": "info@example.org",
    },
    "facility_id": "BPNS00000003AYRE",
    "manufacturing_date": "2026-11",
    "into_service_date": "2026-12-01",
    "placed_on_market_date": "2026-11-20",
    "warranty": "2034-11",
    "mass": Decimal("412.5"),
    "data_carrier": "QR code on the name plate",
    # labels
    "separate_collection_symbol": SYMBOL,
    "cd_pb_symbol": "https://example.org/labels/pb.svg",
    "cf_label": "https://example.org/labels/cf.svg",
    "extinguishing_agent": ["water", "CO2"],
    "labels_meaning": "crossed-out bin: to be collected apart",
    "declaration_of_conformity": DECLARATION.sha256,
    "test_reports": [REPORT.sha256, "https://example.org/report-2.pdf"],
    "instructions": "https://example.org/instructions.pdf",
    # carbon footprint
    "cf_total": Decimal("62.4"),
    "cf_raw": Decimal("38.2"),
    "cf_production": Decimal("18.1"),
    "cf_distribution": Decimal("2.6"),
    "cf_eol": Decimal("3.5"),
    "cf_class": "B",
    "cf_study": "https://example.org/cf-study.pdf",
    "cf_absolute": Decimal("3.744"),
    # due diligence
    "due_diligence_report": "https://example.org/due-diligence.pdf",
    "third_party_assurance": "https://example.org/assurance",
    "supply_chain_indices": Decimal("71"),
    # materials
    "chemistry": "NMC 811",
    "critical_raw_materials": ["cobalt", "lithium", "nickel", "natural graphite"],
    "detailed_composition": [
        {"material": "lithium nickel manganese cobalt oxide", "part": "cathode", "share_percent": "31.2",
         "cas": "346417-97-8"},
        {"material": "graphite", "part": "anode", "share_percent": "18.04", "cas": "7782-42-5"},
        {"material": "lithium hexafluorophosphate", "part": "electrolyte", "share_percent": "1.9",
         "cas": "21324-40-3"},
    ],
    "hazardous_substances": [
        {"material": "lithium hexafluorophosphate", "cas": "21324-40-3", "share_percent": "1.9",
         "part": "electrolyte", "hazard": "Acute toxicity"},
    ],
    "substance_impact": "toxic if swallowed; harmful to water",
    # circularity
    "dismantling_manuals": "https://example.org/dismantling.pdf",
    "component_part_numbers": [{"component": "BMS", "number": "4711-0815"}, {"component": "module", "number": "4712"}],
    "spare_part_sources": [
        {"name": "Parts GmbH", "address": "Lagerweg 2, 20457 Hamburg, DE", "web": "https://example.org/parts",
         "email": "parts@example.org"},
    ],
    "safety_measures": "https://example.org/safety.pdf",
    "recycled_nickel_pre": Decimal("4.0"),
    "recycled_cobalt_pre": Decimal("6.0"),
    "recycled_lithium_pre": Decimal("1.5"),
    "recycled_lead_pre": Decimal("0"),
    "recycled_nickel_post": Decimal("8.0"),
    "recycled_cobalt_post": Decimal("16.0"),
    "recycled_lithium_post": Decimal("6.0"),
    "recycled_lead_post": Decimal("0"),
    "renewable_content": Decimal("12.0"),
    "info_waste_prevention": "https://example.org/prevention.pdf",
    "info_separate_collection": "https://example.org/collection.pdf",
    "info_collection_second_life": "https://example.org/second-life.pdf",
    # capacity, energy and voltage
    "rated_capacity": Decimal("150.0"),
    "rated_capacity_item": Decimal("151.2"),
    "certified_energy": Decimal("58.0"),
    "min_voltage": Decimal("280"),
    "max_voltage": Decimal("420"),
    "nominal_voltage": Decimal("365"),
    # power
    "original_power": [{"soc_percent": 80, "power_w": "90000"}, {"soc_percent": 20, "power_w": "60000"}],
    "power_item": Decimal("88000"),
    "max_power": Decimal("120000"),
    "power_energy_ratio": Decimal("2.07"),
    # efficiency and self-discharge
    "initial_rte": Decimal("96.0"),
    "rte_50": Decimal("93.5"),
    "rte_item": Decimal("95.8"),
    "initial_self_discharge": Decimal("2.0"),
    # resistance
    "initial_resistance": [{"component": "cell", "ohm": "0.0010"}, {"component": "pack", "ohm": "0.050"}],
    "resistance_item": Decimal("0.051"),
    # lifetime
    "expected_years": Decimal("15"),
    "expected_cycles": 3000,
    "expected_cycles_item": 2950,
    "reference_test": "IEC 62660-1:2018, 7.8",
    "c_rate_cycle_test": Decimal("0.33"),
    "exhaustion_threshold": Decimal("70"),
    # temperature
    "idle_temp_min": Decimal("-20"),
    "idle_temp_max": Decimal("45"),
    # second life
    "cell_soh_spread": Decimal("1.4"),
    "bms_interface": "https://example.org/bms-interface",
}  # fmt: skip

# key -> value, standard uncertainty, details
NUMBERS: Mapping[str, tuple[str, str | None, Mapping[str, Content]]] = {
    "soh_capacity_cpct": ("91.20", "0.60", {"of_rated": "151.2 Ah"}),
    "remaining_capacity": ("137.894", "0.907", {}),
    "capacity_fade": ("8.80", "0.60", {}),
    "ohmic_resistance": ("0.065000", "0.001000", {}),
    "usable_energy": ("50.402", "0.412", {}),
    "soce_cpct": ("86.90", "0.71", {}),
    "power_at_80": ("81.000", "0.900", {}),
    "power_at_20": ("52.500", "0.800", {}),
    "round_trip_efficiency": ("93.60", "0.20", {}),
    "self_discharge": ("3.00", "0.30", {}),
    "soc": ("63.25", None, {}),
    "pack_voltage_mv": ("371250", None, {"minimum": 371000, "maximum": 371500}),
    "pack_current_ma": ("-12500", None, {"minimum": -12600, "maximum": -12400}),
    "temperature": ("24.3", None, {"minimum": Decimal("23.9"), "maximum": Decimal("24.8"), "sensors": 3}),
    "cell_spread_mv": ("14", None, {"minimum": 3701, "maximum": 3715}),
    "full_cycles": ("212", None, {}),
    "energy_throughput": ("24310.500", None, {"charge": Decimal("12360.2"), "discharge": Decimal("11950.3")}),
    "capacity_throughput": ("64510.250", None, {"charge": Decimal("32410.15"), "discharge": Decimal("32100.1")}),
    "deep_discharge_events": ("1", None, {}),
    "overcharge_events": ("0", None, {}),
    "time_hot": ("84", None, {}),
    "time_cold": ("320", None, {}),
    "time_charging_hot": ("12", None, {}),
    "time_charging_cold": ("7", None, {}),
    "soc_reported_cpct": ("64.00", None, {}),
    "soh_reported_cpct": ("98.00", None, {}),
}
UNITS = {
    "soh_capacity_cpct": "%", "remaining_capacity": "Ah", "capacity_fade": "%", "ohmic_resistance": "Ohm",
    "usable_energy": "kWh", "soce_cpct": "%", "power_at_80": "kW", "power_at_20": "kW", "round_trip_efficiency": "%",
    "self_discharge": "%/(30.d)", "soc": "%", "pack_voltage_mv": "mV", "pack_current_ma": "mA", "temperature": "Cel",
    "cell_spread_mv": "mV", "full_cycles": "1", "energy_throughput": "kWh", "capacity_throughput": "Ah",
    "deep_discharge_events": "1", "overcharge_events": "1", "time_hot": "min", "time_cold": "min",
    "time_charging_hot": "min", "time_charging_cold": "min", "soc_reported_cpct": "%", "soh_reported_cpct": "%",
}  # fmt: skip
DERIVED = {"power_fade": ("10.00", "1.00"), "resistance_increase": ("30.00", "2.00"), "rte_fade": ("2.50", "0.21"),
           "self_discharge_evolution": ("50.00", "15.00")}  # fmt: skip
HISTOGRAMS: Mapping[str, Content] = {
    "temperature_histogram": [
        {"from": 10, "to": 20, "min": 61_200}, {"from": 20, "to": 30, "min": 204_000},
        {"from": 30, "to": 40, "min": 5_400},
    ],
    "soc_histogram": [{"from": 40, "to": 50, "min": 90_000}, {"from": 50, "to": 60, "min": 180_600}],
}  # fmt: skip
NOTES: Mapping[str, Content] = {
    "negative_events": [
        {"kind": "accident", "at": "2027-01-03T10:00:00Z", "text": "side impact at 30 km/h", "statement": "d3" * 32}
    ],
    "repair_history": [
        {"kind": "repair", "at": "2027-01-05T09:00:00Z", "text": "fuse F1 replaced", "statement": "d3" * 32}
    ],
}
ONLY_EV = frozenset({"soce_cpct"})  # it needs a certified energy
SPARSE_STATED = ("model_id", "mass", "manufacturer_id", "chemistry", "recycled_cobalt_pre")
SPARSE_MEASURED = ("soc", "temperature", "pack_voltage_mv", "pack_current_ma")


def pack(category: str) -> Source:
    """All that a passport of this category can say today."""
    values = [
        *_life(category),
        *(stated(key) for key in STATED if is_of(category, key)),
        *(measured(key) for key in NUMBERS if is_of(category, key)),
        *(derived(key) for key in DERIVED if is_of(category, key)),
        *(histogram(key) for key in HISTOGRAMS),
        *(note(key) for key in NOTES),
    ]
    files = {file.sha256: file for file in (REPORT, DECLARATION)}
    return _source(category, values, files)


def sparse_pack(category: str) -> Source:
    """A battery that was made, and has been seen by a bus alone: no statement of health, no test, no note."""
    values = [
        *(value for value in _life(category) if value.key != "status"),
        *(stated(key) for key in SPARSE_STATED),
        *(measured(key) for key in SPARSE_MEASURED),
    ]
    return replace(_source(category, values, {}), status=None)


def is_of(category: str, key: str) -> bool:
    """A board measures what it can, whatever the category; what was stated when new goes by the category's duties."""
    if key in NUMBERS:
        return category == "EV" or key not in ONLY_EV
    initial = {one.key: one.initial for one in DERIVED_FROM}.get(key, key)
    return ATTRIBUTES[initial].duties[category] is not Duty.NOT_APPLICABLE


def stated(key: str, content: Content | None = None) -> Value:
    """By who answers for it."""
    return Value(
        key, STATED[key] if content is None else content, ATTRIBUTES[key].unit, _group(key), Origin.STATED,
        statement="d1" * 32,
    )  # fmt: skip


def measured(key: str, content: str | None = None, uncertainty: str | None = None) -> Value:
    """As a board signed it."""
    number, known, details = NUMBERS[key]
    return _of_record(key, content or number, UNITS[key], uncertainty or known, Origin.MEASURED, details)


def derived(key: str) -> Value:
    found = _of_record(key, *DERIVED[key][:1], "%", DERIVED[key][1], Origin.DERIVED, {})
    return replace(found, statement="d2" * 32)


def histogram(key: str) -> Value:
    return Value(
        key, HISTOGRAMS[key], "min", _group(key), Origin.MEASURED, method="time of windows", record=(LOG_ID, 1042),
        made_unix_ms=AS_OF_UNIX_MS - 60_000, evidence_class="B",
    )  # fmt: skip


def note(key: str) -> Value:
    return Value(key, NOTES[key], "", _group(key), Origin.STATED, statement="d3" * 32)


def _of_record(
    key: str, number: str, unit: str, uncertainty: str | None, origin: Origin, details: Mapping[str, Content]
) -> Value:
    content = Decimal(number)
    beside = None if uncertainty is None else Decimal(uncertainty) * Decimal("1.96")
    return Value(
        key, content, unit, _group(key), origin, method=f"method of {key}",
        standard_uncertainty=None if uncertainty is None else Decimal(uncertainty),
        interval=None if beside is None else Interval(content - beside, content + beside),
        record=(LOG_ID, 1042), made_unix_ms=AS_OF_UNIX_MS - 60_000, evidence_class="B", details=details,
    )  # fmt: skip


def _life(category: str) -> list[Value]:
    contents: Mapping[str, Content] = {
        "passport_id": PASSPORTS[category],
        "battery_category": category,
        "operator_id": {"public_key": "e5" * 32, "role": "operator"},
        "status": "original",
    }
    return [Value(key, said, "", _group(key), Origin.LIFE) for key, said in contents.items()]


def _source(category: str, values: list[Value], files: Mapping[str, File]) -> Source:
    return Source(
        PASSPORTS[category], f"{category.lower()}-1", category, "original", AS_OF_UNIX_MS,
        {value.key: value for value in values}, files, (LogEnd(LOG_ID, 1043, ROOT),),
    )  # fmt: skip


def _group(key: str) -> int:
    group = group_of(key)
    assert group is not None, key
    return int(group)


def check_tables() -> None:
    """Nothing of a passport is left out of the tables above, but what no pack can have yet."""
    statable = {key for key, one in ATTRIBUTES.items() if one.group and key not in MEASURED | OF_LIFE | OF_NOTES}
    assert set(STATED) == statable
    assert set(NUMBERS) == set(UNITS) == {quantity.key for quantity in QUANTITIES}
    assert set(DOCUMENT_KEYS) - set(NUMBERS) == {"rated_capacity_item"}
    decimals = {key for key in STATED if ATTRIBUTES[key].kind is Kind.DECIMAL}
    assert decimals == {key for key, said in STATED.items() if isinstance(said, Decimal)}
