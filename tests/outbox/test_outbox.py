"""The outbox: order, windows in flight, retries, refusals; and that nothing leaves it without a receipt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.outbox import Item, Outbox, State
from packseal.outbox.outbox import MAX_BACKOFF_MS, MAX_IN_FLIGHT, RECEIPT_TIMEOUT_MS, SCOUT_MS
from packseal.records.bodies import EntryType

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
    outbox = filled(2 * MAX_IN_FLIGHT)
    assert sizes(outbox.due(0)) == [10]
    assert sizes(outbox.due(1)) == []
    outbox.acknowledged(LOG, 10, 0)
    assert sizes(outbox.due(2)) == [10 * n for n in range(2, 2 + MAX_IN_FLIGHT)]
    assert sizes(outbox.due(3)) == []


def test_a_long_log_starves_no_other() -> None:
    outbox = filled(100)
    outbox.acknowledged(LOG, 10, 0)
    outbox.add(item(10, OTHER))
    assert OTHER in {sent.log_id for sent in outbox.due(0)}


def test_a_late_receipt_closes_the_way_and_waits_longer_each_time() -> None:
    outbox = filled(3)
    now = 0
    for attempt in range(12):
        assert sizes(outbox.due(now)) == [10]
        wait = min(RECEIPT_TIMEOUT_MS << attempt, SCOUT_MS)
        assert sizes(outbox.due(now + wait - 1)) == []
        now += wait


def silent_for(silence_ms: int, logs: int) -> tuple[Outbox, list[int]]:
    """One delivery of each log waits, the service says nothing. -> and how many were sent in each second"""
    outbox = Outbox()
    for number in range(logs):
        outbox.add(item(10, bytes([number])))
    return outbox, [len(outbox.due(now_ms)) for now_ms in range(0, silence_ms, 1000)]


def test_to_a_silent_service_a_scout_goes_out_and_the_others_wait() -> None:
    _, sent = silent_for(300_000, MAX_IN_FLIGHT)
    seconds = SCOUT_MS // 1000
    assert all(sum(sent[at : at + seconds]) >= 1 for at in range(60, 300 - seconds))
    assert sum(sent[60:]) <= (300 - 60) // seconds + 4 * MAX_IN_FLIGHT


def test_the_first_receipt_after_a_silence_ends_the_waiting_of_all() -> None:
    outbox, _ = silent_for(280_000, MAX_IN_FLIGHT)
    outbox.acknowledged(bytes([0]), 10, 280_000)
    assert len(outbox.due(280_000)) >= MAX_IN_FLIGHT - 3, "all but those that are due within a moment anyway"
    outbox.acknowledged(bytes([1]), 10, 280_001)
    assert outbox.due(280_001) == [], "a service that answers slowly is not sent everything again and again"


def test_a_refusal_ends_a_silence_too() -> None:
    outbox, _ = silent_for(280_000, MAX_IN_FLIGHT)
    outbox.refused(bytes([0]), "fork: x", 280_000)
    assert outbox.refusals() == {"fork: x"}
    assert len(outbox.due(280_000)) >= MAX_IN_FLIGHT - 3, "all but those that are due within a moment anyway"


def test_a_refusal_of_what_was_never_sent_ends_no_silence() -> None:
    """Anybody who may publish at the broker can send one."""
    outbox, _ = silent_for(280_000, MAX_IN_FLIGHT)
    outbox.refused(LOG, "fork: x", 280_000)
    outbox.missing(LOG, 0, 280_000)
    assert len(outbox.due(280_000)) < MAX_IN_FLIGHT // 2


def test_logs_that_are_never_answered_leave_room_for_the_others() -> None:
    """Those of boards that the service does not know, which are urgent since they begin with a KEY."""
    outbox = Outbox()
    for number in range(2 * MAX_IN_FLIGHT):
        outbox.add(urgent(10, bytes([number])))
    answered, size = 0, 0
    for now_ms in range(0, 600_000, 1000):
        if now_ms % 10_000 == 0:
            size += 10
            outbox.add(item(size))
        for sent in outbox.due(now_ms):
            if sent.log_id == LOG:
                answered += len(outbox.acknowledged(LOG, sent.size, now_ms + 100))
    assert answered >= 58, "of sixty deliveries of the log that is answered"
    assert outbox.deliveries == 2 * MAX_IN_FLIGHT + 60 - answered


def test_who_answers_slowly_is_given_longer() -> None:
    """Ten deliveries wait for ten seconds each: few are sent a second time."""
    outbox, now_ms, sent = filled(1000), 0, 0
    due: list[tuple[int, int]] = []
    while now_ms < 300_000:
        found = outbox.due(now_ms)
        sent += len(found)
        due += [(now_ms + 10_000, one.size) for one in found]
        for at_ms, size in [one for one in due if one[0] <= now_ms]:
            due.remove((at_ms, size))
            outbox.acknowledged(LOG, size, now_ms)
        now_ms += 500
    assert 1000 - outbox.deliveries >= 10 * MAX_IN_FLIGHT
    assert sent <= 1.2 * (1000 - outbox.deliveries) + MAX_IN_FLIGHT


def test_what_could_not_be_handed_over_waits_no_longer_for_that() -> None:
    outbox = filled(2)
    for now in range(0, 12 * RECEIPT_TIMEOUT_MS, RECEIPT_TIMEOUT_MS):
        (sent,) = outbox.due(now)
        outbox.not_sent(sent)
        assert outbox.due(now + RECEIPT_TIMEOUT_MS - 1) == []
    outbox.acknowledged(LOG, 10, 0)
    outbox.not_sent(sent)  # its receipt has come by another way
    assert sizes(outbox.items()) == [20]


def test_the_oldest_is_the_first_of_a_log() -> None:
    outbox = Outbox()
    assert (outbox.deliveries, outbox.oldest_stored_ms) == (0, None)
    for log_id, size, stored_ms in ((LOG, 10, 500), (LOG, 20, 600), (OTHER, 10, 550)):
        outbox.add(Item(log_id, size, 10, stored_ms))
    assert (outbox.deliveries, outbox.oldest_stored_ms) == (3, 500)
    outbox.acknowledged(LOG, 10, 0)
    assert (outbox.deliveries, outbox.oldest_stored_ms) == (2, 550)


def test_a_receipt_covers_all_below_it() -> None:
    outbox = filled(3)
    assert sizes(outbox.acknowledged(LOG, 20, 0)) == [10, 20]
    assert sizes(outbox.items()) == [30]
    assert outbox.acknowledged(LOG, 20, 0) == []
    assert outbox.acknowledged(OTHER, 20, 0) == []


def test_a_refusal_holds_back_its_own_log_only() -> None:
    outbox = filled(2)
    outbox.add(item(10, OTHER))
    outbox.due(0)
    outbox.refused(LOG, "unknown-log: not enrolled", 0)
    outbox.acknowledged(OTHER, 10, 0)
    assert next((i.state, i.refusal) for i in outbox.items()) == (State.REFUSED, "unknown-log: not enrolled")
    assert sizes(outbox.due(1)) == []
    assert sizes(outbox.due(MAX_BACKOFF_MS)) == [10]


def test_missing_at_the_service_goes_back_to_the_oldest() -> None:
    outbox = filled(4)
    outbox.acknowledged(LOG, 10, 0)
    assert sizes(outbox.due(0)) == [20, 30, 40]
    outbox.missing(LOG, 10, 1)
    assert sizes(outbox.due(1)) == [20]
    outbox.missing(LOG, 10, 2)  # the answer to 40, which was under way
    assert sizes(outbox.due(2)) == []


def test_missing_what_is_gone_here_is_said() -> None:
    outbox = filled(3)
    outbox.acknowledged(LOG, 10, 0)
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


def urgent(size: int, log_id: bytes) -> Item:
    return Item(log_id, size, 10, 0, kinds=frozenset({EntryType.WINDOW, EntryType.EVENT}))


def opened(outbox: Outbox, *log_ids: bytes) -> None:
    """So that many may be in flight."""
    for log_id in log_ids:
        outbox.acknowledged(log_id, 0, 0)


def test_a_log_with_an_event_goes_first_up_to_that() -> None:
    outbox = filled(40)
    for number in range(1, 31):
        outbox.add((urgent if number == 8 else item)(10 * number, OTHER))
    opened(outbox, LOG, OTHER)
    sent = outbox.due(0)
    assert sizes([one for one in sent if one.log_id == OTHER])[:8] == [10 * n for n in range(1, 9)]
    assert [one.log_id for one in sent[:11]].count(OTHER) == 9, "the event's eight, then in turn"


def test_what_is_not_urgent_has_every_fourth_place() -> None:
    """Also where one place at a time becomes free."""
    outbox = filled(60)
    for number in range(1, 201):
        outbox.add(urgent(10 * number, OTHER))
    opened(outbox, LOG, OTHER)
    waiting, others = outbox.due(0), 0
    for _ in range(100):
        first = waiting.pop(0)
        outbox.acknowledged(first.log_id, first.size, 0)
        sent = outbox.due(0)
        others += sum(one.log_id == LOG for one in sent)
        waiting += sent
    assert others == 25


def test_the_urgent_log_is_urgent_no_more_when_its_event_is_receipted() -> None:
    outbox = Outbox()
    outbox.add(urgent(10, LOG))
    for log_id in (LOG, OTHER):
        for number in range(2, MAX_IN_FLIGHT):
            outbox.add(item(10 * number, log_id))
    outbox.acknowledged(LOG, 10, 0)
    opened(outbox, OTHER)
    assert [one.log_id for one in outbox.due(0)].count(LOG) == MAX_IN_FLIGHT // 2


def test_one_delivery_stands_for_a_run() -> None:
    outbox = filled(4)
    run = outbox.items()[1:3]
    joined = Item(LOG, 30, 20, 0, windows=3, emptied=7, level=1)
    assert outbox.is_idle(run)
    outbox.replaced(run, joined)
    assert [(one.size, one.first_seq) for one in outbox.items()] == [(10, 0), (30, 10), (40, 30)]
    assert (outbox.records, outbox.emptied) == (40, 7)
    assert not outbox.is_idle(run), "it has been replaced"
    outbox.acknowledged(LOG, 30, 0)
    assert (outbox.records, outbox.emptied, outbox.hours) == (10, 0, 0)


def test_what_is_in_flight_is_not_replaced() -> None:
    outbox = filled(2)
    outbox.due(0)
    assert not outbox.is_idle(outbox.items())
    assert outbox.is_idle(outbox.items()[1:])


def test_hours_are_those_of_the_log_with_most() -> None:
    outbox = Outbox()
    for size, log_id, hours in ((10, LOG, 1), (10, OTHER, 2), (20, LOG, 4), (20, OTHER, 9)):
        outbox.add(Item(log_id, size, 10, 0, uptime_ms=3_600_000 * hours))
    assert outbox.hours == 7
    outbox.acknowledged(OTHER, 10, 0)
    assert outbox.hours == 3


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
            outbox.acknowledged(LOG, min(10 * value, ends[LOG]), now)
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
            outbox.acknowledged(LOG, sent.size, now)
        now += RECEIPT_TIMEOUT_MS
    assert outbox.items() == []
