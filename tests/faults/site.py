"""A site as processes that can be killed: boards, one gateway, and a passport service on what it may stand on."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path

import pytest

from packseal.apps.demo import board_config
from packseal.errors import UnavailableError
from packseal.io.enrol import hello_of
from packseal.io.keys import load_or_make_key
from packseal.io.link import Hello
from packseal.io.mqtt import BrokerAddress, MQTTConnection
from packseal.io.ports import free_port
from packseal.io.store_place import store_place
from packseal.io.stores import open_store
from packseal.io.unix_board import UnixBoard
from packseal.records.answer import ReceiptAnswer, decode_answer
from packseal.records.attestation import verify_attestation
from packseal.records.checkpoint import verify_receipt
from packseal.records.cose import VerifyingKey
from packseal.records.entries import LOG_ID_BYTES, genesis_key
from packseal.records.log import Delivery
from packseal.records.merkle import leaf_hash
from tests.faults import network, oracle
from tests.faults.network import Link
from tests.faults.oracle import Found, Heard
from tests.faults.power import Power
from tests.faults.schedule import Kind
from tests.line.rig import PACKSEAL, Process, tool
from tests.postgres import Cluster
from tests.scale.servers import NATSCluster

BOARDS = 3
SMALL = {"flash_sectors": 8, "clock_rate": 150, "checkpoint_every": 15}  # the last board: soon full, without a gateway
LOOKS_FOR_DEATH = 100  # fifty a second
LONGEST_S = 120.0  # on a machine with much else to do
FOR_GATEWAY, FOR_SERVICE, FOR_US = "127.0.1.1", "127.0.1.2", "127.0.1.3"


class Mosquitto:
    """At three addresses, so that each of its clients can be cut off alone."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        settings = folder / "mosquitto.conf"
        listeners = [f"listener {self.port} {address}" for address in (FOR_GATEWAY, FOR_SERVICE, FOR_US)]
        settings.write_text("\n".join(["user root", "persistence false", "allow_anonymous true", *listeners, ""]))
        self.nodes = [Process([tool("mosquitto"), "-c", str(settings)], folder / "broker.log")]
        self.gateway, self.us = BrokerAddress(FOR_GATEWAY, self.port), BrokerAddress(FOR_US, self.port)
        self.service = str(BrokerAddress(FOR_SERVICE, self.port))
        self.links = {"gateway": Link(FOR_GATEWAY, (self.port,)), "service": Link(FOR_SERVICE, (self.port,))}


class NATS:
    """Three nodes: the gateway is connected to the first, we to the second, workers to any."""

    def __init__(self, folder: Path) -> None:
        cluster = NATSCluster(folder)
        self.nodes, self.service = cluster.nodes, cluster.url
        self.gateway, self.us = cluster.listener(0), cluster.listener(1)
        self.links = {
            "gateway": Link("127.0.0.1", (cluster.mqtt_ports[0],)),
            "service": Link("127.0.0.1", tuple(cluster.ports)),
        }


class Site:
    def __init__(
        self, folder: Path, kind: Kind, shim: Path | None, database: Cluster | None = None, boards: int = BOARDS
    ) -> None:
        """shim: the library of power.py; None where the power stays. database: where the kind is not SQLITE."""
        self.folder, self.kind = folder, kind
        for name in ("gateway", "service"):
            (folder / name).mkdir()
        self.broker = NATS(folder) if kind is Kind.NATS else Mosquitto(folder)
        self.service_key = load_or_make_key(folder / "service" / "service.key").public_key
        self.gateway_key = load_or_make_key(folder / "gateway" / "gateway.key").public_key
        self.boards = [UnixBoard(folder / f"board-{number}", self._board(number)) for number in range(boards)]
        self.store = database.new_database() if database else str(folder / "service" / "passport.db")
        self.powers = _powers(folder, kind, shim) if shim else {}
        self.gateway = self._process("gateway", ["gateway", "run", str(folder / "gateway" / "gateway.toml")], {})
        self.services = [self._service(number, {}) for number in range(1 if kind is Kind.SQLITE else 2)]
        self._tap = MQTTConnection(self.broker.us, "tap", ["packseal/#"], self._take)
        self._changed = threading.Condition()
        self.heard, self._sizes = Heard(), dict[bytes, int]()
        self.log_ids: list[bytes] = []
        self._made_s = time.monotonic()

    def _board(self, number: int) -> dict[str, object]:
        """Each at sixty times the pace of its pack, or faster."""
        return board_config(self.service_key) | {"checkpoint_every": 5} | (SMALL if number == BOARDS - 1 else {})

    def _service(self, number: int, environment: dict[str, str]) -> Process:
        path = self.folder / "service" / f"passport-{number}.toml"
        return self._process("service", ["passport", "serve", str(path)], environment, f"service-{number}")

    def _process(self, part: str, command: list[str], environment: dict[str, str], name: str = "") -> Process:
        power = self.powers.get(part)
        more = {**environment, **(power.environment if power else {})}
        assigned = [f"{key}={value}" for key, value in more.items()]
        log = self.folder / f"{name or part}.log"
        return Process([tool("env"), *assigned, PACKSEAL, *command, "--log", "text"], log)

    def fake_clocks(self, environment: dict[str, dict[str, str]]) -> None:
        """Before the start: by part, what its process finds in its environment."""
        path = str(self.folder / "gateway" / "gateway.toml")
        self.gateway = self._process("gateway", ["gateway", "run", path], environment["gateway"])
        self.services = [self._service(number, environment["service"]) for number in range(len(self.services))]

    # ---- its life

    def start(self) -> None:
        for node in self.broker.nodes:
            node.start()
        self._tap.start()
        for board in self.boards:
            board.start()
        geneses = [self._genesis(board) for board in self.boards]
        self.log_ids = [leaf_hash(genesis)[:LOG_ID_BYTES] for genesis in geneses]
        self._configure([genesis_key(genesis).public_key for genesis in geneses])
        for process in (*self.services, self.gateway):
            process.start()
        self.until(lambda: len(self.sizes()) == len(self.boards), "a receipt for each board")

    def _genesis(self, board: UnixBoard) -> bytes:
        """Asked again where another program of this machine looks at each port that there is."""
        hellos: list[Hello] = []

        def has_answered() -> bool:
            with suppress(UnavailableError):
                hellos.append(hello_of(board.port))
            return bool(hellos)

        self.until(has_answered, "a board's first word")
        return hellos[0].genesis

    def stop(self) -> None:
        self._tap.stop()
        for process in (self.gateway, *self.services, *self.broker.nodes):
            process.kill()
        for board in self.boards:
            board.stop()

    def _configure(self, keys: list[bytes]) -> None:
        batteries = boards = ""
        for number, (key, board) in enumerate(zip(keys, self.boards, strict=True)):
            batteries += f'[[battery]]\nid = "pack-{number}"\nname = "Pack"\ncategory = "SBESS"\n'
            batteries += f'[[battery.source]]\npublic_key = "{key.hex()}"\nevidence_class = "B"\n'
            boards += f'[[board]]\nbattery = "pack-{number}"\nport = "{board.port}"\npublic_key = "{key.hex()}"\n'
        for number in range(len(self.services)):
            worker = "" if self.kind is Kind.SQLITE else f"[worker]\npages = {'false' if number else 'true'}\n"
            (self.folder / "service" / f"passport-{number}.toml").write_text(
                f'broker = "{self.broker.service}"\nlisten = "127.0.0.1:{free_port()}"\nstore = "{self.store}"\n'
                f'key = "service.key"\n[access]\nanonymous = "owner"\n{worker}'
                f'[[authority]]\nrole = "gateway"\npublic_key = "{self.gateway_key.hex()}"\n{batteries}'
            )
        (self.folder / "gateway" / "gateway.toml").write_text(
            f'site = "site"\nbroker = "{self.broker.gateway}"\noutbox = "outbox.db"\n'
            f'service_public_key = "{self.service_key.hex()}"\n{boards}'
        )

    # ---- its faults

    def check_running(self) -> None:
        """Fails where a program has ended by itself: none is expected to, whatever is done to another. To be called
        before each end of our own. (Disks are filled below no program of a site: see full_disk.py.)"""
        boards = {f"board {number}": board for number, board in enumerate(self.boards)}
        check_running(self._programs() | boards, self.output)

    def _programs(self) -> dict[str, Process | UnixBoard]:
        services = {f"service {number}": service for number, service in enumerate(self.services)}
        nodes = {f"broker {number}": node for number, node in enumerate(self.broker.nodes)}
        return {"gateway": self.gateway, **services, **nodes}

    def kill(self, name: str, number: int) -> None:
        """And starts it again."""
        self.check_running()
        parts: dict[str, list[Process] | list[UnixBoard]] = {
            "firmware": self.boards, "gateway": [self.gateway], "service": self.services, "broker": self.broker.nodes,
        }  # fmt: skip
        part = parts[name][number % len(parts[name])]
        part.kill()
        if name in self.powers:
            self.powers[name].keep()
        part.start()

    def cut_power(self, name: str, writes: int, chance: random.Random) -> int:
        """Of the gateway, or of the one service, behind so many further writes, or where those do not come, soon.

        -> how many writes it lost
        """
        self.check_running()
        part = {"gateway": self.gateway, "service": self.services[0]}[name]
        self.powers[name].arm(writes)
        for _ in range(LOOKS_FOR_DEATH):
            if not part.is_running():
                break
            self.wait(0.02)
        if part.has_ended():  # in another way than by the SIGKILL that it was armed with
            pytest.fail(f"{name} ended by itself before its power was cut\n{self.output()}")
        part.kill()
        lost = self.powers[name].cut(chance)
        part.start()
        return lost

    def leave(self, seconds: float) -> None:
        """The gateway is away, and boards record on."""
        self.check_running()
        self.gateway.kill()
        self.wait(seconds)
        self.powers["gateway"].keep()
        self.gateway.start()

    # ---- what is seen of it

    def sizes(self) -> dict[bytes, int]:
        """How much of each log has a receipt that we have heard."""
        with self._changed:
            return dict(self._sizes)

    def age_s(self) -> float:
        return time.monotonic() - self._made_s

    def deliveries(self) -> int:
        return len(self.heard.deliveries)

    def arrived_unix_s(self, delivery: Delivery) -> float:
        """By the gateway's clock, as it has signed."""
        said = verify_attestation(delivery.attestation or b"", VerifyingKey(self.gateway_key))
        return said.arrived_unix_ms / 1000

    def said(self, name: str) -> list[str]:
        """By the gateway, or by each service, until now."""
        return [part.output() for part in ([self.gateway] if name == "gateway" else self.services)]

    def wait(self, seconds: float) -> None:
        threading.Event().wait(seconds)

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Looks again at each message on the broker, and ten times a second."""
        deadline = time.monotonic() + LONGEST_S
        while not holds():
            if time.monotonic() > deadline:
                pytest.fail(f"{what} did not come in {LONGEST_S:.0f} s\n{self.output()}")
            with self._changed:
                self._changed.wait(0.1)

    def goes_on(self) -> None:
        """Of each board something new gets a receipt."""
        before = self.sizes()
        self.until(lambda: all(self.sizes()[log] > before[log] for log in before), "a receipt for each board")

    def settle(self) -> None:
        """All that was recorded has its receipt, and nothing is recorded any more."""
        self.goes_on()
        self.check_running()
        for board in self.boards:
            board.kill()
        self.until(lambda: not self._waiting(), "a receipt for all that waits in the outbox")

    def count(self) -> Found:
        """At any time, also of a site that has failed: what is lost of all that was receipted, and what doubled."""
        with self._changed:
            heard = Heard(list(self.heard.deliveries), list(self.heard.answers))
        with suppress(sqlite3.Error):  # there may be no outbox yet
            heard.answers += self._kept_receipts()
        with closing(open_store(store_place(self.store))) as store:
            return oracle.count(oracle.read_logs(store), heard, self.service_key)

    def check(self) -> None:
        """When it is settled: the oracle."""
        check_running(self._programs(), self.output)
        self.gateway.kill()
        for path in (self.folder / "gateway").glob("outbox.db*"):
            assert not path.name.endswith(".damaged"), "the outbox was found to be damaged"
        heard = Heard(self.heard.deliveries, [*self.heard.answers, *self._kept_receipts()])
        with closing(open_store(store_place(self.store))) as store:
            stored = oracle.stored_logs(store)
            assert set(stored) == set(self.log_ids), "one log for each board"
            oracle.check_records(stored, heard, self.service_key)
            oracle.check_all_stored(stored, heard.deliveries)
            oracle.check_service_log(store, heard, self.service_key)
            self._check_counts(heard, {log_id: len(log.contents) for log_id, log in stored.items()})

    def _check_counts(self, heard: Heard, sizes: dict[bytes, int]) -> None:
        """The set of receipted records is the set of the store, and the outbox has counted each of them once."""
        receipted = dict.fromkeys(sizes, 0)
        for receipt in heard.receipts(self.service_key).values():
            receipted[receipt.log_id] = max(receipted[receipt.log_id], receipt.size)
        assert receipted == sizes
        counts: dict[str, int] = dict(self._outbox("SELECT name, value FROM counts"))
        assert counts["records_stored"] == counts["records_receipted"] == sum(sizes.values())

    def _kept_receipts(self) -> list[ReceiptAnswer]:
        """The newest of each log, which the gateway keeps for its board: we may have been cut off when it came."""
        rows: list[tuple[bytes, bytes]] = self._outbox("SELECT log_id, receipt FROM logs WHERE receipt IS NOT NULL")
        return [ReceiptAnswer(log_id, receipt) for log_id, receipt in rows]

    def _waiting(self) -> int:
        (count,) = self._outbox("SELECT count(*) FROM deliveries")[0]
        return int(count)

    def _outbox(self, query: str) -> list[tuple]:  # type: ignore[type-arg]  # as the query has it
        with closing(sqlite3.connect(f"file:{self.folder}/gateway/outbox.db?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()

    def output(self) -> str:
        """The end of what each program said."""
        logs = sorted(self.folder.glob("*.log")) + sorted(self.folder.glob("board-*/board.log"))
        return "\n".join(f"---- {path.name}\n{path.read_text(errors='replace')[-2500:]}" for path in logs)

    def _take(self, topic: str, payload: bytes) -> None:
        kind = topic.rsplit("/", 1)[-1]
        with self._changed:
            if kind == "rec":
                self.heard.deliveries.append(Delivery.from_bytes(payload))
            if kind == "receipt":
                self._take_answer(payload)
            self._changed.notify_all()

    def _take_answer(self, payload: bytes) -> None:
        answer = decode_answer(payload)
        self.heard.answers.append(answer)
        if isinstance(answer, ReceiptAnswer):
            with suppress(KeyError):
                receipt = verify_receipt(answer.receipt, self.service_key)
                self._sizes[receipt.log_id] = max(receipt.size, self._sizes.get(receipt.log_id, 0))


def check_running(programs: Mapping[str, Process | UnixBoard], output: Callable[[], str]) -> None:
    """To be called while all of them have to run: one that does not has ended by itself."""
    for name, program in programs.items():
        if not program.is_running():
            pytest.fail(f"{name} ended by itself\n{output()}")


def lived(site: Site, live: Callable[[], None], found: Found) -> Found:
    """The whole life of a site, which has to be inside of network.enter. -> what was counted of it.

    That is added to `found` before anything is held against it, and also when it fails.
    """
    try:
        try:
            site.start()
            live()
            site.settle()
        finally:
            network.heal()
            counted = site.count()
            found.add(counted)
        counted.check()
        site.check()
        return counted
    finally:
        site.stop()


def _powers(folder: Path, kind: Kind, shim: Path) -> dict[str, Power]:
    """Of those whose unsynced writes can be taken: a database server's are its own affair."""
    names = ["gateway", "service"] if kind is Kind.SQLITE else ["gateway"]
    return {name: Power(shim, folder / name, folder / f"{name}-undo") for name in names}
