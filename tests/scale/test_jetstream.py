"""Deliveries from a real NATS server: captured from its MQTT listener, done with when answered, else brought again."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import nats
import nkeys  # type: ignore[import-untyped]
import pytest
from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy, StreamConfig

from packseal.io.came import Came
from packseal.io.jetstream import BATCH, JetStreamConnection
from packseal.io.jetstream_address import NATSAddress, nats_address
from packseal.io.mqtt import MQTTConnection
from packseal.io.ports import free_port
from packseal.io.worker_settings import NATSTable
from tests.apps.certificates import CertificateAuthority
from tests.scale.servers import NATSCluster
from tests.waiting import until

TOPICS = ["packseal/+/+/rec", "packseal/+/+/fresh"]
WAIT_S = 60
ONE = NATSTable(replicas=1)


class Worker:
    """Keeps what comes; a test answers. may_go_on: cleared, the next group holds up what comes behind it."""

    def __init__(self, address: NATSAddress, table: NATSTable = ONE) -> None:
        self.came: queue.Queue[Came] = queue.Queue()
        self.groups: list[int] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.connection = JetStreamConnection(
            address, table, "service", TOPICS, self._take, lambda *heard: self.heard.put(heard)
        )

    def _take(self, came: Sequence[Came]) -> None:
        self.groups.append(len(came))
        self.may_go_on.wait(WAIT_S)
        for one in came:
            self.came.put(one)

    def next(self) -> Came:
        return self.came.get(timeout=WAIT_S)

    def has_problem(self, words: str) -> None:
        until(lambda: words in self.connection.problem, words)

    def close(self) -> None:
        self.connection.stop()


class Either:
    """Whichever of two workers has something."""

    def __init__(self, *workers: Worker) -> None:
        self._workers = workers

    def next(self) -> Came:
        until(lambda: any(not worker.came.empty() for worker in self._workers), "a delivery")
        return next(worker for worker in self._workers if not worker.came.empty()).next()


@contextmanager
def running(address: NATSAddress, table: NATSTable = ONE) -> Iterator[Worker]:
    with closing(Worker(address, table)) as worker:
        worker.connection.start()
        until(lambda: worker.connection.is_connected, "the server", lambda: print(worker.connection.problem))
        yield worker


@contextmanager
def serving(folder: Path, more: str = "") -> Iterator[NATSCluster]:
    server = NATSCluster(folder, 1, more)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NATSCluster]:
    with serving(tmp_path_factory.mktemp("nats")) as made:
        yield made


@pytest.fixture
def address(server: NATSCluster) -> Iterator[NATSAddress]:
    """Of a server without a stream."""
    found = nats_address(server.url)
    yield found
    asked(found, lambda context: context.delete_stream("PACKSEAL"))


@pytest.fixture
def gateway(server: NATSCluster) -> Iterator[tuple[MQTTConnection, queue.Queue[bytes]]]:
    receipts: queue.Queue[bytes] = queue.Queue()
    made = MQTTConnection(
        server.listener(0), "gateway", ["packseal/s/b/receipt"], lambda _topic, payload: receipts.put(payload)
    )
    made.start()
    until(lambda: made.is_connected, "the listener for MQTT")
    yield made, receipts
    made.stop()


def asked(address: NATSAddress, question: Callable[[JetStreamContext], object]) -> object:
    """What an operator asks of JetStream."""

    async def run() -> object:
        client = await nats.connect(address.urls)
        try:
            return await question(client.jetstream())  # type: ignore[misc]
        finally:
            await client.close()

    return asyncio.run(run())


def test_what_gateways_send_comes_and_what_is_answered_reaches_them(
    address: NATSAddress, gateway: tuple[MQTTConnection, queue.Queue[bytes]]
) -> None:
    mqtt, receipts = gateway
    with running(address) as worker:
        mqtt.publish("packseal/s/b/rec", b"delivery")
        came = worker.next()
        assert (came.topic, came.payload) == ("packseal/s/b/rec", b"delivery")
        assert worker.connection.publish("packseal/s/b/receipt", b"receipt")
        came.done(True)
        assert receipts.get(timeout=WAIT_S) == b"receipt"
        mqtt.publish("packseal/s/b/fresh", b"notice")
        assert worker.heard.get(timeout=WAIT_S) == ("packseal/s/b/fresh", b"notice")
        until(lambda: asked(address, _messages) == 0, "the end of what was answered")


async def _messages(context: JetStreamContext) -> int:
    return (await context.stream_info("PACKSEAL")).state.messages


def test_what_was_not_answered_comes_again_also_to_another_worker(
    address: NATSAddress, gateway: tuple[MQTTConnection, queue.Queue[bytes]]
) -> None:
    with running(address) as worker:
        gateway[0].publish("packseal/s/b/rec", b"delivery")
        with running(address) as other:
            worker_or_other = Either(worker, other)
            for is_answered in (False, False, True):
                came = worker_or_other.next()
                assert came.payload == b"delivery"
                came.done(is_answered)
            until(lambda: asked(address, _messages) == 0, "the end of it")


def test_what_has_come_meanwhile_comes_as_a_group(
    address: NATSAddress, gateway: tuple[MQTTConnection, queue.Queue[bytes]]
) -> None:
    with running(address):
        pass
    for number in range(50):
        assert gateway[0].publish("packseal/s/b/rec", b"%d" % number)
    until(lambda: asked(address, _messages) == 50, "the stream")
    with running(address) as worker:
        payloads: list[int] = []
        while len(payloads) < 50:
            one = worker.next()
            one.done(True)
            payloads.append(int(one.payload))
        assert payloads == list(range(50))
        assert len(worker.groups) <= 5


def test_how_many_wait_behind_a_group_that_takes_long(
    address: NATSAddress, gateway: tuple[MQTTConnection, queue.Queue[bytes]]
) -> None:
    with running(address):
        pass
    for number in range(BATCH + 50):
        assert gateway[0].publish("packseal/s/b/rec", b"%d" % number)
    until(lambda: asked(address, _messages) == BATCH + 50, "the stream")
    with closing(Worker(address)) as worker:
        worker.may_go_on.clear()
        worker.connection.start()
        until(lambda: bool(worker.groups), "the first group")
        assert worker.connection.waiting == BATCH + 50 - worker.groups[0] > 0
        worker.may_go_on.set()
        until(lambda: worker.connection.waiting == 0, "the end of what waits")
    assert worker.connection.waiting is None, "of a connection that has ended nothing is known"


def test_a_stream_of_the_operators_own_stays_as_it_is(address: NATSAddress) -> None:
    own = StreamConfig("PACKSEAL", subjects=["packseal.>"], retention=RetentionPolicy.LIMITS, max_msgs=77)
    asked(address, lambda context: context.add_stream(own))
    with running(address):
        found = asked(address, lambda context: context.stream_info("PACKSEAL"))
    assert (found.config.max_msgs, found.config.retention) == (77, RetentionPolicy.LIMITS)  # type: ignore[attr-defined]


def test_a_stream_that_is_gone_is_made_again(
    address: NATSAddress, gateway: tuple[MQTTConnection, queue.Queue[bytes]]
) -> None:
    with running(address) as worker:
        asked(address, lambda context: context.delete_stream("PACKSEAL"))
        until(lambda: not worker.came.empty(), "a delivery", lambda: gateway[0].publish("packseal/s/b/rec", b"again"))
        assert worker.connection.problem == ""


# ---- what keeps it from its server


def test_a_server_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    server = NATSCluster(tmp_path, 1)
    with closing(Worker(nats_address(server.url))) as worker:
        worker.connection.start()
        worker.has_problem("does not answer; is it running")
        assert not worker.connection.publish("packseal/s/b/receipt", b"")
        server.start()
        try:
            until(lambda: worker.connection.is_connected, "the server")
            assert worker.connection.problem == ""
        finally:
            server.stop()


def test_more_replicas_than_servers_are_told_with_the_cure(address: NATSAddress) -> None:
    with closing(Worker(address, NATSTable(replicas=3))) as worker:
        worker.connection.start()
        worker.has_problem("write replicas = 1 into [nats]")
    with running(address) as cured:
        assert cured.connection.problem == ""


def test_tls_and_a_password_from_a_file(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    own = authority.issue("nats", is_client=False)
    for name, word in (("password", "a good one"), ("another", "a bad one")):
        (tmp_path / name).write_text(f"{word}\n")
        (tmp_path / name).chmod(0o600)
    more = f'tls {{ cert_file: "{own.certificate}", key_file: "{own.key}" }}\n'
    more += 'authorization { users: [ { user: "worker", password: "a good one" } ] }\n'
    with serving(tmp_path, more) as server:
        address = nats_address(server.url.replace("nats://", "tls://"))
        table = NATSTable(replicas=1, ca=authority.path, username="worker", password_file=tmp_path / "password")
        with running(address, table):
            pass
        other = CertificateAuthority(tmp_path, "Another CA").path
        for wrong, words in (
            (table.model_copy(update={"ca": other}), "certificate"),
            (table.model_copy(update={"password_file": tmp_path / "another"}), "check username and password_file"),
            (table.model_copy(update={"password_file": tmp_path / "none"}), "cannot be read"),
        ):
            with closing(Worker(address, wrong)) as worker:
                worker.connection.start()
                worker.has_problem(words)


def test_a_key_from_a_file(tmp_path: Path) -> None:
    seed = nkeys.encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_USER)
    public = nkeys.from_seed(bytearray(seed)).public_key.decode()
    (tmp_path / "worker.nk").write_bytes(seed)
    (tmp_path / "worker.nk").chmod(0o644)
    table = NATSTable(replicas=1, nkey_file=tmp_path / "worker.nk")
    with serving(tmp_path, f'authorization {{ users: [ {{ nkey: "{public}" }} ] }}\n') as server:
        address = nats_address(server.url)
        with closing(Worker(address, table)) as worker:
            worker.connection.start()
            worker.has_problem("others can read this key")
        (tmp_path / "worker.nk").chmod(0o600)
        with running(address, table) as cured:
            assert cured.connection.problem == ""


def test_what_was_never_started_ends_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    worker = Worker(NATSAddress((f"127.0.0.1:{free_port()}",)))
    worker.close()
    assert not worker.connection.is_connected
    assert capfd.readouterr() == ("", "")
