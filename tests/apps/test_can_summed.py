"""A bus while the outbox has little room: windows are summed up before they are signed, and a GAP says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from packseal.errors import UnavailableError
from packseal.records.bodies import EntryType, Event, Gap, MeanMinMax, Window
from packseal.records.entries import Entry
from tests.apps.can_site import NONE, WINDOW_MS, CanSite, CutError, bodies, frames, payload, signals_in

SUMMED = 3


@dataclass
class ShortSite(CanSite):
    """With room for one window in so many; `refused`: so many deliveries, before the outbox takes one."""

    checkpoint_every: int = 2
    windows_in_one: int = 4
    refused: int = 0

    def submit(self, *args: object, **kwargs: object) -> None:
        if self.refused:
            self.refused -= 1
            raise UnavailableError("the outbox is full")
        super().submit(*args, **kwargs)  # type: ignore[arg-type]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ShortSite]:
    made = ShortSite(tmp_path, signals_in(tmp_path))
    made.start()
    yield made
    made.store.close()


def record(site: ShortSite, numbers: Sequence[int]) -> None:
    """Windows of these numbers, each with one frame that has its number as its voltage."""
    for number in numbers:
        site.recorder.take(frames((number * WINDOW_MS + 1, payload(500 + number))), number * WINDOW_MS + 5)
        site.recorder.take(NONE, (number + 1) * WINDOW_MS)


def windows_and_gaps(entries: Sequence[Entry]) -> list[tuple[int, int]]:
    """(windows' worth of duration, 0) of each WINDOW, (0, windows) of each GAP, in order."""
    found = []
    for entry in entries:
        if isinstance(entry.body, Window):
            found.append((entry.body.duration_ms // WINDOW_MS, 0))
        if isinstance(entry.body, Gap):
            assert entry.body.cause == SUMMED
            found.append((0, entry.body.windows))
    return found


def test_four_windows_become_one_and_a_gap_says_how_many_have_no_record(site: ShortSite) -> None:
    record(site, range(8))
    entries = site.received()[1]
    assert windows_and_gaps(entries) == [(4, 0), (4, 0), (0, 6)]
    first = bodies(entries, EntryType.WINDOW)[0]
    assert isinstance(first.body, Window)
    assert (first.uptime_ms, first.body.samples) == (4 * WINDOW_MS, 4)
    assert first.body.pack_voltage_mv == MeanMinMax(50_150, 50_000, 50_300)
    (gap,) = bodies(entries, EntryType.GAP)
    assert gap.body == Gap(SUMMED, 6, (0, 8 * WINDOW_MS))


def test_each_checkpoint_tells_of_its_own(site: ShortSite) -> None:
    record(site, range(16))
    assert windows_and_gaps(site.received()[1]) == [(4, 0), (4, 0), (0, 6)] * 2


def test_where_there_is_room_again_windows_stand_alone(site: ShortSite) -> None:
    record(site, range(6))
    site.windows_in_one = 1
    record(site, range(6, 9))
    site.recorder.end()
    assert windows_and_gaps(site.received()[1]) == [(4, 0), (2, 0), (0, 4), (1, 0), (1, 0), (1, 0)]


def test_silence_ends_a_sum(site: ShortSite) -> None:
    record(site, range(3))
    site.recorder.take(NONE, 4 * WINDOW_MS)
    record(site, range(4, 6))
    site.recorder.end()
    entries = site.received()[1]
    assert windows_and_gaps(entries) == [(3, 0), (0, 2), (2, 0), (0, 1)]
    assert [entry.body for entry in bodies(entries, EntryType.EVENT)] == [Event(6, 1), Event(6, 2)]


def test_a_nonce_is_answered_at_once(site: ShortSite) -> None:
    record(site, range(2))
    assert site.recorder.ask_fresh(b"nonce", 2 * WINDOW_MS)
    record(site, range(2, 3))
    assert windows_and_gaps(site.received()[1]) == [(3, 0), (0, 2)]


def test_what_was_signed_and_not_stored_is_never_changed(site: ShortSite) -> None:
    """Or two roots would be signed for one size."""
    site.refused = 1
    with pytest.raises(UnavailableError):
        record(site, range(8))
    record(site, range(8, 16))
    site.recorder.end()
    assert windows_and_gaps(site.received()[1]) == [(4, 0), (4, 0), (0, 6), (4, 0), (0, 3), (4, 0), (0, 3)]


def test_a_kill_in_the_middle_of_a_sum_leaves_what_is_told_rightly(site: ShortSite) -> None:
    record(site, range(3))
    site.store.close()
    again = ShortSite(site.folder, site.signals)
    again.start()
    entries = again.received()[1]
    assert windows_and_gaps(entries) == [(3, 0), (0, 2)]
    again.store.close()


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_crash_while_it_is_stored_forks_nothing(site: ShortSite, cut: str) -> None:
    site.cut = cut
    with pytest.raises(CutError):
        record(site, range(8))
    site.store.close()
    again = ShortSite(site.folder, site.signals)
    again.start()
    record(again, range(8))
    assert windows_and_gaps(again.received()[1]) == [(4, 0), (4, 0), (0, 6)] * 2
    again.store.close()
