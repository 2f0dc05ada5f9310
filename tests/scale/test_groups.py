"""Deliveries taken in one group: one that cannot be stored costs the others nothing, and what is early is told so."""

from __future__ import annotations

from pathlib import Path

import pytest

from packseal.apps.receiving import Answer, EarlyError
from packseal.errors import Reason, UnavailableError
from packseal.io.sql import Transaction
from packseal.io.store_place import store_place
from packseal.records.answer import ReceiptAnswer, RefusalAnswer, decode_answer
from packseal.records.bodies import Previous
from tests.passport.board import TOPIC, Board, running_board, settings_for
from tests.passport.desk import Desk
from tests.postgres import Cluster
from tests.scale.gateways import boards
from tests.scale.settings import settings_of

GROUP = 24


def taken(desk: Desk, payloads: list[bytes], *, is_patient: bool = False) -> list[Answer]:
    return desk.service.receive_many([(TOPIC, payload) for payload in payloads], is_patient=is_patient)


def is_receipt(answer: Answer) -> bool:
    return isinstance(answer, bytes) and isinstance(decode_answer(answer), ReceiptAnswer)


def broken_for(desk: Desk, *broken: Board) -> None:
    """The database takes no record of these boards."""

    def change(transaction: Transaction) -> None:
        for number, board in enumerate(broken):
            transaction.execute(
                f"CREATE TRIGGER broken_{number} BEFORE INSERT ON records WHEN NEW.log_id = x'{board.log_id.hex()}'"
                " BEGIN SELECT RAISE(ABORT, 'this page of the disk is broken'); END"
            )

    desk.edit(change)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_cannot_be_stored_stands_alone(tmp_path: Path, count: int) -> None:
    packs = boards(GROUP)
    desk = Desk(tmp_path, settings_of(packs))
    broken = list(packs.values())[5 : 5 + count]
    broken_for(desk, *broken)
    answers = taken(desk, [board.delivery().to_bytes() for board in packs.values()])
    failed = [board for board, answer in zip(packs.values(), answers, strict=True) if not is_receipt(answer)]
    assert failed == broken
    assert {head.log_id for head in desk.store.heads()} == {b.log_id for b in packs.values() if b not in broken}


def test_a_store_that_takes_nothing_is_not_tried_for_ever(tmp_path: Path) -> None:
    packs = boards(GROUP)
    desk = Desk(tmp_path, settings_of(packs))
    desk.store._database.rows("PRAGMA query_only = ON")
    begun: list[str] = []
    desk.store._database._connection.set_trace_callback(begun.append)
    answers = taken(desk, [board.delivery().to_bytes() for board in packs.values()])
    assert all(isinstance(answer, UnavailableError) for answer in answers)
    assert sum(text == "BEGIN IMMEDIATE" for text in begun) <= 2 * 32 + 1
    desk.store._database._connection.set_trace_callback(None)
    desk.store._database.rows("PRAGMA query_only = OFF")
    assert all(map(is_receipt, taken(desk, [board.delivery().to_bytes() for board in packs.values()])))


def test_it_is_the_same_with_a_database_server(tmp_path: Path, cluster: Cluster) -> None:
    packs = boards(5)
    desk = Desk(tmp_path, settings_of(packs), store_place(cluster.new_database()))
    broken = packs["pack-3"]
    desk.edit(
        lambda transaction: transaction.execute(
            f"ALTER TABLE records ADD CONSTRAINT broken CHECK (log_id <> x'{broken.log_id.hex()}')"
        )
    )
    answers = taken(desk, [board.delivery().to_bytes() for board in packs.values()])
    assert [is_receipt(answer) for answer in answers] == [board is not broken for board in packs.values()]


def test_several_of_one_log_go_in_their_order(tmp_path: Path) -> None:
    packs = boards(3)
    desk = Desk(tmp_path, settings_of(packs))
    payloads = [board.delivery(size, size + 2).to_bytes() for board in packs.values() for size in (0, 2, 4)]
    assert all(map(is_receipt, taken(desk, payloads)))
    assert [head.size for head in desk.store.heads()] == [6, 6, 6]


# ---- what is early


def test_what_is_early_is_told_what_it_waits_for(tmp_path: Path) -> None:
    board = running_board()
    desk = Desk(tmp_path, settings_for((board, "B")))
    desk.receipt(board.delivery(0, 4).to_bytes())
    (early,) = taken(desk, [board.delivery(6, 8).to_bytes()], is_patient=True)
    assert isinstance(early, EarlyError)
    assert (early.log_id, early.size) == (board.log_id, 6)
    assert not desk.service.refusals("pack-1"), "nothing is refused yet"
    assert desk.refusal(board.delivery(6, 8).to_bytes()).reason == Reason.MISSING_ENTRIES
    assert is_receipt(taken(desk, [board.delivery(4, 6).to_bytes()], is_patient=True)[0])
    assert is_receipt(taken(desk, [board.delivery(6, 8).to_bytes()], is_patient=True)[0])


def test_a_forged_delivery_is_never_early(tmp_path: Path) -> None:
    """Nobody but the board can make anything be held back."""
    board = running_board()
    desk = Desk(tmp_path, settings_for((board, "B")))
    desk.receipt(board.delivery(0, 4).to_bytes())
    forged = board.delivery(6, 8).to_bytes()[:-10] + bytes(10)
    (answer,) = taken(desk, [forged], is_patient=True)
    assert isinstance(answer, bytes)
    refused = decode_answer(answer)
    assert isinstance(refused, RefusalAnswer)
    assert refused.reason in (Reason.BAD_SIGNATURE, Reason.MALFORMED)


def test_a_log_that_goes_on_from_another_waits_for_its_end(tmp_path: Path) -> None:
    old = running_board()
    old.seal()
    new = Board(name=old.name, label=b"n" * 16, previous=Previous(old.log_id, old.size, old.root(old.size)))
    new.boot()
    desk = Desk(tmp_path, settings_for((old, "B")))
    desk.receipt(old.delivery(0, 4).to_bytes())
    (early,) = taken(desk, [new.delivery().to_bytes()], is_patient=True)
    assert isinstance(early, EarlyError)
    assert (early.log_id, early.size) == (old.log_id, old.size)
    assert desk.refusal(new.delivery().to_bytes()).reason == Reason.FORK
    desk.receipt(old.delivery(4).to_bytes())
    assert is_receipt(taken(desk, [new.delivery().to_bytes()], is_patient=True)[0])
