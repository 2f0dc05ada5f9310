"""What `candump` prints: `  can0  123   [8]  11 22 33 44 55 66 77 88`, before it a time in brackets with -ta or -tz.

As linux-can/can-utils prints it (candump.c, lib.c `snprintf_long_canframe`): the length stands in brackets, with one
digit for a classic frame and two for CAN FD; -x puts `RX - -` or `TX B E` behind the name; -a puts the bytes as text in
quotes behind them; a remote frame says so in words. With -td times are differences, which nothing in the log tells
apart from times: such a log is read with the times it states. Without an option there are no times at all.
"""

from __future__ import annotations

import re
from functools import partial

import numpy as np

from packseal.frames.fields import SpacedFields
from packseal.frames.lines import I64, Lines
from packseal.frames.parsed import Head, ParsedLines, Reading, unread
from packseal.frames.report import Clock, Verdict
from packseal.frames.text.candump import ERROR_FLAG, MAX_SECONDS_DIGITS

NAME = "candump"
EXAMPLE = "  can0  123   [8]  11 22 33 44 55 66 77 88"
LINE = re.compile(rb"\s*(?P<time>\(\d+\.\d+\)\s+)?\w+\s+([RT]X\s+\S\s+\S\s+)?[0-9A-Fa-f]{3,8}\s+\[\d+\]")


def reading(head: Head) -> Reading:
    """A log that mixes both is read as most of its first lines are."""
    frames = [found for found in map(LINE.match, head) if found]
    has_times = 2 * sum(1 for found in frames if found["time"]) > len(frames)
    return Reading(partial(_parse, has_times=has_times), Clock.EPOCH if has_times else Clock.NONE)


def _parse(lines: Lines, has_times: bool) -> ParsedLines:
    parsed = unread(lines)
    fields = SpacedFields(lines)
    bracket = _bracket(lines, fields)
    parsed.refuse(bracket < 0, Verdict.BAD_LAYOUT)
    if has_times:
        _read_time(lines, parsed, fields)
    parsed.set_name(*lines.names(*fields.span(int(has_times))))
    since, until = fields.spans(bracket - 1)
    can_id, is_number = lines.number(since, until, 16, 8)
    parsed.refuse(is_number & (can_id & ERROR_FLAG != 0), Verdict.ERROR_FRAME)
    width = until - since
    parsed.set_id(can_id, is_number & ((width == 3) | (width == 8)), width == 8)
    _read_data(lines, parsed, fields, bracket)
    return parsed


def _bracket(lines: Lines, fields: SpacedFields) -> I64:
    """Which field is the length in brackets; -1 where none of those that can be it is."""
    found = np.full(len(lines), -1)
    for index in (2, 3, 5, 6):
        is_open = found < 0
        if is_open.any():
            found[is_open & (lines.at(fields.span(index)[0]) == ord("["))] = index
    return found


def _read_time(lines: Lines, parsed: ParsedLines, fields: SpacedFields) -> None:
    since, until = fields.span(0)
    is_bracketed = (lines.at(since) == ord("(")) & (lines.at(until - 1) == ord(")"))
    time_ns, good = lines.decimal(since + 1, until - 1, MAX_SECONDS_DIGITS)
    parsed.set_time(time_ns, good & is_bracketed)


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
