"""What speaks for a signal's being a quantity, and what against it: words in names, units, what the bits reach.

Only tables and the words of a name; dbc_suggestion.py judges by them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PHRASES = (
    ("state[ _]?of[ _]?charge", "_soc_"),
    ("state[ _]?of[ _]?health", "_soh_"),
    ("(?-i:SOC)", "_soc_"),  # or SOCave would be SO and Cave
    ("bms", "_bms_"),
    (r"(?<!\d)(?:12|24|48)[ _]?v(?![a-z])", "_lv_"),  # the battery of the vehicle's lamps
    (r"(?<!\d)(?:12|24|48)[ _]?v(?=bat)", "_lv_"),
)
FACTORS = {  # unit -> factor to the quantity's own
    "mv": {"v": "1000", "mv": "1", "kv": "1000000"},
    "ma": {"a": "1000", "ma": "1"},
    "cpct": {"%": "100", "pct": "100", "percent": "100"},
    "ddegc": {"degc": "10", "°c": "10", "c": "10", "deg c": "10", "celsius": "10"},
    "wh": {"kwh": "1000", "wh": "1"},
}
SHARES = ("1", "10", "100")  # a percentage without a unit may be in tenths or hundredths
LEAST = {"mv": 1000, "ma": 20_000, "cpct": 8000, "ddegc": 500, "wh": 2000}  # that the bits reach


@dataclass(frozen=True)
class Rule:
    """needs: its own name has a word of each group; those of `anywhere` may be in the message's name alone.

    good: at least one of these is in either name. bad: these speak against it; never: in its own name these mean
    something else. valid: in the quantity's unit.
    """

    needs: tuple[frozenset[str], ...]
    good: frozenset[str]
    bad: frozenset[str]
    valid: tuple[int, int]
    anywhere: tuple[frozenset[str], ...] = ()
    never: frozenset[str] = frozenset()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PACK = _words("pack battery batt bat hv hvb bms total lb bmu ess string")
_SIDE = _words(
    "limit limiting limits max min target request req set allowed available charger motor phase ac aux lv low fast "
    "inverter dcdc dc isolation insulation bus link diff difference deviation delta power counter count error fault "
    "status state number num warn warning threshold index id mux change window coil cable coolant inlet outlet ambient "
    "interior intake mol msl rsl pump fet pct nr"
)
_VOLTS = _words("voltage volt volts voltages u v uv vbat")
_AMPS = _words("current amps amp i curr")
_TEMPERATURE = _words("temperature temp temperatures temps t")
_ENERGY = _words("energy")
_CELL = _words("cell brick block cells bricks cellblock")
LOW, HIGH = _words("min minimum low lowest"), _words("max maximum high highest")
ENDS, _MEAN = LOW | HIGH, _words("avg ave average mean")
_SHOWN = _words("usable display dash ui user")  # what the driver sees, which leaves out a reserve
_SHUNT = _words("shunt ivt csm")  # has a temperature of its own
_DEGREES, _CELL_MV, _SHARE = (-400, 1000), (500, 5000), (0, 10_000)
RULES = {
    "pack_voltage_mv": Rule((_VOLTS,), _PACK, _SIDE | _CELL, (10_000, 1_500_000), never=ENDS),
    "pack_current_ma": Rule((_AMPS,), _PACK, _SIDE | _CELL, (-2_000_000, 2_000_000), never=ENDS),
    "soc_reported_cpct": Rule((_words("soc"),), _PACK | _MEAN | _words("soc"), _SIDE | ENDS | _SHOWN, _SHARE),
    "soh_reported_cpct": Rule((_words("soh deterioration"),), _PACK | _words("capacity soh"), _SIDE | ENDS, _SHARE),
    "temperature_ddegc": Rule((_TEMPERATURE,), _PACK | _CELL, _SIDE | _SHUNT, _DEGREES, never=ENDS | _words("nr")),
    "temperature_min_ddegc": Rule((_TEMPERATURE, LOW), _PACK | _CELL, _SIDE - LOW | HIGH | _MEAN, _DEGREES),
    "temperature_max_ddegc": Rule((_TEMPERATURE, HIGH), _PACK | _CELL, _SIDE - HIGH | LOW | _MEAN, _DEGREES),
    "cell_voltage_min_mv": Rule((_VOLTS, LOW, _CELL), _PACK | _CELL, _SIDE - LOW | HIGH | _MEAN, _CELL_MV, (_CELL,)),
    "cell_voltage_max_mv": Rule((_VOLTS, HIGH, _CELL), _PACK | _CELL, _SIDE - HIGH | LOW | _MEAN, _CELL_MV, (_CELL,)),
    "remaining_energy_reported_wh": Rule(
        (_ENERGY, _words("remaining remain left rest")),
        _PACK | _ENERGY | _words("nominal"),
        _SIDE | _words("time ideal segments"),
        (0, 1_000_000),
        (_ENERGY,),
    ),
}
EACH = {
    "cell_voltage_mv": Rule((_CELL,), _VOLTS | _CELL, _SIDE | ENDS, _CELL_MV, (_CELL,)),
    "sensor_temperature_ddegc": Rule(
        (_TEMPERATURE,), _CELL | _PACK | _words("sensor module"), _SIDE | ENDS, _DEGREES, (_TEMPERATURE,)
    ),
}


def words_of_unit(unit: str) -> frozenset[str]:
    """What a unit says of its quantity by itself: watt-hours are energy, whatever the name calls them."""
    return _ENERGY if unit in FACTORS["wh"] else frozenset()


def words_of(name: str) -> frozenset[str]:
    for pattern, short in _PHRASES:
        name = re.sub(pattern, short, name, flags=re.IGNORECASE)
    return frozenset(word.lower() for word in _WORD.findall(name))
