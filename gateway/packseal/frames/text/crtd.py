"""The CRTD logs of the Open Vehicle Monitoring System: `1542473901.020305 1R11 213 00 00 00 00 c0 01 00 00`.

As docs.openvehicles.com/en/latest/crtd describes versions 1.0 to 3.1: seconds with milliseconds or microseconds, then a
record type: perhaps the bus, R or T, and 11 or 29 for the bits of the identifier, which follows with the data in
hexadecimal. Types that begin with C are comments (CXX) or events, statistics and commands.
"""

from __future__ import annotations

import re

import numpy as np

from packseal.frames.fields import SpacedFields, Span
from packseal.frames.lines import Lines, Mask
from packseal.frames.parsed import Head, ParsedLines, Reading, unread
from packseal.frames.report import Clock, Verdict

NAME = "CRTD"
EXAMPLE = "1542473901.020305 1R11 213 00 00 00 00 c0 01 00 00"
LINE = re.compile(rb"\d+\.\d{3,6} \d?(?:[RT](?:11|29) [0-9A-Fa-f]+|C[A-Z]{2})\b")

_MAX_SECONDS_DIGITS = 10


def reading(_: Head) -> Reading:
    return Reading(_parse, Clock.EPOCH)


def _parse(lines: Lines) -> ParsedLines:
    parsed = unread(lines)
    fields = SpacedFields(lines)
    parsed.set_time(*lines.decimal(*fields.span(0), _MAX_SECONDS_DIGITS))
    since, until = fields.span(1)
    bus_end = since + ((lines.at(since) >= ord("0")) & (lines.at(since) <= ord("9")))
    parsed.refuse(lines.holds(bus_end, until, b"CXX"), Verdict.COMMENT)
    parsed.refuse((lines.at(bus_end) == ord("C")) & (until - bus_end == 3), Verdict.EVENT)
    parsed.name, _ = lines.names(since, bus_end)
    _read_id(lines, parsed, (bus_end, until), fields.span(2))
    parsed.refuse_cut_line(lines)  # nothing states the length
    length = fields.count - 3
    parsed.set_length(length, length >= 0)
    parsed.read_spaced_data(lines, fields.span(3)[0])
    return parsed


def _read_id(lines: Lines, parsed: ParsedLines, kind: Span, identifier: Span) -> None:
    since, until = kind
    letter = lines.at(since)
    is_frame: Mask = (until - since == 3) & ((letter == ord("R")) | (letter == ord("T")))
    is_extended = lines.holds(since + 1, until, b"29")
    is_frame &= is_extended | lines.holds(since + 1, until, b"11")
    parsed.refuse(~is_frame, Verdict.BAD_LAYOUT)
    can_id, good = lines.number(*identifier, 16, 8)
    parsed.set_id(can_id, good, np.where(good, is_extended, False))
