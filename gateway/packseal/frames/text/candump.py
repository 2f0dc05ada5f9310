"""The log dialect of `candump -l` and `log2asc`: `(1436509052.249713) vcan0 044#2A366C2BBA`.

Grammar as linux-can/can-utils writes it (lib.h, "CAN frame ASCII representation"): three hexadecimal digits for an
11-bit identifier, eight for a 29-bit one, `#` and data, `##` and a flags digit and data for CAN FD, `#R` for a remote
frame, `_` and a length code behind eight bytes with -8, and with -x a last field R or T. Times are seconds since 1970
with a fraction of up to nine digits.
"""

from __future__ import annotations

import re

import numpy as np

from packseal.frames.fields import SeparatedFields, Span
from packseal.frames.frames import CLASSIC_BYTES
from packseal.frames.lines import I64, Lines, Mask
from packseal.frames.parsed import Head, ParsedLines, Reading, unread
from packseal.frames.report import Clock, Verdict

NAME = "candump -l"
EXAMPLE = "(1436509052.249713) vcan0 044#2A366C2BBA"
LINE = re.compile(rb"\(\d+\.\d+\) \S+ [0-9A-Fa-f]{3,8}#")

ERROR_FLAG = 0x2000_0000  # linux/can.h CAN_ERR_FLAG
_CODED_WIDTH = 18  # characters of eight bytes, `_` and a digit
MAX_SECONDS_DIGITS = 10  # up to the year 2286, and below 2^63 nanoseconds up to 2262


def reading(_: Head) -> Reading:
    return Reading(parse, Clock.EPOCH)


def parse(lines: Lines) -> ParsedLines:
    """Reads every line of a block; rows whose verdict is not FRAME hold nothing of use."""
    parsed = unread(lines)
    fields = SeparatedFields(lines, " ")
    frame_start, frame_end = fields.span(2)
    hash_at = _hash(lines, frame_start)
    parsed.refuse(hash_at >= frame_end, Verdict.BAD_LAYOUT)
    parsed.refuse_cut_line(lines)  # candump ends every line; a missing end means data bytes may be missing too
    _read_time(lines, parsed, fields.span(0))
    parsed.set_name(*lines.names(*fields.span(1)))
    can_id, is_number = lines.number(frame_start, hash_at, 16, 8)
    parsed.refuse(is_number & (can_id & ERROR_FLAG != 0), Verdict.ERROR_FRAME)
    width = hash_at - frame_start
    parsed.set_id(can_id, is_number & ((width == 3) | (width == 8)), width == 8)
    _read_data(lines, parsed, hash_at, frame_end)
    parsed.refuse(~_is_direction(lines, frame_end), Verdict.BAD_DIRECTION)
    return parsed


def _hash(lines: Lines, since: I64) -> I64:
    """Behind 3 or 8 digits; a `#` elsewhere among the first digits is found to say that the identifier is wrong."""
    found = lines.end + 1
    for digits in (3, 8, 0, 1, 2, 4, 5, 6, 7, 9):
        is_open = found > lines.end
        if not is_open.any():
            break
        found = np.where(is_open & (lines.at(since + digits) == ord("#")), since + digits, found)
    return found


def _read_time(lines: Lines, parsed: ParsedLines, span: Span) -> None:
    since, until = span
    is_bracketed = (lines.at(since) == ord("(")) & (lines.at(until - 1) == ord(")"))
    time_ns, good = lines.decimal(since + 1, until - 1, MAX_SECONDS_DIGITS)
    parsed.set_time(time_ns, good & is_bracketed)


def _read_data(lines: Lines, parsed: ParsedLines, hash_at: I64, until: I64) -> None:
    mark = lines.at(hash_at + 1)
    parsed.refuse((mark == ord("R")) | (mark == ord("r")), Verdict.REMOTE_FRAME)
    is_fd: Mask = mark == ord("#")
    since = hash_at + 1
    if is_fd.any():
        _, are_flags = lines.number(hash_at + 2, hash_at + 3, 16, 1)
        parsed.refuse(is_fd & ~(are_flags & (hash_at + 3 <= until)), Verdict.BAD_DATA)
        since = since + 2 * is_fd
    until = until - 2 * (_has_code(lines, since, until) & ~is_fd)
    parsed.refuse((until - since) % 2 != 0, Verdict.BAD_DATA)
    length = (until - since) // 2
    parsed.set_length(length, length >= 0, is_fd)
    parsed.read_first_data(lines, since)


def _has_code(lines: Lines, since: I64, until: I64) -> Mask:
    """Ends in `_F` behind eight bytes: the length code above 8 that a classic frame was sent with (candump -8)."""
    is_coded: Mask = until - since == _CODED_WIDTH
    if is_coded.any():
        code, good = lines.number(until - 1, until, 16, 1)
        is_coded &= (lines.at(until - 2) == ord("_")) & good & (code > CLASSIC_BYTES)
    return is_coded


def _is_direction(lines: Lines, frame_end: I64) -> Mask:
    """Nothing behind the frame, or one space and R or T (candump -x)."""
    is_bare: Mask = frame_end == lines.end
    if is_bare.all():
        return is_bare
    direction = lines.at(frame_end + 1)
    is_known: Mask = (direction == ord("R")) | (direction == ord("T"))
    is_known &= frame_end + 2 == lines.end
    return is_bare | is_known
