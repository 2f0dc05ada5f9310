"""Vector's ASC logs: `   0.019968 1  64  Rx   d 4 64 00 00 00  Length = 0 BitCount = 0 ID = 100`.

As CANoe and CANalyzer write them and Vector's "CAN ASCII log file format" describes them: the header has `base hex|dec`
and `timestamps absolute|relative`; identifiers with a final x have 29 bits; `CANFD` lines name channel, direction,
identifier, perhaps the message, BRS, ESI, length code and length. Converters write CAN FD frames as classic ones whose
length is a length code (mdf4-converters of CSS Electronics) or the number of bytes (python-can); where just as many
bytes follow, they are read as such. Times are those since the date of the first trigger block, else of the header.
"""

from __future__ import annotations

import re

import numpy as np

from packseal.frames.columns import first_match
from packseal.frames.dates import added_up, clock_ns, date_ns
from packseal.frames.fields import SpacedFields
from packseal.frames.frames import FD_BYTES
from packseal.frames.lines import I64, Lines, Mask
from packseal.frames.parsed import LENGTH_OF_CODE, Head, ParsedLines, Reading, one_of, unread
from packseal.frames.report import Clock, Verdict

NAME = "ASC"
EXAMPLE = "   0.019968 1  64  Rx   d 4 64 00 00 00"
LINE = re.compile(
    rb"\s*\d+\.\d+\s+(\d+\s+[0-9A-Fa-f]+[xX]?\s+[RT]x\s+[dr]\b|CANFD\s+\d+\s+[RT]x\s|\d+\s+ErrorFrame|Start of measu)"
    rb"|base\s+(hex|dec)\b|(Begin|End) Trigger[Bb]lock"
)
_BASE = re.compile(rb"base\s+(hex|dec)(?:\s+timestamps\s+(absolute|relative))?", re.IGNORECASE)
_DATE = re.compile(
    rb"(?:date|Begin Triggerblock)\s+\S+\s+(?P<month>[A-Za-z]\S*)\s+(?P<day>\d+)\s+(?P<hours>\d+):(?P<minutes>\d+):"
    rb"(?P<seconds>\d+)(?:\.(?P<fraction>\d+))?\s*(?P<half>[ap]m)?\s+(?P<year>\d{4})",
    re.IGNORECASE,
)
_MONTHS = {name: number for number, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_MONTHS |= {b"m\xe4r": 3, b"m\xc3\xa4": 3, b"mrz": 3, b"mai": 5, b"okt": 10, b"dez": 12}
_HEADERS = (b"date ", b"base ", b"internal events", b"no internal events", b"Begin Trigger", b"End Trigger")
_MAX_SECONDS_DIGITS = 9


def reading(head: Head) -> Reading:
    base = first_match(_BASE, head)
    dates = [_date(found) for found in map(_DATE.match, head) if found]
    start_ns = dates[min(1, len(dates) - 1)] if dates else None
    is_decimal = base is not None and base[1].lower() == b"dec"
    is_relative = base is not None and (base[2] or b"").lower() == b"relative"
    reader = _Reader(is_decimal, is_relative, start_ns or 0)
    return Reading(reader.parse, Clock.OWN if start_ns is None else Clock.LOCAL)


def _date(found: re.Match[bytes]) -> int | None:
    hours = int(found["hours"]) % 12 if found["half"] else int(found["hours"])
    hours += 12 * ((found["half"] or b"").lower() == b"pm")
    time_ns = clock_ns(hours, int(found["minutes"]), int(found["seconds"]), (found["fraction"] or b"").decode())
    month = _MONTHS.get(found["month"][:3].lower())
    return None if month is None else date_ns(int(found["year"]), month, int(found["day"]), time_ns)


class _Reader:
    def __init__(self, is_decimal: bool, is_relative: bool, start_ns: int) -> None:
        self._is_decimal, self._is_relative, self._time_ns = is_decimal, is_relative, start_ns

    def parse(self, lines: Lines) -> ParsedLines:
        parsed = unread(lines)
        for header in _HEADERS:
            parsed.refuse(lines.starts_with(header), Verdict.HEADER)
        parsed.refuse(lines.starts_with(b"//"), Verdict.COMMENT)
        fields = SpacedFields(lines)
        self._read_time(lines, parsed, fields)
        is_fd = lines.holds(*fields.span(1), b"CANFD")
        channel, identifier = fields.spans(1 + is_fd), fields.spans(np.where(is_fd, 4, 2))
        is_named = _is_word(lines, identifier[0])  # a frame, where the database's name stands for the identifier
        is_named &= ~(one_of(lines, fields.span(3), b"Rx", b"Tx") & one_of(lines, fields.span(4), b"d", b"r"))
        parsed.refuse(_is_word(lines, channel[0]) | is_named, Verdict.EVENT)
        parsed.refuse(lines.holds(*fields.span(3), b"TxRq"), Verdict.EVENT)  # asked for; what is sent has its own line
        parsed.refuse(lines.holds(*identifier, b"ErrorFrame", is_whole=False), Verdict.ERROR_FRAME)
        parsed.set_name(*lines.names(*channel))
        self._read_id(lines, parsed, *identifier)
        length_at = np.where(is_fd, 5 + 2 + _has_name(lines, fields), 5)
        is_remote = lines.holds(*fields.span(4), b"r") & ~is_fd
        parsed.refuse(is_remote, Verdict.REMOTE_FRAME)
        parsed.refuse(~one_of(lines, fields.span(3), b"Rx", b"Tx"), Verdict.BAD_DIRECTION)
        self._read_length(lines, parsed, fields, length_at, is_fd)
        self._read_data(lines, parsed, fields, length_at + 1 + is_fd)
        return parsed

    def _read_time(self, lines: Lines, parsed: ParsedLines, fields: SpacedFields) -> None:
        time_ns, good = lines.decimal(*fields.span(0), _MAX_SECONDS_DIGITS)
        parsed.set_time(time_ns + self._time_ns, good)
        if self._is_relative:  # to the line before, whatever that was
            parsed.time_ns = added_up(self._time_ns, np.where(good, time_ns, 0))
            self._time_ns = int(parsed.time_ns[-1])

    def _read_id(self, lines: Lines, parsed: ParsedLines, since: I64, until: I64) -> None:
        is_extended = (lines.at(until - 1) | 0x20) == ord("x")
        base = (10, 10) if self._is_decimal else (16, 8)
        parsed.set_id(*lines.number(since, until - is_extended, *base), is_extended)

    def _read_length(self, lines: Lines, parsed: ParsedLines, fields: SpacedFields, at: I64, is_fd: Mask) -> None:
        code, is_code = lines.number(*fields.spans(at), 16, 2)
        length, is_length = _classic_length(code), is_code
        is_wide = (code > 8) & ~is_fd
        if is_wide.any():
            following = fields.count - at - 1
            is_counted = is_wide & (following == code)
            decimal, is_decimal = lines.number(*fields.spans(at), 10, 2)
            of_code = LENGTH_OF_CODE.take(decimal, mode="clip")
            is_coded = is_wide & is_decimal & (decimal > 8) & (decimal <= 15) & (following == of_code)
            length = np.where(is_coded, of_code, np.where(is_counted, code, length))
        if is_fd.any():
            stated, is_stated = lines.number(*fields.spans(at + 1), 10, 2)
            parsed.refuse(is_fd & is_code & (code > 0) & is_stated & (stated == 0), Verdict.REMOTE_FRAME)
            length, is_length = np.where(is_fd, stated, length), np.where(is_fd, is_stated, is_length)
        parsed.set_length(length, is_length, is_fd | is_wide)

    def _read_data(self, lines: Lines, parsed: ParsedLines, fields: SpacedFields, at: I64) -> None:
        if not self._is_decimal:
            parsed.read_spaced_data(lines, fields.spans(at)[0])
            return
        parsed.data = np.zeros((len(lines), FD_BYTES), np.uint8)
        for index in range(int(parsed.length[parsed.is_frame].max(initial=0))):
            is_used = parsed.length > index
            value, good = lines.number(*fields.spans(at + index), 10, 3)
            parsed.refuse(is_used & ~(good & (value <= 0xFF)), Verdict.BAD_DATA)
            parsed.data[:, index] = np.where(is_used & (value <= 0xFF), value, 0)


def _classic_length(code: I64) -> I64:
    """ISO 11898-1: codes 9 to 15 of a classic frame mean 8 bytes. More than that is no code."""
    return np.where((code > 8) & (code <= 15), 8, np.minimum(code, FD_BYTES + 1))


def _is_word(lines: Lines, since: I64) -> Mask:
    """Begins with a letter that no number begins with: `Statistic:`, `J1939TP`, `Start of measurement`, `Status`."""
    letter = lines.at(since) | 0x20
    is_start: Mask = (letter > ord("f")) & (letter <= ord("z")) & (since < lines.end)
    return is_start | lines.holds(since, lines.end, b"CAN ", is_whole=False)


def _has_name(lines: Lines, fields: SpacedFields) -> Mask:
    """A CANFD line whose sixth field is no BRS."""
    since, until = fields.span(5)
    bit = lines.at(since)
    is_bit: Mask = (until - since == 1) & ((bit == ord("0")) | (bit == ord("1")))
    return ~is_bit
