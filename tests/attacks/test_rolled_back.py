"""Flash put back to an earlier state, and boards that were copied: two stories of one key are named as such.

The boards are the real firmware. What went on to the service is there for good; a board that goes on from an older
flash contradicts it, and whatever it signs is refused.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from logger.core.link import BoardLink
from packseal.apps.collector import BoardCollector
from packseal.errors import EvidenceError, Reason
from packseal.io.outbox_store import OutboxStore
from packseal.io.session import BoardSession
from packseal.io.settings import BoardTable
from packseal.records.acts import Role
from packseal.records.log import NOTHING_KNOWN, Delivery, TrustedLog, Verified
from tests.attacks.flash_board import FlashBoard, WatchedFlash
from tests.attacks.office import Office
from tests.passport.board import Board, key_of, running_board
from tests.passport.desk import Desk, desk_for

POINTS = 200
WINDOWS = 200


@pytest.fixture(scope="module")
def original() -> FlashBoard:
    board = FlashBoard(WatchedFlash(), pack=1)
    board.run(WINDOWS)
    assert board.flash.operations > POINTS
    return board


def office_with(folder: Path, board: FlashBoard) -> Office:
    """A service that has the whole life of the board, delivered piece by piece."""
    office = Office(folder)
    office.enrol(key_of("board"), Role.BOARD)
    office.bind(Board("board"))
    known = 0
    for size in sorted(board.records()[1]):
        office.desk.receipt(board.delivery(known, size).to_bytes())
        known = size
    return office


def test_flash_rolled_back_at_200_points(tmp_path: Path, original: FlashBoard) -> None:
    """Fork, every time: delivered whole, from where the flash was put back to, or in the last piece alone."""
    office = office_with(tmp_path, original)
    before, document = office.desk.contents(), office.desk.document()
    history = original.flash.history
    known = max(original.records()[1])
    last = max(at for at in range(len(history)) if size_of(history[at]) < known - 10)  # beyond: see overtakes
    for point in range(POINTS):
        snapshot = history[point * last // (POINTS - 1)]
        board = FlashBoard(WatchedFlash(snapshot), pack=2)
        first = board.log.size
        board.run(6)
        sizes = [size for size in board.records()[1] if first < size <= known]
        assert sizes, "the board put back has signed something"
        assert board.records()[0][: sizes[-1]] != original.records()[0][: sizes[-1]], "and something else"
        for delivery in (board.delivery(0, sizes[-1]), board.delivery(min(first, known), sizes[-1])):
            assert office.desk.refusal(delivery.to_bytes()).reason == Reason.FORK, f"put back to {first}"
    assert office.desk.contents() == before
    assert office.desk.document() == document | {"as_of_unix_ms": office.desk.now_unix_ms}
    original.run(8)
    office.desk.receipt(original.delivery(known).to_bytes())


def size_of(flash: bytes) -> int:
    size: int = FlashBoard(WatchedFlash(flash), pack=1).log.size
    return size


@pytest.mark.parametrize("point", [0, 1, 60, 120, 180, 240])
def test_a_board_put_back_that_overtakes_itself(tmp_path: Path, original: FlashBoard, point: int) -> None:
    """It keeps silent until its log is longer than what is known, and then delivers only what is new: its time has
    fallen, or where it has waited long enough for that as well, no root fits."""
    office = office_with(tmp_path, original)
    known = max(original.records()[1])
    before = office.desk.contents()
    board = FlashBoard(WatchedFlash(original.flash.history[point]), pack=2)
    board.run_beyond(known)
    delivery = board.delivery()
    new = replace(delivery, first_seq=known, entries=delivery.entries[known:])
    assert office.desk.refusal(new.to_bytes()).reason in (Reason.TIME_RUNS_BACK, Reason.ROOT_MISMATCH)
    assert office.desk.refusal(delivery.to_bytes()).reason == Reason.FORK
    assert office.desk.contents() == before


def test_a_gateway_that_deleted_what_it_sent_sees_the_fork_too(original: FlashBoard) -> None:
    """It keeps the edge alone; no log that was put back leads from there to a root that was signed."""
    delivery = original.delivery()
    log = TrustedLog(delivery.genesis, delivery.seed)
    log = log.verified(delivery, NOTHING_KNOWN).log
    for point in range(0, 240, 20):
        board = FlashBoard(WatchedFlash(original.flash.history[point]), pack=2)
        board.run_beyond(log.size)
        entries, checkpoints = board.records()
        for size in checkpoints:
            if size > log.size:
                new = Delivery(log.genesis, log.seed, log.size, tuple(entries[log.size : size]), checkpoints[size])
                with pytest.raises(EvidenceError) as refusal:
                    log.verified(new, NOTHING_KNOWN)
                assert refusal.value.reason in (Reason.ROOT_MISMATCH, Reason.TIME_RUNS_BACK)


class GatewayPort:
    """The gateway's end of a board's plug: the real session and collector on a real outbox, joined by their bytes."""

    def __init__(self, folder: Path, board: FlashBoard) -> None:
        self.store = OutboxStore(folder / "outbox.db")
        table = BoardTable(battery="pack-1", port="-", public_key=board.identity.key.public.hex())
        self.collector = BoardCollector(table, self.store, self.keep)
        self._now_ms = 0

    def keep(self, battery: str, delivery: Delivery, verified: Verified, **_: object) -> None:
        self.store.store(battery, delivery, verified, 0)

    def plug_in(self, board: FlashBoard, turns: int = 400) -> None:
        session = BoardSession()
        link = BoardLink(board.logger)
        for _ in range(turns):
            self._now_ms += 10
            for event in session.receive(link.next_frame() or b"", self._now_ms):
                self.collector.on_event(session, event, self._now_ms)
            session.tick(self._now_ms)
            link.feed(session.bytes_to_send())


def test_a_board_put_back_is_refused_at_the_plug(tmp_path: Path, original: FlashBoard) -> None:
    """At its greeting while it knows less than the gateway, and at its first checkpoint when it has overtaken."""
    port = GatewayPort(tmp_path, original)
    port.plug_in(original)
    known = max(original.records()[1])
    waiting = port.store.waiting()
    assert (port.collector.state.size, port.collector.state.problem) == (known, "")
    for point in range(0, 240, 40):
        board = FlashBoard(WatchedFlash(original.flash.history[point]), pack=2)
        port.plug_in(board)
        assert port.collector.state.problem.startswith(Reason.FORK)
        board.run_beyond(known)
        port.plug_in(board)
        assert port.collector.state.problem.startswith((Reason.ROOT_MISMATCH, Reason.TIME_RUNS_BACK))
    assert port.store.waiting() == waiting
    port.plug_in(original)
    assert port.collector.state.problem == ""
    port.store.close()


# ---- copies


def clones(shared: int) -> tuple[Board, Board]:
    """One key and one flash on two boards, which have `shared` records in common."""
    first, second = running_board(shared), running_board(shared)
    second.uptime_ms += 1
    for board in (first, second):
        board.windows(5)
    return first, second


@pytest.mark.parametrize("shared", [1, 7, 40])
def test_of_two_clones_the_second_to_deliver_is_refused(tmp_path: Path, shared: int) -> None:
    for name, order in (("one", (0, 1)), ("other", (1, 0))):
        (tmp_path / name).mkdir()
        boards = clones(shared)
        first, second = boards[order[0]], boards[order[1]]
        desk: Desk = desk_for(tmp_path / name, first)
        desk.receipt(first.delivery().to_bytes())
        before = desk.contents()
        assert desk.refusal(second.delivery().to_bytes()).reason == Reason.FORK
        assert desk.refusal(second.delivery(second.size - 2).to_bytes()).reason == Reason.FORK
        second.windows(3)
        assert desk.refusal(second.delivery(first.size).to_bytes()).reason == Reason.ROOT_MISMATCH
        assert desk.contents() == before
        assert [row.reason for row in desk.service.refusals("pack-1")] == [Reason.ROOT_MISMATCH, Reason.FORK]
        first.windows(1)
        desk.receipt(first.delivery().to_bytes())


def test_clones_that_take_turns(tmp_path: Path) -> None:
    """What both have in common is taken from either; from where they part, only from the one that came first."""
    first, second = clones(6)
    desk = desk_for(tmp_path, first)
    shared = first.size - 5
    desk.receipt(second.delivery(0, shared).to_bytes())
    desk.receipt(first.delivery(0, shared).to_bytes())
    desk.receipt(second.delivery(shared).to_bytes())
    assert desk.refusal(first.delivery(shared).to_bytes()).reason == Reason.FORK
