"""Where a signal lies in the data bytes, and how to take it from all frames of a message at once.

Decides raw values; scaling to physical values is here too because it is one line. Bit numbering is the DBC file's:
little endian (Intel, @1) names the least significant bit, big endian (Motorola, @0) the most significant one, and bit
number 8 * byte + bit counts bits of a byte from its least significant one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

MAX_BITS = 64  # a raw value is one machine word; no real DBC seen describes a longer number

Raw = npt.NDArray[np.int64] | npt.NDArray[np.uint64]
Columns = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class SignalLayout:
    """One signal of a message as its DBC describes it: physical = raw * factor + offset.

    multiplexer_values: the raw values of `multiplexer` (a signal of the same message) for which this signal is in the
    frame; empty for a signal that always is.
    """

    name: str
    start_bit: int
    bit_length: int
    is_little_endian: bool
    is_signed: bool
    is_float: bool
    factor: int | float
    offset: int | float
    unit: str
    multiplexer: str | None = None
    multiplexer_values: frozenset[int] = frozenset()

    @cached_property
    def lowest(self) -> tuple[int, int]:
        """(byte, bit of that byte) of the least significant bit."""
        if self.is_little_endian:
            return divmod(self.start_bit, 8)
        byte, bit = divmod(self._first_bit_sent + self.bit_length - 1, 8)
        return byte, 7 - bit

    @property
    def _first_bit_sent(self) -> int:
        return self.start_bit - self.start_bit % 8 + 7 - self.start_bit % 8

    @property
    def bytes_needed(self) -> int:
        """The shortest frame, in bytes, that holds all bits of this signal."""
        last_bit = self.start_bit if self.is_little_endian else self._first_bit_sent
        return (last_bit + self.bit_length - 1) // 8 + 1

    def raw(self, columns: Columns) -> Raw:
        """int64 [m] of raw values (uint64 for an unsigned signal of 64 bits; the bits themselves for a float).

        columns: uint64 [at least bytes_needed, m], one row per data byte. The cost is one shift per byte touched.
        """
        byte, shift = self.lowest
        step = 1 if self.is_little_endian else -1
        bits = columns[byte] >> np.uint64(shift)
        for place in range(1, (shift + self.bit_length + 7) // 8):
            bits |= columns[byte + step * place] << np.uint64(8 * place - shift)
        return self.raw_of_bits(bits)

    def raw_of_bits(self, bits: npt.NDArray[np.uint64]) -> Raw:
        """The raw values in the lowest bit_length bits: two's complement where the signal is signed."""
        if self.bit_length == MAX_BITS:
            return bits.view(np.int64) if self.is_signed or self.is_float else bits
        raw = (bits & np.uint64((1 << self.bit_length) - 1)).view(np.int64)
        if not self.is_signed or self.is_float:
            return raw
        sign = 1 << (self.bit_length - 1)
        return (raw ^ sign) - sign

    def physical(self, raw: Raw) -> npt.NDArray[np.float64]:
        """float64 [m] of raw * factor + offset, in `unit`."""
        with np.errstate(all="ignore"):  # a float signal may hold NaN or infinity: IEEE 754 arithmetic carries them on
            return self._numbers(raw) * float(self.factor) + float(self.offset)

    def _numbers(self, raw: Raw) -> npt.NDArray[np.float64]:
        if not self.is_float:
            return raw.astype(np.float64)
        if self.bit_length == MAX_BITS:
            return raw.view(np.float64)
        return raw.astype(np.uint32).view(np.float32).astype(np.float64)


@dataclass(frozen=True)
class MessageLayout:
    """One message: the frames with this identifier, and the signals in them, multiplexers before what they switch."""

    name: str
    can_id: int
    is_extended: bool
    length: int
    signals: tuple[SignalLayout, ...]

    @property
    def key(self) -> int:
        """One number per identifier: bit 31 set for an extended one, as DBC files write it."""
        return self.can_id | self.is_extended << 31
