"""The Daly source: frames others have recorded, a board byte for byte, and what goes wrong between the two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logger.core import daly
from logger.core.readings import Readings
from logger.core.sampling import Sample
from logger.drivers.daly import DalySource
from tests.firmware.board_tests.daly_emulator import STEP_MS, DalyEmulator, frame
from tests.firmware.board_tests.serial_wire import SerialWire
from tests.firmware.board_tests.sources_bench import (
    CELLS,
    SENSORS,
    SERIAL_SETTINGS,
    Bench,
    Judge,
    count_of,
    daly_source,
)
from tests.firmware.conftest import Interpreter

FUZZ = Path(__file__).parent / "board_tests" / "fuzz_sources.py"
ALL = 2 + CELLS + SENSORS
MAX_AGE_MS = SERIAL_SETTINGS["max_age_ms"]
LAST_FRAME = (CELLS + 2) // 3  # its number, where the first is 1

# Recorded from boards: maland16/daly-bms-uart README; dbus-serialbattery issue 165, its good frames and the damaged
# answer with a part missing and the answer to another question behind it.
TOTALS = bytes.fromhex("A5019008023A0000753001ED0D")
CELL_FRAMES = bytes.fromhex(
    "A5019508010D290D330D329089A5019508020D2F0D2E0D33908CA5019508030D330D330D339096A5019508040D330D320D2F9092"
)
DAMAGED = CELL_FRAMES + bytes.fromhex("A5019508050D300D34A5019508060D320D340D319097A5019008021C00007656" + "0286B0")


def bench(*, bms: DalyEmulator | None = None, wire: SerialWire | None = None, **more: Any) -> Bench:
    bms = bms or DalyEmulator(CELLS, SENSORS)
    wire = wire or SerialWire(bms)
    judge = Judge(bms, STEP_MS, MAX_AGE_MS + SERIAL_SETTINGS["timeout_ms"], range(CELLS), range(SENSORS))
    return Bench(daly_source(wire, **more), wire, judge)


def dialect_of(*, cells: int, first_frame: int = 1, positive_charges: int = 0) -> tuple[daly.Daly, Readings]:
    """One that has been told how many cells and sensors the board has."""
    readings = Readings(cells, 1, MAX_AGE_MS)
    dialect = daly.Daly(readings, 1, first_frame, positive_charges)
    dialect.request(0)
    assert dialect.take(frame(1, 0x94, bytes([cells, 1]) + bytes(6)), 0, 0)
    return dialect, readings


def asked(dialect: daly.Daly, identifier: int) -> None:
    for index in range(dialect.questions):
        request = dialect.request(index)
        if request is not None and request[2] == identifier:
            return
    raise ValueError(identifier)


def test_requests_are_those_of_the_protocol() -> None:
    request = daly.request(0x90, 1)
    assert request[:4].hex() == "a5409008"
    assert len(request) == 13
    assert request[12] == sum(request[:12]) & 0xFF
    assert daly.request(0x95, 3)[1] == 0x42


def test_totals_of_a_real_board() -> None:
    dialect, readings = dialect_of(cells=14)
    asked(dialect, 0x90)
    assert dialect.find(TOTALS, 13) == 0
    assert dialect.take(TOTALS, 0, 0)
    assert (readings.current_ma, readings.pack_mv, readings.soc_cpct) == (0, 57_000, 4930)


@pytest.mark.parametrize(("positive_charges", "current_ma"), [(0, -29_400), (1, 29_400)])
def test_what_a_current_above_zero_means_is_a_setting(positive_charges: int, current_ma: int) -> None:
    dialect, readings = dialect_of(cells=16, positive_charges=positive_charges)
    asked(dialect, 0x90)
    assert dialect.take(DAMAGED, len(DAMAGED) - 13, 0)
    assert (readings.current_ma, readings.pack_mv, readings.soc_cpct) == (current_ma, 54_000, 6460)


def test_cells_of_a_real_board() -> None:
    dialect, readings = dialect_of(cells=12)
    asked(dialect, 0x95)
    assert dialect.find(CELL_FRAMES, len(CELL_FRAMES)) == 0
    assert dialect.take(CELL_FRAMES, 0, 0)
    assert readings.cell_mv == [3369, 3379, 3378, 3375, 3374, 3379, 3379, 3379, 3379, 3379, 3378, 3375]


def test_a_damaged_answer_of_a_real_board_is_none() -> None:
    dialect, _ = dialect_of(cells=16)
    asked(dialect, 0x95)
    assert {dialect.find(DAMAGED, count) for count in range(len(DAMAGED) + 1)} == {-1}


def test_a_board_is_read_whole() -> None:
    run = bench()
    sample = run.run(2000)
    assert (count_of(sample), sample.missing, sample.soh_reported_cpct) == (ALL, 0, None)
    assert (run.source.refused, run.source.poller.unanswered, run.source.resets) == (0, 0, 0)
    assert (run.source.kind, run.source.temperature_sensors) == (2, SENSORS)


@pytest.mark.parametrize("cells", [1, 3, 4, 48])
def test_any_number_of_cells(cells: int) -> None:
    dialect, readings = dialect_of(cells=cells)
    asked(dialect, 0x95)
    bms = DalyEmulator(cells, 1)
    content = b"".join(bms.answers(0x95, 0))
    assert dialect.find(content, len(content)) == 0
    dialect.take(content, 0, 0)
    assert readings.cell_mv == [bms.cell_mv(i, 0) for i in range(cells)]


def test_more_sensors_than_fit_into_a_frame() -> None:
    bms = DalyEmulator(CELLS, 16)
    wire = SerialWire(bms)
    run = Bench(daly_source(wire, temperature_sensors=16), wire, Judge(bms, STEP_MS, 1900, range(CELLS), range(16)))
    assert count_of(run.run(2500)) == 2 + CELLS + 16


@pytest.mark.parametrize(("board_says", "setting"), [(0, 0), (1, 1)])
@pytest.mark.parametrize("all_frames", [False, True])
def test_frames_are_numbered_from_the_first_frame(board_says: int, setting: int, all_frames: bool) -> None:
    bms = DalyEmulator(CELLS, SENSORS, first_frame=board_says)
    bms.all_frames = all_frames
    run = bench(bms=bms, first_frame=setting, max_age_ms=3000, timeout_ms=600)
    run.judge = lambda *_: None
    assert count_of(run.run(4000)) == ALL
    assert run.source.refused == 0


@pytest.mark.parametrize(("board_says", "setting"), [(0, 1), (1, 0)])
@pytest.mark.parametrize("all_frames", [False, True])
def test_frames_numbered_otherwise_give_no_cells_and_not_others(
    board_says: int, setting: int, all_frames: bool
) -> None:
    bms = DalyEmulator(CELLS, SENSORS, first_frame=board_says)
    bms.all_frames = all_frames
    run = bench(bms=bms, first_frame=setting)
    sample = run.run(4000)
    assert (count_of(sample), sample.missing) == (2, CELLS + SENSORS)
    assert run.source.refused > 0


@pytest.mark.parametrize("lost", range(1, LAST_FRAME + 1))
def test_an_answer_that_lacks_a_frame_counts_as_none(lost: int) -> None:
    """The cells before it are good, and of the same moment; they still wait for the next whole answer."""
    run = bench()
    run.wire.spoil = lambda content: b"" if (content[2], content[4]) == (0x95, lost) else content
    sample = run.run(2000)
    assert (count_of(sample), sample.missing) == (ALL - CELLS, CELLS)
    assert run.source.refused > 0


def test_pauses_between_frames() -> None:
    bms = DalyEmulator(CELLS, SENSORS)
    bms.frame_gap_ms = 60
    run = bench(bms=bms, timeout_ms=900, max_age_ms=3000)
    run.judge = lambda *_: None
    assert count_of(run.run(4000)) == ALL
    assert run.source.refused == 0


def test_a_board_that_sleeps_says_nothing_or_echoes() -> None:
    bms = DalyEmulator(CELLS, SENSORS)
    bms.is_asleep = True
    run = bench(bms=bms)
    sample = run.run(3000)
    assert (count_of(sample), sample.missing) == (0, ALL)
    assert run.source.poller.echoes > 3
    assert run.source.refused == 0
    bms.is_asleep = False
    assert count_of(run.run(2000)) == ALL


def test_a_board_that_wakes_has_no_current_of_three_thousand_amperes() -> None:
    bms = DalyEmulator(CELLS, SENSORS)
    bms.is_waking = True
    sample = bench(bms=bms).run(2000)
    assert (sample.current_ma, sample.pack_mv, sample.soc_reported_cpct) == (None, None, None)
    assert sample.missing == 0, "it said so itself"


def test_more_cells_than_a_board_has() -> None:
    with pytest.raises(ValueError, match="Daly has at most 48 cells, cell_blocks is 49"):
        DalySource(None, 49, {})


def test_silence_makes_every_value_missing_and_ends_with_the_silence() -> None:
    run = bench()
    run.run(2000)
    run.wire.is_cut = True
    sample = run.run(MAX_AGE_MS + 300)
    assert (count_of(sample), sample.missing) == (0, ALL)
    run.wire.is_cut = False
    assert count_of(run.run(2000)) == ALL


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "another board": lambda content: frame(2, content[2], content[4:12]),
    "another question": lambda content: frame(1, 0x97, content[4:12]),
    "a length": lambda content: content[:3] + b"\x07" + content[4:],
    "a sum": lambda content: content[:12] + bytes([content[12] ^ 0x80]),
    "cut short": lambda content: content[:12],
    "a byte more": lambda content: content[:7] + b"\x01" + content[7:],
    "a byte behind": lambda content: content + b"\xa5",
    "the request's own address": lambda content: frame(0x40, content[2], content[4:12]),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_no_good_answer_is_refused_and_counted(name: str) -> None:
    run = bench()
    run.wire.spoil = SPOILT[name]
    sample = run.run(2000)
    assert (count_of(sample), sample.missing) == (0, ALL)
    assert run.source.refused > 0
    run.wire.spoil = lambda content: content
    assert count_of(run.run(2500)) == ALL, "and in step again"


def test_a_pack_of_another_size_is_refused() -> None:
    bms = DalyEmulator(CELLS + 1, SENSORS)
    run = bench(bms=bms)
    sample = run.run(2000)
    assert (count_of(sample), sample.missing) == (0, ALL)
    assert run.source.refused > 3
    bms.cells = CELLS
    assert count_of(run.run(2000)) == ALL
    bms.cells = CELLS - 1
    assert count_of(run.run(1000)) == 0, "what was held is another pack's now"


FAULTS = {
    (5, 0): (0, 0, 0, 0),
    (5, 1): (1, 1, 0, SENSORS),
    (5, 2): (1, 1, CELLS, 0),
    (6, 0): (0, 1, CELLS, SENSORS),
    (6, 1): (1, 0, CELLS, SENSORS),
    (0, 7): (1, 1, CELLS, SENSORS),
}


@pytest.mark.parametrize("place", FAULTS)
def test_failures_of_a_measurement_are_marks_and_nothing_missing(place: tuple[int, int]) -> None:
    bms = DalyEmulator(CELLS, SENSORS)
    bms.failures = bytes(1 << place[1] if i == place[0] else 0 for i in range(8))
    sample = bench(bms=bms).run(2000)
    current, voltage, cells, sensors = FAULTS[place]
    assert (sample.current_ma is not None, sample.pack_mv is not None) == (current, voltage)
    assert len([value for value in sample.cell_mv if value is not None]) == cells
    assert len([value for value in sample.temperature_ddegc if value is not None]) == sensors
    assert sample.missing == 0


def test_a_board_that_does_not_know_of_failures() -> None:
    bms = DalyEmulator(CELLS, SENSORS)
    bms.has_failures = False
    run = bench(bms=bms, max_age_ms=3000)
    run.judge = lambda *_: None
    assert count_of(run.run(4000)) == ALL
    assert run.source.poller.unanswered > 0


@pytest.mark.parametrize(("there", "missing"), [(0, 2), (1, 1), (8, 0)])
def test_sensors_that_the_board_does_not_have(there: int, missing: int) -> None:
    run = bench(bms=DalyEmulator(CELLS, there))
    sample = run.run(2500)
    assert (count_of(sample), sample.missing) == (ALL - missing, missing)


def test_a_sensor_marked_as_none() -> None:
    dialect, readings = dialect_of(cells=3)
    asked(dialect, 0x96)
    dialect.take(frame(1, 0x96, b"\x01\xff" + bytes(6)), 0, 0)
    sample = Sample(3, 1)
    readings.read(sample)
    assert (sample.temperature_ddegc, sample.missing) == ([None], 2 + 3)


def test_cycles_that_fell_are_a_reset() -> None:
    bms = DalyEmulator(CELLS, SENSORS)
    run = bench(bms=bms)
    run.run(2000)
    bms.cycles = 0
    run.run(4000)
    assert run.source.resets == 1


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300), st.sampled_from([0x90, 0x94, 0x95, 0x96, 0x98]))
def test_no_bytes_do_harm(content: bytes, identifier: int) -> None:
    run = bench()
    run.wire.spoil = lambda answer: content if answer[2] == identifier else answer
    run.run(1000)
    run.wire.spoil = lambda answer: answer
    assert count_of(run.run(3000)) == ALL


def test_ten_thousand_spoilt_answers(interpreter: Interpreter) -> None:
    said = interpreter.run(FUZZ, "daly", "10000", "1")
    spoilt, refused, with_values, samples = map(int, said.split())
    assert spoilt >= 10_000
    assert refused > 5_000
    assert samples * 0.9 < with_values
