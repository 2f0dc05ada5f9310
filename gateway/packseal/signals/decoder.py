"""Frames -> raw and physical values of every signal, by arrays; what could not be decoded is counted.

Decides which frames belong to which message and which signals a frame holds. One odd signal never costs its neighbours:
a multiplexer value that the DBC does not know costs only the signals it would have switched in, a short frame only the
signals that do not fit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from packseal.frames import Frames
from packseal.signals.layout import Columns, MessageLayout, Raw, SignalLayout

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SignalValues:
    """One signal in m frames, in the order of the log: all frames of its message in which it belongs.

    time_ns       int64   [m]
    raw           int64   [m]  uint64 for an unsigned 64-bit signal; the bits of a float; 0 where not available
    physical      float64 [m]  raw * factor + offset in layout.unit; NaN where not available
    is_available  bool    [m]  False where the frame is too short to hold the signal
    """

    layout: SignalLayout
    time_ns: npt.NDArray[np.int64]
    raw: Raw
    physical: npt.NDArray[np.float64]
    is_available: Mask


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
class DecodedSignals:
    """Values by "MESSAGE.SIGNAL", for the signals whose message occurs in the frames, and the account."""

    values: Mapping[str, SignalValues]
    report: DecodeReport


@dataclass
class _Tally:
    """Counts of one decoding while it runs; DecodeReport is what it ends as."""

    decoded: int = 0
    without_signals: int = 0
    too_short: int = 0
    unknown_ids: dict[int, int] = field(default_factory=dict)
    signals_too_short: dict[str, int] = field(default_factory=dict)
    unknown_multiplexers: dict[str, int] = field(default_factory=dict)


class Decoder:
    """The messages of a DBC file. `notes` says what was passed over while loading it, one line each."""

    def __init__(self, messages: Collection[MessageLayout], notes: tuple[str, ...] = ()) -> None:
        self.messages = tuple(messages)
        self.notes = notes
        self.signals: dict[str, SignalLayout] = {
            f"{message.name}.{signal.name}": signal for message in messages for signal in message.signals
        }
        self._by_key = {message.key: message for message in messages}

    def decode(self, frames: Frames, only: Collection[str] | None = None) -> DecodedSignals:
        """All signals in `frames`, or those named in `only` ("MESSAGE.SIGNAL"); the account covers all of them.

        Raises ValueError for a name in `only` that is no signal of this DBC.
        """
        if unknown := set(only or ()) - set(self.signals):
            raise ValueError(f"no signal {sorted(unknown)[0]} in this DBC")
        values: dict[str, SignalValues] = {}
        tally = _Tally()
        for key, rows in _rows_by_key(frames):
            message = self._by_key.get(key)
            if message is None:
                tally.unknown_ids[key] = len(rows)
            elif not message.signals:
                tally.without_signals += len(rows)
            else:
                _MessageDecoding(message, frames.select(rows), tally, only).add_to(values)
        return DecodedSignals(values, DecodeReport(frames=len(frames), **vars(tally)))


def _rows_by_key(frames: Frames) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """(key, rows in the order of the log) for every identifier met."""
    keys = frames.can_id | frames.is_extended.astype(np.uint32) << np.uint32(31)
    order = np.argsort(keys, kind="stable")
    found, first = np.unique(keys[order], return_index=True)
    for key, rows in zip(found, np.split(order, first[1:]), strict=False):
        yield int(key), rows


class _MessageDecoding:
    """All frames of one message, signal by signal."""

    def __init__(self, message: MessageLayout, frames: Frames, tally: _Tally, only: Collection[str] | None) -> None:
        self._message, self._frames, self._tally, self._only = message, frames, tally, only
        self._columns: Columns = np.ascontiguousarray(frames.data.T).astype(np.uint64)
        self._decoded: dict[str, tuple[Raw, Mask, Mask]] = {}

    def add_to(self, values: dict[str, SignalValues]) -> None:
        for signal in self._message.signals:
            name = f"{self._message.name}.{signal.name}"
            raw, is_present, is_long_enough = self._decoded[signal.name] = self._take(signal)
            if short := int((is_present & ~is_long_enough).sum()):
                self._tally.signals_too_short[name] = short
            if self._only is None or name in self._only:
                values[name] = self._values(signal, raw, is_present, is_long_enough)
        self._count()

    def _take(self, signal: SignalLayout) -> tuple[Raw, Mask, Mask]:
        """(raw, rows the signal belongs in, rows long enough for it)"""
        is_long_enough = self._frames.length >= signal.bytes_needed
        if signal.bytes_needed <= len(self._columns):
            return signal.raw(self._columns), self._is_present(signal), is_long_enough
        return np.zeros(len(self._frames), np.int64), self._is_present(signal), is_long_enough

    def _is_present(self, signal: SignalLayout) -> Mask:
        if signal.multiplexer is None:
            return np.ones(len(self._frames), np.bool_)
        raw, is_present, is_long_enough = self._decoded[signal.multiplexer]
        selected = np.isin(raw, np.array(sorted(signal.multiplexer_values), raw.dtype))
        return selected & is_present & is_long_enough

    def _values(self, signal: SignalLayout, raw: Raw, is_present: Mask, is_long_enough: Mask) -> SignalValues:
        is_available = is_long_enough[is_present]
        raw = np.where(is_available, raw[is_present], raw.dtype.type(0))
        physical = np.where(is_available, signal.physical(raw), np.nan)
        return SignalValues(signal, self._frames.time_ns[is_present], raw, physical, is_available)

    def _count(self) -> None:
        is_decoded = np.zeros(len(self._frames), np.bool_)
        for _, is_present, is_long_enough in self._decoded.values():
            is_decoded |= is_present & is_long_enough
        self._tally.decoded += int(is_decoded.sum())
        self._tally.too_short += int((~is_decoded).sum())
        for multiplexer in {signal.multiplexer for signal in self._message.signals if signal.multiplexer}:
            self._count_unknown_values(multiplexer)

    def _count_unknown_values(self, multiplexer: str) -> None:
        known = [signal.multiplexer_values for signal in self._message.signals if signal.multiplexer == multiplexer]
        raw, is_present, is_long_enough = self._decoded[multiplexer]
        is_unknown = ~np.isin(raw, np.array(sorted(frozenset().union(*known)), raw.dtype))
        if count := int((is_unknown & is_present & is_long_enough).sum()):
            self._tally.unknown_multiplexers[f"{self._message.name}.{multiplexer}"] = count
