"""Stamps of other clocks on ours."""

from __future__ import annotations

import itertools
import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from packseal.io.can_receiver import MAX_DRIFT_PPM, RESET_NS, StampClock, both_clocks

SECOND_NS = 1_000_000_000


@given(st.integers(-(10**18), 10**18), st.lists(st.integers(0, 10**8), min_size=2, max_size=50), st.integers(-100, 100))
def test_frames_keep_their_distance_and_are_never_late(zero_ns: int, delays_ns: list[int], drift_ppm: int) -> None:
    """A frame a second, read after a delay; the adapter's clock has another zero and runs a little fast or slow."""
    clock = StampClock()
    told = []
    for number, delay_ns in enumerate(delays_ns):
        sent_ns = number * SECOND_NS
        stamp = zero_ns + sent_ns + sent_ns * drift_ppm // 1_000_000
        (time_ns,) = clock.monotonic(np.array([stamp]), np.array([sent_ns + delay_ns])).tolist()
        told.append(time_ns)
        assert time_ns <= sent_ns + delay_ns
    for before, after in itertools.pairwise(told):
        slack_ns = (MAX_DRIFT_PPM + abs(drift_ppm) + 1) * SECOND_NS * 2 // 1_000_000
        assert SECOND_NS - max(delays_ns) - slack_ns <= after - before <= SECOND_NS + slack_ns


def test_within_a_batch_distances_are_exact() -> None:
    stamps = np.array([5, 9, 1000])
    arrived = np.array([10**12, 10**12 + 1, 10**12 + 2])
    assert StampClock().monotonic(stamps, arrived).tolist() == [10**12 - 993, 10**12 - 989, 10**12 + 2]


def test_a_clock_that_was_set_is_followed_at_once() -> None:
    clock = StampClock()
    assert clock.monotonic(np.array([0]), np.array([100])).tolist() == [100]
    for step_ns in (10 * RESET_NS, -10 * RESET_NS):
        arrived = np.array([100 + SECOND_NS])
        assert clock.monotonic(np.array([SECOND_NS + step_ns]), arrived).tolist() == arrived.tolist()


def test_the_wall_clock_is_told_on_the_one_that_nobody_sets() -> None:
    before_ns = time.monotonic_ns()
    clocks = both_clocks()
    told_ns = time.time_ns() + clocks.offset_ns
    assert before_ns <= clocks.now_ns <= time.monotonic_ns()
    assert before_ns - 1_000_000 <= told_ns <= time.monotonic_ns() + 1_000_000
