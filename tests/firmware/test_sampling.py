"""The path of a sample: nothing on the heap, no number beyond a board's small integers, nothing lost in the sums."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logger.core import wide
from logger.core.entries import MAX_BLOCKS, MAX_ENTRY_BYTES, WINDOW, Progress, encode
from logger.core.sampler import Sampler
from logger.core.sampling import Means, Sample, Window
from packseal.records.bodies import COUNTERS
from packseal.records.bodies import Window as WindowBody
from packseal.records.columns import decode_column
from packseal.records.entries import decode_entry
from tests.firmware.conftest import Interpreter

pytestmark = pytest.mark.on_32_bits

HEAP_SCRIPT = Path(__file__).parent / "board_tests/sampling_heap.py"
LARGEST = (1 << 30) - 1  # MicroPython's small integers with words of 32 bits are from -2^30 to this
small = st.integers(0, LARGEST)


class Small(int):
    """An integer that must stay one that a board of 32 bits keeps in a word; what is made of one is one."""

    is_checked = True

    def __new__(cls, value: int) -> Small:
        assert not cls.is_checked or -LARGEST - 1 <= value <= LARGEST, f"{value} would be on the heap"
        return super().__new__(cls, value)


def _checked(name: str, of_two: Callable[[int, int], Any]) -> None:
    def forward(self: Small, other: int) -> Any:
        return Small(of_two(int(self), int(other)))

    def backward(self: Small, other: int) -> Any:
        return Small(of_two(int(other), int(self)))

    setattr(Small, f"__{name}__", forward)
    setattr(Small, f"__r{name}__", backward)


for _name in ("add", "sub", "mul", "floordiv", "mod", "and", "or", "xor", "lshift", "rshift"):
    _checked(_name, getattr(operator, f"{_name}_" if _name in ("and", "or") else _name))
Small.__neg__ = lambda self: Small(-int(self))  # type: ignore[method-assign]
Small.__abs__ = lambda self: Small(abs(int(self)))  # type: ignore[method-assign]


@contextmanager
def unchecked() -> Iterator[None]:
    """What is done once a window may take from the heap."""
    Small.is_checked = False
    try:
        yield
    finally:
        Small.is_checked = True


def limbs_of(number: int, count: int) -> list[int]:
    return [Small(number >> 15 * i & 0x7FFF) for i in range(count)]


# ---- wide numbers


def test_the_harness_finds_a_number_that_a_board_would_put_on_the_heap() -> None:
    with pytest.raises(AssertionError, match="on the heap"):
        assert 2 * Small(1 << 29)
    with pytest.raises(AssertionError, match="on the heap"):
        assert Small(-(1 << 30)) - 1


@given(st.lists(st.tuples(small, small), max_size=20))
def test_products_add_up(pairs: list[tuple[int, int]]) -> None:
    total = wide.wide(6)
    for a, b in pairs:
        wide.add_product(total, Small(a), Small(b))
    assert wide.value_of([int(limb) for limb in total]) == sum(a * b for a, b in pairs)


@given(st.integers(0, (1 << 60) - 1), st.integers(0, (1 << 60) - 1), small, st.integers(1, 1 << 15))
def test_wide_numbers_are_python_s_integers(a: int, b: int, factor: int, divisor: int) -> None:
    """Scaled, squared, compared, subtracted and divided, with every intermediate a small integer."""
    scaled, squared = limbs_of(b, 7), limbs_of(b, 9)
    wide.add_scaled(scaled, limbs_of(a, 4), Small(factor))
    wide.add_square(squared, limbs_of(a, 4))
    assert wide.value_of(list(map(int, scaled))) == b + a * factor
    assert wide.value_of(list(map(int, squared))) == b + a * a
    assert wide.is_less(limbs_of(a, 4), limbs_of(b, 4)) == (a < b)
    less = limbs_of(max(a, b), 4)
    wide.subtract(less, limbs_of(min(a, b), 4))
    assert wide.value_of(list(map(int, less))) == abs(a - b)
    wide.divide(less, Small(divisor))
    assert wide.value_of(list(map(int, less))) == abs(a - b) // divisor


@given(st.integers(0, LARGEST - (1 << 15)), st.integers(0, (1 << 45) - 1))
def test_a_small_number_is_added(amount: int, before: int) -> None:
    number = limbs_of(before, 4)
    wide.add(number, Small(amount))
    assert wide.value_of(list(map(int, number))) == before + amount


def test_more_than_the_limbs_hold_is_an_error_and_no_wrong_sum() -> None:
    number = limbs_of((1 << 60) - 1, 4)
    with pytest.raises(IndexError):
        wide.add(number, 1)


# ---- the whole path


class Extremes:
    """A source of small integers as large as they are let through, and of some that are not."""

    kind, refused, resets = 2, 0, 0

    def __init__(self, seed: int, temperature_sensors: int) -> None:
        self.temperature_sensors = temperature_sensors
        self._random = Random(seed)

    def read(self, sample: Any) -> None:
        one_of = self._random.choice
        sample.missing = 0
        sample.current_ma = self._value(one_of([-5_000_000, -1, 0, 1, 2_000, 5_000_000, 5_000_001]))
        sample.pack_mv = self._value(one_of([500, 48_000, 2_000_000, 2_000_001]))
        for i in range(len(sample.cell_mv)):
            sample.cell_mv[i] = self._value(one_of([500, 2_400, 3_300, 3_301, 5_000, 65_535]))
        for i in range(self.temperature_sensors):
            sample.temperature_ddegc[i] = self._value(one_of([-600, -1, 0, 250, 1_500, 1_501]))
        sample.soc_reported_cpct = self._value(one_of([0, 5_000, 10_000]))
        self.resets += one_of([0, 0, 0, 1])

    def _value(self, value: int) -> int | None:
        return Small(value) if self._random.random() < 0.95 else None


@pytest.mark.parametrize(("sample_ms", "blocks"), [(10, 3), (1_000, 12), (60_000, 96)])
def test_no_intermediate_leaves_the_small_integers(sample_ms: int, blocks: int) -> None:
    numbers = {"rated_capacity_mah": 10_000_000, "sample_ms": sample_ms, "window_ms": 3_600_000, "strings": 1}
    config = {"cell_blocks": blocks} | {name: Small(value) for name, value in numbers.items()}
    sampler, generator, now_ms = Sampler(config, Extremes(blocks, 4)), Random(1), 0
    with unchecked():
        sampler.begin(0, Progress())
    for _ in range(1_500):
        now_ms += sample_ms * generator.choice([1, 1, 1, 1, 2, 30, 60])
        sampler.take(Small(now_ms - sampler.window_began_ms))
        is_due = sampler.watch.is_due()
        with unchecked():
            sampler.estimator.settle()
            while is_due and sampler.watch.is_due():
                sampler.watch.next_body()
            if sampler.is_window_over(now_ms):
                sampler.end_window(now_ms, Progress().counters)
                assert sampler.window_began_ms == now_ms


@pytest.mark.parametrize("arguments", [("12", "2", "1000"), ("96", "8", "100"), ("128", "16", "100")])
def test_a_sample_takes_nothing_from_the_heap(interpreter: Interpreter, arguments: tuple[str, ...]) -> None:
    """6,000 samples of extremes, and as many of the simulated pack where it can: the script fails at the first byte."""
    extremes, *simulated = json.loads(interpreter.run(HEAP_SCRIPT, *arguments))
    assert extremes["samples"] == 6_000
    assert extremes["settled"] > 0
    assert extremes["events"] == 8 + 11, "all that twelve windows may say"
    assert extremes["missing"] > 900
    assert min(extremes["counters"][:12]) > 0
    assert [pack["samples"] for pack in simulated] == [6_000] * len(simulated)


def test_sums_of_the_longest_window_are_exact() -> None:
    """An hour of samples every 10 ms, with the largest values, and the same from integers without a limit."""
    means, sample, window = Means(1), Sample(1, 1), Window(1, 1)
    sample.temperature_ddegc[0], values = -600, (4_999, 5_000, 5_000)
    for turn in range(360_000):
        means.add([Small(values[turn % 3])])
        sample.current_ma = -5_000_000 + turn % 2
        window.add(sample, 2)
    with unchecked():
        assert means.mean(0) == (2 * 360_000 * 14_999 // 3 + 360_000) // 720_000
    body = window.body(3_600_000, None, [0] * 14, sample)
    assert decode_column(body[4]) == [-4_999_999, -5_000_000, -4_999_999]
    assert decode_column(body[7]) == [-600]


# ---- what a window says


def test_missing_and_unavailable_values_are_told_apart() -> None:
    sample, window = Sample(3, 1), Window(3, 1)
    sample.current_ma, sample.cell_mv[:], sample.missing = -100, [3_500, None, 65_535], 2  # a cell, the pack's voltage
    window.add(sample, sample.refuse_impossible())
    body = window.body(1_000, None, list(range(14)), sample)
    assert (body[12], body[13]) == (2, 2)
    entry = decode_entry(encode(WINDOW, 1, 1, 1_000, body)).body
    assert isinstance(entry, WindowBody)
    assert (entry.values_unavailable, entry.values_missing, entry.cell_mv) == (2, 2, (3_500, None, None))
    assert (entry.counter("charge_mah"), entry.counter("events_unsaid")) == (0, 13)


def test_the_largest_window_fits_into_an_entry() -> None:
    sample, window = Sample(MAX_BLOCKS, 16), Window(MAX_BLOCKS, 16)
    sample.current_ma, sample.pack_mv, sample.soc_reported_cpct, sample.soh_reported_cpct = -5_000_000, 2_000_000, 9, 9
    for turn, current_ma in enumerate((-5_000_000, 5_000_000, 0)):
        sample.current_ma = current_ma
        sample.cell_mv[:] = [500 if (block + turn) % 2 else 5_000 for block in range(MAX_BLOCKS)]
        sample.temperature_ddegc[:] = [-600 if sensor % 2 else 1_500 for sensor in range(16)]
        window.add(sample, 0)
    window.slots_missed = window.unavailable = window.missing = 1 << 20
    body = window.body(3_600_000, 5_000, [1 << 40] * 2 + [1 << 33] * 3 + [1 << 31] * 9, sample)
    assert len(encode(WINDOW, (1 << 24) - 2, 1 << 31, 1 << 50, body)) <= MAX_ENTRY_BYTES
    assert len(COUNTERS) == len(cast("list[int]", body[9]))


@pytest.mark.parametrize(("sample_ms", "window_ms", "samples"), [(100, 1_000, 10), (1_000, 60_000, 60), (250, 900, 4)])
def test_rate_and_length_are_the_settings(sample_ms: int, window_ms: int, samples: int) -> None:
    config = {
        "cell_blocks": 2,
        "rated_capacity_mah": 1_000,
        "sample_ms": sample_ms,
        "window_ms": window_ms,
        "strings": 1,
    }
    sampler, bodies = Sampler(config, Extremes(1, 1)), []
    with unchecked():
        sampler.begin(5_000, Progress())
        for now_ms in range(5_000, 5_000 + 20 * window_ms, 50):
            if sampler.ms_to_next_slot(now_ms) <= 0:
                sampler.take(now_ms - sampler.window_began_ms)
                if sampler.is_window_over(now_ms):
                    bodies.append(sampler.end_window(now_ms, Progress().counters))
    assert abs(sum(body[2] for body in bodies) / len(bodies) - samples) <= 0.5
    assert sampler.slots_missed == 0
