"""Product Condition 1.0.1 (IDTA 02035-5): what a battery is like today, each value with when it was found.

Names are the payload names of the aspect model, which CX-0160 1.1.0 section 3 asks for; the template of the same
version calls one map otherwise (RemainingPowerCapabilityDynamicAt). Its remaining power is percent of the power when
new, so it comes from what is derived of both, and watts have no place. A value without a known time has none either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from packseal.exchange.aspects.forms import SPEC, completed, filled, rows, take_whole
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
)
from packseal.exchange.forms import moment, stated_moment
from packseal.exchange.loss import Why
from packseal.exchange.source import Content, Source

MODEL = "urn:samm:io.admin-shell.idta.batterypass.product_condition:1.0.1#ProductCondition"
HUNDRED = Decimal(100)


def _events(content: Content) -> list[Converted]:
    """From [{"kind": "accident", "at": "2027-01-03T10:00:00Z", "text": "…"}]; at also in ms since 1970."""
    return [{"NegativeEventValue": filled(row.get("text", "")), "LastUpdate": _at(row.get("at", ""))}
            for row in rows(content)]  # fmt: skip


def _at(content: Content) -> str:
    if isinstance(content, int) and not isinstance(content, bool):
        return moment(content)
    return stated_moment(content)


def _statements(alone: str | None) -> Convert:
    """Identifiers of the documents on accidents: digests of the signed statements, of each event or of all."""

    def convert(content: Content) -> Converted:
        said = [row.get("statement", alone) for row in rows(content)]
        if any(not isinstance(one, str) or not one for one in said):
            raise UnfitError("the model wants the documents on each accident; no signed statement is named")
        return list(dict.fromkeys(map(str, said)))

    return convert


def _left(content: Content) -> Converted:
    if isinstance(content, bool) or not isinstance(content, int | Decimal):
        raise UnfitError("a number is needed")
    return number(HUNDRED - content)


def _dated(
    name: str, key: str, clause: str, convert: Convert = number, *, is_required: bool = False, note: str = ""
) -> Field:
    return Field((name, f"{name}Value"), key, convert, is_required, f"{SPEC} {clause}", note)


DATED = (
    _dated("EnergyThroughput", "energy_throughput", "6.7.6.7", note="kWh, charge and discharge in one sum"),
    _dated("CapacityThroughput", "capacity_throughput", "6.7.6.8", note="Ah, charge and discharge in one sum"),
    _dated("StateOfCertifiedEnergy", "soce_cpct", "6.7.2.7", note="%"),
    _dated("RemainingEnergy", "usable_energy", "6.7.2.6", note="kWh"),
    _dated("RemainingCapacity", "remaining_capacity", "6.7.2.3", note="Ah, as the aspect model has it"),
    _dated("EvolutionOfSelfDischarge", "self_discharge_evolution", "6.7.4.8", note="%"),
    _dated("RemainingRoundTripEnergyEfficiency", "round_trip_efficiency", "6.7.4.4", note="%"),
    _dated("StateOfCharge", "soc", "6.7.2.8", is_required=True, note="%"),
)
CYCLES = _dated("NumberOfFullCycles", "full_cycles", "6.7.6.4", completed, is_required=True, note="whole cycles")
SELF_DISCHARGE = _dated("CurrentSelfDischargingRate", "self_discharge", "6.7.4.7", note="% in 30 days, unnamed there")
EVENTS = Field(("NegativeEvents",), "negative_events", _events, clause=f"{SPEC} 6.7.8.4", note="the text of each note")
ACCIDENTS = Field(
    ("InformationOnAccidents",), "negative_events", _statements(None), True, f"{SPEC} 6.7.8.4",
    "digests of the signed statements; empty only where somebody stated that there was none",
)  # fmt: skip
TEMPERATURES = tuple(
    Field(("TemperatureInformation", name), key, number, clause=f"{SPEC} 6.7.7.5 to 8", note=unit)
    for name, key, unit in (
        ("MeasuredTemp", "temperature", "°C"),
        ("TimeExtremeHighTemp", "time_hot", "minutes"),
        ("TimeExtremeLowTemp", "time_cold", "minutes"),
        ("TimeExtremeHighTempCharging", "time_charging_hot", "minutes"),
        ("TimeExtremeLowTempCharging", "time_charging_cold", "minutes"),
    )
)
_POWER: Path = ("RemainingPowerCapability", "RemainingPowerCapabilityValue")
POWER = Field((*_POWER, "PowerCapabilityAt"), "power_fade", _left, clause=f"{SPEC} 6.7.3.3",
              note="% of the power when new, at 80 % charge")  # fmt: skip
TARGET = Target(
    "product-condition", "Product Condition", MODEL,
    (*DATED, CYCLES, SELF_DISCHARGE, EVENTS, ACCIDENTS, *TEMPERATURES, POWER),
)  # fmt: skip


def make(source: Source) -> Export:
    builder = Builder(TARGET, source)
    for line in (*DATED, CYCLES, SELF_DISCHARGE):
        if _take_dated(builder, line, (line.path[0], "LastUpdate")) and line is SELF_DISCHARGE:
            builder.lose(Why.COARSER, line.path, line.key, "percent in 30 days; the model does not say in which time")
    _accidents(builder)
    _temperatures(builder)
    _power(builder)
    return builder.export()


def _take_dated(builder: Builder, line: Field, *places: Path) -> bool:
    """Writes the value and, at each of the places, when it was found."""
    value = builder.source.values.get(line.key)
    if value is None or value.content is None:
        return builder.take(line)
    try:
        found = _found(value.made_unix_ms)
    except UnfitError as error:
        builder.lose(Why.UNFIT, line.path, line.key, str(error))
        return False
    if not (take_whole(builder, line) if line.convert is completed else builder.take(line)):
        return False
    for place in places:
        builder.put(place, line.key, found)
    return True


def _found(made_unix_ms: int | None) -> str:
    if made_unix_ms is None:
        raise UnfitError("the model dates each value, and nobody said when this one was found")
    return moment(made_unix_ms)


def _accidents(builder: Builder) -> None:
    value = builder.source.values.get(EVENTS.key)
    builder.take(EVENTS)
    builder.take(replace(ACCIDENTS, convert=_statements(value.statement if value else None)))


def _temperatures(builder: Builder) -> None:
    """One time stands for all of them: the oldest, so that none looks newer than it is."""
    written = [line.key for line in TEMPERATURES if _take_dated(builder, line)]
    if written:
        oldest = min(written, key=lambda key: builder.source.values[key].made_unix_ms or 0)
        builder.put(("TemperatureInformation", "LastUpdate"), oldest, _of(builder, oldest))
    elif not any(line.key in builder.source.values for line in TEMPERATURES):
        builder.take(replace(TEMPERATURES[0], path=("TemperatureInformation",), is_required=True))


def _of(builder: Builder, key: str) -> str:
    return _found(builder.source.values[key].made_unix_ms)


def _power(builder: Builder) -> None:
    if _take_dated(builder, POWER, (*_POWER, "RPCLastUpdated"), (_POWER[0], "LastUpdate")):
        builder.put((*_POWER, "AtSoC"), POWER.key, 80)
    _lose_watts(builder, ("power_at_80", "power_at_20"))


def _lose_watts(builder: Builder, keys: Iterable[str]) -> None:
    for key in keys:
        if key in builder.source.values:
            words = "the model has percent of the power when new, at one charge; kilowatts have no place"
            builder.lose(Why.UNFIT, POWER.path, key, words)
