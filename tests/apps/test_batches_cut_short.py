"""A database server that dies in the middle of batches: every receipt that was given stands, and none stands twice."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import replace
from pathlib import Path

from packseal.errors import UnavailableError
from packseal.io.store_place import PostgresURL
from packseal.passport.settings import PassportSettings
from packseal.records.answer import ReceiptAnswer, RefusalAnswer, decode_answer
from packseal.records.checkpoint import Receipt, verify_receipt
from tests.passport.board import TOPIC, Board, running_board, settings_for
from tests.passport.desk import SERVICE_PUBLIC_KEY, Desk
from tests.postgres import Cluster

BOARDS, KILLS, LEAST_ROUNDS = 6, 4, 40


class Worker(threading.Thread):
    """One service on the common database, which delivers all boards' next records in one batch, again and again."""

    def __init__(self, desk: Desk, boards: list[Board], stopping: threading.Event) -> None:
        super().__init__(daemon=True)
        self.desk, self.boards, self._stopping = desk, boards, stopping
        self.receipts: dict[bytes, Receipt] = {}
        self.failures = self.rounds = 0
        self.sizes = dict.fromkeys((board.log_id for board in boards), 0)

    def run(self) -> None:
        while not self._stopping.is_set() or self.rounds < LEAST_ROUNDS:
            self.rounds += 1
            self.desk.now_unix_ms = time.time_ns() // 1_000_000
            for board in self.boards:
                board.windows(1)
            came = [(TOPIC, board.delivery(self.sizes[board.log_id]).to_bytes()) for board in self.boards]
            try:
                for answer in self.desk.service.receive_many(came):
                    self.hear(answer)
            except UnavailableError:
                self.failures += 1

    def hear(self, answer: bytes | UnavailableError) -> None:
        if isinstance(answer, UnavailableError):
            self.failures += 1
            return
        decoded = decode_answer(answer)
        if isinstance(decoded, RefusalAnswer):
            self.sizes[decoded.log_id] = decoded.size_known
        if isinstance(decoded, ReceiptAnswer):
            receipt = verify_receipt(decoded.receipt, SERVICE_PUBLIC_KEY)
            self.receipts[decoded.receipt] = receipt
            self.sizes[receipt.log_id] = receipt.size


def test_every_receipt_stands_once_whenever_the_server_dies(tmp_path: Path, own_cluster: Cluster) -> None:
    chance = random.Random("batches cut short")
    boards = [running_board(2, name=f"board {number}") for number in range(2 * BOARDS)]
    batteries = [settings_for((board, "B")).batteries[0] for board in boards]
    settings = PassportSettings(tuple(replace(one, id=f"pack-{n}") for n, one in enumerate(batteries)))
    place, stopping = PostgresURL(own_cluster.new_database()), threading.Event()
    desks = [Desk(tmp_path / name, settings, place) for name in ("first", "second")]
    shares = (boards[:BOARDS], boards[BOARDS:])
    workers = [Worker(desk, share, stopping) for desk, share in zip(desks, shares, strict=True)]
    for worker in workers:
        worker.start()
    for _ in range(KILLS):
        stopping.wait(chance.uniform(0.2, 1))
        own_cluster.kill()
        own_cluster.start()
    stopping.set()
    for worker in workers:
        worker.join()

    store = desks[0].store
    receipts = {content: receipt for worker in workers for content, receipt in worker.receipts.items()}
    assert all(worker.failures for worker in workers), "each was cut short"
    assert all(store.receipt(one.log_id, one.size) == content for content, one in receipts.items())
    assert len({one.service_index for one in receipts.values()}) == len(receipts)
    indices = sorted(receipts.values(), key=lambda one: one.service_index)
    assert [one.received_unix_ms for one in indices] == sorted(one.received_unix_ms for one in indices)
    for board in boards:
        result = store.audit(board.log_id, limit=1 << 24)
        assert (result.differences, result.is_complete) == ((), True)
    desks[0].publisher.turn()
