"""What the bodies of entries hold (docs/record.md section 2), as values; entries.py reads and writes them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from packseal.records.cose import ED25519, VerifyingKey


class EntryType(IntEnum):
    BOOT, WINDOW, SOH, EVENT, GAP, KEY, TIME, SEAL, CONFIG, ESTIMATE = range(1, 11)


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
METHODS = {  # of SOH and ESTIMATE key 2, in words for users
    1: "charge counted between two rested open-circuit anchors",
    2: "charge between rested voltages against an open-circuit curve that ages with the cell",
    3: "current steps",
    4: "capacity times the mean open-circuit voltage less what resistance takes",
    5: "energy out and in between two equal states of charge",
    6: "charge lost between two rests without current",
    7: "charge between voltages of a steady current against curves learnt from such cells",
}
COVERAGE_PERCENT = 196  # of a standard uncertainty: holds in 95 of 100 cases (JCGM 100:2008, table G.1)


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
class BlockEstimate:
    """The same of one cell block, by its number."""

    cell_block: int
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
    weakest: BlockEstimate | None = None
    strongest: BlockEstimate | None = None


@dataclass(frozen=True, slots=True)
class QuantityEstimate:
    """What one method says of one quantity, in that quantity's unit; or, where `value` is None, what is lacking."""

    quantity: int
    method: int
    inputs: tuple[int, int] | None = None
    value: Estimate | None = None
    lacking: tuple[int, ...] = ()
    temperature_ddegc: int | None = None
    soc_span_cpct: tuple[int, int] | None = None
    age_ms: int | None = None
    least: BlockEstimate | None = None
    most: BlockEstimate | None = None


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


Body: TypeAlias = Key | Rotation | Boot | Window | StateOfHealth | Event | Gap | Time | Seal | Config | QuantityEstimate


def margin(uncertainty: int) -> int:
    """Half the width of the interval that holds in about 95 of 100 cases, rounded up."""
    return -(-COVERAGE_PERCENT * uncertainty // 100)
