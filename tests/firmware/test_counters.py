"""The counters of Annex VII part B: exact, never falling, longer than any board lives, and durable but for a window."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logger.core import entries
from logger.core.counters import Counters
from logger.core.sampling import Sample
from packseal.records.bodies import COUNTERS
from tests.firmware.conftest import Interpreter

pytestmark = pytest.mark.on_32_bits

SCRIPT = Path(__file__).parent / "board_tests/pack_lives.py"
MAX_STEP_MS = 60_000
MAMS_PER_MAH, UWMS_PER_WH = 3_600_000, 3_600_000_000_000
WINDOW_MAH = 24 * 10_000 // 3_600 + 1  # what the bench's pack moves in a window at most: 24 A for 10 s
currents = st.integers(-5_000_000, 5_000_000) | st.integers(-300, 300)
voltages = st.none() | st.integers(500, 2_000_000)
steps = st.lists(st.tuples(st.integers(1, 2 * MAX_STEP_MS), st.none() | currents, voltages, st.booleans()), max_size=40)


def counters_from(start: list[int] | None = None, rated_mah: int = 10_000) -> Counters:
    return Counters({"rated_capacity_mah": rated_mah}, start or [0] * len(COUNTERS), MAX_STEP_MS)


def named(counters: Counters) -> dict[str, int]:
    return dict(zip(COUNTERS, counters.result(), strict=True))


def feed(counters: Counters, now_ms: int, current_ma: int | None, pack_mv: int | None, **extreme: bool) -> Any:
    sample = Sample(1, 1)
    sample.current_ma, sample.pack_mv = current_ma, pack_mv
    return counters.add(now_ms, sample, extreme.get("is_hot", False), extreme.get("is_cold", False))


@given(steps)
def test_charge_and_energy_are_those_of_the_trapezoids(life: list[tuple[int, int | None, int | None, bool]]) -> None:
    """Whatever the windows between them: the remainder below a unit is carried on."""
    counters, origin_ms, now_ms, last = counters_from(), 0, 0, None
    flowed = dict.fromkeys(COUNTERS[:4], Fraction(0))
    for step_ms, current_ma, pack_mv, is_window_over in life:
        now_ms += step_ms
        feed(counters, now_ms - origin_ms, current_ma, pack_mv)
        if current_ma is not None:
            if last and now_ms - last[0] <= MAX_STEP_MS:
                half_ms = Fraction(now_ms - last[0], 2)
                charge = (last[1] + current_ma) * half_ms
                flowed["charge_mah" if charge > 0 else "discharge_mah"] += abs(charge) / MAMS_PER_MAH
                if last[2] is not None and pack_mv is not None:
                    energy = (last[1] * last[2] + current_ma * pack_mv) * half_ms
                    flowed["charge_wh" if energy > 0 else "discharge_wh"] += abs(energy) / UWMS_PER_WH
            last = now_ms, current_ma, pack_mv
        if is_window_over:
            counters.result()
            counters.move_origin(now_ms - origin_ms)
            origin_ms = now_ms
    found = named(counters)
    assert {name: found[name] for name in flowed} == {name: int(value) for name, value in flowed.items()}
    assert found["full_cycles_cpct"] == found["discharge_mah"]


def test_a_full_cycle_takes_the_rated_capacity_out() -> None:
    counters = counters_from(rated_mah=3_000)
    for minute in range(121):
        feed(counters, minute * 60_000, -6_000, 12_000)
        if minute % 7 == 0:
            counters.result()
    assert named(counters)["full_cycles_cpct"] == 40_000, "12 Ah are four cycles"


def test_time_in_extremes_and_charging_in_them() -> None:
    """The time between two samples counts as what the first of them was."""
    counters = counters_from()
    life: list[tuple[int, dict[str, bool]]] = [
        (0, {"is_hot": True}), (199, {"is_hot": True}), (200, {"is_hot": True}), (200, {}), (9_000, {}),
        (200, {"is_cold": True}), (-9_000, {"is_cold": True}), (0, {"is_hot": True, "is_cold": True}), (0, {}),
    ]  # fmt: skip
    for turn, (current_ma, extreme) in enumerate(life):
        feed(counters, 20_000 * turn, current_ma, None, **extreme)
    feed(counters, 20_000 * len(life), None, None, is_hot=True)
    feed(counters, 20_000 * len(life) + MAX_STEP_MS + 1, None, None)
    assert {name: value for name, value in named(counters).items() if name.endswith("_s")} == {
        "hot_s": 80, "cold_s": 60, "charging_hot_s": 20, "charging_cold_s": 20,
    }  # fmt: skip


def test_counters_go_on_beyond_64_bits_of_milliseconds_and_large_counts() -> None:
    """A charge of 5,000 A for an hour, on counters that have counted for ages."""
    start = [(1 << 62) + index for index in range(len(COUNTERS))]
    counters = counters_from(start)
    for minute in range(61):
        feed(counters, minute * 60_000, 5_000_000, 2_000_000, is_hot=True)
    counted = [after - before for before, after in zip(start, counters.result(), strict=True)]
    assert counted == [5_000_000, 0, 10_000_000, 0, 0, 0, 0, 3_600, 0, 3_600, 0, 0, 0, 0]
    progress = entries.Progress()
    progress.counters, progress.uptime_ms = counters.result(), (1 << 63) - 1
    again = entries.Progress.from_bytes(progress.to_bytes())
    assert (again.counters, again.uptime_ms) == (progress.counters, (1 << 63) - 1)


def test_a_cut_costs_no_more_than_a_window_and_none_ever_falls(interpreter: Interpreter) -> None:
    """40 power cuts at any time, each a failed start."""
    found = json.loads(interpreter.run(SCRIPT, "cuts"))
    lacking = [dict(zip(COUNTERS, counted, strict=True)) for counted in found["lacking"]]
    assert max(counted["discharge_mah"] for counted in lacking) > 0
    assert all(0 <= counted[name] <= WINDOW_MAH for counted in lacking for name in ("charge_mah", "discharge_mah"))
    assert all(before <= after for pair in pairwise(found["counters"]) for before, after in zip(*pair, strict=True))
    assert found["counters"][-1][COUNTERS.index("failed_starts")] == 40


@pytest.mark.parametrize(("reset_cause", "failed"), [(0, 0), (1, 0), (2, 1), (3, 0), (4, 1), (5, 1)])
def test_a_failed_start_is_counted_with_its_boot(reset_cause: int, failed: int) -> None:
    """Not only with the next window: a board that fails again and again before one has ended counts on."""
    boot = {1: bytes(32), 2: reset_cause, 3: 0, 4: 1, 5: 1, 6: 1, 7: 1}
    progress = entries.Progress()
    for seq in range(1, 4):
        progress.note(entries.encode(entries.BOOT, seq, seq, 0, boot))
    assert progress.counters[COUNTERS.index("failed_starts")] == 3 * failed


def test_a_window_gives_all_counters_when_another_one_moved_and_now_and_then() -> None:
    """What it leaves out stands as the log has it; a window that was lost changed nothing there."""
    counters, told = counters_from(), [0] * len(COUNTERS)
    given = []
    for turn in range(130):
        if turn in (20, 21):
            counters.count(entries.BMS_RESETS)
        news = counters.news(told)
        given.append(len(news))
        if turn != 20:  # lost
            told[: len(news)] = news
    assert [turn for turn, count in enumerate(given) if count == len(COUNTERS)] == [0, 20, 21, 81]
    assert set(given) == {entries.OFTEN, len(COUNTERS)}
    assert told[entries.BMS_RESETS] == 2
