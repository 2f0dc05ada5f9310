"""A subscription that the broker refuses, as clusters do while they agree on a leader, is tried again."""

from __future__ import annotations

from contextlib import closing

import pytest

from packseal.io.mqtt import MQTTConnection, MQTTTimes
from tests.io.mqtt_packets import CountingBroker, publish_0
from tests.waiting import until


@pytest.mark.parametrize("speaks_v5", [True, False])
def test_a_refused_subscription_is_tried_again_until_it_is_taken(speaks_v5: bool) -> None:
    heard: list[bytes] = []
    times = MQTTTimes(subscribe_s=0.1)
    with CountingBroker(speaks_v5=speaks_v5, refuses=3) as broker:
        connection = MQTTConnection(
            broker.address, "x", ["t/a"], lambda _topic, content: heard.append(content), times=times
        )
        connection.start()
        with closing(_Stopped(connection)):
            until(lambda: "refuses the subscription to t/a" in connection.problem, "the refusal")
            until(lambda: broker.refuses < 0 and not connection.problem, "the subscription")
            assert broker.connects == 1, "the connection stays"
            no_properties = b"\x00" if speaks_v5 else b""
            broker.send(publish_0("t/a", no_properties + b"content"))
            until(lambda: heard == [b"content"], "the message")


class _Stopped:
    def __init__(self, connection: MQTTConnection) -> None:
        self.close = connection.stop
