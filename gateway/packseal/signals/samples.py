"""Binding x decoded signals -> samples in integers of our units, or "not available" with the reason.

Decides what is a measured value. Start-up codes, readings no pack can have, and frames cut short give no number at all.
The arithmetic is exact: raw values, the DBC's decimal factor and the binding's are multiplied as fractions and rounded
once, half to even, so the same log gives the same integers on every machine.

A binding wins over its DBC. Ranges in real DBC files are often wrong, so the range is the binding's `valid`, never the
DBC's. The codes for "not available" are the binding's where it lists any, be it an empty list; else those that the DBC
names in a value table, and those of J1939.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from packseal.errors import BindingError
from packseal.signals.absence import Absence, Codes, exact
from packseal.signals.binding import Binding, QuantityBinding, did_you_mean
from packseal.signals.decoder import DecodedSignals, Decoder, SignalValues
from packseal.signals.decoding.segments import is_in
from packseal.signals.layout import Raw, SignalLayout

__all__ = ["Absence", "Samples", "apply_binding", "exact", "not_available_codes", "resolve"]

_SAFE_BITS = 62  # of int64, with room for one addition


@dataclass(frozen=True, eq=False)
class Samples:
    """One quantity over time: m samples in the order of the log.

    time_ns  int64 [m]
    value    int64 [m]  in the unit the quantity's name ends in; 0 where not available, to be read through is_valid
    absence  uint8 [m]  Absence; 0 where value is a measured value
    """

    time_ns: npt.NDArray[np.int64]
    value: npt.NDArray[np.int64]
    absence: npt.NDArray[np.uint8]

    @property
    def is_valid(self) -> npt.NDArray[np.bool_]:
        """bool [m]"""
        result: npt.NDArray[np.bool_] = self.absence == Absence.NONE
        return result

    @property
    def counts(self) -> dict[Absence, int]:
        """Samples by absence, all five listed; they add up to m."""
        return {absence: int((self.absence == absence).sum()) for absence in Absence}


def apply_binding(binding: Binding, decoder: Decoder, decoded: DecodedSignals) -> dict[str, Samples]:
    """Samples of everything in `binding.every`; none for a quantity whose message is not in the frames.

    Raises BindingError for a signal that the DBC does not have, or that several of its messages have.
    """
    names = resolve(binding, decoder)
    return {
        quantity: _samples(bound, decoded.values[names[quantity]]) if names[quantity] in decoded.values else _none()
        for quantity, bound in binding.every.items()
    }


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


def _none() -> Samples:
    return Samples(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8))


def _samples(bound: QuantityBinding, values: SignalValues) -> Samples:
    layout, raw = _with_sign(bound, values)
    value, is_number = _fixed_point(bound, layout, raw, values)
    absence = np.zeros(len(raw), np.uint8)
    lowest, highest = bound.valid
    absence[(value < lowest) | (value > highest)] = Absence.OUT_OF_RANGE
    absence[~is_number] = Absence.NOT_A_NUMBER
    absence[is_in(raw, not_available_codes(bound, layout))] = Absence.NOT_AVAILABLE_CODE
    absence[values.is_short] = Absence.FRAME_TOO_SHORT
    value = np.where(absence == Absence.NONE, value, 0).astype(np.int64)
    return Samples(values.time_ns, value, absence)


def _with_sign(bound: QuantityBinding, values: SignalValues) -> tuple[SignalLayout, Raw]:
    """The raw values as the binding says their sign bit is to be read."""
    layout = values.layout
    if bound.is_signed is None or bound.is_signed == layout.is_signed or layout.is_float:
        return layout, values.raw
    layout = replace(layout, is_signed=bound.is_signed)
    return layout, layout.raw_of_bits(values.raw.view(np.uint64))


def not_available_codes(bound: QuantityBinding, layout: SignalLayout) -> Codes:
    """Ranges of raw values that mean "not available": those of the binding where it lists any, else the DBC's.

    The DBC's count only where the sign bit is read as the DBC says, for its codes are raw values so read.
    """
    if "not_available" in bound.model_fields_set or bound.is_signed not in (None, layout.is_signed):
        return tuple((code, code) for code in bound.not_available)
    return layout.absent_codes


def _fixed_point(
    bound: QuantityBinding, layout: SignalLayout, raw: Raw, values: SignalValues
) -> tuple[npt.NDArray[np.int64] | npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """(rounded values, where they are numbers)"""
    factor, offset = bound.scale
    if layout.is_float:
        with np.errstate(all="ignore"):  # NaN and infinity end as NOT_A_NUMBER below
            rounded = np.rint(values.scaled * float(factor) + float(offset))
        return np.nan_to_num(rounded), np.isfinite(rounded)
    exact_factor = factor * exact(layout.factor)
    exact_offset = factor * exact(layout.offset) + offset
    return _rounded(raw, exact_factor, exact_offset, layout.bit_length), np.ones(len(raw), np.bool_)


def _rounded(raw: Raw, factor: Fraction, offset: Fraction, bits: int) -> npt.NDArray[np.int64]:
    """round(raw * factor + offset), half to even, exact: in int64 where none overflows, else in Python's integers."""
    denominator = (factor.denominator * offset.denominator) * 2
    multiplier, addend = int(factor * denominator), int(offset * denominator)
    is_small = max(abs(multiplier) << bits, abs(addend), denominator) < 1 << _SAFE_BITS
    numbers = raw.astype(np.int64 if is_small else object)
    dividend = numbers * multiplier + addend
    quotient, remainder = dividend // denominator, dividend % denominator
    half = denominator // 2
    is_up = (remainder > half) | ((remainder == half) & (quotient % 2 == 1))
    rounded: npt.NDArray[np.int64] = quotient + is_up.astype(np.int64)
    return rounded
