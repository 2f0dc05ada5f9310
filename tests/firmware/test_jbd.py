"""The JBD source: frames others have recorded, a board byte for byte, and what goes wrong between the two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logger.core import jbd
from logger.core.readings import TIME_MASK, CycleWatch, Readings
from logger.core.sampling import Sample
from logger.drivers.jbd import JbdSource
from tests.firmware.board_tests.jbd_emulator import STEP_MS, JbdEmulator, frame
from tests.firmware.board_tests.serial_wire import SerialWire
from tests.firmware.board_tests.sources_bench import CELLS, SENSORS, SERIAL_SETTINGS, Bench, Judge, count_of, jbd_source
from tests.firmware.conftest import MICROPYTHONS, Interpreter, find_interpreter

BOARD_TESTS = Path(__file__).parent / "board_tests"
ALL = 2 + CELLS + SENSORS
MAX_AGE_MS = SERIAL_SETTINGS["max_age_ms"]

# The maker's own examples (Jiabaida general protocol V4), the first without three bytes that the text shows and its
# length and checksum do not count; and one of a newer board with more behind its temperatures (BMS_BLE-HA issue 795).
STATUS = bytes.fromhex("DD03001B1700000002D003E8000020780000000000001048030F020B760B82FBFF77")
VOLTAGES = bytes.fromhex("DD04001E0F660F630F630F640F3E0F630F370F5B0F650F3B0F630F630F3C0F660F3DF9F977")
LONGER = bytes.fromhex(
    "DD030027148BFCC020CE2EE000AA000000000000000000450B10040B7F0B800B7F0B7C0B870B9464000000F6B977",
)


def bench(*, wire: SerialWire | None = None, bms: JbdEmulator | None = None, **more: Any) -> Bench:
    bms = bms or JbdEmulator(CELLS, SENSORS)
    wire = wire or SerialWire(bms)
    judge = Judge(bms, STEP_MS, MAX_AGE_MS + SERIAL_SETTINGS["timeout_ms"], range(CELLS), range(SENSORS))
    return Bench(jbd_source(wire, **more), wire, judge)


def taken(content: bytes, *, register: int, cells: int, sensors: int) -> tuple[Sample, jbd.Jbd]:
    readings = Readings(cells, sensors, MAX_AGE_MS)
    dialect = jbd.Jbd(readings)
    dialect.request([jbd.STATUS, jbd.CELL_VOLTAGES, jbd.HARDWARE].index(register))
    assert dialect.find(content, len(content)) == 0
    assert dialect.take(content, 0, 0)
    sample = Sample(cells, sensors)
    readings.read(sample)
    return sample, dialect


def test_requests_are_those_of_the_protocol() -> None:
    assert [jbd.request(register).hex() for register in (3, 4, 5)] == [
        "dda50300fffd77",
        "dda50400fffc77",
        "dda50500fffb77",
    ]


def test_the_makers_examples() -> None:
    sample, _ = taken(STATUS, register=jbd.STATUS, cells=15, sensors=2)
    assert (sample.current_ma, sample.pack_mv, sample.soc_reported_cpct) == (0, 58_880, 7200)
    assert sample.temperature_ddegc == [203, 215]
    assert sample.missing == 15, "the cells, which are another answer"
    sample, _ = taken(VOLTAGES, register=jbd.CELL_VOLTAGES, cells=15, sensors=2)
    assert sample.cell_mv[:4] == [3942, 3939, 3939, 3940]


def test_a_current_that_discharges_is_negative() -> None:
    sample, _ = taken(LONGER, register=jbd.STATUS, cells=16, sensors=4)
    assert (sample.current_ma, sample.pack_mv, sample.soc_reported_cpct) == (-8320, 52_590, 6900)
    assert sample.temperature_ddegc == [212, 213, 212, 209]


def test_a_board_is_read_whole() -> None:
    run = bench()
    sample = run.run(2000)
    assert count_of(sample) == ALL
    assert sample.missing == 0
    assert sample.soh_reported_cpct is None
    assert run.source.dialect.name == b"JBD-SP04S034-L4S-200A-B-U"
    assert (run.source.refused, run.source.poller.unanswered, run.source.resets) == (0, 0, 0)
    assert (run.source.kind, run.source.temperature_sensors) == (2, SENSORS)


def test_a_board_without_a_name_is_asked_once() -> None:
    bms = JbdEmulator(CELLS, SENSORS)
    bms.has_name = False
    run = bench(bms=bms)
    assert count_of(run.run(2000)) == ALL
    assert (run.source.dialect.name, run.source.refused) == (b"", 0)


def test_a_board_that_sleeps_is_woken_by_the_first_request() -> None:
    bms = JbdEmulator(CELLS, SENSORS)
    bms.is_asleep = True
    run = bench(bms=bms)
    assert count_of(run.run(1000)) == ALL
    assert (run.source.poller.unanswered, run.source.refused) == (1, 0)


def test_more_cells_than_a_board_has() -> None:
    with pytest.raises(ValueError, match="JBD has at most 32 cells, cell_blocks is 33"):
        JbdSource(None, 33, {})


def test_silence_makes_every_value_missing_and_ends_with_the_silence() -> None:
    run = bench()
    run.run(1000)
    run.wire.is_cut = True
    assert count_of(run.run(MAX_AGE_MS - 700)) == ALL, "for as long as it may be held"
    sample = run.run(1000)
    assert (count_of(sample), sample.missing) == (0, ALL)
    assert sample.soc_reported_cpct is None
    run.wire.is_cut = False
    assert count_of(run.run(2000)) == ALL
    assert run.source.refused == 0
    assert run.source.poller.unanswered > 2


@pytest.mark.parametrize("byte_ms", [0, 2, 6])
def test_any_pace_of_bytes(byte_ms: int) -> None:
    bms = JbdEmulator(CELLS, SENSORS)
    run = bench(bms=bms, wire=SerialWire(bms, byte_ms=byte_ms), timeout_ms=600)
    assert count_of(run.run(3000)) == ALL
    assert run.source.refused == 0


def test_pauses_inside_an_answer() -> None:
    """Longer than the line must be quiet: what has come is no answer yet, and more is waited for."""
    bms = JbdEmulator(CELLS, SENSORS)
    run = bench(bms=bms, wire=SerialWire(bms, byte_ms=25), timeout_ms=2000, max_age_ms=5000)
    run.judge = lambda *_: None
    assert count_of(run.run(8000)) == ALL
    assert run.source.refused == 0


@pytest.mark.parametrize("turn_ms", [1, 40, 250])
def test_any_pace_of_the_main_loop(turn_ms: int) -> None:
    run = bench(timeout_ms=1000, max_age_ms=1500 + 10 * turn_ms)
    run.judge = lambda *_: None
    assert count_of(run.run(6000, turn_ms)) == ALL
    assert run.source.refused == 0


def test_a_line_that_takes_few_bytes_at_a_time() -> None:
    run = bench()
    run.wire.takes_bytes = 2
    assert count_of(run.run(2000)) == ALL


def test_the_echo_of_a_two_wire_line_is_no_answer() -> None:
    """Read as an answer it would be a good frame: the checksum leaves its first byte out."""
    run = bench()
    run.wire.has_echo = True
    assert count_of(run.run(2000)) == ALL
    assert run.source.refused == 0
    assert run.source.poller.echoes > 10


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "no start": lambda content: content[1:],
    "cut short": lambda content: content[:-1],
    "another register": lambda content: content[:1] + b"\x0a" + content[2:],
    "an error": lambda content: frame(content[1], 0x80, b""),
    "a checksum": lambda content: content[:-2] + bytes([content[-2] ^ 1]) + content[-1:],
    "a bit": lambda content: content[:6] + bytes([content[6] ^ 0x20]) + content[7:],
    "a byte more": lambda content: content[:9] + b"\x00" + content[9:],
    "a byte behind": lambda content: content + b"\x55",
    "a length": lambda content: content[:3] + b"\xf0" + content[4:],
    "one cell more": lambda content: frame(4, 0, content[4:-3] + b"\x0c\x80") if content[1] == 4 else b"",
    "another pack": lambda content: frame(3, 0, content[4:25] + b"\x08" + content[26:-3]) if content[1] == 3 else b"",
    "sensors cut off": lambda content: frame(3, 0, content[4:-5]) if content[1] == 3 else b"",
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_no_good_answer_is_refused_and_counted(name: str) -> None:
    run = bench()
    run.wire.spoil = SPOILT[name]
    sample = run.run(2000)
    assert count_of(sample) == 0
    assert sample.missing == ALL
    assert run.source.refused > 0
    run.wire.spoil = lambda content: content
    assert count_of(run.run(2000)) == ALL, "and in step again"


@pytest.mark.parametrize("before", [b"\x00", b"\xdd", b"\xdd\x03\x00\xff", STATUS, bytes(90)], ids=range(5))
def test_an_answer_is_found_behind_other_bytes(before: bytes) -> None:
    run = bench()
    run.wire.spoil = lambda content: before + content
    assert count_of(run.run(3000)) == ALL
    assert run.source.refused > 0


def test_somebody_else_on_the_line() -> None:
    """What nobody asked for is counted and has no other effect, even an answer of another board to another asker."""
    run = bench(poll_ms=500)
    run.run(1200)
    refused = run.source.refused
    run.wire.carry(JbdEmulator(CELLS, SENSORS).answer(3, 0), run.now_ms)
    assert count_of(run.run(1000)) == ALL
    assert run.source.refused == refused + 1


def test_noise_that_never_ends_is_spoken_over() -> None:
    run = bench()
    run.wire.carry(b"\x5a" * 3000, 0)
    assert count_of(run.run(2900)) == 0
    assert run.source.refused > 1
    assert count_of(run.run(3000)) == ALL


def test_a_front_end_that_fails_is_a_mark_and_nothing_missing() -> None:
    bms = JbdEmulator(CELLS, SENSORS)
    run = bench(bms=bms)
    run.run(1000)
    bms.protection = 1 << 11
    sample = run.run(1000)
    assert (count_of(sample), sample.missing) == (0, 0)
    bms.protection = 1 << 3
    assert count_of(run.run(1000)) == ALL, "an undervoltage says nothing against the measurement"


@pytest.mark.parametrize(("there", "missing"), [(0, 2), (1, 1), (5, 0)])
def test_sensors_that_the_board_does_not_have(there: int, missing: int) -> None:
    run = bench(bms=JbdEmulator(CELLS, there))
    sample = run.run(2000)
    assert (count_of(sample), sample.missing) == (ALL - missing, missing)


def test_cycles_that_fell_are_a_reset() -> None:
    bms = JbdEmulator(CELLS, SENSORS)
    run = bench(bms=bms)
    run.run(1000)
    bms.cycles = 18
    run.run(1000)
    assert run.source.resets == 0
    bms.cycles = 0
    run.run(1000)
    assert run.source.resets == 1


def test_one_answer_alone_does_not_make_a_reset() -> None:
    watch = CycleWatch()
    for cycles in (5, 6, 0, 6, 7, 2, 1, 7):
        watch.see(cycles)
    assert watch.resets == 0


def test_ages_go_on_where_the_time_of_a_small_integer_wraps() -> None:
    run = bench()
    run.judge = lambda *_: None
    run.now_ms = 5 * (TIME_MASK + 1) - 1000
    assert count_of(run.run(2000)) == ALL
    run.wire.is_cut = True
    assert count_of(run.run(MAX_AGE_MS + 500)) == 0


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300), st.sampled_from([3, 4, 5]))
def test_no_bytes_do_harm(content: bytes, register: int) -> None:
    run = bench()
    run.wire.spoil = lambda answer: content if answer[1] == register else answer
    run.run(800)
    run.wire.spoil = lambda answer: answer
    assert count_of(run.run(1500)) == ALL


@given(st.binary(min_size=0, max_size=64), st.binary(max_size=60))
def test_every_frame_is_found_behind_anything(data: bytes, before: bytes) -> None:
    dialect = jbd.Jbd(Readings(CELLS, SENSORS, MAX_AGE_MS))
    whole = before + frame(jbd.STATUS, 0, data)
    assert 0 <= dialect.find(whole, len(whole)) <= len(before)
    for count in range(len(before) + 1, len(whole)):
        assert dialect.find(whole, count) < 0 or dialect.find(whole, count) < len(before)


def test_ten_thousand_spoilt_answers(interpreter: Interpreter) -> None:
    said = interpreter.run(BOARD_TESTS / "fuzz_sources.py", "jbd", "10000", "1")
    spoilt, refused, with_values, samples = map(int, said.split())
    assert spoilt >= 10_000
    assert refused > 7_000
    assert samples * 0.9 < with_values


@pytest.mark.parametrize("micropython", MICROPYTHONS)
def test_steps_and_reads_take_nothing_from_the_heap(micropython: str) -> None:
    """Of all three sources."""
    said = find_interpreter(micropython).run(BOARD_TESTS / "heap_sources.py")
    assert said.split() == ["jbd", "400", "daly", "400", "bq769x2", "400"]
