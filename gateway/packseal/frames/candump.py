"""The log dialect of `candump -l` and `log2asc`: `(1436509052.249713) vcan0 044#2A366C2BBA`.

Grammar as linux-can/can-utils writes it (lib.h, "CAN frame ASCII representation"): three hexadecimal digits for an
11-bit identifier, eight for a 29-bit one, `#` and data, `##` and a flags digit and data for CAN FD, `#R` for a remote
frame, and with -x a last field R or T. Times are seconds since 1970 with a fraction of up to nine digits.
"""

from __future__ import annotations

import re

import numpy as np

from packseal.frames.frames import CLASSIC_BYTES, FD_BYTES
from packseal.frames.lines import I64, U8, Lines, Mask
from packseal.frames.parsed import ParsedLines, unread
from packseal.frames.report import Verdict

NAME = "candump -l"
EXAMPLE = "(1436509052.249713) vcan0 044#2A366C2BBA"
LINE = re.compile(rb"\(\d+\.\d+\) \S+ [0-9A-Fa-f]{3,8}#")

MAX_STANDARD_ID = 0x7FF
MAX_EXTENDED_ID = 0x1FFF_FFFF
ERROR_FLAG = 0x2000_0000  # linux/can.h CAN_ERR_FLAG
MAX_SECONDS_DIGITS = 10  # up to the year 2286, and below 2^63 nanoseconds up to 2262
MAX_SECONDS = 2**63 // 10**9 - 1
FD_LENGTHS = (*range(9), 12, 16, 20, 24, 32, 48, 64)  # ISO 11898-1, data length code


def parse(lines: Lines) -> ParsedLines:
    """Reads every line of a block; rows whose verdict is not FRAME hold nothing of use."""
    parsed = unread(lines)
    spaces = lines.positions(" ")
    time_end = lines.first(spaces, lines.start)
    name_end = lines.first(spaces, time_end + 1)
    frame_end = lines.first(spaces, name_end + 1)
    hash_at = lines.first(lines.positions("#"), name_end + 1)
    parsed.refuse(hash_at >= frame_end, Verdict.BAD_LAYOUT)
    if lines.is_last_cut:  # candump ends every line; a missing end means data bytes may be missing too
        parsed.verdict[-1] = parsed.verdict[-1] or Verdict.CUT_SHORT
    _read_time(lines, parsed, time_end)
    parsed.name, is_name = lines.names(time_end + 1, name_end)
    parsed.refuse(~is_name, Verdict.BAD_CHANNEL)
    _read_id(lines, parsed, name_end + 1, hash_at)
    _read_data(lines, parsed, hash_at, frame_end)
    parsed.refuse(~_is_direction(lines, frame_end), Verdict.BAD_DIRECTION)
    return parsed


def _read_time(lines: Lines, parsed: ParsedLines, time_end: I64) -> None:
    dot = np.minimum(lines.first(lines.positions("."), lines.start), time_end)
    is_bracketed = (lines.at(lines.start) == ord("(")) & (lines.at(np.maximum(time_end - 1, 0)) == ord(")"))
    seconds, are_seconds = lines.number(lines.start + 1, dot, 10, MAX_SECONDS_DIGITS)
    fraction, is_fraction = lines.number(dot + 1, time_end - 1, 10, 9)
    places = np.clip(9 - (time_end - dot - 2), 0, 9)
    good = is_bracketed & are_seconds & is_fraction & (seconds <= MAX_SECONDS)
    parsed.refuse(~good, Verdict.BAD_TIME)
    parsed.time_ns = np.where(good, seconds, 0) * 10**9 + fraction * 10**places


def _read_id(lines: Lines, parsed: ParsedLines, since: I64, until: I64) -> None:
    can_id, is_number = lines.number(since, until, 16, 8)
    parsed.is_extended = until - since == 8
    parsed.refuse(~is_number | ~(parsed.is_extended | (until - since == 3)), Verdict.BAD_ID)
    parsed.refuse(can_id & ERROR_FLAG != 0, Verdict.ERROR_FRAME)
    limit = np.where(parsed.is_extended, MAX_EXTENDED_ID, MAX_STANDARD_ID)
    parsed.refuse(can_id > limit, Verdict.BAD_ID)
    parsed.can_id = can_id


def _read_data(lines: Lines, parsed: ParsedLines, hash_at: I64, until: I64) -> None:
    mark = lines.at(hash_at + 1)
    parsed.refuse((mark == ord("R")) | (mark == ord("r")), Verdict.REMOTE_FRAME)
    is_fd: Mask = mark == ord("#")
    _, are_flags = lines.number(hash_at + 2, hash_at + 3, 16, 1)
    parsed.refuse(is_fd & ~(are_flags & (hash_at + 3 <= until)), Verdict.BAD_DATA)
    since = hash_at + np.where(is_fd, 3, 1)
    parsed.refuse((until - since) % 2 != 0, Verdict.BAD_DATA)
    parsed.length = (until - since) // 2
    parsed.refuse(~np.isin(parsed.length, FD_LENGTHS) | (~is_fd & (parsed.length > CLASSIC_BYTES)), Verdict.BAD_LENGTH)
    parsed.data = _hex(lines, parsed, since, FD_BYTES if (is_fd & parsed.is_frame).any() else CLASSIC_BYTES)


def _hex(lines: Lines, parsed: ParsedLines, since: I64, width: int) -> U8:
    data, good = lines.hex_bytes(since, parsed.length, 2, width)
    parsed.refuse(~good, Verdict.BAD_DATA)
    return data


def _is_direction(lines: Lines, frame_end: I64) -> Mask:
    """Nothing behind the frame, or one space and R or T (candump -x)."""
    direction = lines.at(frame_end + 1)
    is_known = (direction == ord("R")) | (direction == ord("T"))
    result: Mask = (frame_end == lines.end) | (is_known & (frame_end + 2 == lines.end))
    return result
