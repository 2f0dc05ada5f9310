"""What the bodies of entries hold (docs/record.md section 2), as values; entries.py reads and writes them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from packseal.records.cose import ED25519, VerifyingKey


class EntryType(IntEnum):
    BOOT, WINDOW, SOH, EVENT, GAP, KEY, TIME, SEAL, CONFIG = range(1, 10)


class Origin(IntEnum):
    """Where the values of a log come from; it bounds the evidence class it can have."""

    BOARD, GATEWAY, FILE = 1, 2, 3


# WINDOW key 9, in order; how many of them a window may give: those left out stand as they were last given
COUNTERS = (
    "charge_mah",
    "discharge_mah",
    "charge_wh",
    "discharge_wh",
    "full_cycles_cpct",
    "deep_discharges",
    "overcharges",
    "hot_s",
    "cold_s",
    "charging_hot_s",
    "charging_cold_s",
    "bms_resets",
    "failed_starts",
    "events_unsaid",
)
COUNTS_GIVEN = (4, 5, len(COUNTERS))
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
class Previous:
    """The sealed log that another one goes on from; `root` covers its SEAL."""

    log_id: bytes
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Key:
    """Opens a log."""

    public_key: bytes
    origin: Origin
    label: bytes
    seed_digest: bytes
    algorithm: int = ED25519
    previous: Previous | None = None

    @property
    def verifying_key(self) -> VerifyingKey:
        return VerifyingKey(self.public_key, self.algorithm)


@dataclass(frozen=True, slots=True)
class Rotation:
    """From the next checkpoint on, another key signs; `possession` is its bare signature (section 5.6)."""

    key: VerifyingKey
    possession: bytes


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
    counters: tuple[int, ...] | None = None  # COUNTERS, or the first four or five of them
    soc_reported_cpct: int | None = None
    soh_reported_cpct: int | None = None
    values_unavailable: int = 0
    values_missing: int = 0

    def counter(self, name: str) -> int | None:
        counters = self.counters or ()
        return dict(zip(COUNTERS, counters, strict=False)).get(name)


@dataclass(frozen=True, slots=True)
class StateOfHealth:
    method: int
    inputs: tuple[int, int]
    rated_capacity_mah: int
    remaining_capacity_mah: Estimate
    soh_capacity_cpct: Estimate
    age_ms: int
    resistance_uohm: Estimate | None = None
    temperature_ddegc: int | None = None
    soc_span_cpct: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    event: int
    phase: int
    value: int | None = None
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """bare: (first seq, last seq, how many between them are there by their leaf alone), None for none."""

    cause: int
    windows: int
    span_ms: tuple[int, int]
    bare: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Time:
    receipt_digest: bytes
    received_unix_ms: int


@dataclass(frozen=True, slots=True)
class Seal:
    cause: int
    order_digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """losses: lines, frames, frames without a message, lines refused, frames refused, values unavailable."""

    source_digest: bytes | None = None
    dbc_digest: bytes | None = None
    binding_digest: bytes | None = None
    losses: tuple[int, ...] = ()
    settings_digest: bytes | None = None


Body: TypeAlias = Key | Rotation | Boot | Window | StateOfHealth | Event | Gap | Time | Seal | Config
