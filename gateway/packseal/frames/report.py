"""What became of each line of a log: a frame, a line that carries none, or a loss with its reason.

Decides the reasons and keeps the account: every line has exactly one verdict, so the counts add up to the lines. A
binary log has no lines; its account counts the objects it is made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum

MAX_REFUSED_SHOWN = 20  # a person reads the first few; the counts hold the rest


class Verdict(IntEnum):
    """What one line of a log was."""

    FRAME = 0
    BLANK = 1
    COMMENT = 2
    HEADER = 3
    EVENT = 4
    LINE_TOO_LONG = 5
    CUT_SHORT = 6
    BAD_LAYOUT = 7
    BAD_TIME = 8
    BAD_CHANNEL = 9
    BAD_ID = 10
    BAD_LENGTH = 11
    BAD_DATA = 12
    LENGTH_MISMATCH = 13
    REMOTE_FRAME = 14
    ERROR_FRAME = 15
    BAD_DIRECTION = 16
    UNKNOWN_FLAGS = 17
    TOO_MANY_CHANNELS = 18
    DAMAGED = 19

    @property
    def is_refusal(self) -> bool:
        """The line should have been a frame, or was one of a kind that carries no data, and was not read."""
        return self >= Verdict.LINE_TOO_LONG

    @property
    def meaning(self) -> str:
        """One plain clause for a person."""
        return MEANINGS[self]


MEANINGS = {
    Verdict.FRAME: "read as a frame",
    Verdict.BLANK: "blank",
    Verdict.COMMENT: "a comment",
    Verdict.HEADER: "a header",
    Verdict.EVENT: "no CAN frame: an event or a statistic of the recorder, or of another bus",
    Verdict.LINE_TOO_LONG: "longer than any frame can be written",
    Verdict.CUT_SHORT: "the log ends within it, so its frame may be cut short",
    Verdict.BAD_LAYOUT: "not laid out as the dialect lays out a frame",
    Verdict.BAD_TIME: "the time is not a number in range",
    Verdict.BAD_CHANNEL: "the channel is not a name of 1 to 15 printable characters",
    Verdict.BAD_ID: "the identifier is not an 11-bit or 29-bit number",
    Verdict.BAD_LENGTH: "the length is none that a CAN or CAN FD frame can have",
    Verdict.BAD_DATA: "the data are not bytes as the dialect writes them",
    Verdict.LENGTH_MISMATCH: "the stated length is not the number of data bytes",
    Verdict.REMOTE_FRAME: "a remote frame, which carries no data",
    Verdict.ERROR_FRAME: "an error frame, which carries no data of a battery",
    Verdict.BAD_DIRECTION: "the direction is neither received nor sent",
    Verdict.UNKNOWN_FLAGS: "its flags hold a value whose meaning is not published",
    Verdict.TOO_MANY_CHANNELS: "more than 256 channels in one log",
    Verdict.DAMAGED: "damaged: it cannot be unpacked, or its parts contradict each other",
}


class Clock(Enum):
    """What the times of a log's frames count from; the value is one plain clause for a person."""

    EPOCH = "since 1970"
    LOCAL = "date and time of day where it was recorded; the log does not state the time zone"
    OWN = "from a zero of the recorder's choice"
    NONE = "the log has no times; its frames are numbered instead"


@dataclass(frozen=True)
class LossReport:
    """The exact account of one log.

    dialect        name of the dialect it was read in
    lines          lines in the file, a last line without a line end among them; objects where `unit` says so
    counts         lines by verdict, zero counts left out; frames read are counts[Verdict.FRAME]
    first_refused  (line number from 1, verdict) of the first refused lines, at most MAX_REFUSED_SHOWN
    channels       names of the channels, by index; an empty name where the log names none
    unit           "line" or "object"
    clock          what Frames.time_ns counts from; with Clock.NONE it is 0, 1, 2, ... in the order of the log

    Raises ValueError when the counts do not add up to the lines: an inexact account cannot be made.
    """

    dialect: str
    lines: int
    counts: Mapping[Verdict, int]
    first_refused: tuple[tuple[int, Verdict], ...]
    channels: tuple[str, ...]
    unit: str = "line"
    clock: Clock = Clock.OWN

    def __post_init__(self) -> None:
        if self.unaccounted_lines:
            raise ValueError(f"{self.unaccounted_lines} of {self.lines} {self.unit}s have no verdict")

    @property
    def frames(self) -> int:
        return self.counts.get(Verdict.FRAME, 0)

    @property
    def refused(self) -> dict[Verdict, int]:
        """Refused lines by reason."""
        return {verdict: count for verdict, count in self.counts.items() if verdict.is_refusal}

    @property
    def unaccounted_lines(self) -> int:
        """Always 0."""
        return self.lines - sum(self.counts.values())

    @property
    def has_times(self) -> bool:
        return self.clock is not Clock.NONE
