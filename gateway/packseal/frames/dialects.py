"""Log bytes -> frames and an exact account of every line. Finds the dialect; the dialects read the lines.

Leaves to others: the file itself (io), what the bytes of a frame mean (signals).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from packseal.errors import LogTooLargeError, UnknownDialectError
from packseal.frames import candump, tab_table
from packseal.frames.frames import Frames
from packseal.frames.lines import MAX_LINE_BYTES, Lines, blocks
from packseal.frames.parsed import ParsedLines
from packseal.frames.report import MAX_REFUSED_SHOWN, LossReport, Verdict

DIALECT_NAMES = (candump.NAME, tab_table.NAME)
MAX_LOG_BYTES = 1 << 30  # half an hour of a full 1 Mbit/s bus; file and arrays fit in 4 GB of memory
MAX_CHANNELS = 256  # Frames.channel is a uint8
_LINES_TRIED = 100  # a log may start with comments and in the middle of a line, not with a page of something else
_SHOWN_BYTES = 80

Parser = Callable[[Lines], ParsedLines]


def read_log(content: bytes) -> tuple[Frames, LossReport]:
    """All frames of a log, in its order, and what became of each of its lines.

    Raises UnknownDialectError when the log is in no dialect known here, and LogTooLargeError above MAX_LOG_BYTES.
    """
    if len(content) > MAX_LOG_BYTES:
        raise LogTooLargeError(f"the log has {len(content)} bytes, at most {MAX_LOG_BYTES} are read; split it by lines")
    name, parser = _find_dialect(content)
    account = _Account()
    parts = [account.frames_of(lines, parser(lines)) for lines in blocks(content)]
    return Frames.concatenate(parts), account.report(name)


def _find_dialect(content: bytes) -> tuple[str, Parser]:
    head = content[: _LINES_TRIED * MAX_LINE_BYTES].split(b"\n")[:_LINES_TRIED]
    for line in head:
        if tab_table.LINE.match(line):
            return tab_table.NAME, partial(tab_table.parse, columns=tab_table.columns_of(line))
        if candump.LINE.match(line):
            return candump.NAME, candump.parse
    raise UnknownDialectError(_unknown(head))


def _unknown(head: list[bytes]) -> str:
    known = f"{candump.NAME} {candump.EXAMPLE!r}, {tab_table.NAME} {tab_table.EXAMPLE!r}"
    for number, line in enumerate(head, 1):
        if line.strip():
            seen = line[:_SHOWN_BYTES].decode("ascii", "backslashreplace").rstrip("\r")
            return f"line {number} starts no log dialect known here: found {seen!r}; known are {known}"
    return f"the log is empty; log dialects known are {known}"


class _Account:
    """Adds up the verdicts of block after block and numbers the channels in the order they are met."""

    def __init__(self) -> None:
        self._counts = np.zeros(len(Verdict), np.int64)
        self._lines = 0
        self._refused: list[tuple[int, Verdict]] = []
        self._channels: dict[bytes, int] = {}

    def frames_of(self, lines: Lines, parsed: ParsedLines) -> Frames:
        channel = self._channel_numbers(parsed)
        parsed.refuse(channel >= MAX_CHANNELS, Verdict.TOO_MANY_CHANNELS)
        self._count(lines, parsed)
        rows = parsed.is_frame
        return Frames(
            can_id=parsed.can_id[rows].astype(np.uint32),
            is_extended=parsed.is_extended[rows],
            time_ns=parsed.time_ns[rows],
            channel=channel[rows].astype(np.uint8),
            length=parsed.length[rows].astype(np.uint8),
            data=parsed.data[rows],
        )

    def report(self, dialect: str) -> LossReport:
        counts = {verdict: int(self._counts[verdict]) for verdict in Verdict if self._counts[verdict]}
        channels = tuple(name.decode("ascii") for name in self._channels)
        return LossReport(dialect, self._lines, counts, tuple(self._refused), channels)

    def _channel_numbers(self, parsed: ParsedLines) -> npt.NDArray[np.int64]:
        is_frame = parsed.is_frame
        names, first, index = np.unique(parsed.name[is_frame], return_index=True, return_inverse=True)
        numbers = np.zeros(len(names), np.int64)
        for place in np.argsort(first):
            known = self._channels
            if names[place] not in known and len(known) < MAX_CHANNELS:
                known[bytes(names[place])] = len(known)
            numbers[place] = known.get(names[place], MAX_CHANNELS)
        result = np.zeros(len(is_frame), np.int64)
        result[is_frame] = numbers[index]
        return result

    def _count(self, lines: Lines, parsed: ParsedLines) -> None:
        self._lines += len(lines)
        self._counts += np.bincount(parsed.verdict, minlength=len(Verdict))
        refused = np.flatnonzero(parsed.verdict >= Verdict.LINE_TOO_LONG)
        for row in refused[: MAX_REFUSED_SHOWN - len(self._refused)]:
            self._refused.append((lines.first_number + int(row), Verdict(int(parsed.verdict[row]))))
