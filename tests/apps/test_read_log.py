"""Who read what: restricted groups one by one, public ones by day, the old ones counted and gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from packseal.apps.read_log import FLUSH_MS, ReadLog
from packseal.errors import UnavailableError
from packseal.io.passport_store import PassportStore
from packseal.io.read_log_table import DAY_MS, DroppedReads, PublicReads, Read
from packseal.passport.access import Reader, ReaderRole

DAY = 20_000
DEPOT = Reader(ReaderRole.OWNER, frozenset({"pack-1"}))
OFFICE = Reader(ReaderRole.AUTHORITY)


class Desk:
    """A store in a folder and the log of reads in it, with a clock that a test moves."""

    def __init__(self, folder: Path, days: int = 2) -> None:
        self.store = PassportStore(folder / "passport.db")
        self.now_unix_ms = DAY * DAY_MS
        self.log = ReadLog(self.store.read_log, days, lambda: self.now_unix_ms)

    def read(self, reader: Reader = DEPOT, battery: str = "pack-1", name: str = "Depot", kind: str = "page") -> None:
        self.log.note(reader, name, battery, reader.groups(battery), kind)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_restricted_reads_are_kept_one_by_one(desk: Desk) -> None:
    desk.read()
    desk.now_unix_ms += 1
    desk.read(OFFICE, name="Surveillance", kind="data")
    desk.read(OFFICE, battery="pack-2")
    office = Read(desk.now_unix_ms, "authority", "Surveillance", "pack-1", (2, 3), "data")
    depot = Read(desk.now_unix_ms - 1, "owner", "Depot", "pack-1", (2, 4), "page")
    assert desk.log.of("pack-1") == [office, depot]
    assert desk.log.of("pack-1", 1) == [office]
    assert desk.log.public_of("pack-1") == []
    desk.store.close()


def test_public_reads_are_counted_by_day(desk: Desk) -> None:
    """Also of an owner of another battery, who is shown what everybody is."""
    for _ in range(3):
        desk.read(Reader(), name="")
    desk.read(DEPOT, battery="pack-2")
    desk.now_unix_ms += DAY_MS
    desk.read(Reader(), name="", kind="data")
    assert desk.log.of("pack-1") == []
    expected = [PublicReads(DAY + 1, "pack-1", "data", 1), PublicReads(DAY, "pack-1", "page", 3)]
    assert desk.log.public_of("pack-1") == expected
    assert desk.log.public_of("pack-2") == [PublicReads(DAY, "pack-2", "page", 1)]
    desk.store.close()


def test_reads_survive_a_restart_and_counts_go_on(tmp_path: Path) -> None:
    for _ in range(2):
        desk = Desk(tmp_path)
        desk.read()
        desk.read(Reader(), name="")
        desk.log.flush()
        desk.store.close()
    desk = Desk(tmp_path)
    assert len(desk.log.of("pack-1")) == 2
    assert desk.log.public_of("pack-1") == [PublicReads(DAY, "pack-1", "page", 2)]
    desk.store.close()


def test_counts_are_written_after_a_minute_by_whoever_reads_next(desk: Desk) -> None:
    desk.read(Reader(), name="")
    assert desk.store.read_log.public_of("pack-1") == []
    desk.now_unix_ms += FLUSH_MS
    desk.read(Reader(), name="")
    assert [one.count for one in desk.store.read_log.public_of("pack-1")] == [2]
    desk.store.close()


def test_old_reads_go_and_are_counted(desk: Desk) -> None:
    for day in range(4):
        desk.now_unix_ms = (DAY + day) * DAY_MS
        desk.read()
        desk.read(Reader(), name="")
        desk.read(Reader(), name="")
        desk.log.flush()
    assert [one.unix_ms // DAY_MS - DAY for one in desk.log.of("pack-1")] == [3, 2, 1]
    assert [one.day - DAY for one in desk.log.public_of("pack-1")] == [3, 2, 1]
    assert desk.store.read_log.dropped_of("pack-1") == DroppedReads(1, 2)
    assert desk.store.read_log.dropped_of("pack-2") == DroppedReads(0, 0)
    desk.store.close()


def test_what_cannot_be_kept_must_not_be_shown(desk: Desk) -> None:
    """A disk that takes nothing: restricted reads fail, public ones are counted until it does."""
    database = desk.store._database
    desk.read(Reader(), name="")
    database.rows("PRAGMA query_only = ON")
    with pytest.raises(UnavailableError):
        desk.read()
    desk.now_unix_ms += FLUSH_MS
    desk.read(Reader(), name="")
    database.rows("PRAGMA query_only = OFF")
    assert desk.log.of("pack-1") == []
    assert [one.count for one in desk.log.public_of("pack-1")] == [2]
    desk.store.close()
