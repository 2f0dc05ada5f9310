"""Firmware updates over the link (docs/link.md clauses 16 to 19): the board's side alone, then with the gateway's."""

from __future__ import annotations

import importlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from logger.core.can_hub import CanHub
from logger.core.can_link import line_on
from packseal.apps.collector import CONNECTED, BoardCollector
from packseal.io.link import FrameReader, Kind
from packseal.io.outbox_store import OutboxStore
from packseal.io.session import BoardSession
from packseal.io.settings import BoardTable
from packseal.io.update_offer import PIECE_BYTES, UpdatePackage
from packseal.records.cbor import decode
from packseal.records.entries import genesis_key
from packseal.records.log import Delivery, Verified
from tests.firmware.conftest import Interpreter
from tests.io.test_can_line import Controller
from tests.waiting import until

BOARD_TESTS = Path(__file__).parent / "board_tests"
PROVEN, FAILED_START = 1, 2  # docs/record.md, EVENT 8
TAKING, BAD_SIGNATURE, BAD_CONTENT, NOT_NEWER, WRONG_BOARD, READY, NOT_NOW, NO_SLOTS = 0, 3, 4, 5, 6, 8, 9, 10


def ran(interpreter: Interpreter, name: str, *more: str) -> Any:
    return json.loads(interpreter.run(BOARD_TESTS / "update_link.py", name, *more, heap_bytes=2 << 20))


def test_a_whole_package_comes_in_steps_that_miss_no_slot_and_proves_itself(interpreter: Interpreter) -> None:
    """At 10 Hz; and in a turn of the main loop there is one file written, or one removed, or one renamed. The restart
    comes behind a window."""
    slots_missed, most_operations, unkept_ms, events, states = ran(interpreter, "whole")
    assert (slots_missed, most_operations) == (0, 2)
    assert unkept_ms < 500, "of windows of two seconds"
    assert events == [[PROVEN, 1 << 8]]
    assert states == [READY, TAKING]


def test_what_must_be_refused_is_refused_with_its_reason_and_the_old_one_runs(interpreter: Interpreter) -> None:
    assert ran(interpreter, "refused") == {
        "spoilt": [BAD_CONTENT, [[BAD_CONTENT, 2 << 8]], True],
        "older": [NOT_NEWER, [[NOT_NEWER, 9]], True],
        "another board's": [WRONG_BOARD, [[WRONG_BOARD, None]], True],
        "by another key": [BAD_SIGNATURE, [[BAD_SIGNATURE, None]], True],
    }


def test_power_cut_behind_each_piece(interpreter: Interpreter) -> None:
    assert ran(interpreter, "power_cuts") > 10


def test_a_refusal_is_told_once_an_hour(interpreter: Interpreter) -> None:
    """Who offers without end must not fill the log with refusals."""
    assert ran(interpreter, "told_once") == [1, 1, 1, 1, 2]


def test_one_gateway_at_a_time_brings_a_package_until_it_is_silent_for_a_minute(interpreter: Interpreter) -> None:
    assert ran(interpreter, "two_gateways") == [PIECE_BYTES, PIECE_BYTES + 100]


def test_a_board_without_slots_says_so_and_takes_nothing(interpreter: Interpreter) -> None:
    assert ran(interpreter, "no_slots") == [[NO_SLOTS, NO_SLOTS], 0]


@pytest.mark.parametrize("seed", ["1", "2"])
def test_frames_of_updates_that_no_gateway_sends(interpreter: Interpreter, seed: str) -> None:
    """Nothing escapes, and nothing is put on trial but what was signed, whole."""
    assert ran(interpreter, "fuzz", seed) == [TAKING, BAD_SIGNATURE, BAD_CONTENT, READY, NOT_NOW]


# --- with the gateway's own part


class Bench:
    """The real gateway's part on a board with two slots; each `connect` is a new line, each `gateway` a new process."""

    def __init__(self, rig: Any, store: OutboxStore) -> None:
        self.rig, self.store = rig, store
        self.site = rig.Site(sample_ms=500)
        self.offsets: list[int] = []
        self.now_ms = 0
        self.key = genesis_key(self.site.keys.identity.genesis).public_key

    def offer(self, content: bytes, port: str = "/dev/none") -> BoardCollector:
        """A gateway that has just started."""
        table = BoardTable(battery="pack-1", port=port, public_key=self.key.hex())  # type: ignore[arg-type]
        package = UpdatePackage.parse(content)
        assert package
        self.collector = BoardCollector(table, self.store, self._submit, package)
        self.connect()
        return self.collector

    def connect(self) -> None:
        self.session = BoardSession()
        self.collector._on_port_state(CONNECTED)

    def _submit(
        self, battery: str, delivery: Delivery, verified: Verified, *, is_live: bool, counts: Mapping[int, int]
    ) -> None:
        assert is_live in (True, False)
        assert set(counts) == {4, 5}
        self.store.store(battery, delivery, verified, 0)

    def receive(self, content: bytes) -> bytes:
        """As io/board.py does it, ten milliseconds later."""
        self.now_ms += 10
        for event in self.session.receive(content, self.now_ms):
            self.collector.on_event(self.session, event, self.now_ms)
        self.session.tick(self.now_ms)
        answer = self.session.bytes_to_send()
        for frame in FrameReader().feed(answer):
            if frame.kind == Kind.UPDATE:
                offset, piece = cast(list[Any], decode(frame.body))
                self.offsets += [offset] if piece else []
        return answer

    def run(self, until: str) -> None:
        self.site.run([self], lambda: until in self.collector.state.update)

    @property
    def is_new(self) -> bool:
        return bool(self.site.content == self.rig.NEW)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bench]:
    monkeypatch.syspath_prepend(BOARD_TESTS)
    store = OutboxStore(tmp_path / "outbox.db")
    yield Bench(importlib.import_module("update_link"), store)
    store.close()


def pieces(content: bytes, since: int = 0) -> list[int]:
    return list(range(since, len(content), PIECE_BYTES))


def test_a_gateway_brings_a_board_what_it_does_not_run_once(bench: Bench) -> None:
    good = bench.rig.GOOD
    state = bench.offer(good).state
    bench.run("the board has taken it")
    bench.run("the board runs it")
    assert bench.is_new
    assert bench.offsets == pieces(good)
    assert (state.update_taken_bytes, state.update_bytes) == (len(good), len(good))
    bench.offer(good)
    bench.run("the board runs it")
    assert bench.offsets == pieces(good), "it was offered again"
    stored = bench.store.log(bench.site.board.log.log_id)
    assert stored is not None
    assert stored.log.size > 5, "the records went on"


def test_a_gateway_that_was_killed_goes_on_where_the_board_is(bench: Bench) -> None:
    bench.offer(bench.rig.GOOD)
    bench.run("40 % taken")
    bench.offer(bench.rig.GOOD)
    bench.run("the board runs it")
    assert sorted(set(bench.offsets)) == pieces(bench.rig.GOOD)
    assert bench.offsets.count(0) == 1


def test_a_line_that_broke_goes_on_where_the_board_is(bench: Bench) -> None:
    bench.offer(bench.rig.GOOD)
    for percent in (20, 50, 80):
        bench.run(f"{percent} % taken")
        bench.connect()
    bench.run("the board runs it")
    assert bench.offsets.count(0) == 1


def test_a_board_that_lost_its_power_is_brought_it_from_the_beginning(bench: Bench) -> None:
    bench.offer(bench.rig.GOOD)
    bench.run("40 % taken")
    bench.site.start()
    bench.run("the board runs it")
    assert bench.is_new
    assert bench.offsets.count(0) == 2


@pytest.mark.parametrize(
    ("what", "count", "words"),
    [
        ("SPOILT", "update_refused_bad-content", "a file in it is not as signed"),
        ("STRANGER", "update_refused_bad-signature", "it is not signed by the board's update_public_key"),
        ("OLDER_ONE", "update_refused_not-newer", "it is not newer than what the board runs"),
        ("OTHERS", "update_refused_wrong-board", "it is for another kind of board"),
    ],
)
def test_what_a_board_refuses_is_said_with_its_cure_and_not_offered_again(
    bench: Bench, what: str, count: str, words: str
) -> None:
    content = getattr(bench.rig, what)
    state = bench.offer(content).state
    bench.run(words)
    bench.connect()
    for _ in range(3000):
        bench.site.turn([bench])
    assert state.update_failure
    assert words in state.update
    assert bench.store.counts()[count] == 1
    assert bench.offsets.count(0) == 1
    assert not bench.is_new
    assert len(bench.site.events) == 1


def test_what_did_not_prove_itself_is_not_offered_again(bench: Bench) -> None:
    """The new one starts three times, and its power fails each time before it has signed a window."""
    state = bench.offer(bench.rig.GOOD).state
    bench.run("the board has taken it")
    bench.site.run([bench], lambda: bench.site.running == "b")
    for _ in range(3):
        assert bench.is_new
        bench.site.start()
    bench.run("it did not prove itself, or power failed")
    assert bench.store.counts()["update_went-back"] == 1
    for _ in range(3000):
        bench.site.turn([bench])
    assert not bench.is_new
    assert state.update_failure == "went-back"
    assert bench.site.events == [(FAILED_START, None)]


def test_it_comes_over_can_as_well(bench: Bench, request: pytest.FixtureRequest) -> None:
    site, controller = bench.site, Controller(request.node.name, 8)
    began_ms = time.monotonic_ns() // 1_000_000
    line = line_on(CanHub(controller), site.board.logger, {"address": 0xE0, "live_ms": 0})
    collector = bench.offer(bench.rig.GOOD, f"virtual:{request.node.name}")
    collector.start()

    def turns() -> None:
        for _ in range(100):
            now_ms = time.monotonic_ns() // 1_000_000
            site.board.logger.step(now_ms - began_ms)
            site.update.step(now_ms - began_ms)
            line.step(now_ms)
            threading.Event().wait(0.0002)

    try:
        until(lambda: "has taken it" in collector.state.update, "the package", turns)
    finally:
        collector.stop()
        controller.bus.shutdown()
    assert site.slots.trial == "b"


def test_a_board_without_slots_is_offered_nothing(bench: Bench) -> None:
    bench.site.update = bench.site.board.logger.update = None
    bench.site.steps = []
    bench.offer(bench.rig.GOOD)
    bench.run("the board takes no updates over the link")
    assert bench.offsets == []
