"""A first binding for a DBC, from the names, units and ranges of its signals; a person reads and corrects it.

Decides what speaks for a signal and what against it: words in its name and its message's, its unit, its bits' reach.
A wrong suggestion costs more than a missing one, so what has no word for it is left out, and every suggestion says what
it rests on and which signals came next.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packseal.errors import BindingError
from packseal.signals.absence import Codes
from packseal.signals.binding import CURRENT, MAX_RANGE, NUMBERED, QUANTITIES
from packseal.signals.decoder import Decoder
from packseal.signals.layout import SignalLayout

LEAST_NUMBERED = 4  # signals that differ in a number alone; fewer are something else
ALTERNATIVES = 3
MAX_CODES = 16  # "not available" codes that are written out; J1939's are a thousand in a number of 16 bits
MAX_CELL_BLOCKS = 1024  # that a binding may state

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PHRASES = (
    ("state[ _]?of[ _]?charge", "_soc_"),
    ("state[ _]?of[ _]?health", "_soh_"),
    ("(?-i:SOC)", "_soc_"),  # or SOCave would be SO and Cave
    ("bms", "_bms_"),
    (r"(?<!\d)(?:12|24|48)[ _]?v(?![a-z])", "_lv_"),  # the battery of the vehicle's lamps
    (r"(?<!\d)(?:12|24|48)[ _]?v(?=bat)", "_lv_"),
)
_PLAIN = re.compile(r"\w+\.\w+", re.ASCII)
_NUMBER = re.compile(r"(\d+)(?!.*\d)")  # the last one in a name
_FACTORS = {  # unit -> factor to the quantity's own
    "mv": {"v": "1000", "mv": "1", "kv": "1000000"},
    "ma": {"a": "1000", "ma": "1"},
    "cpct": {"%": "100", "pct": "100", "percent": "100"},
    "ddegc": {"degc": "10", "°c": "10", "c": "10", "deg c": "10", "celsius": "10"},
    "wh": {"kwh": "1000", "wh": "1"},
}
_SHARES = ("1", "10", "100")  # a percentage without a unit may be in tenths or hundredths
_LEAST = {"mv": 1000, "ma": 20_000, "cpct": 8000, "ddegc": 500, "wh": 2000}  # that the bits reach


@dataclass(frozen=True)
class _Rule:
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
_LOW, _HIGH, _MEAN = (
    _words("min minimum low lowest"),
    _words("max maximum high highest"),
    _words("avg ave average mean"),
)
_ENDS = _LOW | _HIGH
_SHUNT = _words("shunt ivt csm")  # has a temperature of its own
_DEGREES, _CELL_MV, _SHARE = (-400, 1000), (500, 5000), (0, 10_000)
_RULES = {
    "pack_voltage_mv": _Rule((_VOLTS,), _PACK, _SIDE | _CELL, (10_000, 1_500_000), never=_ENDS),
    "pack_current_ma": _Rule((_AMPS,), _PACK, _SIDE | _CELL, (-2_000_000, 2_000_000), never=_ENDS),
    "soc_reported_cpct": _Rule((_words("soc"),), _PACK | _MEAN | _words("soc"), _SIDE | _ENDS, _SHARE),
    "soh_reported_cpct": _Rule((_words("soh deterioration"),), _PACK | _words("capacity soh"), _SIDE | _ENDS, _SHARE),
    "temperature_ddegc": _Rule((_TEMPERATURE,), _PACK | _CELL, _SIDE | _SHUNT, _DEGREES, never=_ENDS | _words("nr")),
    "temperature_min_ddegc": _Rule((_TEMPERATURE, _LOW), _PACK | _CELL, _SIDE - _LOW | _HIGH | _MEAN, _DEGREES),
    "temperature_max_ddegc": _Rule((_TEMPERATURE, _HIGH), _PACK | _CELL, _SIDE - _HIGH | _LOW | _MEAN, _DEGREES),
    "cell_voltage_min_mv": _Rule(
        (_VOLTS, _LOW, _CELL), _PACK | _CELL, _SIDE - _LOW | _HIGH | _MEAN, _CELL_MV, (_CELL,)
    ),
    "cell_voltage_max_mv": _Rule(
        (_VOLTS, _HIGH, _CELL), _PACK | _CELL, _SIDE - _HIGH | _LOW | _MEAN, _CELL_MV, (_CELL,)
    ),
    "remaining_energy_reported_wh": _Rule(
        (_ENERGY, _words("remaining remain left rest")),
        _PACK | _words("energy nominal"),
        _SIDE | _words("time ideal capacity segments"),
        (0, 1_000_000),
        (_ENERGY,),
    ),
}
_EACH = {
    "cell_voltage_mv": _Rule((_CELL,), _VOLTS | _CELL, _SIDE | _ENDS, _CELL_MV, (_CELL,)),
    "sensor_temperature_ddegc": _Rule(
        (_TEMPERATURE,), _CELL | _PACK | _words("sensor module"), _SIDE | _ENDS, _DEGREES, (_TEMPERATURE,)
    ),
}


@dataclass(frozen=True)
class _Found:
    name: str
    score: int
    factor: str
    reasons: tuple[str, ...]


def binding_name(text: str) -> str:
    """A name that a binding can have, as near to `text` as may be."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40] or "pack"


def suggest_binding(decoder: Decoder, name: str, dbc: str) -> str:
    """TOML that parse_binding takes. Raises BindingError where no signal looks like anything of a pack.

    name: of the binding, as it is to be; dbc: the file's name.
    """
    numbered = {quantity: row for quantity in NUMBERED if (row := _numbered(decoder, quantity))}
    rows = _in_rows(decoder)
    tables = {quantity: _candidates(decoder, quantity, rows) for quantity in QUANTITIES}
    if not any(tables.values()):
        which = f", only {', '.join(row.pattern for row in numbered.values())} of its parts" if numbered else ""
        cure = "write the binding by hand, `packseal dbc show` helps"
        raise BindingError(f"no signal looks like one of a pack{which}; {cure}")
    cells = numbered.get("cell_voltage_mv")
    head = (
        "# Suggested from names, units and ranges: read each line, and try it on a log (`packseal import`).\n"
        f'format = 1\nname = "{name}"\nbattery = "…"  # say which\ndbc = {_string(dbc)}\n'
    )
    parts = [head + (_cell_blocks(cells) if cells else "")]
    parts += [_table(quantity, found, decoder) for quantity, found in tables.items()]
    parts += [_numbered_table(quantity, row) for quantity, row in numbered.items()]
    return "\n".join(parts)


def _cell_blocks(row: _Row) -> str:
    return f"cell_blocks = {min(len(row.siblings), MAX_CELL_BLOCKS)}  # so many the DBC describes\n"


def _string(text: str) -> str:
    """As TOML writes it, whatever a file's name is made of."""
    quoted = json.dumps(text.encode(errors="replace").decode(), ensure_ascii=False)
    return quoted.replace("\x7f", "\\u007f")


def _in_rows(decoder: Decoder) -> frozenset[str]:
    """Signals that differ from others in a number alone: one of many stands for no pack."""
    rows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in decoder.signals:
        own = name.split(".", 1)[1]
        if number := _NUMBER.search(own):
            rows[own[: number.start()], own[number.end() :]].append(name)
    return frozenset(name for row in rows.values() if len(row) >= LEAST_NUMBERED for name in row)


def _candidates(decoder: Decoder, quantity: str, taken: frozenset[str]) -> list[_Found]:
    """Best first; of equal ones the first in the file. taken: signals that are none."""
    unit, rule = quantity.rsplit("_", 1)[1], _RULES[quantity]
    found = (_judged(name, name, signal, unit, rule) for name, signal in decoder.signals.items() if name not in taken)
    return sorted((one for one in found if one), key=lambda one: -one.score)


def _judged(name: str, read_as: str, signal: SignalLayout, unit: str, rule: _Rule) -> _Found | None:
    """read_as: the name whose words count."""
    if not _PLAIN.fullmatch(name):
        return None  # a long name, from an attribute, may hold anything
    message, own = (_words_of(part) for part in read_as.split(".", 1))
    both = own | message
    if any((both if group in rule.anywhere else own).isdisjoint(group) for group in rule.needs):
        return None
    if both.isdisjoint(rule.good) or own & rule.never:
        return None
    if message & _LOW and message & _HIGH:
        message -= _ENDS  # it has both, and speaks for neither
    stated = signal.unit.strip().lower()
    factor = _FACTORS[unit].get(stated)
    if factor is None and stated.strip("+-1 %" if unit == "cpct" else "+-1 "):
        return None  # it says another unit
    if signal.bit_length < 6 or not _reaches(signal, factor, unit, rule):
        return None
    good, bad = own & rule.good, own & rule.bad
    score = 4 * bool(factor) + 2 * len(good) + len(message & rule.good) - 4 * len(bad) - len(message & rule.bad)
    if score < 1 or len(bad) > len(good):
        return None
    needed = sorted(word for group in rule.needs for word in both & group)
    reasons = [f"its name says {', '.join(dict.fromkeys([*needed, *sorted(good)]))}"]
    reasons.append(f"its unit is {signal.unit.strip()}" if factor else _doubt(stated))
    if against := sorted(bad - set(needed)):
        reasons.append(f"against it: {', '.join(against)}")
    return _Found(name, score, factor or _guessed(signal, unit, rule), tuple(reasons))


def _doubt(stated: str) -> str:
    return f"its unit reads {stated!r}: check the factor" if stated else "it states no unit: check the factor"


def _words_of(name: str) -> frozenset[str]:
    for pattern, short in _PHRASES:
        name = re.sub(pattern, short, name, flags=re.IGNORECASE)
    return frozenset(word.lower() for word in _WORD.findall(name))


def _reaches(signal: SignalLayout, factor: str | None, unit: str, rule: _Rule) -> bool:
    scale = float(factor or _guessed(signal, unit, rule))
    least = 2 * rule.valid[0] if rule.valid[0] > 5000 else _LEAST[unit]
    return signal.is_float or _top(signal) * scale >= least


def _guessed(signal: SignalLayout, unit: str, rule: _Rule) -> str:
    """A factor, where no unit is stated: the smallest by which the bits reach a usual range of the quantity."""
    factors = _SHARES if unit == "cpct" else sorted(set(_FACTORS[unit].values()), key=int)
    usual = min(rule.valid[1], 100_000) if unit != "cpct" else 0.9 * rule.valid[1]
    return next((factor for factor in factors if _top(signal) * int(factor) >= usual), factors[-1])


def _top(signal: SignalLayout) -> float:
    """The highest value that the bits hold, or that the DBC states."""
    return max(signal.maximum or 0, *(raw * signal.factor + signal.offset for raw in signal.raw_bounds))


@dataclass(frozen=True)
class _Row:
    """`count` signals that differ in a number alone, the first of them as found; siblings have others beside them that
    found no room."""

    pattern: str
    first: _Found
    count: int
    siblings: frozenset[str]
    codes: Codes


def _numbered(decoder: Decoder, quantity: str) -> _Row | None:
    """The longest row of signals of this quantity; None where there is none."""
    rule, unit = _EACH[quantity], quantity.rsplit("_", 1)[1]
    rows: dict[tuple[str, str, str], dict[int, str]] = defaultdict(dict)
    found: dict[tuple[str, str, str, int], _Found] = {}
    for name, signal in decoder.signals.items():
        message, own = name.split(".", 1)
        number = _NUMBER.search(own)
        bare = f"{message}.{_NUMBER.sub('', own)}"
        if number and (judged := _judged(name, bare, signal, unit, rule)):
            key = own[: number.start()], own[number.end() :], judged.factor
            rows[key].setdefault(int(number[1]), number[1])
            found.setdefault((*key, int(number[1])), judged)
    runs = [(key, run) for key, row in rows.items() for run in _runs(row)]
    key, run = max(runs, key=lambda one: len(one[1]), default=(("", "", ""), []))
    if len(run) < LEAST_NUMBERED:
        return None
    before, behind, _ = key
    siblings = frozenset(found[*key, number].name for number in rows[key])
    run = run[: NUMBERED[quantity][1]]
    pattern = _with_message(decoder, f"{before}{run[0]}{behind}", f"{before}{{{run[0]}..{run[-1]}}}{behind}")
    codes = {decoder.signals[found[*key, int(number)].name].absent_codes for number in run}
    shared = codes.pop() if len(codes) == 1 else ()
    return _Row(pattern, found[*key, int(run[0])], len(run), siblings, shared)


def _runs(row: Mapping[int, str]) -> Iterator[list[str]]:
    """The numbers, as they are written, in rows without a gap, each written in as many digits as a range can."""
    run: list[str] = []
    last = -1
    for number in sorted(row):
        if run and (number != last + 1 or len(run) == MAX_RANGE):
            yield run
            run = []
        run, last = [*run, row[number]], number
    if run:
        yield run


def _with_message(decoder: Decoder, first: str, pattern: str) -> str:
    """The message's name before it where another message has signals of that name, too."""
    messages = [name.split(".", 1)[0] for name in decoder.signals if name.split(".", 1)[1] == first]
    return pattern if len(messages) == 1 else f"{messages[0]}.{pattern}"


def _table(quantity: str, found: Sequence[_Found], decoder: Decoder) -> str:
    if not found:
        return f"# {quantity} ({QUANTITIES[quantity]}): nothing found\n"
    best, others = found[0], found[1 : 1 + ALTERNATIVES]
    lines = [f"# {QUANTITIES[quantity]}; {'; '.join(best.reasons)}"]
    lines += [f"# or {', '.join(one.name for one in others)}"] if others else []
    lines += [f"[quantities.{quantity}]", f'signal = "{best.name}"', f"factor = {best.factor}"]
    if quantity == CURRENT:
        lines += ['positive_when = "charging"  # a guess; "discharging" where driving shows mostly more than 0']
    lines += _not_available(decoder.signals[best.name].absent_codes)
    lines.append(f"valid = {list(_RULES[quantity].valid)}  # narrow it to your pack")
    return "\n".join(lines) + "\n"


def _numbered_table(quantity: str, row: _Row) -> str:
    count = (
        f"{row.count} of {len(row.siblings)}, with which a record is full"
        if len(row.siblings) > row.count
        else row.count
    )
    lines = [f"# {NUMBERED[quantity][0]}, {count}; {'; '.join(row.first.reasons)}", f"[numbered.{quantity}]"]
    lines += [f'signals = ["{row.pattern}"]', f"factor = {row.first.factor}", *_not_available(row.codes)]
    lines.append(f"valid = {list(_EACH[quantity].valid)}  # narrow it to your cells")
    return "\n".join(lines) + "\n"


def _not_available(codes: Codes) -> list[str]:
    """The raw values that the DBC says it of; where they are too many to list, that `valid` has to leave them out."""
    if sum(last - first + 1 for first, last in codes) > MAX_CODES:
        ranges = ", ".join(f"{first} to {last}" for first, last in codes[:ALTERNATIVES])
        return [f"# the raw values {ranges} are none: see that `valid` leaves them out"]
    values = [value for first, last in codes for value in range(first, last + 1)]
    return [f"not_available = {values}  # by the DBC"] if values else []
