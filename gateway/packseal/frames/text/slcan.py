"""What an adapter with the Lawicel protocol sends, as a terminal such as PuTTY logs it: `t1DB80004C262000003B6`.

As Lawicel's CANUSB manual describes it, and Linux' slcan: t and 11 bits or T and 29 bits of identifier, a digit for the
length, the bytes, and with Z1 four digits of milliseconds that begin again after a minute; r and R are remote frames.
CAN FD as CANable's firmware adds it: d and D, with bit rate switch b and B, the digit being a length code. Where
most of the first frames have no time stamp, the log has no times.
"""

from __future__ import annotations

import re

import numpy as np

from packseal.frames.lines import I64, Lines, Mask
from packseal.frames.parsed import LENGTH_OF_CODE, Head, ParsedLines, Reading, unread
from packseal.frames.report import Clock, Verdict

NAME = "slcan"
EXAMPLE = "t1DB80004C262000003B6"
LINE = re.compile(
    rb"(?:t[0-7][0-9A-Fa-f]{2}|T[01][0-9A-Fa-f]{7})(?P<length>[0-8])(?P<data>(?:[0-9A-Fa-f]{2}){0,10})\r?$"
    rb"|[dbDB](?:[0-9A-Fa-f]{4}|[0-9A-Fa-f]{9})(?:[0-9A-Fa-f]{2}){0,66}\r?$"
)
_IS_COMMAND = np.isin(np.arange(256), list(b"OCSsVvNFMmZzWLXYAPQU\x07"))  # and their answers
_MAX_COMMAND_BYTES = 10
_STAMP_DIGITS = 4
_MINUTE_MS = 60_000


def reading(head: Head) -> Reading:
    frames = [found for found in map(LINE.match, head) if found and found["length"]]
    stamped = [found for found in frames if len(found["data"]) == 2 * int(found["length"]) + _STAMP_DIGITS]
    has_times = 2 * len(stamped) > len(frames)
    return Reading(_Reader(has_times).parse, Clock.OWN if has_times else Clock.NONE)


def unstamped() -> Reading:
    """Of an adapter that was not asked for times."""
    return Reading(_Reader(has_times=False).parse, Clock.NONE)


class _Reader:
    def __init__(self, has_times: bool) -> None:
        self._stamp_digits = _STAMP_DIGITS if has_times else 0
        self._minutes, self._last_ms = 0, 0

    def parse(self, lines: Lines) -> ParsedLines:
        parsed = unread(lines)
        kind = lines.at(lines.start)
        parsed.refuse(_IS_COMMAND.take(kind) & (lines.end - lines.start <= _MAX_COMMAND_BYTES), Verdict.EVENT)
        letter = kind | 0x20
        is_remote, is_fd = letter == ord("r"), (letter == ord("d")) | (letter == ord("b"))
        parsed.refuse(~((letter == ord("t")) | is_remote | is_fd), Verdict.BAD_LAYOUT)
        is_extended: Mask = kind < ord("a")
        id_end = lines.start + 1 + np.where(is_extended, 8, 3)
        parsed.set_id(*lines.number(lines.start + 1, id_end, 16, 8), is_extended)
        parsed.refuse(is_remote, Verdict.REMOTE_FRAME)
        code, good = lines.number(id_end, id_end + 1, 16, 1)
        parsed.set_length(np.where(is_fd, LENGTH_OF_CODE.take(code, mode="clip"), code), good, is_fd)
        data_end = lines.end - self._stamp_digits
        parsed.refuse(data_end < id_end + 1, Verdict.LENGTH_MISMATCH)
        parsed.read_data(lines, id_end + 1, data_end)
        if self._stamp_digits:
            self._read_time(lines, parsed, data_end)
        return parsed

    def _read_time(self, lines: Lines, parsed: ParsedLines, since: I64) -> None:
        time_ms, good = lines.number(since, lines.end, 16, _STAMP_DIGITS)
        parsed.set_time(time_ms, good & (time_ms < _MINUTE_MS))
        rows = np.flatnonzero(parsed.is_frame)
        if not len(rows):
            return
        steps = np.diff(time_ms[rows], prepend=self._last_ms)
        minutes = self._minutes + np.cumsum(steps < -_MINUTE_MS // 2)
        parsed.time_ns = time_ms * 10**6
        parsed.time_ns[rows] += minutes * _MINUTE_MS * 10**6
        self._minutes, self._last_ms = int(minutes[-1]), int(time_ms[rows[-1]])
