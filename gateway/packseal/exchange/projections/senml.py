"""SenML packs of a battery's values in CBOR (RFC 8428; units by its table 6), for systems that read those.

Decides names and units: the name without our unit, in SI units as SenML has them (volt, ampere, coulomb, joule, ratio;
`%EL` for the state of charge), one record for each cell block and sensor. SenML has no null: what is not available is
left out. Floats are the shortest that hold the same value (section 6), so a reader gets back the very double.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

from packseal.exchange.projections.documents import Clocks, Message
from packseal.exchange.projections.last_values import LastValues
from packseal.exchange.projections.signals import SIGNALS, Signal, Value
from packseal.records.cbor import encode

BASE_NAME, BASE_TIME = -2, -3  # labels, section 6 table 4
NAME, UNIT, VALUE, TIME = 0, 1, 2, 6
Number: TypeAlias = "int | float"
Record: TypeAlias = "Mapping[int, str | Number]"
_MAP, _ARRAY = 0xA0, 0x80  # major types of CBOR


def senml_message(topic: str, last: LastValues, names: Iterable[str], now: Clocks) -> Message | None:
    """topic: the levels of the battery's topics. None where none of the signals has a value."""
    found = [(name, unit, value, last.seen[signal].measured_ms) for signal in names
             for name, unit, value in _values(SIGNALS[signal], last.seen[signal].reading.value)]  # fmt: skip
    if not found:
        return None
    time_ms = last.measured_ms
    records = [_record(name, unit, value, measured_ms - time_ms) for name, unit, value, measured_ms in found]
    first = {BASE_NAME: f"{topic}/", BASE_TIME: _number(Fraction(now.unix_at(time_ms), 1000)), **records[0]}
    return Message(f"{topic}/senml", encode_pack([first, *records[1:]]))


def encode_pack(records: Sequence[Record]) -> bytes:
    """One SenML pack; of each record the labels in the order given."""
    return _head(_ARRAY, len(records)) + b"".join(_encode_record(record) for record in records)


def _values(signal: Signal, value: Value) -> list[tuple[str, str, Number]]:
    unit, of_one = signal.unit.si
    name = signal.plain_name
    places = (
        [(f"{name}/{place}", one) for place, one in enumerate(value)] if isinstance(value, tuple) else [(name, value)]
    )
    return [(key, unit, _number(one * of_one)) for key, one in places if one is not None]


def _record(name: str, unit: str, value: Number, after_ms: int) -> Record:
    record: dict[int, str | Number] = {NAME: name, UNIT: unit, VALUE: value}
    return record | {TIME: _number(Fraction(after_ms, 1000))} if after_ms else record


def _number(value: Fraction) -> Number:
    return value.numerator if value.denominator == 1 else float(value)


def _encode_record(record: Record) -> bytes:
    items = (encode(label) + (_float(one) if isinstance(one, float) else encode(one)) for label, one in record.items())
    return _head(_MAP, len(record)) + b"".join(items)


def _head(major: int, count: int) -> bytes:
    """Of an array or a map: as of a number, with another major type."""
    number = encode(count)
    return bytes([number[0] | major]) + number[1:]


def _float(value: float) -> bytes:
    """The shortest of CBOR's three floats that is this value (RFC 8949 section 4.1)."""
    for head, layout in ((0xF9, ">e"), (0xFA, ">f")):
        try:
            content = struct.pack(layout, value)
        except OverflowError:
            continue
        if struct.unpack(layout, content)[0] == value:
            return bytes([head]) + content
    return b"\xfb" + struct.pack(">d", value)
