"""What a person wants to know of a DBC file before using it: errors, and what is odd, each with line and cure.

Decides what is odd: only what makes values wrong or missing. What is merely untidy (ranges wider than the bits, [0|0],
comments, nodes) is left alone, so that a finding is worth reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packseal.errors import DBCError
from packseal.signals.database import read_dbc
from packseal.signals.dbc_text import MessageText, decode_text
from packseal.signals.layout import MessageLayout, SignalLayout

MAX_ERRORS = 5  # after so many a file is not a DBC, or not one that is worth more time
MAX_PAIRS = 2000  # of overlapping signals looked at in a message
MAX_SHOWN = 3  # overlaps of one signal
NARROW, WIDE = 4, 1000  # a range that is so many times wider or narrower than what the bits can hold

_LINE = re.compile(r"line (\d+)(?:, column \d+)?: (.*)", re.DOTALL)
_RANGE = re.compile(r"\[\s*([^|\]\s]+)\s*\|\s*([^|\]\s]+)\s*\]")
_MOST = {"%": 1000, "v": 10_000, "mv": 10_000_000, "a": 100_000, "degc": 5000, "°c": 5000}  # of any pack or vehicle


@dataclass(frozen=True)
class Finding:
    """line: 0 for the file as a whole. severity: "error" where the file does not load, "warning", "note"."""

    line: int
    severity: str
    problem: str
    cure: str

    def words(self, name: str) -> str:
        place = f"{name}:{self.line}" if self.line else name
        return f"{place}: {self.severity}: {self.problem}" + (f"; {self.cure}" if self.cure else "")


def check_dbc(content: bytes) -> tuple[Finding, ...]:
    """All findings, by line. Never raises: what cannot be read is a finding."""
    try:
        text = decode_text(content)
    except DBCError as error:
        return (_finding(str(error), "error"),)
    errors: list[Finding] = []
    while len(errors) < MAX_ERRORS:
        try:
            messages, notes, outline = read_dbc(text)
        except DBCError as error:
            errors.append(_finding(str(error), "error"))
            text, is_changed = _without_line(text, errors[-1].line)
            if not is_changed:
                break
        else:
            found = [*errors, *(_finding(note, "warning") for note in notes), *_odd(messages, outline, text)]
            return tuple(sorted(found, key=lambda one: one.line))
    return tuple(sorted(errors, key=lambda one: one.line))


def _finding(words: str, severity: str) -> Finding:
    placed = _LINE.fullmatch(words)
    line, words = (int(placed[1]), placed[2]) if placed else (0, words)
    problem, _, cure = words.partition("; ")
    return Finding(line, severity, problem, cure)


def _without_line(text: str, line: int) -> tuple[str, bool]:
    """The text without what is wrong there, so that the rest can be looked at: a signal, or a message with all of its
    signals. Line numbers stay as they are."""
    lines = text.split("\n")
    if not 0 < line <= len(lines) or not lines[line - 1].strip():
        return text, False
    last = line
    if lines[line - 1].lstrip().startswith("BO_ "):
        while last < len(lines) and lines[last].lstrip().startswith("SG_ "):
            last += 1
    lines[line - 1 : last] = [""] * (last - line + 1)
    return "\n".join(lines), True


def _odd(messages: Sequence[MessageLayout], outline: Mapping[int, MessageText], text: str) -> Iterator[Finding]:
    lines = text.split("\n")
    yield from _same_names(messages, outline)
    for message in messages:
        place = outline[message.key]
        if not message.signals:
            found = f"message {message.name} describes no signal"
            yield Finding(place.line, "note", found, "its frames are counted and not read")
        yield from _overlaps(message, place)
        for signal in message.signals:
            line = place.line_of(signal.start_bit, signal.bit_length)
            name = f"signal {message.name}.{signal.name}"
            yield from _never_there(message, signal, name, line)
            yield from _surprises(signal, name, line, lines[line - 1])


def _same_names(messages: Sequence[MessageLayout], outline: Mapping[int, MessageText]) -> Iterator[Finding]:
    first: dict[str, MessageLayout] = {}
    for message in messages:
        other = first.setdefault(message.name, message)
        if other is not message:
            found = f"message {message.name} has the name of that in line {outline[other.key].line}"
            cure = "a binding reads the later one alone; give one of them another name"
            yield Finding(outline[message.key].line, "warning", found, cure)


def _never_there(message: MessageLayout, signal: SignalLayout, name: str, line: int) -> Iterator[Finding]:
    if signal.multiplexer is None:
        return
    multiplexer = next(one for one in message.signals if one.name == signal.multiplexer)
    highest = multiplexer.raw_bounds[1]
    if signal.multiplexer_values and min(signal.multiplexer_values) > highest:
        found = f"{name} is in no frame: its multiplexer {multiplexer.name} has values up to {highest}"
        yield Finding(line, "warning", found, "correct its m mark or the multiplexer's length")


def _surprises(signal: SignalLayout, name: str, line: int, text: str) -> Iterator[Finding]:
    stated = _RANGE.search(text)
    if stated and _number(stated[1]) > _number(stated[2]):
        yield Finding(line, "warning", f"{name} has the range {stated[0]}, which is upside down", "swap its ends")
    if signal.minimum is None or signal.maximum is None or signal.is_float:
        return
    most = _MOST.get(signal.unit.strip().lower())
    if most and max(abs(signal.minimum), abs(signal.maximum)) > most:
        found = f"{name} has the range [{signal.minimum}|{signal.maximum}] in {signal.unit}"
        yield Finding(line, "warning", found, "no vehicle has that; correct the factor or the unit")
    reach = abs(signal.factor) * (signal.raw_bounds[1] - signal.raw_bounds[0])
    width = float(signal.maximum) - float(signal.minimum)
    found = f"{name} reaches {reach:g}{_unit(signal)} with its {signal.bit_length} bits, its range is {width:g} wide"
    if signal.factor != 1 and reach * NARROW < width:  # with factor 1 the bits say it all
        yield Finding(line, "warning", found, "the factor may be too small, or the range that of another unit")
    elif signal.bit_length <= 16 and reach > WIDE * width:  # longer ones have bits to spare
        yield Finding(line, "warning", found, "what lies outside is not available; the factor may be too large")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _unit(signal: SignalLayout) -> str:
    return f" {signal.unit}" if signal.unit else ""


def _overlaps(message: MessageLayout, place: MessageText) -> Iterator[Finding]:
    """Signals that share bits and can be in one frame. Each is read, but hardly both are right."""
    bits = [_bits(signal) for signal in message.signals]
    ways = [_way(message, signal) for signal in message.signals]
    pairs = 0
    for number, signal in enumerate(message.signals):
        others = []
        for other in range(number):
            if bits[number] & bits[other]:
                pairs += 1
                if not _are_apart(ways[number], ways[other]):
                    others.append(message.signals[other].name)
        if others:
            names = ", ".join(others[:MAX_SHOWN]) + (
                f" and {len(others) - MAX_SHOWN} more" if len(others) > MAX_SHOWN else ""
            )
            line = place.line_of(signal.start_bit, signal.bit_length)
            found = f"signal {message.name}.{signal.name} shares bits with {names}"
            yield Finding(line, "warning", found, "all are read; correct start or length of the wrong one")
        if pairs > MAX_PAIRS:
            return


def _bits(signal: SignalLayout) -> int:
    """The bits it takes, as a number: bit 8 * byte + bit counts from each byte's lowest."""
    if signal.is_little_endian:
        return ((1 << signal.bit_length) - 1) << signal.start_bit
    byte, bit = divmod(signal.start_bit, 8)
    sent = 8 * byte + 7 - bit  # counted as they are sent, most significant first
    taken = 0
    for place in range(sent, sent + signal.bit_length):
        taken |= 1 << (8 * (place // 8) + 7 - place % 8)
    return taken


def _way(message: MessageLayout, signal: SignalLayout) -> dict[str, frozenset[int]]:
    """multiplexer -> the values that lead to this signal."""
    by_name = {one.name: one for one in message.signals}
    way: dict[str, frozenset[int]] = {}
    while signal.multiplexer is not None:
        way[signal.multiplexer] = signal.multiplexer_values
        signal = by_name[signal.multiplexer]
    return way


def _are_apart(way: Mapping[str, frozenset[int]], other: Mapping[str, frozenset[int]]) -> bool:
    """No frame holds both."""
    return any(way[name].isdisjoint(other[name]) for name in way.keys() & other.keys())
