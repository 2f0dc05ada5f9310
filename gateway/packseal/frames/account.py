"""Adds up the verdicts of block after block and numbers the channels in the order they are met."""

from __future__ import annotations

import numpy as np

from packseal.frames.frames import Frames
from packseal.frames.lines import I64
from packseal.frames.parsed import ParsedLines
from packseal.frames.report import MAX_REFUSED_SHOWN, Clock, LossReport, Verdict

MAX_CHANNELS = 256  # Frames.channel is a uint8
_FIRST_EPOCH_NS = 946_684_800 * 10**9  # the year 2000: no dialect here with times since 1970 is as old


class Account:
    """The account of one log, block by block."""

    def __init__(self, dialect: str, clock: Clock, unit: str = "line") -> None:
        self._dialect, self._clock, self._unit = dialect, clock, unit
        self._counts = np.zeros(len(Verdict), np.int64)
        self._lines = 0
        self._frames = 0
        self._first_ns: int | None = None
        self._refused: list[tuple[int, Verdict]] = []
        self._channels: dict[bytes, int] = {}

    def frames_of(self, parsed: ParsedLines) -> Frames:
        """The frames of the next block; every row of it is counted."""
        channel = self._channel_numbers(parsed)
        parsed.refuse(channel >= MAX_CHANNELS, Verdict.TOO_MANY_CHANNELS)
        parsed.as_wide_as_needed()
        self._count(parsed)
        rows = slice(None) if parsed.is_frame.all() else parsed.is_frame
        frames = Frames(
            can_id=parsed.can_id[rows].astype(np.uint32),
            is_extended=parsed.is_extended[rows],
            time_ns=self._times(parsed.time_ns[rows]),
            channel=channel[rows].astype(np.uint8),
            length=parsed.length[rows].astype(np.uint8),
            data=parsed.data[rows],
        )
        self._frames += len(frames)
        if self._first_ns is None and len(frames):
            self._first_ns = int(frames.time_ns[0])
        return frames

    def count_one(self, verdict: Verdict) -> None:
        """A line or object that no block holds."""
        self._lines += 1
        self._counts[verdict] += 1
        if verdict.is_refusal and len(self._refused) < MAX_REFUSED_SHOWN:
            self._refused.append((self._lines, verdict))

    def report(self) -> LossReport:
        counts = {verdict: int(self._counts[verdict]) for verdict in Verdict if self._counts[verdict]}
        channels = tuple(name.decode("ascii") for name in self._channels)
        refused = tuple(self._refused)
        return LossReport(self._dialect, self._lines, counts, refused, channels, self._unit, self._honest_clock())

    def _honest_clock(self) -> Clock:
        """A recorder that was not set counts from its own start, in whatever dialect it writes."""
        is_unset = self._first_ns is not None and self._first_ns < _FIRST_EPOCH_NS
        return Clock.OWN if self._clock is Clock.EPOCH and is_unset else self._clock

    def _times(self, time_ns: I64) -> I64:
        if self._clock is Clock.NONE:
            return np.arange(self._frames, self._frames + len(time_ns))
        return time_ns

    def _channel_numbers(self, parsed: ParsedLines) -> I64:
        """MAX_CHANNELS for a name that has found no number."""
        numbers = np.zeros(len(parsed.name), np.int64)
        is_open = parsed.is_frame
        words = np.ascontiguousarray(parsed.name).view(np.int64).reshape(-1, 2)
        while is_open.any():
            row = int(is_open.argmax())
            name = bytes(parsed.name[row])
            if name not in self._channels and len(self._channels) == MAX_CHANNELS:
                numbers[is_open] = [self._channels.get(bytes(each), MAX_CHANNELS) for each in parsed.name[is_open]]
                break
            is_same = is_open & (words[:, 0] == words[row, 0]) & (words[:, 1] == words[row, 1])
            number = self._channels.setdefault(name, len(self._channels))
            if number:
                numbers[is_same] = number
            is_open &= ~is_same
        return numbers

    def _count(self, parsed: ParsedLines) -> None:
        self._counts += np.bincount(parsed.verdict, minlength=len(Verdict))
        room = MAX_REFUSED_SHOWN - len(self._refused)
        if room:
            refused = np.flatnonzero(parsed.verdict >= Verdict.LINE_TOO_LONG)[:room]
            self._refused += [(self._lines + int(row) + 1, Verdict(int(parsed.verdict[row]))) for row in refused]
        self._lines += len(parsed.verdict)
