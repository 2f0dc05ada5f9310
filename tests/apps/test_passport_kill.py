"""kill -9 of the passport service while deliveries come: its log goes on from all that was ever signed of it."""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from packseal.errors import Reason
from packseal.io.keys import load_or_make_key
from packseal.io.mqtt import MQTTConnection
from packseal.io.ports import free_port
from packseal.io.store_place import store_place
from packseal.io.stores import open_store
from packseal.io.tile_store import CHECKPOINT, TileStore
from packseal.records.answer import ReceiptAnswer, decode_answer
from packseal.records.checkpoint import Receipt, receipt_leaf_entry, verify_receipt
from packseal.records.merkle import leaf_hash, verify_consistency, verify_inclusion
from packseal.records.note import LogCheckpoint, verify_log_checkpoint
from packseal.records.passport_log import consistency_proof, inclusion_proof
from tests.line.rig import PACKSEAL, WAIT_S, Process, broker
from tests.passport.board import Board, running_board
from tests.postgres import Cluster

KILLS, SERVER_KILLS = 8, 4
BURST = 12  # deliveries under way when the service dies
PAUSE_S = 0.05
TOPIC = "packseal/site/pack-1"


class Service:
    """A broker, a service as its own process, and a gateway's place on the broker."""

    def __init__(self, folder: Path, store: str = "passport.db") -> None:
        self.folder, self.store = folder, store
        self.key = load_or_make_key(folder / "service.key").public_key
        self.board: Board = running_board()
        self.broker, address = broker(folder)
        (folder / "passport.toml").write_text(
            f'broker = "{address}"\nlisten = "127.0.0.1:{free_port()}"\nstore = "{store}"\nkey = "service.key"\n'
            f'[[battery]]\nid = "pack-1"\nname = "A pack"\ncategory = "SBESS"\n'
            f'[[battery.source]]\npublic_key = "{self.board.public_key.hex()}"\nevidence_class = "B"\n'
        )
        command = [PACKSEAL, "passport", "serve", str(folder / "passport.toml")]
        self.passport = Process(command, folder / "passport.log")
        self.answers: queue.Queue[bytes] = queue.Queue()
        self.gateway = MQTTConnection(
            address, "gateway", [f"{TOPIC}/receipt"], lambda _topic, payload: self.answers.put(payload)
        )
        self.receipts: dict[bytes, Receipt] = {}
        self.notes: list[LogCheckpoint] = []

    def start(self) -> None:
        self.broker.start()
        self.gateway.start()
        self.until(lambda: self.gateway.is_connected, "the broker")
        self.passport.start()

    def stop(self) -> None:
        self.gateway.stop()
        for part in (self.passport, self.broker):
            part.kill()

    @property
    def receipted(self) -> int:
        return max((receipt.size for receipt in self.receipts.values()), default=0)

    def give(self, first: int) -> None:
        self.gateway.publish(f"{TOPIC}/rec", self.board.delivery(first).to_bytes())

    def hear(self, timeout_s: float) -> None:
        """One answer. A refusal can only say that a delivery before this one was lost with the service."""
        answer = decode_answer(self.answers.get(timeout=timeout_s))
        if isinstance(answer, ReceiptAnswer):
            self.receipts[answer.receipt] = verify_receipt(answer.receipt, self.key)
        else:
            assert answer.reason == Reason.MISSING_ENTRIES

    def hear_all(self) -> None:
        """The service takes deliveries, and has answered the newest one."""

        def is_receipted() -> bool:
            if self.receipted < self.board.size:
                self.give(self.receipted)
                with suppress(queue.Empty):
                    self.hear(1)
            return self.receipted == self.board.size

        self.until(is_receipted, "a receipt for everything")

    def burst(self, chance: random.Random) -> None:
        """Deliveries under way, of which a few, or none, are answered before the end."""
        for _ in range(BURST):
            size = self.board.size
            self.board.windows(1)
            self.give(size)
        for _ in range(chance.randrange(BURST)):
            with suppress(queue.Empty):
                self.hear(chance.random() * PAUSE_S)

    def see(self) -> None:
        """Whatever is signed of the log now: what the database has, and what is published."""
        with closing(open_store(store_place(self._at(self.store)))) as store:
            found = [store.log.note()]
        published = self.tiles.read(CHECKPOINT)
        self.notes += [verify_log_checkpoint(note, self.key) for note in [*found, published] if note]

    def _at(self, store: str) -> str:
        return store if "://" in store else str(self.folder / store)

    @property
    def tiles(self) -> TileStore:
        return TileStore(self.folder / "passport-log")

    def published_size(self) -> int:
        found = self.tiles.published()
        return found.size if found else 0

    def check(self) -> None:
        """The oracle, by the published tiles: every note ever seen is a beginning, and every receipt's leaf is in."""
        least = max([*(note.size for note in self.notes), *(one.service_index + 1 for one in self.receipts.values())])
        self.until(lambda: self.published_size() >= least, "the log to be published")
        last = verify_log_checkpoint(self.tiles.read(CHECKPOINT) or b"", self.key)
        read = self.tiles.reader(last.size)
        for note in set(self.notes):
            proof = consistency_proof(read, note.size, last.size, last.size)
            verify_consistency((note.size, last.size), proof, (note.root, last.root))
        for content, receipt in self.receipts.items():
            leaf, index = leaf_hash(receipt_leaf_entry(content).to_bytes()), receipt.service_index
            verify_inclusion(leaf, index, last.size, inclusion_proof(read, index, last.size, last.size), last.root)
        indices = [receipt.service_index for receipt in self.receipts.values()]
        assert len(set(indices)) == len(indices), "no index was given twice"

    def until(self, holds: Callable[[], bool], what: str) -> None:
        for _ in range(20 * WAIT_S):
            if holds():
                return
            threading.Event().wait(PAUSE_S)
        pytest.fail(f"no {what} after a minute:\n{self.passport.output()}")


@contextmanager
def running(folder: Path, store: str = "passport.db") -> Iterator[Service]:
    made = Service(folder, store)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def test_killed_again_and_again_the_log_goes_on_from_all_that_was_signed(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        killed_again_and_again(service)


def test_it_is_the_same_with_a_database_server(tmp_path: Path, cluster: Cluster) -> None:
    with running(tmp_path, cluster.new_database()) as service:
        killed_again_and_again(service, SERVER_KILLS)


def test_a_database_server_that_dies_takes_no_receipt_with_it(tmp_path: Path, own_cluster: Cluster) -> None:
    """The service stands by, and goes on by itself."""
    chance = random.Random("kill the database server")
    with running(tmp_path, own_cluster.new_database()) as service:
        service.hear_all()
        for _ in range(SERVER_KILLS):
            service.burst(chance)
            own_cluster.kill()
            service.give(service.receipted)
            own_cluster.start()
            service.see()
            service.hear_all()
            service.check()


def killed_again_and_again(service: Service, kills: int = KILLS) -> None:
    chance = random.Random("kill the passport service")
    service.hear_all()
    for _ in range(kills):
        service.burst(chance)
        service.passport.kill()
        service.see()
        service.passport.start()
        service.hear_all()
        service.check()
    service.passport.interrupt()
    service.see()
    service.check()
    times = [one.received_unix_ms for one in sorted(service.receipts.values(), key=lambda one: one.service_index)]
    assert times == sorted(times)
    assert len({note.size for note in service.notes}) >= kills
