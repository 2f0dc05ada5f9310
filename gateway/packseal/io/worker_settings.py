"""[worker] and [nats] of passport.toml: a service of several processes, and deliveries from NATS JetStream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import Field, PlainValidator, StrictBool, model_validator

from packseal.errors import ConfigError
from packseal.io.jetstream_address import NATSAddress, is_nats, nats_address
from packseal.io.mqtt_address import BrokerAddress, broker_address
from packseal.io.mqtt_settings import MQTTTable
from packseal.io.setting_types import Below, Name, Table
from packseal.io.store_place import StorePlace

PassportBroker: TypeAlias = BrokerAddress | NATSAddress


def _broker(text: object) -> PassportBroker:
    if isinstance(text, BrokerAddress | NATSAddress):
        return text
    try:
        return nats_address(text) if isinstance(text, str) and is_nats(text) else broker_address(str(text))
    except ConfigError as error:
        raise ValueError(str(error)) from None


AnyBroker = Annotated[PassportBroker, PlainValidator(_broker)]


class WorkerTable(Table):
    """[worker] of passport.toml: this process is one of several of one service"""

    share: Name | None = None
    pages: StrictBool = True


class NATSTable(MQTTTable):
    """[nats] of passport.toml"""

    stream: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "PACKSEAL"
    replicas: Annotated[int, Field(strict=True, ge=1, le=5)] = 3
    nkey_file: Below | None = None

    @model_validator(mode="after")
    def _one_credential(self) -> NATSTable:
        if self.nkey_file and self.username:
            raise ValueError("nkey_file and username are two credentials; keep one")
        return self


def check_workers(
    broker: PassportBroker, worker: WorkerTable | None, nats: NATSTable | None, store: StorePlace
) -> None:
    """What one table alone cannot know. Raises ValueError."""
    if worker and isinstance(store, Path):
        raise ValueError(f'worker: {store.name} is a file of one process; write store = "postgresql://host/database"')
    if nats is None or not isinstance(broker, NATSAddress) or broker.is_tls:
        return
    if nats.of_tls:
        raise ValueError(f'nats: {nats.of_tls[0]} needs TLS; write broker = "tls://{broker.host}:4222"')
    if nats.username and not broker.is_loopback:
        raise ValueError(f'nats: the password would cross the network; write broker = "tls://{broker.host}:4222"')
