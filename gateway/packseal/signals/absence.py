"""Which raw values of a signal are measured values, and why the others are not.

Decides it from the DBC alone: the range [minimum|maximum] of a signal, value-table entries that say "not available",
and the reserved codes of SAE J1939-71 (table 1: of a byte, and of the highest byte of longer numbers, 0xFB to 0xFF are
no values). Ranges in real files are often wrong; a binding states its own, which alone counts there (samples.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from itertools import pairwise

Codes = tuple[tuple[int, int], ...]  # ranges of raw values, both ends included

_SAYS_ABSENT = re.compile(
    r"(signal[\W_]*)?(sna|not[\W_]*(available|yet[\W_]*known)|unavailable|invalid|n/a)\b.*|.*[\W_](sna|not[\W_]*available|unavailable|invalid|n/a)",
    re.IGNORECASE | re.DOTALL,
)
_MAX_TEXT = 100  # characters of a value table's entry that are looked at; longer ones are prose
_J1939_FIRST_CODE = 0xFB  # of 0xFF: SAE J1939-71, table 1


class Absence(IntEnum):
    """Why a sample has no value."""

    NONE = 0
    NOT_AVAILABLE_CODE = 1
    OUT_OF_RANGE = 2
    FRAME_TOO_SHORT = 3
    NOT_A_NUMBER = 4


@dataclass(frozen=True)
class RawLimits:
    """The raw values from lowest to highest, both included, are measured values, except those in `holes`."""

    lowest: int
    highest: int
    holes: Codes = ()


def exact(number: int | float) -> Fraction:
    """The decimal number written in the DBC: the shortest one that reads as this float."""
    return Fraction(repr(number))


def says_absent(text: str) -> bool:
    """Whether a value table's entry means that there is no value: "SNA", "Not available", "x_INVALID"."""
    return len(text) <= _MAX_TEXT and _SAYS_ABSENT.fullmatch(text.strip()) is not None


def codes_of_table(entries: Mapping[int, str], bit_length: int) -> Codes:
    """Raw values whose entry says "not available". A single bit has none: what it tells is a state, valid or not."""
    if bit_length == 1:
        return ()
    return joined(tuple((value, value) for value, text in entries.items() if says_absent(text)))


def codes_of_j1939(entries: Mapping[int, str], bit_length: int) -> Codes:
    """Reserved codes of an unsigned SPN, except those that its value table gives a meaning of their own."""
    if bit_length == 1:
        return ()
    most = (1 << bit_length) - 1
    first = _J1939_FIRST_CODE << (bit_length - 8) if bit_length >= 8 else most
    if bit_length == 2:  # two bits 10 are an error, 11 are "not available"
        first = 2
    named = sorted(value for value, text in entries.items() if first <= value <= most and not says_absent(text))
    bounds = [first - 1, *named, most + 1]
    return tuple((a + 1, b - 1) for a, b in pairwise(bounds) if a + 1 < b)


def joined(codes: Codes) -> Codes:
    """The same raw values in ranges that neither touch nor overlap, in rising order."""
    ranges: list[tuple[int, int]] = []
    for first, last in sorted(codes):
        if ranges and first <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], max(last, ranges[-1][1]))
        else:
            ranges.append((first, last))
    return tuple(ranges)


def raw_range(minimum: float, maximum: float, factor: float, offset: float) -> tuple[int, int]:
    """The range in raw values, each end to the nearest one: editors round what they write."""
    ends = [(exact(end) - exact(offset)) / exact(factor) for end in (minimum, maximum)]
    lowest, highest = min(ends), max(ends)
    return math.ceil(lowest - Fraction(1, 2)), math.floor(highest + Fraction(1, 2))


def without_codes(lowest: int, highest: int, codes: Codes) -> RawLimits:
    """lowest to highest, less the codes: what of them lies at an end moves that end, the rest are holes."""
    inside = sorted(codes)
    while inside and inside[0][0] <= lowest:
        lowest = max(lowest, inside.pop(0)[1] + 1)
    while inside and inside[-1][1] >= highest:
        highest = min(highest, inside.pop()[0] - 1)
    return RawLimits(lowest, highest, tuple(inside))
