"""What a dialect makes of a block of lines: one row per line, the verdict saying which rows are frames.

Decides what an identifier, a length and data must be to be a CAN frame's (ISO 11898-1); where they stand in a line is
the dialects' business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from packseal.frames.fields import Span
from packseal.frames.frames import CLASSIC_BYTES, FD_BYTES
from packseal.frames.lines import I64, MAX_LINE_BYTES, U8, Lines, Mask, Names
from packseal.frames.report import Clock, Verdict

MAX_STANDARD_ID = 0x7FF
MAX_EXTENDED_ID = 0x1FFF_FFFF
FD_LENGTHS = (*range(9), 12, 16, 20, 24, 32, 48, 64)  # ISO 11898-1, data length code
_IS_FD_LENGTH = np.isin(np.arange(FD_BYTES + 2), FD_LENGTHS)
PUTTY_HEADER = b"=~=~=~=~="  # PuTTY, logging.c: stands before what a terminal showed, at every start of a log
LENGTH_OF_CODE = np.array(FD_LENGTHS)


@dataclass(eq=False)
class ParsedLines:
    """n rows, filled by a dialect column by column; the first refusal of a line stands."""

    verdict: U8
    time_ns: I64
    can_id: I64
    is_extended: Mask
    length: I64
    data: U8
    name: Names

    def refuse(self, rows: Mask, reason: Verdict) -> None:
        """Gives `reason` to those of `rows` that are still frames."""
        if np.count_nonzero(rows):  # much cheaper than any()
            self.verdict[rows & self.is_frame] = reason

    @property
    def is_frame(self) -> Mask:
        result: Mask = self.verdict == Verdict.FRAME
        return result

    def set_time(self, time_ns: I64, good: Mask) -> None:
        self.time_ns = time_ns
        self.refuse(~good, Verdict.BAD_TIME)

    def set_name(self, name: Names, good: Mask) -> None:
        self.name = name
        self.refuse(~good, Verdict.BAD_CHANNEL)

    def set_id(self, can_id: I64, good: Mask, is_extended: Mask) -> None:
        self.can_id, self.is_extended = can_id, is_extended
        limit = np.where(is_extended, MAX_EXTENDED_ID, MAX_STANDARD_ID)
        self.refuse(~good | (can_id > limit), Verdict.BAD_ID)

    def set_length(self, length: I64, good: Mask, is_fd: Mask | bool = False) -> None:
        self.length = length
        is_length = good & _IS_FD_LENGTH.take(length, mode="clip") & (is_fd | (length <= CLASSIC_BYTES))
        self.refuse(~is_length, Verdict.BAD_LENGTH)

    def read_data(self, lines: Lines, since: I64, until: I64, gap: bytes = b"") -> None:
        """The `length` bytes in [since, until), which holds no more and no less."""
        stride = 2 + len(gap)
        self.refuse((until - since + len(gap)) // stride != self.length, Verdict.LENGTH_MISMATCH)
        self.refuse((self.length > 0) & ((until - since + len(gap)) % stride != 0), Verdict.BAD_DATA)
        self.read_first_data(lines, since, gap)

    def read_first_data(self, lines: Lines, since: I64, gap: bytes = b"") -> None:
        """The `length` bytes from `since` on, whatever follows them."""
        count = np.where(self.is_frame, self.length, 0)
        width = FD_BYTES if int(count.max(initial=0)) > CLASSIC_BYTES else CLASSIC_BYTES
        self.data, good = lines.hex_bytes(since, count, width, gap)
        self.refuse(~good, Verdict.BAD_DATA)

    def read_spaced_data(self, lines: Lines, since: I64) -> None:
        """The same with a space between two bytes, and with white space behind the last."""
        self.read_first_data(lines, since, b" ")
        behind = since + 3 * self.length - 1
        self.refuse((self.length > 0) & (behind < lines.end) & (lines.at(behind) > ord(" ")), Verdict.BAD_DATA)

    def refuse_cut_line(self, lines: Lines) -> None:
        """For dialects whose lines could lose data bytes at their end without being seen to."""
        if lines.is_last_cut and self.verdict[-1] == Verdict.FRAME:
            self.verdict[-1] = Verdict.CUT_SHORT

    def as_wide_as_needed(self) -> None:
        """Drops the columns of data that only refused lines would fill."""
        if self.data.shape[1] > CLASSIC_BYTES and not (self.length[self.is_frame] > CLASSIC_BYTES).any():
            self.data = self.data[:, :CLASSIC_BYTES]


def unread(lines: Lines, comments: str = "#;") -> ParsedLines:
    """Rows of zeros, with the verdicts that need no dialect: too long, blank, a comment by its first character."""
    n = len(lines)
    zeros = np.zeros(n, np.int64)
    data = np.zeros((n, CLASSIC_BYTES), np.uint8)
    parsed = ParsedLines(np.zeros(n, np.uint8), zeros, zeros, np.zeros(n, np.bool_), zeros, data, np.zeros(n, "S16"))
    parsed.refuse(lines.end - lines.start > MAX_LINE_BYTES, Verdict.LINE_TOO_LONG)
    parsed.refuse(lines.is_blank(), Verdict.BLANK)
    parsed.refuse(lines.starts_with(PUTTY_HEADER), Verdict.HEADER)
    first = lines.at(lines.start)
    for char in comments:
        parsed.refuse(first == ord(char), Verdict.COMMENT)
    return parsed


def one_of(lines: Lines, span: Span, *words: bytes) -> Mask:
    """Where the field is one of `words`."""
    result = np.zeros(len(lines), np.bool_)
    for word in words:
        result |= lines.holds(*span, word)
    return result


class Reading(NamedTuple):
    """How one log is read: `parse` takes its blocks in order and may remember what it saw."""

    parse: Callable[[Lines], ParsedLines]
    clock: Clock


Head = Sequence[bytes]  # the first lines of a log, from which a dialect learns its columns, base or date
