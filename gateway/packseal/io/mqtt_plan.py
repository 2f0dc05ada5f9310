"""What one connection to a broker has in common with the next, and the client of paho's that each of them gets."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from packseal.io.mqtt_access import password
from packseal.io.mqtt_address import BrokerAddress
from packseal.io.mqtt_queue import MAX_BATCH_MESSAGES
from packseal.io.mqtt_retry import Version
from packseal.io.mqtt_settings import MQTTTable

MAX_INCOMING_BYTES = 1 << 19  # of a packet: a delivery has at most half of it


@dataclass(frozen=True, slots=True)
class MQTTTimes:
    """connect_s: for TCP, and for each step of TLS. connack_s: from CONNECT to its answer. keepalive_s: what the broker
    is told; it is asked after as long a silence, and given as long to answer. progress_s: how long nothing of what is
    on its way may be taken. stall_s: how long a thread may stand still. subscribe_s: from a subscription that was
    refused to the next try."""

    connect_s: float = 10.0
    connack_s: float = 15.0
    keepalive_s: int = 30
    progress_s: float = 60.0
    stall_s: float = 180.0
    subscribe_s: float = 10.0


@dataclass(frozen=True, slots=True)
class MQTTPlan:
    address: BrokerAddress
    client_id: str
    topics: Sequence[str]
    last_will: tuple[str, bytes] | None
    access: MQTTTable
    times: MQTTTimes
    retains_will: bool = True

    def client(self, version: Version, tls: ssl.SSLContext | None) -> paho.Client:
        """One that has not connected yet. Raises ConfigError for a password file that cannot be used."""
        is_v5 = version is Version.V5
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if is_v5 else MQTTProtocolVersion.MQTTv311,
            clean_session=None if is_v5 else True,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = self.times.connect_s
        client.max_inflight_messages_set(0)  # with a window of its own it looks through all messages at each PUBACK
        if tls:
            client.tls_set_context(tls)
        if self.access.username:
            client.username_pw_set(self.access.username, password(self.access))
        if self.last_will:
            client.will_set(*self.last_will, qos=1, retain=self.retains_will)
        return client

    def connect(self, client: paho.Client, version: Version) -> None:
        """Raises OSError, of which ssl.SSLError is one."""
        where = self.address.host, self.address.port, self.times.keepalive_s
        if version is Version.V311:
            client.connect(*where)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = MAX_BATCH_MESSAGES
        properties.MaximumPacketSize = MAX_INCOMING_BYTES
        client.connect(*where, clean_start=True, properties=properties)

    def subscribe(self, client: paho.Client, version: Version) -> int:
        """The packet id."""
        if version is Version.V5:
            _, packet_id = client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in self.topics])
        else:
            _, packet_id = client.subscribe([(topic, 1) for topic in self.topics])
        return packet_id or 0
