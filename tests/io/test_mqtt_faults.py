"""Brokers killed or stopped, lines cut, threads that stand still: nothing is sent twice, and all comes back."""

from __future__ import annotations

import os
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from packseal.io.mqtt_loop import MAX_GIVEN_UP
from packseal.io.mqtt_session import MAX_WINDOW
from packseal.io.mqtt_settings import MQTTTable
from tests.io.mosquitto import Mosquitto
from tests.io.mqtt_clients import QUICK, Hearing, server
from tests.io.mqtt_packets import CountingBroker, connect_311, raw_client
from tests.waiting import until

ASKS_OFTEN = replace(QUICK, keepalive_s=1, progress_s=1)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path, "max_queued_messages 2000", "max_inflight_messages 1000").start()
    yield made
    made.kill()


@contextmanager
def frozen(broker: Mosquitto) -> Iterator[tuple[Hearing, Hearing]]:
    """An ear, and an outbox that bears with the broker, which stands still since both are there."""
    with (
        Hearing(broker.address, "ear", "t/#") as ear,
        Hearing(broker.address, "outbox", times=replace(QUICK, progress_s=30)) as outbox,
    ):
        outbox.connected()
        ear.subscribed("t/own")
        broker.freeze()
        yield ear, outbox


def test_500_messages_on_their_way_through_a_broker_that_is_killed_are_sent_by_their_sender_alone(
    broker: Mosquitto,
) -> None:
    """paho would send them once more by itself, beside the outbox."""
    contents = [b"%d" % number for number in range(MAX_WINDOW)]
    with frozen(broker) as (ear, outbox):
        assert all(outbox.connection.publish("t/x", content) for content in contents)
        until(lambda: outbox.figure("in_flight") == MAX_WINDOW)
        broker.kill()
        until(lambda: outbox.figure("dropped_unacknowledged") == MAX_WINDOW)
        assert outbox.figure("in_flight") == outbox.figure("waiting") == 0
        broker.start()
        outbox.connected()
        ear.subscribed("t/own")
        assert all(outbox.connection.publish("t/x", content) for content in contents)  # as an outbox does
        until(lambda: len(ear.heard) >= MAX_WINDOW)
        ear.connection.publish("t/x", b"last")
        until(lambda: ear.heard[-1] == ("t/x", b"last"))
        assert Counter(content for _, content in ear.heard) == Counter([*contents, b"last"])
        assert outbox.figure("published_acknowledged") == MAX_WINDOW


def test_a_full_queue_refuses_the_newest_in_sight_and_sends_all_that_it_took(broker: Mosquitto) -> None:
    with frozen(broker) as (ear, outbox):
        taken = [outbox.connection.publish("t/x", b"%d" % number) for number in range(1500)]
        assert 500 <= sum(taken) <= 1000  # some waiting, and a window of them unacknowledged
        assert outbox.figure("refused_no_room") == taken.count(False)
        broker.thaw()
        until(lambda: len(ear.heard) == sum(taken))
        assert [content for _, content in ear.heard] == [b"%d" % number for number, was in enumerate(taken) if was]


def test_a_broker_that_stands_still_is_left_and_found_again(broker: Mosquitto) -> None:
    with Hearing(broker.address, "one", times=QUICK) as one:
        one.connected()
        broker.freeze()
        assert one.connection.publish("t/x", b"1")
        one.problem_with("has taken nothing for 1 s")
        one.problem_with("takes the connection and says nothing")
        until(lambda: one.states == [True, False])
        assert one.figure("stalls") >= 2
        broker.thaw()
        one.connected()
        assert one.connection.problem == ""
        assert one.figure("version") == 5
        assert one.connection.publish("t/x", b"2")
        until(lambda: one.figure("published_acknowledged") == 1)


def test_a_line_on_which_nothing_passes_is_kept_alive_and_kept() -> None:
    with CountingBroker() as quiet, Hearing(quiet.address, "one", times=ASKS_OFTEN) as one:
        one.connected()
        until(lambda: quiet.asked >= 3)
        assert one.states == [True]
        assert one.figure("stalls") == 0


def test_a_line_that_is_half_open_is_found_dead_by_asking() -> None:
    """The other side never answers again, and nothing says that it has gone."""
    with CountingBroker(answers=False) as gone, Hearing(gone.address, "one", times=ASKS_OFTEN) as one:
        one.connected()
        until(lambda: one.figure("connections_lost") == 1)
        until(lambda: gone.connects == 2)
        until(lambda: len(one.states) >= 3)
        assert one.states[:3] == [True, False, True]
        assert gone.asked >= 1


def test_two_programs_with_one_id_are_told_of_each_other(broker: Mosquitto) -> None:
    """mosquitto says nothing to the one that it throws out."""
    with Hearing(broker.address, "twin", times=QUICK) as first, Hearing(broker.address, "twin", times=QUICK):
        problem = first.problem_with("ends each connection within seconds")
        assert "does a second program run with these settings, as twin?" in problem


def test_a_reason_that_the_broker_gives_at_the_end_is_named() -> None:
    def throw_out(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"\x20\x03\x00\x00\x00" + b"\xe0\x01\x8e")
        connection.close()

    with server(throw_out) as address, Hearing(address, "twin", times=QUICK) as one:
        problem = one.problem_with("another client has taken this client id over")
        assert "does a second program run with these settings?" in problem


def test_the_last_will_is_published_after_a_cut_and_not_after_a_goodbye(broker: Mosquitto) -> None:
    with Hearing(broker.address, "ear", "avail/#") as ear:
        ear.subscribed("avail/own")
        with Hearing(broker.address, "good", last_will=("avail/good", b"offline")) as good:
            good.connected()
        with Hearing(broker.address, "cut", last_will=("avail/cut", b"offline")) as cut:
            cut.connected()
            with raw_client(broker.address, connect_311("cut")):
                until(lambda: ("avail/cut", b"offline") in ear.heard)
        ear.connection.publish("avail/ear", b"last")
        until(lambda: ("avail/ear", b"last") in ear.heard)
        assert ear.heard == [("avail/cut", b"offline"), ("avail/ear", b"last")]


def test_what_waits_is_sent_before_the_goodbye(broker: Mosquitto) -> None:
    with Hearing(broker.address, "ear", "t/#") as ear:
        ear.subscribed("t/own")
        with Hearing(broker.address, "leaving") as leaving:
            leaving.connected()
            assert all(leaving.connection.publish("t/x", b"%d" % number) for number in range(300))
        assert leaving.states == [True, False]
        assert leaving.figure("connections_lost") == leaving.figure("dropped_unacknowledged") == 0
        until(lambda: len(ear.heard) == 300)


def test_all_that_has_come_meanwhile_is_one_batch_and_is_acknowledged_when_it_is_taken(broker: Mosquitto) -> None:
    batches: list[list[bytes]] = []
    goes_on = threading.Event()

    def take(messages: Sequence[tuple[str, bytes]]) -> None:
        batches.append([content for _, content in messages])
        goes_on.wait(20)

    with Hearing(broker.address, "ear", "t/#", on_messages=take) as ear, Hearing(broker.address, "outbox") as outbox:
        ear.connected()
        outbox.connected()
        until(lambda: bool(batches), "the first", lambda: outbox.connection.publish("t/x", b"first"))
        count = ear.figure("received")
        assert all(outbox.connection.publish("t/x", b"%d" % number) for number in range(400))
        until(lambda: ear.figure("received") >= 256)
        until(lambda: outbox.figure("in_flight") == 0)
        assert ear.figure("received") <= 256, "the broker sends no more than our receive maximum unacknowledged"
        assert len(batches) == 1
        goes_on.set()
        until(lambda: ear.figure("received") >= count + 400)
        until(lambda: sum(map(len, batches)) == ear.figure("received"))
        assert max(map(len, batches)) > 200
        numbers = [content for batch in batches for content in batch if content != b"first"]
        assert numbers == [b"%d" % number for number in range(400)]


def test_a_slow_callback_keeps_no_connection_from_living(broker: Mosquitto) -> None:
    goes_on = threading.Event()

    def take(_topic: str, _content: bytes) -> None:
        goes_on.wait(20)

    with Hearing(
        broker.address, "slow", "t/#", on_message=take, times=replace(QUICK, keepalive_s=1, stall_s=1)
    ) as slow:
        slow.connected()
        until(lambda: slow.figure("received") > 0, "one", lambda: slow.connection.publish("t/x", b"1"))
        until(lambda: "has not been taken for 3 s" in slow.connection.message_problem)
        assert slow.states == [True]
        assert slow.figure("threads_replaced") == 0
        goes_on.set()
        until(lambda: slow.connection.message_problem == "")


def test_an_error_in_a_callback_is_named_and_ends_nothing(broker: Mosquitto) -> None:
    def fail(is_connected: bool) -> None:
        raise OSError(f"no, {is_connected}")

    with Hearing(broker.address, "one", "t/#", on_state=fail) as one:
        until(lambda: "no, True" in one.connection.message_problem)
        one.subscribed("t/own")
        assert one.connection.message_problem == ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_callback_that_ends_its_thread_is_called_in_another(broker: Mosquitto) -> None:
    heard: list[bytes] = []

    def take(_topic: str, content: bytes) -> None:
        heard.append(content)
        if content == b"end":
            raise SystemExit

    with Hearing(broker.address, "one", "t/#", on_message=take, times=QUICK) as one:
        one.connected()
        until(lambda: b"end" in heard, "one", lambda: b"end" in heard or one.connection.publish("t/x", b"end"))
        until(lambda: one.figure("threads_replaced") > 0)
        until(lambda: b"go on" in heard, "another", lambda: one.connection.publish("t/x", b"go on"))
        assert one.states == [True]
        assert one.connection.is_connected


def test_a_thread_that_stands_still_is_replaced_and_not_for_ever(broker: Mosquitto, tmp_path: Path) -> None:
    """Its password file is on a disk that does not answer: opening it never returns."""
    password = tmp_path / "mqtt.password"
    password.write_text("secret\n")
    password.chmod(0o600)
    access = MQTTTable(username="gateway", password_file=password)
    with Hearing(broker.address, "one", access=access, times=replace(QUICK, stall_s=0.3)) as one:
        one.connected()
        password.unlink()
        os.mkfifo(password, 0o600)
        broker.kill()
        broker.start()
        one.problem_with("threads stand still; start the program again")
        assert one.figure("threads_replaced") >= MAX_GIVEN_UP - 1
        while not one.connection.is_connected:
            with suppress(OSError):  # nobody reads just now, or the first of several to close ends it for all
                end = os.open(password, os.O_WRONLY | os.O_NONBLOCK)
                os.write(end, b"secret\n")  # the disk is back
                os.close(end)
        assert one.connection.problem == ""
        until(lambda: one.states == [True, False, True])


def test_a_connection_ends_soon_also_while_nobody_answers() -> None:
    with server(lambda connection: connection.settimeout(20)) as address:
        one = Hearing(address, "one", times=QUICK)
        one.connection.start()
        until(lambda: "says nothing" in one.connection.problem)
        one.connection.stop()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("mqtt")]


def test_a_connection_cut_in_the_midst_of_a_packet_is_one_that_was_lost() -> None:
    def cut(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"\x20\x03\x00\x00\x00\x30\x7f\x00")
        connection.close()

    with server(cut) as address, Hearing(address, "one", times=QUICK) as one:
        until(lambda: one.figure("connections_lost") >= 2)
        one.problem_with("has ended the connection")
        assert one.heard == []
