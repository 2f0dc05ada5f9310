"""The logs of BUSMASTER: `22:20:14:992 Rx 0 0000021A s 8 FE 36 12 FE 69 05 07 AD`.

As BUSMASTER 1.x to 3.x writes them (header `***BUSMASTER Ver 2.4.0***`), and SavvyCAN after it: hours, minutes, seconds
and, in four digits, tenths of a millisecond, or in up to three milliseconds without leading zeros; direction, channel,
identifier, s for 11 or x for 29 bits with r behind it for a remote frame, length and data. In SYSTEM MODE the times are
of the day, which may change within the log; in RELATIVE MODE they count from the line before.
"""

from __future__ import annotations

import re

import numpy as np

from packseal.errors import UnknownDialectError
from packseal.frames.columns import first_match
from packseal.frames.dates import NS_PER_DAY, added_up, date_ns
from packseal.frames.fields import SeparatedFields, SpacedFields
from packseal.frames.lines import I64, Lines, Mask
from packseal.frames.parsed import Head, ParsedLines, Reading, one_of, unread
from packseal.frames.report import Clock, Verdict

NAME = "BUSMASTER"
EXAMPLE = "22:20:14:992 Rx 0 0000021A s 8 FE 36 12 FE 69 05 07 AD"
LINE = re.compile(rb"\*\*\*BUSMASTER|\d+:\d+:\d+:\d+ [RT]x \S+ (0x)?[0-9A-Fa-f]+ [sx]r? \d")
_START = re.compile(rb"\*\*\*START DATE AND TIME (\d+):(\d+):(\d{4}) ")
_MODE = re.compile(rb"\*\*\*(SYSTEM|RELATIVE|ABSOLUTE) MODE\*\*\*")


def reading(head: Head) -> Reading:
    """Raises UnknownDialectError for logs in decimal: how they write data is not published."""
    if any(line.startswith(b"***DEC***") for line in head):
        raise UnknownDialectError(f"the {NAME} log is in decimal numbers; record or export it in hexadecimal ones")
    start, mode = first_match(_START, head), first_match(_MODE, head)
    is_of_day = mode is not None and mode[1] == b"SYSTEM"
    day_ns = date_ns(int(start[3]), int(start[2]), int(start[1])) if start and is_of_day else None
    reader = _Reader(day_ns or 0, is_of_day, mode is not None and mode[1] == b"RELATIVE")
    return Reading(reader.parse, Clock.OWN if day_ns is None else Clock.LOCAL)


class _Reader:
    def __init__(self, start_ns: int, is_of_day: bool, is_relative: bool) -> None:
        self._start_ns, self._is_of_day, self._is_relative = start_ns, is_of_day, is_relative
        self._days, self._last_ns = 0, 0  # time of day of the last frame, and days since the first

    def parse(self, lines: Lines) -> ParsedLines:
        parsed = unread(lines)
        parsed.refuse(lines.starts_with(b"***"), Verdict.HEADER)
        fields = SpacedFields(lines)
        self._read_time(lines, parsed, fields)
        parsed.refuse(~one_of(lines, fields.span(1), b"Rx", b"Tx"), Verdict.BAD_DIRECTION)
        parsed.set_name(*lines.names(*fields.span(2)))
        since, until = fields.span(3)
        since = since + 2 * lines.holds(since, until, b"0x", is_whole=False)
        kind = fields.span(4)
        parsed.refuse(one_of(lines, kind, b"sr", b"xr"), Verdict.REMOTE_FRAME)
        parsed.refuse(~one_of(lines, kind, b"s", b"x"), Verdict.BAD_LAYOUT)
        parsed.set_id(*lines.number(since, until, 16, 8), lines.holds(*kind, b"x"))
        parsed.set_length(*lines.number(*fields.span(5), 10, 1))
        parsed.refuse(fields.count - 6 != parsed.length, Verdict.LENGTH_MISMATCH)
        parsed.read_spaced_data(lines, fields.span(6)[0])
        return parsed

    def _read_time(self, lines: Lines, parsed: ParsedLines, fields: SpacedFields) -> None:
        colons = SeparatedFields(lines, ":")
        hours, are_hours = lines.number(*colons.span(0), 10, 3)
        minutes, are_minutes = lines.number(*colons.span(1), 10, 2)
        seconds, are_seconds = lines.number(*colons.span(2), 10, 2)
        since, until = colons.span(3)[0], fields.span(0)[1]
        rest, is_rest = lines.number(since, until, 10, 4)
        good = are_hours & are_minutes & are_seconds & is_rest & (minutes < 60) & (seconds < 60)
        time_ns = (hours * 3600 + minutes * 60 + seconds) * 10**9 + rest * np.where(until - since == 4, 10**5, 10**6)
        parsed.set_time(self._since_start(time_ns, good & parsed.is_frame), good)

    def _since_start(self, time_ns: I64, is_frame: Mask) -> I64:
        result = time_ns + self._start_ns
        rows = np.flatnonzero(is_frame)
        if not len(rows):
            return result
        if self._is_of_day:
            days = self._days + np.cumsum(np.diff(time_ns[rows], prepend=self._last_ns) < -NS_PER_DAY // 2)
            result[rows] += days * NS_PER_DAY
            self._days, self._last_ns = int(days[-1]), int(time_ns[rows[-1]])
        elif self._is_relative:
            result[rows] = added_up(self._start_ns, time_ns[rows])
            self._start_ns = int(result[rows[-1]])
        return result
