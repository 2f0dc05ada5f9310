"""What is said of a pack that is ill: when it begins and ends, how bad it was and where; and no pack floods a log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logger.core import entries
from logger.core.counters import Counters
from logger.core.events import MAX_EVENTS, MISSING_SAMPLES, Watch
from logger.core.sampling import Sample
from packseal.records.bodies import COUNTERS, Event
from packseal.records.report import event_words
from tests.firmware.conftest import Interpreter

pytestmark = pytest.mark.on_32_bits

SCRIPT = Path(__file__).parent / "board_tests/pack_lives.py"
BEGINS, ENDED, MOMENTARY = 1, 2, 3
CELL, SENSOR = 6, 7  # keys of a WINDOW
CONFIG = {"cell_blocks": 4, "rated_capacity_mah": 10_000, "cell_min_mv": 3_000, "cell_max_mv": 4_000}


def live(interpreter: Interpreter, life: str) -> tuple[list[list[int | None]], dict[str, int]]:
    """Event, phase, value and place of each EVENT entry, and the last counters by name."""
    found = json.loads(interpreter.run(SCRIPT, life))
    return found["events"], dict(zip(COUNTERS, found["counters"], strict=True))


LIVES: list[tuple[str, list[list[int | None]], dict[str, int]]] = [
    ("deep", [[1, BEGINS, 2_480, 3], [1, ENDED, 2_410, 5]], {"deep_discharges": 1, "failed_starts": 1}),
    ("over", [[2, BEGINS, 4_260, 0], [2, ENDED, 4_260, 0]], {"overcharges": 1}),
    ("hot", [[3, BEGINS, 455, 1], [3, ENDED, None, None]], {"hot_s": 25, "failed_starts": 1}),
    ("cold", [[4, BEGINS, -1, 0], [4, ENDED, -1, 0]], {"cold_s": 25}),
    ("silent", [[6, BEGINS, None, None], [6, ENDED, None, None]], {}),
    (
        "missing",
        [[7, BEGINS, CELL, 2], [7, BEGINS, SENSOR, 1], [7, ENDED, CELL, 2], [7, ENDED, SENSOR, 1]],
        {"failed_starts": 1},
    ),
    (
        "resets",
        [[5, MOMENTARY, None, None], [5, MOMENTARY, -2_500, None], [5, MOMENTARY, 6_800, None]],
        {"bms_resets": 3},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("life", "events", "counted"), LIVES, ids=[life[0] for life in LIVES])
def test_an_occasion_is_said_once_and_over_a_restart(
    interpreter: Interpreter, life: str, events: list[list[int | None]], counted: dict[str, int]
) -> None:
    found, counters = live(interpreter, life)
    assert found == events
    assert {name: count for name, count in counters.items() if count and not name.endswith(("h", "cpct"))} == counted


def test_a_flood_is_said_bit_by_bit_and_the_rest_is_counted(interpreter: Interpreter) -> None:
    found, counters = live(interpreter, "flood")
    began = [event[3] for event in found if event[1] == BEGINS]
    assert began == list(range(1, len(began) + 1))
    assert MAX_EVENTS <= len(began) < 11
    assert counters["events_unsaid"] == 11 - len(began)
    assert len(found) <= MAX_EVENTS + 8, "one more a window"


class Bench:
    """A watch alone, told samples of four cells and one sensor."""

    def __init__(self, progress: Any = None, **source: Any) -> None:
        self.source = type("Source", (), {"temperature_sensors": 1, **source})()
        self.sample = Sample(4, 1)
        self.watch = Watch(CONFIG, self.source)
        self.counters = Counters(CONFIG, [0] * len(COUNTERS), 60_000)
        self.watch.begin(progress or entries.Progress(), self.counters)

    def show(
        self, *cells_mv: int | None, ddegc: int | None = 250, soc_cpct: int | None = None
    ) -> list[tuple[Any, ...]]:
        """The events that follow."""
        sample = self.sample
        sample.cell_mv[:], sample.temperature_ddegc[0], sample.soc_reported_cpct = cells_mv, ddegc, soc_cpct
        absent = sample.refuse_impossible() - 2  # neither current nor voltage is there, and is not looked at
        self.watch.add(sample, absent, 1_000)
        return self.said()

    def said(self) -> list[tuple[Any, ...]]:
        bodies = []
        while self.watch.is_due():
            bodies.append(self.watch.next_body())
        return [tuple(body.get(key) for key in (1, 2, 3, 4)) for body in bodies]

    @property
    def counted(self) -> dict[str, int]:
        return dict(zip(COUNTERS, self.counters.result(), strict=True))


WELL = (3_500, 3_500, 3_500, 3_500)


def test_an_occasion_ends_when_the_last_block_is_back_by_the_hysteresis() -> None:
    bench = Bench()
    assert bench.show(*WELL) == []
    assert bench.show(3_000, 3_500, 3_500, 3_500) == [], "the limit itself is inside"
    assert bench.show(2_999, 3_500, 3_500, 3_500) == [(1, BEGINS, 2_999, 0)]
    assert bench.show(3_099, 2_900, 3_500, 3_500) == [], "another block, the same occasion"
    assert bench.show(3_100, 3_050, 3_500, 3_500) == []
    assert bench.show(None, 3_099, 3_500, 3_500) == []
    assert bench.show(3_200, 3_100, 3_500, 3_500) == [(1, ENDED, 2_900, 1)]
    assert bench.show(3_500, 3_500, 3_500, 4_001) == [(2, BEGINS, 4_001, 3)]
    assert (bench.counted["deep_discharges"], bench.counted["overcharges"]) == (1, 1)


def test_an_impossible_value_is_no_occasion() -> None:
    bench = Bench()
    for cells in ((0, 3_500, 3_500, 3_500), (65_535, 3_500, 3_500, 3_500), (None,) * 4):
        assert bench.show(*cells, ddegc=-2_730) == []


def test_what_nobody_measures_any_more_ends_its_occasion() -> None:
    bench = Bench()
    bench.show(2_800, *WELL[1:])
    found = [event for _ in range(MISSING_SAMPLES) for event in bench.show(None, *WELL[1:])]
    assert found == [(1, ENDED, 2_800, 0), (7, BEGINS, CELL, 0)]
    assert bench.show(2_800, *WELL[1:]) == [(1, BEGINS, 2_800, 0), (7, ENDED, CELL, 0)]


def test_a_value_that_was_never_there_is_not_missing() -> None:
    bench = Bench()
    assert [bench.show(3_500, None, 3_500, 3_500, ddegc=None) for _ in range(50)] == [[]] * 50


def test_a_silent_source_is_not_each_of_its_sensors_missing() -> None:
    bench = Bench()
    bench.show(*WELL)
    assert [bench.show(None, None, None, None, ddegc=None) for _ in range(50)] == [[]] * 50


def test_the_claimed_charge_moves_slowly_or_the_bms_was_reset() -> None:
    bench = Bench()
    assert bench.show(*WELL, soc_cpct=5_000) == []
    assert bench.show(*WELL, soc_cpct=6_999) == []
    for _ in range(59):
        bench.show(*WELL)
    assert bench.show(*WELL, soc_cpct=4_999) == [(5, MOMENTARY, -2_000, None)]
    for _ in range(61):
        bench.show(*WELL)
    assert bench.show(*WELL, soc_cpct=9_999) == [], "longer than a minute, and nobody knows what flowed"
    assert bench.counted["bms_resets"] == 1


def test_resets_that_the_source_counts() -> None:
    bench = Bench(resets=7)
    assert bench.show(*WELL) == [], "those before the start are none of this board's"
    bench.source.resets = 9
    assert bench.show(*WELL) == [(5, MOMENTARY, None, None)] * 2
    bench.source.resets = 1_000
    assert len(bench.show(*WELL)) == MAX_EVENTS - 2
    assert (bench.counted["bms_resets"], bench.counted["events_unsaid"]) == (993, 983)


cells = st.sampled_from([None, 2_000, 2_999, 3_050, 3_200, 3_950, 4_050])


@given(st.lists(st.tuples(st.tuples(cells, cells, cells, cells), st.booleans()), max_size=60))
def test_begins_and_ended_take_turns_and_a_restart_from_the_log_goes_on(life: list[tuple[Any, bool]]) -> None:
    bench, progress, phases = Bench(), entries.Progress(), dict[tuple[Any, ...], int]()
    for seq, (cells_mv, is_restart) in enumerate(life):
        if is_restart:
            bench = Bench(entries.Progress.from_bytes(progress.to_bytes()))
        for event, phase, value, place in bench.show(*cells_mv):
            kind = (event, value, place) if event == 7 else (event,)
            assert phase == 3 - phases.get(kind, ENDED)
            phases[kind] = phase
            body = entries.event_body(event, phase, value, place)
            progress.note(entries.encode(entries.EVENT, seq + 1, 1, seq, body))
        bench.watch.begin_window()


def test_progress_keeps_which_sensors_are_missing() -> None:
    progress = entries.Progress()
    places = [(CELL, 0), (CELL, 127), (SENSOR, 0), (SENSOR, 63)]
    for kind, place in [*places, (CELL, 128), (SENSOR, 64), (5, 0), (CELL, 3)]:
        progress.note(entries.encode(entries.EVENT, 5, 1, 0, entries.event_body(7, BEGINS, kind, place)))
    progress.note(entries.encode(entries.EVENT, 5, 1, 0, entries.event_body(7, ENDED, CELL, 3)))
    again = entries.Progress.from_bytes(progress.to_bytes())
    missing = [(kind, place) for kind in (CELL, SENSOR) for place in range(200) if again.is_missing(kind, place)]
    assert missing == places
    assert len(progress.to_bytes()) == entries.Progress.BYTES


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Event(1, 1, 2_480, 3), "deep discharge begins, 2480 mV, cell block 3"),
        (Event(3, 2, 455, 1), "too hot has ended, 45.5 °C, sensor 1"),
        (Event(5, 3, -2_500), "the BMS was reset, its charge moved by -25.0 %"),
        (Event(6, 2), "a source is silent has ended"),
        (Event(7, 1, 7, 1), "a sensor is missing begins, temperature sensor 1"),
        (Event(8, 3, 5, 1 << 16 | 12), "firmware update, refused, because it is not newer, version 1.0.12"),
        (Event(9, 3, 1, 5), "damage in flash, records of the log, number 5"),
        (Event(40, 3, 2, 5), "an event, value 2, place 5"),
    ],
)
def test_words(event: Event, words: str) -> None:
    assert event_words(event) == words
