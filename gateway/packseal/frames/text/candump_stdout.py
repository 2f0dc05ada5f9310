"""What `candump` prints: `  can0  123   [8]  11 22 33 44 55 66 77 88`, before it a time in brackets with -t.

As linux-can/can-utils prints it (candump.c, lib.c `snprintf_long_canframe`): the length stands in brackets, with one
digit for a classic frame and two for CAN FD; -x puts `RX - -` or `TX B E` behind the name; -a puts the bytes as text in
quotes behind them; a remote frame says so in words. -ta prints seconds since 1970, -tA a date and a time of day, -tz
seconds since the first frame, -td since the frame before. Nothing says which of the last two it is: seconds that go
back more than once in ten lines are differences. Without an option there are no times at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np

from packseal.frames.dates import added_up, dates_ns
from packseal.frames.fields import SpacedFields
from packseal.frames.lines import I64, Lines, Mask
from packseal.frames.parsed import Head, ParsedLines, Reading, unread
from packseal.frames.report import Clock, Verdict
from packseal.frames.text.candump import ERROR_FLAG, MAX_SECONDS_DIGITS

NAME = "candump"
EXAMPLE = "  can0  123   [8]  11 22 33 44 55 66 77 88"
LINE = re.compile(
    rb"\s*(?:\((?:(?P<seconds>\d+\.\d+)|(?P<date>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+))\)\s+)?"
    rb"\w+\s+([RT]X\s+\S\s+\S\s+)?[0-9A-Fa-f]{3,8}\s+\[\d+\]"
)
_MAX_DIFFERENCE_S = 10**8
_Times = Callable[[Lines, SpacedFields], tuple[I64, Mask]]  # nanoseconds, and which of them a line states


def reading(head: Head) -> Reading:
    """A log that writes its times in several ways is read as most of its first lines are."""
    frames = [found for found in map(LINE.match, head) if found]
    seconds = [float(found["seconds"]) for found in frames if found["seconds"]]
    if 2 * sum(1 for found in frames if found["date"]) > len(frames):
        return Reading(partial(_parse, time_fields=2, times=_dates), Clock.LOCAL)
    if 2 * len(seconds) <= len(frames):
        return Reading(partial(_parse, time_fields=0, times=None), Clock.NONE)
    steps_back = sum(1 for before, after in pairwise(seconds) if after < before)
    if 10 * steps_back > len(seconds) and max(seconds) < _MAX_DIFFERENCE_S:
        return Reading(partial(_parse, time_fields=1, times=_Differences().times), Clock.OWN)
    return Reading(partial(_parse, time_fields=1, times=_seconds), Clock.EPOCH)


def _parse(lines: Lines, time_fields: int, times: _Times | None) -> ParsedLines:
    parsed = unread(lines)
    fields = SpacedFields(lines)
    bracket = _bracket(lines, fields, time_fields)
    parsed.refuse(bracket < 0, Verdict.BAD_LAYOUT)
    if times:
        parsed.set_time(*times(lines, fields))
    parsed.set_name(*lines.names(*fields.span(time_fields)))
    since, until = fields.spans(bracket - 1)
    can_id, is_number = lines.number(since, until, 16, 8)
    parsed.refuse(is_number & (can_id & ERROR_FLAG != 0), Verdict.ERROR_FRAME)
    width = until - since
    parsed.set_id(can_id, is_number & ((width == 3) | (width == 8)), width == 8)
    _read_data(lines, parsed, fields, bracket)
    return parsed


def _bracket(lines: Lines, fields: SpacedFields, time_fields: int) -> I64:
    """Which field is the length in brackets, behind name and identifier or with -x three later; -1 where neither is."""
    found = np.full(len(lines), -1)
    for index in (time_fields + 2, time_fields + 5):
        is_open = found < 0
        if is_open.any():
            found[is_open & (lines.at(fields.span(index)[0]) == ord("["))] = index
    return found


def _seconds(lines: Lines, fields: SpacedFields) -> tuple[I64, Mask]:
    since, until = fields.span(0)
    is_bracketed = (lines.at(since) == ord("(")) & (lines.at(until - 1) == ord(")"))
    time_ns, good = lines.decimal(since + 1, until - 1, MAX_SECONDS_DIGITS)
    return time_ns, good & is_bracketed


class _Differences:
    """Each to the line before, whatever that was."""

    def __init__(self) -> None:
        self._time_ns = 0

    def times(self, lines: Lines, fields: SpacedFields) -> tuple[I64, Mask]:
        steps_ns, good = _seconds(lines, fields)
        time_ns = added_up(self._time_ns, np.where(good, steps_ns, 0))
        self._time_ns = int(time_ns[-1])
        return time_ns, good


def _dates(lines: Lines, fields: SpacedFields) -> tuple[I64, Mask]:
    """`(2023-11-14 22:13:20.123456)`, two fields."""
    day, time = fields.span(0)[0], fields.span(1)[0]
    until = fields.span(1)[1] - 1
    good: Mask = time == day + 12
    for position, mark in ((day, "("), (day + 5, "-"), (day + 8, "-"), (time + 2, ":"), (time + 5, ":"), (until, ")")):
        good &= lines.at(position) == ord(mark)
    numbers = []
    for since, digits in ((day + 1, 4), (day + 6, 2), (day + 9, 2), (time, 2), (time + 3, 2)):
        number, is_number = lines.number(since, since + digits, 10, digits)
        numbers.append(number)
        good &= is_number
    hours, minutes = numbers[3:]
    start_ns, is_day = dates_ns(*numbers[:3])
    second_ns, is_second = lines.decimal(time + 6, until, 2)
    good &= is_day & is_second & (hours < 24) & (minutes < 60) & (second_ns < 61 * 10**9)
    return start_ns + (hours * 60 + minutes) * 60 * 10**9 + second_ns, good


def _read_data(lines: Lines, parsed: ParsedLines, fields: SpacedFields, bracket: I64) -> None:
    since, until = fields.spans(bracket)
    length, good = lines.number(since + 1, until - 1, 10, 2)
    parsed.set_length(length, good & (lines.at(until - 1) == ord("]")), until - since == 4)
    data_start, _ = fields.spans(bracket + 1)
    parsed.refuse(lines.holds(data_start, lines.end, b"remote", is_whole=False), Verdict.REMOTE_FRAME)
    parsed.refuse(fields.count - bracket - 1 < length, Verdict.LENGTH_MISMATCH)
    parsed.read_spaced_data(lines, data_start)
    _, last = fields.spans(fields.count - 1)
    is_text = lines.at(last - 1) == ord("'")
    parsed.refuse((fields.count - bracket - 1 > length) & ~is_text, Verdict.LENGTH_MISMATCH)
