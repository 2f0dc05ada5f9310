"""One MQTT connection that comes back by itself, for ever.

Every message is acknowledged once it has been handed over, however that ended: a broker sends nothing more to a reader
that leaves twenty open, and what could not be stored is sent again from its sender's outbox. Nothing that is to be
published outlives the connection: who publishes keeps what has to arrive, and sends it again.

Three threads: one talks to the broker (mqtt_loop.py), one calls who listens, one sees that the other two still turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from packseal.io.mqtt_access import check_access
from packseal.io.mqtt_address import BrokerAddress, broker_address
from packseal.io.mqtt_loop import BrokerLoop
from packseal.io.mqtt_plan import MQTTPlan, MQTTTimes
from packseal.io.mqtt_queue import MAX_BATCH_MESSAGES, Figures, Inbox, Message, SendQueue
from packseal.io.mqtt_settings import MQTTTable
from packseal.io.mqtt_taking import Messages, Taker

__all__ = ["BrokerAddress", "MQTTConnection", "MQTTTimes", "broker_address"]

MAX_TOPIC_BYTES = 256  # of AWS IoT Core, as the seven slashes are; no other broker known takes less
MAX_TOPIC_SLASHES = 7
PACKET_OVERHEAD_BYTES = 5 + 2 + 2 + 1  # of PUBLISH beside topic and content: its head, two lengths, no properties
WATCH_PERIOD_S = 1.0
STOP_TIMEOUT_S = 10.0


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
        access: MQTTTable | None = None,
        retains_will: bool = True,
        times: MQTTTimes | None = None,
    ) -> None:
        """Exactly one of on_message (topic, content) and on_messages, which takes all that has come meanwhile, in the
        order in which it came: 1 to 256 messages of together at most 4 MiB (a larger one comes alone). What was handed
        over is acknowledged at the broker only once the call has ended. All callbacks are called in one thread, one at
        a time, and may take as long as they need.

        topics: filters, also of shared subscriptions ($share/group/filter). Raises ConfigError for files of `access`
        that cannot be used, ValueError.
        """
        if (on_message is None) == (on_messages is None):
            raise ValueError("expected one of on_message and on_messages")
        self.address, self._times = address, times or MQTTTimes()
        self._access = access or MQTTTable()
        check_access(address, self._access)
        self._figures, self._queue, inbox = Figures(), SendQueue(), Inbox()
        plan = MQTTPlan(address, client_id, tuple(topics), last_will, self._access, self._times, retains_will)
        self._loop = BrokerLoop(plan, self._figures, self._queue, inbox)
        handed_over, most = (on_messages, MAX_BATCH_MESSAGES) if on_messages else (_one_by_one(on_message), 1)
        self._taker = Taker(inbox, self._figures, on_state, handed_over, most, self._loop.acknowledge)
        self._refused: tuple[str, int] | None = None  # topic and packet's bytes of the newest that was too large
        self._watcher = threading.Thread(target=self._watch, name="mqtt-watch", daemon=True)
        self._stopping = threading.Event()

    @property
    def is_connected(self) -> bool:
        return self._queue.is_open

    @property
    def problem(self) -> str:
        """Why nothing passes at present, with its cure; empty when all is well."""
        words = self._loop.problem or self._size_problem()
        return f"broker {self.address}: {words}" if words else ""

    @property
    def message_problem(self) -> str:
        """Why what came was not taken; empty when the newest was."""
        return self._taker.problem(self._times.stall_s)

    def figures(self) -> Mapping[str, int]:
        """COUNTS of mqtt_queue.py since the start; and as it is now, connected (1 or 0), version (5; 4 is 3.1.1; 0),
        in_flight (messages that the broker has not acknowledged) and waiting (those not sent yet)."""
        return {**self._figures.counts(), **self._loop.gauges()}

    def start(self) -> None:
        self._taker.start()
        self._loop.start()
        self._watcher.start()

    def stop(self) -> None:
        """What waits is sent and what came is taken, as far as that goes at once."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join(STOP_TIMEOUT_S)
        self._loop.stop(STOP_TIMEOUT_S)
        self._taker.stop(STOP_TIMEOUT_S)

    def publish(self, topic: str, content: bytes, *, retain: bool = False, qos: int = 1) -> bool:
        """Hands the message over, from any thread. False when it is not sent: there is no connection now, 500 wait, or
        it is larger than the broker takes (`problem` says that), or its topic has more than 256 bytes or seven slashes,
        or a wildcard. Each is counted (figures). Neither answer means that it arrived.
        """
        refusal = _no_topic(topic) or self._too_large(topic, content)
        refusal = refusal or self._queue.put(Message(topic, content, retain, qos))
        if refusal:
            self._figures.add(refusal)
            return False
        self._loop.wake()
        return True

    def _too_large(self, topic: str, content: bytes) -> str:
        size_bytes = PACKET_OVERHEAD_BYTES + len(topic.encode()) + len(content)
        if 0 < self._loop.max_packet_bytes < size_bytes:
            self._refused = topic, size_bytes
            return "refused_too_large"
        if self._refused and self._refused[0] == topic:
            self._refused = None
        return ""

    def _size_problem(self) -> str:
        refused, most_bytes = self._refused, self._loop.max_packet_bytes
        if refused is None or not 0 < most_bytes < refused[1]:
            return ""
        cure = f"raise its maximum packet size to {refused[1]} or more"
        return f"takes at most {most_bytes} bytes, and a message on {refused[0]} has {refused[1]}; {cure}"

    def _watch(self) -> None:
        while not self._stopping.wait(min(WATCH_PERIOD_S, self._times.stall_s)):
            with suppress(RuntimeError):  # no thread can be begun now
                self._replace()

    def _replace(self) -> None:
        if self._loop.replace_if_still(self._times.stall_s):
            self._figures.add("threads_replaced")
        if not self._taker.is_running:
            self._taker.start()
            self._figures.add("threads_replaced")


def _one_by_one(on_message: Callable[[str, bytes], None] | None) -> Callable[[Messages], None]:
    def hand_over(messages: Messages) -> None:
        for topic, content in messages:
            if on_message:
                on_message(topic, content)

    return hand_over


def _no_topic(topic: str) -> str:
    """No error: a topic may be an answer to one that anybody could choose."""
    is_long = len(topic.encode()) > MAX_TOPIC_BYTES or topic.count("/") > MAX_TOPIC_SLASHES
    return "refused_topic" if is_long or not topic or {"+", "#", "\0"} & set(topic) else ""
