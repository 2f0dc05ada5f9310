"""The bytes a board decodes CAN frames by (docs/can.md, "The table"): the plan of a table, and its one encoding.

Decides the format's limits, each of which a board's reader checks again. Leaves to compile.py: what a table says.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAGIC, VERSION = b"PSCT", 1
MAX_TABLE_BYTES = 16 << 10  # it lies in a board's memory as long as the board runs
MAX_MESSAGES = MAX_SCALES = 255
MAX_RANGES = 1024
MAX_REGISTERS = 8  # multiplexers of one message
MAX_MULTIPLEXER_BITS = 24
MAX_SMALL = (1 << 30) - 1  # what takes nothing from the heap of a 32-bit MicroPython
MAX_VALUE = (1 << 29) - 1  # so that the difference of two of them is small, too
MAX_DENOMINATOR = (1 << 56) - 1

CURRENT_SLOT, PACK_SLOT, SOC_SLOT, SOH_SLOT, FIRST_CELL_SLOT = range(5)
FIELD, MULTIPLEXER, CASE = 1, 2, 3
BIG_ENDIAN = 1
FLIP_SIGN, FLIP_ALL = 1, 2

_HEADER = struct.Struct("<4sBBHBBBBHH")
_MESSAGE = struct.Struct("<IHH")
_SCALE = struct.Struct("<BBHHH9s9sIIIIIIIiH")
_RANGE = struct.Struct("<II")
_FIELD = struct.Struct("<BBBBBBBB")
_MULTIPLEXER = struct.Struct("<BBBBBBBBHH")
_CASE = struct.Struct("<BBHHH")

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Scale:
    """value = base + round((w * multiplier + addend) / denominator), half to even, for w = u - lowest.

    u is the field's bits with the sign bit inverted where it is signed, and all of them where value falls as raw rises.
    Without a value: where w is not from 0 to span, or in `codes`.
    """

    bits: int
    flips: int
    lowest: int
    span: int
    multiplier: int
    addend: int
    denominator: int
    base: int
    codes: Ranges


@dataclass(frozen=True)
class Place:
    """Where a field lies: the byte and bit of its least significant bit."""

    byte: int
    bit: int
    is_big_endian: bool
    bytes_needed: int


@dataclass(frozen=True)
class Field:
    place: Place
    scale: Scale
    slot: int


@dataclass(frozen=True)
class Case:
    """What is in the frame when the multiplexer has a value in `values`."""

    values: Ranges
    body: tuple[Field | Multiplexer, ...]


@dataclass(frozen=True)
class Multiplexer:
    """known: the values for which the DBC describes any signal at all."""

    place: Place
    bits: int
    known: Ranges
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class MessagePlan:
    can_id: int
    is_extended: bool
    body: tuple[Field | Multiplexer, ...]

    @property
    def key(self) -> int:
        return self.can_id | self.is_extended << 29


class TableLimitError(ValueError):
    """The plan has more of something than a table holds; the text says of what."""


def encode(messages: Sequence[MessagePlan], cells: int, sensors: int) -> bytes:
    """The table. Raises TableLimitError."""
    return _Encoder().table(sorted(messages, key=lambda message: message.key), cells, sensors)


class _Encoder:
    def __init__(self) -> None:
        self._scales: dict[Scale, int] = {}
        self._ranges: list[tuple[int, int]] = []
        self._range_places: dict[Ranges, int] = {}

    def table(self, messages: Sequence[MessagePlan], cells: int, sensors: int) -> bytes:
        program, heads = b"", b""
        for message in messages:
            body = self._body(message.body, iter(range(MAX_REGISTERS)))
            heads += _MESSAGE.pack(message.key, len(program), len(program) + len(body))
            program += body
        scales = b"".join(self._scale(scale) for scale in self._scales)
        ranges = b"".join(_RANGE.pack(*pair) for pair in self._ranges)
        counts = (cells, sensors, len(messages), len(self._scales), len(self._ranges), len(program))
        size = _HEADER.size + len(heads) + len(scales) + len(ranges) + len(program) + 4
        _check(len(messages), MAX_MESSAGES, "messages")
        _check(len(self._scales), MAX_SCALES, "ways of converting a raw value")
        _check(len(self._ranges), MAX_RANGES, "ranges of multiplexer values and not-available codes")
        _check(size, MAX_TABLE_BYTES, "bytes")
        content = _HEADER.pack(MAGIC, VERSION, 0, size, *counts) + heads + scales + ranges + program
        return content + struct.pack("<I", zlib.crc32(content))

    def _body(self, body: Sequence[Field | Multiplexer], registers: Iterator[int]) -> bytes:
        return b"".join(
            self._field(part) if isinstance(part, Field) else self._multiplexer(part, registers) for part in body
        )

    def _field(self, field: Field) -> bytes:
        number = self._scales.setdefault(field.scale, len(self._scales))
        _check(number, MAX_SCALES - 1, "ways of converting a raw value")
        place = field.place
        flags = BIG_ENDIAN if place.is_big_endian else 0
        return _FIELD.pack(FIELD, flags, place.byte, place.bit, place.bytes_needed, field.slot, number, 0)

    def _multiplexer(self, part: Multiplexer, registers: Iterator[int]) -> bytes:
        register = next(registers, None)
        if register is None:
            raise TableLimitError(f"more than {MAX_REGISTERS} multiplexers in one message")
        place, flags = part.place, BIG_ENDIAN if part.place.is_big_endian else 0
        head = (MULTIPLEXER, flags, place.byte, place.bit, place.bytes_needed, register, part.bits, 0)
        content = _MULTIPLEXER.pack(*head, *self._put(part.known))
        for case in part.cases:
            body = self._body(case.body, registers)
            content += _CASE.pack(CASE, register, *self._put(case.values), len(body)) + body
        return content

    def _put(self, ranges: Ranges) -> tuple[int, int]:
        """(first, count) of these ranges in the table's list."""
        if ranges not in self._range_places:
            self._range_places[ranges] = len(self._ranges)
            self._ranges += ranges
            _check(len(self._ranges), MAX_RANGES, "ranges of multiplexer values and not-available codes")
        return self._range_places[ranges], len(ranges)

    def _scale(self, scale: Scale) -> bytes:
        whole, rest = divmod(scale.multiplier, scale.denominator)
        numbers = [half for number in (rest, scale.addend, scale.denominator) for half in _halves(number)]
        lowest, span = scale.lowest.to_bytes(9, "little"), scale.span.to_bytes(9, "little")
        head = (scale.bits, scale.flips, *self._put(scale.codes), 0)
        return _SCALE.pack(*head, lowest, span, whole, *numbers, scale.base, 0)


def _halves(number: int) -> tuple[int, int]:
    """The lower 28 bits and the higher ones."""
    return number & (1 << 28) - 1, number >> 28


def _check(count: int, most: int, what: str) -> None:
    if count > most:
        raise TableLimitError(f"{count} {what}, a board's table holds at most {most}")
