"""The log dialect of tables with tabs whose header begins `ParserFlags Ch Counter T/R Time`.

No specification is published; this is read from recorded logs. Columns are found by the names in the header, so further
columns and another order do no harm. Time is in whole milliseconds of the logger's own clock, data are written as
`0x6e 6e 00 ` with the prefix on the first byte only. Identifiers are always padded to eight digits, so one above 0x7FF
is taken as a 29-bit identifier and any other as an 11-bit one. The meaning of a value in Flags is not known: such a
line is refused rather than guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from packseal.errors import UnknownDialectError
from packseal.frames.candump import MAX_EXTENDED_ID, MAX_STANDARD_ID
from packseal.frames.frames import CLASSIC_BYTES
from packseal.frames.lines import I64, Lines, Mask
from packseal.frames.parsed import ParsedLines, unread
from packseal.frames.report import Verdict

NAME = "tab table"
EXAMPLE = "ParserFlags<tab>Ch<tab>Counter<tab>T/R<tab>Time..."
HEADER = b"ParserFlags\tCh\tCounter\tT/R\tTime"
LINE = re.compile(re.escape(HEADER) + rb"(?:\t|\s*$)")
REQUIRED = (b"Ch", b"T/R", b"Time", b"CAN ID", b"Len", b"Data")
MAX_TIME_DIGITS = 12  # 10^12 ms are 31 years of the logger's clock, and far below 2^63 nanoseconds

Columns = Mapping[bytes, int]


def columns_of(header: bytes) -> Columns:
    """Column numbers by name. Raises UnknownDialectError when one that a frame needs is missing."""
    columns = {name.strip(): index for index, name in enumerate(header.rstrip(b"\r\n").split(b"\t"))}
    missing = [name.decode() for name in REQUIRED if name not in columns]
    if missing:
        raise UnknownDialectError(
            f"the {NAME} header has no column {', '.join(missing)}; export the log again with these columns"
        )
    return columns


def parse(lines: Lines, columns: Columns) -> ParsedLines:
    """Reads every line of a block; rows whose verdict is not FRAME hold nothing of use."""
    parsed = unread(lines)
    parsed.refuse(lines.starts_with(HEADER), Verdict.HEADER)
    fields = _Fields(lines, columns)
    parsed.refuse(fields.tab_count < max(columns[name] for name in REQUIRED), Verdict.BAD_LAYOUT)
    time_ms, is_time = lines.number(*fields.span(b"Time"), 10, MAX_TIME_DIGITS)
    parsed.time_ns = time_ms * 10**6
    parsed.refuse(~is_time, Verdict.BAD_TIME)
    parsed.name, is_name = lines.names(*fields.span(b"Ch"))
    parsed.refuse(~is_name, Verdict.BAD_CHANNEL)
    parsed.refuse(~_is_direction(lines, *fields.span(b"T/R")), Verdict.BAD_DIRECTION)
    if b"Flags" in columns:
        flags_start, flags_end = fields.span(b"Flags")
        parsed.refuse(flags_end > flags_start, Verdict.UNKNOWN_FLAGS)
    _read_id(lines, parsed, *fields.span(b"CAN ID"))
    _read_data(lines, parsed, fields)
    return parsed


class _Fields:
    """Where the fields of each line lie, between its tabs."""

    def __init__(self, lines: Lines, columns: Columns) -> None:
        self._lines, self._columns = lines, columns
        tabs = lines.positions("\t")
        self._first_tab = np.searchsorted(tabs, lines.start)
        self.tab_count = np.searchsorted(tabs, lines.end) - self._first_tab
        self._tabs = np.append(tabs, np.zeros(1, np.int64))

    def span(self, name: bytes) -> tuple[I64, I64]:
        """[since, until) of one column; empty at the line's end where the line has too few columns."""
        index = self._columns[name]
        since = self._lines.start if index == 0 else self._tab(index - 1) + 1
        return np.minimum(since, self._lines.end), self._tab(index)

    def _tab(self, index: int) -> I64:
        tab = self._tabs[np.minimum(self._first_tab + index, len(self._tabs) - 1)]
        return np.where(self.tab_count > index, tab, self._lines.end)


def _is_direction(lines: Lines, since: I64, until: I64) -> Mask:
    first = lines.at(since)
    is_known = (first == ord("R")) | (first == ord("T"))
    result: Mask = is_known & (lines.at(since + 1) == ord("X")) & (until - since == 2)
    return result


def _read_id(lines: Lines, parsed: ParsedLines, since: I64, until: I64) -> None:
    parsed.can_id, is_number = lines.number(since + 2, until, 16, 8)
    parsed.refuse(~is_number | ~_has_prefix(lines, since, until), Verdict.BAD_ID)
    parsed.refuse(parsed.can_id > MAX_EXTENDED_ID, Verdict.BAD_ID)
    parsed.is_extended = parsed.can_id > MAX_STANDARD_ID


def _read_data(lines: Lines, parsed: ParsedLines, fields: _Fields) -> None:
    parsed.length, is_length = lines.number(*fields.span(b"Len"), 10, 2)
    parsed.refuse(~is_length | (parsed.length > CLASSIC_BYTES), Verdict.BAD_LENGTH)
    since, until = fields.span(b"Data")
    until = until - ((until > since) & (lines.at(np.maximum(until - 1, 0)) == ord(" ")))
    parsed.refuse((until > since) & ~_has_prefix(lines, since, until), Verdict.BAD_DATA)
    since = np.minimum(since + 2, until)
    parsed.refuse((until > since) & ((until - since) % 3 != 2), Verdict.BAD_DATA)
    count = (until - since + 1) // 3
    parsed.refuse(count != parsed.length, Verdict.LENGTH_MISMATCH)
    parsed.data, good = lines.hex_bytes(since, count, 3, CLASSIC_BYTES)
    parsed.refuse(~good, Verdict.BAD_DATA)


def _has_prefix(lines: Lines, since: I64, until: I64) -> Mask:
    result: Mask = (until - since > 2) & (lines.at(since) == ord("0")) & (lines.at(since + 1) == ord("x"))
    return result
