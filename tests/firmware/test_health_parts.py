"""The parts of the estimator one by one: segments, rests, resistance, self-discharge, what is said when."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from typing import Any

import pytest

from logger.core.entries import ESTIMATE
from logger.core.resistance import MIN_STEPS, STEPS, Resistance
from logger.core.rests import MAX_ANCHORS, REST_MS, Rests
from logger.core.sampling import Integrator, Sample
from logger.core.segments import SEGMENT_MS, Segment, Segments
from logger.core.standing import MIN_APART_MS, RELAXED_MS, Standing
from logger.core.statements import CAPACITY, LACKS_REST, LACKS_SPAN, RESISTANCE, SOCE, Conditions, Statements
from logger.core.temperature_law import ENERGY_ERROR_J, ENERGY_J, exponential, steepness
from logger.core.totals import Count, Totals
from tests.firmware.conftest import Interpreter, find_interpreter

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


def law(ddegc: int, cold_j: float, warm_j: float) -> float:
    """R(T) / R(25 °C)."""
    kelvin = ddegc / 10 + 273.15
    return math.exp((cold_j if ddegc < 250 else warm_j) / 8.314 * (1 / kelvin - 1 / 298.15))


class Life:
    """A pack whose steps of 8 A, noise and all, a Resistance sees: windows of some steps, at any temperature."""

    def __init__(self, cold_j: float = ENERGY_J, warm_j: float = ENERGY_J) -> None:
        self.resistance = Resistance(RATED_MAH, BLOCKS, MS)
        self.uohm, self.seq, self._energies_j = 18_000.0, 0, (cold_j, warm_j)
        self._generator = Random(5)

    def window(self, ddegc: int, steps: int = 8, days: float = 1, uohm: float | None = None) -> None:
        sample, true_uohm = Sample(BLOCKS, 1), (uohm or self.uohm) * law(ddegc, *self._energies_j)
        sample.current_ma, sample.pack_mv = 0, 11_100
        for part_ms in [min(days, 1) * 24 * HOUR_MS] * math.ceil(days):
            self.resistance.add(sample, round(part_ms), ddegc)
            self.resistance.note_window(self.seq)
        for turn in range(steps):
            sample.current_ma = 0 if turn % 2 else -8_000
            sample.pack_mv = round(11_100 + sample.current_ma * true_uohm / 1e6 + self._generator.gauss(0, 2))
            self.resistance.add(sample, MS, ddegc)
        self.resistance.forget()
        self.seq += 1
        self.resistance.note_window(self.seq)

    def seasons(self, days: int) -> None:
        """Once a day, mornings and afternoons by turns."""
        for day in range(days):
            self.window(round(250 + 100 * math.sin(2 * math.pi * day / 365) + (50 if day % 2 else -50)))

    def off(self) -> float:
        """By how much the statement is wrong, in its own uncertainties."""
        value, error = self.stated()
        return abs(value - self.uohm) / error

    def stated(self) -> list[int]:
        found: list[int] | None = self.resistance.ohmic()
        assert found is not None
        return found


def same_twice(life: Life) -> Resistance:
    again = Resistance(RATED_MAH, BLOCKS, MS)
    again.from_bytes(life.resistance.to_bytes())
    return again


@pytest.mark.parametrize("ddegc", [50, 250, 400])
def test_ohmic_and_ten_seconds(ddegc: int) -> None:
    """At 25 °C; a cell's own resistance here does not change with temperature, so the result is the correction's."""
    pack, generator = Pack(), Random(2)
    for _ in range(12):
        pack.run(0, 20, ddegc, generator)
        pack.run(-8_000, 20, ddegc, generator)
    assert pack.resistance.ohmic() is None, "of no window yet"
    pack.resistance.note_window(1)
    ohmic, power = pack.resistance.ohmic(), pack.resistance.power()
    assert ohmic
    assert power
    factor = 1 / law(ddegc, ENERGY_J, ENERGY_J)
    assert abs(ohmic[0] / factor - (18_000 + 9_000 / 5)) <= 400, "a fifth of the slow part comes within a second"
    assert abs(power[0] / factor - (18_000 + 9_000 * 0.914)) <= 400
    unknown = ENERGY_ERROR_J * abs(steepness(ddegc)) / 1e9
    assert ohmic[1] >= 0.9 * unknown * ohmic[0], "what the correction may be wrong by"
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
    for pack in (few, small, cold):
        pack.resistance.note_window(1)
    assert [pack.resistance.ohmic() for pack in (few, small, cold)] == [None] * 3
    assert few.resistance.ends() == (None, None)


def test_exponentials_and_steepness() -> None:
    for ppm in range(-6_000_000, 6_000_000, 9_973):
        assert exponential(ppm) / (1 << 30) == pytest.approx(math.exp(ppm / 1e6), rel=5e-6)
    for ddegc in (-200, 0, 250, 600):
        exact = (1 / (ddegc / 10 + 273.15) - 1 / 298.15) / 8.314
        assert steepness(ddegc) == pytest.approx(exact * 1e9, abs=1)


@pytest.mark.parametrize(("cold_j", "warm_j"), [(23_000, 2_000), (39_000, 39_000), (4_000, 4_000)])
def test_a_pack_that_sees_its_seasons_learns_its_own_law(cold_j: int, warm_j: int) -> None:
    life = Life(cold_j, warm_j)
    life.seasons(365)
    for ddegc in (100, 250, 400):
        life.window(ddegc)
        assert abs(life.stated()[0] / life.uohm - 1) <= 0.05, ddegc
        assert life.off() <= 2.5


@pytest.mark.parametrize("ddegc", [0, 100, 400])
@pytest.mark.parametrize("energy_j", [4_000, 36_000])
def test_before_it_knows_the_law_the_interval_is_wide_enough(ddegc: int, energy_j: int) -> None:
    life = Life(energy_j, energy_j)
    for _ in range(20):
        life.window(ddegc)
    assert life.off() <= 2
    value, error = life.stated()
    assert error >= 0.2 * value
    for _ in range(10):
        life.window(250)
        life.window(ddegc)
    assert life.stated()[1] < error / 3


def test_one_step_a_window_follows_a_rise_within_a_few() -> None:
    life = Life()
    for _ in range(40):
        life.window(250, steps=1)
    for _ in range(30):
        life.uohm *= 1.3 ** (1 / 30)
        life.window(250, steps=1)
    assert life.stated()[0] >= 0.95 * life.uohm
    for _ in range(10):
        life.window(250, steps=1)
    assert life.stated()[0] == pytest.approx(life.uohm, rel=0.03)


def test_many_steps_of_a_day_are_a_mean() -> None:
    life, found = Life(), []
    for _ in range(20):
        life.window(250, steps=32, days=0.1)
        found.append(life.stated()[0])
    assert max(found[5:]) - min(found[5:]) <= 0.03 * life.uohm


def test_a_wrong_window_hardly_counts_and_another_pack_begins_anew() -> None:
    life = Life()
    life.seasons(60)
    before = life.stated()[0]
    life.window(250, uohm=3 * life.uohm)
    assert life.stated()[0] == pytest.approx(before, rel=0.05)
    life.seasons(10)
    life.uohm *= 2
    for _ in range(3):
        life.window(250, days=0.1)
    life.window(250, steps=4, days=0.1)
    assert life.resistance.ohmic() is None, "what was stated is of another pack"
    for _ in range(2):
        life.window(250)
    assert life.stated()[0] == pytest.approx(life.uohm, rel=0.03)
    assert life.resistance.conditions(0).inputs == [life.seq - 1, life.seq], "of the new one alone"


def test_inputs_are_the_windows_of_the_newest_steps() -> None:
    life = Life()
    for ddegc in (100, 200, 300):
        life.window(ddegc, steps=STEPS // 2)
    found = life.resistance.conditions(7)
    assert found.inputs == [2, 3]
    assert 245 <= found.ddegc <= 255


def test_a_restart_goes_on_with_the_law_and_states_nothing_of_its_own() -> None:
    life = Life(23_000, 2_000)
    life.seasons(365)
    stated = life.stated()
    again = same_twice(life)
    assert (again.ohmic(), again.power()) == (None, None)
    life.resistance = again
    life.window(100, steps=MIN_STEPS + 1)
    assert life.stated()[0] == pytest.approx(stated[0], rel=0.05), "a cold day, and nothing learnt anew"
    assert life.stated()[1] < 0.05 * life.uohm
    assert life.resistance.conditions(0).inputs == [life.seq] * 2


def test_bytes_of_others_are_refused_and_change_nothing() -> None:
    life = Life()
    life.seasons(10)
    content = life.resistance.to_bytes()
    for wrong in (b"", content[:-1], content + b"\0", b"\0" + content[1:]):
        with pytest.raises(ValueError, match="not the resistance"):
            life.resistance.from_bytes(wrong)
    assert life.resistance.to_bytes() == content


SCRIPT = """
from binascii import hexlify
from logger.core.resistance import Resistance


class Sample:
    current_ma = pack_mv = 0
    cell_mv = (3700,)


made, sample, chance = Resistance(10000, 1, 1000), Sample(), 1
for window in range(200):
    made.add(sample, 80000000, 250)
    for turn in range(40):
        chance = chance * 1103515245 % 2147483648 + 12345
        sample.current_ma = -8000 if turn // 13 % 2 else chance // 65536 % 3000
        sample.pack_mv = 3700 + sample.current_ma // (30 + window % 9) + chance // 1048576 % 3
        made.add(sample, 1000, chance // 65536 % 700 - 200)
    made.note_window(window)
print(made.ohmic(), made.power(), hexlify(made.to_bytes()).decode())
"""


@pytest.mark.on_32_bits
def test_every_port_comes_to_the_same(interpreter: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    said = [chosen.run(tmp_path / "script.py") for chosen in (interpreter, find_interpreter("cpython"))]
    assert said[0] == said[1]
    assert not said[0].startswith("None")


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
