"""One connection to a broker, from CONNECT to its end, over a client of paho's that is thrown away with it.

Traps of paho that this avoids: it sends its own queue again when it reconnects, beside whoever keeps the messages, so
no client of it connects twice; it looks through its queue at each PUBACK, so the window is counted here and its own is
switched off; it takes a packet of any size, so one beyond our limit ends the connection; it leaves a socket whose TLS
handshake failed open, so that is closed here. All of it is called in one thread.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import paho.mqtt.client as paho
from paho.mqtt.enums import LogLevel, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from packseal.io.mqtt_access import tls_context
from packseal.io.mqtt_plan import MAX_INCOMING_BYTES, MQTTPlan
from packseal.io.mqtt_queue import MAX_WAITING_BYTES, Figures, Message, Received
from packseal.io.mqtt_retry import Version
from packseal.io.mqtt_words import (
    FAILURE,
    QOS_NOT_SUPPORTED,
    UNSUPPORTED_VERSION,
    ended_words,
    reason_words,
    refusal_words,
    tls_words,
)

MAX_WINDOW = 500  # messages that the broker has not acknowledged
MAX_IN_FLIGHT_BYTES = MAX_WAITING_BYTES
FLUSH_S = 3.0
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class MQTTSession:
    """`ended` says that it is over, `problem` why it was refused or ended, in words that go behind "the broker".
    `is_silent`: it was refused without a word."""

    def __init__(
        self,
        plan: MQTTPlan,
        version: Version,
        wake: socket.socket,
        figures: Figures,
        on_received: Callable[[Received], None],
    ) -> None:
        """wake: is readable when there is something to do. Raises ConfigError for files that cannot be used."""
        self._plan, self.version, self._figures, self._on_received = plan, version, figures, on_received
        self.is_open = False
        self.is_version_refused = self.is_silent = False
        self.problem = ""
        self.window, self.max_packet_bytes = MAX_WINDOW, 0
        self.in_flight: dict[int, Message] = {}  # by packet id
        self._in_flight_bytes = 0
        self._refused_topic = self._logged = ""
        self._is_oversized = self._was_busy = False
        self._refused_subscription, self._subscribe_again_s = "", float("inf")
        self._tls = tls_context(plan.access) if plan.address.is_tls else None
        self._client = plan.client(version, self._tls)
        self._listen(self._client)
        self._wake, self._selector = wake, selectors.DefaultSelector()
        self._selector.register(wake, READ)
        self._began_s = self._moved_s = time.monotonic()

    @property
    def ended(self) -> bool:
        return self._client.socket() is None

    @property
    def age_s(self) -> float:
        return time.monotonic() - self._began_s

    @property
    def room(self) -> int:
        """How many messages may be published now."""
        is_shut = not self.is_open or self._in_flight_bytes >= MAX_IN_FLIGHT_BYTES
        return 0 if is_shut else max(self.window - len(self.in_flight), 0)

    def open(self) -> None:
        """Connects, and has CONNECT sent. Raises OSError, of which ssl.SSLError is one."""
        self._plan.connect(self._client, self.version)
        self._began_s = self._moved_s = time.monotonic()

    def turn(self, longest_s: float, *, reads: bool) -> None:
        """Waits until there is something to do, and does it. reads: more may come in."""
        found = self._socket()
        if found is None:
            return
        self._watch(found, (READ if reads else 0) | (WRITE if self._client.want_write() else 0))
        has_decrypted = reads and isinstance(found, ssl.SSLSocket) and found.pending() > 0
        ready = {key.fileobj: mask for key, mask in self._selector.select(0 if has_decrypted else longest_s)}
        if self._wake in ready:
            _drain(self._wake)
        if ready.get(found, 0) & WRITE:
            self._moved_s = time.monotonic()
            self._client.loop_write()
        if has_decrypted or ready.get(found, 0) & READ:
            self._client.loop_read()
            self._check_incoming()
        self._client.loop_misc()
        self._check_times()

    def publish(self, message: Message) -> None:
        """Within `room`."""
        sent = self._client.publish(message.topic, message.content, message.qos, retain=message.retain)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._figures.add("dropped_unacknowledged")
            return
        self.in_flight[sent.mid] = message
        self._in_flight_bytes += len(message.content)
        self._figures.add("published")

    def acknowledge(self, packet_id: int) -> None:
        self._client.ack(packet_id, 1)

    def flush(self) -> None:
        """Sends what can be sent without waiting."""
        if self._client.want_write():
            self._client.loop_write()

    def disconnect(self) -> None:
        """Says goodbye, so that the broker keeps the last will to itself; then the connection is over."""
        self._client.disconnect()
        until_s = time.monotonic() + FLUSH_S
        while not self.ended and time.monotonic() < until_s:
            self.turn(0.1, reads=True)
        self.drop()

    def drop(self) -> None:
        """Ends the connection as a cut line would; nothing of it is left in paho."""
        found = self._socket() or (self._tls.made if self._tls else None)
        self._client.on_socket_close = self._client.on_disconnect = None
        self._selector.close()
        if found is not None:
            with suppress(OSError):
                found.close()

    def _socket(self) -> socket.socket | None:
        return cast(socket.socket | None, self._client.socket())

    def _listen(self, client: paho.Client) -> None:
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_publish = self._acknowledged
        client.on_message = self._received
        client.on_log = self._log
        client.on_socket_open = self._opened
        client.on_socket_close = self._closed
        client.on_socket_register_write = lambda *_: None  # with one, paho writes only when it is told to

    def _watch(self, found: socket.socket, wanted: int) -> None:
        registered = self._selector.get_map().get(found)
        if registered is None and wanted:
            self._selector.register(found, wanted)
        elif registered is not None and not wanted:
            self._selector.unregister(found)
        elif registered is not None and registered.events != wanted:
            self._selector.modify(found, wanted)

    def _check_incoming(self) -> None:
        """3.1.1 cannot tell a broker how much is too much; how long the packet is that comes stands nowhere else."""
        if self._is_oversized or self._client._in_packet["remaining_length"] > MAX_INCOMING_BYTES:
            self._end(
                f"sends a message over {MAX_INCOMING_BYTES} bytes, and none of ours is; see who may publish there"
            )

    def _check_times(self) -> None:
        times, now_s = self._plan.times, time.monotonic()
        if self.ended:
            return
        is_busy = bool(self.in_flight) or self._client.want_write()
        if not (is_busy and self._was_busy):
            self._moved_s = now_s
        self._was_busy = is_busy
        if not self.is_open and now_s - self._began_s > times.connack_s:
            self._stalled("takes the connection and says nothing; is it stopped, or is it another program?")
            self.is_silent = True  # some wait for more of a CONNECT that they do not understand
        elif now_s >= self._subscribe_again_s:
            self._subscribe_again_s = float("inf")
            self._plan.subscribe(self._client, self.version)
        elif now_s - self._moved_s > times.progress_s:
            self._stalled(f"has taken nothing for {times.progress_s:g} s; is it stopped, or the line cut?")

    def _stalled(self, words: str) -> None:
        self._figures.add("stalls")
        self._end(words)

    def _end(self, words: str) -> None:
        self.problem = words
        found = self._socket()
        if found is not None:
            with suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)
            self._client.loop_read()  # which finds it at its end

    def _opened(self, _client: paho.Client, _data: object, found: paho.SocketLike) -> None:
        opened = cast(socket.socket, found)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # an acknowledgement waits for no other packet
        timeout_ms = int(1000 * self._plan.times.progress_s)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout_ms)

    def _closed(self, _client: paho.Client, _data: object, found: paho.SocketLike) -> None:
        self._watch(cast(socket.socket, found), 0)

    def _log(self, _client: paho.Client, _data: object, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._logged = text

    def _connected(
        self, client: paho.Client, _data: object, _flags: object, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self.problem = f"refuses the connection: {refusal_words(reason.value)}"
            self.is_version_refused = reason.value == UNSUPPORTED_VERSION
            return
        self.is_open = True
        self.window = min(MAX_WINDOW, getattr(properties, "ReceiveMaximum", MAX_WINDOW))
        self.max_packet_bytes = getattr(properties, "MaximumPacketSize", 0)
        if getattr(properties, "MaximumQoS", 1) == 0:
            self.problem = f"refuses what is published: {reason_words(QOS_NOT_SUPPORTED)}"
            self.window = 0
        if self._plan.topics:
            self._plan.subscribe(client, self.version)

    def _disconnected(
        self, _client: paho.Client, _data: object, flags: paho.DisconnectFlags, reason: ReasonCode, _p: object
    ) -> None:
        if flags.is_disconnect_packet_from_server and reason.is_failure:
            self.problem = f"ends the connection: {reason_words(reason.value)}"
        elif self.is_open:
            self.problem = self.problem or ended_words(is_open=True)
        elif not self.problem:
            self.problem = tls_words(self._logged)
            self.is_silent = not self.problem
            self.problem = self.problem or ended_words(is_open=False)

    def _subscribed(self, _client: paho.Client, _data: object, _id: int, reasons: list[ReasonCode], _p: object) -> None:
        """A broker of several servers refuses while they agree on a new leader, and never says when it is over."""
        refused = [pair for pair in zip(self._plan.topics, reasons, strict=False) if pair[1].is_failure]
        if refused:
            topic, reason = refused[-1]
            self.problem = f"refuses the subscription to {topic}: {reason_words(reason.value)}"
            self._refused_subscription = self.problem
            self._subscribe_again_s = time.monotonic() + self._plan.times.subscribe_s
        elif self._refused_subscription:
            self.problem = "" if self.problem == self._refused_subscription else self.problem
            self._refused_subscription = ""

    def _acknowledged(
        self, _client: paho.Client, _data: object, packet_id: int, reason: ReasonCode, _p: object
    ) -> None:
        message = self.in_flight.pop(packet_id)
        topic = message.topic
        self._in_flight_bytes -= len(message.content)
        self._moved_s = time.monotonic()
        if reason.value >= FAILURE:
            self._figures.add("published_refused")
            self._refused_topic = topic
            self.problem = f"refuses what is published on {topic}: {reason_words(reason.value)}"
            return
        self._figures.add("published_acknowledged")
        if topic == self._refused_topic:
            self._refused_topic = self.problem = ""

    def _received(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self._figures.add("received")
        if len(message.payload) > MAX_INCOMING_BYTES:
            self._is_oversized = True
            return
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # it is none of ours, but has to be acknowledged
        self._on_received(Received(topic, bytes(message.payload), message.mid if message.qos else 0, self))


def _drain(wake: socket.socket) -> None:
    with suppress(BlockingIOError):
        wake.recv(4096)
