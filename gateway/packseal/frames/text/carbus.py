"""The traces of CARBUS Analyzer: `46,016<tab>1<tab>0004<tab>45A<tab>8<tab>5A 04 00 00 00 00 00 00<tab>00000000`.

As canhacker.ru/can-trace-format describes version 2, with milliseconds, and 3, with microseconds behind the decimal
comma; lines end in CR alone. Fields are time, bus, flags, identifier, length, data and more. SavvyCAN's writer leaves
out leading zeros of the fraction, so it is read as a number of these units. Flags other than 0004, a CAN frame, are not
published. Nothing says how many bits an identifier has: one above 0x7FF is taken to have 29, any other 11.
"""

from __future__ import annotations

import re
from functools import partial

import numpy as np

from packseal.frames.columns import first_match
from packseal.frames.fields import SeparatedFields
from packseal.frames.lines import Lines
from packseal.frames.parsed import MAX_STANDARD_ID, Head, ParsedLines, Reading, unread
from packseal.frames.report import Clock, Verdict

NAME = "CARBUS"
EXAMPLE = "46,016<tab>1<tab>0004<tab>45A<tab>8<tab>5A 04 00 00 00 00 00 00"
LINE = re.compile(rb"@ TEXT @ \d|\d+,\d+\t\S+\t[0-9A-Fa-f]{4}\t[0-9A-Fa-f]{1,8}\t\d\t")
_HEADER = re.compile(rb"@ TEXT @ (\d)")
_MAX_SECONDS_DIGITS = 9


def reading(head: Head) -> Reading:
    header = first_match(_HEADER, head)
    unit_ns = 10**6 if header and header[1] == b"2" else 10**3
    return Reading(partial(_parse, unit_ns=unit_ns), Clock.OWN)


def _parse(lines: Lines, unit_ns: int) -> ParsedLines:
    parsed = unread(lines)
    parsed.refuse(lines.starts_with(b"@ "), Verdict.HEADER)
    fields = SeparatedFields(lines, "\t")
    _read_time(lines, parsed, fields, unit_ns)
    parsed.set_name(*lines.names(*fields.span(1)))
    parsed.refuse(~lines.holds(*fields.span(2), b"0004"), Verdict.UNKNOWN_FLAGS)
    can_id, is_id = lines.number(*fields.span(3), 16, 8)
    parsed.set_id(can_id, is_id, can_id > MAX_STANDARD_ID)
    parsed.set_length(*lines.number(*fields.span(4), 10, 1))
    since, until = fields.span(5)
    parsed.refuse(until - since < 3 * parsed.length - 1, Verdict.LENGTH_MISMATCH)
    parsed.refuse(lines.end - until == 0, Verdict.CUT_SHORT)  # every line goes on behind the data
    parsed.read_spaced_data(lines, since)
    return parsed


def _read_time(lines: Lines, parsed: ParsedLines, fields: SeparatedFields, unit_ns: int) -> None:
    commas = SeparatedFields(lines, ",")
    since, until = fields.span(0)
    comma = np.minimum(commas.span(0)[1], until)
    seconds, are_seconds = lines.number(since, comma, 10, _MAX_SECONDS_DIGITS)
    units, are_units = lines.number(comma + 1, until, 10, 6)
    parsed.set_time(seconds * 10**9 + units * unit_ns, are_seconds & are_units & (units * unit_ns < 10**9))
