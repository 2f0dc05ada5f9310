"""SavvyCAN's own CSV, also written by GVRET and other ESP32 loggers: `166064000,0000021A,false,Rx,0,8,FE,36,12,...`.

As SavvyCAN (framefileio.cpp, "GVRET Logs") writes it: microseconds, identifier, extended or not, in later versions the
direction, bus, length, then one column a byte, at least eight of them, and sometimes a last comma.
Some loggers leave out the header, the length, or the leading zeros; some write the latest frame first.

Counters of 32 bits run over after 71 minutes, those with a sign from 2147483647 to -2147483648: where 2^32 more or less
leaves under a minute between two frames, times go on. Any other step, as after a restart, is left as it is.
"""

from __future__ import annotations

import re

import numpy as np

from packseal.frames.columns import Columns, Table, columns_of
from packseal.frames.fields import SeparatedFields
from packseal.frames.lines import I64, Lines, Mask
from packseal.frames.parsed import Head, ParsedLines, Reading, one_of, unread
from packseal.frames.report import Clock, Verdict

NAME = "GVRET CSV"
EXAMPLE = "166064000,0000021A,false,Rx,0,8,FE,36,12,FE,69,05,07,AD,"
HEADER = b"Time Stamp,ID,Extended,"
LINE = re.compile(
    re.escape(HEADER) + rb"|-?\d+,(?:0x)?[0-9A-Fa-f]{1,8},(?:true|false|[01]),(?P<dir>[RT]x,)?\d+,", re.IGNORECASE
)
REQUIRED = (b"Time Stamp", b"ID", b"Extended")
_DEFAULT = b"Time Stamp,ID,Extended,Bus,LEN,D1"
_DEFAULT_WITH_DIRECTION = b"Time Stamp,ID,Extended,Dir,Bus,LEN,D1"
_MAX_US_DIGITS = 15  # 31 years, and far below 2^63 nanoseconds
_TURN_US = 1 << 32
_MAX_PAUSE_US = 60 * 10**6


def reading(head: Head) -> Reading:
    """Raises UnknownDialectError when a column that a frame needs is missing."""
    header = next((line for line in head if line.startswith(HEADER)), None)
    if header is None:
        frame = next(found for found in map(LINE.match, head) if found)
        header = _DEFAULT_WITH_DIRECTION if frame["dir"] else _DEFAULT
    columns = columns_of(NAME, header, b",", (*REQUIRED, b"D1"))
    return Reading(_Reader(columns).parse, Clock.OWN)


class _Reader:
    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._last_us: int | None = None  # as it stands in the log
        self._turns_us = 0

    def parse(self, lines: Lines) -> ParsedLines:
        parsed = unread(lines)
        parsed.refuse(lines.starts_with(HEADER), Verdict.HEADER)
        table = Table(SeparatedFields(lines, ","), self._columns)
        parsed.refuse(~table.has_all(REQUIRED), Verdict.BAD_LAYOUT)
        time_us, good = _stamps(lines, table)
        parsed.set_time(time_us * 1000, good)
        if b"Bus" in table:
            parsed.set_name(*lines.names(*table.span(b"Bus")))
        _read_id(lines, parsed, table)
        if b"Dir" in table:
            parsed.refuse(~one_of(lines, table.span(b"Dir"), b"Rx", b"Tx", b"RX", b"TX"), Verdict.BAD_DIRECTION)
        _read_data(lines, parsed, table)
        self._let_times_go_on(parsed, time_us)
        return parsed

    def _let_times_go_on(self, parsed: ParsedLines, time_us: I64) -> None:
        rows = np.flatnonzero(parsed.is_frame)
        if not len(rows):
            return
        stamps = time_us[rows]
        steps = np.diff(stamps, prepend=stamps[0] if self._last_us is None else self._last_us)
        turns = np.where(np.abs(np.abs(steps) - _TURN_US) < _MAX_PAUSE_US, -np.sign(steps) * _TURN_US, 0)
        if turns.any() or self._turns_us:
            turned_us = self._turns_us + np.cumsum(turns)
            parsed.time_ns[rows] += turned_us * 1000
            self._turns_us = int(turned_us[-1])
        self._last_us = int(stamps[-1])


def _stamps(lines: Lines, table: Table) -> tuple[I64, Mask]:
    """Microseconds."""
    since, until = table.span(b"Time Stamp")
    is_negative = lines.at(since) == ord("-")
    time_us, good = lines.number(since + is_negative, until, 10, _MAX_US_DIGITS)
    return np.where(is_negative, -time_us, time_us), good


def _read_id(lines: Lines, parsed: ParsedLines, table: Table) -> None:
    since, until = table.span(b"ID")
    since = since + 2 * lines.holds(since, until, b"0x", is_whole=False)
    flag = table.span(b"Extended")
    is_extended = one_of(lines, flag, b"true", b"1", b"True", b"TRUE")
    is_flag = is_extended | one_of(lines, flag, b"false", b"0", b"False", b"FALSE")
    can_id, good = lines.number(since, until, 16, 8)
    parsed.set_id(can_id, good & is_flag, is_extended)


def _read_data(lines: Lines, parsed: ParsedLines, table: Table) -> None:
    data_start, _ = table.span(b"D1")
    if b"LEN" in table:
        length, good = lines.number(*table.span(b"LEN"), 10, 2)
    else:
        parsed.refuse_cut_line(lines)
        length, good = _filled(lines, data_start), np.ones(len(lines), np.bool_)
    parsed.set_length(length, good, is_fd=True)
    parsed.read_first_data(lines, data_start, b",")
    behind = data_start + 3 * parsed.length - 1
    is_longer: Mask = (parsed.length > 0) & (behind < lines.end) & (lines.at(behind) != ord(","))
    parsed.refuse(is_longer, Verdict.BAD_DATA)


def _filled(lines: Lines, since: I64) -> I64:
    """How many bytes of three characters there are up to the line's end or the first empty column."""
    commas = lines.positions(",")
    pairs = commas[:-1][np.diff(commas) == 1] + 1
    empty = np.append(pairs, np.iinfo(np.int64).max)[np.searchsorted(pairs, since)]
    until = np.minimum(lines.end, empty)
    until = until - ((until > since) & (lines.at(until - 1) == ord(",")))
    return np.where(until > since, (until - since + 1) // 3, 0)
