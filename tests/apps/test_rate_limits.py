"""Token buckets: never more than was allowed, never without end in memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.apps.rate_limits import TokenBuckets, address_key


class Stopped:
    """A clock that a test moves."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@given(st.integers(1, 120), st.lists(st.tuples(st.floats(0, 90), st.integers(1, 40)), max_size=30))
def test_never_more_than_a_minutes_worth_and_what_comes_in_since(
    per_minute: int, bursts: list[tuple[float, int]]
) -> None:
    clock = Stopped()
    buckets = TokenBuckets(per_minute, clock)
    taken, started_s = 0, clock.now_s
    for pause_s, asked in bursts:
        clock.now_s += pause_s
        for _ in range(asked):
            before_s = buckets.wait_s("a")
            wait_s = buckets.take("a")
            assert wait_s == before_s
            taken += not wait_s
        assert taken <= per_minute + (clock.now_s - started_s) * per_minute / 60 + 1e-6
        assert not buckets.wait_s("b")


@given(st.integers(1, 120))
def test_who_waits_as_told_is_served(per_minute: int) -> None:
    clock = Stopped()
    buckets = TokenBuckets(per_minute, clock)
    assert not any(buckets.take("a") for _ in range(per_minute))
    wait_s = buckets.take("a")
    assert wait_s == pytest.approx(60 / per_minute)
    clock.now_s += wait_s + 1e-6
    assert not buckets.take("a")


def test_no_limit_keeps_nothing() -> None:
    buckets = TokenBuckets(0, Stopped())
    assert not any(buckets.take(number % 3) for number in range(1000))
    assert len(buckets) == 0


def test_the_table_is_bounded_and_those_not_seen_for_longest_go() -> None:
    buckets = TokenBuckets(1, Stopped(), max_keys=3)
    for key in "abcd":
        assert not buckets.take(key)
    assert len(buckets) == 3
    assert [bool(buckets.wait_s(key)) for key in "abcd"] == [False, True, True, True]


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 1000, "x" * 64),
    ],
)
def test_one_key_for_one_line(host: str, key: str) -> None:
    assert address_key(host) == key
