"""The parts of the estimator one by one: segments, rests, resistance, self-discharge, what is said when."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from logger.core.entries import ESTIMATE
from logger.core.resistance import MIN_STEPS, Resistance, to_25
from logger.core.rests import MAX_ANCHORS, REST_MS, Rests
from logger.core.sampling import Integrator, Sample
from logger.core.segments import SEGMENT_MS, Segment, Segments
from logger.core.standing import MIN_APART_MS, RELAXED_MS, Standing
from logger.core.statements import CAPACITY, LACKS_REST, LACKS_SPAN, RESISTANCE, SOCE, Conditions, Statements
from logger.core.totals import Count, Totals

RATED_MAH, BLOCKS, MS = 10_000, 3, 1_000
HOUR_MS = 3_600_000


class Pack:
    """What a pack with blocks of these resistances shows at a current, voltages to the millivolt."""

    def __init__(self, ohmic_uohm: tuple[int, ...] = (5_000, 6_000, 7_000), slow_uohm: int = 3_000) -> None:
        self.segments = Segments(RATED_MAH, BLOCKS, MS)
        self.resistance = Resistance(RATED_MAH, BLOCKS, MS)
        self._integrator = Integrator([0] * 4, 60 * MS)
        self._ohmic_uohm, self._slow_uohm = ohmic_uohm, slow_uohm
        self._sample, self._now_ms, self._slow_ma = Sample(BLOCKS, 1), 0, 0.0
        self.taken: list[Segment] = []

    def run(self, current_ma: int, seconds: int, ddegc: int | None = 250, noise: Random | None = None) -> None:
        for _ in range(seconds):
            self._slow_ma += (current_ma - self._slow_ma) / 5  # a time constant of 5 s
            sample = self._sample
            sample.current_ma = current_ma
            error = noise.gauss(0, 1) if noise else 0
            for i, ohmic in enumerate(self._ohmic_uohm):
                drop_uv = current_ma * ohmic / 1_000 + self._slow_ma * self._slow_uohm / 1_000
                sample.cell_mv[i] = round(3_700 + drop_uv / 1_000 + error)
            sample.pack_mv = sum(mv for mv in sample.cell_mv if mv)
            sample.temperature_ddegc[0] = ddegc
            flow = self._integrator.add(self._now_ms, current_ma, sample.pack_mv)
            self.resistance.add(sample, MS if flow else 0, ddegc)
            self.segments.add(sample, flow, ddegc)
            if self.segments.is_due:
                self.taken.append(self.segments.take())
            self._now_ms += MS


# ---- segments


def test_half_a_minute_of_steady_current_is_a_segment() -> None:
    pack = Pack()
    pack.run(-5_000, 96)
    first, *others = pack.taken
    assert [segment.ms for segment in pack.taken] == [SEGMENT_MS] * 3
    assert (first.is_first, [segment.is_first for segment in others]) == (True, [False, False])
    assert (first.current_ma, first.is_rest, first.ddegc) == (-5_000, False, 250)
    assert others[1].cell_uv[0] == 3_660_000, "3,700 mV less 5 A times 8 mOhm"
    assert others[1].totals.charge_uah - others[0].totals.charge_uah == pytest.approx(-5_000_000 * 30 / 3_600, abs=1)
    assert others[1].charge_uah == pytest.approx(-5_000_000 * 75 / 3_600, abs=2), "at its middle"


def test_in_traffic_there_are_none_and_what_flows_is_counted_all_the_same() -> None:
    pack, generator = Pack(), Random(1)
    charge = 0
    for _ in range(200):
        current_ma = generator.choice([-9_000, -4_000, 3_000, -1_000])
        pack.run(current_ma, 3)
        charge += 3 * current_ma
    assert pack.taken == []
    assert pack.segments.count.totals().charge_uah == pytest.approx(charge / 3.6, rel=0.02)


def test_a_rest_is_told_from_a_small_load() -> None:
    pack = Pack()
    pack.run(-10, 40)
    pack.run(-400, 70)
    assert [segment.is_rest for segment in pack.taken] == [True, False, False]


# ---- rests


def resting(rests: Rests, minutes: float, start_uv: int, end_uv: int, began_ms: int = 0, current_ma: int = 0) -> None:
    """A rest whose voltage relaxes towards end_uv with a time constant of ten minutes."""
    count = Count()
    count.add(began_ms or 1, 0, 0)
    for turn in range(1, round(minutes * 2) + 1):
        count.add(SEGMENT_MS, 2 * current_ma, 0)
        uv = end_uv + (start_uv - end_uv) * 2 ** (-turn / 20)
        rests.note(Segment(SEGMENT_MS, current_ma, [round(uv), None], 250, True, turn == 1, count.totals()))


def test_a_rest_becomes_an_anchor_whose_uncertainty_covers_what_has_not_relaxed() -> None:
    for minutes in (5, 10, 30, 120):
        rests = Rests()
        resting(rests, minutes, 3_690_000, 3_700_000)
        anchor = rests.latest()
        assert len(rests.anchors) == 1
        assert abs(anchor.mean_uv - 3_700_000) <= 3 * anchor.sigma_uv
        assert anchor.cell_uv[1] == 0, "a block without a value"
        assert rests.take_fresh() is anchor
        assert rests.take_fresh() is None
    assert anchor.sigma_uv < 700


def test_a_short_rest_is_no_anchor() -> None:
    rests = Rests()
    resting(rests, REST_MS / 60_000 - 1, 3_690_000, 3_700_000)
    rests.end()
    assert (rests.anchors, rests.take_fresh()) == ([], None)


def test_the_oldest_anchor_goes_and_a_gap_takes_all() -> None:
    rests = Rests()
    for turn in range(MAX_ANCHORS + 2):
        resting(rests, 5, 3_700_000 + turn, 3_700_000 + turn, turn * HOUR_MS)
        rests.end()
    assert len(rests.anchors) == MAX_ANCHORS
    assert rests.anchors[0].mean_uv == 3_700_002
    rests.note_window(7)
    assert {anchor.window_seq for anchor in rests.anchors} == {7}
    rests.begin_ring(rests.anchors[-1])
    assert len(rests.anchors) == 1
    rests.forget()
    assert rests.anchors == []


# ---- resistance


@pytest.mark.parametrize("ddegc", [50, 250, 400])
def test_ohmic_and_ten_seconds(ddegc: int) -> None:
    """At 25 °C; a cell's own resistance here does not change with temperature, so the result is the correction's."""
    pack, generator = Pack(), Random(2)
    for _ in range(12):
        pack.run(0, 20, ddegc, generator)
        pack.run(-8_000, 20, ddegc, generator)
    ohmic, power = pack.resistance.ohmic(), pack.resistance.power()
    assert ohmic
    assert power
    factor = to_25(ddegc) / 1_000
    assert abs(ohmic[0] / factor - (18_000 + 9_000 / 5)) <= 400, "a fifth of the slow part comes within a second"
    assert abs(power[0] / factor - (18_000 + 9_000 * 0.914)) <= 400
    assert ohmic[1] >= abs(factor - 1) * ohmic[0] / 4, "what the correction may be wrong by"
    least, most = pack.resistance.ends()
    assert (least[0], most[0]) == (0, 2)
    assert most[1] / least[1] == pytest.approx(7_600 / 5_600, rel=0.05)


def test_few_steps_small_ones_and_no_temperature_give_no_resistance() -> None:
    few, small, cold = Pack(), Pack(), Pack()
    for turn in range(12):
        if turn < MIN_STEPS // 2 - 1:
            few.run(0, 5)
            few.run(-8_000, 5)
        small.run(0, 5)
        small.run(-1_900, 5)
        cold.run(0, 5, None)
        cold.run(-8_000, 5, None)
    assert [pack.resistance.ohmic() for pack in (few, small, cold)] == [None] * 3
    assert few.resistance.ends() == (None, None)


def test_to_25_follows_arrhenius() -> None:
    assert (to_25(250), to_25(-1_000), to_25(2_000)) == (1_000, 238, pytest.approx(2_334, rel=0.01))
    assert to_25(100) == 652


# ---- self-discharge


def stood(lost_ppm_a_month: list[int], days: int, ddegc: tuple[int, int] = (250, 250), slope_ppm: int = 1_000) -> Any:
    """slope_ppm a millivolt: so many ppm fewer are so many µV less."""
    standing = Standing(len(lost_ppm_a_month), RATED_MAH)
    standing.note_window(1)
    for day in range(days + 1):
        time_ms = RELAXED_MS + day * MIN_APART_MS
        cell_uv = [3_700_000 - lost * day * 1_000 // (30 * slope_ppm) for lost in lost_ppm_a_month]
        warmth = ddegc[0] + (ddegc[1] - ddegc[0]) * day // max(days, 1)
        standing.settled(time_ms, cell_uv, Totals(time_ms, 0, 0, 0), warmth, lambda _uv: slope_ppm)
        standing.note_window(day)
    return standing.take()


def test_a_pack_that_stands_shows_what_it_loses() -> None:
    value, least, most, conditions = stood([20_000, 50_000, 20_000], 10)
    assert abs(value[0] - 300) <= 2 * value[1], "3 % a month"
    assert (least[0], most[0]) == (0, 1)
    assert abs(most[1] - 500) <= 2 * most[2]
    assert conditions.inputs == [0, None]


def test_hours_a_flat_curve_and_a_change_of_temperature_say_nothing() -> None:
    assert stood([20_000], 0) is None
    assert stood([20_000], 2, slope_ppm=20_000) is None
    assert stood([20_000], 10, (250, 50)) is None
    assert stood([20_000], 300, (250, 50)) is not None, "in a year it does not matter"


# ---- what is said when


def conditions(newest_ms: int) -> Conditions:
    return Conditions([3, 9], newest_ms, 251, [9_000, 2_000])


def test_a_quantity_is_said_when_new_when_moved_and_once_a_day() -> None:
    statements, said = Statements(), []
    for hours, value in ((0, 100), (0.5, 200), (2, 104), (3, 106), (8, 106), (27, 106), (28, 106)):
        statements.estimate(RESISTANCE, 3, [value, 10], conditions(round(hours * HOUR_MS)))
        taken = statements.take(round(hours * HOUR_MS) + 5)
        if taken:
            assert taken[0] == ESTIMATE
            said.append((hours, taken[1][4]))
            assert taken[1][8] == 5, "age"
    assert said == [(0, [100, 10]), (3, [106, 10]), (27, [106, 10])]


def test_what_lacks_is_said_once_a_reason_and_once_a_week() -> None:
    statements, said = Statements(), []
    for days, lacking in ((0, LACKS_REST), (1, LACKS_REST), (2, LACKS_SPAN), (3, LACKS_SPAN), (10, LACKS_SPAN)):
        statements.lack(CAPACITY, 2, [lacking], conditions(days * 24 * HOUR_MS))
        taken = statements.take(days * 24 * HOUR_MS)
        if taken:
            said.append((days, taken[1][5]))
    assert said == [(0, [LACKS_REST]), (2, [LACKS_SPAN]), (10, [LACKS_SPAN])]
    statements.estimate(CAPACITY, 2, [9_000, 100], conditions(11 * 24 * HOUR_MS))
    assert statements.take(0)[1][4] == [9_000, 100], "known at last"


def test_several_wait_for_several_windows() -> None:
    statements = Statements()
    for quantity in (SOCE, RESISTANCE):
        statements.estimate(quantity, 3, [1, 1], conditions(0))
    assert [statements.take(0)[1][1], statements.take(0)[1][1], statements.take(0)] == [RESISTANCE, SOCE, None]
