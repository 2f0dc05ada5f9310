"""How each value of the passport is read from the newest record that holds it: number, unit, method, uncertainty.

Keys without a unit suffix are the passport's data points, in the unit the passport states them in. What no record holds
is not known: then the words of `missing` say what is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from packseal.passport import words
from packseal.passport.fold import ESTIMATE_KINDS, Found, LogState
from packseal.records import estimate_words
from packseal.records.bodies import (
    METHODS,
    BlockEstimate,
    Body,
    Estimate,
    MeanMinMax,
    QuantityEstimate,
    StateOfHealth,
    Window,
    margin,
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A signed integer has `places` decimals in the unit `name`, and `fixed` of them in the unit that people are shown,
    of which `kept` are shown."""

    name: str
    places: int
    shown: str
    fixed: int
    kept: int

    def scaled(self, value: int) -> float:
        return value / 10**self.places if self.places else value

    def text(self, value: int, with_unit: bool = True) -> str:
        shown = words.rounded(value, self.fixed - self.kept)
        return words.number(shown, self.shown if with_unit else "", self.kept)


AMPERE_HOURS = Unit("Ah", 3, "Ah", 3, 1)
KILOWATT_HOURS = Unit("kWh", 3, "kWh", 3, 1)
PERCENT = Unit("%", 2, "%", 2, 1)
ENERGY = Unit("kWh", 3, "kWh", 3, 2)
KILOWATT = Unit("kW", 3, "kW", 3, 2)
PERCENT_IN_30_DAYS = Unit("%/(30.d)", 2, "% in 30 days", 2, 2)
OHM = Unit("Ohm", 6, "mΩ", 3, 2)
CELSIUS = Unit("Cel", 1, "°C", 1, 1)
CYCLES = Unit("1", 2, "cycles", 2, 2)
COUNT = Unit("1", 0, "", 0, 0)
MINUTES = Unit("min", 0, "min", 0, 0)
PACK_MILLIVOLT = Unit("mV", 0, "V", 3, 2)
CELL_MILLIVOLT = Unit("mV", 0, "mV", 0, 0)
MILLIAMPERE = Unit("mA", 0, "A", 3, 2)


@dataclass(frozen=True, slots=True)
class Reading:
    value: int
    unit: Unit
    method: str
    uncertainty: int | None = None  # standard (k = 1), fixed point as value; None: the record states none
    extra_age_ms: int = 0  # pack time by which the newest input was older than the record
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lacking:
    """The board itself says that it does not know yet, and what is missing: codes of ESTIMATE key 5."""

    codes: tuple[int, ...]
    method: str


Read: TypeAlias = Callable[[Body, int | None], Reading | Lacking | str]


@dataclass(frozen=True, slots=True)
class Quantity:
    key: str
    name: str
    kind: str  # which newest record of LogState.found holds it
    missing: str
    read: Read  # (body, rated capacity of the battery in mAh) -> reading, or words on why it cannot be told
    estimate: int = 0  # the quantity of ESTIMATEs that are about it; 0 for none
    is_estimated: bool = True  # by those; else they only say that it is not known, and `kind` has its value

    def found_in(self, log: LogState) -> Found | None:
        """The record of this log that answers. What is lacking counts until a newer record states the value."""
        stated, said = log.found.get(self.kind), log.found.get(ESTIMATE_KINDS.get(self.estimate, ""))
        if said is None or not isinstance(said.entry.body, QuantityEstimate):
            return stated
        if said.entry.body.value is not None:
            return said if self.is_estimated else stated
        return stated if stated and stated.entry.seq > said.entry.seq else said


_NEEDS_TEST = "needs one charge or discharge with a rest of the pack before and after it"
_NEEDS_RATED = "needs the rated capacity, which this passport was not told"
_NEEDS_PULSE = f"{_NEEDS_TEST}, and steps of current in it"
_NEEDS_WINDOW = "no record with it has arrived yet"
_NEEDS_COUNTERS = "needs a source that counts charge and energy"
_NEEDS_ALL_COUNTERS = "needs a board that counts it"
_NEEDS_ESTIMATE = "needs a board that estimates it"
_NEEDS_CLAIM = "the battery's own electronics have not claimed one"
_CLAIMED = "what the battery's own electronics claim; repeated here, not checked"
_COUNTED = "counted since this log was opened; earlier life is not in it"
_ESTIMATED = "by the board's own count and model, at the end of the window"


def _statement(read: Callable[[StateOfHealth, int | None], Reading | str], unit: Unit) -> Read:
    def read_either(body: Body, rated_mah: int | None) -> Reading | Lacking | str:
        return read(body, rated_mah) if isinstance(body, StateOfHealth) else _said(body, unit)

    return read_either


def _window(read: Callable[[Window, int | None], Reading | str]) -> Read:
    return lambda body, rated_mah: read(body, rated_mah) if isinstance(body, Window) else _NEEDS_WINDOW


def _said(body: Body, unit: Unit) -> Reading | Lacking | str:
    """What an ESTIMATE says."""
    if not isinstance(body, QuantityEstimate):
        return _NEEDS_TEST
    if body.value is None:
        return Lacking(body.lacking, _method(body.method))
    weakest, strongest = (body.most, body.least) if body.quantity in _MORE_IS_WORSE else (body.least, body.most)
    reading = _estimate(body.value, body, unit)
    return replace(reading, details={**reading.details, **_blocks(weakest, strongest, unit)})


def _estimated(unit: Unit) -> Read:
    return lambda body, _rated_mah: _said(body, unit)


def _estimate(estimate: Estimate, of: StateOfHealth | QuantityEstimate, unit: Unit) -> Reading:
    return Reading(
        estimate.value, unit, _method(of.method), estimate.uncertainty, of.age_ms or 0, details=_conditions(of)
    )


def _method(number: int) -> str:
    return f"{estimate_words.method(number)} (method {number})" if number in METHODS else estimate_words.method(number)


def _conditions(of: StateOfHealth | QuantityEstimate) -> dict[str, object]:
    span, celsius = of.soc_span_cpct, of.temperature_ddegc
    details: dict[str, object] = {"inputs": list(of.inputs)} if of.inputs else {}
    if span:
        details["soc_span"] = f"{PERCENT.text(span[0], with_unit=False)} to {PERCENT.text(span[1])}"
    if celsius is not None:
        details["at_temperature"] = CELSIUS.text(celsius)
    return details


def _blocks(weakest: BlockEstimate | None, strongest: BlockEstimate | None, unit: Unit) -> dict[str, object]:
    named = (("weakest", weakest), ("strongest", strongest))
    return {name: _block(block, unit) for name, block in named if block}


def _block(block: BlockEstimate, unit: Unit) -> dict[str, object]:
    return {
        "cell_block": block.cell_block,
        "value": unit.scaled(block.value),
        "standard_uncertainty": unit.scaled(block.uncertainty),
        "text": f"cell block {block.cell_block}, {unit.text(block.value)} ± {unit.text(margin(block.uncertainty))}",
    }


def _soh_capacity(statement: StateOfHealth, _rated_mah: int | None) -> Reading:
    reading = _estimate(statement.soh_capacity_cpct, statement, PERCENT)
    more: dict[str, object] = {"of_rated": AMPERE_HOURS.text(statement.rated_capacity_mah)}
    more |= _blocks(statement.weakest, statement.strongest, PERCENT)
    return replace(reading, details={**reading.details, **more})


def _remaining_capacity(statement: StateOfHealth, _rated_mah: int | None) -> Reading:
    return _estimate(statement.remaining_capacity_mah, statement, AMPERE_HOURS)


def _capacity_fade(statement: StateOfHealth, rated_mah: int | None) -> Reading | str:
    if rated_mah is None:
        return _NEEDS_RATED
    if statement.rated_capacity_mah != rated_mah:
        told, stated = AMPERE_HOURS.text(statement.rated_capacity_mah), AMPERE_HOURS.text(rated_mah)
        return f"the board was told a rated capacity of {told}, the passport {stated}; one of them must be put right"
    soh = statement.soh_capacity_cpct
    return _estimate(Estimate(10_000 - soh.value, soh.uncertainty), statement, PERCENT)


def _resistance(statement: StateOfHealth, _rated_mah: int | None) -> Reading | str:
    if statement.resistance_uohm is None:
        return _NEEDS_PULSE
    return replace(
        _estimate(statement.resistance_uohm, statement, OHM), method="steps of voltage over steps of current"
    )


def _mean_words(window: Window) -> str:
    return f"mean of {words.plural(window.samples, 'sample')} in {words.age(round(window.duration_ms, -3))}"


def _mean(value: MeanMinMax | None, window: Window, unit: Unit) -> Reading | str:
    if value is None:
        return _NEEDS_WINDOW
    details = {"minimum": value.minimum, "maximum": value.maximum}
    return Reading(value.mean, unit, _mean_words(window), details=details)


def _voltage(window: Window, _rated_mah: int | None) -> Reading | str:
    return _mean(window.pack_voltage_mv, window, PACK_MILLIVOLT)


def _current(window: Window, _rated_mah: int | None) -> Reading | str:
    return _mean(window.pack_current_ma, window, MILLIAMPERE)


def _cell_spread(window: Window, _rated_mah: int | None) -> Reading | str:
    cells = words.available(window.cell_mv)
    if not cells:
        return _NEEDS_WINDOW
    details = {"cells_mv": list(window.cell_mv), "minimum": min(cells), "maximum": max(cells)}
    method = f"highest less lowest cell block; {_mean_words(window)}"
    return Reading(max(cells) - min(cells), CELL_MILLIVOLT, method, details=details)


def _temperature(window: Window, _rated_mah: int | None) -> Reading | str:
    sensors = words.available(window.temperature_ddegc)
    if not sensors:
        return _NEEDS_WINDOW
    details = {"minimum": min(sensors) / 10, "maximum": max(sensors) / 10, "sensors": len(sensors)}
    method = f"mean of {words.plural(len(sensors), 'sensor')}; {_mean_words(window)}"
    return Reading(round(sum(sensors) / len(sensors)), CELSIUS, method, details=details)


def _percent(value: int | None, method: str) -> Reading | str:
    return _NEEDS_WINDOW if value is None else Reading(value, PERCENT, method)


def _soc(window: Window, _rated_mah: int | None) -> Reading | str:
    return _percent(window.soc_cpct, _ESTIMATED)


def _soc_reported(window: Window, _rated_mah: int | None) -> Reading | str:
    return _percent(window.soc_reported_cpct, _CLAIMED)


def _soh_reported(window: Window, _rated_mah: int | None) -> Reading | str:
    return _percent(window.soh_reported_cpct, _CLAIMED)


def _throughput(window: Window, first: int, unit: Unit) -> Reading | str:
    if window.counters is None:
        return _NEEDS_COUNTERS
    charge, discharge = window.counters[first], window.counters[first + 1]
    details = {"charge": unit.scaled(charge), "discharge": unit.scaled(discharge)}
    return Reading(charge + discharge, unit, f"charge and discharge, {_COUNTED}", details=details)


def _energy_throughput(window: Window, _rated_mah: int | None) -> Reading | str:
    return _throughput(window, 2, KILOWATT_HOURS)


def _capacity_throughput(window: Window, _rated_mah: int | None) -> Reading | str:
    return _throughput(window, 0, AMPERE_HOURS)


def _full_cycles(window: Window, rated_mah: int | None) -> Reading | str:
    cycles_cpct = window.counter("full_cycles_cpct")
    if cycles_cpct is not None:
        return Reading(
            cycles_cpct // 100, CYCLES, f"discharged charge / rated capacity, as the board has it, {_COUNTED}"
        )
    if rated_mah is None:
        return _NEEDS_RATED
    if window.counters is None:
        return _NEEDS_COUNTERS
    return Reading(window.counters[1] * 100 // rated_mah, CYCLES, f"discharged charge / rated capacity, {_COUNTED}")


def _counted(name: str, what: str) -> Read:
    """Of a counter in events or seconds."""
    unit, per_unit = (MINUTES, 60) if name.endswith("_s") else (COUNT, 1)

    def read(window: Window, _rated_mah: int | None) -> Reading | str:
        count = window.counter(name)
        return _NEEDS_ALL_COUNTERS if count is None else Reading(count // per_unit, unit, f"{what}; {_COUNTED}")

    return _window(read)


def _counter(key: str, shown: str, name: str, what: str) -> Quantity:
    return Quantity(key, shown, "all_counters", _NEEDS_ALL_COUNTERS, _counted(name, what))


def _health(key: str, shown: str, read: Callable[[StateOfHealth, int | None], Reading | str]) -> Quantity:
    """As a SOH states it, until an ESTIMATE says that it is no longer known."""
    return Quantity(key, shown, "state_of_health", _NEEDS_TEST, _statement(read, PERCENT), 1, is_estimated=False)


def _estimated_quantity(key: str, shown: str, unit: Unit, estimate: int) -> Quantity:
    return Quantity(key, shown, "", _NEEDS_ESTIMATE, _estimated(unit), estimate)


_MORE_IS_WORSE = (2, 7)  # quantities of ESTIMATEs: resistance, self-discharge
_BEYOND = "beyond the limit that the board was given"
QUANTITIES = (
    _health("soh_capacity_cpct", "State of health", _soh_capacity),
    _health("remaining_capacity", "Remaining capacity", _remaining_capacity),
    _health("capacity_fade", "Capacity lost", _capacity_fade),
    Quantity(
        "ohmic_resistance", "Resistance of the pack", "resistance_uohm", _NEEDS_PULSE, _statement(_resistance, OHM), 2
    ),
    _estimated_quantity("usable_energy", "Usable energy", ENERGY, 3),
    _estimated_quantity("soce_cpct", "State of certified energy", PERCENT, 8),
    _estimated_quantity("power_at_80", "Power for 10 s, at 80 % charge", KILOWATT, 4),
    _estimated_quantity("power_at_20", "Power for 10 s, at 20 % charge", KILOWATT, 5),
    _estimated_quantity("round_trip_efficiency", "Round-trip efficiency", PERCENT, 6),
    _estimated_quantity("self_discharge", "Self-discharge", PERCENT_IN_30_DAYS, 7),
    Quantity("soc", "State of charge", "soc_cpct", _NEEDS_ESTIMATE, _window(_soc)),
    Quantity("pack_voltage_mv", "Voltage", "pack_voltage_mv", _NEEDS_WINDOW, _window(_voltage)),
    Quantity("pack_current_ma", "Current", "pack_current_ma", _NEEDS_WINDOW, _window(_current)),
    Quantity("temperature", "Temperature", "temperature_ddegc", _NEEDS_WINDOW, _window(_temperature)),
    Quantity("cell_spread_mv", "Cell spread", "cell_mv", _NEEDS_WINDOW, _window(_cell_spread)),
    Quantity("full_cycles", "Full cycles", "counters", _NEEDS_COUNTERS, _window(_full_cycles)),
    Quantity("energy_throughput", "Energy moved", "counters", _NEEDS_COUNTERS, _window(_energy_throughput)),
    Quantity("capacity_throughput", "Charge moved", "counters", _NEEDS_COUNTERS, _window(_capacity_throughput)),
    _counter("deep_discharge_events", "Deep discharges", "deep_discharges", f"occasions of a cell block {_BEYOND}"),
    _counter("overcharge_events", "Overcharges", "overcharges", f"occasions of a cell block {_BEYOND}"),
    _counter("time_hot", "Time too hot", "hot_s", f"time with a sensor {_BEYOND}"),
    _counter("time_cold", "Time too cold", "cold_s", f"time with a sensor {_BEYOND}"),
    _counter("time_charging_hot", "Charged too hot", "charging_hot_s", f"time charging with a sensor {_BEYOND}"),
    _counter("time_charging_cold", "Charged too cold", "charging_cold_s", f"time charging with a sensor {_BEYOND}"),
    Quantity("soc_reported_cpct", "Charge, as claimed", "soc_reported_cpct", _NEEDS_CLAIM, _window(_soc_reported)),
    Quantity("soh_reported_cpct", "Health, as claimed", "soh_reported_cpct", _NEEDS_CLAIM, _window(_soh_reported)),
)
