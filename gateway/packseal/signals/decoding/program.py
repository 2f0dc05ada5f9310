"""A DBC as tables of numbers, and their application to many frames at once.

Decides how: frames are sorted by message, those of multiplexed messages again by what their multiplexer leads to, and
so on for nested ones. That gives segments: one signal in the frames that hold it. All segments then lie end to end in
one array, and each step (take the word, shift, mask, extend the sign, scale) is one call over all of it. So the cost is
a fixed number of calls, not one that grows with messages, signals or values of a multiplexer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from packseal.frames import Frames
from packseal.signals.decoding.branches import Branch
from packseal.signals.decoding.lookup import Numbers
from packseal.signals.decoding.multiplexers import Lengths, Multiplexers
from packseal.signals.decoding.places import Data, Index, Places, Words, own_bits
from packseal.signals.decoding.segments import Segments, SignalTable, ranges


class Level(NamedTuple):
    """Frames sorted by branch: `rows` of them, `counts` in each of `branches`, which are all different."""

    rows: Index
    branches: Index
    counts: Index


@dataclass(frozen=True, eq=False)
class Sorted:
    """Which frames are in which branch. One frame is in one branch of each level.

    rows       intp [p]  rows of frames, those of one branch side by side and in the order of the log
    branches   intp [q]  the branches present
    counts     intp [q]  rows of each
    unknown    intp      rows of no message
    has_short  some frame is shorter than its message
    """

    rows: Index
    branches: Index
    counts: Index
    unknown: Index
    has_short: bool


class ArrayProgram:
    """The branches of a DBC as tables, for frames of `width` bytes; `table` has the signals to decode."""

    def __init__(self, branches: Sequence[Branch], messages: int, table: SignalTable, width: int) -> None:
        self._branches, self._messages, self._table, self._width = branches, messages, table, width
        self._places = Places(table.signals, width)
        self._multiplexers = Multiplexers(branches, messages, width)
        self._need = np.zeros(messages + 1, np.uint8)  # by message
        for branch in branches:
            self._need[branch.root] = max(int(self._need[branch.root]), branch.bytes_needed)
        self._most_needed = int(self._need.max())

    def run(self, frames: Frames, numbers: Numbers) -> tuple[Sorted, Segments]:
        """numbers: the message of each frame, `messages` for none."""
        data = np.ascontiguousarray(frames.data)
        found = self._sort(frames.length, data, numbers)
        segments = self._table.segments(found.branches, found.counts)
        data = data.take(found.rows, axis=0)
        bits = self._bits(segments, self._places.words(data))
        if self._places.straddling:
            self._straddling(segments, bits, data)
        segments.fill(bits, frames.length.take(found.rows) if found.has_short else None)
        return found, segments

    def _bits(self, segments: Segments, words: Words) -> Words:
        places, shape, stride = self._places, segments.shape, self._places.stride
        window = shape.take(f"window {self._width}", places.window)
        bits = words.reshape(-1).take(ranges(segments.starts * stride + window, segments.counts, stride))
        np.right_shift(bits, shape.take(f"shift {self._width}", places.shift).repeat(segments.counts), bits)
        return np.bitwise_and(bits, shape.take(f"mask {self._width}", places.mask).repeat(segments.counts), bits)

    def _sort(self, lengths: Lengths, data: Data, numbers: Numbers) -> Sorted:
        is_short = np.minimum.reduce(lengths) < self._most_needed
        has_short = bool(is_short and (lengths < self._need.take(numbers)).any())
        counts, order = self._counted(numbers)
        known = len(order) - counts[self._messages]  # what is of no message comes last
        level, unknown = self._level(counts, order[:known]), order[known:]
        levels = [level]
        for rows, branches in self._multiplexers.follow(numbers, data, lengths if has_short else None):
            counts, order = self._counted(branches)
            levels.append(self._level(counts, rows.take(order[counts[self._messages] :])))  # here nothing comes first
        if len(levels) > 1:
            level = Level(*(np.concatenate(columns) for columns in zip(*levels, strict=True)))
        return Sorted(*level, unknown, has_short)

    def _counted(self, numbers: Numbers) -> tuple[Index, Index]:
        """(how often each branch comes, the order that sorts them)"""
        return np.bincount(numbers, minlength=len(self._branches)), numbers.argsort(kind="stable")

    def _level(self, counts: Index, rows: Index) -> Level:
        counts[self._messages] = 0
        branches = counts.nonzero()[0]
        return Level(rows, branches, counts.take(branches))

    def _straddling(self, segments: Segments, bits: Words, data: Data) -> None:
        for signal in self._places.straddling.keys() & segments.shape.of_signal.keys():
            segment = segments.shape.of_signal[signal]
            start, count = segments.starts[segment], segments.counts[segment]
            bits[segments.part(segment)] = own_bits(self._places.straddling[signal], data[start : start + count])
