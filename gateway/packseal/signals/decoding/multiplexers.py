"""What the multiplexers of many frames lead to, at once.

Decides it by tables: a branch has its multiplexer's place and a row of entries, one per value. A branch with several
independent multiplexers has each in a table of its own; one with fewer than others leads to nothing in the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from packseal.signals.decoding.branches import Branch, Multiplexer
from packseal.signals.decoding.lookup import Numbers, dtype_of
from packseal.signals.decoding.places import Data, Index, Places, Words, own_bits
from packseal.signals.decoding.segments import ranges
from packseal.signals.layout import SignalLayout

_MAX_DIRECT_VALUE = 4095  # entries for all values up to the highest known one; above this, values are searched
_NO_ROWS = np.zeros(0, np.intp)
_NO_MULTIPLEXER = SignalLayout("", 0, 1, True, False, False, 1, 0, "")

Lengths = npt.NDArray[np.uint8]


class Multiplexers:
    """All of a DBC, for frames of `width` bytes. nothing: the number that stands for no branch."""

    def __init__(self, branches: Sequence[Branch], nothing: int, width: int) -> None:
        count = max((len(branch.multiplexers) for branch in branches), default=0)
        self._slots = [_Slot(branches, place, nothing, width) for place in range(count)]
        self._is_switching = np.array([bool(branch.multiplexers) for branch in branches])
        self._is_nested = any(branch.multiplexers and branch.number != branch.root for branch in branches)
        self._nothing = nothing

    def follow(self, numbers: Numbers, data: Data, lengths: Lengths | None) -> list[tuple[Index, Numbers]]:
        """(rows, branches) of each level below the messages, `numbers` being those of all rows.

        lengths: of the frames, where some are too short for their message.
        """
        levels: list[tuple[Index, Numbers]] = []
        rows = self._is_switching.take(numbers).nonzero()[0] if self._slots else _NO_ROWS
        numbers = numbers.take(rows)
        while len(rows):
            rows, numbers = _one_level([slot.follow(rows, numbers, data, lengths) for slot in self._slots])
            levels.append((rows, numbers))
            if not self._is_nested:
                break
            below = self._is_switching.take(numbers).nonzero()[0]
            rows, numbers = rows.take(below), numbers.take(below)
        return levels


def _one_level(found: Sequence[tuple[Index, Numbers]]) -> tuple[Index, Numbers]:
    """The rows in the order of the log, though each slot has found its own."""
    if len(found) == 1:
        return found[0]
    rows = np.concatenate([rows for rows, _ in found])
    order = rows.argsort(kind="stable")
    return rows.take(order), np.concatenate([numbers for _, numbers in found]).take(order)


class _Slot:
    """One multiplexer of each branch that has so many, as columns over all branches.

    base, last: of the branch's entries, the first, and how far from it the last, which is that of all values beyond. An
    entry is the number of a branch; or where a value leads to several, behind all numbers, that of a set of them.
    """

    def __init__(self, branches: Sequence[Branch], slot: int, nothing: int, width: int) -> None:
        self._all = [branch.multiplexers[slot] if slot < len(branch.multiplexers) else None for branch in branches]
        self._places = Places([one.signal if one else _NO_MULTIPLEXER for one in self._all], width)
        self._nothing, self._first_set = nothing, len(branches)
        self._sets: dict[tuple[int, ...], int] = {}
        self._keys: dict[int, Words] = {}  # by branch: the known values of a multiplexer with large ones
        self._has_gaps = False  # some multiplexer can have a value beyond its entries
        entries = [self._entries(number, one) for number, one in enumerate(self._all)]
        self._searched = sorted(self._keys.keys() | self._places.straddling.keys())
        sizes = np.array([len(part) for part in entries], np.intp)
        self._base, self._last = sizes.cumsum() - sizes, (sizes - 1).astype(np.uint64)
        kind = dtype_of(self._first_set + len(self._sets))
        self._entry: Numbers = np.array([entry for part in entries for entry in part], kind)
        self._set_count = np.array([len(one) for one in self._sets], np.intp)
        self._set_start = self._set_count.cumsum() - self._set_count
        self._children: Numbers = np.array([child for one in self._sets for child in one], kind)

    def _entries(self, number: int, one: Multiplexer | None) -> list[int]:
        """Of the values as bits: each known one is the number itself, for none is below 0."""
        if one is None:
            return [self._nothing] * 2  # for the one bit of _NO_MULTIPLEXER
        most, full = one.signal.raw_bounds[1], 1 << one.signal.bit_length
        by_value = {value: self._entry_of(one.by_value[value]) for value in sorted(one.by_value) if 0 <= value <= most}
        size = max(by_value, default=-1) + 2
        if full <= 2 * size:  # one each, so that no value lies beyond
            return [by_value.get(value, one.unknown) for value in range(full)]
        self._has_gaps = True
        if size <= _MAX_DIRECT_VALUE + 2:
            return [by_value.get(value, one.unknown) for value in range(size)]
        self._keys[number] = np.array(list(by_value), np.uint64)
        return [*by_value.values(), one.unknown]

    def _entry_of(self, children: tuple[int, ...]) -> int:
        if len(children) == 1:
            return children[0]
        return self._first_set + self._sets.setdefault(children, len(self._sets))

    def follow(self, rows: Index, numbers: Numbers, data: Data, lengths: Lengths | None) -> tuple[Index, Numbers]:
        """(rows, branches) that the multiplexers of branches `numbers`, in frames `rows`, lead to."""
        values = self._values(rows, numbers, data)
        if self._has_gaps:
            np.minimum(values, self._last.take(numbers), out=values)
        found: Numbers = self._entry.take(self._base.take(numbers) + values.view(np.int64))
        if lengths is not None:
            found[lengths.take(rows) < self._places.need.take(numbers)] = self._nothing
        return self._expanded(rows, found) if self._sets else (rows, found)

    def _values(self, rows: Index, numbers: Numbers, data: Data) -> Words:
        """The bits; of multiplexers with large values, their place among the known ones."""
        places, words = self._places, self._places.words(data).reshape(-1)
        at = rows if places.stride == 1 else rows * places.stride + places.window.take(numbers)
        values: Words = words.take(at)
        np.right_shift(values, places.shift.take(numbers), values)
        np.bitwise_and(values, places.mask.take(numbers), values)
        for branch in self._searched:
            self._search(branch, rows, numbers, data, values)
        return values

    def _search(self, branch: int, rows: Index, numbers: Numbers, data: Data, values: Words) -> None:
        at = (numbers == branch).nonzero()[0]
        if not len(at):
            return
        if branch in self._places.straddling:
            values[at] = own_bits(self._places.straddling[branch], data[rows[at]])
        if branch in self._keys:
            keys = self._keys[branch]
            found = np.minimum(np.searchsorted(keys, values[at]), len(keys) - 1)
            values[at] = np.where(keys.take(found) == values[at], found, len(keys))

    def _expanded(self, rows: Index, numbers: Numbers) -> tuple[Index, Numbers]:
        """Each row as often as its value leads to branches."""
        is_set = numbers >= self._first_set
        sets = numbers[is_set].astype(np.intp) - self._first_set
        counts = self._set_count.take(sets)
        children = self._children.take(ranges(self._set_start.take(sets), counts))
        every = np.concatenate([rows[~is_set], rows[is_set].repeat(counts)])
        order = every.argsort(kind="stable")
        return every.take(order), np.concatenate([numbers[~is_set], children]).take(order)
