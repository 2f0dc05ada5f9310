"""The service's part in a fresh read: who waits for what, what the answer is, and what is said when nothing comes.

A real service on a real store; the broker is a list of what was handed to it, the board a test's.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from packseal.apps.bundles import BundleMaker
from packseal.apps.fresh_reads import MAX_A_MINUTE, FreshAnswer, FreshReads, Why
from packseal.errors import EvidenceError, FreshReadError
from packseal.records.answer import ReceiptAnswer
from packseal.records.bodies import EntryType
from packseal.records.checkpoint import verify_receipt
from packseal.records.fresh import FreshNotice, Step, encode_notice, verify_command
from packseal.records.log import Delivery
from packseal.records.verify import verify_bundle
from tests.passport.board import TOPIC, running_board, signer
from tests.passport.desk import SERVICE_KEY, SERVICE_PUBLIC_KEY, Desk, desk_for
from tests.waiting import until

SOON_S, LONG_S = 0.2, 30.0
NONCE, OTHER = bytes(range(16)), bytes(16)


class Office:
    """`asked`: (topic, command) of all that went to the broker, which is there as long as `is_connected`."""

    def __init__(self, folder: Path, site: str | None = None) -> None:
        self.board = running_board()
        self.desk: Desk = desk_for(folder, self.board)
        self.asked: list[tuple[str, bytes]] = []
        self.is_connected = True
        publisher = self.desk.publisher
        bundles = BundleMaker(self.desk.store, self.desk.tiles, SERVICE_PUBLIC_KEY, publisher.publish_now)
        self.reads = FreshReads(self.desk.service, signer(SERVICE_KEY), bundles, self._publish, site)
        self._threads = ThreadPoolExecutor(4)

    def _publish(self, topic: str, content: bytes) -> bool:
        self.asked += [(topic, content)] if self.is_connected else []
        return self.is_connected

    def arrive(self, first: int = 0, **checkpoint: Any) -> None:
        """The board's records from first on."""
        board = self.board
        entries = tuple(board.entries[first:])
        self.deliver(Delivery(board.genesis, board.seed, first, entries, board.checkpoint(**checkpoint)))

    def deliver(self, delivery: Delivery) -> None:
        answer = self.desk.give(delivery.to_bytes())
        assert isinstance(answer, ReceiptAnswer)
        receipt = verify_receipt(answer.receipt, SERVICE_PUBLIC_KEY)
        self.reads.delivered(TOPIC, receipt.log_id, receipt.size)

    def ask(self, nonce: bytes = NONCE, timeout_s: float = LONG_S) -> Future[FreshAnswer]:
        """In another thread; returns when the command is on its way."""
        before = len(self.asked)
        future = self._threads.submit(self.reads.ask, "pack-1", nonce, timeout_s)
        until(lambda: len(self.asked) > before or future.done(), "a command")
        return future

    def notice(self, step: Step, nonce: bytes = NONCE, wait_ms: int = 0) -> None:
        self.reads.noticed(encode_notice(FreshNotice(nonce, step, wait_ms)))

    def end(self) -> None:
        self._threads.shutdown()


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path)
    made.arrive()
    return made


def refusal(asking: Callable[[], object]) -> FreshReadError:
    with pytest.raises(FreshReadError) as refused:
        asking()
    return refused.value


def test_the_answer_is_the_window_behind_the_nonce_with_all_that_proves_it(office: Office) -> None:
    office.notice(Step.TAKEN)  # of nobody who waits
    future = office.ask()
    ((topic, command),) = office.asked
    assert topic == "packseal/site/pack-1/cmd", "where the deliveries come from"
    wanted = verify_command(command, SERVICE_PUBLIC_KEY)
    assert (wanted.log_id, wanted.nonce) == (office.board.log_id, NONCE)
    first = office.board.size
    office.desk.now_unix_ms += 1_500
    office.board.windows(1)
    office.board.state_of_health()
    office.arrive(first, nonce=NONCE)
    answer = future.result(LONG_S)
    assert (answer.battery, answer.evidence_class, answer.log_id) == ("pack-1", "B", office.board.log_id)
    assert (answer.entry.type, answer.entry.seq) == (EntryType.WINDOW, first)
    assert answer.received_unix_ms - answer.asked_unix_ms == 1_500
    assert "soh_capacity_cpct" in answer.values
    trusted = verify_bundle(answer.bundle, office.desk.policy())
    assert (trusted.entry.seq, trusted.checkpoint.nonce) == (first, NONCE)
    assert trusted.not_after_unix_ms == answer.received_unix_ms
    assert (trusted.checkpoint.size, answer.nonce) == (office.board.size, NONCE)
    assert answer.checkpoint == office.desk.store.checkpoint(office.board.log_id, office.board.size)
    assert verify_receipt(answer.receipt, SERVICE_PUBLIC_KEY).size == office.board.size
    office.end()


def test_checkpoints_without_the_nonce_and_with_another_one_are_waited_over(office: Office) -> None:
    future = office.ask()
    for nonce in (None, OTHER, NONCE):
        first = office.board.size
        office.board.windows(1)
        assert not future.done()
        office.arrive(first, nonce=nonce)
    assert future.result(LONG_S).entry.seq == first
    office.end()


def test_a_checkpoint_with_the_nonce_and_no_new_window_is_no_answer(office: Office) -> None:
    future = office.ask()
    first = office.board.size
    office.board.state_of_health()
    office.arrive(first, nonce=NONCE)
    assert refusal(future.result).why == Why.NO_WINDOW
    office.end()


def test_the_same_size_signed_again_with_a_nonce_is_no_answer(office: Office) -> None:
    """It would prove a window that may be of any age."""
    future = office.ask(timeout_s=SOON_S)
    office.arrive(nonce=NONCE)
    assert refusal(future.result).why == Why.NO_GATEWAY
    office.end()


# ---- nothing comes


@pytest.mark.parametrize(
    ("steps", "why", "words"),
    [
        ([], Why.NO_GATEWAY, "no gateway has answered; is it running"),
        ([Step.PASSED_ON], Why.TIME_IS_UP, "its gateway has asked the board, which has not answered"),
        ([Step.PASSED_ON, Step.TAKEN], Why.TIME_IS_UP, "signed for with the next window"),
        ([Step.TAKEN, Step.AWAY, Step.TOO_SOON], Why.TIME_IS_UP, "signed for with the next window"),
    ],
)
def test_a_time_out_says_how_far_it_came(office: Office, steps: list[Step], why: Why, words: str) -> None:
    future = office.ask(timeout_s=SOON_S)
    for step in steps:
        office.notice(step)
    error = refusal(future.result)
    assert error.why == why
    assert words in str(error)
    office.end()


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([Step.AWAY], Why.AWAY),
        ([Step.OTHER_LOG], Why.OTHER_LOG),
        ([Step.STALE], Why.STALE),
        ([Step.PASSED_ON, Step.MUTE], Why.MUTE),
        ([Step.PASSED_ON, Step.NO_ROOM], Why.NO_ROOM),
    ],
)
def test_a_no_ends_the_wait_early_with_its_cure(office: Office, steps: list[Step], why: Why) -> None:
    """The time-out is longer than any test may take."""
    future = office.ask(timeout_s=600)
    for step in steps:
        office.notice(step)
    assert refusal(lambda: future.result(LONG_S)).why == why
    office.end()


def test_a_board_that_was_just_read_says_when_it_can_be_again(office: Office) -> None:
    future = office.ask()
    office.notice(Step.TOO_SOON, wait_ms=7_500)
    error = refusal(future.result)
    assert (error.why, error.retry_after_s) == (Why.TOO_SOON, 8)
    assert "try again in 8 s" in str(error)
    office.end()


def test_a_no_of_one_gateway_does_not_silence_another(office: Office) -> None:
    future = office.ask()
    for step in (Step.AWAY, Step.PASSED_ON, Step.OTHER_LOG, Step.TAKEN):
        office.notice(step)
    first = office.board.size
    office.board.windows(1)
    office.arrive(first, nonce=NONCE)
    assert future.result(LONG_S).nonce == NONCE
    office.end()


# ---- who may wait, and how many


def test_one_reader_of_a_battery_waits_at_a_time_and_a_few_a_minute(office: Office) -> None:
    future = office.ask(timeout_s=SOON_S)
    error = refusal(lambda: office.reads.ask("pack-1", OTHER, LONG_S))
    assert (error.why, error.retry_after_s) == (Why.TOO_SOON, 5)
    assert refusal(future.result).why == Why.NO_GATEWAY
    for _ in range(MAX_A_MINUTE - 1):
        refusal(office.ask(timeout_s=0.01).result)
    error = refusal(lambda: office.reads.ask("pack-1", OTHER, LONG_S))
    assert error.why == Why.TOO_SOON
    assert 0 < error.retry_after_s <= 60
    assert len(office.asked) == MAX_A_MINUTE, "what is refused is never published"
    office.end()


def test_commands_have_rising_times_whatever_the_clock_says(office: Office) -> None:
    for _ in range(3):
        office.desk.now_unix_ms -= 1_000
        refusal(office.ask(timeout_s=0.01).result)
    issued = [verify_command(command, SERVICE_PUBLIC_KEY).issued_unix_ms for _, command in office.asked]
    assert issued == sorted(set(issued))
    office.end()


def test_what_cannot_be_asked_is_said_at_once(tmp_path: Path) -> None:
    office = Office(tmp_path)
    assert refusal(lambda: office.reads.ask("pack-1", NONCE, LONG_S)).why == Why.NO_LIVE_LOG
    assert refusal(lambda: office.reads.ask("pack-9", NONCE, LONG_S)).why == Why.NO_LIVE_LOG
    office.desk.give(office.board.delivery().to_bytes())
    assert "no gateway is there" in str(refusal(lambda: office.reads.ask("pack-1", NONCE, LONG_S)))
    office.reads.delivered(TOPIC, office.board.log_id, office.board.size)
    office.is_connected = False
    assert refusal(lambda: office.reads.ask("pack-1", NONCE, LONG_S)).why == Why.NO_BROKER
    for nonce, timeout_s in ((NONCE[:15], 1.0), (NONCE, 0.0), (NONCE, 1e9)):
        with pytest.raises(ValueError, match="16 bytes"):
            office.reads.ask("pack-1", nonce, timeout_s)
    assert office.asked == []
    office.end()


def test_the_site_of_the_settings_serves_until_something_has_come(tmp_path: Path) -> None:
    office = Office(tmp_path, site="north")
    office.desk.give(office.board.delivery().to_bytes())
    refusal(office.ask(timeout_s=0.01).result)
    assert office.asked[0][0] == "packseal/north/pack-1/cmd"
    office.end()


def test_a_gateway_that_is_there_is_asked_until_something_has_come(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.desk.give(office.board.delivery().to_bytes())
    for site in ("south", "north", "south"):
        office.reads.gateway_heard(f"packseal/{site}/gateway/avail")
    refusal(office.ask(timeout_s=0.01).result)
    assert [topic for topic, _ in office.asked] == ["packseal/north/pack-1/cmd", "packseal/south/pack-1/cmd"]
    office.reads.delivered(TOPIC, office.board.log_id, office.board.size)
    refusal(office.ask(timeout_s=0.01).result)
    assert office.asked[2][0] == "packseal/site/pack-1/cmd"
    office.end()


def test_a_sealed_log_and_a_replay_are_not_asked(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.board.seal()
    office.arrive()
    assert refusal(lambda: office.reads.ask("pack-1", NONCE, LONG_S)).why == Why.NO_LIVE_LOG
    office.end()


def test_noise_is_no_notice(office: Office) -> None:
    with pytest.raises(EvidenceError):
        office.reads.noticed(b"noise")
    office.end()
