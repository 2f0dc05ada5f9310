"""A first binding for a DBC, from the names, units and ranges of its signals; a person reads and corrects it.

Decides which signal is likeliest, by dbc_suggestion_rules.py: words in its name and its message's, its unit, its bits'
reach. A wrong suggestion costs more than a missing one, so what has no word for it is left out, and every suggestion
says what it rests on and which signals came next.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packseal.errors import BindingError
from packseal.signals.absence import Codes, exact
from packseal.signals.binding import CURRENT, MAX_RANGE, NUMBERED, QUANTITIES
from packseal.signals.dbc_suggestion_rules import (
    EACH,
    ENDS,
    FACTORS,
    HIGH,
    LEAST,
    LOW,
    RULES,
    SHARES,
    Rule,
    words_of,
    words_of_unit,
)
from packseal.signals.decoder import Decoder
from packseal.signals.layout import SignalLayout

LEAST_NUMBERED = 4  # signals that differ in a number alone; fewer are something else
ALTERNATIVES = 3
MAX_CODES = 16  # "not available" codes that are written out; J1939's are a thousand in a number of 16 bits
MAX_CELL_BLOCKS = 1024  # that a binding may state
LOPSIDED = 1.2  # a range of current that reaches so many times further to one side is that of a pack that drives

_PLAIN = re.compile(r"\w+\.\w+", re.ASCII)
_NUMBER = re.compile(r"(\d+)(?!.*\d)")  # the last one in a name


@dataclass(frozen=True)
class _Found:
    """is_plain: its unit is the quantity's, and no word speaks against it."""

    name: str
    score: int
    factor: str
    reasons: tuple[str, ...]
    is_plain: bool


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
    unit, rule = quantity.rsplit("_", 1)[1], RULES[quantity]
    found = (_judged(name, name, signal, unit, rule) for name, signal in decoder.signals.items() if name not in taken)
    return sorted((one for one in found if one), key=lambda one: -one.score)


def _judged(name: str, read_as: str, signal: SignalLayout, unit: str, rule: Rule) -> _Found | None:
    """read_as: the name whose words count."""
    if not _PLAIN.fullmatch(name):
        return None  # a long name, from an attribute, may hold anything
    stated = signal.unit.strip().lower()
    message, own = (words_of(part) for part in read_as.split(".", 1))
    own |= words_of_unit(stated)
    both = own | message
    if any((both if group in rule.anywhere else own).isdisjoint(group) for group in rule.needs):
        return None
    if both.isdisjoint(rule.good) or own & rule.never:
        return None
    if message & LOW and message & HIGH:
        message -= ENDS  # it has both, and speaks for neither
    factor = FACTORS[unit].get(stated)
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
    is_plain = bool(factor) and not against
    return _Found(name, score, factor or _guessed(signal, unit, rule), tuple(reasons), is_plain)


def _doubt(stated: str) -> str:
    return f"its unit reads {stated!r}: check the factor" if stated else "it states no unit: check the factor"


def _reaches(signal: SignalLayout, factor: str | None, unit: str, rule: Rule) -> bool:
    scale = float(factor or _guessed(signal, unit, rule))
    least = 2 * rule.valid[0] if rule.valid[0] > 5000 else LEAST[unit]
    return signal.is_float or _top(signal) * scale >= least


def _guessed(signal: SignalLayout, unit: str, rule: Rule) -> str:
    """A factor, where no unit is stated: the smallest by which the bits reach a usual range of the quantity."""
    factors = SHARES if unit == "cpct" else sorted(set(FACTORS[unit].values()), key=int)
    usual = min(rule.valid[1], 100_000) if unit != "cpct" else 0.9 * rule.valid[1]
    return next((factor for factor in factors if _top(signal) * int(factor) >= usual), factors[-1])


def _top(signal: SignalLayout) -> float:
    """The highest value that the bits hold, or that the DBC states."""
    return max(signal.maximum or 0, *(raw * signal.factor + signal.offset for raw in signal.raw_bounds))


@dataclass(frozen=True)
class _Row:
    """`count` signals that differ in a number alone, the first of them as found; siblings have others beside them that
    found no room; others are further messages with signals of the same names."""

    pattern: str
    first: _Found
    count: int
    siblings: frozenset[str]
    codes: Codes
    others: tuple[str, ...]


def _numbered(decoder: Decoder, quantity: str) -> _Row | None:
    """The longest row of signals of this quantity; None where there is none."""
    rule, unit = EACH[quantity], quantity.rsplit("_", 1)[1]
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
    pattern = f"{before}{{{run[0]}..{run[-1]}}}{behind}"
    message, *others = _messages_with(decoder, f"{before}{run[0]}{behind}")
    pattern = f"{message}.{pattern}" if others else pattern
    codes = {decoder.signals[found[*key, int(number)].name].absent_codes for number in run}
    shared = codes.pop() if len(codes) == 1 else ()
    return _Row(pattern, found[*key, int(run[0])], len(run), siblings, shared, tuple(others))


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


def _messages_with(decoder: Decoder, own: str) -> list[str]:
    """The messages that have a signal of that name, in the order of the file."""
    return [message for message, name in (name.split(".", 1) for name in decoder.signals) if name == own]


def _table(quantity: str, found: Sequence[_Found], decoder: Decoder) -> str:
    if not found:
        return f"# {quantity} ({QUANTITIES[quantity]}): nothing found\n"
    best, others = found[0], found[1 : 1 + ALTERNATIVES]
    signal, rule = decoder.signals[best.name], RULES[quantity]
    valid, whose = _valid(signal, best.factor, rule.valid)
    lines = [f"# {QUANTITIES[quantity]}; confidence {_confidence(found)}: {'; '.join(best.reasons)}"]
    lines += [f"# or {', '.join(one.name for one in others)}"] if others else []
    lines += [f"[quantities.{quantity}]", f'signal = "{best.name}"', f"factor = {best.factor}"]
    lines += [_positive_when(signal)] if quantity == CURRENT else []
    lines += _not_available(signal.absent_codes) or _start_code(signal, best.factor, valid)
    lines.append(f"valid = {list(valid)}  # {whose}narrow it to your pack")
    return "\n".join(lines) + "\n"


def _confidence(found: Sequence[_Found]) -> str:
    """high: nothing against the best, and no other comes near."""
    if not found[0].is_plain:
        return "low"
    return "medium" if len(found) > 1 and found[1].score + 1 >= found[0].score else "high"


def _positive_when(signal: SignalLayout) -> str:
    """A guess: a pack gives more than it takes, so a range reaches further to the side of discharging."""
    below, above = -(signal.minimum or 0), signal.maximum or 0
    word, why = "charging", "a guess"
    if 0 < below * LOPSIDED < above:
        word, why = "discharging", "its range reaches further above 0, as discharging does"
    elif 0 < above * LOPSIDED < below:
        why = "its range reaches further below 0, as discharging does"
    other = "charging" if word == "discharging" else "discharging"
    return f'positive_when = "{word}"  # {why}; "{other}" where a log of charging gives currents below 0'


def _valid(signal: SignalLayout, factor: str, usual: tuple[int, int]) -> tuple[tuple[int, int], str]:
    """(what is usual, within the DBC's range where that is one of physical values, whose range it is)"""
    if signal.minimum is None or signal.maximum is None or signal.dbc_range is None:
        return usual, ""
    if signal.factor != 1 and (signal.minimum, signal.maximum) == signal.raw_bounds:
        return usual, ""
    lowest, highest = (round(exact(end) * int(factor)) for end in (signal.minimum, signal.maximum))
    narrowed = max(usual[0], lowest), min(usual[1], highest)
    return (usual, "") if narrowed == usual or narrowed[0] >= narrowed[1] else (narrowed, "the DBC's range; ")


def _start_code(signal: SignalLayout, factor: str, valid: tuple[int, int]) -> list[str]:
    """Many send the highest number there is until they have measured; said where `valid` would let it pass."""
    code = signal.raw_bounds[1]
    physical = code * exact(signal.factor) + exact(signal.offset)
    if signal.is_float or not valid[0] <= physical * int(factor) <= valid[1]:
        return []
    words = f"{float(physical):g} {signal.unit.strip()}".strip()
    return [f"# not_available = [{code}], where {words} is what it sends before it has measured"]


def _numbered_table(quantity: str, row: _Row) -> str:
    count = (
        f"{row.count} of {len(row.siblings)}, with which a record is full"
        if len(row.siblings) > row.count
        else row.count
    )
    lines = [f"# {NUMBERED[quantity][0]}, {count}; {'; '.join(row.first.reasons)}", f"[numbered.{quantity}]"]
    lines += [f"# of the same names in {', '.join(row.others[:ALTERNATIVES])}"] if row.others else []
    lines += [f'signals = ["{row.pattern}"]', f"factor = {row.first.factor}", *_not_available(row.codes)]
    lines.append(f"valid = {list(EACH[quantity].valid)}  # narrow it to your cells")
    return "\n".join(lines) + "\n"


def _not_available(codes: Codes) -> list[str]:
    """The raw values that the DBC says it of; where they are too many to list, that `valid` has to leave them out."""
    if sum(last - first + 1 for first, last in codes) > MAX_CODES:
        ranges = ", ".join(f"{first} to {last}" for first, last in codes[:ALTERNATIVES])
        return [f"# the raw values {ranges} are none: see that `valid` leaves them out"]
    values = [value for first, last in codes for value in range(first, last + 1)]
    return [f"not_available = {values}  # by the DBC"] if values else []
