"""The gateway's part in a fresh read: which commands it believes, what it counts, and what it tells of its boards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from packseal.apps.fresh import MAX_A_MINUTE, MAX_SKEW_MS, STATUSES_TO_ASK_AGAIN, STATUSES_TO_GIVE_UP, FreshDesk
from packseal.io.link import Frame, FrameReader, FreshStep, Kind, encode_frame
from packseal.io.outbox_store import OutboxStore
from packseal.records.cbor import encode
from packseal.records.fresh import FreshCommand, FreshNotice, Step, decode_notice, sign_command
from tests.apps.test_collector import Port, port_for
from tests.passport.board import Board, key_of, running_board, signer

SERVICE = key_of("service")
PUBLIC_KEY = bytes(SERVICE.verify_key)
TOPIC = "packseal/north/pack-1/cmd"
START_UNIX_MS = 1_790_000_000_000
STATUS = encode_frame(Kind.STATUS, encode([0] * 10))


def nonce_of(number: int) -> bytes:
    return number.to_bytes(16, "big")


class Counts(Counter[str]):
    """`writes`: how often something was kept."""

    writes = 0

    def count(self, name: str, number: int) -> None:
        self[name] += number
        self.writes += 1


class Site:
    """One board's collector behind a desk, clocks that a test moves, and the notices that went out."""

    def __init__(self, port: Port, board: Board) -> None:
        self.port, self.board = port, board
        self.now_ms = 0
        self.unix_ahead_ms = 0
        self.counts = Counts()
        self.sent: list[tuple[str, FreshNotice]] = []
        clocks = (lambda: START_UNIX_MS + self.unix_ahead_ms + self.now_ms, lambda: self.now_ms)
        self.desk = FreshDesk(PUBLIC_KEY, [port.collector], self._publish, self.counts.count, *clocks)

    def _publish(self, topic: str, content: bytes) -> None:
        self.sent.append((topic, decode_notice(content)))

    def command(self, number: int, log_id: bytes | None = None, by: str = "service") -> bytes:
        command = FreshCommand(log_id or self.board.log_id, nonce_of(number), START_UNIX_MS + self.now_ms)
        return sign_command(command, signer(key_of(by)), bytes(key_of(by).verify_key))

    def take(self, payload: bytes, topic: str = TOPIC) -> list[FreshNotice]:
        """What was told because of it."""
        before = len(self.sent)
        self.now_ms += 1
        self.desk.take(topic, payload)
        assert {topic for topic, _ in self.sent} <= {"packseal/north/pack-1/fresh"}
        return [notice for _, notice in self.sent[before:]]

    def ask(self, number: int) -> list[FreshNotice]:
        return self.take(self.command(number))

    def say(self, *frames: bytes) -> list[FreshNotice]:
        """What was told of that."""
        before = len(self.sent)
        self.port.say(*frames)
        return [notice for _, notice in self.sent[before:]]

    def asked_again(self) -> list[Frame]:
        return [frame for frame in FrameReader().feed(self.port.session.bytes_to_send()) if frame.kind == Kind.FRESH]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    store = OutboxStore(tmp_path / "outbox.db")
    board = running_board()
    port = port_for(store, board)
    port.hello(board)
    port.records(board, 0)
    yield Site(port, board)
    store.close()


# ---- which commands are believed


def test_a_good_command_is_passed_on_and_what_the_board_says_is_told(site: Site) -> None:
    assert site.ask(1) == [FreshNotice(nonce_of(1), Step.PASSED_ON)]
    state = encode_frame(Kind.FRESH_STATE, encode([nonce_of(1), int(FreshStep.TOO_SOON), 7_500]))
    assert site.say(state) == [FreshNotice(nonce_of(1), Step.TOO_SOON, 7_500)]
    assert site.say(state) == [], "said once"
    assert not site.counts


@pytest.mark.parametrize(("step", "told"), [(FreshStep.TAKEN, Step.TAKEN), (FreshStep.NO_ROOM, Step.NO_ROOM)])
def test_whatever_the_board_says_has_its_word(site: Site, step: FreshStep, told: Step) -> None:
    site.ask(1)
    assert site.say(encode_frame(Kind.FRESH_STATE, encode([nonce_of(2), 0, 0]))) == [], "of another nonce"
    assert site.say(encode_frame(Kind.FRESH_STATE, encode([nonce_of(1), 9, 0]))) == [], "of a later version"
    assert site.say(encode_frame(Kind.FRESH_STATE, encode([nonce_of(1), int(step), 0])))[0].step is told


def test_what_the_service_has_not_signed_is_counted_and_has_no_effect(site: Site) -> None:
    good = site.command(1)
    bad = [good[:-1] + bytes([good[-1] ^ 1]), good[:-1], b"", bytes(300), site.command(1, by="another")]
    assert [site.take(content) for content in bad] == [[]] * len(bad)
    site.desk.flush()
    assert site.counts == {"fresh_bad-signature": 1, "fresh_malformed": 3, "fresh_unknown-service": 1}
    assert site.ask(2)[0].step is Step.PASSED_ON


def test_a_command_is_good_once_and_an_older_one_never(site: Site) -> None:
    earlier = site.command(1)
    site.now_ms += 5
    later = site.command(2)
    assert site.take(later)[0].step is Step.PASSED_ON
    assert [site.take(content) for content in (later, earlier, later)] == [[], [], []]
    site.desk.flush()
    assert site.counts == {"fresh_replayed": 3}


def test_one_of_a_restart_before_is_too_old_and_its_reader_is_told_of_the_clocks(site: Site) -> None:
    old = site.command(1)
    site.now_ms = MAX_SKEW_MS + 1
    assert site.take(old) == [FreshNotice(nonce_of(1), Step.STALE)]
    assert site.counts == {"fresh_stale": 1}
    site.unix_ahead_ms = -2 * MAX_SKEW_MS
    assert site.ask(2)[0].step is Step.STALE
    site.unix_ahead_ms = 0
    assert site.ask(3)[0].step is Step.PASSED_ON


def test_more_than_a_few_a_minute_are_not_passed_on(site: Site) -> None:
    for number in range(MAX_A_MINUTE):
        assert site.ask(number)[0].step is Step.PASSED_ON
    (notice,) = site.ask(MAX_A_MINUTE)
    assert notice.step is Step.TOO_SOON
    assert 59_000 < notice.wait_ms < 60_000
    site.now_ms += notice.wait_ms
    assert site.ask(MAX_A_MINUTE + 1)[0].step is Step.PASSED_ON
    assert site.counts == {"fresh_too-many": 1}


def test_a_flood_of_what_is_refused_is_counted_and_hardly_written(site: Site) -> None:
    bad = b"\x00" + site.command(1)
    for _ in range(5_000):
        assert site.take(bad) == []
    site.desk.flush()
    assert site.counts == {"fresh_malformed": 5_000}
    assert site.counts.writes <= 7, "once a second"


def test_a_command_for_another_battery_is_another_gateways(site: Site) -> None:
    assert site.take(site.command(1), "packseal/north/pack-9/cmd") == []
    assert site.take(b"noise", "packseal/north/pack-9/cmd") == []
    site.desk.flush()
    assert not site.counts


# ---- what becomes of it


def test_a_log_that_the_board_does_not_have_is_said(site: Site) -> None:
    assert site.take(site.command(1, log_id=bytes(16))) == [FreshNotice(nonce_of(1), Step.OTHER_LOG)]


def test_a_board_that_is_away_is_said(site: Site) -> None:
    site.port.collector._on_port_state("no connection: it is unplugged")
    assert site.ask(1) == [FreshNotice(nonce_of(1), Step.AWAY)]


def test_a_board_of_an_older_firmware_is_asked_twice_and_given_up(site: Site) -> None:
    """It counts the frame as one of no gateway, and goes on."""
    site.ask(1)
    for _ in range(STATUSES_TO_ASK_AGAIN):
        assert site.say(STATUS) == []
    assert site.asked_again() == [Frame(Kind.FRESH, nonce_of(1))]
    told = [notice for _ in range(STATUSES_TO_GIVE_UP) for notice in site.say(STATUS)]
    assert told == [FreshNotice(nonce_of(1), Step.MUTE)]
    assert site.asked_again() == []
