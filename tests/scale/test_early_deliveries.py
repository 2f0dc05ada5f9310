"""How many early deliveries wait, how long, and when each of them is due."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from packseal.apps.early_deliveries import MAX_HELD, MAX_HELD_BYTES, MAX_HELD_OF_A_LOG, EarlyDeliveries
from packseal.io.came import Came

LOG, OTHER = b"a" * 16, b"b" * 16


def came(name: str, size_bytes: int = 1) -> Came:
    return Came(name, bytes(size_bytes))


def names(found: list[Came]) -> list[str]:
    return [one.topic for one in found]


def test_it_is_ready_when_what_it_goes_on_from_is_there() -> None:
    early = EarlyDeliveries(hold_s=2)
    assert early.hold(came("one"), LOG, 10, now_s=0)
    due = early.taken_out({LOG: 9}, now_s=1)
    assert (due.ready, due.late, len(early)) == ([], [], 1)
    due = early.taken_out({LOG: 10}, now_s=1)
    assert (names(due.ready), due.late, len(early), early.logs) == (["one"], [], 0, [])


def test_it_is_late_when_its_time_is_up_and_not_before() -> None:
    early = EarlyDeliveries(hold_s=2)
    early.hold(came("one"), LOG, 10, now_s=0)
    early.hold(came("two"), LOG, 20, now_s=1)
    assert names(early.taken_out({}, now_s=1.9).late) == []
    assert names(early.taken_out({}, now_s=2).late) == ["one"]
    assert names(early.taken_out({LOG: 5}, now_s=3).late) == ["two"]
    assert len(early) == 0


def test_with_the_first_of_a_log_go_all_behind_it_in_their_order() -> None:
    early = EarlyDeliveries()
    for size in (30, 10, 20):
        early.hold(came(f"at {size}"), LOG, size, now_s=0)
    early.hold(came("other"), OTHER, 5, now_s=0)
    assert names(early.taken_out({LOG: 10, OTHER: 4}, now_s=0).ready) == ["at 10", "at 20", "at 30"]
    assert early.logs == [OTHER]


def test_held_again_its_time_runs_on() -> None:
    early = EarlyDeliveries(hold_s=2)
    early.hold(came("one"), LOG, 10, now_s=0)
    (again,) = early.taken_out({LOG: 10}, now_s=1).ready
    assert early.hold(again, LOG, 12, now_s=1)
    (again,) = early.taken_out({}, now_s=2).late
    assert not early.hold(again, LOG, 12, now_s=2)


def test_there_is_room_for_so_many_and_no_more() -> None:
    early = EarlyDeliveries()
    of_one = [early.hold(came("x"), LOG, number, now_s=0) for number in range(MAX_HELD_OF_A_LOG + 1)]
    assert of_one == [True] * MAX_HELD_OF_A_LOG + [False]
    of_all = [early.hold(came("x"), number.to_bytes(16, "big"), 1, now_s=0) for number in range(MAX_HELD)]
    assert sum(of_all) == MAX_HELD - MAX_HELD_OF_A_LOG
    early = EarlyDeliveries()
    assert early.hold(came("x", MAX_HELD_BYTES), LOG, 1, now_s=0)
    assert not early.hold(came("x"), OTHER, 1, now_s=0)
    early.taken_out({LOG: 1}, now_s=0)
    assert early.hold(came("x"), OTHER, 1, now_s=0)


steps = st.one_of(
    st.tuples(st.just("hold"), st.integers(0, 3), st.integers(0, 9)),
    st.tuples(st.just("look"), st.integers(0, 3), st.integers(0, 9)),
)


@given(st.lists(steps, max_size=60))
def test_whatever_happens_each_comes_out_once(done: list[tuple[str, int, int]]) -> None:
    early = EarlyDeliveries(hold_s=5)
    held: list[str] = []
    out: list[str] = []
    for now_s, (step, log, size) in enumerate(done):
        if step == "hold" and early.hold(came(str(now_s)), bytes([log]), size, now_s):
            held.append(str(now_s))
        if step == "look":
            due = early.taken_out({bytes([log]): size}, now_s)
            out += names(due.ready) + names(due.late)
    last = early.taken_out({}, len(done) + 5)
    assert sorted(out + names(last.ready) + names(last.late)) == sorted(held)
    assert (len(early), early.logs) == (0, [])
