"""Log bytes -> frames and an exact account of every line. Finds the dialect; the dialects read the lines.

Leaves to others: the file itself (io), what the bytes of a frame mean (signals).
"""

from __future__ import annotations

import re
from typing import Protocol

from packseal.errors import LogTooLargeError, UnknownDialectError
from packseal.frames import blf
from packseal.frames.account import Account
from packseal.frames.frames import Frames
from packseal.frames.gzip import gunzipped, is_gzip
from packseal.frames.lines import MAX_LINE_BYTES, blocks, line_end
from packseal.frames.parsed import Head, Reading
from packseal.frames.report import LossReport
from packseal.frames.text import (
    asc,
    busmaster,
    candump,
    candump_stdout,
    canedge,
    carbus,
    crtd,
    generic_id,
    gvret,
    microchip,
    slcan,
    tab_table,
    trc,
)
from packseal.frames.utf16 import narrowed


class Dialect(Protocol):
    """A module of `text`."""

    NAME: str
    EXAMPLE: str
    LINE: re.Pattern[bytes]
    """Matches a line of the dialect from its start, and no line of another."""

    def reading(self, head: Head, /) -> Reading: ...


DIALECTS: tuple[Dialect, ...] = (
    candump,
    candump_stdout,
    asc,
    trc,
    gvret,
    crtd,
    busmaster,
    microchip,
    carbus,
    canedge,
    tab_table,
    generic_id,
    slcan,
)
DIALECT_NAMES = (*(dialect.NAME for dialect in DIALECTS), blf.NAME)
MAX_LOG_BYTES = 1 << 30  # half an hour of a full 1 Mbit/s bus; file and arrays fit in 4 GB of memory
_LINES_TRIED = 200  # a log may start with comments and in the middle of a line, not with pages of something else
_SHOWN_BYTES = 80
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OTHERS = {
    b"\x0a\x0d\x0d\x0a": "a pcapng capture; write it as a candump log with `tshark`, or record with `candump -l`",
    b"\xd4\xc3\xb2\xa1": "a pcap capture; write it as a candump log with `tshark`, or record with `candump -l`",
    b"MDF     ": "an MF4 file; import it with the extra `mf4` installed",
    b"UnFinMF ": "an MF4 file that its recorder did not finish; import it with the extra `mf4` installed",
    b"PK\x03\x04": "a ZIP archive; unpack it first",
}


def read_log(content: bytes) -> tuple[Frames, LossReport]:
    """All frames of a log, in its order, and what became of each of its lines. Unpacks gzip, reads UTF-16 too.

    Raises UnknownDialectError when the log is in no dialect known here, LogTooLargeError above MAX_LOG_BYTES, also
    when unpacked, and FramesError when a binary log is damaged so that what follows cannot be found.
    """
    if is_gzip(content):
        content = gunzipped(content, MAX_LOG_BYTES)
    if len(content) > MAX_LOG_BYTES:
        raise LogTooLargeError(f"the log has {len(content)} bytes, at most {MAX_LOG_BYTES} are read; split it by lines")
    if content.startswith(blf.SIGNATURE):
        return blf.read(content, MAX_LOG_BYTES)
    return _read_text(narrowed(content).removeprefix(_BYTE_ORDER_MARK))


def _read_text(content: bytes) -> tuple[Frames, LossReport]:
    newline = line_end(content)
    head = content[: _LINES_TRIED * MAX_LINE_BYTES].split(newline)[:_LINES_TRIED]
    dialect, reading = _find_dialect(content, [line[:MAX_LINE_BYTES].strip(b"\r\n") for line in head])
    account = Account(dialect.NAME, reading.clock)
    parts = [account.frames_of(reading.parse(lines)) for lines in blocks(content, newline)]
    return Frames.concatenate(parts), account.report()


def _find_dialect(content: bytes, head: Head) -> tuple[Dialect, Reading]:
    """The one that most of the first lines are in, the first in DIALECTS of those that share them.

    A dialect whose header is missing gives way to the next, if any line is in that.
    """
    scores = [(sum(1 for line in head if dialect.LINE.match(line)), dialect) for dialect in DIALECTS]
    found = [dialect for score, dialect in sorted(scores, key=lambda each: -each[0]) if score]
    refusals = []
    for dialect in found:
        try:
            return dialect, dialect.reading(head)
        except UnknownDialectError as error:
            refusals.append(error)
    raise refusals[0] if refusals else UnknownDialectError(_unknown(content, head))


def _unknown(content: bytes, head: Head) -> str:
    for signature, what in _OTHERS.items():
        if content.startswith(signature):
            return f"the file is {what}"
    known = ", ".join(f"{dialect.NAME} {dialect.EXAMPLE!r}" for dialect in DIALECTS) + f", {blf.NAME}"
    for number, line in enumerate(head, 1):
        if line.strip():
            seen = line[:_SHOWN_BYTES].decode("ascii", "backslashreplace")
            return f"line {number} starts no log dialect known here: found {seen!r}; known are {known}"
    return f"the log is empty; log dialects known are {known}"
