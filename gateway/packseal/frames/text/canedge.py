"""The CSV that CSS Electronics' converters make of a CANedge's logs: `1581670628.161750;1;123;0;1;1;0;0;0;12`.

As mdf4-converters (mdf2csv) writes it: columns are named in the first line, times are seconds since 1970, IDE is 1 for
29 bits, DLC a length code, DataLength the bytes that follow in hexadecimal without gaps.
"""

from __future__ import annotations

import re
from functools import partial

from packseal.frames.columns import Columns, Table, columns_in
from packseal.frames.fields import SeparatedFields
from packseal.frames.lines import Lines
from packseal.frames.parsed import Head, ParsedLines, Reading, one_of, unread
from packseal.frames.report import Clock, Verdict

NAME = "CANedge CSV"
EXAMPLE = "TimestampEpoch;BusChannel;ID;IDE;DLC;DataLength;Dir;EDL;BRS;DataBytes"
HEADER = b"TimestampEpoch;BusChannel;"
LINE = re.compile(re.escape(HEADER) + rb"|\d+\.\d+;\d+;[0-9A-Fa-f]+;[01];\d+;\d+;")
REQUIRED = (b"TimestampEpoch", b"BusChannel", b"ID", b"IDE", b"DataLength", b"DataBytes")
_MAX_SECONDS_DIGITS = 10


def reading(head: Head) -> Reading:
    """Raises UnknownDialectError when the header, or a column in it, is missing."""
    columns = columns_in(head, NAME, HEADER, b";", REQUIRED)
    return Reading(partial(_parse, columns=columns), Clock.EPOCH)


def _parse(lines: Lines, columns: Columns) -> ParsedLines:
    parsed = unread(lines)
    parsed.refuse(lines.starts_with(HEADER), Verdict.HEADER)
    table = Table(SeparatedFields(lines, ";"), columns)
    parsed.refuse(~table.has_all(REQUIRED), Verdict.BAD_LAYOUT)
    parsed.set_time(*lines.decimal(*table.span(b"TimestampEpoch"), _MAX_SECONDS_DIGITS))
    parsed.set_name(*lines.names(*table.span(b"BusChannel")))
    is_extended = lines.holds(*table.span(b"IDE"), b"1")
    can_id, good = lines.number(*table.span(b"ID"), 16, 8)
    parsed.set_id(can_id, good & (is_extended | lines.holds(*table.span(b"IDE"), b"0")), is_extended)
    is_fd = lines.holds(*table.span(b"EDL"), b"1") if b"EDL" in table else False
    parsed.set_length(*lines.number(*table.span(b"DataLength"), 10, 2), is_fd)
    if b"Dir" in table:
        parsed.refuse(~one_of(lines, table.span(b"Dir"), b"0", b"1"), Verdict.BAD_DIRECTION)
    parsed.read_data(lines, *table.span(b"DataBytes"))
    return parsed
