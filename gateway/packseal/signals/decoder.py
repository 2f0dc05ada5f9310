"""Frames -> raw and physical values of every signal, by arrays; what could not be decoded is counted.

Decides which frames belong to which message and which signals a frame holds. One odd signal never costs its neighbours:
a multiplexer value that the DBC does not know costs only the signals it would have switched in, a short frame only the
signals that do not fit. Up to FEW_FRAMES at a time go by a function per branch, more by array programs; both give the
same. Leaves to decoding/ how that is done, and to decoded.py the shape of what comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from packseal.frames import Frames
from packseal.frames.frames import CLASSIC_BYTES, FD_BYTES
from packseal.signals.decoded import DecodedSignals, DecodeReport, Part, SignalValues
from packseal.signals.decoding.branches import Branch, branches_of
from packseal.signals.decoding.frame_program import FrameProgram, ValuesProgram
from packseal.signals.decoding.lookup import EXTENDED, MessageLookup
from packseal.signals.decoding.program import ArrayProgram
from packseal.signals.decoding.segments import SignalTable
from packseal.signals.layout import MessageLayout, SignalLayout

__all__ = ["DecodeReport", "DecodedSignals", "Decoder", "SignalValues"]

FEW_FRAMES = 32  # above, arrays are faster than a Python call per frame (benchmarks/can/decoding.py)
CHUNK_FRAMES, CHUNK_FD_FRAMES = 16_384, 8192  # numpy's calls cost little beside so many; more would leave the cache
_KEPT_BYTES = 8 << 20
MAX_PLANS = 8  # sets of signals that stay compiled; a running gateway has one a binding


class Decoder:
    """The messages of a DBC file. `notes` says what was passed over while loading it, one line each."""

    def __init__(self, messages: Collection[MessageLayout], notes: tuple[str, ...] = ()) -> None:
        self.messages = tuple(messages)
        self.notes = notes
        self.signals: dict[str, SignalLayout] = {
            f"{message.name}.{signal.name}": signal for message in messages for signal in message.signals
        }
        self._branches = branches_of(self.messages)
        self._lookup = MessageLookup(self.messages)
        self._plans: dict[frozenset[str] | None, _Plan] = {}
        self._functions: dict[int, ValuesProgram] = {}  # of the plan for all signals

    def decode(self, frames: Frames, only: Collection[str] | None = None) -> DecodedSignals:
        """All signals in `frames`, or those named in `only` ("MESSAGE.SIGNAL"); the account covers all of them.

        Raises ValueError for a name in `only` that is no signal of this DBC.
        """
        plan = self._plan(only)
        if len(frames) <= FEW_FRAMES:
            return DecodedSignals(self._branches, plan.by_frame(frames))
        size = CHUNK_FRAMES if frames.data.shape[1] == CLASSIC_BYTES else CHUNK_FD_FRAMES
        parts = [plan.by_arrays(_rows(frames, start, size)) for start in range(0, len(frames), size)]
        return DecodedSignals(self._branches, lambda: parts)

    def decode_frame(self, key: int, data: bytes, only: Collection[str] | None = None) -> dict[str, float]:
        """Physical values of one frame by "MESSAGE.SIGNAL", NaN where not available; empty for an unknown identifier.

        A value whose factor is 1 and offset 0 is an int, in all its digits.

        key: the identifier, bit 31 set for an extended one. Raises ValueError as `decode` does, and for more data than
        a frame has.
        """
        if only is None and key in self._functions:
            width, _, function = self._functions[key]
            if len(data) == width:
                return function(data)  # the usual frame, with as little around it as can be
        plan = self._plan(only)
        if only is None:
            self._functions = plan.functions
        return plan.values(key, data)

    def _plan(self, only: Collection[str] | None) -> _Plan:
        wanted = None if only is None else frozenset(only)
        plan = self._plans.get(wanted)
        if plan is None:
            if unknown := (wanted or frozenset()) - self.signals.keys():
                raise ValueError(f"no signal {sorted(unknown)[0]} in this DBC")
            plan = _Plan(self._branches, self._lookup, wanted)
            self._plans = dict([*self._plans.items(), (wanted, plan)][-MAX_PLANS:])
        return plan


class _Plan:
    """What is compiled for one set of signals."""

    def __init__(self, branches: Sequence[Branch], lookup: MessageLookup, wanted: frozenset[str] | None) -> None:
        self._branches, self._lookup = branches, lookup
        self._table = SignalTable(branches, wanted)
        self._frame_program = FrameProgram(branches, lookup, self._table, wanted)
        self.functions = self._frame_program.values
        self._array_programs: dict[int, ArrayProgram] = {}

    def by_arrays(self, frames: Frames) -> Part:
        width = frames.data.shape[1]
        program = self._array_programs.get(width)
        if program is None:
            _keep_memory()
            program = ArrayProgram(self._branches, self._lookup.unknown, self._table, width)
            self._array_programs[width] = program
        return Part(frames, *program.run(frames, self._lookup.numbers_of(frames)))

    def by_frame(self, frames: Frames) -> Callable[[], Sequence[Part]]:
        """Decodes now, and leaves it to the one who reads the values to make arrays of them."""
        taken = self._frame_program.take(frames)
        return lambda: [Part(frames, *self._frame_program.arrays(frames, taken))] if len(frames) else []

    def values(self, key: int, data: bytes) -> dict[str, float]:
        width, least_bytes, function = self.functions.get(key) or self._frame_program.add_values(key)
        if len(data) == width:  # is never less than least_bytes
            return function(data)
        if least_bytes <= len(data) <= FD_BYTES:
            return function(data[:width].ljust(width, b"\0"))
        return self._values_of_odd(key, data)

    def _values_of_odd(self, key: int, data: bytes) -> dict[str, float]:
        """Of a frame that is too short for its message."""
        if len(data) > FD_BYTES:
            raise ValueError(f"a frame has at most {FD_BYTES} bytes, not {len(data)}")
        width = CLASSIC_BYTES if len(data) <= CLASSIC_BYTES else FD_BYTES
        one = Frames(
            can_id=np.array([key & ~EXTENDED], np.uint32),
            is_extended=np.array([key >= EXTENDED]),
            time_ns=np.zeros(1, np.int64),
            channel=np.zeros(1, np.uint8),
            length=np.array([len(data)], np.uint8),
            data=np.frombuffer(data.ljust(width, b"\0"), np.uint8).reshape(1, width),
        )
        decoded = DecodedSignals(self._branches, self.by_frame(one)).values
        return {name: float(values.physical[0]) for name, values in decoded.items()}


def _keep_memory() -> None:
    """Lets the C library keep freed memory for the next chunk. Without it, decoding 4,096 frames takes twice as long.

    glibc gives the top of its heap back to the kernel as soon as that is more than twice the largest block that it has
    seen freed (mallopt(3), M_TRIM_THRESHOLD), and every page taken anew is a page fault. So it is shown a large one,
    which is never touched. Elsewhere this does nothing.
    """
    np.empty(_KEPT_BYTES, np.uint8)


def _rows(frames: Frames, start: int, size: int) -> Frames:
    """`size` of them from `start` on."""
    if start == 0 and len(frames) <= size:
        return frames
    names = ("can_id", "is_extended", "time_ns", "channel", "length", "data")
    return Frames(**{name: getattr(frames, name)[start : start + size] for name in names})
