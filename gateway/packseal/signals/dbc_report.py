"""What a person wants to know of a DBC file before using it: errors, and what is odd, each with line and cure.

Decides what is odd: only what makes values wrong or missing. What is merely untidy (ranges wider than the bits, [0|0],
comments, nodes) is left alone, so that a finding is worth reading. What may only follow from an error found before is
left unsaid until that is corrected.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from packseal.errors import DBCError
from packseal.signals.database import DBCContent, read_dbc
from packseal.signals.dbc_text import VALUE_TABLE, MessageText, check_text, decode_text
from packseal.signals.layout import MessageLayout, SignalLayout

T = TypeVar("T")

MAX_ERRORS = 20  # after so many a file is not a DBC, or not one that is worth more time
CHECKED_BYTES, PARSED_BYTES = 4 << 20, 512 << 10  # looked at again after an error: about a second of work each
MAX_PAIRS = 1_000_000  # of signals that are looked at for common bits, in a file; a tenth of a second
MAX_SHOWN = 3  # overlaps of one signal
NARROW, WIDE = 4, 1000  # a range that is so many times wider or narrower than what the bits can hold

_MULTIPLEXER = re.compile(r"\s*SG_\s+\w+\s+(?:m\d+)?M\s*:")
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
    rest, errors, checked = _mended(text, check_text, CHECKED_BYTES)
    if checked is None:
        return _in_order([*errors, _UNFINISHED])
    most_bytes = PARSED_BYTES - len(text) if errors else PARSED_BYTES
    _, unparsed, found = _mended(rest, read_dbc, most_bytes)
    errors += unparsed
    if found is None:
        return _in_order([*errors, _UNFINISHED])
    errors += [_finding(fault, "error") for fault in found.faults]
    if len(errors) > MAX_ERRORS:
        return _in_order([*_in_order(errors)[:MAX_ERRORS], _UNFINISHED])
    return _in_order([*errors, *_oddities(found, text, is_whole=not errors)])


_UNFINISHED = Finding(0, "note", "there may be more than that", "correct these and check again")


def _in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """By line, what is of no line last."""
    return tuple(sorted(findings, key=lambda one: (one.line == 0, one.line)))


def _mended(text: str, read: Callable[[str], T], most_bytes: int) -> tuple[str, list[Finding], T | None]:
    """(text without the lines at fault, the errors, what is read from the rest; None where that was too much)."""
    errors: list[Finding] = []
    while len(errors) < MAX_ERRORS and len(errors) * len(text) <= most_bytes:
        try:
            return text, errors, read(text)
        except DBCError as error:
            errors.append(_finding(str(error), "error"))
            text, is_changed = _without_line(text, errors[-1].line)
            if not is_changed:
                break
    return text, errors, None


def _finding(words: str, severity: str) -> Finding:
    placed = _LINE.fullmatch(words)
    line, words = (int(placed[1]), placed[2]) if placed else (0, words)
    problem, _, cure = words.partition("; ")
    return Finding(line, severity, problem, cure)


def _without_line(text: str, line: int) -> tuple[str, bool]:
    """The text without what is wrong there, so that the rest can be looked at: a line, and all signals of its message
    where it is that of the message or of a multiplexer. Line numbers stay as they are."""
    lines = text.split("\n")
    if not 0 < line <= len(lines) or not lines[line - 1].strip():
        return text, False
    first = last = line - 1
    is_message = lines[first].lstrip().startswith("BO_ ")
    if is_message or _MULTIPLEXER.match(lines[first]):
        while not is_message and _is_signal(lines[first - 1]):
            first -= 1
        while last + 1 < len(lines) and _is_signal(lines[last + 1]):
            last += 1
    lines[first : last + 1] = [""] * (last - first + 1)
    return "\n".join(lines), True


def _is_signal(line: str) -> bool:
    return line.lstrip().startswith("SG_ ")


def _oddities(content: DBCContent, text: str, *, is_whole: bool) -> Iterator[Finding]:
    """is_whole: nothing was taken out of the text before."""
    notes = [_finding(note, "warning") for note in content.notes]
    yield from (note for note in notes if is_whole or not note.problem.startswith(VALUE_TABLE))
    if is_whole:
        yield from _without_signals(content)
    yield from _same_names(content.messages, content.outline)
    yield from _overlaps(content)
    lines = text.split("\n")
    for message in content.messages:
        for signal in message.signals:
            line = content.outline[message.key].line_of(signal.name, signal.start_bit, signal.bit_length)
            name = f"signal {message.name}.{signal.name}"
            yield from _never_there(message, signal, name, line)
            yield from _surprises(signal, name, line, lines[line - 1])


def _without_signals(content: DBCContent) -> Iterator[Finding]:
    """One finding for all of them: some files list every identifier of a bus."""
    empty = [message for message in content.messages if not message.signals]
    if empty:
        names = _some([message.name for message in empty])
        found = f"message {names} describes no signal" if len(empty) == 1 else f"messages {names} describe no signal"
        yield Finding(content.outline[empty[0].key].line, "note", found, "such frames are counted and not read")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    return ", ".join(names[:MAX_SHOWN]) + more


def _same_names(messages: Sequence[MessageLayout], outline: Mapping[int, MessageText]) -> Iterator[Finding]:
    first: dict[str, MessageLayout] = {}
    for message in messages:
        other = first.setdefault(message.name, message)
        if other is not message:
            found = f"message {message.name} has the name of that in line {outline[other.key].line}"
            cure = "a binding reads the later one alone; give one of them another name"
            yield Finding(outline[message.key].line, "warning", found, cure)


def _never_there(message: MessageLayout, signal: SignalLayout, name: str, line: int) -> Iterator[Finding]:
    if signal.multiplexer is None or not signal.multiplexer_values:
        return
    multiplexer = next(one for one in message.signals if one.name == signal.multiplexer)
    lowest, highest = multiplexer.raw_bounds
    if not any(lowest <= value <= highest for value in signal.multiplexer_values):
        found = f"{name} is in no frame: its multiplexer {multiplexer.name} has values from {lowest} to {highest}"
        yield Finding(line, "warning", found, "correct its m mark or the multiplexer's length")


def _surprises(signal: SignalLayout, name: str, line: int, text: str) -> Iterator[Finding]:
    stated = _RANGE.search(text)
    if stated and _number(stated[1]) > _number(stated[2]):
        yield Finding(line, "warning", f"{name} has the range {stated[0]}, which is upside down", "swap its ends")
    if signal.minimum is None or signal.maximum is None or signal.is_float:
        return
    width, most = float(signal.maximum) - float(signal.minimum), signal.raw_bounds[1] - signal.raw_bounds[0]
    reach = abs(float(signal.factor)) * most  # of a huge factor infinite, where integers would overflow below
    if math.isclose(width, reach, rel_tol=0.01):
        return  # an editor wrote what the bits can hold, which says nothing of what is measured
    yield from _of_no_vehicle(signal, name, line)
    found = f"{name} reaches {reach:g}{_unit(signal)} with its {signal.bit_length} bits, its range is {width:g} wide"
    if signal.factor != 1 and reach * NARROW < width:  # with factor 1 the bits say it all
        if math.isclose(width, most, rel_tol=0.01):
            yield Finding(line, "note", found, "that is the range of the raw values; write it in physical ones")
        else:
            yield Finding(line, "warning", found, "the factor may be too small, or the range that of another unit")
    elif signal.bit_length <= 16 and reach > WIDE * width:  # longer ones have bits to spare
        yield Finding(line, "warning", found, "what lies outside is not available; the factor may be too large")


def _of_no_vehicle(signal: SignalLayout, name: str, line: int) -> Iterator[Finding]:
    limit = _MOST.get(signal.unit.strip().lower())
    if limit and max(abs(signal.minimum or 0), abs(signal.maximum or 0)) > limit:
        found = f"{name} has the range [{signal.minimum}|{signal.maximum}] in {signal.unit}"
        yield Finding(line, "warning", found, "no vehicle has that; correct the factor or the unit")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _unit(signal: SignalLayout) -> str:
    return f" {signal.unit}" if signal.unit else ""


def _overlaps(content: DBCContent) -> Iterator[Finding]:
    """Signals that share bits and can be in one frame. Each is read, but hardly both are right."""
    left = MAX_PAIRS
    for message in content.messages:
        place = content.outline[message.key]
        count = len(message.signals)
        left -= count * (count - 1) // 2
        if left < 0:
            found = f"message {message.name} and those behind it are not looked at for signals that share bits"
            yield Finding(place.line, "note", found, "the file has very many signals; check a part of it")
            return
        for signal, others in _sharing(message):
            line = place.line_of(signal.name, signal.start_bit, signal.bit_length)
            found = f"signal {message.name}.{signal.name} shares bits with {_some(others)}"
            yield Finding(line, "warning", found, "all are read; correct start or length of the wrong one")


def _sharing(message: MessageLayout) -> Iterator[tuple[SignalLayout, list[str]]]:
    """Signals, with those before them that take some of their bits in the same frame."""
    bits = [_bits(signal) for signal in message.signals]
    ways = [_way(message, signal) for signal in message.signals]
    for number, signal in enumerate(message.signals):
        shared = [other for other, taken in enumerate(islice(bits, number)) if taken & bits[number]]
        if others := [message.signals[other].name for other in shared if not _are_apart(ways[number], ways[other])]:
            yield signal, others


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
