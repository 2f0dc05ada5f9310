"""Python expressions for the bits of signals, and the lines before them that take the data apart.

Decides the cheapest way for each. Whole bytes are fields of a struct, all of one byte order by one call. Bits that lie
in one number of 16 are shifted out of that: a Python integer below 2^30 is one digit, and shifts three times as fast as
the whole data. All others come out of the whole data as one number.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from packseal.frames.frames import CLASSIC_BYTES
from packseal.signals.layout import SignalLayout

_CODES = {8: "b", 16: "h", 32: "i", 64: "q"}
_FEWEST_PIECES = 3  # signals for which it pays to take the data apart once more
_ORDERS = ((True, "little"), (False, "big"))

ARGUMENTS = "data, number=int.from_bytes"
CONSTANTS: dict[str, Any] = {"little_word": struct.Struct("<Q").unpack, "big_word": struct.Struct(">Q").unpack}


class Reading:
    """How the signals of one function are read, from data of `width` bytes.

    raws      an expression for each; of a float, and of all with as_bits, the bits
    lines     what goes before them; `little` and `big` are set for `others`, signals that other functions read
    constants what the lines refer to
    """

    def __init__(
        self, signals: Sequence[SignalLayout], others: Sequence[SignalLayout], width: int, *, as_bits: bool
    ) -> None:
        self._width, self._as_bits = width, as_bits
        self.lines: list[str] = []
        self.constants: dict[str, Any] = dict(CONSTANTS)
        found: dict[int, str] = {}
        for is_little_endian, name in _ORDERS:
            mine = {i: one for i, one in enumerate(signals) if one.is_little_endian == is_little_endian}
            mine = {i: one for i, one in mine.items() if one.bytes_needed <= width}
            found |= self._fields(name, mine)
            if width <= CLASSIC_BYTES:
                found |= self._pieces(name, {i: one for i, one in mine.items() if i not in found})
        rest = [one for i, one in enumerate(signals) if i not in found]
        self.lines += _words([*rest, *others], width)
        self.raws = [found.get(i) or self._raw(one, bits_of(one, width)) for i, one in enumerate(signals)]

    def _raw(self, signal: SignalLayout, bits: str) -> str:
        return bits if self._as_bits else raw_of(signal, bits)

    def _fields(self, order: str, signals: dict[int, SignalLayout]) -> dict[int, str]:
        """Those of whole bytes that do not overlap."""
        names: dict[int, str] = {}
        end, codes = 0, ""
        for first, place, signal in sorted(_whole_bytes(signals)):
            if first >= end:
                code = _CODES[signal.bit_length]
                is_signed = signal.is_signed and not signal.is_float and not self._as_bits
                codes += "x" * (first - end) + (code if is_signed else code.upper())
                end = first + signal.bit_length // 8
                names[place] = f"field_{place}"
        if names:
            self._unpack(f"{order}_fields", order, codes + "x" * (self._width - end), list(names.values()))
        return names

    def _pieces(self, order: str, signals: dict[int, SignalLayout]) -> dict[int, str]:
        """Those that lie in one number of 16 bits."""
        pieces = {i: piece for i, one in signals.items() if (piece := _piece(one)) and piece[0] < self._width // 2}
        if len(pieces) < _FEWEST_PIECES:
            return {}
        used = sorted({number for number, _ in pieces.values()})
        codes = "".join("H" if number in used else "xx" for number in range(self._width // 2)) + "x" * (self._width % 2)
        self._unpack(f"{order}_pieces", order, codes, [f"{order}_{number}" for number in used])
        return {
            i: self._raw(signals[i], _shifted(f"{order}_{number}", shift, signals[i].bit_length, 16))
            for i, (number, shift) in pieces.items()
        }

    def _unpack(self, name: str, order: str, codes: str, variables: Sequence[str]) -> None:
        self.constants[name] = struct.Struct(("<" if order == "little" else ">") + codes).unpack
        self.lines.append(f" {', '.join(variables)}, = {name}(data)")


class _Whole(NamedTuple):
    first: int
    place: int
    signal: SignalLayout


def _whole_bytes(signals: dict[int, SignalLayout]) -> Iterator[_Whole]:
    for place, signal in signals.items():
        byte, bit = signal.lowest
        if bit == 0 and signal.bit_length in _CODES:
            yield _Whole(byte if signal.is_little_endian else byte - signal.bit_length // 8 + 1, place, signal)


def _piece(signal: SignalLayout) -> tuple[int, int] | None:
    """(number of the piece, shift in it); None where the signal lies in two."""
    byte, bit = signal.lowest
    step = (bit + signal.bit_length - 1) // 8
    if byte // 2 != (byte + step if signal.is_little_endian else byte - step) // 2:
        return None
    return byte // 2, 8 * (byte % 2 if signal.is_little_endian else 1 - byte % 2) + bit


def _words(signals: Sequence[SignalLayout], width: int) -> Iterator[str]:
    """Lines; of a byte order that no signal has, 0."""
    orders = {signal.is_little_endian for signal in signals}
    for is_little_endian, name in ((True, "little"), (False, "big")):
        if is_little_endian not in orders:
            yield f" {name} = 0"
        else:
            yield f" {name}, = {name}_word(data)" if width == CLASSIC_BYTES else f" {name} = number(data, '{name}')"


def bits_of(signal: SignalLayout, width: int) -> str:
    """From `little` or `big`; 0 where the signal ends behind `width` bytes."""
    if signal.bytes_needed > width:
        return "0"
    byte, bit = signal.lowest
    if signal.is_little_endian:
        return _shifted("little", 8 * byte + bit, signal.bit_length, 8 * width)
    return _shifted("big", 8 * (width - 1 - byte) + bit, signal.bit_length, 8 * width)


def _shifted(name: str, shift: int, bit_length: int, of_bits: int) -> str:
    shifted = f"{name} >> {shift}" if shift else name
    return f"({shifted})" if shift + bit_length == of_bits else f"({shifted} & {(1 << bit_length) - 1})"


def raw_of(signal: SignalLayout, bits: str) -> str:
    """Of a float, the bits."""
    sign = 1 << (signal.bit_length - 1)
    return f"(({bits} ^ {sign}) - {sign})" if signal.is_signed and not signal.is_float else bits
