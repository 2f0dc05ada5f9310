"""Every kind of fault: where on the bench it acts, what it has to be told, and what cannot go on beside it.

One table, RULES, by which scripts are checked (script.py), faults are drawn by chance (chance.py) and injected
(injector.py). A kind acts in one place alone. What only the thing itself can know (how many cell blocks a pack has,
which dialects a BMS speaks) is left to it: it refuses, and the injector tells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum

from packseal_hil.readings import Fault, FaultKind


class Place(StrEnum):
    PLANT = "plant"
    BMS = "bms"
    BUS = "bus"
    TARGET = "target"
    GATEWAY = "gateway"


class Where(Enum):
    """What `where` says of a kind, in the words of a mistake."""

    NOWHERE = "nothing: this fault has no place of its own"
    BLOCK = 'a cell block, counted from 0, such as "3"'
    BLOCK_OR_ALL = "a cell block, counted from 0, or nothing for all of them"
    SENSOR = 'a cell block, "current" or "temperature N"'
    DIALECT = "the version of the DBC that the bus speaks from then on"


@dataclass(frozen=True, slots=True)
class Amount:
    """least and most: what is taken, both included, but never 0 where is_signed. usual: of what chance draws, in
    absolute value; evenly over its powers where the ends lie more than tenfold apart."""

    unit: str
    least: float
    most: float
    usual: tuple[float, float]
    is_signed: bool = False
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """amount None: it has none. lasts: it begins and may end; else it happens at one moment and has no for_s.
    adds_up: another of its kind meanwhile is one more, and the end of one leaves the other as it is."""

    place: Place
    where: Where = Where.NOWHERE
    amount: Amount | None = None
    lasts: bool = True
    adds_up: bool = False


MAX_FAULTS = 1_000  # of a run: each is held against all others
_LEAST = 1e-3
_YEAR_S = 365 * 86_400

RULES: Mapping[FaultKind, Rule] = {
    FaultKind.OPEN_WIRE: Rule(Place.PLANT, Where.BLOCK),
    FaultKind.STUCK_SENSOR: Rule(Place.PLANT, Where.SENSOR),
    FaultKind.DRIFTING_SENSOR: Rule(
        Place.PLANT, Where.SENSOR, Amount("mV, mA or 0.1 °C an hour", -1e5, 1e5, (5, 100), is_signed=True)
    ),
    FaultKind.OVER_TEMPERATURE: Rule(
        Place.PLANT, Where.BLOCK_OR_ALL, Amount("°C above what it would be", _LEAST, 200, (10, 50))
    ),
    FaultKind.SHORT: Rule(Place.PLANT, Where.BLOCK, Amount("ohm", 1e-4, 1e5, (1, 100))),
    FaultKind.DEEP_DISCHARGE: Rule(Place.PLANT),
    FaultKind.CONTACTOR_TRIP: Rule(Place.PLANT),
    FaultKind.BUS_OFF: Rule(Place.BUS),
    FaultKind.ERROR_FRAMES: Rule(Place.BUS, amount=Amount("of a hundred frames", _LEAST, 100, (1, 30))),
    FaultKind.BABBLING_NODE: Rule(Place.BUS, amount=Amount("frames a second", 1, 20_000, (100, 5_000))),
    FaultKind.WRONG_DBC: Rule(Place.BMS, Where.DIALECT),
    FaultKind.UART_GARBAGE: Rule(Place.BMS, amount=Amount("of a thousand bytes", _LEAST, 1_000, (1, 100))),
    FaultKind.POWER_CUT: Rule(
        Place.TARGET, amount=Amount("bytes written to the flash from then on", 0, 1 << 31, (1, 8_192), is_whole=True)
    ),
    FaultKind.CLOCK_JUMP: Rule(
        Place.GATEWAY,
        amount=Amount("seconds", -100 * _YEAR_S, 100 * _YEAR_S, (1, 86_400), is_signed=True),
        adds_up=True,
    ),
    FaultKind.GATEWAY_LOSS: Rule(Place.GATEWAY),
    FaultKind.BMS_RESET: Rule(Place.BMS, lasts=False, adds_up=True),
    FaultKind.PACK_SWAP: Rule(Place.PLANT, amount=Amount("percent of the rated capacity", 50.1, 100, (60, 99))),
}

_OF_A_SENSOR = frozenset({FaultKind.STUCK_SENSOR, FaultKind.DRIFTING_SENSOR})  # mending one mends the other
_OF_CELLS = frozenset({FaultKind.SHORT, FaultKind.OVER_TEMPERATURE, FaultKind.DEEP_DISCHARGE})


def problem_of(fault: Fault) -> str:
    """What is wrong with a fault by itself, with what was expected; "" when nothing is."""
    kind = fault.kind
    times = start_problem(fault.at_s) or length_problem(kind, fault.for_s)
    return times or where_problem(kind, fault.where) or amount_problem(kind, fault.amount)


def start_problem(at_s: float) -> str:
    is_right = math.isfinite(at_s) and at_s >= 0
    return "" if is_right else f"at_s: expected seconds from the beginning of the run, 0 or more, not {at_s:g}"


def length_problem(kind: FaultKind, for_s: float) -> str:
    if not (math.isfinite(for_s) and for_s >= 0):
        return f"for_s: expected seconds, or 0 for good, not {for_s:g}"
    if for_s and not RULES[kind].lasts:
        return f"for_s: {kind} happens at one moment; leave for_s out"
    return ""


def where_problem(kind: FaultKind, where: str) -> str:
    expected = RULES[kind].where
    is_number = where.isascii() and where.isdigit()
    is_right = {
        Where.NOWHERE: not where,
        Where.BLOCK: is_number,
        Where.BLOCK_OR_ALL: is_number or not where,
        Where.SENSOR: is_number or where == "current" or _is_temperature(where),
        Where.DIALECT: bool(where),
    }[expected]
    return "" if is_right else f"where: {kind} expects {expected.value}, not {where!r}"


def amount_problem(kind: FaultKind, amount: float) -> str:
    rule = RULES[kind].amount
    if rule is None:
        return f"amount: {kind} has none; leave it out" if amount else ""
    is_right = math.isfinite(amount) and rule.least <= amount <= rule.most
    is_right = is_right and not (rule.is_signed and amount == 0) and not (rule.is_whole and amount != int(amount))
    if is_right:
        return ""
    kind_of = "a whole number" if rule.is_whole else "a number other than 0," if rule.is_signed else "a number"
    return f"amount: {kind} expects {kind_of} from {rule.least:g} to {rule.most:g} ({rule.unit}), not {amount:g}"


def end_s(fault: Fault) -> float:
    """Of the run; infinite for good, at_s for what happens at one moment."""
    if not RULES[fault.kind].lasts:
        return fault.at_s
    return fault.at_s + fault.for_s if fault.for_s else math.inf


def conflict(one: Fault, other: Fault) -> str:
    """Why two faults of a run cannot be had together, "" where they can.

    Each has its end from its own script: where that would end the other as well, or leave one behind for ever, the
    run would not be what it says.
    """
    is_same = _key(one) == _key(other) and not RULES[one.kind].adds_up
    if is_same and (_ends_within(one, other) or _ends_within(other, one)):
        return f"{one.kind} ends while {other.kind} goes on at the same place; let one end before the other begins"
    for swap, inside in ((one, other), (other, one)):
        if swap.kind is FaultKind.PACK_SWAP and inside.kind in _OF_CELLS and _has_edge_within(swap, inside):
            return f"{inside.kind} would begin in one pack and end in another; let it end before {swap.kind}"
    return ""


def _is_temperature(where: str) -> bool:
    name, _, number = where.partition(" ")
    return name == "temperature" and number.isascii() and number.isdigit()


def _key(fault: Fault) -> tuple[str, str]:
    """Of what a fault sets and its end sets back."""
    if fault.kind in _OF_A_SENSOR:
        return "sensor", fault.where
    if fault.kind is FaultKind.OVER_TEMPERATURE:  # all blocks or one of them
        return fault.kind, ""
    return fault.kind, "" if RULES[fault.kind].where is Where.DIALECT else fault.where


def _ends_within(one: Fault, other: Fault) -> bool:
    return other.at_s < end_s(one) < math.inf and one.at_s < end_s(other)


def _has_edge_within(swap: Fault, inside: Fault) -> bool:
    edges = [edge for edge in (swap.at_s, end_s(swap)) if edge < math.inf]
    return end_s(inside) < math.inf and any(inside.at_s < edge < end_s(inside) for edge in edges)
