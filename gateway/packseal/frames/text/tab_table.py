"""The log dialect of tables with tabs whose header begins `ParserFlags Ch Counter T/R Time`.

No specification is published; this is read from recorded logs. Columns are found by the names in the header, so further
columns and another order do no harm. Time is in whole milliseconds of the logger's own clock, data are written as
`0x6e 6e 00 ` with the prefix on the first byte only. Identifiers are always padded to eight digits, so one above 0x7FF
is taken as a 29-bit identifier and any other as an 11-bit one. The meaning of a value in Flags is not known: such a
line is refused rather than guessed.
"""

from __future__ import annotations

import re
from functools import partial

import numpy as np

from packseal.frames.columns import Columns, Table, columns_in, prefixed_number
from packseal.frames.fields import SeparatedFields
from packseal.frames.lines import Lines
from packseal.frames.parsed import MAX_STANDARD_ID, Head, ParsedLines, Reading, one_of, unread
from packseal.frames.report import Clock, Verdict

NAME = "tab table"
EXAMPLE = "ParserFlags<tab>Ch<tab>Counter<tab>T/R<tab>Time..."
HEADER = b"ParserFlags\tCh\tCounter\tT/R\tTime"
LINE = re.compile(re.escape(HEADER) + rb"(?:\t|\s*$)|\S*\t\S+\t\d+\t[RT]X\t\d+\t")
REQUIRED = (b"Ch", b"T/R", b"Time", b"CAN ID", b"Len", b"Data")
MAX_TIME_DIGITS = 12  # 10^12 ms are 31 years of the logger's clock, and far below 2^63 nanoseconds


def reading(head: Head) -> Reading:
    """Raises UnknownDialectError when the header, or a column in it, is missing."""
    columns = columns_in(head, NAME, HEADER, b"\t", REQUIRED)
    return Reading(partial(_parse, columns=columns), Clock.OWN)


def _parse(lines: Lines, columns: Columns) -> ParsedLines:
    parsed = unread(lines)
    parsed.refuse(lines.starts_with(HEADER), Verdict.HEADER)
    table = Table(SeparatedFields(lines, "\t"), columns)
    parsed.refuse(~table.has_all(REQUIRED), Verdict.BAD_LAYOUT)
    time_ms, is_time = lines.number(*table.span(b"Time"), 10, MAX_TIME_DIGITS)
    parsed.set_time(time_ms * 10**6, is_time)
    parsed.set_name(*lines.names(*table.span(b"Ch")))
    parsed.refuse(~one_of(lines, table.span(b"T/R"), b"RX", b"TX"), Verdict.BAD_DIRECTION)
    if b"Flags" in table:
        flags_start, flags_end = table.span(b"Flags")
        parsed.refuse(flags_end > flags_start, Verdict.UNKNOWN_FLAGS)
    can_id, is_id = prefixed_number(lines, table.span(b"CAN ID"))
    parsed.set_id(can_id, is_id, can_id > MAX_STANDARD_ID)
    parsed.set_length(*lines.number(*table.span(b"Len"), 10, 2))
    _read_data(lines, parsed, table)
    return parsed


def _read_data(lines: Lines, parsed: ParsedLines, table: Table) -> None:
    since, until = table.span(b"Data")
    until = until - ((until > since) & (lines.at(until - 1) == ord(" ")))
    is_there = until > since
    parsed.refuse(is_there & ~lines.holds(since, until, b"0x", is_whole=False), Verdict.BAD_DATA)
    since = np.minimum(since + 2, until)
    parsed.refuse(is_there & ((until - since) % 3 != 2), Verdict.BAD_DATA)
    parsed.read_data(lines, since, until, b" ")
