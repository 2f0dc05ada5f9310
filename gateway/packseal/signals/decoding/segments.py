"""Signals in frames, end to end in one array: bits -> raw -> scaled -> physical, each by one call over all of them.

Decides the arithmetic: raw values are two's complement or the bits of an IEEE 754 number; scaled = raw * factor +
offset in double precision, multiplied and added in this order, as Python does it; physical is the same, but NaN where
the DBC says that there is no measured value.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from packseal.signals.absence import Codes
from packseal.signals.decoding.branches import Branch
from packseal.signals.layout import MAX_BITS, SignalLayout

Index = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Bits = npt.NDArray[np.uint64]
T = TypeVar("T", bound=np.generic)

# Ranks: signals that need the same step lie side by side.
# PLAIN: unsigned, raw is the value. PROPORTIONAL: unsigned, and there is no offset. LIMITED: not every value is one.
PLAIN, PROPORTIONAL, UNSIGNED, UNSIGNED_LIMITED, SIGNED_LIMITED, SIGNED, UNSIGNED_64, SINGLE, DOUBLE, END = range(10)
_MODULUS = 1 << 64
_CALM = 1e280  # times 64 bits is a double still
_calm = contextlib.nullcontext()

MAX_SHAPES = 64  # sets of branches that stay worked out


class SignalTable:
    """The signals that are decoded, as columns; those of branch b are first[b] to first[b] + count[b]."""

    def __init__(self, branches: Sequence[Branch], wanted: Collection[str] | None) -> None:
        chosen = [
            [pair for pair in zip(branch.names, branch.signals, strict=False) if wanted is None or pair[0] in wanted]
            for branch in branches
        ]
        self.names = [name for part in chosen for name, _ in part]
        self.signals = [signal for part in chosen for _, signal in part]
        self._shapes: dict[bytes, Shape] = {}
        self.count = np.array([len(part) for part in chosen], np.intp)
        self.first = self.count.cumsum() - self.count
        self.rank = np.array([_rank(signal) for signal in self.signals], np.uint8)
        self.factor = np.array([float(signal.factor) for signal in self.signals])
        self.offset = np.array([float(signal.offset) for signal in self.signals])
        self.sign = np.array([1 << (signal.bit_length - 1) for signal in self.signals], np.uint64)
        self.need = np.array([signal.bytes_needed for signal in self.signals], np.uint8)
        limits = [signal.limits for signal in self.signals]
        self.lowest = np.array([one.lowest % _MODULUS for one in limits], np.uint64)
        self.span = np.array([(one.highest - one.lowest) % _MODULUS for one in limits], np.uint64)
        self.is_calm = all(_is_calm(signal) for signal in self.signals)
        self.with_holes = {i for i, one in enumerate(limits) if one.holes}
        bounds = np.array([real_bounds(signal) for signal in self.signals]).reshape(-1, 2)
        self.minimum, self.maximum = bounds.T.copy()

    def segments(self, branches: Index, counts: Index) -> Segments:
        """The segments of these branches, `counts` frames in each; without their bits yet."""
        shape = self._shape(branches)
        return Segments(shape, (counts.cumsum() - counts).take(shape.owner), counts.take(shape.owner))

    def _shape(self, branches: Index) -> Shape:
        """Kept, because the next frames have mostly the same branches."""
        key = branches.tobytes()
        shape = self._shapes.get(key)
        if shape is None:
            if len(self._shapes) >= MAX_SHAPES:
                self._shapes.clear()
            shape = self._shapes[key] = Shape(self, branches)
        return shape


class Shape:
    """Which segments the frames of these branches have.

    signals  intp [s]  rows of the table, sorted by rank
    owner    intp [s]  index into the branches
    """

    def __init__(self, table: SignalTable, branches: Index) -> None:
        self.table = table
        each = table.count.take(branches)
        signals = ranges(table.first.take(branches), each)
        ranks = table.rank.take(signals)
        order = ranks.argsort(kind="stable")
        self.signals, self.owner = signals.take(order), np.arange(len(branches)).repeat(each).take(order)
        self._rank_starts: list[int] = np.searchsorted(ranks.take(order), np.arange(END + 1)).tolist()
        self._columns: dict[str, npt.NDArray[Any]] = {}

    @cached_property
    def of_signal(self) -> dict[int, int]:
        """row of the table -> segment"""
        return {signal: segment for segment, signal in enumerate(self.signals.tolist())}

    @cached_property
    def with_holes(self) -> list[int]:
        """Segments of signals that have some."""
        return [self.of_signal[signal] for signal in sorted(self.table.with_holes & self.of_signal.keys())]

    def ranks(self, first: int, end: int) -> slice:
        """The segments of the ranks from first up to end."""
        return slice(self._rank_starts[first], self._rank_starts[end])

    def take(self, name: str, column: npt.NDArray[T]) -> npt.NDArray[T]:
        """[s] of a column of the table; kept under that name."""
        if name not in self._columns:
            self._columns[name] = column.take(self.signals)
        return self._columns[name]


def _is_calm(signal: SignalLayout) -> bool:
    """Whether no value of it can overflow or be NaN."""
    return not signal.is_float and max(abs(signal.factor), abs(signal.offset)) < _CALM


def _rank(signal: SignalLayout) -> int:
    if signal.is_float:
        return DOUBLE if signal.bit_length == MAX_BITS else SINGLE
    if signal.is_signed:
        return SIGNED_LIMITED if signal.is_limited else SIGNED
    if signal.bit_length == MAX_BITS:
        return UNSIGNED_64
    if signal.is_limited:
        return UNSIGNED_LIMITED
    if signal.offset != 0 or signal.factor < 0:  # below 0, adding 0 makes 0 of -0
        return UNSIGNED
    return PLAIN if signal.factor == 1 else PROPORTIONAL


def real_bounds(signal: SignalLayout) -> tuple[float, float]:
    """The range of a float, of single precision a last bit wider: 6.3 in the DBC is 6.30000019 in a frame."""
    if signal.minimum is None or signal.maximum is None or not signal.is_float:
        return -math.inf, math.inf
    last_bit = 2.0**-23 if signal.bit_length < MAX_BITS else 0.0
    low, high = float(signal.minimum), float(signal.maximum)
    return low - abs(low) * last_bit, high + abs(high) * last_bit


class Segments:
    """s segments, t values in all.

    starts    intp [s]    of the sorted rows of frames, the first that the segment is of
    counts    intp [s]    values in the segment
    ends      intp [s]    where it ends among the t values
    is_short  bool [t]    the frame does not hold the signal; None where every frame holds all of its message
    """

    def __init__(self, shape: Shape, starts: Index, counts: Index) -> None:
        self.shape, self.table, self.starts, self.counts = shape, shape.table, starts, counts
        self.ends = counts.cumsum()
        self.is_short: Mask | None = None
        self._bits = np.zeros(0, np.uint64)

    def fill(self, bits: Bits, lengths: npt.NDArray[np.uint8] | None) -> None:
        """bits: uint64 [t], not shared. lengths: of the sorted rows, where some are too short for their message."""
        self._bits = bits
        if lengths is not None:
            self.is_short = lengths.take(ranges(self.starts, self.counts)) < self._each("need", slice(None))
            bits[self.is_short] = 0

    def part(self, segment: int) -> slice:
        """Where its values are."""
        return slice(self.ends[segment] - self.counts[segment], self.ends[segment])

    @cached_property
    def raw(self) -> npt.NDArray[np.int64]:
        """int64 [t]; of an unsigned signal of 64 bits, and of a float, the bits."""
        which, values = self._ranks(SIGNED_LIMITED, UNSIGNED_64)
        if values.stop > values.start:
            sign, signed = self._each("sign", which), self._bits[values]
            np.bitwise_xor(signed, sign, signed)
            np.subtract(signed, sign, signed)
        return self._bits.view(np.int64)

    @cached_property
    def scaled(self) -> Floats:
        """float64 [t] of raw * factor + offset, whatever the DBC says of its range."""
        return self._scale()

    def _scale(self) -> Floats:
        result: Floats = self.raw.astype(np.float64)
        with _calm if self.table.is_calm else np.errstate(all="ignore"):  # IEEE 754 arithmetic carries on NaN, infinity
            for rank in (UNSIGNED_64, SINGLE, DOUBLE):
                _, values = self._ranks(rank, rank + 1)
                if values.stop > values.start:
                    result[values] = _numbers(rank, self.raw[values].view(np.uint64))
            for rank, step, column in ((PROPORTIONAL, np.multiply, "factor"), (UNSIGNED, np.add, "offset")):
                which, values = self._ranks(rank, END)
                step(result[values], self._each(column, which), result[values])
        return result

    @cached_property
    def physical(self) -> Floats:
        """float64 [t]: scaled, NaN where there is no measured value."""
        result = self._scale()  # anew, which takes no longer than a copy that is rarely needed
        for values, is_absent in self._absent(result):
            result[values][is_absent] = np.nan
        return result

    def _absent(self, scaled: Floats) -> Iterator[tuple[slice, Mask]]:
        """(some of the values, which of them are not measured)"""
        if self.is_short is not None:
            yield slice(None), self.is_short
        for ranks in ((UNSIGNED_LIMITED, SIGNED), (UNSIGNED_64, SINGLE)):
            which, values = self._ranks(*ranks)
            if values.stop > values.start:
                distance = self.raw[values].view(np.uint64) - self._each("lowest", which)
                yield values, distance > self._each("span", which)
        which, values = self._ranks(SINGLE, END)
        if values.stop > values.start:
            low, high, floats = self._each("minimum", which), self._each("maximum", which), scaled[values]
            yield values, ~(np.isfinite(floats) & (floats >= low) & (floats <= high))
        for segment in self.shape.with_holes:
            values, holes = self.part(segment), self.table.signals[self.shape.signals[segment]].limits.holes
            yield values, is_in(self.raw[values], holes)

    def _ranks(self, first: int, end: int) -> tuple[slice, slice]:
        """(segments, values) of the ranks from first up to end."""
        which = self.shape.ranks(first, end)
        a, b = which.start, which.stop
        if a == b:
            return which, slice(0, 0)
        return which, slice(int(self.ends[a - 1]) if a else 0, int(self.ends[b - 1]))

    def _each(self, column: str, segments: slice) -> npt.NDArray[Any]:
        """[values of these segments] of a column of the table."""
        return self.shape.take(column, getattr(self.table, column))[segments].repeat(self.counts[segments])


def _numbers(rank: int, bits: Bits) -> Floats:
    if rank == UNSIGNED_64:
        return bits.astype(np.float64)
    return bits.view(np.float64) if rank == DOUBLE else bits.astype(np.uint32).view(np.float32).astype(np.float64)


def is_in(raw: npt.NDArray[Any], codes: Codes) -> Mask:
    """bool [m] Whether a raw value is one of the codes."""
    result = np.zeros(len(raw), np.bool_)
    limits = np.iinfo(raw.dtype)
    for first, last in codes:
        if first <= limits.max and last >= limits.min:
            kind = raw.dtype.type
            result |= (raw >= kind(max(first, int(limits.min)))) & (raw <= kind(min(last, int(limits.max))))
    return result


def ranges(starts: Index, counts: Index, step: int = 1) -> Index:
    """starts[0], starts[0] + step, … counts[0] of them, then those from starts[1] on. starts already have the step."""
    ends = counts.cumsum()
    result: Index = (starts - (ends - counts) * step).repeat(counts)
    count = len(result)
    steps = _steps(step, 1 << count.bit_length()) if count < _MAX_STEPS else np.arange(0, count * step, step)
    return np.add(result, steps[:count], result)


_MAX_STEPS = 1 << 18  # the values in a chunk of frames


@lru_cache(maxsize=64)
def _steps(step: int, count: int) -> Index:
    """Kept, for read they cost half of being made anew."""
    result = np.arange(0, count * step, step)
    result.setflags(write=False)
    return result
