"""What of a trace is drawn: no peak is lost, an estimate stands until the next one, a fault lasts as long as it did."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from packseal_hil.readings import Floats
from packseal_hil.report.curves import BREAK, STRETCHES, Curves, curves, end_s, faults_of, kept_rows
from packseal_hil.report.drawing import drawn, legend
from packseal_hil.report.pauses import PAUSE_SHARE, shortened
from packseal_hil.trace import Mark, Trace
from tests.hil.traces import ESTIMATES, MARKS, STEP_S, TRUE_SOH_CPCT, cycle

ROWS = 3_000


def curves_by_key(trace: Trace) -> dict[str, Curves]:
    return {one.key: one for one in curves(shortened(trace))}


@settings(deadline=None)  # a shared machine
@given(arrays(np.float64, st.integers(0, 4 * STRETCHES), elements=st.integers(-9, 9).map(float)))
def test_thinning_keeps_both_extremes_both_ends_and_the_order(values: Floats) -> None:
    kept = kept_rows(values)
    assert len(kept) <= 2 * STRETCHES + 2
    assert (np.diff(kept) > 0).all()
    if len(values):
        assert {0, len(values) - 1} <= set(kept.tolist())
        assert (values[kept].min(), values[kept].max()) == (values.min(), values.max())


@settings(deadline=None)
@given(st.integers(1, ROWS - 2))
def test_a_peak_of_a_single_row_is_drawn(row: int) -> None:
    values = np.zeros(ROWS)
    values[row] = 1.0
    assert row in kept_rows(values)


def test_values_are_in_the_units_of_their_titles() -> None:
    found = curves_by_key(cycle())
    assert [max(line.values) for line in found["cells"].lines] == pytest.approx([4.0055, 4.0, 4.011], abs=0.002)
    assert (min(found["current"].lines[0].values), max(found["current"].lines[0].values)) == (-5.0, 5.0)
    assert [line.values[0] for line in found["temperature"].lines] == pytest.approx([10.7, -3.7, 25.1])
    assert [line.values[0] for line in found["soc"].lines] == [49.0, 50.0]


def test_an_estimate_stands_until_the_next_one_and_the_last_to_the_end() -> None:
    trace = cycle(estimates=ESTIMATES)
    said, truth, _, interval = curves_by_key(trace)["health"].lines
    first_s, second_s = trace.estimate_time_s.tolist()
    assert said.points == ((first_s, 88.0), (second_s, 88.0), (second_s, 86.5), (end_s(trace), 86.5))
    assert set(truth.values) == {TRUE_SOH_CPCT / 100}
    assert interval.points[-1] == BREAK
    assert {at_s for at_s, _ in interval.points[:-1]} == {first_s, second_s}
    assert set(interval.values) == {84.0, 91.0}


def test_an_estimate_without_an_interval_has_none_in_the_picture() -> None:
    *_, interval = curves_by_key(cycle(estimates=ESTIMATES[1:]))["health"].lines
    assert interval.points == ()


def test_only_faults_are_marked_as_faults() -> None:
    assert [mark.kind for mark in faults_of(cycle(10, MARKS))] == ["open-wire", "power-cut"]


def test_a_fault_is_as_wide_as_it_was_long_and_lies_behind_the_lines() -> None:
    trace = cycle(marks=(Mark(3_000.0, "short", "short", 6_000.0),))
    picture = ET.fromstring(drawn(curves(shortened(trace))[2], faults_of(trace), end_s(trace)))  # noqa: S314 - our own
    first, *_ = picture.findall(".//{*}path[@class='line reactive nofill']")
    background = picture.find(".//{*}g[@class='plot']/{*}rect")
    assert background is not None
    xs = [float(number) for number in first.get("d", "").replace("M", "").replace("L", "").split()[::2]]
    share = (max(xs) - min(xs)) / float(background.get("width", ""))
    assert share == pytest.approx(3_000 / end_s(trace), abs=0.02)


def test_a_picture_brings_no_script_no_style_and_no_name_of_its_own() -> None:
    trace = cycle(marks=MARKS, estimates=ESTIMATES)
    for one in curves(shortened(trace)):
        picture = ET.fromstring(drawn(one, faults_of(trace), end_s(trace)))  # noqa: S314 - our own
        tags = {element.tag.rpartition("}")[2] for element in picture.iter()}
        assert tags.isdisjoint({"script", "style", "image", "foreignObject"})
        assert not [element for element in picture.iter() if "id" in element.attrib]
        assert drawn(one, faults_of(trace), end_s(trace)) == drawn(one, faults_of(trace), end_s(trace))


def test_the_legend_names_what_is_there_and_nothing_else() -> None:
    health = curves_by_key(cycle(10))["health"]
    assert legend(health, has_faults=False) == ((2, "true"), (3, "claimed by the BMS"))
    assert legend(health, has_faults=True)[-1] == (0, "fault")


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_short_traces_are_drawn_too(rows: int) -> None:
    trace = cycle(rows)
    pictures = [drawn(one, (), end_s(trace)) for one in curves(shortened(trace))]
    assert [("nothing was recorded" in picture) for picture in pictures] == [rows == 0] * 5
    assert end_s(trace) == max(0, rows - 1) * STEP_S


YEAR_S = 365 * 86_400.0
SHELF = 600  # the first row after it


def with_a_year_on_a_shelf() -> Trace:
    """Between two rows, with a mark and an estimate behind it."""
    trace = cycle(
        marks=(Mark(STEP_S * (SHELF + 100.0), "short", "short", STEP_S * (SHELF + 200.0)),), estimates=ESTIMATES
    )
    late = np.arange(len(trace.time_s)) >= SHELF
    marks = tuple(replace(mark, at_s=mark.at_s + YEAR_S, until_s=(mark.until_s or 0) + YEAR_S) for mark in trace.marks)
    estimates = trace.estimate_time_s + np.where(trace.estimate_time_s >= STEP_S * SHELF, YEAR_S, 0)
    return replace(trace, time_s=trace.time_s + late * YEAR_S, estimate_time_s=estimates, marks=marks)


def test_a_year_on_a_shelf_is_short_and_what_comes_behind_it_keeps_its_place() -> None:
    trace = with_a_year_on_a_shelf()
    shown = shortened(trace)
    ((row, at_s, length_s),) = [(one.row, one.at_s, one.length_s) for one in shown.pauses]
    assert (row, at_s, length_s) == (SHELF, STEP_S * (SHELF - 1), YEAR_S + STEP_S)
    assert end_s(shown.trace) == pytest.approx(STEP_S * len(trace.time_s) * (1 + PAUSE_SHARE), rel=0.01)
    later = shown.trace.time_s[SHELF:] - trace.time_s[SHELF:]
    assert np.ptp(later) == pytest.approx(0.0, abs=1e-6)
    (mark,) = shown.trace.marks
    assert (mark.at_s - trace.marks[0].at_s, (mark.until_s or 0) - mark.at_s) == pytest.approx((later[0], 1_000.0))
    assert shown.trace.estimate_time_s[-1] - trace.estimate_time_s[-1] == pytest.approx(later[0])


def test_lines_end_at_a_pause() -> None:
    (current,) = curves_by_key(with_a_year_on_a_shelf())["current"].lines
    place = current.points.index(BREAK)
    before, behind = (current.points[place + step][0] or 0 for step in (-1, 1))
    assert behind - before > PAUSE_SHARE * STEP_S * SHELF
    assert current.points.count(BREAK) == 1


@pytest.mark.parametrize("rows", [0, 1, 2, 900])
def test_what_has_no_pause_is_left_as_it_is(rows: int) -> None:
    trace = cycle(rows)
    assert shortened(trace).trace is trace
