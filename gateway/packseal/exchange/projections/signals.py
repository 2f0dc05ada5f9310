"""The signals that a battery can be shown by: their names, units, and what a record says of them.

Decides what is read from a WINDOW and from a SOH, and what follows from them (power, the spread of the cells). Values
are integers in the unit at the end of the name, as in records; None is "not available", and never 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from packseal.records.bodies import Estimate, StateOfHealth, Window, margin

Value: TypeAlias = "int | tuple[int | None, ...] | None"
Interval: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Unit:
    """symbol: as people are shown it, `places` decimals before the integer's last digit.

    si: unit of SenML (RFC 8428 table 6, which has no prefixes, no hours and no percent), and how many of it the integer
    counts one of.
    """

    symbol: str
    places: int
    si: tuple[str, Fraction]


UNITS = {
    "mv": Unit("V", 3, ("V", Fraction(1, 1000))),
    "ma": Unit("A", 3, ("A", Fraction(1, 1000))),
    "mw": Unit("W", 3, ("W", Fraction(1, 1000))),
    "mah": Unit("Ah", 3, ("C", Fraction(36, 10))),
    "wh": Unit("Wh", 0, ("J", Fraction(3600))),
    "cpct": Unit("%", 2, ("/", Fraction(1, 10_000))),
    "ddegc": Unit("°C", 1, ("Cel", Fraction(1, 10))),
    "uohm": Unit("mΩ", 3, ("Ohm", Fraction(1, 1_000_000))),
}
_CHARGE_LEVEL = Unit("%", 2, ("%EL", Fraction(1, 100)))
_OWN_UNITS = {
    "soc_cpct": _CHARGE_LEVEL,
    "soc_reported_cpct": _CHARGE_LEVEL,
    "full_cycles_cpct": Unit("cycles", 4, ("/", Fraction(1, 10_000))),  # 100 % are one
}
_OWN_NAMES = {"charge_wh": "charge_energy", "discharge_wh": "discharge_energy", "cell_mv": "cell_voltage"}


@dataclass(frozen=True, slots=True)
class Signal:
    """words: for people. is_array: one value for each cell block or sensor, as it is numbered in records.

    is_measured: each window says it anew, or that it is not available; others keep their value until another comes.
    is_counter: it only rises, until the board begins another log.
    from_board: a pack on CAN without a board (`[[can]]`) never has it.
    """

    name: str
    words: str
    is_array: bool = False
    is_measured: bool = True
    is_counter: bool = False
    from_board: bool = False

    @property
    def plain_name(self) -> str:
        """Without the unit, for forms that have their own."""
        return _OWN_NAMES.get(self.name) or self.name.rpartition("_")[0]

    @property
    def unit(self) -> Unit:
        return _OWN_UNITS.get(self.name) or UNITS[self.name.rpartition("_")[2]]


SIGNALS = {
    signal.name: signal
    for signal in (
        Signal("pack_voltage_mv", "Voltage"),
        Signal("pack_current_ma", "Current"),
        Signal("pack_power_mw", "Power"),
        Signal("soc_cpct", "State of charge", from_board=True),
        Signal("soc_reported_cpct", "State of charge (BMS)"),
        Signal("soh_capacity_cpct", "State of health", is_measured=False, from_board=True),
        Signal("soh_reported_cpct", "State of health (BMS)"),
        Signal("remaining_capacity_mah", "Remaining capacity", is_measured=False, from_board=True),
        Signal("resistance_uohm", "Resistance", is_measured=False, from_board=True),
        Signal("charge_mah", "Charge in", is_measured=False, is_counter=True, from_board=True),
        Signal("discharge_mah", "Charge out", is_measured=False, is_counter=True, from_board=True),
        Signal("charge_wh", "Energy in", is_measured=False, is_counter=True, from_board=True),
        Signal("discharge_wh", "Energy out", is_measured=False, is_counter=True, from_board=True),
        Signal("full_cycles_cpct", "Full cycles", is_measured=False, is_counter=True, from_board=True),
        Signal("temperature_min_ddegc", "Lowest temperature"),
        Signal("temperature_max_ddegc", "Highest temperature"),
        Signal("cell_min_mv", "Lowest cell"),
        Signal("cell_max_mv", "Highest cell"),
        Signal("cell_spread_mv", "Cell spread"),
        Signal("cell_mv", "Cell voltages", is_array=True),
        Signal("temperature_ddegc", "Temperatures", is_array=True),
    )
}
_COUNTERS = tuple(signal.name for signal in SIGNALS.values() if signal.is_counter)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a record says of one signal. interval: holds in about 95 of 100 cases, where the record states it."""

    value: Value
    interval: Interval | None = None


def window_readings(window: Window) -> dict[str, Reading]:
    """Every measured signal, by name, and the counters that the window gives."""
    voltage = window.pack_voltage_mv.mean if window.pack_voltage_mv else None
    current = window.pack_current_ma.mean if window.pack_current_ma else None
    values: dict[str, Value] = {
        "pack_voltage_mv": voltage,
        "pack_current_ma": current,
        "pack_power_mw": None if voltage is None or current is None else round(Fraction(voltage * current, 1000)),
        "soc_cpct": window.soc_cpct,
        "soc_reported_cpct": window.soc_reported_cpct,
        "soh_reported_cpct": window.soh_reported_cpct,
        **_bounds("temperature", "ddegc", window.temperature_ddegc),
        **_bounds("cell", "mv", window.cell_mv),
        "cell_mv": window.cell_mv or None,
        "temperature_ddegc": window.temperature_ddegc or None,
    }
    low, high = values["cell_min_mv"], values["cell_max_mv"]
    values["cell_spread_mv"] = high - low if isinstance(low, int) and isinstance(high, int) else None
    counters = {name: window.counter(name) for name in _COUNTERS}
    values |= {name: count for name, count in counters.items() if count is not None}
    return {name: Reading(value) for name, value in values.items()}


def health_readings(health: StateOfHealth) -> dict[str, Reading]:
    """State of health, remaining capacity and, where it is stated, resistance: each with its interval."""
    estimates = {
        "soh_capacity_cpct": health.soh_capacity_cpct,
        "remaining_capacity_mah": health.remaining_capacity_mah,
        "resistance_uohm": health.resistance_uohm,
    }
    return {name: _estimated(estimate) for name, estimate in estimates.items() if estimate}


def _estimated(estimate: Estimate) -> Reading:
    half = margin(estimate.uncertainty)
    return Reading(estimate.value, (max(0, estimate.value - half), estimate.value + half))


def _bounds(name: str, unit: str, values: tuple[int | None, ...]) -> dict[str, Value]:
    there = [value for value in values if value is not None]
    return {f"{name}_min_{unit}": min(there, default=None), f"{name}_max_{unit}": max(there, default=None)}
