"""Who publishes: one worker at a time on each database, and each folder is kept up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from packseal.apps.log_publisher import LEFT_BEHIND, LogPublisher
from packseal.errors import EvidenceError, Reason, UnavailableError
from packseal.io.publishing_turn import LOOK_PERIOD_S, SharedTurn
from packseal.io.store_place import store_place
from packseal.io.tile_store import CHECKPOINT, TileStore
from tests.log.station import receipt_entry, signed_note
from tests.passport.board import Board, running_board, settings_for
from tests.passport.desk import Desk
from tests.postgres import Cluster
from tests.waiting import until


@pytest.fixture
def url(cluster: Cluster) -> str:
    return cluster.new_store()


@contextmanager
def turns(url: str, count: int = 2) -> Iterator[list[SharedTurn]]:
    made = [SharedTurn(url) for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            one.close()


def end_sessions(url: str) -> None:
    """As when the machine of whoever has the turn vanishes: the server ends the session."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'packseal turn' AND datname = current_database()"
        )


def test_one_has_the_turn_until_it_ends(url: str) -> None:
    with turns(url) as (first, second):
        assert (first.is_ours(), second.is_ours(), first.is_ours()) == (True, False, True)
        first.close()
        until(second.is_ours, "the turn")
        assert not first.is_ours()


def test_whose_session_has_ended_has_no_turn_and_hears_of_it(url: str) -> None:
    with turns(url) as (first, second):
        assert first.is_ours()
        end_sessions(url)
        until(second.is_ours, "the turn")
        with pytest.raises(UnavailableError):
            first.is_ours()
        assert not first.is_ours()


def test_turns_of_two_databases_are_two(cluster: Cluster) -> None:
    with turns(cluster.new_database()) as (first, _), turns(cluster.new_database()) as (other, _):
        assert (first.is_ours(), other.is_ours()) == (True, True)
        first.tell("a contradiction")
        assert (first.is_contradicted(), other.is_contradicted()) == (True, False)


def test_a_contradiction_is_known_to_all_until_it_is_over(url: str) -> None:
    with turns(url) as (first, second):
        assert not second.is_contradicted()
        first.tell("a contradiction")
        until(second.is_contradicted, f"the word, after {LOOK_PERIOD_S} s")
        first.tell("")
        until(lambda: not second.is_contradicted(), "the other word")
        first.tell("another one")
        first.close()  # killed: the next one finds out for itself
        until(lambda: not second.is_contradicted(), "its end")


# ---- the folders


class Machines:
    """One database, and publishers with a folder each or with one folder; the first has the turn."""

    def __init__(self, folder: Path, url: str, *folders: str) -> None:
        self.board: Board = running_board()
        self.desk = Desk(folder, settings_for((self.board, "B")), store_place(url))
        self.turns = [SharedTurn(url) for _ in folders]
        self.tiles = [TileStore(folder / name) for name in folders]
        log = self.desk.store.log
        self.publishers = [LogPublisher(log, at, (), turn) for at, turn in zip(self.tiles, self.turns, strict=True)]
        assert self.turns[0].is_ours()

    def close(self) -> None:
        for turn in self.turns:
            turn.close()
        self.desk.store.close()

    def grow(self) -> int:
        """-> the size of the log"""
        (size, *_) = [head.size for head in self.desk.store.heads()] or [0]
        self.board.windows(1)
        self.desk.receipt(self.board.delivery(size).to_bytes())
        return self.desk.store.log.size()

    def sizes(self) -> list[int]:
        return [found.size if found else 0 for found in (tiles.published() for tiles in self.tiles)]


def test_a_folder_that_somebody_keeps_is_left_alone(tmp_path: Path, url: str) -> None:
    with closing(Machines(tmp_path, url, "log", "log")) as at:
        for _ in range(2 * LEFT_BEHIND):
            size = at.grow()
            before = at.sizes()[0]
            at.publishers[1].round()
            assert at.sizes()[0] == before
            at.publishers[0].round()
            assert at.sizes()[0] == size


def test_whoever_is_left_takes_the_turn(tmp_path: Path, url: str) -> None:
    with closing(Machines(tmp_path, url, "log", "log")) as at:
        at.grow()
        at.publishers[0].round()
        at.turns[0].close()
        size = at.grow()
        until(lambda: at.sizes() == [size, size], "what is left to publish", at.publishers[1].round)
        assert at.turns[1].is_ours()


def test_a_folder_of_another_machine_is_kept_up_behind(tmp_path: Path, url: str) -> None:
    with closing(Machines(tmp_path, url, "log", "other-log")) as at:
        size = at.grow()
        at.publishers[0].round()
        for look in range(LEFT_BEHIND):
            assert at.sizes() == [size, 0], look
            at.publishers[1].round()
        assert at.sizes() == [size, size]
        size = at.grow()
        at.publishers[1].round()
        assert at.sizes()[1] == size, "nobody else has it, so there is nothing to wait for any more"
        at.publishers[0].round()
        assert at.tiles[0].read(CHECKPOINT) == at.tiles[1].read(CHECKPOINT)


def test_a_contradiction_that_the_publisher_finds_is_told_to_all(tmp_path: Path, url: str) -> None:
    """Somebody puts another log into its folder: who has no folder must hear of it too."""
    with closing(Machines(tmp_path, url, "log", "other-log")) as at:
        at.grow()
        at.publishers[0].round()
        true = at.tiles[0].read(CHECKPOINT) or b""
        (at.tiles[0].folder / CHECKPOINT).write_bytes(signed_note([receipt_entry(1)] * 50))
        with pytest.raises(EvidenceError) as found:
            at.publishers[0].round()
        assert found.value.reason is Reason.FORK
        assert at.turns[1].is_contradicted()
        (at.tiles[0].folder / CHECKPOINT).write_bytes(true)
        at.publishers[0].round()
        until(lambda: not at.turns[1].is_contradicted(), "the end of it")
