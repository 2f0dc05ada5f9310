"""One MQTT connection that comes back by itself, for ever.

Every message is acknowledged once `on_message` has ended, however it ended: a broker sends nothing more to a reader
that leaves twenty open, and what could not be stored is sent again from its sender's outbox.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from packseal.errors import ConfigError

MAX_RECONNECT_DELAY_S = 30
KEEPALIVE_S = 20
DEFAULT_PORT = 1883


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    host: str
    port: int

    def __str__(self) -> str:
        return f"mqtt://{self.host}:{self.port}"


def broker_address(url: str) -> BrokerAddress:
    """Raises ConfigError for anything but mqtt://host[:port]."""
    try:
        parts = urlsplit(url)
        port = DEFAULT_PORT if parts.port is None else parts.port
    except ValueError:
        raise ConfigError(f"broker {url!r}: the port is not a number from 1 to 65535") from None
    if parts.scheme != "mqtt" or not parts.hostname or not port or parts.username or parts.path.strip("/"):
        raise ConfigError(f"broker {url!r}: expected mqtt://host:port")
    return BrokerAddress(parts.hostname, port)


class MQTTConnection:
    """Subscribes to `topics` at every connection; QoS 1 both ways."""

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        topics: Sequence[str],
        on_message: Callable[[str, bytes], None] | None = None,
        on_state: Callable[[bool], None] = lambda _connected: None,
        last_will: tuple[str, bytes] | None = None,
        *,
        on_messages: Callable[[Sequence[tuple[str, bytes]]], None] | None = None,
    ) -> None:
        """Exactly one of on_message (topic, content) and on_messages, which takes all that has come meanwhile, in the
        order in which it came: 1 to 256 messages of together at most 4 MiB (a larger one comes alone). What was handed
        over is acknowledged at the broker only once the call has ended. Raises ValueError.
        """
        if (on_message is None) == (on_messages is None):
            raise ValueError("expected one of on_message and on_messages")
        self.address = address
        self._topics = topics
        self._on_message, self._on_messages = on_message, on_messages
        self._on_state = on_state
        self._problem = "not reached yet"
        self.message_problem = ""
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True, manual_ack=True
        )
        self._client.reconnect_delay_set(1, MAX_RECONNECT_DELAY_S)
        self._client.on_connect = self._connected
        self._client.on_connect_fail = self._failed
        self._client.on_disconnect = self._disconnected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._received
        if last_will:
            self._client.will_set(last_will[0], last_will[1], qos=1, retain=True)

    @property
    def is_connected(self) -> bool:
        return self._client.is_connected()

    @property
    def problem(self) -> str:
        """Why nothing passes at present; empty when all is well."""
        return f"broker {self.address}: {self._problem}" if self._problem else ""

    def start(self) -> None:
        self._client.connect_async(self.address.host, self.address.port, KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, content: bytes, *, retain: bool = False) -> bool:
        """Hands the message over; False when there is no connection now. Neither answer means that it arrived."""
        return self.is_connected and self._client.publish(topic, content, qos=1, retain=retain).rc == 0

    def _connected(self, client: paho.Client, _data: object, _flags: object, reason: ReasonCode, _p: object) -> None:
        self._problem = f"refuses the connection: {reason}" if reason.is_failure else ""
        if reason.is_failure:
            return
        if self._topics:
            client.subscribe([(topic, 1) for topic in self._topics])
        self._on_state(True)

    def _failed(self, *_: object) -> None:
        self._problem = "does not answer; is it running, and is the address right?"

    def _disconnected(self, *_: object) -> None:
        self._problem = self._problem or "the connection was lost"
        self._on_state(False)

    def _subscribed(self, _c: object, _data: object, _mid: int, reasons: list[ReasonCode], _p: object) -> None:
        if any(reason.is_failure for reason in reasons):
            self._problem = "refuses the subscription; check its access rules"

    def _received(self, client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        try:
            if self._on_messages:
                self._on_messages([(message.topic, bytes(message.payload))])
            elif self._on_message:
                self._on_message(message.topic, bytes(message.payload))
        except Exception as error:  # an error here would end paho's thread, and with it all that is heard
            self.message_problem = f"a message on {message.topic} was not taken: {error}"
        else:
            self.message_problem = ""
        if message.qos:
            client.ack(message.mid, message.qos)
