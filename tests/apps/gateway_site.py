"""A gateway of two buses at a real broker, its settings file, and all that it has stored, verified."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import can
import pytest
from nacl.signing import SigningKey

from packseal.apps.gateway import Gateway
from packseal.apps.gateway_files import CheckedGateway, checked_gateway
from packseal.io.mqtt import MQTTConnection
from packseal.io.mqtt_address import BrokerAddress
from packseal.io.outbox_store import OutboxStore, only_new
from packseal.records.attestation import Attestation, verify_attestation
from packseal.records.bodies import EntryType
from packseal.records.cose import VerifyingKey
from packseal.records.entries import Entry
from packseal.records.log import Delivery, TrustedLog
from tests.apps.can_site import BIND, DBC, PACK_ID, bodies, payload
from tests.line.rig import broker

OLD, NEW = "pack-a", "pack-b"


@dataclass
class Site:
    """Buses that speak when they are told to, a gateway.toml that a test writes, the gateway, and its broker's view."""

    folder: Path
    address: BrokerAddress
    outbox: str = "outbox.db"
    service_key: str = "11" * 32
    site: str = "test"

    def __post_init__(self) -> None:
        self.channels = {battery: uuid.uuid4().hex for battery in (OLD, NEW)}
        self.buses = [can.Bus(channel, "virtual", ignore_config=True) for channel in self.channels.values()]
        (self.folder / "pack.dbc").write_text(DBC)
        (self.folder / "pack.toml").write_text(BIND)
        self.heard: list[tuple[str, bytes]] = []
        self.running: list[Gateway] = []
        self.tap = MQTTConnection(self.address, "tap", ["packseal/#"], lambda *one: self.heard.append(one))

    @property
    def path(self) -> Path:
        return self.folder / "gateway.toml"

    def write(self, *tables: str) -> CheckedGateway:
        """Also good settings, read."""
        self.path.write_text(
            f'site = "{self.site}"\nbroker = "{self.address}"\noutbox = "{self.outbox}"\n'
            f'service_public_key = "{self.service_key}"\n' + "".join(tables)
        )
        return checked_gateway(self.path)

    def start(self, files: CheckedGateway) -> Gateway:
        gateway = Gateway(files.settings, files=files)
        gateway.start()
        self.running.append(gateway)
        return gateway

    def bus(self, battery: str, more: str = "window_s = 0.2\n") -> str:
        return (
            f'[[can]]\nbattery = "{battery}"\ninterface = "virtual"\nchannel = "{self.channels[battery]}"\n'
            f'dbc = "pack.dbc"\nbind = "pack.toml"\nkey = "{battery}.key"\ncheckpoint_every = 1\n{more}'
        )

    def speak(self) -> None:
        for bus in self.buses:
            bus.send(can.Message(arbitration_id=PACK_ID, data=payload(500), is_extended_id=False))

    def online(self) -> int:
        return sum(topic.endswith("/gateway/avail") and content == b"online" for topic, content in self.heard)

    def received(self, battery: str) -> tuple[list[Entry], list[Attestation]]:
        """All that waits of a battery, verified in order as a service would."""
        store = OutboxStore(self.folder / "outbox.db")
        log: TrustedLog | None = None
        entries: list[Entry] = []
        said = []
        gateway_key = VerifyingKey(checked_key(self.folder / "gateway.key"))
        for item in store.waiting():
            owner, content = store.content(item)
            if owner != battery:
                continue
            delivery = Delivery.from_bytes(content)
            log = log or TrustedLog(delivery.genesis, delivery.seed)
            verified = log.verified(delivery, only_new(log))
            said.append(verify_attestation(delivery.attestation or b"", gateway_key))
            entries += verified.entries
            log = verified.log
        store.close()
        return entries, said

    def windows(self, battery: str) -> int:
        return len(bodies(self.received(battery)[0], EntryType.WINDOW))


def checked_key(path: Path) -> bytes:
    return bytes(SigningKey(path.read_bytes()).verify_key)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    process, address = broker(tmp_path)
    process.start()
    made = Site(tmp_path, address)
    made.tap.start()
    yield made
    for gateway in made.running:
        gateway.stop()
    made.tap.stop()
    for bus in made.buses:
        bus.shutdown()
    process.kill()
