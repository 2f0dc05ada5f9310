"""What was sent once is sent again, in any order and number, and clocks on the way say what they like."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from packseal.records.acts import Role
from packseal.records.answer import ReceiptAnswer, decode_answer
from packseal.records.attestation import Clock
from packseal.records.bodies import EntryType
from packseal.records.checkpoint import verify_receipt
from packseal.records.merkle import Edge
from tests.attacks.office import GATEWAY, Office, attestation_for
from tests.passport.board import TOPIC, Board
from tests.passport.desk import SERVICE_PUBLIC_KEY, desk_for

REPLAYS = 100_000 if os.environ.get("PACKSEAL_LONG") == "1" else 16_000
TEN_YEARS_MS = 10 * 365 * 86_400_000


def small_board() -> Board:
    board = Board()
    board.boot()
    for number in range(6):
        board.uptime_ms += 1_000
        board.append(EntryType.EVENT, {1: 1, 2: 3, 3: 2_400 + number})
    return board


def test_many_deliveries_of_a_few_are_as_one_of_each(tmp_path: Path) -> None:
    """Duplicated, shuffled and interleaved: the file is the same to the byte, and so is every answer."""
    board = small_board()
    desk = desk_for(tmp_path, board)
    spans = [(0, 2), (2, 3), (3, 5), (5, 6), (6, 8), (1, 2), (4, 5), (7, 8)]
    payloads = [board.delivery(first, end).to_bytes() for first, end in spans]
    answers = {payload: desk.service.receive(TOPIC, payload) for payload in payloads}
    desk.store.close()
    desk.open()
    file, contents = desk.path.read_bytes(), desk.contents()
    sent = payloads * (REPLAYS // len(payloads))
    random.Random(100_000).shuffle(sent)
    for number, payload in enumerate(sent):
        desk.now_unix_ms += number % 3
        assert desk.service.receive(TOPIC, payload) == answers[payload]
    assert len(sent) == REPLAYS
    assert desk.contents() == contents
    desk.store.close()
    assert desk.path.read_bytes() == file
    desk.open()


def test_deliveries_in_any_order_end_in_the_same_log(tmp_path: Path) -> None:
    """What comes too early is refused and sent again, as a gateway does; the log is the one that the board signed."""
    board = small_board()
    pieces = [board.delivery(seq, seq + 1).to_bytes() for seq in range(board.size)]
    for seed in range(20):
        (tmp_path / str(seed)).mkdir()
        desk = desk_for(tmp_path / str(seed), board)
        waiting, chance = list(pieces), random.Random(seed)
        while waiting:
            chance.shuffle(waiting)
            waiting = [one for one in waiting if not isinstance(desk.give(one), ReceiptAnswer)]
        (head,) = desk.store.heads()
        assert (head.size, head.edge.root()) == (board.size, Edge().extended(board.leaves).root())
        assert not desk.store.audit(board.log_id).differences


def test_a_receipt_of_another_log_or_time_is_not_replayed(tmp_path: Path) -> None:
    """A receipt names log, size and root: the one for one delivery is worth nothing for another."""
    board, other = small_board(), Board("other")
    desk = desk_for(tmp_path, board)
    first, second = (decode_answer(desk.service.receive(TOPIC, board.delivery(0, n).to_bytes())) for n in (3, 5))
    assert isinstance(first, ReceiptAnswer)
    assert isinstance(second, ReceiptAnswer)
    read = [verify_receipt(answer.receipt, SERVICE_PUBLIC_KEY) for answer in (first, second)]
    assert [(one.log_id, one.size, one.root) for one in read] == [(board.log_id, n, board.root(n)) for n in (3, 5)]
    assert other.log_id != board.log_id


# ---- clocks


@pytest.mark.parametrize("off_ms", [-TEN_YEARS_MS, -1, 0, 1, TEN_YEARS_MS])
@pytest.mark.parametrize("clock", list(Clock))
def test_a_gateway_clock_ten_years_off_moves_no_interval(tmp_path: Path, off_ms: int, clock: Clock) -> None:
    """The attestation says what it says, and is shown as the gateway's word; the interval is made of receipts alone."""
    office = Office(tmp_path)
    board = office.bound_board()
    office.enrol(GATEWAY, Role.GATEWAY)
    arrived_unix_ms = office.desk.now_unix_ms + off_ms
    attestation = attestation_for(board, arrived_unix_ms=arrived_unix_ms, clock=clock)
    office.desk.receipt(replace(board.delivery(), attestation=attestation).to_bytes())
    trusted = office.verified(office.bundle(board, 5))
    assert trusted.attested is not None
    assert trusted.attested.statement.arrived_unix_ms == arrived_unix_ms
    assert (trusted.not_before_unix_ms, trusted.not_after_unix_ms) == (None, office.desk.now_unix_ms)


def test_a_board_clock_moves_no_interval(tmp_path: Path) -> None:
    """A board that says it has run for ten years has the same interval; one whose time falls is refused elsewhere."""
    office = Office(tmp_path)
    board = office.bound_board()
    board.uptime_ms += TEN_YEARS_MS
    board.windows(1)
    office.desk.receipt(board.delivery().to_bytes())
    trusted = office.verified(office.bundle(board, board.size - 1))
    assert (trusted.not_before_unix_ms, trusted.not_after_unix_ms) == (None, office.desk.now_unix_ms)


def test_the_times_of_receipts_never_fall_even_when_the_services_clock_does(tmp_path: Path) -> None:
    office = Office(tmp_path)
    board = office.bound_board()
    times = []
    for size in range(1, board.size + 1):
        office.desk.now_unix_ms += (-TEN_YEARS_MS, 60_000)[size % 2]
        receipt = office.desk.receipt(board.delivery(size - 1, size).to_bytes())
        times.append((receipt.service_index, receipt.received_unix_ms))
        office.desk.reopen()
    assert times == sorted(times, key=lambda pair: pair[1])
    assert [index for index, _ in times] == sorted({index for index, _ in times})
