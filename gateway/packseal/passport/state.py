"""A folded passport as bytes and back: deterministic CBOR, so that equal passports have equal bytes.

Of the battery it holds the id alone: what settings say of it is the reader's. The bytes are the service's own and never
leave it; what is not of this version's shape is refused as a whole, and then made again from the records.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

from packseal.errors import EvidenceError
from packseal.passport.fold import Found, LogState, Passport
from packseal.passport.settings import BatterySettings
from packseal.records.bodies import (
    Boot,
    Config,
    Event,
    Gap,
    Key,
    QuantityEstimate,
    Rotation,
    Seal,
    StateOfHealth,
    Time,
    Window,
)
from packseal.records.cbor import Value, decode, encode
from packseal.records.entries import Entry

VERSION = 1
SHORT = 1 << 64
BODIES = (Key, Rotation, Boot, Window, StateOfHealth, Event, Gap, Time, Seal, Config, QuantityEstimate)
_ENTRY_FIELDS = 6


def encode_passport(passport: Passport) -> bytes:
    """Records that several values rest on are there once in each log."""
    return encode([VERSION, passport.battery.id, [_encode_log(log) for log in passport.logs]])


def decode_passport(content: bytes, battery: BatterySettings) -> Passport:
    """What encode_passport wrote of this battery. Raises ValueError for any other bytes: fold the records again."""
    try:
        match decode(content):
            case [int(version), str(battery_id), list(logs)] if (version, battery_id) == (VERSION, battery.id):
                return Passport(battery, tuple(_decode_log(_bytes(log)) for log in logs))
    except (EvidenceError, TypeError, IndexError, KeyError) as error:
        raise ValueError(f"not the state of a passport: {error}; fold its records again") from None
    raise ValueError("not the state of this battery's passport, or of another version; fold its records again")


def _encode_log(log: LogState) -> bytes:
    entries: dict[Entry, int] = {}
    found: list[Value] = [
        [kind, entries.setdefault(one.entry, len(entries)), *_plain_fields(one, _names(Found)[1:])]
        for kind, one in sorted(log.found.items())
    ]
    return encode([_plain_fields(log, _LOG_NAMES), found, [_encode_entry(entry) for entry in entries]])


def _decode_log(content: bytes) -> LogState:
    match decode(content):
        case [list(values), list(found), list(contents)]:
            entries = [_decode_entry(_bytes(entry)) for entry in contents]
            state = _read_fields(values, LogState, _LOG_NAMES)
            return LogState(**state, found=dict(_decode_found(one, entries) for one in found))
    raise ValueError("a log is its values, what was found, and the entries of that")


def _decode_found(value: Value, entries: list[Entry]) -> tuple[str, Found]:
    match value:
        case [str(kind), int(index), *rest]:
            return kind, Found(entries[index], **_read_fields(rest, Found, _names(Found)[1:]))
    raise ValueError("what was found is a kind, its entry, and what is known of when it was made")


def _encode_entry(entry: Entry) -> bytes:
    head: list[Value] = [entry.type, entry.seq, entry.boot, entry.uptime_ms]
    if entry.body is None:
        return encode([*head, None, entry.root])
    return encode([*head, BODIES.index(type(entry.body)), _plain(entry.body)])


def _decode_entry(content: bytes) -> Entry:
    match decode(content):
        case [int(kind), int(seq), int(boot), int(uptime_ms), None, bytes() | None as root]:
            return Entry(kind, seq, boot, uptime_ms, None, root)
        case [int(kind), int(seq), int(boot), int(uptime_ms), int(body), value]:
            return Entry(kind, seq, boot, uptime_ms, _read(value, BODIES[body]))
    raise ValueError(f"an entry has {_ENTRY_FIELDS} fields")


def _bytes(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} in place of bytes")
    return value


# ---- dataclasses as lists of their fields, by their types


@lru_cache(maxsize=64)
def _hints(shape: type) -> dict[str, Any]:
    return typing.get_type_hints(shape)


@lru_cache(maxsize=64)
def _names(shape: type) -> tuple[str, ...]:
    return tuple(item.name for item in fields(shape))


def _plain_fields(value: Any, names: Sequence[str]) -> list[Value]:
    return [_plain(getattr(value, name)) for name in names]


def _read_fields(values: Sequence[Value], shape: type, names: Sequence[str]) -> dict[str, Any]:
    hints = _hints(shape)
    return {name: _read(value, hints[name]) for name, value in zip(names, values, strict=True)}


def _plain(value: Any) -> Value:
    if value is None or isinstance(value, bytes | str):
        return value
    if isinstance(value, int):
        return _plain_int(int(value))  # also of an enumeration
    if isinstance(value, Mapping):
        return [[_plain(key), _plain(item)] for key, item in sorted(value.items())]
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return _plain_fields(value, _names(value.__class__))


def _read(value: Value, shape: Any) -> Any:
    """The value of this type. Raises TypeError or ValueError for one that has none of it."""
    origin, arguments = typing.get_origin(shape), typing.get_args(shape)
    if origin in (typing.Union, types.UnionType):
        inner = next(item for item in arguments if item is not type(None))
        return None if value is None else _read(value, inner)
    if shape is int and isinstance(value, bytes):
        return _long_int(value)
    if shape in (int, bytes, str):
        if type(value) is not shape:
            raise TypeError(f"{type(value).__name__} in place of {shape.__name__}")
        return value
    if isinstance(shape, type) and issubclass(shape, IntEnum):
        return shape(typing.cast(int, value))
    return _read_list(value, shape, origin, arguments)


def _plain_int(number: int) -> Value:
    """Sums of what boards sign can have more than CBOR's 64 bits: those as the bytes of their two's complement."""
    if -SHORT <= number < SHORT:
        return number
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


def _long_int(content: bytes) -> int:
    number = int.from_bytes(content, "big", signed=True)
    if _plain_int(number) != content:
        raise ValueError("a number that is not in its shortest form")
    return number


def _read_list(value: Value, shape: Any, origin: Any, arguments: tuple[Any, ...]) -> Any:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} in place of a list")
    if origin is dict:
        return {_read(key, arguments[0]): _read(item, arguments[1]) for key, item in map(_pair, value)}
    if origin is tuple:
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(_read(item, kind) for item, kind in zip(value, kinds, strict=True))
    if not (isinstance(shape, type) and is_dataclass(shape)):
        raise TypeError(f"no {shape} is part of a state")
    kind: Any = shape
    return kind(**_read_fields(value, kind, _names(kind)))


def _pair(value: Value) -> tuple[Value, Value]:
    if not isinstance(value, list) or len(value) != 2:
        raise TypeError("a pair is a list of two")
    return value[0], value[1]


_LOG_NAMES = tuple(name for name in _names(LogState) if name != "found")
