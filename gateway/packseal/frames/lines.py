"""Cuts a log into blocks of lines and reads fields of all lines of a block at once.

Decides where lines begin and end (LF or CR LF) and how a number or hexadecimal bytes are read; what the fields mean is
the dialects' business. Every function works on a whole block: positions in, values and a mask of the good ones out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

BLOCK_BYTES = 1 << 18  # about 5,000 lines: long enough to drown numpy's call cost, short enough for the cache
MAX_LINE_BYTES = 1024  # the longest real line, a 64-byte CAN FD frame in candump -l, has under 190
MAX_NAME_BYTES = 15  # Linux: IFNAMSIZ is 16 with its NUL
_PAD_BYTES = 1  # positions behind the end are read as this zero

_DIGIT = np.full(256, 99, np.uint8)
_DIGIT[list(b"0123456789")] = range(10)
_DIGIT[list(b"abcdef")] = range(10, 16)
_DIGIT[list(b"ABCDEF")] = range(10, 16)


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

    def first(self, positions: I64, since: I64) -> I64:
        """Per line the first of `positions` at or behind `since`, or the line's end."""
        padded = np.append(positions, len(self.buffer))
        found: I64 = np.minimum(padded[np.searchsorted(positions, since)], self.end)
        return found

    def is_blank(self) -> Mask:
        """Lines of nothing but white space."""
        visible = np.append(0, np.cumsum(self.buffer > ord(" ")))
        result: Mask = visible[self.end] == visible[self.start]
        return result

    def starts_with(self, text: bytes) -> Mask:
        """Lines that begin with `text`."""
        matches = self.end - self.start >= len(text)
        for offset, byte in enumerate(text):
            matches &= self.at(self.start + offset) == byte
        return matches

    def at(self, position: I64) -> U8:
        """The bytes at `position`; padding where that is outside the buffer."""
        return self.buffer[np.minimum(position, len(self.buffer) - 1)]

    def number(self, since: I64, until: I64, base: int, max_digits: int) -> tuple[I64, Mask]:
        """The unsigned numbers in [since, until), and where there is one of 1 to `max_digits` digits."""
        width = until - since
        good = (width >= 1) & (width <= max_digits)
        value = np.zeros(len(since), np.int64)
        for place in range(min(max_digits, int(width[good].max(initial=0)))):
            is_used = width > place
            digit = _DIGIT[self.at(np.maximum(until - 1 - place, 0))]
            good &= ~is_used | (digit < base)
            value += np.where(is_used & good, digit.astype(np.int64) * base**place, 0)
        return value, good

    def hex_bytes(self, since: I64, count: I64, stride: int, max_bytes: int) -> tuple[U8, Mask]:
        """uint8 [n, max_bytes]: `count` bytes of two digits, `stride` apart with spaces between, and where all are."""
        good = (count >= 0) & (count <= max_bytes)
        data = np.zeros((max_bytes, len(since)), np.uint8)
        for index in range(int(count[good].max(initial=0))):
            is_used, position = count > index, since + stride * index
            high, low = _DIGIT[self.at(position)], _DIGIT[self.at(position + 1)]
            good &= ~is_used | ((high < 16) & (low < 16))
            if stride == 3:
                good &= (count <= index + 1) | (self.at(position + 2) == ord(" "))
            data[index] = np.where(is_used & good, (high << 4) | (low & 15), 0)
        return np.ascontiguousarray(data.T), good

    def names(self, since: I64, until: I64) -> tuple[npt.NDArray[np.bytes_], Mask]:
        """S15 [n]: the printable names in [since, until), and where there is one of 1 to MAX_NAME_BYTES bytes."""
        offset = np.arange(MAX_NAME_BYTES)
        is_used = offset < (until - since)[:, None]
        char = self.at(since[:, None] + offset)
        good = (until > since) & (until - since <= MAX_NAME_BYTES)
        good &= (~is_used | ((char > ord(" ")) & (char < 127))).all(axis=1)
        return np.where(is_used, char, 0).astype(np.uint8).view(f"S{MAX_NAME_BYTES}")[:, 0], good


def blocks(content: bytes) -> Iterator[Lines]:
    """The lines of `content`, in blocks of about BLOCK_BYTES that end at line ends."""
    position, number = 0, 1
    while position < len(content):
        newline = content.find(b"\n", position + BLOCK_BYTES)
        until = len(content) if newline < 0 else newline + 1
        block = _cut(content[position:until], number)
        yield block
        position, number = until, number + len(block)


def _cut(content: bytes, first_number: int) -> Lines:
    is_last_cut = not content.endswith(b"\n")
    buffer = np.frombuffer(content + bytes(_PAD_BYTES), np.uint8)
    newlines = np.flatnonzero(buffer == ord("\n"))
    end = np.append(newlines, len(content)) if is_last_cut else newlines
    start = np.append(0, end[:-1] + 1)
    end = end - ((end > start) & (buffer[np.maximum(end - 1, 0)] == ord("\r")))
    return Lines(buffer, start, end, first_number, is_last_cut)
