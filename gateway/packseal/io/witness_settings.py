"""witness.toml and monitor.toml: who watches which log."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from packseal.io.setting_types import URL, Below, KeyName, Listen, PublicKey, Table
from packseal.io.settings import PolicyWitnessTable

BatteryId = Annotated[str, Field(min_length=1, max_length=200)]
Digest = PublicKey  # 32 bytes as hexadecimal digits, as a key is


class WitnessedLogTable(Table):
    """[[log]] of witness.toml"""

    origin: KeyName
    public_key: PublicKey


class WitnessSettings(Table):
    """witness.toml"""

    listen: Listen = "127.0.0.1:8430"
    store: Below
    key: Below
    name: KeyName
    log: tuple[WitnessedLogTable, ...]

    @model_validator(mode="after")
    def _each_log_once(self) -> WitnessSettings:
        origins = [log.origin for log in self.log]
        if len(set(origins)) < len(origins):
            raise ValueError("two logs have the same origin; every log has its own")
        return self


class WatchedBatteryTable(Table):
    """[[battery]] of monitor.toml"""

    id: BatteryId
    known: tuple[Digest, ...] = ()


class MonitorSettings(Table):
    """monitor.toml"""

    url: URL | None = None
    folder: Below | None = None
    origin: KeyName
    public_key: PublicKey
    state: Below
    witnesses_needed: Annotated[int, Field(strict=True, ge=0)] = 0
    battery: tuple[WatchedBatteryTable, ...] = ()
    witness: tuple[PolicyWitnessTable, ...] = ()

    @model_validator(mode="after")
    def _one_place_and_enough_witnesses(self) -> MonitorSettings:
        names, ids = {witness.name for witness in self.witness}, {battery.id for battery in self.battery}
        keys = {witness.public_key for witness in self.witness}
        if (self.url is None) == (self.folder is None):
            raise ValueError("expected either the url of the log or the folder of its files")
        if not len(names) == len(keys) == len(self.witness) or len(ids) < len(self.battery):
            raise ValueError("a witness's name, a witness's public_key or a battery's id stands twice")
        if self.witnesses_needed > len(names):
            raise ValueError(f"witnesses_needed: {self.witnesses_needed}, but {len(names)} are listed")
        return self
