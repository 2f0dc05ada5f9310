"""Technical Data 1.0.1 (IDTA 02035-4): what a battery was made to be, and what it has lost since.

Names are the payload names of the aspect model, which CX-0160 1.1.0 section 3 asks for; the template of the same
version spells some of them otherwise. The model wants whole percents of efficiency: a fraction is rounded where a value
is required, and then a line of the losses; where it is not, the value stays out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from packseal.exchange.aspects.forms import (
    SPEC,
    completed,
    document,
    exactly_whole,
    filled,
    lose_rest,
    part,
    rounded,
    rows,
    take_part,
    take_whole,
)
from packseal.exchange.aspects.parties import MANUFACTURER, legal_entity, take_manufacturer
from packseal.exchange.export import (
    Builder,
    Convert,
    Converted,
    Export,
    Field,
    Path,
    Target,
    UnfitError,
    number,
    one_of,
)
from packseal.exchange.forms import decimal
from packseal.exchange.identifiers import Identifiers
from packseal.exchange.loss import Why
from packseal.exchange.source import Content, Source

MODEL = "urn:samm:io.admin-shell.idta.batterypass.technical_data:1.0.1#TechnicalData"
CATEGORIES = {"EV": "ev", "LMT": "lmt", "SBESS": "stationary", "other_industrial": "industrial"}
_DURATION = re.compile(r"P(?!$)([0-9]+Y)?([0-9]+M)?([0-9]+D)?")
_GENERAL: Path = ("GeneralInformation",)
_AREAS: Path = ("TechnicalPropertyAreas",)


def _duration(content: Content) -> Converted:
    if not isinstance(content, str) or not _DURATION.fullmatch(content):
        raise UnfitError("the model wants a duration by ISO 8601; state it as P96M")
    return content


def _powers(content: Content) -> Converted:
    """From [{"soc_percent": 80, "power_w": "90000"}, …]."""
    found: list[Converted] = [
        {"atSoC": decimal(row.get("soc_percent", "")), "powerCapabilityAt": decimal(row.get("power_w", ""))}
        for row in rows(content)
    ]
    if not found:
        raise UnfitError("it names no power")
    return found


def _of(component: str) -> Convert:
    """From [{"component": "pack", "ohm": "0.05"}, …]."""

    def convert(content: Content) -> Converted:
        found = _components(content).get(component)
        if found is None:
            raise UnfitError(f"it says nothing of the {component}, or says it twice")
        return decimal(found.get("ohm", ""))

    return convert


def _components(content: Content) -> dict[str, Mapping[str, Content]]:
    """What is named once."""
    named = [(str(row.get("component", "")), row) for row in rows(content)]
    names = [name for name, _ in named]
    return {name: row for name, row in named if names.count(name) == 1}


def _line(
    area: str, name: str, key: str, clause: str, convert: Convert = number, *, is_required: bool = True, note: str = ""
) -> Field:
    return Field((*_AREAS, area, name), key, convert, is_required, f"{SPEC} {clause}", note)


CATEGORY = Field((*_GENERAL, "BatteryCategory"), "battery_category", one_of(CATEGORIES), True, f"{SPEC} 6.1.3.5")
NAME = Field((*_GENERAL, "ManufacturerName"), MANUFACTURER, part("name", filled), True, f"{SPEC} 6.1.2.4")
MAKER = Field((*_GENERAL, "ManufacturerIdentifier"), MANUFACTURER, part("id", legal_entity), True, "CX-0160 3", "BPNL")
GENERAL = (
    Field((*_GENERAL, "BatteryMass"), "mass", number, True, f"{SPEC} 6.1.3.6", "kg"),
    Field((*_GENERAL, "WarrantyInformation", "WarrantyPeriod"), "warranty", _duration, True, f"{SPEC} 6.1.3.4",
          "duration by ISO 8601"),
)  # fmt: skip
PLAIN = (
    _line("CapacityEnergyVoltage", "NominalVoltage", "nominal_voltage", "6.7.2.11", note="V"),
    _line("CapacityEnergyVoltage", "MinVoltage", "min_voltage", "6.7.2.9", note="V"),
    _line("CapacityEnergyVoltage", "MaxVoltage", "max_voltage", "6.7.2.10", note="V"),
    _line("CapacityEnergyVoltage", "RatedCapacity", "rated_capacity", "6.7.2.2", note="Ah"),
    _line("CapacityEnergyVoltage", "CapacityFade", "capacity_fade", "6.7.2.4", is_required=False, note="%"),
    _line("CapacityEnergyVoltage", "CertifiedUsableBatteryEnergy", "certified_energy", "6.7.2.5", is_required=False,
          note="kWh"),
    _line("RoundTripEnergyEfficiency", "EnergyRoundTripEfficiencyFade", "rte_fade", "6.7.4.5", is_required=False,
          note="%"),
    _line("RoundTripEnergyEfficiency", "InitialSelfDischargingRate", "initial_self_discharge", "6.7.4.6", exactly_whole,
          is_required=False, note="% in a month, whole ones alone"),
    _line("Resistance", "InternalResistanceIncreaseAtBatteryPackLevel", "resistance_increase", "6.7.5.4", note="%"),
    _line("PowerCapability", "MaximumPermittedBatteryPower", "max_power", "6.7.3.5", note="W"),
    _line("PowerCapability", "PowerFade", "power_fade", "6.7.3.4", note="%, at 80 % charge"),
    _line("PowerCapability", "RatioNominalBatteryPowerAndBatteryEnergy", "power_energy_ratio", "6.7.3.6", note="W/Wh"),
    _line("PowerCapability", "OriginalPowerCapability", "original_power", "6.7.3.2", _powers, note="% and W"),
    _line("Temperature", "TemperatureRangeIdleState_LowerBoundary", "idle_temp_min", "6.7.7.3", note="°C"),
    _line("Temperature", "TemperatureRangeIdleState_UpperBoundary", "idle_temp_max", "6.7.7.4", note="°C"),
    _line("Lifetime", "ExpectedNumberOfCycles", "expected_cycles", "6.7.6.3"),
    _line("Lifetime", "CapacityThresholdExhaustion", "exhaustion_threshold", "6.7.6.9", note="%"),
    _line("Lifetime", "CycleLifeReferenceTest", "reference_test", "6.7.6.5", document),
    _line("Lifetime", "CrateOfRelevantCycleLifeTest", "c_rate_cycle_test", "6.7.6.6", note="1/h"),
)  # fmt: skip
WHOLE = (
    _line("RoundTripEnergyEfficiency", "InitialRoundTripEnergyEfficiency", "initial_rte", "6.7.4.2", rounded,
          note="whole %, rounded"),
    _line("RoundTripEnergyEfficiency", "RoundTripEnergyEfficiencyAt50PercentOfCycleLife", "rte_50", "6.7.4.3", rounded,
          note="whole %, rounded"),
    _line("Lifetime", "ExpectedLifetimeInCalendarYears", "expected_years", "6.7.6.2", completed, note="whole years"),
)  # fmt: skip
RESISTANCES = tuple(
    (component, _line("Resistance", f"InitialInternalResistanceAtBattery{level}Level", "initial_resistance", clause,
                      _of(component), is_required=is_required, note="Ohm"))
    for component, level, clause, is_required in (
        ("cell", "Cell", "6.7.5.2", True), ("pack", "Pack", "6.7.5.2", True), ("module", "Module", "6.7.5.3", False),
    )
)  # fmt: skip
TARGET = Target(
    "technical-data", "Technical Data", MODEL,
    (NAME, MAKER, CATEGORY, *GENERAL, *PLAIN, *WHOLE, *(line for _, line in RESISTANCES)),
)  # fmt: skip


def make(source: Source, identifiers: Identifiers | None = None) -> Export:
    builder = Builder(TARGET, source)
    if take_part(builder, "name", NAME):
        content = source.values[MANUFACTURER].content
        lose_rest(builder, NAME.path, NAME.key, set(content) - {"name", "id"} if isinstance(content, dict) else ())
    take_manufacturer(builder, MAKER, identifiers)
    builder.take_all((CATEGORY, *GENERAL, *PLAIN))
    for line in WHOLE:
        take_whole(builder, line)
    _resistances(builder)
    return builder.export()


def _resistances(builder: Builder) -> None:
    value = builder.source.values.get("initial_resistance")
    content = value.content if value else None
    try:
        found = None if content is None else _components(content)
    except UnfitError:
        found = None
    written = {component for component, line in RESISTANCES if _take_resistance(builder, component, line, found)}
    if written and content is not None:
        names = {str(row.get("component", "")) for row in rows(content)}
        lose_rest(builder, (*_AREAS, "Resistance"), "initial_resistance", names - written)


def _take_resistance(
    builder: Builder, component: str, line: Field, found: Mapping[str, Mapping[str, Content]] | None
) -> bool:
    if found is None or component in found:
        return builder.take(line)
    if line.is_required:
        words = f"{line.key} does not say that of the {component} once; state it there"
        builder.lose(Why.NO_SOURCE, line.path, line.key, words)
    return False
