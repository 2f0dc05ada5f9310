"""A service that tells two stories: one log for the buyer, another for everybody else, both signed by its key."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from packseal.apps.cosigning import Witness as WitnessAddress
from packseal.apps.log_publisher import LogPublisher
from packseal.apps.monitor import Monitor, Watch
from packseal.apps.witness import SCHEMA, Witness, witness_app
from packseal.errors import Reason, UnavailableError
from packseal.io.database import Database
from packseal.io.log_client import FolderLog, LogReader
from packseal.io.tile_store import TileStore
from packseal.records.note import unverified_log_checkpoint
from tests.attacks.office import ORIGIN, Office, refused
from tests.log.station import NOW_UNIX_S, WITNESS, WITNESS_KEY, served
from tests.passport.desk import SERVICE_PUBLIC_KEY, Desk

WITNESSES = {WITNESS: WITNESS_KEY.public_key}
NOT_COSIGNED = "has cosigned another tree|knows the log at size|refuses the checkpoint with 422"


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[WitnessAddress]:
    """A real one, over HTTP."""
    with closing(Database(tmp_path / "witness.db", SCHEMA)) as database:
        app = witness_app(Witness(database, WITNESS, WITNESS_KEY, {ORIGIN: SERVICE_PUBLIC_KEY}, lambda: NOW_UNIX_S))
        with served(app) as url:
            yield WitnessAddress(WITNESS, url, WITNESS_KEY.public_key)


class TwoStories:
    """One service key, one beginning, and from there on two databases."""

    def __init__(self, folder: Path, witness: WitnessAddress) -> None:
        self.office = Office(folder)
        self.board = self.office.bound_board()
        self.office.desk.receipt(self.board.delivery(0, 5).to_bytes())
        self.witness = witness
        other = folder / "other"
        other.mkdir()
        self.office.desk.store.close()
        shutil.copy(self.office.desk.path, other / "passport.db")
        self.office.desk.open()
        self.other = Desk(other, self.office.desk.settings)
        self.other_tiles = TileStore(other / "log")

    def publisher(self, desk: Desk, tiles: TileStore) -> LogPublisher:
        return LogPublisher(desk.store.log, tiles, [self.witness])

    def go_on(self, first: int = 1, other: int = 1) -> None:
        """Each database takes so many deliveries; the salts of their receipts differ, and so do the roots."""
        for desk, count in ((self.office.desk, first), (self.other, other)):
            for _ in range(count):
                (head,) = desk.store.heads()
                desk.now_unix_ms += 1 if desk is self.other else 2
                desk.receipt(self.board.delivery(head.size, head.size + 1).to_bytes())

    def monitor(self, tiles: TileStore) -> Monitor:
        reader = LogReader(FolderLog(tiles.folder), ORIGIN, SERVICE_PUBLIC_KEY)
        state = self.office.folder / "monitor.json"
        return Monitor(reader, state, Watch({"pack-1": frozenset()}, WITNESSES))


@pytest.fixture
def stories(tmp_path: Path, witness: WitnessAddress) -> TwoStories:
    return TwoStories(tmp_path, witness)


@pytest.mark.parametrize(("first", "other"), [(1, 1), (1, 3), (3, 1)])
def test_the_witness_cosigns_one_of_two_stories(stories: TwoStories, first: int, other: int) -> None:
    """The witness answers 409 or 422 for the second, whichever is longer: that one stays without a cosignature."""
    stories.go_on(first, other)
    desk = stories.office.desk
    stories.publisher(desk, stories.office.tiles).turn()
    assert desk.store.log.cosigned() is not None
    with pytest.raises(UnavailableError, match=NOT_COSIGNED):
        stories.publisher(stories.other, stories.other_tiles).turn()
    assert stories.other.store.log.cosigned() is None


@pytest.mark.parametrize(("first", "other"), [(1, 1), (1, 3), (3, 1)])
def test_the_owners_monitor_names_the_fork(stories: TwoStories, first: int, other: int) -> None:
    """Both notes are kept: they are the proof against the service."""
    stories.go_on(first, other)
    LogPublisher(stories.office.desk.store.log, stories.office.tiles).turn()
    LogPublisher(stories.other.store.log, stories.other_tiles).turn()
    stories.monitor(stories.office.tiles).look()
    refused(Reason.FORK, stories.monitor(stories.other_tiles).look)
    kept = (stories.office.folder / "monitor.json.fork").read_bytes()
    assert kept == (stories.other_tiles.folder / "checkpoint").read_bytes()


def test_a_bundle_of_the_hidden_story_lacks_its_witness(stories: TwoStories) -> None:
    """Whoever asks for a witness is not told the story that the witness has refused."""
    stories.go_on(1, 1)
    stories.publisher(stories.office.desk, stories.office.tiles).turn()
    with pytest.raises(UnavailableError):
        stories.publisher(stories.other, stories.other_tiles).turn()
    policy = {"witnesses": WITNESSES, "witnesses_needed": 1}
    assert stories.office.verified(stories.office.bundle(stories.board, 5), **policy).witnesses
    hidden = Office.__new__(Office)
    hidden.desk, hidden.tiles, hidden.folder = stories.other, stories.other_tiles, stories.office.folder
    bundle = hidden.bundle(stories.board, 5)
    assert unverified_log_checkpoint(bundle.note).size == stories.other.store.log.size()
    hidden.refused_bundle(bundle, Reason.TOO_FEW_WITNESSES, **policy)


def test_the_same_story_goes_on_being_cosigned(stories: TwoStories) -> None:
    publisher = stories.publisher(stories.office.desk, stories.office.tiles)
    for _ in range(3):
        stories.go_on(1, 0)
        publisher.turn()
        note = stories.office.desk.store.log.cosigned()
        assert note is not None
        assert unverified_log_checkpoint(note).size == stories.office.desk.store.log.size()


def test_a_database_put_back_is_not_published_over_what_was(stories: TwoStories) -> None:
    """The other story in the same folder: refused before a checkpoint of it appears."""
    stories.go_on(1, 2)
    LogPublisher(stories.office.desk.store.log, stories.office.tiles).turn()
    before = stories.office.tiles.read("checkpoint")
    refused(Reason.FORK, LogPublisher(stories.other.store.log, stories.office.tiles).turn)
    assert stories.office.tiles.read("checkpoint") == before
