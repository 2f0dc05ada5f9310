"""Two services on one database take the same deliveries at the same time."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest

from packseal.apps.receiving import Answer
from packseal.io.store_place import StorePlace, store_place
from packseal.passport.settings import PassportSettings
from packseal.records.checkpoint import verify_receipt
from tests.passport.board import TOPIC
from tests.passport.desk import SERVICE_PUBLIC_KEY, Desk
from tests.postgres import Cluster
from tests.scale.gateways import boards
from tests.scale.settings import settings_of
from tests.scale.test_groups import is_receipt, taken

BATTERIES, ROUNDS = 6, 8


def test_both_answer_with_the_same_receipt_and_store_once(tmp_path: Path, cluster: Cluster) -> None:
    packs, place = boards(BATTERIES), store_place(cluster.new_store())
    with closing(_Both(tmp_path, settings_of(packs), place)) as both:
        first = dict.fromkeys(packs, 0)
        for _ in range(ROUNDS):
            payloads = []
            for battery, board in packs.items():
                board.windows(1)
                payloads.append(board.delivery(first[battery]).to_bytes())
                first[battery] = board.size
            one, other = both.taken(payloads)
            assert one == other
            assert all(map(is_receipt, one))
        store = both.desks[0].store
        assert store.sizes([board.log_id for board in packs.values()]) == {b.log_id: b.size for b in packs.values()}
        receipts = [store.receipt(board.log_id, board.size) or b"" for board in packs.values()]
        assert len({verify_receipt(one, SERVICE_PUBLIC_KEY).service_index for one in receipts}) == BATTERIES


class _Both:
    def __init__(self, folder: Path, settings: PassportSettings, place: StorePlace) -> None:
        self.desks = [Desk(folder, settings, place) for _ in range(2)]

    def close(self) -> None:
        for desk in self.desks:
            desk.store.close()

    def taken(self, payloads: list[bytes]) -> list[list[Answer]]:
        """The answers of each; they begin at the same moment."""
        answers: list[list[Answer]] = [[], []]
        begin = threading.Barrier(2)

        def take(number: int) -> None:
            begin.wait()
            answers[number] = list(self.desks[number].service.receive_many([(TOPIC, one) for one in payloads]))

        threads = [threading.Thread(target=take, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers


@pytest.mark.parametrize("kind", ["SQLite", "PostgreSQL"])
def test_sizes_of_many_logs_are_asked_at_once(tmp_path: Path, cluster: Cluster, kind: str) -> None:
    packs = boards(40)
    desk = Desk(tmp_path, settings_of(packs), store_place(cluster.new_store()) if kind == "PostgreSQL" else None)
    assert all(map(is_receipt, taken(desk, [board.delivery().to_bytes() for board in packs.values()])))
    ids = [board.log_id for board in packs.values()]
    assert desk.store.sizes([*ids, bytes(16)]) == {board.log_id: board.size for board in packs.values()}
    assert desk.store.sizes([]) == {}
    desk.store.close()
