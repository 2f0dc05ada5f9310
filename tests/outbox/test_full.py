"""A full outbox: boards keep their records, values of old windows make room for a log that nobody else keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.outbox.limits import LOW_SHARE
from packseal.outbox.reduction import is_open_window
from packseal.records.bodies import EntryType
from tests.outbox.site import Site, checked, own_log, roomy
from tests.passport.board import Board, running_board

SMALL = 140_000  # two dozen pages are the tables' own


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, roomy(SMALL))
    yield made
    made.store.close()


def fill(site: Site, board: Board, windows: int = 12, times: int = 10_000) -> int:
    """Until it is not taken any more. -> how often it was"""
    for number in range(times):
        board.windows(windows)
        if not site.give(board):
            return number
    return times


def test_a_board_keeps_what_finds_no_room_and_nothing_of_it_is_lost(site: Site) -> None:
    board = running_board(0)
    fill(site, board)
    words = " ".join(site.outgoing.problems())
    assert "the outbox is 9" in words
    assert "boards keep their records until there is room" in words
    taken = site.log(board).size
    assert taken < board.size
    assert checked(site, [board]) == 0
    assert site.store.counts()["deliveries_held_off"] == 1
    site.receipt(board, taken)
    assert site.give(board), "what it kept comes now"
    assert checked(site, [board]) == 0


def test_what_nobody_else_keeps_goes_on_and_old_windows_give_way(site: Site) -> None:
    board, bus = running_board(0), own_log()
    fill(site, board)
    assert fill(site, bus, times=80) == 80
    assert site.store.used_bytes() <= SMALL + 8_192, "the last delivery, in whole pages"
    emptied = checked(site, [board, bus])
    assert emptied == site.store.counts()["windows_emptied"] > 400
    assert f"no room for the values of {emptied} windows" in " ".join(site.outgoing.problems())
    assert site.outgoing.depth().share_of_bytes >= LOW_SHARE - 0.05, "no more than was needed"


def test_the_newest_windows_stay_and_of_old_ones_survivors(site: Site) -> None:
    bus = own_log()
    fill(site, bus, times=120)
    windows = [is_open_window(content) for content in site.contents(bus) if content[1] == EntryType.WINDOW]
    assert all(windows[-12:])
    old, new = windows[:200], windows[-200:]
    assert 0 < sum(old) < sum(new) / 2
    gaps = [len(run) for run in "".join("x" if is_open else " " for is_open in old).split("x")]
    assert max(gaps[1:-1]) <= 2 * (200 // max(sum(old), 1)) + 2, "at even distances"


def test_what_is_no_window_is_never_given_up(site: Site) -> None:
    bus = own_log()
    for _ in range(60):
        bus.windows(12)
        bus.state_of_health()
        bus.append(EntryType.EVENT, {1: 6, 2: 1})
        bus.gap()
        bus.boot()
        assert site.give(bus)
    assert checked(site, [bus]) > 100


def test_where_nothing_is_left_to_give_up_it_is_said(site: Site) -> None:
    bus = own_log()
    for _ in range(10_000):
        bus.boot_count += 1
        for _ in range(12):
            bus.boot()
        if not site.give(bus):
            break
    assert checked(site, [bus]) == 0
    assert "the outbox is 100 % full" in site.outgoing.problems()[0]
    site.receipt(bus, site.log(bus).size)
    assert site.give(bus)


def test_a_disk_that_is_short_bounds_it_too(tmp_path: Path) -> None:
    site = Site(tmp_path, roomy(free_bytes=1 << 60))  # a tenth of the disk
    depth = site.outgoing.depth()
    assert depth.limit_bytes < 1 << 60
    site.store.close()


def test_what_lies_beyond_the_hours_is_thinned_out(site: Site) -> None:
    board = running_board(0)
    site.outgoing.limits = roomy(max_hours=1)
    fill(site, board, times=60)  # two hours
    assert site.outgoing.depth().hours == pytest.approx(2.0, abs=0.05)
    for _ in range(8):
        site.outgoing._tend_after_s = 0
        site.outgoing._tend()
    emptied = checked(site, [board])
    windows = [is_open_window(content) for content in site.contents(board) if content[1] == EntryType.WINDOW]
    assert all(windows[-330:])
    assert emptied > 250
    assert "full: " in site.outgoing.problems()[0]


def test_windows_are_summed_up_where_room_is_short(site: Site) -> None:
    bus = own_log()
    site.outgoing._tend()
    assert site.store.windows_summed == 1
    fill(site, bus, times=90)
    site.outgoing._tend_after_s = 0
    site.outgoing._tend()
    assert site.store.windows_summed in {4, 16}


STEP = st.one_of(
    st.tuples(st.sampled_from(["board", "bus"]), st.integers(1, 30)),
    st.tuples(st.just("health"), st.just(0)),
    st.tuples(st.just("receipt"), st.integers(0, 100)),
    st.tuples(st.just("limit"), st.integers(60_000, 300_000)),
    st.tuples(st.just("restart"), st.just(0)),
    st.tuples(st.just("sent"), st.integers(0, 10_000)),
)


@settings(max_examples=20)
@given(st.lists(STEP, min_size=10, max_size=40))
def test_whatever_happens_all_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    site = Site(tmp_path_factory.mktemp("site"), roomy(120_000))
    boards = {"board": running_board(0), "bus": own_log()}
    for name, number in steps:
        if name in boards:
            boards[name].windows(number)
            site.give(boards[name])
        elif name == "health":
            boards["bus"].state_of_health()
        elif name == "receipt":
            receive(site, boards["bus" if number % 2 else "board"], number)
        elif name == "limit":
            site.outgoing.limits = replace(site.limits, max_bytes=number)
        elif name == "restart":
            site.reopen()
        else:
            site.outgoing._outbox.due(number)
    checked(site, boards.values())
    stored, counts = sum(site.log(board).size for board in boards.values()), site.store.counts()
    waiting = sum(item.records for item in site.store.waiting())
    assert counts.get("records_stored", 0) == stored == waiting + counts.get("records_receipted", 0)
    site.store.close()


def receive(site: Site, board: Board, percent: int) -> None:
    """A receipt for one of the deliveries that wait."""
    items = site.items(board)
    if items:
        site.receipt(board, items[percent * (len(items) - 1) // 100].size)
