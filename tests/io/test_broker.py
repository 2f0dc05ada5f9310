"""The embedded broker and clients that go at any moment: each connection is closed, and the broker ends at once."""

from __future__ import annotations

import gc
import socket
import warnings
from collections.abc import Iterator
from contextlib import closing

import pytest

from packseal.io.broker import EmbeddedBroker
from packseal.io.mqtt import MQTTConnection
from tests.waiting import until

CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x14\x00\x01c"  # MQTT 3.1.1 section 3.1: clean session, client "c"
SUBSCRIBE = b"\x82\x06\x00\x01\x00\x01#\x01"  # section 3.8: all, QoS 1
PUBLISH = b"\x32\x06\x00\x01t\x00\x02x"  # section 3.3: QoS 1, packet 2
DISCONNECT = b"\xe0\x00"
BEGINNINGS = {
    "nothing": b"",
    "half of a CONNECT": CONNECT[:7],
    "no MQTT at all": b"GET / HTTP/1.1\r\n\r\n",
    "a CONNECT": CONNECT,
    "a session": CONNECT + SUBSCRIBE + PUBLISH,
    "a session with its end": CONNECT + DISCONNECT,
}
WAIT_S = 10.0
COMING_AND_GOING = 20

begun = pytest.mark.parametrize("said", BEGINNINGS.values(), ids=BEGINNINGS)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    found = EmbeddedBroker()
    found.start()
    yield found
    found.stop()


def client_of(broker: EmbeddedBroker, said: bytes) -> socket.socket:
    client = socket.create_connection((broker.address.host, broker.address.port), timeout=WAIT_S)
    client.sendall(said)
    return client


def is_closed_by_the_broker(client: socket.socket) -> bool:
    """Reads to the end, for WAIT_S at most."""
    try:
        while client.recv(4096):
            pass
    except TimeoutError:
        return False
    except ConnectionResetError:
        pass
    return True


@begun
def test_a_client_that_goes_has_its_connection_closed(broker: EmbeddedBroker, said: bytes) -> None:
    with closing(client_of(broker, said)) as client:
        client.shutdown(socket.SHUT_WR)
        assert is_closed_by_the_broker(client)


@begun
def test_a_client_that_stays_does_not_keep_the_broker_from_its_end(said: bytes) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        broker = EmbeddedBroker()
        broker.start()
        with closing(client_of(broker, said)) as client, closing(client_of(broker, said + PUBLISH)) as taken_over:
            broker.stop()
            assert is_closed_by_the_broker(client)
            assert is_closed_by_the_broker(taken_over)
        del broker
        gc.collect()
    assert [str(one.message) for one in told if one.category is ResourceWarning] == []


def test_gateways_that_come_and_go_leave_no_socket(broker: EmbeddedBroker) -> None:
    """Most of them while they still connect."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for turn in range(COMING_AND_GOING):
            gateway = MQTTConnection(broker.address, "gateway", ["t/#"], lambda _topic, _content: None)
            gateway.start()
            if turn % 4 == 0:
                until(lambda gateway=gateway: gateway.is_connected)  # type: ignore[misc]
            gateway.stop()
        del gateway
        gc.collect()
    assert [str(one.message) for one in told if one.category is ResourceWarning] == []
