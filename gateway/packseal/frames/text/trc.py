"""PEAK's trace files, versions 1.0 to 2.1: `      1      2501.000 DT 2      00C8 Tx -  8    09 08 07 06 05 04 03 02`.

As "PEAK CAN TRC File Format" (PEAK-System, PEAK_CAN_TRC_File_Format.pdf) describes them. From 2.0 on the header names
the columns by letters; the columns of the older versions are written here with the same letters: N number, O time
offset in ms, T type, B bus, I identifier, d direction, R reserved, l length, L length code, D data. In versions 1.x the
direction also holds Warng and Error; 1.0 has identifier FFFFFFFF instead. Identifiers of more than four digits have 29
bits. $STARTTIME counts days since 30 December 1899; version 1.0 has none.
"""

from __future__ import annotations

import re
from functools import partial

import numpy as np

from packseal.errors import UnknownDialectError
from packseal.frames.columns import Columns, Table, columns_of, first_match
from packseal.frames.dates import NS_PER_DAY
from packseal.frames.fields import SpacedFields
from packseal.frames.lines import I64, Lines, Mask
from packseal.frames.parsed import LENGTH_OF_CODE, Head, ParsedLines, Reading, one_of, unread
from packseal.frames.report import Clock, Verdict

NAME = "PEAK TRC"
EXAMPLE = "      1      2501.000 DT 2      00C8 Tx -  8    09 08 07 06 05 04 03 02"
LINE = re.compile(rb";\$FILEVERSION=|\s*\d+\)\s+\d+(\.\d+)?\s+\S|\s*\d+\s+\d+\.\d+\s+(DT|FD|FB|FE|BI|RR|ST|EC|ER|EV)\s")
OLDER_COLUMNS = {b"1.0": b"NOIlD", b"1.1": b"NOdIlD", b"1.2": b"NOBdIlD", b"1.3": b"NOBdIRlD"}
_VERSION = re.compile(rb";\$FILEVERSION=(\d\.\d)")
_START = re.compile(rb";\$STARTTIME=(\d{5})(?:[.,](\d+))?")
_COLUMNS = re.compile(rb";\$COLUMNS=([A-Za-z](?:,[A-Za-z])*)")
_DAYS_TO_1970 = 25_569  # from 30 December 1899
_MAX_MS_DIGITS = 12


def reading(head: Head) -> Reading:
    """Raises UnknownDialectError for a version that is not known, or when a column that a frame needs is missing."""
    version, stated = first_match(_VERSION, head), first_match(_COLUMNS, head)
    number = version[1] if version else b"1.0"
    older = OLDER_COLUMNS.get(number)
    if older is None and stated is None:
        raise UnknownDialectError(
            f"a {NAME} of version {number.decode()} has no line $COLUMNS; known without are 1.0-1.3"
        )
    names = b",".join(older[i : i + 1] for i in range(len(older))) if older else stated[1] if stated else b""
    length = b"l" if b"l" in names else b"L"
    columns = columns_of(NAME, names, b",", (b"O", b"I", length, b"D", *((b"T",) if older is None else ())))
    start = first_match(_START, head)
    start_ns = _start(start) if start else 0
    return Reading(partial(_parse, columns=columns, start_ns=start_ns), Clock.LOCAL if start_ns else Clock.OWN)


def _start(found: re.Match[bytes]) -> int:
    days, fraction = int(found[1]) - _DAYS_TO_1970, (found[2] or b"0")[:18]
    return max(days * NS_PER_DAY + int(fraction) * NS_PER_DAY // int("1" + "0" * len(fraction)), 0)


def _parse(lines: Lines, columns: Columns, start_ns: int) -> ParsedLines:
    parsed = unread(lines)
    fields = SpacedFields(lines)
    table = Table(fields, columns)
    parsed.refuse(fields.count < 3, Verdict.BAD_LAYOUT)
    is_fd, is_remote = _refuse_others(lines, parsed, table)
    _read_time(lines, parsed, table, start_ns)
    if b"B" in table:
        parsed.set_name(*lines.names(*table.span(b"B")))
    since, until = table.span(b"I")
    parsed.set_id(*lines.number(since, until, 16, 8), until - since > 4)
    parsed.refuse(is_remote | lines.holds(*table.span(b"D"), b"RTR"), Verdict.REMOTE_FRAME)
    if b"d" in table:
        parsed.refuse(~one_of(lines, table.span(b"d"), b"Rx", b"Tx"), Verdict.BAD_DIRECTION)
    _read_length(lines, parsed, table, is_fd)
    parsed.refuse(fields.count - columns[b"D"] != parsed.length, Verdict.LENGTH_MISMATCH)
    parsed.read_spaced_data(lines, table.span(b"D")[0])
    return parsed


def _refuse_others(lines: Lines, parsed: ParsedLines, table: Table) -> tuple[Mask, Mask]:
    """Gives events and error frames their verdict; returns which others are CAN FD, and which remote frames."""
    none = np.zeros(len(lines), np.bool_)
    if b"T" in table:
        kind = table.span(b"T")
        is_other = ~lines.holds(*kind, b"DT")
        if not is_other.any():
            return none, none
        parsed.refuse(one_of(lines, kind, b"ST", b"EC", b"EV"), Verdict.EVENT)
        parsed.refuse(lines.holds(*kind, b"ER"), Verdict.ERROR_FRAME)
        is_fd, is_remote = one_of(lines, kind, b"FD", b"FB", b"FE", b"BI"), lines.holds(*kind, b"RR")
        parsed.refuse(is_other & ~is_fd & ~is_remote, Verdict.BAD_LAYOUT)
        return is_fd, is_remote
    if b"d" in table:
        parsed.refuse(lines.holds(*table.span(b"d"), b"Warng"), Verdict.EVENT)
        parsed.refuse(lines.holds(*table.span(b"d"), b"Error"), Verdict.ERROR_FRAME)
    else:
        parsed.refuse(lines.holds(*table.span(b"I"), b"FFFFFFFF"), Verdict.EVENT)
    return none, none


def _read_time(lines: Lines, parsed: ParsedLines, table: Table, start_ns: int) -> None:
    """Offsets in milliseconds, whole in version 1.0 and with one to three places later."""
    span = table.span(b"O")
    time_ps, good = lines.decimal(*span, _MAX_MS_DIGITS - 3)
    time_ns: I64 = time_ps // 1000
    if not good.all():
        whole_ms, is_whole = lines.number(*span, 10, _MAX_MS_DIGITS)
        time_ns, good = np.where(is_whole, whole_ms * 10**6, time_ns), good | is_whole
    parsed.set_time(start_ns + time_ns, good)


def _read_length(lines: Lines, parsed: ParsedLines, table: Table, is_fd: Mask) -> None:
    if b"l" in table:
        parsed.set_length(*lines.number(*table.span(b"l"), 10, 2), is_fd)
        return
    code, good = lines.number(*table.span(b"L"), 10, 2)
    length = np.where(is_fd, LENGTH_OF_CODE.take(code, mode="clip"), np.minimum(code, 8))
    parsed.set_length(length, good & (code <= 15), is_fd)
