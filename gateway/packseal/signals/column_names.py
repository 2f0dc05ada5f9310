"""The names of a table's columns -> which one is which quantity, and in which unit.

Decides by the words of a name, whatever its case and punctuation: `current_A`, "Current(A)", `I/mA`.
A unit is the last word; where there is none, the first unit of the quantity counts. Of two names for one quantity the
one that stands first in its list counts; two of the same rank are nobody's to choose from, and are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from packseal.errors import TableError
from packseal.signals.binding import did_you_mean

Numbers = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a column can be. units: name -> (factor, offset) to the integer unit that the board has it in.

    limits: in that unit; beyond them the board takes a value for the mark of a fault (firmware/logger/core/sampling.py)
    """

    key: str
    unit: str
    names: tuple[str, ...]
    units: Mapping[str, tuple[float, float]]
    limits: tuple[int, int]
    is_numbered: bool = False  # there may be several: a number in the name says which
    is_always_there: bool = True  # an empty cell is a loss


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


def _scaled_from(factor: float, offset: float, *names: str) -> dict[str, tuple[float, float]]:
    return dict.fromkeys(names, (factor, offset))


def _scaled(factor: float, *names: str) -> dict[str, tuple[float, float]]:
    return _scaled_from(factor, 0, *names)


_MAX = 1 << 53
_WRITTEN = {"v": "V", "mv": "mV", "a": "A", "ma": "mA", "c": "°C", "k": "K", "f": "°F", "ah": "Ah", "mah": "mAh"}
_PERCENT = {**_scaled(100, "%", "pct", "percent"), **_scaled(1, "cpct"), **_scaled(10_000, "fraction")}
_AMPERE_HOURS = {**_scaled(1000, "ah"), **_scaled(1, "mah")}
_VOLTS = {**_scaled(1000, "v", "volt", "volts"), **_scaled(1, "mv")}
TIME = "time"
QUANTITIES = {
    quantity.key: quantity
    for quantity in (
        Quantity(
            TIME,
            "s",
            _names(
                "time, test time, total time, elapsed time, elapsed, relative time, seconds, t, timestamp, "
                "time stamp, date time, datetime, unix time, date"
            ),
            {
                **_scaled(1000, "s", "sec", "secs", "second", "seconds"),
                **_scaled(1, "ms", "msec", "millis", "milliseconds"),
                **_scaled(60_000, "min", "minutes"),
                **_scaled(3_600_000, "h", "hr", "hrs", "hours"),
                **_scaled(86_400_000, "d", "days"),
            },
            (-_MAX, _MAX),
        ),
        Quantity(
            "current",
            "A",
            _names(
                "pack current, battery current, current, measured current, current measured, cell current, "
                "i, i pack, i bat, ibat, amps, amperes"
            ),
            {**_scaled(1000, "a", "amp", "amps", "ampere", "amperes"), **_scaled(1, "ma")},
            (-5_000_000, 5_000_000),
        ),
        Quantity(
            "voltage",
            "V",
            _names(
                "pack voltage, battery voltage, total voltage, voltage, measured voltage, "
                "voltage measured, terminal voltage, cell voltage, ewe, ecell, v, u, u pack, v pack, vbat, "
                "volts"
            ),
            _VOLTS,
            (500, 2_000_000),
        ),
        Quantity(
            "cells",
            "V",
            _names(
                "cell, cell voltage, cell v, vcell, ucell, cell block, module cell, string cell, voltage, "
                "voltage cell, v, u"
            ),
            _VOLTS,
            (500, 5000),
            is_numbered=True,
        ),
        Quantity(
            "temperature",
            "C",
            _names(
                "temperature, pack temperature, battery temperature, cell temperature, "
                "temperature measured, surface temperature, temperature cell, aux temperature, temp, "
                "cell temp, temp cell, t"
            ),
            {
                **_scaled(10, "c", "degc", "celsius"),
                **_scaled(1, "ddegc"),
                **_scaled_from(10, -2731.5, "k", "kelvin"),
                **_scaled_from(50 / 9, -1600 / 9, "f", "degf", "fahrenheit"),
            },
            (-600, 1500),
            is_numbered=True,
        ),
        Quantity(
            "soc",
            "%",
            _names("soc reported, soc bms, bms soc, claimed soc, soc, state of charge"),
            _PERCENT,
            (0, 10_000),
            is_always_there=False,
        ),
        Quantity(
            "soh",
            "%",
            _names("soh reported, soh bms, bms soh, claimed soh, soh, state of health"),
            _PERCENT,
            (0, 10_000),
            is_always_there=False,
        ),
        Quantity(
            "reference",
            "Ah",
            _names("reference capacity, capacity reference, reference, true capacity, capacity true"),
            _AMPERE_HOURS,
            (0, _MAX),
            is_always_there=False,
        ),
        Quantity(
            "discharged",
            "Ah",
            _names("discharge capacity, discharged capacity, discharged, dis, q discharge"),
            _AMPERE_HOURS,
            (0, _MAX),
            is_always_there=False,
        ),
    )
}
NEEDED = (TIME, "current", "voltage")


@dataclass(frozen=True, slots=True)
class Column:
    """One column that is read: value = cell * factor + offset. has_unit: whether somebody said the unit."""

    quantity: Quantity
    name: str
    unit: str
    numbers: Numbers = ()
    has_unit: bool = True

    @property
    def scale(self) -> tuple[float, float]:
        return self.quantity.units[self.unit]

    @property
    def unit_text(self) -> str:
        return _WRITTEN.get(self.unit, self.unit)


Columns = Mapping[str, tuple[Column, ...]]


def columns_of(names: Sequence[str], chosen: Mapping[str, str]) -> dict[str, tuple[Column, ...]]:
    """quantity -> its columns, several only where they are numbered, in that order.

    chosen: what somebody has said, quantity -> name, where the quantity may have a unit behind it (`current_mA`) and
    the name of a numbered one a `*`. Raises TableError, which says what was found and what to say.
    """
    found = _chosen_columns(names, chosen)
    taken = {column.name for columns in found.values() for column in columns}
    for quantity in QUANTITIES.values():
        if quantity.key not in found:
            columns = _best(quantity, [name for name in names if name not in taken])
            if columns:
                found[quantity.key] = columns
    missing = [key for key in NEEDED if key not in found and not (key == "voltage" and "cells" in found)]
    if missing:
        raise TableError(_say_which(missing, names))
    return found


def _say_which(missing: Sequence[str], names: Sequence[str]) -> str:
    options = " ".join(f"--column {key}_{QUANTITIES[key].unit}=NAME" for key in missing)
    found = ", ".join(names) or "none"
    return f"no column tells the {' and the '.join(missing)}; say which one does with {options}. Columns found: {found}"


def _best(quantity: Quantity, names: Sequence[str]) -> tuple[Column, ...]:
    ranked: dict[int, list[Column]] = {}
    for name in names:
        ranks = _match(quantity, name)
        if ranks:
            ranked.setdefault(ranks[0], []).append(ranks[1])
    if not ranked:
        return ()
    best = sorted(ranked[min(ranked)], key=lambda column: column.numbers)
    numbers = [column.numbers for column in best]
    if len(set(numbers)) < len(numbers):
        both = " or ".join(column.name for column in best)
        raise TableError(f"which one is the {quantity.key}, {both}? Say so with --column {quantity.key}=NAME")
    return tuple(best)


def _match(quantity: Quantity, name: str) -> tuple[int, Column] | None:
    words, numbers = _words(name)
    if (numbers and not quantity.is_numbered) or (quantity.key == "cells" and not numbers):
        return None
    if name.strip() == "T":  # beside t, which is the time
        return (0, Column(quantity, name, _first_unit(quantity), (), False)) if quantity.key == "temperature" else None
    if words == ["t"] and not numbers and quantity.key == "temperature":
        return None
    for unit, rest in ((words[-1], words[:-1]), (_first_unit(quantity), words)) if words else ():
        if unit in quantity.units and " ".join(rest) in quantity.names:
            rank = quantity.names.index(" ".join(rest))
            return rank, Column(quantity, name, unit, numbers, has_unit=rest is not words)
    return None


def _first_unit(quantity: Quantity) -> str:
    return next(iter(quantity.units))


def _words(name: str) -> tuple[list[str], Numbers]:
    """Lower case; "PackCurrent" is two words, "mAh" is one."""
    spaced = re.sub(r"(?<=[a-z]{2})(?=[A-Z][a-z])", " ", name)
    numbers = tuple(int(digits) for digits in re.findall(r"\d{1,9}", spaced))
    return re.findall(r"[a-z%]+", spaced.casefold()), numbers


def _chosen_columns(names: Sequence[str], chosen: Mapping[str, str]) -> dict[str, tuple[Column, ...]]:
    found: dict[str, tuple[Column, ...]] = {}
    for key, pattern in chosen.items():
        quantity, unit = _quantity_and_unit(key)
        matching = [name for name in names if name == pattern or (quantity.is_numbered and fnmatchcase(name, pattern))]
        if not matching:
            raise TableError(f"--column {key}={pattern}: there is no such column; {did_you_mean(pattern, names)}")
        columns = [_as_told(quantity, unit, name) for name in matching]
        found[quantity.key] = tuple(sorted(columns, key=lambda column: column.numbers))
    return found


def _as_told(quantity: Quantity, unit: str | None, name: str) -> Column:
    words, numbers = _words(name)
    of_name = words[-1] if len(words) > 1 and words[-1] in quantity.units else None
    known = unit or of_name
    return Column(quantity, name, known or _first_unit(quantity), numbers, has_unit=known is not None)


def _quantity_and_unit(key: str) -> tuple[Quantity, str | None]:
    name, _, unit = key.casefold().partition("_")
    quantity = QUANTITIES.get(name)
    if quantity is None:
        raise TableError(f"--column {key}=: expected one of {', '.join(QUANTITIES)}")
    if unit and unit not in quantity.units:
        raise TableError(f"--column {key}=: the unit of {name} is one of {', '.join(quantity.units)}")
    return quantity, unit or None
