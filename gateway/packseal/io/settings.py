"""gateway.toml, passport.toml and policy.toml as tables. How a file is read into them: settings_file.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictFloat, StrictInt, model_validator

from packseal.errors import ConfigError
from packseal.io.access_settings import AccessTable, OIDCTable, ReaderTable, TLSTable, check_readers
from packseal.io.local_settings import LocalTable
from packseal.io.mqtt_address import BrokerAddress
from packseal.io.mqtt_settings import MQTTTable, check_mqtt
from packseal.io.outbox_settings import OutboxLimitsTable
from packseal.io.partner_settings import CatenaXTable
from packseal.io.projection_settings import HomeAssistantTable, PublishTable, SenMLTable, SparkplugTable
from packseal.io.setting_types import (
    URL,
    AnyPublicKey,
    Below,
    Broker,
    KeyName,
    Listen,
    LogId,
    Name,
    PublicKey,
    Table,
)
from packseal.io.store_place import Store
from packseal.io.webhook_settings import WebhookTable, check_webhooks
from packseal.io.worker_settings import AnyBroker, NATSTable, WorkerTable, check_workers
from packseal.passport.identification import checked_public_url
from packseal.records.acts import Authority, Role
from packseal.records.cose import ED25519, ESP256, PUBLIC_KEY_BYTES, VerifyingKey


def _public_url(text: str) -> str:
    try:
        return checked_public_url(text)
    except ConfigError as error:
        raise ValueError(str(error)) from None


PublicURL = Annotated[str, AfterValidator(_public_url)]


class BoardTable(Table):
    """[[board]] of gateway.toml"""

    battery: Name
    port: str
    baud: Annotated[int, Field(strict=True, ge=300, le=4_000_000)] = 115_200
    public_key: AnyPublicKey
    signing_key: AnyPublicKey | None = None
    update: Below | None = None


def _window(seconds: float) -> float:
    if not 0.1 <= seconds <= 3600 or seconds * 10 != round(seconds * 10):
        raise ValueError("expected 0.1 to 3600 seconds, in tenths")
    return seconds


def _requests(entries: object) -> tuple[str, ...]:
    if not isinstance(entries, list | tuple) or not all(isinstance(entry, str) for entry in entries):
        raise ValueError('expected a list of requests, such as ["7E4:220101"]')
    from packseal.signals.diagnostics.transmit import parse_request  # noqa: PLC0415 - who asks no ECU loads no numpy

    try:
        return tuple(str(request) for request in dict.fromkeys(map(parse_request, entries)))
    except ConfigError as error:
        raise ValueError(str(error).removeprefix("transmit: ")) from None


class CanTable(Table):
    """[[can]] of gateway.toml: a pack without a board, heard on CAN"""

    battery: Name
    interface: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]
    channel: Annotated[str, Field(min_length=1, max_length=200)]
    bitrate: Annotated[int, Field(strict=True, ge=5_000, le=1_000_000)] | None = None
    dbc: Below | None = None
    bind: Below
    transmit: Annotated[tuple[str, ...], BeforeValidator(_requests)] = ()
    window_s: Annotated[StrictInt | StrictFloat, AfterValidator(_window)] = 10
    checkpoint_every: Annotated[int, Field(strict=True, ge=1, le=100)] = 6
    rated_capacity_mah: Annotated[int, Field(strict=True, gt=0)] | None = None
    key: Below | None = None

    @property
    def window_ms(self) -> int:
        return round(self.window_s * 1000)


class GatewaySettings(Table):
    """gateway.toml"""

    site: Name
    broker: Broker
    outbox: Below
    service_public_key: PublicKey
    key: Below = Path("gateway.key")
    board: tuple[BoardTable, ...] = ()
    can: tuple[CanTable, ...] = ()
    outbox_limits: OutboxLimitsTable = OutboxLimitsTable()
    local: LocalTable | None = None
    publish: PublishTable | None = None
    home_assistant: HomeAssistantTable | None = None
    sparkplug: SparkplugTable | None = None
    senml: SenMLTable | None = None
    mqtt: MQTTTable | None = None

    @model_validator(mode="after")
    def _the_broker_can_be_asked(self) -> GatewaySettings:
        check_mqtt(self.broker, self.mqtt)
        return self

    @model_validator(mode="after")
    def _a_key_speaks_for_one_battery(self) -> GatewaySettings:
        batteries = [can.battery for can in self.can]
        if len(set(batteries)) < len(batteries):
            raise ValueError("two [[can]] tables have the same battery; one bus carries one log of it")
        keys = [can.key or self.key for can in self.can]
        if len(set(keys)) < len(keys):
            raise ValueError('a key speaks for one battery; give all but one [[can]] a key = "….key" of its own')
        return self

    @model_validator(mode="after")
    def _each_board_once(self) -> GatewaySettings:
        for field in ("port", "public_key"):
            values = [getattr(board, field) for board in self.board]
            if len(set(values)) < len(values):
                raise ValueError(f"two boards have the same {field}; every board has its own")
        return self


class SourceTable(Table):
    """[[battery.source]] of passport.toml"""

    public_key: AnyPublicKey
    evidence_class: Literal["A", "B", "C", "D"]


class BatteryTable(Table):
    """[[battery]] of passport.toml"""

    id: Name
    name: Annotated[str, Field(min_length=1, max_length=80)]
    category: Literal["EV", "LMT", "SBESS", "other_industrial"]
    rated_capacity_mah: Annotated[int, Field(strict=True, gt=0)] | None = None
    chemistry: Literal["lfp", "nmc"] | None = None
    source: tuple[SourceTable, ...] = ()


class AuthorityTable(Table):
    """[[authority]] of passport.toml, [[key]] of policy.toml: who signs acts, and which gateways are believed"""

    public_key: AnyPublicKey
    role: Literal["integrator", "operator", "assessor", "recycler", "gateway"]

    @property
    def authority(self) -> Authority:
        algorithm = ESP256 if len(self.public_key) == PUBLIC_KEY_BYTES[ESP256] else ED25519
        return Authority(VerifyingKey(self.public_key, algorithm), Role[self.role.upper()])


class ServiceWitnessTable(Table):
    """[[witness]] of passport.toml: who is asked to cosign the service's log"""

    name: KeyName
    url: URL
    public_key: PublicKey


class PassportFileSettings(Table):
    """passport.toml"""

    broker: AnyBroker
    site: Name | None = None
    listen: Listen = "127.0.0.1:8420"
    public_url: PublicURL | None = None
    store: Store
    key: Below
    log: Below = Path("passport-log")
    origin: KeyName | None = None
    witnesses_needed: Annotated[int, Field(strict=True, ge=0)] = 0
    battery: tuple[BatteryTable, ...] = ()
    authority: tuple[AuthorityTable, ...] = ()
    witness: tuple[ServiceWitnessTable, ...] = ()
    access: AccessTable = AccessTable()
    reader: tuple[ReaderTable, ...] = ()
    oidc: tuple[OIDCTable, ...] = ()
    tls: TLSTable | None = None
    webhook: tuple[WebhookTable, ...] = ()
    catena_x: CatenaXTable | None = None
    local: LocalTable | None = None
    worker: WorkerTable | None = None
    nats: NATSTable | None = None
    mqtt: MQTTTable | None = None

    @model_validator(mode="after")
    def _the_broker_can_be_asked(self) -> PassportFileSettings:
        if isinstance(self.broker, BrokerAddress):
            check_mqtt(self.broker, self.mqtt)
        elif self.mqtt:
            raise ValueError("mqtt: goes with a broker that speaks MQTT; the table of this one is [nats]")
        return self

    @model_validator(mode="after")
    def _readers_are_known(self) -> PassportFileSettings:
        check_readers(self.reader, self.oidc, self.tls)
        strangers = set(self.catena_x.connectors if self.catena_x else ()) - {one.name for one in self.reader}
        if strangers:
            raise ValueError(f"catena_x: there is no [[reader]] with the name {sorted(strangers)[0]!r}")
        check_webhooks(self.webhook)
        return self

    @model_validator(mode="after")
    def _workers_share_what_they_can(self) -> PassportFileSettings:
        check_workers(self.broker, self.worker, self.nats, self.store)
        return self

    @property
    def link_base(self) -> str:
        """What the links of batteries begin with: where nothing is said, the address that the service listens on."""
        return self.public_url or f"{'https' if self.tls else 'http'}://{self.listen}"

    @model_validator(mode="after")
    def _each_key_once(self) -> PassportFileSettings:
        if self.witnesses_needed > len(self.witness):
            raise ValueError(f"witnesses_needed: {self.witnesses_needed}, but {len(self.witness)} are listed")
        names, witness_keys = {one.name for one in self.witness}, {one.public_key for one in self.witness}
        if not len(names) == len(witness_keys) == len(self.witness):
            raise ValueError("a witness's name or its public_key stands twice")
        if len({one.public_key for one in self.authority}) < len(self.authority):
            raise ValueError("the public_key of an authority stands twice; a key has one role")
        ids = [battery.id for battery in self.battery]
        keys = [source.public_key for battery in self.battery for source in battery.source]
        if len(set(ids)) < len(ids) or len(set(keys)) < len(keys):
            raise ValueError("a battery id or a public_key stands twice; a key speaks for one battery")
        return self


class PolicyLogTable(Table):
    """[[log]] of policy.toml"""

    log_id: LogId
    battery: str
    evidence_class: Literal["A", "B", "C", "D"]


class PolicyServiceTable(Table):
    """[[service]] of policy.toml: whose receipts count, and the name of its log, which counts under no other"""

    origin: KeyName
    public_key: PublicKey


class PolicyWitnessTable(Table):
    """[[witness]] of policy.toml and monitor.toml"""

    name: KeyName
    public_key: PublicKey


class PolicyRevokedTable(Table):
    """[[revoked]] of policy.toml: from this index of this service's log on, the key counts no more; in the log of any
    other from the beginning"""

    public_key: AnyPublicKey
    index: Annotated[int, Field(strict=True, ge=0)]
    service: PublicKey | None = None


class PolicyFileSettings(Table):
    """policy.toml: whom `packseal verify` trusts"""

    witnesses_needed: Annotated[int, Field(strict=True, ge=0)] = 0
    log: tuple[PolicyLogTable, ...] = ()
    service: tuple[PolicyServiceTable, ...] = ()
    key: tuple[AuthorityTable, ...] = ()
    witness: tuple[PolicyWitnessTable, ...] = ()
    revoked: tuple[PolicyRevokedTable, ...] = ()
