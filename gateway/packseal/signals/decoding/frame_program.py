"""Few frames, one by one: which functions a frame goes through, and the columns that come of many such.

Decides what is kept. Functions are made when their message first comes; what they give stays a list of numbers until
somebody reads the columns.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from packseal.frames import Frames
from packseal.signals.decoding.branches import Branch
from packseal.signals.decoding.frame_functions import (
    BitsFunction,
    ValuesFunction,
    bits_function,
    reachable,
    values_function,
)
from packseal.signals.decoding.lookup import EXTENDED, MessageLookup
from packseal.signals.decoding.places import Index
from packseal.signals.decoding.program import Sorted
from packseal.signals.decoding.segments import Segments, SignalTable

MAX_KEPT = 4096  # identifiers that a function is kept for; J1939 frames of one message have many


class ValuesProgram(NamedTuple):
    """function: for data of `width` bytes, of frames with at least least_bytes."""

    width: int
    least_bytes: int
    function: ValuesFunction


class BranchProgram(NamedTuple):
    """Of one branch, for frames of any message long enough, or so short that bits behind their end are zero.

    bits: of the wanted signals, and behind them of the multiplexers. multiplexers: (place among the bits, bytes needed,
    branches by value, branch of unknown values).
    """

    width: int
    bits: BitsFunction
    multiplexers: tuple[tuple[int, int, dict[int, tuple[int, ...]], tuple[int, ...]], ...]


class Taken(NamedTuple):
    """branches, rows and bits of what was decoded, side by side; rows of no message; is some frame too short?"""

    branches: list[int]
    rows: list[int]
    bits: list[tuple[int, ...]]
    unknown: list[int]
    has_short: bool


class FrameProgram:
    """The functions of one set of signals, each made when its message first comes."""

    def __init__(
        self, branches: Sequence[Branch], lookup: MessageLookup, table: SignalTable, wanted: Collection[str] | None
    ) -> None:
        self._branches, self._lookup, self._table, self._wanted = branches, lookup, table, wanted
        self.values: dict[int, ValuesProgram] = {}
        self._numbers: dict[int, int] = {}
        self._programs: list[BranchProgram | None] = [None] * len(branches)
        self._need = [0] * len(branches)
        for branch in branches:
            self._need[branch.root] = max(self._need[branch.root], branch.bytes_needed)

    def add_values(self, key: int) -> ValuesProgram:
        """The function for frames of this identifier; of an unknown one it is not kept."""
        number = self._lookup.number_of(key)
        if number == self._lookup.unknown:
            return ValuesProgram(0, 0, lambda _: {})
        branch, width = self._branches[number], self._width(number)
        function = values_function(branch, self._branches, self._wanted, width)
        program = ValuesProgram(width, self._need[number], function)
        if len(self.values) < MAX_KEPT:
            self.values[key] = program
        return program

    def take(self, frames: Frames) -> Taken:
        """Decodes each frame in its turn."""
        taken = Taken([], [], [], [], False)
        has_short, width, data = False, frames.data.shape[1], frames.data.tobytes()
        lengths = frames.length.tolist()
        for row, key in enumerate(_keys(frames)):
            number = self._numbers.get(key)
            if number is None:
                number = self._number(key)
            if number == self._lookup.unknown:
                taken.unknown.append(row)
                continue
            start = row * width
            has_short |= lengths[row] < self._need[number]
            self._take(number, row, data[start : start + width], lengths[row], taken)
        return taken._replace(has_short=has_short)

    def _take(self, number: int, row: int, data: bytes, length: int, taken: Taken) -> None:
        program = self._programs[number] or self._made(number)
        if len(data) != program.width:
            data = data[: program.width].ljust(program.width, b"\0")
        bits = program.bits(data)
        taken.branches.append(number)
        taken.rows.append(row)
        taken.bits.append(bits)
        for place, need, by_value, unknown in program.multiplexers:
            if length >= need:
                for child in by_value.get(bits[place], unknown):
                    self._take(child, row, data, length, taken)

    def _number(self, key: int) -> int:
        number = self._lookup.number_of(key)
        if len(self._numbers) < MAX_KEPT:
            self._numbers[key] = number
        return number

    def _width(self, number: int) -> int:
        """Bytes that the functions of a message take: as many as the DBC says, and no fewer than its signals need."""
        root = self._branches[number].root
        return max(self._need[root], self._branches[root].message.length)

    def _made(self, number: int) -> BranchProgram:
        branch, width = self._branches[number], self._width(number)
        first = self._table.first[number]
        wanted = self._table.signals[first : first + self._table.count[number]]
        multiplexers = tuple(
            (len(wanted) + place, one.signal.bytes_needed, reachable(one), (one.unknown,))
            for place, one in enumerate(branch.multiplexers)
        )
        switching = [one.signal for one in branch.multiplexers]
        program = BranchProgram(width, bits_function([*wanted, *switching], width), multiplexers)
        self._programs[number] = program
        return program

    def arrays(self, frames: Frames, taken: Taken) -> tuple[Sorted, Segments]:
        """What an array program makes of the same frames."""
        numbers = np.array(taken.branches, np.intp)
        order = numbers.argsort(kind="stable")
        branches, counts = np.unique(numbers, return_counts=True)
        rows = np.array(taken.rows, np.intp)[order]
        found = Sorted(rows, branches, counts, np.array(taken.unknown, np.intp), taken.has_short)
        segments = self._table.segments(branches, counts)
        bits = [taken.bits[place] for place in order.tolist()]
        segments.fill(_side_by_side(segments, branches, bits), frames.length[rows] if taken.has_short else None)
        return found, segments


def _side_by_side(segments: Segments, branches: Index, bits: Sequence[tuple[int, ...]]) -> npt.NDArray[np.uint64]:
    """The bits of each segment in turn. bits: of the sorted rows, those of the wanted signals first."""
    result: list[int] = []
    shape = segments.shape
    places = shape.signals - shape.table.first[branches[shape.owner]]
    for place, start, count in zip(places.tolist(), segments.starts.tolist(), segments.counts.tolist(), strict=True):
        result += [bits[row][place] for row in range(start, start + count)]
    return np.array(result, np.uint64)


def _keys(frames: Frames) -> list[int]:
    keys: list[int] = frames.can_id.tolist()
    if frames.is_extended.any():
        return [
            key | EXTENDED * is_extended for key, is_extended in zip(keys, frames.is_extended.tolist(), strict=True)
        ]
    return keys
