"""How each value of the passport is read from the newest record that holds it: number, unit, method, uncertainty.

Keys without a unit suffix are the passport's data points, in the unit the passport states them in. What no record holds
is not known: then the words of `missing` say what is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from packseal.passport import words
from packseal.records.bodies import Body, Estimate, MeanMinMax, StateOfHealth, Window


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


Read: TypeAlias = Callable[[Body, int | None], Reading | str]


@dataclass(frozen=True, slots=True)
class Quantity:
    key: str
    name: str
    kind: str  # which newest record of LogState.found holds it
    missing: str
    read: Read  # (body, rated capacity of the battery in mAh) -> reading, or words on why it cannot be told


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


def _statement(read: Callable[[StateOfHealth, int | None], Reading | str]) -> Read:
    return lambda body, rated_mah: read(body, rated_mah) if isinstance(body, StateOfHealth) else _NEEDS_TEST


def _window(read: Callable[[Window, int | None], Reading | str]) -> Read:
    return lambda body, rated_mah: read(body, rated_mah) if isinstance(body, Window) else _NEEDS_WINDOW


def _estimate(estimate: Estimate, statement: StateOfHealth, unit: Unit) -> Reading:
    method = words.METHODS.get(statement.method, "by a method this version does not know")
    span, celsius = statement.soc_span_cpct, statement.temperature_ddegc
    details: dict[str, object] = {"inputs": list(statement.inputs)}
    if span:
        details["soc_span"] = f"{PERCENT.text(span[0], with_unit=False)} to {PERCENT.text(span[1])}"
    if celsius is not None:
        details["at_temperature"] = CELSIUS.text(celsius)
    method = f"{method} (method {statement.method})"
    return Reading(estimate.value, unit, method, estimate.uncertainty, statement.age_ms, details)


def _soh_capacity(statement: StateOfHealth, _rated_mah: int | None) -> Reading:
    reading = _estimate(statement.soh_capacity_cpct, statement, PERCENT)
    return replace(reading, details={**reading.details, "of_rated": AMPERE_HOURS.text(statement.rated_capacity_mah)})


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


_BEYOND = "beyond the limit that the board was given"
QUANTITIES = (
    Quantity("soh_capacity_cpct", "State of health", "state_of_health", _NEEDS_TEST, _statement(_soh_capacity)),
    Quantity(
        "remaining_capacity", "Remaining capacity", "state_of_health", _NEEDS_TEST, _statement(_remaining_capacity)
    ),
    Quantity("capacity_fade", "Capacity lost", "state_of_health", _NEEDS_TEST, _statement(_capacity_fade)),
    Quantity("ohmic_resistance", "Resistance of the pack", "resistance_uohm", _NEEDS_PULSE, _statement(_resistance)),
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
