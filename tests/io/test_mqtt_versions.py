"""MQTT 5 where the broker speaks it, 3.1.1 where it does not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.io.broker import EmbeddedBroker
from packseal.io.mqtt import BrokerAddress
from packseal.io.mqtt_retry import MAX_DELAY_S, MIN_DELAY_S, V5_AGAIN_S, BackOff, Version, VersionChoice
from packseal.io.ports import free_port
from tests.io.mosquitto import Mosquitto
from tests.io.mqtt_clients import QUICK, Hearing, server
from tests.line.rig import Process, tool
from tests.waiting import until


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[BrokerAddress]:
    broker = Mosquitto(tmp_path).start()
    yield broker.address
    broker.kill()


@pytest.fixture
def embedded() -> Iterator[BrokerAddress]:
    broker = EmbeddedBroker()
    broker.start()
    yield broker.address
    broker.stop()


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[BrokerAddress]:
    address, port = BrokerAddress("127.0.0.1", free_port()), free_port()
    settings = tmp_path / "nats.conf"
    settings.write_text(
        f'server_name: one\nlisten: "127.0.0.1:{port}"\njetstream {{ store_dir: "{tmp_path}/js" }}\n'
        f'mqtt {{ listen: "{address.host}:{address.port}" }}\n'
    )
    process = Process([tool("nats-server"), "-c", str(settings)], tmp_path / "nats.log")
    process.start()
    yield address
    process.kill()


@pytest.mark.parametrize(("broker", "version", "attempts"), [("mosquitto", 5, 0), ("embedded", 4, 1), ("nats", 4, 1)])
def test_each_broker_is_spoken_to_in_the_newest_version_it_knows(
    broker: str, version: int, attempts: int, request: pytest.FixtureRequest
) -> None:
    address = request.getfixturevalue(broker)
    with Hearing(address, "one", "t/#") as one:
        one.subscribed("t/own")
        one.connection.publish("t/x", b"1")
        until(lambda: ("t/x", b"1") in one.heard)
        assert one.figure("version") == version
        assert one.connection.problem == ""
        if broker != "nats":  # which is tried while it starts, too
            assert one.figure("connections_failed") == attempts


def test_what_a_broker_speaks_is_remembered_for_the_next_connection() -> None:
    levels: list[int] = []

    def speak_311_alone(connection: socket.socket) -> None:
        levels.append(connection.recv(100)[8])  # behind a head of two bytes and the name
        connection.sendall(b"\x20\x02\x00\x01" if levels[-1] == 5 else b"\x20\x02\x00\x00")
        connection.close()

    with server(speak_311_alone) as address, Hearing(address, "one", "t/#", times=QUICK) as one:
        until(lambda: len(levels) >= 4)
        assert levels[:4] == [5, 4, 4, 4]
        assert one.figure("connections_failed") == 1
        one.problem_with("ends each connection within seconds")


def test_a_server_that_speaks_no_mqtt_at_all_is_said_to_end_connections() -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(100)
        connection.close()

    with server(refuse) as address, Hearing(address, "one", "t/#", times=QUICK) as one:
        problem = one.problem_with("ends the connection without a word")
        assert "does it allow this client id, and speak MQTT on this port?" in problem
        until(lambda: one.figure("connections_failed") >= 2)
        assert one.states == []


def test_a_shared_subscription_gives_each_message_to_one(mosquitto: BrokerAddress) -> None:
    with (
        Hearing(mosquitto, "a", "own/a", "$share/crew/t/#") as a,
        Hearing(mosquitto, "b", "own/b", "$share/crew/t/#") as b,
    ):
        a.subscribed("own/a")
        b.subscribed("own/b")
        for number in range(20):
            a.connection.publish("t/x", b"%d" % number)
        until(lambda: len(a.heard) + len(b.heard) == 20)
        assert sorted(int(content) for _, content in a.heard + b.heard) == list(range(20))
        assert a.heard
        assert b.heard


def test_version_5_is_tried_again_after_an_hour_and_whenever_the_other_fails() -> None:
    choice = VersionChoice()
    assert choice.begin(0) is Version.V5
    assert choice.refused(in_words=False)
    assert choice.begin(1) is Version.V311
    choice.accepted(1)
    assert choice.begin(V5_AGAIN_S) is Version.V311
    assert choice.begin(V5_AGAIN_S + 1) is Version.V5
    assert choice.refused(in_words=True)
    assert choice.begin(V5_AGAIN_S + 2) is Version.V311
    assert not choice.refused(in_words=True), "both were refused: nothing is left to be tried at once"
    assert choice.begin(V5_AGAIN_S + 3) is Version.V5


def test_silence_of_a_broker_that_knows_version_5_is_no_sign_of_another() -> None:
    choice = VersionChoice()
    choice.accepted(0)
    assert not choice.refused(in_words=False)
    assert choice.begin(1) is Version.V5
    assert choice.refused(in_words=True), "another broker may be at this address now"
    assert choice.begin(2) is Version.V311


@given(st.integers(min_value=1, max_value=60), st.floats(min_value=0, max_value=1))
def test_delays_double_to_half_a_minute_and_are_drawn_from_their_upper_half(count: int, share: float) -> None:
    back_off = BackOff(lambda low, high: low + share * (high - low))
    delays = [back_off.delay_s() for _ in range(count)]
    for number, delay_s in enumerate(delays):
        full_s = min(MIN_DELAY_S * 2**number, MAX_DELAY_S)
        assert full_s / 2 <= delay_s <= full_s
    back_off.settled()
    assert back_off.delay_s() <= MIN_DELAY_S
