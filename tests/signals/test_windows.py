"""Samples -> one summary per time window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.signals import Absence, QuantityWindow, Samples, SampleTable, SampleWindow, windows


def samples(*rows: tuple[int, int | None]) -> Samples:
    """(time, value, or None for not available)"""
    absence = [Absence.NONE if value is not None else Absence.NOT_AVAILABLE_CODE for _, value in rows]
    return Samples(
        np.array([time for time, _ in rows], np.int64),
        np.array([value or 0 for _, value in rows], np.int64),
        np.array(absence, np.uint8),
    )


def test_summary_of_each_window() -> None:
    found = windows({"a": samples((10, 4), (11, None), (19, 7), (20, 1)), "b": samples((25, None))}, 10)
    assert found == [
        SampleWindow(10, 10, 0, {"a": QuantityWindow(2, 1, 4, 6, 7, 7)}),
        SampleWindow(20, 10, 0, {"a": QuantityWindow(1, 0, 1, 1, 1, 1), "b": QuantityWindow(0, 1)}),
    ]


def test_empty_windows_are_counted_not_listed() -> None:
    found = windows({"a": samples((-5, 1), (31, 2))}, 10)
    assert [(window.start_ns, window.empty_windows_before) for window in found] == [(-10, 0), (30, 3)]


def test_times_that_run_back_are_put_in_order() -> None:
    assert windows({"a": samples((9, 9), (3, 3))}, 10)[0].quantities["a"].last_value == 9


def test_nothing_gives_nothing() -> None:
    assert windows({}, 10) == windows({"a": samples()}, 10) == []


def test_a_window_has_a_length() -> None:
    with pytest.raises(ValueError, match="window_ns"):
        windows({}, 0)


@given(
    st.lists(st.tuples(st.integers(0, 100), st.none() | st.integers(-(2**31), 2**31 - 1)), max_size=50),
    st.integers(1, 30),
)
@settings(deadline=None)
def test_against_a_plain_loop(rows: list[tuple[int, int | None]], window_ns: int) -> None:
    found = {window.start_ns: window.quantities["a"] for window in windows({"a": samples(*rows)}, window_ns)}
    assert set(found) == {time - time % window_ns for time, _ in rows}
    for start, summary in found.items():
        inside = [value for time, value in sorted(rows, key=lambda row: row[0]) if start <= time < start + window_ns]
        values = [value for value in inside if value is not None]
        assert summary.valid + summary.not_available == len(inside)
        if values:
            assert (summary.min_value, summary.max_value, summary.last_value) == (min(values), max(values), values[-1])
            assert summary.mean_value is not None
            assert abs(summary.mean_value - sum(values) / len(values)) <= 0.5


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40), st.none() | st.integers(-9, 9)), max_size=60),
    st.integers(1, 20),
    st.integers(1, 60),
)
@settings(deadline=None)
def test_a_log_in_blocks_is_as_one(rows: list[tuple[str, int, int | None]], window_ns: int, size: int) -> None:
    def table(part: list[tuple[str, int, int | None]]) -> SampleTable:
        return SampleTable.of({name: samples(*(row[1:] for row in part if row[0] == name)) for name in "ab"})

    blocks = [block for at in range(0, len(rows), size) for block in table(rows[at : at + size]).blocks]
    whole, parts = table(rows), SampleTable("ab", blocks)
    assert windows(parts, window_ns) == windows(whole, window_ns)
    assert parts.counts == whole.counts
    assert all(parts[name].value.tolist() == whole[name].value.tolist() for name in "ab")
