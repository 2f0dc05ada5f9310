"""What decoding gives: values by signal, each column made when it is first read, and the exact account of the frames.

Decides why a value is not available, from the DBC alone. Leaves to samples.py what a binding says of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from packseal.frames import Frames
from packseal.signals.absence import Absence
from packseal.signals.decoding.branches import Branch
from packseal.signals.decoding.lookup import EXTENDED
from packseal.signals.decoding.program import Sorted
from packseal.signals.decoding.segments import Segments, is_in
from packseal.signals.layout import MAX_BITS, Raw, SignalLayout

Mask = npt.NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class DecodeReport:
    """The exact account of one decoding. Raises ValueError when the counts do not add up to `frames`.

    frames                frames given
    decoded               frames of a message with at least one signal
    unknown_ids           frames the DBC has no message for, by identifier (bit 31 set for an extended one)
    without_signals       frames of messages that describe no signal
    too_short             frames that hold not even one signal of their message
    signals_too_short     frames too short to hold the signal, by "MESSAGE.SIGNAL"
    unknown_multiplexers  frames whose multiplexer has a value no signal is described for, by "MESSAGE.SIGNAL"
    """

    frames: int
    decoded: int
    unknown_ids: Mapping[int, int]
    without_signals: int
    too_short: int
    signals_too_short: Mapping[str, int]
    unknown_multiplexers: Mapping[str, int]

    def __post_init__(self) -> None:
        if self.frames != self.decoded + sum(self.unknown_ids.values()) + self.without_signals + self.too_short:
            raise ValueError(f"the counts do not add up to {self.frames} frames")


@dataclass(frozen=True, eq=False)
class Part:
    """Some frames, sorted, and the values in them."""

    frames: Frames
    sorted: Sorted
    segments: Segments

    @cached_property
    def time_ns(self) -> npt.NDArray[np.int64]:
        """int64 [p] of the sorted rows."""
        return self.frames.time_ns.take(self.sorted.rows)


class SignalValues:
    """One signal in m frames, in the order of the log: all frames of its message in which it belongs.

    Every column is made when it is first read.
    """

    def __init__(self, layout: SignalLayout, pieces: Sequence[tuple[Part, int]]) -> None:
        self.layout = layout
        self._pieces = pieces

    @cached_property
    def time_ns(self) -> npt.NDArray[np.int64]:
        """int64 [m]"""
        return _joined([part.time_ns[self._rows(part.segments, segment)] for part, segment in self._pieces])

    @cached_property
    def raw(self) -> Raw:
        """int64 [m], uint64 for an unsigned signal of 64 bits; the bits of a float; 0 where the frame is too short."""
        raw = self._column(lambda segments: segments.raw)
        is_word = self.layout.bit_length == MAX_BITS and not self.layout.is_signed and not self.layout.is_float
        return raw.view(np.uint64) if is_word else raw

    @cached_property
    def scaled(self) -> npt.NDArray[np.float64]:
        """float64 [m] of raw * factor + offset in layout.unit, whatever the DBC says of such values."""
        return self._column(lambda segments: segments.scaled)

    @cached_property
    def physical(self) -> npt.NDArray[np.float64]:
        """float64 [m] in layout.unit: scaled, NaN where not available."""
        return self._column(lambda segments: segments.physical)

    @cached_property
    def absence(self) -> npt.NDArray[np.uint8]:
        """uint8 [m], Absence: why there is no measured value, by the DBC's range and codes; 0 where there is one.

        Ranges in real files are often wrong: a binding's `valid` stands in their place (samples.py).
        """
        result = np.zeros(len(self.raw), np.uint8)
        if self.layout.is_float:
            result[~np.isnan(self.scaled) & np.isnan(self.physical)] = Absence.OUT_OF_RANGE
            result[~np.isfinite(self.scaled)] = Absence.NOT_A_NUMBER
        elif bounds := self.layout.dbc_range:
            result[~is_in(self.raw, (bounds,))] = Absence.OUT_OF_RANGE
        result[is_in(self.raw, self.layout.absent_codes)] = Absence.NOT_AVAILABLE_CODE
        result[self.is_short] = Absence.FRAME_TOO_SHORT
        return result

    @cached_property
    def is_available(self) -> Mask:
        """bool [m]"""
        result: Mask = self.absence == Absence.NONE
        return result

    @cached_property
    def is_short(self) -> Mask:
        """bool [m] The frame is too short to hold the signal."""
        return _joined([_short(part.segments, segment) for part, segment in self._pieces])

    def _column(self, column: Callable[[Segments], npt.NDArray[T]]) -> npt.NDArray[T]:
        return _joined([column(part.segments)[part.segments.part(segment)] for part, segment in self._pieces])

    @staticmethod
    def _rows(segments: Segments, segment: int) -> slice:
        start = segments.starts[segment]
        return slice(start, start + segments.counts[segment])


def _short(segments: Segments, segment: int) -> Mask:
    if segments.is_short is None:
        return np.zeros(segments.counts[segment], np.bool_)
    return segments.is_short[segments.part(segment)]


def _joined(pieces: Sequence[npt.NDArray[T]]) -> npt.NDArray[T]:
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


class DecodedSignals:
    """Values by "MESSAGE.SIGNAL", and the account. make_parts is called when the first of either is read."""

    def __init__(self, branches: Sequence[Branch], make_parts: Callable[[], Sequence[Part]]) -> None:
        self._branches, self._make_parts = branches, make_parts

    @classmethod
    def joined(cls, several: Sequence[DecodedSignals]) -> DecodedSignals:
        """What one decoder made of several lots of frames, one behind the other."""
        return cls(several[0]._branches, lambda: [part for one in several for part in one.parts])

    @cached_property
    def parts(self) -> Sequence[Part]:
        """The frames in pieces, in the order of the log."""
        return self._make_parts()

    @cached_property
    def values(self) -> Mapping[str, SignalValues]:
        """The signals that were asked for and are in at least one frame."""
        return _ValuesByName(self.parts)

    @cached_property
    def report(self) -> DecodeReport:
        """Covers all signals, those that were not asked for, too."""
        tally = _Tally(self._branches)
        for part in self.parts:
            tally.add(part)
        return tally.report(sum(len(part.frames) for part in self.parts))


class _ValuesByName(Mapping[str, SignalValues]):
    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._made: dict[str, SignalValues] = {}
        self._signals: dict[str, int] = {}
        if parts:
            present = {signal for part in parts for signal in part.segments.shape.of_signal}
            self._signals = {parts[0].segments.table.names[signal]: signal for signal in sorted(present)}

    def __len__(self) -> int:
        return len(self._signals)

    def __iter__(self) -> Iterator[str]:
        return iter(self._signals)

    def __getitem__(self, name: str) -> SignalValues:
        if name not in self._made:
            signal = self._signals[name]
            found = [(part, part.segments.shape.of_signal.get(signal)) for part in self._parts]
            pieces = [(part, segment) for part, segment in found if segment is not None]
            self._made[name] = SignalValues(self._parts[0].segments.table.signals[signal], pieces)
        return self._made[name]


class _Tally:
    """Counts of one decoding while it runs; DecodeReport is what it ends as."""

    def __init__(self, branches: Sequence[Branch]) -> None:
        self._branches = branches
        self._frames: Counter[str] = Counter()
        self._unknown_ids: Counter[int] = Counter()
        self._short: Counter[str] = Counter()
        self._unknown_multiplexers: Counter[str] = Counter()

    def add(self, part: Part) -> None:
        self._add_unknown(part.frames, part.sorted.unknown)
        ends = part.sorted.counts.cumsum().tolist()
        for number, count, end in zip(part.sorted.branches.tolist(), part.sorted.counts.tolist(), ends, strict=True):
            branch = self._branches[number]
            if branch.unknown_of:
                self._unknown_multiplexers[branch.unknown_of] += count
                continue
            short = self._add_short(branch, part, slice(end - count, end)) if part.sorted.has_short else 0
            if branch.number == branch.root:
                self._frames["decoded" if branch.signals else "without_signals"] += count - short
                self._frames["too_short"] += short

    def _add_unknown(self, frames: Frames, rows: npt.NDArray[np.intp]) -> None:
        if len(rows):
            keys = frames.can_id[rows] | frames.is_extended[rows].astype(np.uint32) * np.uint32(EXTENDED)
            found, counts = np.unique(keys, return_counts=True)
            self._unknown_ids.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))

    def _add_short(self, branch: Branch, part: Part, rows: slice) -> int:
        """Frames that hold none of this branch's signals."""
        lengths = np.bincount(part.frames.length[part.sorted.rows[rows]])
        for name, signal in zip(branch.names, branch.signals, strict=True):
            if count := int(lengths[: signal.bytes_needed].sum()):
                self._short[name] += count
        fewest = min((signal.bytes_needed for signal in branch.signals), default=0)
        return int(lengths[:fewest].sum())

    def report(self, frames: int) -> DecodeReport:
        return DecodeReport(
            frames=frames,
            decoded=self._frames["decoded"],
            unknown_ids=dict(sorted(self._unknown_ids.items())),
            without_signals=self._frames["without_signals"],
            too_short=self._frames["too_short"],
            signals_too_short=dict(self._short),
            unknown_multiplexers=dict(self._unknown_multiplexers),
        )
