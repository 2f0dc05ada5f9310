"""The MQTT connection at a real broker: it outlives what goes wrong on either side."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from packseal.errors import UnavailableError
from packseal.io.mqtt import BrokerAddress, MQTTConnection
from packseal.io.ports import free_port
from tests.line.rig import broker
from tests.waiting import until

WAIT_S = 20


@pytest.fixture
def address(tmp_path: Path) -> Iterator[BrokerAddress]:
    process, found = broker(tmp_path)
    process.start()
    yield found
    process.kill()


def connected(connection: MQTTConnection, states: queue.Queue[bool]) -> MQTTConnection:
    connection.start()
    while not states.get(timeout=WAIT_S):
        pass
    return connection


@pytest.mark.parametrize("fault", [UnavailableError("disk full"), OverflowError("too large"), ValueError("x")])
def test_forty_messages_that_cannot_be_taken_do_not_stop_the_next(address: BrokerAddress, fault: Exception) -> None:
    """A broker stops sending when twenty messages are open, and an error in a callback would end its thread."""
    heard: queue.Queue[bytes] = queue.Queue()
    subscribed = threading.Event()

    def take(_topic: str, payload: bytes) -> None:
        if payload == b"ready":
            subscribed.set()
        elif payload == b"bad":
            raise fault
        else:
            heard.put(payload)

    states: queue.Queue[bool] = queue.Queue()
    reader = connected(MQTTConnection(address, "reader", ["t/#"], take, states.put), states)
    writer = connected(MQTTConnection(address, "writer", [], lambda _t, _p: None, states.put), states)
    while not subscribed.wait(0.1):
        writer.publish("t/x", b"ready")
    for _ in range(40):
        writer.publish("t/x", b"bad")
    until(lambda: "was not taken" in reader.message_problem)
    writer.publish("t/x", b"good")
    assert heard.get(timeout=WAIT_S) == b"good"
    until(lambda: reader.message_problem == "")
    writer.stop()
    reader.stop()


def test_a_broker_that_is_not_there_is_named_and_found_when_it_comes(tmp_path: Path) -> None:
    states: queue.Queue[bool] = queue.Queue()
    lonely = MQTTConnection(BrokerAddress("127.0.0.1", free_port()), "lonely", [], lambda _t, _p: None, states.put)
    assert "not reached yet" in lonely.problem
    process, address = broker(tmp_path)
    waiting = MQTTConnection(address, "waiting", [], lambda _t, _p: None, states.put)
    waiting.start()
    until(lambda: "does not answer" in waiting.problem)
    assert "is it running" in waiting.problem
    process.start()
    assert states.get(timeout=WAIT_S)
    assert waiting.problem == ""
    waiting.stop()
    process.kill()
