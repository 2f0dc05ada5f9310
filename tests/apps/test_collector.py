"""What a gateway makes of a board that says HELLO: whose log it is, with which seed, and which key signs it now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from packseal.apps.collector import CONNECTED, BoardCollector
from packseal.io.link import Kind, encode_frame
from packseal.io.outbox_store import OutboxStore
from packseal.io.session import BoardSession
from packseal.io.settings import BoardTable
from packseal.records.bodies import Previous
from packseal.records.cbor import Value, encode
from packseal.records.log import Delivery, Verified
from packseal.records.merkle import Edge
from tests.passport.board import Board, key_of, running_board

LATER = bytes(key_of("later").verify_key)


@dataclass
class Port:
    """A board's port, in one thread: what it says is fed to the collector at once."""

    store: OutboxStore
    collector: BoardCollector

    def connect(self) -> None:
        self.session = BoardSession()
        self.collector._on_port_state(CONNECTED)

    def say(self, *frames: bytes) -> None:
        for event in self.session.receive(b"".join(frames), 0):
            self.collector.on_event(self.session, event, 0)

    def hello(self, board: Board, oldest: int = 0, seed: bytes | None = None) -> None:
        edge = b"".join(Edge().extended(board.leaves[:oldest]).roots)
        body: list[Value] = [
            1,
            oldest,
            board.size,
            0,
            board.boot_count,
            board.uptime_ms,
            board.genesis,
            edge,
            seed or board.seed,
        ]
        self.say(b"\x00", encode_frame(Kind.HELLO, encode(body)))

    def records(self, board: Board, first: int, checkpoint: bytes | None = None) -> None:
        entries = [encode_frame(Kind.ENTRY, entry) for entry in board.entries[first:]]
        self.say(*entries, encode_frame(Kind.CHECKPOINT, checkpoint or board.checkpoint()))

    @property
    def problem(self) -> str:
        return self.collector.state.problem

    def size(self, board: Board) -> int:
        found = self.store.log(board.log_id)
        return found.log.size if found else 0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OutboxStore]:
    opened = OutboxStore(tmp_path / "outbox.db")
    yield opened
    opened.close()


def port_for(store: OutboxStore, board: Board, signing_key: bytes | None = None) -> Port:
    def submit(
        battery: str, delivery: Delivery, verified: Verified, *, is_live: bool, counts: Mapping[int, int]
    ) -> None:
        assert set(counts) == {4, 5}
        assert is_live is port.session.is_newest(verified.log.size)
        store.store(battery, delivery, verified, 0)

    values = {"battery": "pack-1", "port": "/dev/none", "public_key": board.public_key.hex()}
    table = BoardTable.model_validate(values).model_copy(update={"signing_key": signing_key})
    port = Port(store, BoardCollector(table, store, submit))
    port.connect()
    return port


def rotated(board: Board) -> tuple[int, bytes]:
    """(size, checkpoint by the old key that ends in the change)"""
    checkpoint = board.rotate("later")
    return board.size, checkpoint


def sealed(board: Board) -> Previous:
    board.seal()
    return Previous(board.log_id, board.size, board.root(board.size))


def test_a_seed_that_does_not_fit_the_genesis_is_refused(store: OutboxStore) -> None:
    board = running_board()
    port = port_for(store, board)
    port.hello(board, seed=bytes(16))
    assert port.problem.startswith("bad-seed: ")
    port.records(board, 0)
    assert port.size(board) == 0
    assert store.counts() == {"board_bad-seed": 1}
    port.connect()
    port.hello(board)
    port.records(board, 0)
    assert (port.size(board), port.problem) == (board.size, "")


def test_a_change_of_key_is_followed_also_over_a_restart(store: OutboxStore) -> None:
    board = running_board()
    port = port_for(store, board)
    port.hello(board)
    size, checkpoint = rotated(board)
    port.records(board, 0, checkpoint)
    again = port_for(store, board)
    board.windows(2)
    again.hello(board)
    again.records(board, size)
    assert (again.size(board), again.problem) == (board.size, "")


@pytest.mark.parametrize("with_rotation", [False, True])
def test_after_a_seal_the_next_log_is_taken(store: OutboxStore, *, with_rotation: bool) -> None:
    board = running_board()
    port = port_for(store, board)
    port.hello(board)
    if with_rotation:
        _, checkpoint = rotated(board)
        port.records(board, 0, checkpoint)
    first = port.size(board)
    previous = sealed(board)
    port.records(board, first)
    found = store.log(board.log_id)
    assert found is not None
    assert found.log.is_sealed
    successor = Board("later" if with_rotation else "board", label=bytes(15) + b"\x01", previous=previous)
    successor.boot()
    port.hello(successor)
    port.records(successor, 0)
    assert (port.size(successor), port.problem) == (successor.size, "")


@pytest.mark.parametrize("fault", ["not sealed", "another end", "an earlier key"])
def test_a_log_that_only_says_it_goes_on_is_refused(store: OutboxStore, fault: str) -> None:
    board = running_board()
    port = port_for(store, board)
    port.hello(board)
    size, checkpoint = rotated(board)
    port.records(board, 0, checkpoint)
    previous = Previous(board.log_id, board.size, board.root(board.size))
    if fault != "not sealed":
        previous = sealed(board)
        port.records(board, size)
    if fault == "another end":
        previous = replace(previous, root=bytes(32))
    successor = Board(
        "stranger" if fault == "an earlier key" else "later", label=bytes(15) + b"\x01", previous=previous
    )
    port.hello(successor)
    assert port.problem.startswith("unknown-log: a board with another key is on /dev/none; if it is yours, set")


def middle_of_a_rotated_log() -> tuple[Board, int]:
    board = running_board()
    size, _ = rotated(board)
    board.windows(3)
    return board, size


def test_begun_behind_a_change_of_key_it_says_what_is_wrong_and_how_to_cure_it(store: OutboxStore) -> None:
    board, oldest = middle_of_a_rotated_log()
    port = port_for(store, board)
    port.hello(board, oldest + 1)
    port.records(board, oldest + 1)
    assert port.problem.startswith(f"bad-signature: this gateway has seen no record of the log below {oldest + 1}")
    assert "set signing_key to the key that the passport shows" in port.problem
    assert port.size(board) == 0


@pytest.mark.parametrize("behind", [True, False])
def test_the_settings_may_name_the_later_key(store: OutboxStore, *, behind: bool) -> None:
    """And it does no harm where the board still has the change itself."""
    board, changed_at = middle_of_a_rotated_log()
    port = port_for(store, board, LATER)
    oldest = changed_at if behind else changed_at - 2
    port.hello(board, oldest)
    if not behind:
        early = running_board()
        checkpoint = early.rotate("later")
        entries = [encode_frame(Kind.ENTRY, entry) for entry in board.entries[oldest:changed_at]]
        port.say(*entries, encode_frame(Kind.CHECKPOINT, checkpoint))
        oldest = changed_at
    port.records(board, oldest)
    assert (port.size(board), port.problem) == (board.size, "")
    again = port_for(store, board)
    board.windows(1)
    again.hello(board)
    again.records(board, board.size - 1)
    assert (again.size(board), again.problem) == (board.size, "")


def test_a_wrong_later_key_is_refused(store: OutboxStore) -> None:
    board, oldest = middle_of_a_rotated_log()
    port = port_for(store, board, bytes(key_of("another").verify_key))
    port.hello(board, oldest)
    port.records(board, oldest)
    assert port.problem.startswith("bad-signature: not signed by key")


def test_counts_are_since_the_gateway_started_and_not_since_the_port_was_opened(store: OutboxStore) -> None:
    board = running_board()
    port = port_for(store, board)
    for _ in range(2):
        port.say(b"\x05no frame\x00")
        port.hello(board)
        port.connect()
    port.hello(board)
    assert port.collector.state.counts() == {4: 2, 5: 2}
