"""Where a signal lies in the data bytes, and how to take it from all frames of a message at once.

Bit numbering is the DBC file's:
little endian (Intel, @1) names the least significant bit, big endian (Motorola, @0) the most significant one, and bit
number 8 * byte + bit counts bits of a byte from its least significant one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from packseal.signals.absence import Codes, RawLimits, raw_range, without_codes

MAX_BITS = 64  # a raw value is one machine word; no real DBC seen describes a longer number

Raw = npt.NDArray[np.int64] | npt.NDArray[np.uint64]
Columns = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class SignalLayout:
    """One signal of a message as its DBC describes it: physical = raw * factor + offset.

    multiplexer_values: the raw values of `multiplexer` (a signal of the same message) for which this signal is in the
    frame; empty for a signal that always is. minimum, maximum: the DBC's range in `unit`, None where it states none.
    absent_codes: raw values that mean "not available", by value table or by J1939.
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
    minimum: int | float | None = None
    maximum: int | float | None = None
    absent_codes: Codes = ()

    @property
    def raw_bounds(self) -> tuple[int, int]:
        """The lowest and the highest number that the bits can hold; of a float, its bits as a number."""
        if self.is_signed and not self.is_float:
            return -(1 << (self.bit_length - 1)), (1 << (self.bit_length - 1)) - 1
        return 0, (1 << self.bit_length) - 1

    @property
    def dbc_range(self) -> tuple[int, int] | None:
        """minimum and maximum in raw values; None where the DBC states none, or one that no value lies in."""
        if self.minimum is None or self.maximum is None or self.is_float:
            return None
        lowest, highest = raw_range(self.minimum, self.maximum, self.factor, self.offset)
        bounds = self.raw_bounds
        lowest, highest = max(lowest, bounds[0]), min(highest, bounds[1])
        return (lowest, highest) if lowest <= highest else None

    @cached_property
    def limits(self) -> RawLimits:
        """Which raw values the DBC takes for measured ones. Of a float: all; its physical value is compared."""
        if self.is_float:
            return RawLimits(*self.raw_bounds)
        return without_codes(*(self.dbc_range or self.raw_bounds), self.absent_codes)

    @property
    def is_limited(self) -> bool:
        """Some raw value is not a measured one."""
        return self.limits != RawLimits(*self.raw_bounds)

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

    def bits(self, columns: Columns) -> npt.NDArray[np.uint64]:
        """uint64 [m] whose lowest bit_length bits are the signal's, from single bytes: the way for any place.

        columns: uint64 [at least bytes_needed, m], one row per data byte. The cost is one shift per byte touched.
        """
        byte, shift = self.lowest
        step = 1 if self.is_little_endian else -1
        bits: npt.NDArray[np.uint64] = columns[byte] >> np.uint64(shift)
        for place in range(1, (shift + self.bit_length + 7) // 8):
            bits |= columns[byte + step * place] << np.uint64(8 * place - shift)
        return bits

    def raw_of_bits(self, bits: npt.NDArray[np.uint64]) -> Raw:
        """The raw values in the lowest bit_length bits: two's complement where the signal is signed."""
        if self.bit_length == MAX_BITS:
            return bits.view(np.int64) if self.is_signed or self.is_float else bits
        raw = (bits & np.uint64((1 << self.bit_length) - 1)).view(np.int64)
        if not self.is_signed or self.is_float:
            return raw
        sign = 1 << (self.bit_length - 1)
        return (raw ^ sign) - sign


@dataclass(frozen=True)
class MessageLayout:
    """One message: the frames with this identifier, and the signals in them, multiplexers before what they switch.

    is_j1939: the frames with its parameter group number, from the source that its identifier names, or from any where
    that is 0xFE, in any priority and to any destination.
    """

    name: str
    can_id: int
    is_extended: bool
    length: int
    signals: tuple[SignalLayout, ...]
    is_j1939: bool = False

    @property
    def key(self) -> int:
        """One number per identifier: bit 31 set for an extended one, as DBC files write it."""
        return self.can_id | self.is_extended << 31
