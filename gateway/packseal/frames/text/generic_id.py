"""SavvyCAN's "Generic ID/Data" CSV: `0000021A,FE 36 12 FE 69 05 07 AD `. It has no times.

As SavvyCAN (framefileio.cpp) writes it: identifier in hexadecimal, a comma, the bytes with a space behind each. Nothing
says how many bits an identifier has: one above 0x7FF is taken to have 29, any other 11.
"""

from __future__ import annotations

import re

from packseal.frames.fields import SeparatedFields
from packseal.frames.lines import Lines
from packseal.frames.parsed import MAX_STANDARD_ID, Head, ParsedLines, Reading, unread
from packseal.frames.report import Clock, Verdict

NAME = "ID and data CSV"
EXAMPLE = "0000021A,FE 36 12 FE 69 05 07 AD "
HEADER = b"ID,Data Bytes"
LINE = re.compile(re.escape(HEADER) + rb"|[0-9A-Fa-f]{1,8},(?:[0-9A-Fa-f]{2} ?){0,8}$")


def reading(_: Head) -> Reading:
    return Reading(_parse, Clock.NONE)


def _parse(lines: Lines) -> ParsedLines:
    parsed = unread(lines)
    parsed.refuse(lines.starts_with(HEADER), Verdict.HEADER)
    fields = SeparatedFields(lines, ",")
    parsed.refuse(fields.count != 2, Verdict.BAD_LAYOUT)
    parsed.refuse_cut_line(lines)  # nothing states the length
    can_id, good = lines.number(*fields.span(0), 16, 8)
    parsed.set_id(can_id, good, can_id > MAX_STANDARD_ID)
    since, until = fields.span(1)
    until = until - ((until > since) & (lines.at(until - 1) == ord(" ")))
    length = (until - since + 1) // 3
    parsed.set_length(length, length >= 0)
    parsed.read_data(lines, since, until, b" ")
    return parsed
