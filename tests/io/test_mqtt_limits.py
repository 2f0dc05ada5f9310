"""What is too much, at our end or at the broker's, is refused in sight."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.io.mqtt_plan import MAX_INCOMING_BYTES
from packseal.io.mqtt_queue import (
    MAX_BATCH_BYTES,
    MAX_BATCH_MESSAGES,
    MAX_WAITING_MESSAGES,
    Inbox,
    Message,
    Received,
    SendQueue,
    StateChanged,
)
from packseal.records.log import MAX_DELIVERY_BYTES
from tests.io.mosquitto import Mosquitto
from tests.io.mqtt_clients import QUICK, Hearing
from tests.io.mqtt_packets import CountingBroker, connect_311, publish_0, raw_client
from tests.waiting import until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path)
    yield made
    made.kill()


def test_a_publication_that_access_rules_forbid_is_named_and_so_is_the_cure(broker: Mosquitto, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("topic readwrite t/#\n")
    broker.configure(f"acl_file {rules}")
    broker.start()
    with Hearing(broker.address, "one", "t/#") as one:
        one.subscribed("t/own")
        assert one.connection.publish("other/x", b"1")
        one.problem_with("refuses what is published on other/x: not authorised", "access rules")
        assert one.connection.is_connected
        assert one.figure("published_refused") == 1
        rules.write_text("topic readwrite t/#\ntopic readwrite other/#\n")
        broker.kill()
        broker.start()
        until(lambda: one.connection.publish("other/x", b"2"))
        until(lambda: not one.figure("in_flight"))
        until(lambda: one.connection.problem == "")


def test_a_message_larger_than_the_broker_takes_is_refused_with_the_size_it_should_take(broker: Mosquitto) -> None:
    broker.configure("max_packet_size 2000")
    broker.start()
    with Hearing(broker.address, "one", "t/#") as one:
        one.subscribed("t/own")
        assert one.connection.publish("t/x", bytes(2000 - 10 - 3))
        assert not one.connection.publish("t/x", bytes(2000 - 10 - 3 + 1))
        one.problem_with(
            "takes at most 2000 bytes, and a message on t/x has 2001", "raise its maximum packet size to 2001"
        )
        assert one.figure("refused_too_large") == 1
        until(lambda: len(one.heard) == 1)
        assert one.connection.publish("t/x", b"small")
        assert one.connection.problem == ""
        until(lambda: len(one.heard) == 2)
        assert one.figure("connections") == 1


def test_a_broker_is_given_no_more_at_once_than_its_receive_maximum() -> None:
    """Told by a broker of a few bytes: no real one here says less than we want."""
    with CountingBroker(receive_maximum=7) as counting, Hearing(counting.address, "one", times=QUICK) as one:
        one.connected()
        for number in range(50):
            assert one.connection.publish("t/x", b"%d" % number)
        until(lambda: counting.taken == 50)
        assert counting.most_unacknowledged == 7
        until(lambda: one.figure("published_acknowledged") == 50)


@pytest.mark.parametrize("topic", ["", "t/+", "t/#", "t/\0", "a/b/c/d/e/f/g/h/i", "t/" + "x" * 255, "ü" * 129])
def test_a_topic_that_not_every_broker_takes_is_refused_and_counted(broker: Mosquitto, topic: str) -> None:
    broker.start()
    with Hearing(broker.address, "one") as one:
        one.connected()
        assert not one.connection.publish(topic, b"1")
        assert one.figure("refused_topic") == 1
        assert one.connection.publish("a/b/c/d/e/f/g/" + "x" * 242, b"1")
        until(lambda: one.figure("published_acknowledged") == 1)


def test_who_publishes_without_a_connection_is_told(broker: Mosquitto) -> None:
    with Hearing(broker.address, "one") as one:
        assert not one.connection.publish("t/x", b"1")
        assert one.figure("refused_not_connected") == 1


def test_the_largest_delivery_arrives_and_what_is_twice_as_large_ends_the_connection(broker: Mosquitto) -> None:
    """In 3.1.1 no client can tell its broker what is too much, so it has to end the connection itself."""
    broker.start()
    with Hearing(broker.address, "one", "t/#", times=QUICK) as one:
        one.subscribed("t/own")
        one.connection.publish("t/x", bytes(MAX_DELIVERY_BYTES))
        until(lambda: [len(content) for _, content in one.heard] == [MAX_DELIVERY_BYTES])
        with raw_client(broker.address, connect_311("stranger")) as stranger:
            stranger.sendall(publish_0("t/x", bytes(MAX_INCOMING_BYTES)))  # MQTT 5: the broker keeps it to itself
            stranger.sendall(publish_0("t/x", b"small"))
            until(lambda: one.heard[-1:] == [("t/x", b"small")])
        assert one.figure("connections") == 1


def test_a_flood_on_a_3_1_1_connection_ends_it_before_it_is_held_in_memory() -> None:
    with CountingBroker(speaks_v5=False) as counting, Hearing(counting.address, "one", "t/#", times=QUICK) as one:
        one.connected()
        counting.send(b"\x30" + b"\xff\xff\xff\x7f" + bytes(MAX_INCOMING_BYTES))
        one.problem_with(f"sends a message over {MAX_INCOMING_BYTES} bytes")
        assert one.heard == []


def test_the_queue_is_open_while_connected_and_never_over_its_bounds() -> None:
    queue, message = SendQueue(), Message("t", b"x", retain=False)
    assert queue.put(message) == "refused_not_connected"
    queue.open()
    assert [queue.put(message) for _ in range(MAX_WAITING_MESSAGES + 1)] == [""] * MAX_WAITING_MESSAGES + [
        "refused_no_room"
    ]
    assert len(queue.take(100)) == 100
    assert queue.put(message) == ""
    assert queue.close() == MAX_WAITING_MESSAGES - 99
    assert queue.put(message) == "refused_not_connected"
    queue.open()
    large = Message("t", bytes(9 << 20), retain=False)
    assert [queue.put(large), queue.put(large), queue.put(message)] == ["", "refused_no_room", ""]


class Nobody:
    def acknowledge(self, packet_id: int) -> None:
        raise AssertionError(packet_id)


@given(st.lists(st.one_of(st.booleans(), st.integers(min_value=0, max_value=3 << 20)), max_size=40))
def test_batches_keep_the_order_and_their_bounds(came: list[bool | int]) -> None:
    """came: changes of the connection, and the sizes of messages."""
    inbox, largest, nobody = Inbox(), bytes(3 << 20), Nobody()
    for item in came:
        inbox.add(StateChanged(item) if isinstance(item, bool) else Received("t", largest[:item], 0, nobody))
    inbox.end()
    found: list[bool | int] = []
    while (taken := inbox.take()) is not None:
        if isinstance(taken, StateChanged):
            found.append(taken.is_connected)
        else:
            assert 1 <= len(taken) <= MAX_BATCH_MESSAGES
            assert len(taken) == 1 or sum(len(received.content) for received in taken) <= MAX_BATCH_BYTES
            found += [len(received.content) for received in taken]
    assert found == came
    assert not inbox.is_full


def test_a_batch_has_no_more_than_256_messages() -> None:
    inbox, nobody = Inbox(), Nobody()
    for number in range(600):
        inbox.add(Received("t", struct.pack("!H", number), number, nobody))
    inbox.end()
    sizes = [len(taken) for taken in iter(inbox.take, None) if isinstance(taken, list)]
    assert sizes == [256, 256, 88]
