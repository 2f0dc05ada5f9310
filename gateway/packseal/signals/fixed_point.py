"""Binding x decoded signals -> samples in integers of our units, or "not available" with the reason.

Decides what is a measured value. Start-up codes, readings no pack can have, and frames cut short give no number at all.
The arithmetic is exact: raw values, the DBC's decimal factor and the binding's are multiplied as fractions and rounded
once, half to even, so the same log gives the same integers on every machine.

A binding wins over its DBC. Ranges in real DBC files are often wrong, so the range is the binding's `valid`, never the
DBC's. The codes for "not available" are the binding's where it lists any, be it an empty list; else those that the DBC
names in a value table, and those of J1939.

All quantities of a batch of frames are converted by the same few calls over arrays, as they were decoded: a pack has a
hundred of them, and a call for each would cost more than all the rest.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from packseal.errors import BindingError
from packseal.signals.absence import Absence, Codes, exact
from packseal.signals.binding import Binding, QuantityBinding, did_you_mean
from packseal.signals.decoded import DecodedSignals, Part
from packseal.signals.decoder import Decoder
from packseal.signals.decoding.segments import Shape, is_in, ranges
from packseal.signals.layout import MAX_BITS, SignalLayout
from packseal.signals.samples import SampleBlock, Samples, SampleTable

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

MAX_SHAPES = 64  # sets of branches that stay worked out
_SAFE_BITS = 62  # of int64, with room for one addition
_ALL_BITS = (1 << MAX_BITS) - 1


def apply_binding(binding: Binding, decoder: Decoder, decoded: DecodedSignals) -> SampleTable:
    """Samples of everything in `binding.every`; none for a quantity whose message is not in the frames.

    Raises BindingError for a signal that the DBC does not have, or that several of its messages have.
    """
    return FixedPoint(binding, decoder).samples(decoded)


def resolve(binding: Binding, decoder: Decoder) -> dict[str, str]:
    """quantity -> "MESSAGE.SIGNAL" of this DBC; what Decoder.decode takes as `only`. Raises BindingError."""
    return {quantity: _signal_name(quantity, bound, decoder) for quantity, bound in binding.every.items()}


def _signal_name(quantity: str, bound: QuantityBinding, decoder: Decoder) -> str:
    if bound.signal in decoder.signals:
        return bound.signal
    found = [name for name in decoder.signals if name.partition(".")[2] == bound.signal]
    if len(found) == 1:
        return found[0]
    name, bracket, _ = quantity.partition("[")
    place = f"numbered.{name}.signals" if bracket else f"quantities.{quantity}.signal"
    if found:
        raise BindingError(f"{place}: {bound.signal} is in several messages; write one of {', '.join(sorted(found))}")
    hint = did_you_mean(bound.signal, [*decoder.signals])
    raise BindingError(f"{place}: the DBC has no signal {bound.signal}; {hint}")


def not_available_codes(bound: QuantityBinding, layout: SignalLayout) -> Codes:
    """Ranges of raw values that mean "not available": those of the binding where it lists any, else the DBC's.

    The DBC's count only where the sign bit is read as the DBC says, for its codes are raw values so read.
    """
    if "not_available" in bound.model_fields_set or bound.is_signed not in (None, layout.is_signed):
        return tuple((code, code) for code in bound.not_available)
    return layout.absent_codes


class FixedPoint:
    """A binding and the DBC it fits, worked out once. `signals`: those it reads, for Decoder.decode's `only`.

    Raises BindingError for a signal that the DBC does not have, or that several of its messages have.
    """

    def __init__(self, binding: Binding, decoder: Decoder) -> None:
        names = resolve(binding, decoder)
        self.signals = frozenset(names.values())
        self._names = tuple(names)
        self._each = [
            _Quantity(names[name], bound, decoder.signals[names[name]]) for name, bound in binding.every.items()
        ]
        self._shapes: dict[int, _BoundShape] = {}

    def samples(self, decoded: DecodedSignals) -> SampleTable:
        """Those of the binding's signals in `decoded`, which holds all of them."""
        return SampleTable(self._names, [self._block(part) for part in decoded.parts])

    def _block(self, part: Part) -> SampleBlock:
        shape, segments = self._shape(part.segments.shape), part.segments
        counts = segments.counts.take(shape.segments)
        which = ranges((segments.ends - segments.counts).take(shape.segments), counts)
        raw = segments.raw.take(which)
        value, absence = shape.converted(raw, counts)
        ends = counts.cumsum()
        for place in shape.odd:
            own = slice(ends[place] - counts[place], ends[place])
            scaled = segments.scaled[segments.part(int(shape.segments[place]))]
            value[own], absence[own] = self._each[shape.quantities[place]].converted(raw[own], scaled)
        if segments.is_short is not None:
            absence[segments.is_short.take(which)] = Absence.FRAME_TOO_SHORT
        value[absence != Absence.NONE] = 0
        time_ns = part.time_ns.take(ranges(segments.starts.take(shape.segments), counts))
        return SampleBlock(shape.quantities, counts, Samples(time_ns, value, absence))

    def _shape(self, shape: Shape) -> _BoundShape:
        """Kept, because the next frames have mostly the same messages."""
        found = self._shapes.get(id(shape))
        if found is None or found.shape is not shape:
            if len(self._shapes) >= MAX_SHAPES:
                self._shapes.clear()
            found = self._shapes[id(shape)] = _BoundShape(shape, self._each)
        return found


class _Quantity:
    """value = round((raw * multiplier + addend) / denominator)."""

    def __init__(self, name: str, bound: QuantityBinding, layout: SignalLayout) -> None:
        self.name, self.layout = name, layout
        self.is_signed = layout.is_signed if bound.is_signed is None else bound.is_signed
        self.is_turned = self.is_signed != layout.is_signed and not layout.is_float
        self.codes = not_available_codes(bound, layout)
        self.lowest, self.highest = bound.valid
        factor, offset = bound.scale
        self._float_scale = float(factor), float(offset)
        self._factor, self._offset = factor * exact(layout.factor), factor * exact(layout.offset) + offset
        self.denominator = int(np.lcm.reduce(np.array([self._factor.denominator, self._offset.denominator], object)))
        self.multiplier = int(self._factor * self.denominator)
        self.addend = int(self._offset * self.denominator)
        most = max(abs(self.multiplier) << layout.bit_length, abs(self.addend), self.denominator)
        self.is_odd = layout.is_float or 2 * most >= 1 << _SAFE_BITS

    @property
    def row(self) -> tuple[int, ...]:
        """As _Row has it; of an odd quantity, which is converted by itself, zeros stand where numbers may be large."""
        mask, sign = _ALL_BITS, 0
        if self.is_turned:
            mask = (1 << self.layout.bit_length) - 1
            sign = 1 << (self.layout.bit_length - 1) if self.is_signed else 0
        numbers = (0, 0, 1, 1, 0) if self.is_odd else (
            self.multiplier, self.addend, self.denominator, *(self.codes[0] if self.codes else (1, 0))
        )  # fmt: skip
        return mask, sign, *numbers, self.lowest, self.highest

    def converted(self, raw: I64, scaled: npt.NDArray[np.float64]) -> tuple[I64, U8]:
        """(value, absence) of a float, or of a number so long that 64 bits do not hold the product."""
        absence = np.zeros(len(raw), np.uint8)
        if self.layout.is_float:
            with np.errstate(all="ignore"):  # NaN and infinity end as NOT_A_NUMBER below
                numbers = np.rint(scaled * self._float_scale[0] + self._float_scale[1])
            is_number = np.isfinite(numbers)
            is_inside = is_number & (numbers >= self.lowest) & (numbers <= self.highest)
            value = np.where(is_inside, numbers, 0).astype(np.int64)
            absence[~is_inside] = Absence.OUT_OF_RANGE
            absence[~is_number] = Absence.NOT_A_NUMBER
            return value, absence
        own = replace(self.layout, is_signed=self.is_signed).raw_of_bits(raw.view(np.uint64))
        exact_values = [round(int(each) * self._factor + self._offset) for each in own]
        inside = [self.lowest <= each <= self.highest for each in exact_values]
        value = np.array([each if ok else 0 for each, ok in zip(exact_values, inside, strict=True)], np.int64)
        absence[~np.array(inside, np.bool_)] = Absence.OUT_OF_RANGE
        absence[is_in(own, self.codes)] = Absence.NOT_AVAILABLE_CODE
        return value, absence


class _Row(NamedTuple):
    """Columns over quantities, or over their samples; a number where it is the same for all."""

    mask: Any
    sign: Any
    multiplier: Any
    addend: Any
    denominator: Any
    first_code: Any
    last_code: Any
    lowest: Any
    highest: Any


class _BoundShape:
    """The quantities in the frames of one set of messages.

    segments    intp [s]  of `shape`; one that two quantities read is there twice
    quantities  intp [s]
    odd         places of those that are converted by themselves
    """

    def __init__(self, shape: Shape, each: list[_Quantity]) -> None:
        self.shape = shape
        segment_of = {shape.table.names[signal]: segment for signal, segment in shape.of_signal.items()}
        found = [(segment_of[one.name], number) for number, one in enumerate(each) if one.name in segment_of]
        pairs = np.array(sorted(found), np.intp).reshape(-1, 2)
        self.segments, self.quantities = pairs.T.copy()
        present = [each[number] for number in self.quantities]
        self.odd = [place for place, one in enumerate(present) if one.is_odd]
        self._more_codes = {
            place: one.codes[1:] for place, one in enumerate(present) if one.codes[1:] and not one.is_odd
        }
        self._has_signs = any(one.is_turned for one in present)
        self._has_codes = any(one.codes for one in present)
        columns = zip(*(one.row for one in present), strict=True) if present else [[0]] * len(_Row._fields)
        kinds = [np.uint64, np.uint64] + [np.int64] * (len(_Row._fields) - 2)
        self._columns = _Row(*(_uniform(np.array(column, kind)) for column, kind in zip(columns, kinds, strict=True)))

    def converted(self, raw: I64, counts: npt.NDArray[np.intp]) -> tuple[I64, U8]:
        """(value, absence) of all samples; of odd ones something without meaning."""
        row = _Row(*(column.repeat(counts) if isinstance(column, np.ndarray) else column for column in self._columns))
        if self._has_signs:
            raw = (((raw.view(np.uint64) & row.mask) ^ row.sign) - row.sign).view(np.int64)
        value = rounded(raw, row.multiplier, row.addend, row.denominator)
        absence = ((value < row.lowest) | (value > row.highest)).view(np.uint8) * np.uint8(Absence.OUT_OF_RANGE)
        if self._has_codes:
            absence[(raw >= row.first_code) & (raw <= row.last_code)] = Absence.NOT_AVAILABLE_CODE
        ends = counts.cumsum()
        for place, codes in self._more_codes.items():
            own = slice(ends[place] - counts[place], ends[place])
            absence[own][is_in(raw[own], codes)] = Absence.NOT_AVAILABLE_CODE
        return value, absence


def _uniform(column: npt.NDArray[Any]) -> Any:
    return column[0] if (column == column[0]).all() else column


def rounded(raw: I64, multiplier: Any, addend: Any, denominator: Any) -> I64:
    """round((raw * multiplier + addend) / denominator), half to even, exact; nothing in it may leave 63 bits."""
    dividend = raw * multiplier + addend
    if not isinstance(denominator, np.ndarray) and denominator == 1:
        return dividend  # type: ignore[no-any-return]
    quotient = dividend // denominator
    twice_left = 2 * (dividend - quotient * denominator)
    quotient += (twice_left > denominator) | ((twice_left == denominator) & (quotient & 1 == 1))
    return quotient  # type: ignore[no-any-return]
