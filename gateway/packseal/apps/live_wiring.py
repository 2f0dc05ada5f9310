"""What the dashboards' side sees of a running gateway: its broker, its clocks, its sources and what waits."""

from __future__ import annotations

from collections.abc import Callable

from packseal.apps.can_collector import CanCollector
from packseal.apps.collector import CONNECTED, BoardCollector
from packseal.apps.live_state import Around
from packseal.apps.outgoing import Outgoing, monotonic_ms
from packseal.apps.sources import Sources
from packseal.apps.sparkplug_session import Link
from packseal.exchange.projections.documents import Clocks, Message
from packseal.io.mqtt import MQTTConnection
from packseal.io.settings import GatewaySettings


def around(
    settings: GatewaySettings, mqtt: MQTTConnection, unix_ms: Callable[[], int], outgoing: Outgoing, sources: Sources
) -> Around:
    def open_link(
        client_id: str,
        topics: list[str],
        on_message: Callable[[str, bytes], None],
        on_state: Callable[[bool], None],
        last_will: Message,
    ) -> Link:
        will = last_will.topic, last_will.content
        return MQTTConnection(
            settings.broker, client_id, topics, on_message, on_state, will, access=settings.mqtt, retains_will=False
        )

    return Around(
        publish=mqtt.publish,
        clocks=lambda: Clocks(monotonic_ms(), unix_ms()),
        records_waiting=lambda: outgoing.depth().records,
        heard=lambda: frozenset(source.battery for source in sources if _is_heard(source)),
        open_link=open_link,
    )


def _is_heard(source: BoardCollector | CanCollector) -> bool:
    if isinstance(source, BoardCollector):
        return source.state.port == CONNECTED
    return source.state.bus == CONNECTED and not source.state.is_silent
