"""The data points that the Commission's guidance on the battery passport asks for, by version of the guidance.

Version 1.0 of 28 July 2026 has 71. Each says for which category it is a duty and which attributes fill it; where
guidance and regulation differ, this table has the word of the guidance and attributes.py that of the regulation. A
later version is one more table. Whether a point is filled on a day is for validity.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from packseal.errors import ConfigError
from packseal.passport.attributes import Duty, duties

VERSION = "1.0"  # by which a passport is judged unless another is named


@dataclass(frozen=True, slots=True)
class Point:
    """A data point. `name` reads on in a sentence. It is filled when all of `keys` are stated; none where the guidance
    has it never filled. "key.part" is the part of an attribute whose value is a map."""

    number: int
    name: str
    clause: str
    duties: Mapping[str, Duty]  # category -> duty, never PART_B
    keys: tuple[str, ...]

    @property
    def is_never_filled(self) -> bool:
        return all(duty is Duty.NOT_APPLICABLE for duty in self.duties.values())


_Row: TypeAlias = tuple[int, str, str, str, str]

# The guidance has one column for industrial batteries; here it is two. Points 62 to 66 are the health of Article 14,
# which binds stationary storage and no other industrial battery: "if applicable" is M for the one, - for the other.
# Columns: number, name, clause, duty for EV LMT SBESS other_industrial, keys.
_ROWS_1_0: tuple[_Row, ...] = (
    (1, "its unique identifier", "Art. 77(3)", "MMMM", "battery_uid"),
    (2, "who is responsible for the passport", "Art. 77(3)", "MMMM", "operator_id"),
    (3, "who manufactured it", "Annex VI A (1)", "MMMM", "manufacturer_id.name"),
    (4, "postal address of who manufactured it", "Annex VI A (1)", "MMMM", "manufacturer_id.address"),
    (5, "web and e-mail address of who manufactured it", "Annex VI A (1)", "VVVV",
     "manufacturer_id.web manufacturer_id.email"),
    (6, "category", "Annex VI A (2)", "MMMM", "battery_category"),
    (7, "model, and batch or serial number", "Annex VI A (2)", "MMMM", "model_id serial_number"),
    (8, "where it was manufactured", "Annex VI A (3)", "MMMM", "facility_id"),
    (9, "month of manufacture", "Annex VI A (4)", "MMMM", "manufacturing_date"),
    (10, "mass", "Annex VI A (5)", "MMMM", "mass"),
    (11, "capacity", "Annex VI A (6)", "MMMM", "rated_capacity"),
    (12, "chemistry", "Annex VI A (7)", "MMMM", "chemistry"),
    (13, "hazardous substances", "Annex VI A (8)", "MMMM", "hazardous_substances"),
    (14, "what extinguishes it", "Annex VI A (9)", "MMMM", "extinguishing_agent"),
    (15, "critical raw materials", "Annex VI A (10)", "MMMM", "critical_raw_materials"),
    (16, "composition as a whole, which points 12, 13 and 15 have", "Annex XIII 1(b)", "----", ""),
    (17, "declaration of the carbon footprint", "Annex XIII 1(c)", "PPPP",
     "cf_total cf_raw cf_production cf_distribution cf_eol cf_study"),
    (18, "label of the carbon footprint", "Annex XIII 1(c)", "PPPP", "cf_label cf_class"),
    (19, "report on due diligence", "Annex XIII 1(d)", "PPPP", "due_diligence_report"),
    (20, "cobalt recovered from waste", "Annex XIII 1(e)", "MMMM", "recycled_cobalt_pre recycled_cobalt_post"),
    (21, "lithium recovered from waste", "Annex XIII 1(e)", "MMMM", "recycled_lithium_pre recycled_lithium_post"),
    (22, "nickel recovered from waste", "Annex XIII 1(e)", "MMMM", "recycled_nickel_pre recycled_nickel_post"),
    (23, "lead recovered from waste", "Annex XIII 1(e)", "MMMM", "recycled_lead_pre recycled_lead_post"),
    (24, "renewable content", "Annex XIII 1(f)", "MMMM", "renewable_content"),
    (25, "rated capacity, which point 11 has", "Annex XIII 1(g)", "----", ""),
    (26, "lowest voltage", "Annex XIII 1(h)", "MMMM", "min_voltage"),
    (27, "nominal voltage", "Annex XIII 1(h)", "MMMM", "nominal_voltage"),
    (28, "highest voltage", "Annex XIII 1(h)", "MMMM", "max_voltage"),
    (29, "power when new", "Annex XIII 1(i)", "MMMM", "original_power"),
    (30, "limits of power", "Annex XIII 1(i)", "MMMM", "max_power"),
    (31, "expected life of the model in cycles", "Annex XIII 1(j)", "MMCC", "expected_cycles"),
    (32, "test behind its expected life", "Annex XIII 1(j)", "MMCC", "reference_test"),
    (33, "capacity at which it is exhausted", "Annex XIII 1(k)", "M---", "exhaustion_threshold"),
    (34, "temperatures it stands when not in use", "Annex XIII 1(l)", "MMMM", "idle_temp_min idle_temp_max"),
    (35, "period of the commercial warranty", "Annex XIII 1(m)", "CCCC", "warranty"),
    (36, "round-trip efficiency when new", "Annex XIII 1(n)", "MMCC", "initial_rte"),
    (37, "round-trip efficiency at half of its cycles", "Annex XIII 1(n)", "MMCC", "rte_50"),
    (38, "resistance of cell and pack when new", "Annex XIII 1(o)", "MMMM", "initial_resistance"),
    (39, "C-rate of the test of its cycles", "Annex XIII 1(p)", "MMCC", "c_rate_cycle_test"),
    (40, "symbol for separate collection", "Annex XIII 1(q)", "MMMM", "separate_collection_symbol"),
    (41, "symbol for cadmium or lead", "Annex XIII 1(q)", "CCCC", "cd_pb_symbol"),
    (42, "EU declaration of conformity", "Annex XIII 1(r)", "MMMM", "declaration_of_conformity"),
    (43, "what to do with it as waste", "Annex XIII 1(s)", "MMMM",
     "info_waste_prevention info_separate_collection info_collection_second_life labels_meaning substance_impact"),
    (44, "instructions for use", "Annex XIII 1(t)", "PPPP", "instructions"),
    (45, "materials of its electrodes and electrolyte", "Annex XIII 2(a)", "MMMM", "detailed_composition"),
    (46, "part numbers of its components", "Annex XIII 2(b)", "MMMM", "component_part_numbers"),
    (47, "where spare parts are had", "Annex XIII 2(b)", "MMMM", "spare_part_sources"),
    (48, "how to take it apart", "Annex XIII 2(c)", "MMMM", "dismantling_manuals"),
    (49, "safety measures", "Annex XIII 2(d)", "MMMM", "safety_measures"),
    (50, "test reports of its compliance", "Annex XIII 3", "MMMM", "test_reports"),
    (51, "rated capacity of this battery", "Annex XIII 4(a)", "MMCC", "rated_capacity_item"),
    (52, "capacity lost", "Annex XIII 4(a)", "MMCC", "capacity_fade"),
    (53, "power of this battery", "Annex XIII 4(a)", "MMCC", "power_item"),
    (54, "power lost", "Annex XIII 4(a)", "MMCC", "power_fade"),
    (55, "resistance of this battery", "Annex XIII 4(a)", "MMCC", "resistance_item"),
    (56, "resistance gained", "Annex XIII 4(a)", "MMCC", "resistance_increase"),
    (57, "round-trip efficiency of this battery", "Annex XIII 4(a)", "CCCC", "rte_item"),
    (58, "round-trip efficiency lost", "Annex XIII 4(a)", "CCCC", "rte_fade"),
    (59, "expected life of this battery in cycles", "Annex XIII 4(a)", "MMCC", "expected_cycles_item"),
    (60, "expected life in years", "Annex XIII 4(a)", "MMCC", "expected_years"),
    (61, "state of certified energy", "Annex XIII 4(b)", "M---", "soce"),
    (62, "remaining capacity", "Annex XIII 4(b)", "-MM-", "remaining_capacity"),
    (63, "remaining power, where possible", "Annex XIII 4(b)", "-MM-", "remaining_power"),
    (64, "remaining round-trip efficiency, where possible", "Annex XIII 4(b)", "-MM-", "remaining_rte"),
    (65, "change of self-discharge, where possible", "Annex XIII 4(b)", "-MM-", "self_discharge_evolution"),
    (66, "ohmic resistance, where possible", "Annex XIII 4(b)", "-MM-", "ohmic_resistance"),
    (67, "status in its life", "Annex XIII 4(c)", "MMMM", "status"),
    (68, "cycles", "Annex XIII 4(d)", "CCCC", "full_cycles"),
    (69, "accidents and other events", "Annex XIII 4(d)", "CCCC", "negative_events"),
    (70, "operating conditions and temperature, recorded now and then", "Annex XIII 4(d)", "CCCC", "temperature"),
    (71, "state of charge, recorded now and then", "Annex XIII 4(d)", "CCCC", "soc"),
)  # fmt: skip


def _points(rows: tuple[_Row, ...]) -> tuple[Point, ...]:
    return tuple(
        Point(number, name, clause, duties(letters), tuple(keys.split()))
        for number, name, clause, letters, keys in rows
    )


GUIDANCE: Mapping[str, tuple[Point, ...]] = MappingProxyType({VERSION: _points(_ROWS_1_0)})


def guidance(version: str) -> tuple[Point, ...]:
    """In the order of their numbers. Raises ConfigError for a version that is not known here."""
    if version not in GUIDANCE:
        raise ConfigError(f"guidance version {version!r} is not known here; known: {', '.join(sorted(GUIDANCE))}")
    return GUIDANCE[version]
