"""What is given up: values of old windows, at even distances, and never anything else."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from packseal.outbox import Item, State
from packseal.outbox.reduction import MOST_RUN_BYTES, Run, emptied_in, is_open_window, reduced, runs_of
from packseal.records.bodies import EntryType
from packseal.records.emptied import is_emptied
from packseal.records.log import NOTHING_KNOWN, Delivery, TrustedLog
from tests.passport.board import Board, running_board

LOG = bytes(16)
KINDS = st.sampled_from(["window", "health", "event", "gap", "boot", "checkpoint"])


def item(size: int, records: int = 10, **more: object) -> Item:
    values: dict[str, object] = {"windows": records, "content_bytes": 2_000, "uptime_ms": 1_000 * size} | more
    return Item(LOG, size, records, 0, **values)  # type: ignore[arg-type]


def add(board: Board, kind: str) -> None:
    if kind == "window":
        board.windows()
    elif kind == "health":
        board.state_of_health()
    elif kind == "gap":
        board.gap()
    elif kind == "boot":
        board.boot()
    elif kind == "event":
        board.append(EntryType.EVENT, {1: 6, 2: 1})


def filled(kinds: Sequence[str]) -> list[Delivery]:
    """A log of these entries, in deliveries that end where the list says so."""
    board, start = Board(), 0
    deliveries: list[Delivery] = []
    board.boot()
    for kind in [*kinds, "window", "checkpoint"]:
        if kind == "checkpoint" and board.size > start:
            deliveries.append(board.delivery(start))
            start = board.size
        add(board, kind)
    return deliveries


@given(st.lists(KINDS, max_size=40), st.integers(1, 4))
def test_a_reduced_log_still_holds_and_only_windows_lost_values(kinds: list[str], times: int) -> None:
    deliveries = filled(kinds)
    entries = [content for delivery in deliveries for content in delivery.entries]
    one = reduced(deliveries)
    for _ in range(times - 1):
        one = reduced([one])
    log = TrustedLog(one.genesis, one.seed)
    found = log.verified(one, NOTHING_KNOWN, emptied_in(one))
    assert found.log.size == len(entries)
    kept = [content for content in one.entries if not is_emptied(content)]
    others = [content for content in entries if not is_open_window(content)]
    assert [content for content in kept if not is_open_window(content)] == others
    windows = [number for number, content in enumerate(entries) if is_open_window(content)]
    still = [number for number, content in enumerate(one.entries) if is_open_window(content)]
    assert still == windows[::-1][:: 1 << times][::-1], "every second one, as often, and the newest among them"


def test_a_window_that_lost_its_values_takes_less_than_half() -> None:
    board = running_board(240)
    whole = [board.delivery(first, min(first + 12, board.size)) for first in range(0, board.size, 12)]
    one = reduced([reduced([reduced(whole)])])
    assert len(one.to_bytes()) < sum(len(delivery.to_bytes()) for delivery in whole) // 2


def test_a_run_is_of_deliveries_that_follow_each_other() -> None:
    items = [item(10), item(20), item(40), item(50, state=State.IN_FLIGHT), item(60), item(70, level=1), item(80)]
    runs = [[one.size for one in run.items] for run in runs_of(items, 1 << 40)]
    assert runs == [[10, 20], [40], [60], [70], [80]]


def test_nothing_is_joined_behind_a_change_of_key() -> None:
    items = [item(10, kinds=frozenset({EntryType.KEY})), item(20), item(30, kinds=frozenset({EntryType.KEY})), item(40)]
    assert [[one.size for one in run.items] for run in runs_of(items, 1 << 40)] == [[10], [20, 30], [40]]


def test_a_run_is_no_longer_than_a_delivery_may_be() -> None:
    items = [item(10 * number, content_bytes=MOST_RUN_BYTES // 3) for number in range(1, 8)]
    assert [len(run.items) for run in runs_of(items, 1 << 40)] == [3, 3, 1]


def test_in_a_small_outbox_runs_are_shorter() -> None:
    items = [item(10 * number, content_bytes=4_000) for number in range(1, 9)]
    assert [len(run.items) for run in runs_of(items, 0)] == [2, 2, 2, 2]
    assert [len(run.items) for run in runs_of(items, 32 * 16_000)] == [4, 4]


def test_of_what_is_newer_nothing_is_in_a_run() -> None:
    items = [item(10 * number) for number in range(1, 9)]
    assert [[one.size for one in run.items] for run in runs_of(items, 1 << 40, 40_000)] == [[10, 20, 30, 40]]


def test_where_nothing_can_be_given_up_there_is_no_run() -> None:
    assert list(runs_of([], 1 << 40)) == []
    assert list(runs_of([item(10, windows=1)], 1 << 40)) == []
    assert len(list(runs_of([item(10, windows=0), item(20, windows=0)], 1 << 40))) == 1, "two can be joined"


def test_the_older_the_more_often() -> None:
    """What is twice as far back is halved once more, before what is newer is halved again."""
    hour = 3_600_000
    near, far = Run((item(10, level=1),), hour), Run((item(20, level=2),), 2 * hour)
    assert near.urgency == far.urgency
    assert Run((item(10),), 4 * hour).urgency > near.urgency > Run((item(10, level=1),), hour // 2).urgency
    assert Run((item(10),), 0).urgency < near.urgency, "the newest stay"
