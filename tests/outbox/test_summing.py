"""Several windows as one: what a longer window would have said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from packseal.outbox.summing import summed
from packseal.records.bodies import MeanMinMax, Window
from packseal.records.entries import decode_entry
from packseal.records.writing import encode_window

MILLIVOLT = st.integers(0, 60_000)
SAMPLES = st.lists(st.lists(MILLIVOLT, min_size=1, max_size=6), min_size=1, max_size=16)


def window_of(samples: list[int], **more: object) -> Window:
    spread = MeanMinMax(round_half_up(samples), min(samples), max(samples))
    return Window(10_000, len(samples), pack_voltage_mv=spread, **more)  # type: ignore[arg-type]


def round_half_up(samples: list[int]) -> int:
    return (2 * sum(samples) + len(samples)) // (2 * len(samples))


@given(SAMPLES)
def test_it_says_what_a_longer_window_would_have_said(samples: list[list[int]]) -> None:
    found = summed([window_of(one) for one in samples])
    every = [value for one in samples for value in one]
    spread = found.pack_voltage_mv
    assert (found.duration_ms, found.samples) == (10_000 * len(samples), len(every))
    assert spread
    assert (spread.minimum, spread.maximum) == (min(every), max(every))
    assert abs(spread.mean - sum(every) / len(every)) <= 1  # each mean was rounded before
    assert decode_entry(encode_window(1, 1, 1 << 30, found)).body == found


@given(MILLIVOLT, st.integers(1, 500))
def test_a_window_alone_stays_as_it_is(voltage: int, samples: int) -> None:
    window = Window(
        10_000, samples, 1, MeanMinMax(-voltage, -voltage - 1, 5), None, (None, voltage), (), 5_000, (1, 2, 3, 4),
        None, 9_900, 2, 3,
    )  # fmt: skip
    assert summed([window]) == window


def test_what_stands_at_the_end_is_that_of_the_last_that_has_it() -> None:
    first = window_of([1], soc_cpct=5_000, counters=(1, 2, 3, 4), soh_reported_cpct=9_900, slots_missed=2)
    last = window_of([1], soc_cpct=4_900, values_missing=3)
    found = summed([first, last])
    assert (found.soc_cpct, found.counters, found.soh_reported_cpct) == (4_900, (1, 2, 3, 4), 9_900)
    assert (found.slots_missed, found.values_missing, found.values_unavailable) == (2, 3, 0)


def test_a_cell_has_the_mean_of_the_windows_that_have_it() -> None:
    windows = [window_of([1], cell_mv=(3_700, None)), window_of([1, 1, 1], cell_mv=(3_704, None, 3_600))]
    assert summed(windows).cell_mv == (3_703, None, 3_600)


def test_without_a_value_there_is_none() -> None:
    found = summed([Window(10_000, 0), Window(10_000, 0)])
    assert found == Window(20_000, 0)
