"""Cuts a log into blocks of lines and reads numbers, bytes and names of all lines of a block at once.

Decides where lines begin and end (LF, CR LF or CR) and how a number or hexadecimal bytes are read; what the fields mean
is the dialects' business. Every function works on a whole block: positions in, values and a mask of the good ones out.
Positions lie within the block; what is read around it is padding.

A field is fetched for all lines as 16 or 32 characters at once and then worked on as words: fetching a character costs
as much as fetching sixteen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Names = npt.NDArray[np.bytes_]

BLOCK_BYTES = 1 << 19  # about 10,000 lines: long enough to drown numpy's call cost, short enough for the cache
MAX_LINE_BYTES = 1024  # the longest real line, a 64-byte CAN FD frame in ASC with its trailing columns, has under 400
MAX_NAME_BYTES = 15  # Linux: IFNAMSIZ is 16 with its NUL
MAX_DECIMAL_DIGITS = 16
MAX_HEX_DIGITS = 8
_MAX_BLOCK_BYTES = BLOCK_BYTES + 2 * MAX_LINE_BYTES
_PAD_BYTES = 32  # as much as one fetch reads; zeros, which no dialect uses

_BAD = 0x100


def _pair_table() -> npt.NDArray[np.uint16]:
    """Two hexadecimal digits, read as a little-endian word -> their byte, or _BAD."""
    digits = {ord(char): value for value, char in enumerate("0123456789abcdef")}
    digits |= {ord(char): value for value, char in enumerate("0123456789ABCDEF")}
    table = np.full(1 << 16, _BAD, np.uint16)
    for high, high_value in digits.items():
        for low, low_value in digits.items():
            table[low << 8 | high] = high_value << 4 | low_value
    return table


def _masks(is_tail: bool) -> npt.NDArray[np.void]:
    """V16 [17]: all ones in the last, or first, n of 16 characters."""
    head = [[0xFF] * n + [0] * (16 - n) for n in range(17)]
    masks = np.array([row[::-1] for row in head] if is_tail else head, np.uint8)
    return masks.view("V16")[:, 0]


_PAIRS = _pair_table()
_HEAD, _TAIL = _masks(is_tail=False), _masks(is_tail=True)
_HEAD_8 = np.ascontiguousarray(_HEAD[:9].view(np.uint64).reshape(-1, 2)[:, 0])
_TAIL_8 = np.ascontiguousarray(_TAIL[:9].view(np.uint64).reshape(-1, 2)[:, 1])
_ZEROS = np.uint64(0x3030_3030_3030_3030)
_PLACES = (6, 3, 4, 9, 1, 2, 5, 7, 8)  # of a time, the usual ones first


@dataclass(frozen=True, eq=False)
class Lines:
    """n consecutive lines: `buffer` holds their bytes and padding, [start, end) each line without its line end."""

    buffer: U8
    start: I64
    end: I64
    first_number: int
    is_last_cut: bool  # the last line has no line end

    def __len__(self) -> int:
        return len(self.start)

    def positions(self, char: str) -> I64:
        """Where `char` occurs in the buffer."""
        return np.flatnonzero(self.buffer == ord(char))

    def is_blank(self) -> Mask:
        """Lines of nothing but white space."""
        blank: Mask = self.end == self.start
        doubtful = np.flatnonzero(~blank & (self.at(self.start) <= ord(" ")))
        doubtful = doubtful[self._are_blank_so_far(doubtful)]
        if len(doubtful):
            visible = np.flatnonzero(self.buffer > ord(" "))
            first, behind = (np.searchsorted(visible, edge[doubtful]) for edge in (self.start, self.end))
            blank[doubtful] = first == behind
        return blank

    def _are_blank_so_far(self, rows: I64) -> Mask:
        """An indented line shows its first character within 16, or is looked at again."""
        width = np.minimum(self.end[rows] - self.start[rows], 16)
        visible = (self._words(self.start[rows], 16).view(np.uint8) > ord(" ")).view(np.uint64).reshape(-1, 2)
        visible &= _HEAD[width].view(np.uint64).reshape(-1, 2)
        result: Mask = (visible[:, 0] | visible[:, 1]) == 0
        return result

    def starts_with(self, text: bytes) -> Mask:
        """Lines that begin with `text`."""
        return self.holds(self.start, self.end, text, is_whole=False)

    def holds(self, since: I64, until: I64, text: bytes, is_whole: bool = True) -> Mask:
        """Where [since, until) is `text`, or begins with it."""
        width = until - since
        matches: Mask = width == len(text) if is_whole else width >= len(text)
        for offset, byte in enumerate(text):
            if not np.count_nonzero(matches):  # much cheaper than any()
                break
            matches &= self.at(since + offset) == byte
        return matches

    def at(self, position: I64) -> U8:
        """The bytes at `position`; the last byte of the padding where that is outside the buffer."""
        return self.buffer.take(position, mode="clip")

    def number(self, since: I64, until: I64, base: int, max_digits: int) -> tuple[I64, Mask]:
        """The unsigned numbers in [since, until), and where there is one of 1 to `max_digits` digits; others read 0.

        At most MAX_DECIMAL_DIGITS digits of base 10, or MAX_HEX_DIGITS of base 16.
        """
        width = until - since
        good: Mask = (width >= 1) & (width <= max_digits)
        if not good.all():
            width = np.where(good, width, 0)
        words = self._words(until - 16, 16).reshape(-1, 2)
        if int(width.max(initial=0)) > 8:
            value, are_digits = _decimal((words ^ _ZEROS) & _TAIL[width].view(np.uint64).reshape(-1, 2))
        else:
            used, chars = _TAIL_8.take(width), words[:, 1]
            value, are_digits = _short_decimal((chars ^ _ZEROS) & used) if base == 10 else _hexadecimal(chars, used)
        good &= are_digits
        return value if good.all() else np.where(good, value, 0), good

    def decimal(self, since: I64, until: I64, max_digits: int, point: str = ".") -> tuple[I64, Mask]:
        """The numbers `whole.fraction` in [since, until) times 10^9, with 1 to `max_digits` and 1 to 9 digits."""
        places = self._places(since, until, point)
        whole, is_whole = self.number(since, until - places - 1, 10, max_digits)
        fraction, is_fraction = self.number(until - places, until, 10, 9)
        good: Mask = is_whole & is_fraction & (whole < 2**63 // 10**9)
        return np.where(good, whole, 0) * 10**9 + fraction * _TEN_TO.take(9 - places), good

    def _places(self, since: I64, until: I64, point: str) -> I64:
        """How many digits stand behind the point, 0 where there is none. Most logs have one number of places."""
        places = np.zeros(len(since), np.int64)
        is_open = until > since
        for count in _PLACES:
            is_found = is_open & (self.at(until - count - 1) == ord(point)) & (until - count > since)
            if is_found.all():
                return np.full(len(since), count)
            places[is_found] = count
            is_open &= ~is_found
            if not is_open.any():
                break
        return places

    def hex_bytes(self, since: I64, count: I64, max_bytes: int, gap: bytes = b"") -> tuple[U8, Mask]:
        """uint8 [n, max_bytes]: `count` bytes of two digits with `gap` between two, and where all are there."""
        good: Mask = (count >= 0) & (count <= max_bytes)
        data = np.zeros((len(since), max_bytes), np.uint8)
        longest = int(count[good].max(initial=0))
        if longest:
            data[:, :8], good[:] = self._eight_bytes(since, np.where(good, count, 0), gap, good)
        for first in range(8, longest, 8):
            rows = np.flatnonzero(good & (count > first))
            position = since[rows] + (2 + len(gap)) * first
            data[rows, first : first + 8], good[rows] = self._eight_bytes(
                position, count[rows] - first, gap, good[rows]
            )
        return data, good

    def names(self, since: I64, until: I64) -> tuple[Names, Mask]:
        """S16 [n]: the printable names in [since, until), and where there is one of 1 to MAX_NAME_BYTES bytes."""
        width = until - since
        good: Mask = (width >= 1) & (width <= MAX_NAME_BYTES)
        used = _HEAD[np.where(good, width, 0)].view(np.uint64).reshape(-1, 2)
        chars = self._words(since, 16).reshape(-1, 2) & used
        other = np.flatnonzero((chars[:, 0] != chars[:1, 0]) | (chars[:, 1] != chars[:1, 1]))
        rows = np.append(0, other) if len(other) else slice(0, 1)  # most logs have one name
        letters = np.ascontiguousarray(chars[rows]).view(np.uint8)
        odd = ((letters <= ord(" ")) | (letters >= 127)).view(np.uint64) & used[rows]
        is_odd = (odd[:, 0] | odd[:, 1]) != 0
        if is_odd[:1].any():
            good &= (chars[:, 0] != chars[0, 0]) | (chars[:, 1] != chars[0, 1])
        good[rows] &= ~is_odd
        return chars.view("S16")[:, 0], good

    def _eight_bytes(self, since: I64, count: I64, gap: bytes, good: Mask) -> tuple[U8, Mask]:
        """uint8 [n, 8]: the first `count` of up to eight bytes, zeros behind."""
        keep = _HEAD_8.take(count, mode="clip")
        pairs, odd_gaps = self._pairs(since, gap)
        values = _PAIRS.take(pairs)
        odd = (values >= _BAD).view(np.uint64)[:, 0] & keep
        if gap:
            odd |= odd_gaps & _HEAD_8.take(count - 1, mode="clip")
        eight = values.astype(np.uint8).view(np.uint64)[:, 0] & keep
        return eight.view(np.uint8).reshape(-1, 8), good & (odd == 0)

    def _pairs(self, since: I64, gap: bytes) -> tuple[npt.NDArray[np.uint16], U64 | int]:
        """Eight pairs of characters a line, and a word whose byte k is not zero where the gap behind pair k is odd."""
        if not gap:
            return self._words(since, 16).view(np.uint16).reshape(-1, 8), 0
        if len(gap) == 1:
            triples = self._words(since, 32).view(np.uint8).reshape(-1, 32)[:, :24].reshape(-1, 8, 3)
            chars, gaps = triples[:, :, :2], triples[:, :, 2:]
        else:
            stride = 2 + len(gap)
            cells = self.at(since[:, None] + np.arange(8 * stride)).reshape(-1, 8, stride)
            chars, gaps = cells[:, :, :2], cells[:, :, 2:]
        odd = (gaps != np.frombuffer(gap, np.uint8)).any(axis=2) if len(gap) > 1 else gaps[:, :, 0] != gap[0]
        return np.ascontiguousarray(chars).view(np.uint16)[:, :, 0], odd.view(np.uint64)[:, 0]

    def _words(self, position: I64, width: int) -> U64:
        """The 16 or 32 characters at each position, as words; near the end of the padding those before it."""
        windows = np.ndarray((len(self.buffer) - width + 1,), f"V{width}", self.buffer, strides=(1,))
        return windows[np.minimum(position, len(windows) - 1)].view(np.uint64)


_TEN_TO = np.array([10**places for places in range(10)], np.int64)


def _decimal(digits: U64) -> tuple[I64, Mask]:
    """Two words of eight digits a line -> numbers of up to sixteen."""
    value, good = _short_decimal(digits.reshape(-1))
    value, good = value.reshape(-1, 2), good.reshape(-1, 2)
    return value[:, 0] * 10**8 + value[:, 1], good[:, 0] & good[:, 1]


def _short_decimal(digits: U64) -> tuple[I64, Mask]:
    """Words of eight digits, each character less "0" -> numbers. Each step joins neighbours: 2, then 4, then 8."""
    odd = (digits | ((digits & 0x7F7F_7F7F_7F7F_7F7F) + 0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080
    value = digits * (10 * 2**8 + 1)
    value >>= 8
    value &= 0x00FF_00FF_00FF_00FF
    value *= 100 * 2**16 + 1
    value >>= 16
    value &= 0x0000_FFFF_0000_FFFF
    value *= 10_000 * 2**32 + 1
    value >>= 32
    return value.view(np.int64), odd == 0


def _hexadecimal(chars: U64, used: U64) -> tuple[I64, Mask]:
    """Words of up to eight hexadecimal digits -> numbers."""
    filled = (chars & used) | (~used & _ZEROS)
    pairs = _PAIRS.take(filled.view(np.uint16)).reshape(-1, 4)
    value = pairs.astype(np.uint8).view(">u4")[:, 0].astype(np.int64)
    return value, (pairs < _BAD).view(np.uint32)[:, 0] == 0x0101_0101


def blocks(content: bytes, newline: bytes = b"\n") -> Iterator[Lines]:
    """The lines of `content`, in blocks of about BLOCK_BYTES that end at line ends."""
    position, number = 0, 1
    while position < len(content):
        found = content.find(newline, position + BLOCK_BYTES)
        until = len(content) if found < 0 else found + 1
        kept = min(until, position + _MAX_BLOCK_BYTES)  # of a longer last line no more than shows that it is too long
        block = _cut(content[position:kept] + content[until - 1 : until] * (kept < until), number, newline)
        yield block
        position, number = until, number + len(block)


def line_end(content: bytes) -> bytes:
    """CR where the log separates its lines by CR alone, else LF."""
    head = content[:BLOCK_BYTES]
    return b"\r" if head.count(b"\r") > 2 * head.count(b"\n") else b"\n"


def _cut(content: bytes, first_number: int, newline: bytes) -> Lines:
    is_last_cut = not content.endswith(newline)
    pad = bytes(_PAD_BYTES)
    buffer = np.frombuffer(pad + content + pad, np.uint8)
    ends = np.flatnonzero(buffer == newline[0])
    end = np.append(ends, len(content) + _PAD_BYTES) if is_last_cut else ends
    start = np.append(_PAD_BYTES, end[:-1] + 1)
    if newline == b"\n":
        for _ in range(2):  # PuTTY writes two where the device sends one
            is_return = (end > start) & (buffer[end - 1] == ord("\r"))
            if not is_return.any():
                break
            end = end - is_return
    else:
        start = start + ((end > start) & (buffer[start] == ord("\n")))
    return Lines(buffer, start, end, first_number, is_last_cut)
