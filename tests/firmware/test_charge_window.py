"""Capacity from windows of steady current, on synthetic cells made from the families of curves themselves.

What it comes to on cells of others is benchmarks/health/real_cells.py's. Here: the same answer on every interpreter,
the truth in the stated interval, and no confident wrong number from any bad input.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from pathlib import Path
from random import Random

import pytest

from logger.core.charge_window import (
    LACKS_AGREEMENT,
    LACKS_COUNT,
    LACKS_REST,
    LACKS_SENSOR,
    LACKS_SPAN,
    LACKS_STEPS,
    MIN_WINDOWS,
    ChargeWindows,
)
from logger.core.curve_family import POINTS, Curve, CurveFamily
from logger.core.segments import Segment
from logger.core.steps import finish
from logger.core.totals import Totals
from logger.profiles import lco_family, nca_family
from tests.firmware.conftest import Interpreter

SCRIPT = Path(__file__).parent / "board_tests/charge_windows.py"
FAMILIES = {"lco": lco_family.FAMILY, "nca": nca_family.FAMILY}
RATED_MAH = 10_000
SEGMENT_MS = 30_000
FULL_UV, EMPTY_UV, REST_UV = 4_190_000, 2_700_000, 3_800_000
Z95 = 1.96
LARGEST_STATE_BYTES = 2048  # with words of 32 bits

Rows = list[list[float]]
Distortion = Callable[[Rows, tuple[int, ...]], Rows]
Value = tuple[int, int, tuple[int, int] | None, int | None]


class Cell:
    """A cell on one curve of a family: makes segments of it. age_ppm may be set, another cell put in its place."""

    def __init__(self, name: str, age_ppm: int, seed: int = 1):
        self.family = CurveFamily(FAMILIES[name])
        self.age_ppm = age_ppm
        self.chance = Random(seed)
        self.offset_uv = self.chance.randrange(-2000, 2001)
        self.time_ms = self.charge_in = self.charge_out = self.step_variance = 0

    def segment(self, current_ma: int, uv: int, is_first: bool) -> Segment:
        self.time_ms += SEGMENT_MS
        if current_ma > 0:
            self.charge_in += 2 * current_ma * SEGMENT_MS
        else:
            self.charge_out -= 2 * current_ma * SEGMENT_MS
        totals = Totals(self.time_ms, self.charge_in, self.charge_out, self.step_variance)
        seen_uv = uv + self.offset_uv + self.chance.randrange(-800, 801)
        return Segment(
            SEGMENT_MS, current_ma, [seen_uv], self.family.reference_ddegc, current_ma == 0, is_first, totals
        )

    def rest(self, uv: int) -> Iterator[Segment]:
        for turn in range(3):
            yield self.segment(0, uv, turn == 0)

    def window(self, *, is_charge: bool, first: float, share: float) -> Iterator[Segment]:
        """A part of what one direction's curve spans, at its reference current; from a rest if it starts at an end."""
        curve = self.family.charging if is_charge else self.family.discharging
        low_ppm, high_ppm = curve.charge(self.age_ppm, curve.first_uv)[0], curve.charge(self.age_ppm, 4_190_000)[0]
        if not is_charge:
            high_ppm = self.family.full_ppm(self.age_ppm)
        span_ppm = high_ppm - low_ppm
        at_ppm = low_ppm + int(first * span_ppm) if is_charge else high_ppm - int(first * span_ppm)
        current_ma = curve.rate_ppm * RATED_MAH // 1_000_000
        step_ppm = curve.rate_ppm * SEGMENT_MS // 3_600_000
        rest_uv = FULL_UV
        if not first and not is_charge:  # the drop of the family's own resistance, over the first minute
            rest_uv = voltage(curve, self.age_ppm, at_ppm) + self.family.resistance_uv(self.age_ppm)
            rest_uv = max(rest_uv, FULL_UV)
            yield from self.rest(rest_uv)
        for turn in range(int(share * span_ppm / abs(step_ppm))):
            uv = voltage(curve, self.age_ppm, at_ppm + step_ppm // 2)
            if not first and not is_charge and turn < 2:
                uv = rest_uv - self.family.resistance_uv(self.age_ppm)
            yield self.segment(current_ma, uv, turn == 0)
            at_ppm += step_ppm

    def hide(self, cycles: int = 1) -> None:
        """Counted, and without any segment."""
        self.charge_in += cycles * RATED_MAH * 7_200_000
        self.charge_out += cycles * RATED_MAH * 7_200_000
        self.time_ms += cycles * 7_200_000

    def life(self, windows: int, *, starts_at_ends: bool = True) -> Iterator[Segment | None]:
        for turn in range(windows):
            is_charge = turn % 2 == 1
            share = self.chance.uniform(0.3, 0.8)
            first = 0.0 if starts_at_ends and turn % 4 == 0 else self.chance.uniform(0.05, 1 - share)
            yield from self.window(is_charge=is_charge, first=first, share=share)
            self.hide()
            yield None


def voltage(curve: Curve, age_ppm: int, charge_ppm: int) -> int:
    low_uv, high_uv = EMPTY_UV, 4_300_000
    while high_uv - low_uv > 200:
        middle_uv = (low_uv + high_uv) // 2
        if curve.charge(age_ppm, middle_uv)[0] < charge_ppm:
            low_uv = middle_uv
        else:
            high_uv = middle_uv
    return low_uv


def feed(windows: ChargeWindows, events: Iterable[Segment | None]) -> list[Value]:
    """What is known after each window that was worked on."""
    found = []
    for event in events:
        if event is None:
            windows.gap()
        else:
            windows.note(event)
        if windows.is_due:
            finish(windows.settle_steps())
            found.append(windows.value())
    return found


def estimator(cell: Cell) -> ChargeWindows:
    return ChargeWindows(cell.family, RATED_MAH)


def assert_honest(found: Iterable[Value], age_ppm: int) -> None:
    for value_ppm, error_ppm, _, lacking in found:
        assert lacking or abs(value_ppm - age_ppm) <= Z95 * error_ppm


@pytest.mark.parametrize("name", ["lco", "nca"])
@pytest.mark.parametrize("age_ppm", [700_000, 780_000, 860_000, 930_000])
def test_the_truth_lies_in_the_interval(name: str, age_ppm: int) -> None:
    """Also of a used cell, of which the start knows nothing."""
    cell = Cell(name, age_ppm, seed=age_ppm // 1000)
    found = feed(estimator(cell), cell.life(40))
    assert_honest(found, age_ppm)
    value_ppm, error_ppm, inputs, lacking = found[-1]
    assert lacking is None
    assert abs(value_ppm - age_ppm) < 15_000
    assert 5_000 <= error_ppm < 30_000
    assert inputs
    assert 0 < inputs[0] < inputs[1] < cell.time_ms


def test_whole_discharges_are_worth_more() -> None:
    cell = Cell("nca", 820_000)
    windows = estimator(cell)
    for _ in range(12):
        found = feed(windows, [*cell.window(is_charge=False, first=0, share=1), None])
        cell.hide()
    value_ppm, error_ppm, _, lacking = found[0]
    assert lacking is None
    assert abs(value_ppm - 820_000) < 8_000
    assert error_ppm < 10_000


def test_not_known_before_there_are_enough_windows() -> None:
    cell = Cell("lco", 900_000)
    found = feed(estimator(cell), cell.life(MIN_WINDOWS - 1))
    assert {lacking for *_, lacking in found} == {LACKS_SPAN}


def test_not_known_without_a_step_of_current() -> None:
    cell = Cell("lco", 900_000)
    windows = estimator(cell)
    assert feed(windows, cell.life(15, starts_at_ends=False))[-1][3] == LACKS_REST
    assert feed(windows, cell.rest(REST_UV)) == []
    assert windows.value()[3] == LACKS_STEPS


def test_gaps_leave_no_window() -> None:
    cell = Cell("nca", 850_000)

    def cut(events: Iterable[Segment | None]) -> Iterator[Segment | None]:
        for turn, event in enumerate(events):
            yield event
            if turn % 8 == 7:
                yield None

    windows = estimator(cell)
    assert feed(windows, cut(cell.life(30))) == []
    assert windows.value()[3] == LACKS_COUNT


def test_missing_samples_refuse_a_window() -> None:
    cell = Cell("nca", 850_000)
    windows = estimator(cell)
    events = list(cell.window(is_charge=False, first=0.2, share=0.5))
    for segment in events[len(events) // 2 :]:
        segment.totals._step_variance = 10**12  # (mA·s)²: a million mA·s that may have flowed or not
    assert feed(windows, [*events, None])[-1][3] == LACKS_COUNT


@pytest.mark.parametrize("shift", [0, 1, 5])
def test_repeated_and_backward_times_are_left_out(shift: int) -> None:
    """A segment comes again, at once or after some others."""
    age_ppm = 850_000
    cell = Cell("nca", age_ppm)

    def stutter(events: list[Segment | None]) -> Iterator[Segment | None]:
        for turn, event in enumerate(events):
            yield event
            if turn % 50 == 49:
                yield events[turn - shift]

    found = feed(estimator(cell), stutter(list(cell.life(60))))
    assert len(found) > MIN_WINDOWS
    assert_honest(found, age_ppm)


def test_a_voltage_that_stands_still_is_refused_until_it_moves_again() -> None:
    age_ppm = 850_000
    cell = Cell("nca", age_ppm)
    windows = estimator(cell)
    assert feed(windows, cell.life(20))[-1][3] is None

    def freeze(events: Iterable[Segment | None]) -> Iterator[Segment | None]:
        for turn, event in enumerate(events):
            if event and turn > 8:
                event.mean_uv = 3_600_000
            yield event

    before_ppm = windows.value()[0]
    found = feed(windows, [*freeze(cell.window(is_charge=False, first=0.1, share=0.6)), None])
    assert found[-1][3] == LACKS_SENSOR
    assert abs(windows.value()[0] - before_ppm) < 1_000, "but for the cycle that has passed"
    assert_honest(feed(windows, cell.life(20)), age_ppm)
    assert windows.value()[3] is None


def test_a_swapped_sign_of_the_current_is_refused() -> None:
    cell = Cell("nca", 850_000)

    def swap(events: Iterable[Segment | None]) -> Iterator[Segment | None]:
        for event in events:
            if event:
                event.current_ma = -event.current_ma
                totals = event.totals
                totals._charge_in, totals._charge_out = totals._charge_out, totals._charge_in
            yield event

    found = feed(estimator(cell), swap(cell.life(30)))
    assert found
    assert {lacking for *_, lacking in found} == {LACKS_AGREEMENT}


@pytest.mark.parametrize(("before_ppm", "after_ppm"), [(720_000, 930_000), (930_000, 740_000)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_replaced_cell_is_met_with_doubt_and_then_known(before_ppm: int, after_ppm: int, seed: int) -> None:
    cell = Cell("nca", before_ppm, seed)
    windows = estimator(cell)
    assert feed(windows, cell.life(40))[-1][3] is None
    cell.age_ppm = after_ppm
    found = feed(windows, cell.life(60))
    assert_honest(found, after_ppm)
    assert LACKS_AGREEMENT in {lacking for *_, lacking in found[:5]}
    assert found[-1][3] is None


def scaled(rows: Rows, ages: tuple[int, ...]) -> Rows:
    """Loss of active material alone: the shape does not age."""
    return [[charge * age / ages[0] for charge in rows[0]] for age in ages]


def half(rows: Rows, ages: tuple[int, ...]) -> Rows:
    """The shape ages half as much."""
    mixed = zip(rows, scaled(rows, ages), strict=True)
    return [[(a + b) / 2 for a, b in zip(row, other, strict=True)] for row, other in mixed]


def other_family(name: str, distort: Distortion) -> CurveFamily:
    ages, ddegc, resistance, full_uv, *curves = FAMILIES[name]
    other = []
    for *grid, table in curves:
        numbers = [int.from_bytes(table[at : at + 2], "big", signed=True) for at in range(0, len(table), 2)]
        rows = distort([[float(n) for n in numbers[at : at + POINTS]] for at in range(0, len(numbers), POINTS)], ages)
        other.append((*grid, b"".join(round(n).to_bytes(2, "big", signed=True) for row in rows for n in row)))
    return CurveFamily((ages, ddegc, resistance, full_uv, *other))


def test_cells_that_age_as_no_curve_does_lie_in_the_interval() -> None:
    """Of what is stated, 90 % at least."""
    held = []
    for name, distort in product(FAMILIES, (scaled, half)):
        family = other_family(name, distort)
        for age_ppm in range(700_000, 930_000, 30_000):
            cell = Cell(name, age_ppm, seed=age_ppm // 1000)
            windows = estimator(cell)
            cell.family = family
            found = feed(windows, cell.life(40))
            held += [abs(value - age_ppm) <= Z95 * error for value, error, _, lacking in found if not lacking]
    assert sum(held) >= 0.9 * len(held) > 0


def line(event: Segment | None) -> str:
    if event is None:
        return "null"
    totals = event.totals
    counted = [totals.time_ms, totals._charge_in, totals._charge_out, totals._step_variance]
    return json.dumps(
        [event.ms, event.current_ma, event.cell_uv[0], event.ddegc, event.is_rest, event.is_first, *counted]
    )


@pytest.mark.on_32_bits
@pytest.mark.parametrize("name", ["lco", "nca"])
def test_every_interpreter_says_the_same(interpreter: Interpreter, name: str) -> None:
    cell = Cell(name, 840_000, seed=5)
    cell.hide(2_000)  # counts of a long life
    events = list(cell.life(20))
    expected = feed(estimator(cell), events)
    text = "\n".join(map(line, events))
    *windows, heap_bytes = interpreter.run(SCRIPT, name, str(RATED_MAH), input_bytes=text.encode()).splitlines()
    answers = [json.loads(window) for window in windows]
    assert [answer for _, answer in answers] == json.loads(json.dumps(expected))
    assert min(steps for steps, _ in answers) > 30, "each is below what a signature's step takes"
    if interpreter.has_32_bits:
        assert int(heap_bytes) <= LARGEST_STATE_BYTES
