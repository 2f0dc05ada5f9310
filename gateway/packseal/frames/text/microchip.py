"""The logs of Microchip's CAN BUS Analyzer: `166064;RX;0x0000021A;8;0xFE;0x36;0x12;0xFE;0x69;0x05;0x07;0xAD;`.

As the tool's version 2.x writes them, and SavvyCAN after it: milliseconds since logging started, direction, identifier,
length and data, behind a header between two lines of dashes. Nothing says how many bits an identifier has: one above
0x7FF is taken to have 29, any other 11.
"""

from __future__ import annotations

import re

from packseal.frames.columns import prefixed_number
from packseal.frames.fields import SeparatedFields
from packseal.frames.lines import Lines
from packseal.frames.parsed import MAX_STANDARD_ID, Head, ParsedLines, Reading, one_of, unread
from packseal.frames.report import Clock, Verdict

NAME = "Microchip CAN BUS Analyzer"
EXAMPLE = "166064;RX;0x0000021A;8;0xFE;0x36;0x12;0xFE;0x69;0x05;0x07;0xAD;"
LINE = re.compile(rb"\d+;[RT]X;0x[0-9A-Fa-f]+;\d;|Microchip Technology Inc")
_HEADERS = (b"//", b"Microchip", b"CAN BUS", b"SavvyCAN", b"Logging")
_MAX_MS_DIGITS = 12


def reading(_: Head) -> Reading:
    return Reading(_parse, Clock.OWN)


def _parse(lines: Lines) -> ParsedLines:
    parsed = unread(lines)
    for header in _HEADERS:
        parsed.refuse(lines.starts_with(header), Verdict.HEADER)
    fields = SeparatedFields(lines, ";")
    time_ms, good = lines.number(*fields.span(0), 10, _MAX_MS_DIGITS)
    parsed.set_time(time_ms * 10**6, good)
    parsed.refuse(~one_of(lines, fields.span(1), b"RX", b"TX"), Verdict.BAD_DIRECTION)
    can_id, is_id = prefixed_number(lines, fields.span(2))
    parsed.set_id(can_id, is_id, can_id > MAX_STANDARD_ID)
    parsed.set_length(*lines.number(*fields.span(3), 10, 1))
    since, until = fields.span(4)[0], lines.end
    until = until - (lines.at(until - 1) == ord(";"))
    parsed.refuse((parsed.length > 0) & ~lines.holds(since, until, b"0x", is_whole=False), Verdict.BAD_DATA)
    since = since + 2 * (parsed.length > 0)
    parsed.read_data(lines, since, until.clip(since), b";0x")
    return parsed
