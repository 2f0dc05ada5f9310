"""Entries: what a leaf of the log says (docs/record.md section 2).

Decides the shape of every body that version 1 defines. Whether an entry may be believed is decided by log.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from packseal.errors import EvidenceError, Reason
from packseal.records.cbor import Value, decode, encode
from packseal.records.columns import decode_column, encode_column
from packseal.records.cose import ED25519
from packseal.records.merkle import MAX_SIZE, leaf_hash

MAX_ENTRY_BYTES = 512
LOG_ID_BYTES = 16
MAX_TYPE = 31
MAX_BOOT = (1 << 32) - 1
MAX_NUMBER = (1 << 63) - 1  # section 2.5: what databases and most languages hold in an integer; larger means nothing


class EntryType(IntEnum):
    BOOT, WINDOW, SOH, EVENT, GAP, KEY, TIME, SEAL, CONFIG = range(1, 10)


class Origin(IntEnum):
    """Where the values of a log come from; it bounds the evidence class it can have."""

    BOARD, GATEWAY, FILE = 1, 2, 3


METHODS = {1: "charge counted between two rested open-circuit anchors"}


@dataclass(frozen=True, slots=True)
class MeanMinMax:
    mean: int
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its standard uncertainty (k = 1), both in the unit of the field's name."""

    value: int
    uncertainty: int


@dataclass(frozen=True, slots=True)
class Key:
    public_key: bytes
    origin: Origin
    label: bytes


@dataclass(frozen=True, slots=True)
class Boot:
    firmware_hash: bytes
    reset_cause: int
    source: int
    clock_rate: int
    cell_blocks: int
    strings: int
    rated_capacity_mah: int


@dataclass(frozen=True, slots=True)
class Window:
    duration_ms: int
    samples: int
    slots_missed: int = 0
    pack_current_ma: MeanMinMax | None = None
    pack_voltage_mv: MeanMinMax | None = None
    cell_mv: tuple[int | None, ...] = ()
    temperature_ddegc: tuple[int | None, ...] = ()
    soc_cpct: int | None = None
    counters: tuple[int, int, int, int] | None = None  # charge_mah, discharge_mah, charge_wh, discharge_wh
    soc_reported_cpct: int | None = None
    soh_reported_cpct: int | None = None
    values_unavailable: int = 0


@dataclass(frozen=True, slots=True)
class StateOfHealth:
    method: int
    inputs: tuple[int, int]
    rated_capacity_mah: int
    remaining_capacity_mah: Estimate
    soh_capacity_cpct: Estimate
    resistance_uohm: Estimate | None
    temperature_ddegc: int | None
    soc_span_cpct: tuple[int, int] | None
    age_ms: int


@dataclass(frozen=True, slots=True)
class Gap:
    cause: int
    windows: int
    span_ms: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Config:
    source_digest: bytes
    dbc_digest: bytes
    binding_digest: bytes
    losses: tuple[
        int, ...
    ]  # lines, frames, frames without a message, lines refused, frames refused, values unavailable


Body: TypeAlias = Key | Boot | Window | StateOfHealth | Gap | Config


@dataclass(frozen=True, slots=True)
class Entry:
    """One leaf. `body` is None for a type that version 1 gives no body to."""

    type: int
    seq: int
    boot: int
    uptime_ms: int
    body: Body | None


def decode_entry(content: bytes) -> Entry:
    """Raises EvidenceError(MALFORMED) for anything that docs/record.md section 2 does not allow."""
    if len(content) > MAX_ENTRY_BYTES:
        raise _malformed(f"an entry of {len(content)} bytes; the limit is {MAX_ENTRY_BYTES}")
    match decode(content):
        case [int(kind), int(seq), int(boot), int(uptime_ms), dict(fields)]:
            pass
        case _:
            raise _malformed("an entry is [type, seq, boot, uptime_ms, body]")
    if not (1 <= kind <= MAX_TYPE and 0 <= seq < MAX_SIZE and 1 <= boot <= MAX_BOOT and 0 <= uptime_ms <= MAX_NUMBER):
        raise _malformed(f"entry type {kind}, seq {seq}, boot {boot} or uptime {uptime_ms} out of range")
    read = _BODIES.get(kind)
    return Entry(kind, seq, boot, uptime_ms, read(_Fields(fields)) if read else None)


def genesis_key(content: bytes) -> Key:
    """The key that a log's first entry opens it with. Raises EvidenceError(MALFORMED)."""
    entry = decode_entry(content)
    if not isinstance(entry.body, Key) or entry.seq:
        raise _malformed("a log opens with a KEY entry of seq 0")
    return entry.body


def log_id_of(genesis: bytes) -> bytes:
    return leaf_hash(genesis)[:LOG_ID_BYTES]


def encode_key(seq: int, boot: int, uptime_ms: int, key: Key) -> bytes:
    body: dict[int, Value] = {0: 1, 1: ED25519, 2: key.public_key, 3: int(key.origin), 4: key.label}
    return encode([EntryType.KEY, seq, boot, uptime_ms, body])


def encode_config(seq: int, boot: int, uptime_ms: int, config: Config) -> bytes:
    digests: dict[int, Value] = {1: config.source_digest, 2: config.dbc_digest, 3: config.binding_digest}
    return encode([EntryType.CONFIG, seq, boot, uptime_ms, {**digests, 4: list(config.losses)}])


def encode_window(seq: int, boot: int, uptime_ms: int, window: Window) -> bytes:
    body: dict[int, Value] = {1: window.duration_ms, 2: window.samples}
    optional: dict[int, Value] = {
        3: window.slots_missed or None,
        4: _listed(window.pack_current_ma),
        5: _listed(window.pack_voltage_mv),
        6: encode_column(window.cell_mv) or None,
        7: encode_column(window.temperature_ddegc) or None,
        8: window.soc_cpct,
        9: list(window.counters) if window.counters else None,
        10: window.soc_reported_cpct,
        11: window.soh_reported_cpct,
        12: window.values_unavailable or None,
    }
    body |= {key: value for key, value in optional.items() if value is not None}
    return encode([EntryType.WINDOW, seq, boot, uptime_ms, body])


def _listed(value: MeanMinMax | None) -> Value:
    return [value.mean, value.minimum, value.maximum] if value else None


class _Fields:
    """Reads the fields of one body by key; every failure names the key."""

    def __init__(self, fields: dict[int, Value]) -> None:
        self._fields = fields

    def uint(self, key: int, low: int = 0, high: int = MAX_NUMBER) -> int:
        value = self.optional_int(key)
        if value is None or not low <= value <= high:
            raise _malformed(f"field {key} is not a number from {low} to {high}")
        return value

    def optional_uint(self, key: int) -> int | None:
        return self.uint(key) if key in self._fields else None

    def optional_int(self, key: int) -> int | None:
        value = self._fields.get(key)
        if key in self._fields and not _is_number(value):
            raise _malformed(f"field {key} is not a number of 64 bits with its sign")
        return value if isinstance(value, int) else None

    def string(self, key: int, low: int, high: int) -> bytes:
        value = self._fields.get(key)
        if not isinstance(value, bytes) or not low <= len(value) <= high:
            raise _malformed(f"field {key} is not a byte string of {low} to {high} bytes")
        return value

    def digest(self, key: int) -> bytes:
        return self.string(key, 32, 32)

    def column(self, key: int) -> tuple[int | None, ...]:
        return tuple(decode_column(self.string(key, 0, MAX_ENTRY_BYTES))) if key in self._fields else ()

    def ints(self, key: int, count: int) -> tuple[int, ...]:
        value = self._fields.get(key)
        if not isinstance(value, list) or len(value) != count:
            raise _malformed(f"field {key} is not {count} numbers")
        numbers = tuple(item for item in value if isinstance(item, int) and _is_number(item))
        if len(numbers) != count:
            raise _malformed(f"field {key} is not {count} numbers of 64 bits with their signs")
        return numbers

    def uints(self, key: int, count: int, high: int = MAX_NUMBER) -> tuple[int, ...]:
        numbers = self.ints(key, count)
        if not 0 <= min(numbers) <= max(numbers) <= high:
            raise _malformed(f"field {key} holds a number that is not from 0 to {high}")
        return numbers

    def __contains__(self, key: int) -> bool:
        return key in self._fields


def _key(fields: _Fields) -> Key:
    if fields.uint(0) != 1 or fields.optional_int(1) != ED25519:
        raise _malformed("a KEY entry whose act or algorithm version 1 does not know")
    return Key(fields.digest(2), Origin(fields.uint(3, 1, 3)), fields.string(4, 16, 32))


def _boot(fields: _Fields) -> Boot:
    clock_rate, cell_blocks, strings = fields.uint(4, 1, 10_000), fields.uint(5, 1, 1024), fields.uint(6, 1, 1024)
    return Boot(fields.digest(1), fields.uint(2), fields.uint(3), clock_rate, cell_blocks, strings, fields.uint(7))


def _window(fields: _Fields) -> Window:
    counters = fields.uints(9, 4) if 9 in fields else None
    return Window(
        duration_ms=fields.uint(1),
        samples=fields.uint(2),
        slots_missed=fields.optional_uint(3) or 0,
        pack_current_ma=_mean_min_max(fields, 4),
        pack_voltage_mv=_mean_min_max(fields, 5),
        cell_mv=fields.column(6),
        temperature_ddegc=fields.column(7),
        soc_cpct=fields.optional_uint(8),
        counters=(counters[0], counters[1], counters[2], counters[3]) if counters else None,
        soc_reported_cpct=fields.optional_uint(10),
        soh_reported_cpct=fields.optional_uint(11),
        values_unavailable=fields.optional_uint(12) or 0,
    )


def _state_of_health(fields: _Fields) -> StateOfHealth:
    return StateOfHealth(
        method=fields.uint(1),
        inputs=_pair(fields.uints(2, 2, MAX_SIZE - 1)),
        rated_capacity_mah=fields.uint(3),
        remaining_capacity_mah=Estimate(*fields.uints(4, 2)),
        soh_capacity_cpct=Estimate(*fields.uints(5, 2)),
        resistance_uohm=Estimate(*fields.uints(6, 2)) if 6 in fields else None,
        temperature_ddegc=fields.optional_int(7),
        soc_span_cpct=_pair(fields.uints(8, 2)) if 8 in fields else None,
        age_ms=fields.uint(9),
    )


def _gap(fields: _Fields) -> Gap:
    return Gap(fields.uint(1), fields.uint(2), _pair(fields.uints(3, 2)))


def _config(fields: _Fields) -> Config:
    return Config(fields.digest(1), fields.digest(2), fields.digest(3), fields.uints(4, 6))


def _mean_min_max(fields: _Fields, key: int) -> MeanMinMax | None:
    return MeanMinMax(*fields.ints(key, 3)) if key in fields else None


def _is_number(value: Value) -> bool:
    return isinstance(value, int) and -MAX_NUMBER - 1 <= value <= MAX_NUMBER


def _pair(numbers: Sequence[int]) -> tuple[int, int]:
    first, second = numbers
    return first, second


def _malformed(what: str) -> EvidenceError:
    return EvidenceError(Reason.MALFORMED, what)


_BODIES: dict[int, Callable[[_Fields], Body]] = {
    EntryType.KEY: _key,
    EntryType.BOOT: _boot,
    EntryType.WINDOW: _window,
    EntryType.SOH: _state_of_health,
    EntryType.GAP: _gap,
    EntryType.CONFIG: _config,
}
