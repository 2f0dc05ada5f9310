"""The outbox: order, windows in flight, retries, refusals; and that nothing leaves it without a receipt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.outbox import Item, Outbox, State
from packseal.outbox.outbox import MAX_BACKOFF_MS, MAX_IN_FLIGHT, RECEIPT_TIMEOUT_MS

LOG, OTHER = b"log", b"other"


def item(size: int, log_id: bytes = LOG) -> Item:
    return Item(log_id, size, 10, 0)


def filled(count: int) -> Outbox:
    outbox = Outbox()
    for number in range(1, count + 1):
        outbox.add(item(10 * number))
    return outbox


def sizes(items: list[Item]) -> list[int]:
    return [found.size for found in items]


def test_one_goes_ahead_until_a_receipt_opens_the_way() -> None:
    outbox = filled(30)
    assert sizes(outbox.due(0)) == [10]
    assert sizes(outbox.due(1)) == []
    outbox.acknowledged(LOG, 10)
    assert sizes(outbox.due(2)) == [10 * n for n in range(2, 2 + MAX_IN_FLIGHT)]
    assert sizes(outbox.due(3)) == []


def test_a_long_log_starves_no_other() -> None:
    outbox = filled(100)
    outbox.acknowledged(LOG, 10)
    outbox.add(item(10, OTHER))
    assert OTHER in {sent.log_id for sent in outbox.due(0)}


def test_a_late_receipt_closes_the_way_and_waits_longer_each_time() -> None:
    outbox = filled(3)
    now = 0
    for attempt in range(12):
        assert sizes(outbox.due(now)) == [10]
        wait = min(RECEIPT_TIMEOUT_MS << attempt, MAX_BACKOFF_MS)
        assert sizes(outbox.due(now + wait - 1)) == []
        now += wait


def test_a_receipt_covers_all_below_it() -> None:
    outbox = filled(3)
    assert sizes(outbox.acknowledged(LOG, 20)) == [10, 20]
    assert sizes(outbox.items()) == [30]
    assert outbox.acknowledged(LOG, 20) == []
    assert outbox.acknowledged(OTHER, 20) == []


def test_a_refusal_holds_back_its_own_log_only() -> None:
    outbox = filled(2)
    outbox.add(item(10, OTHER))
    outbox.due(0)
    outbox.refused(LOG, "unknown-log: not enrolled", 0)
    outbox.acknowledged(OTHER, 10)
    assert next((i.state, i.refusal) for i in outbox.items()) == (State.REFUSED, "unknown-log: not enrolled")
    assert sizes(outbox.due(1)) == []
    assert sizes(outbox.due(MAX_BACKOFF_MS)) == [10]


def test_missing_at_the_service_goes_back_to_the_oldest() -> None:
    outbox = filled(4)
    outbox.acknowledged(LOG, 10)
    assert sizes(outbox.due(0)) == [20, 30, 40]
    outbox.missing(LOG, 10, 1)
    assert sizes(outbox.due(1)) == [20]
    outbox.missing(LOG, 10, 2)  # the answer to 40, which was under way
    assert sizes(outbox.due(2)) == []


def test_missing_what_is_gone_here_is_said() -> None:
    outbox = filled(3)
    outbox.acknowledged(LOG, 10)
    outbox.due(0)
    outbox.missing(LOG, 5, 1)
    assert "lacks records 5 to 9" in outbox.items()[0].refusal


def test_a_lost_connection_makes_all_due_at_once() -> None:
    outbox = filled(2)
    outbox.due(0)
    outbox.disconnected()
    assert sizes(outbox.due(1)) == [10]


def test_sizes_only_grow() -> None:
    outbox = filled(2)
    with pytest.raises(ValueError, match="already waits up to 20"):
        outbox.add(item(20))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from([LOG, OTHER])),
        st.tuples(st.just("due"), st.integers(0, 100_000)),
        st.tuples(st.just("receipt"), st.integers(0, 30)),
        st.tuples(st.just("refuse"), st.sampled_from([LOG, OTHER])),
        st.tuples(st.just("missing"), st.integers(0, 300)),
        st.tuples(st.just("disconnect"), st.none()),
    ),
    max_size=60,
)


@given(STEPS)
def test_nothing_leaves_without_a_receipt_and_each_log_stays_in_order(steps: list[tuple[str, object]]) -> None:
    outbox, now, ends, receipted = Outbox(), 0, {LOG: 0, OTHER: 0}, 0
    for name, value in steps:
        if name == "add" and isinstance(value, bytes):
            ends[value] += 10
            outbox.add(item(ends[value], value))
        elif name == "due" and isinstance(value, int):
            now += value
            sent = outbox.due(now)
            assert len(sent) <= MAX_IN_FLIGHT
            for log_id in (LOG, OTHER):
                of_log = [i.size for i in sent if i.log_id == log_id]
                assert of_log == sorted(of_log)
        elif name == "receipt" and isinstance(value, int):
            receipted = max(receipted, min(10 * value, ends[LOG]))
            outbox.acknowledged(LOG, min(10 * value, ends[LOG]))
        elif name == "refuse" and isinstance(value, bytes):
            outbox.refused(value, "fork: x", now)
        elif name == "missing" and isinstance(value, int):
            outbox.missing(LOG, value, now)
        else:
            outbox.disconnected()
        waiting = [i.size for i in outbox.items() if i.log_id == LOG]
        assert waiting == list(range(receipted + 10, ends[LOG] + 1, 10))


@given(st.integers(1, 40))
def test_everything_is_sent_in_the_end(count: int) -> None:
    outbox, now = filled(count), 0
    for _ in range(10 * count):
        for sent in outbox.due(now):
            outbox.acknowledged(LOG, sent.size)
        now += RECEIPT_TIMEOUT_MS
    assert outbox.items() == []
