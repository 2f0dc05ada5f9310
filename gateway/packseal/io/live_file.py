"""What a gateway's dashboards would lose by a restart, in a small file beside its outbox: health, alarms, a number.

Decides nothing about evidence: without the file, or with one that is damaged, those values are unknown until a board
says them again. It is written only when one of them changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from packseal.errors import ConfigError
from packseal.exchange.projections.last_values import KEPT
from packseal.io.files import read_bounded, write_whole

SUFFIX = ".live"
MAX_LIVE_BYTES = 4 << 20
MAX_BATTERIES = 10_000
Number = Annotated[StrictInt, Field(ge=-(1 << 63), lt=1 << 63)]


@dataclass(frozen=True, slots=True)
class KeptValue:
    """value, low and high: in the unit of the signal's name; measured_unix_ms: by this machine's clock."""

    value: int
    interval: tuple[int, int] | None
    measured_unix_ms: int


@dataclass(frozen=True, slots=True)
class KeptBattery:
    values: Mapping[str, KeptValue] = field(default_factory=dict)
    alarms: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """bd_seq: of the last Sparkplug session, None before the first one."""

    batteries: Mapping[str, KeptBattery] = field(default_factory=dict)
    bd_seq: int | None = None


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid")
    value: Number
    interval: tuple[Number, Number] | None
    measured_unix_ms: Number


class _Battery(BaseModel):
    model_config = ConfigDict(extra="forbid")
    values: Annotated[dict[str, _Value], Field(max_length=len(KEPT))]
    alarms: Annotated[list[Number], Field(max_length=64)] | None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    batteries: Annotated[dict[str, _Battery], Field(max_length=MAX_BATTERIES)]
    bd_seq: Annotated[StrictInt, Field(ge=0, le=255)] | None


class LiveFile:
    def __init__(self, outbox: Path) -> None:
        self.path = outbox.with_name(outbox.name + SUFFIX)

    def load(self) -> Kept:
        """What was kept last; nothing where there is no file, or none that can be used."""
        try:
            found = _File.model_validate_json(read_bounded(self.path, MAX_LIVE_BYTES))
        except (ConfigError, ValidationError):
            return Kept()
        return Kept({name: _kept(battery) for name, battery in found.batteries.items()}, found.bd_seq)

    def save(self, kept: Kept) -> None:
        """A disk that takes nothing costs dashboards a value after the next restart, and nobody else anything."""
        batteries = {name: _plain(battery) for name, battery in kept.batteries.items()}
        content = json.dumps({"batteries": batteries, "bd_seq": kept.bd_seq}).encode()
        with suppress(OSError):
            write_whole(self.path, content)


def _kept(battery: _Battery) -> KeptBattery:
    values = {n: KeptValue(v.value, v.interval, v.measured_unix_ms) for n, v in battery.values.items() if n in KEPT}
    return KeptBattery(values, None if battery.alarms is None else frozenset(battery.alarms))


def _plain(battery: KeptBattery) -> dict[str, object]:
    values = {
        name: {"value": one.value, "interval": one.interval, "measured_unix_ms": one.measured_unix_ms}
        for name, one in battery.values.items()
    }
    return {"values": values, "alarms": None if battery.alarms is None else sorted(battery.alarms)}
