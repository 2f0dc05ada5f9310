"""The cell monitor's source: TI's own figures, a monitor register for register, and what goes wrong on the bus."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logger.core.bq769x2_setup import checksum, float_bytes
from logger.core.crc8 import crc8
from logger.core.sampling import Sample
from logger.drivers.bq769x2 import Bq769x2Source, MonitorBus
from tests.firmware.board_tests import bq769x2_emulator as emulator
from tests.firmware.board_tests.bq769x2_emulator import FULL_SCAN_MS, SCAN_MS, Bq769x2Emulator
from tests.firmware.board_tests.sources_bench import (
    CELLS,
    MONITOR_INPUTS,
    MONITOR_SETTINGS,
    MONITOR_THERMISTORS,
    SENSORS,
    Bench,
    Judge,
    count_of,
    monitor_source,
)
from tests.firmware.conftest import Interpreter

FUZZ = Path(__file__).parent / "board_tests" / "fuzz_sources.py"
ALL = 2 + CELLS + SENSORS
MAX_AGE_MS = MONITOR_SETTINGS["max_age_ms"]
VCELL_MODE, DA_CONFIGURATION, CC_GAIN, TS1 = 0x9304, 0x9303, 0x91A8, 0x92FD
VOLTAGES_BYTES = 34  # of a read of all voltages, without CRCs


def bench(bms: Bq769x2Emulator | None = None, **more: Any) -> Bench:
    bms = bms or Bq769x2Emulator()
    judge = Judge(bms, SCAN_MS, MAX_AGE_MS + FULL_SCAN_MS, MONITOR_INPUTS, MONITOR_THERMISTORS)
    return Bench(monitor_source(bms, **more), bms, judge)


def crc_of(content: bytes) -> int:
    crc = 0
    for byte in content:
        crc = crc8(byte, crc)
    return int(crc)


def test_crcs_of_the_development_guide() -> None:
    """SLUAA11B section 4, figures 4-1 and 4-2."""
    assert crc_of(b"\x10\x3e\x22") == 0x63
    assert crc_of(b"\x00") == 0x00
    assert crc_of(b"\x10\x14\x11\x68") == 0x33
    assert crc_of(b"\x0b") == 0x31


@given(st.binary(max_size=40))
def test_the_table_is_the_polynomial(content: bytes) -> None:
    assert crc_of(content) == emulator.crc8(content)


def test_checksum_of_the_manual() -> None:
    """TRM section 13.1: 12410 into Cell 1 Gain."""
    assert checksum(b"\x80\x91\x7a\x30") == 0x44


def test_gains_of_the_makers_own_example() -> None:
    """e2e.ti.com 1346253: 8 mΩ."""
    assert float_bytes(75_684, 80_000)[::-1].hex() == "3f723055"
    assert float_bytes(75_684 * 2_982_616_178, 80_000 * 10_000)[::-1].hex() == "4889c74d"


@given(st.integers(1, 1 << 60), st.integers(1, 1 << 60))
def test_quotients_are_rounded_as_floats_are(numerator: int, denominator: int) -> None:
    assert float_bytes(numerator, denominator) in (
        struct.pack("<f", numerator / denominator),
        struct.pack("<f", numerator / denominator * (1 + 2**-50)),  # a tie of the double in between
    )


@pytest.mark.parametrize("has_crc", [True, False])
def test_a_monitor_is_set_up_and_read_whole(has_crc: bool) -> None:
    bms = Bq769x2Emulator(has_crc=has_crc)
    run = bench(bms, crc=int(has_crc))
    sample = run.run(1500)
    assert (count_of(sample), sample.missing) == (ALL, 0)
    assert (sample.soc_reported_cpct, sample.soh_reported_cpct) == (None, None)
    assert (run.source.refused, run.source.resets, run.source.bus.failed) == (0, 0, 0)
    assert (run.source.kind, run.source.temperature_sensors) == (3, SENSORS)
    assert (bms.times_opened, bms.bad_writes) == (1, 0)
    assert bms.memory[VCELL_MODE] | bms.memory[VCELL_MODE + 1] << 8 == 0x8FFF
    assert bms.memory[DA_CONFIGURATION] == 0x06
    gain = struct.unpack("<f", bytes(bms.memory[CC_GAIN + i] for i in range(4)))[0]
    assert abs(gain - 7.5684) < 1e-6


def test_the_small_one() -> None:
    bms = Bq769x2Emulator(device_number=0x7694)
    source = Bq769x2Source(bms, 10, {**MONITOR_SETTINGS, "device": 76942, "cell_inputs": 0x3FF})
    sample = Sample(10, SENSORS)
    for bms.now_ms in range(0, 1500, 5):
        source.step(bms.now_ms)
    source.read(sample)
    assert sample.missing == 0
    assert sample.cell_mv == [bms.cell_mv(i, bms.now_ms // SCAN_MS * SCAN_MS) for i in range(10)]


def test_settings_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="cell_inputs has 12 cells, cell_blocks is 13"):
        monitor_source(None, cell_inputs=0x0FFF)
    with pytest.raises(ValueError, match="device must be"):
        monitor_source(None, device=76943)
    with pytest.raises(ValueError, match="current_unit_ua"):
        monitor_source(None, current_unit_ua=2000)
    with pytest.raises(ValueError, match="a pin that the device does not have"):
        monitor_source(None, device=76942)


def test_one_that_is_set_up_already_is_not_opened() -> None:
    """Its FETs carry somebody's current."""
    bms = Bq769x2Emulator()
    bench(bms).run(1500)
    run = bench(bms)
    run.now_ms = bms.now_ms
    assert count_of(run.run(1500)) == ALL
    assert bms.times_opened == 1


def test_other_bits_of_a_setting_stay() -> None:
    bms = Bq769x2Emulator()
    bms.memory[DA_CONFIGURATION] = 0x18 | 0x01
    bench(bms).run(1000)
    assert bms.memory[DA_CONFIGURATION] == 0x18 | 0x06


def test_without_leave_to_write_a_wrong_set_up_gives_nothing() -> None:
    bms = Bq769x2Emulator()
    run = bench(bms, configures=0)
    sample = run.run(3000)
    assert (count_of(sample), sample.missing) == (0, ALL)
    assert bms.times_opened == 0
    assert run.source.refused == 1
    bench(bms).run(1500)  # whoever may
    run.now_ms = bms.now_ms
    assert count_of(run.run(11_000)) == ALL


def test_a_calibrated_gain_stays() -> None:
    bms = Bq769x2Emulator()
    assert count_of(bench(bms, sense_uohm=0).run(1500)) == ALL
    assert CC_GAIN not in bms.memory


def test_a_sealed_one_cannot_be_set_up() -> None:
    bms = Bq769x2Emulator()
    bms.security = emulator.SEALED
    run = bench(bms)
    assert count_of(run.run(3000)) == 0
    assert (run.source.refused > 0, bms.times_opened) == (True, 0)


@pytest.mark.parametrize("number", [0x7694, 0, 0xFFFF])
def test_another_device_is_refused(number: int) -> None:
    bms = Bq769x2Emulator(device_number=number)
    run = bench(bms)
    sample = run.run(3000)
    assert (count_of(sample), sample.missing) == (0, ALL)
    assert (run.source.refused > 0, bms.times_opened) == (True, 0)


def test_a_reset_is_counted_and_set_up_again() -> None:
    bms = Bq769x2Emulator()
    run = bench(bms)
    run.run(1500)
    bms.reset()
    sample = run.run(100)
    assert (count_of(sample), sample.missing) == (0, ALL), "its units and gain are others now"
    assert count_of(run.run(1500)) == ALL
    assert run.source.resets == 1
    assert bms.times_opened == 2


@pytest.mark.parametrize("at_ms", range(5, 120, 5))
def test_a_reset_at_any_moment_of_the_set_up(at_ms: int) -> None:
    bms = Bq769x2Emulator()
    run = bench(bms)
    run.run(at_ms)
    bms.reset()
    assert count_of(run.run(2000)) == ALL
    assert bms.memory[DA_CONFIGURATION] == 0x06


def test_somebody_else_who_sets_it_up() -> None:
    bms = Bq769x2Emulator()
    run = bench(bms)
    run.run(1500)
    bms.status |= emulator.CFGUPDATE
    assert count_of(run.run(300)) == 0
    bms.memory[DA_CONFIGURATION] = 0x05
    bms.status &= ~emulator.CFGUPDATE
    assert count_of(run.run(1500)) == ALL
    assert (run.source.resets, bms.memory[DA_CONFIGURATION]) == (0, 0x06)


def test_one_that_no_longer_measures_falls_silent() -> None:
    """Its registers still show what they showed."""
    run = bench()
    run.run(1500)
    run.wire._advance = lambda: None
    sample = run.run(MAX_AGE_MS + 200)
    assert (count_of(sample), sample.missing) == (0, ALL)


FAULTS: dict[str, Callable[[Bq769x2Emulator], None]] = {
    "absent": lambda bms: setattr(bms, "is_absent", True),
    "stuck": lambda bms: setattr(bms, "is_stuck", True),
    "all ones": lambda bms: setattr(bms, "spoil", lambda content: b"\xff" * len(content)),
    "all zeros": lambda bms: setattr(bms, "spoil", lambda content: bytes(len(content))),
    "a bit": lambda bms: setattr(bms, "spoil", lambda content: content[:-1] + bytes([content[-1] ^ 1])),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_the_bus_are_counted_and_give_nothing(name: str) -> None:
    bms = Bq769x2Emulator()
    run = bench(bms)
    run.run(1500)
    FAULTS[name](bms)
    sample = run.run(MAX_AGE_MS + 200)
    assert (count_of(sample), sample.missing) == (0, ALL)
    assert run.source.refused + run.source.bus.failed > 3
    bms.is_absent = bms.is_stuck = False
    bms.spoil = lambda content: content
    assert count_of(run.run(1500)) == ALL


def test_a_stuck_bus_is_not_asked_in_every_turn() -> None:
    """Each time-out of the bus is one of the main loop too."""
    bms = Bq769x2Emulator()
    bms.is_stuck = True
    run = bench(bms)
    run.run(2000)
    assert run.source.bus.failed <= 9


@pytest.mark.parametrize("at", [1, 2, 3, 15, 32, 33])
@pytest.mark.parametrize("every", [1, 2, 3])
def test_a_value_torn_between_two_measurements_is_never_one(at: int, every: int) -> None:
    """A measurement comes between two bytes of every, every second, every third reading of the voltages."""
    bms = Bq769x2Emulator()
    run = bench(bms)
    whole, long_reads = bms._registers, 0

    def registers(command: int, count: int) -> Any:
        nonlocal long_reads
        if count == VOLTAGES_BYTES:
            long_reads += 1
            bms.tear_at = at if long_reads % every == 0 else None
        return whole(command, count)

    def wrong_value(sample: Any, now_ms: int) -> object:
        """Cells before and behind the tear are of two measurements, each of them whole."""
        scans = range(
            max(now_ms - MAX_AGE_MS, 0) // SCAN_MS - 1, now_ms // SCAN_MS + 20
        )  # each tear is a measurement early
        for value, place in zip(sample.cell_mv, MONITOR_INPUTS, strict=True):
            if value is not None and value not in {bms.cell_mv(place, scan * SCAN_MS) for scan in scans}:
                return value
        stacks = {bms.pack_mv(scan * SCAN_MS) for scan in scans}
        return None if sample.pack_mv is None or sample.pack_mv in stacks else sample.pack_mv

    bms._registers = registers
    run.judge = wrong_value
    run.run(20_000, 20)
    assert long_reads > 100


@pytest.mark.parametrize(
    ("unit_ua", "raw", "current_ma"),
    [
        (100, -15, -1),
        (100, 16, 2),
        (1000, -7, -7),
        (10_000, 2000, 20_000),
        (100_000, -3000, -300_000),
        (1000, 32767, None),
    ],
)
def test_units_of_current(unit_ua: int, raw: int, current_ma: int | None) -> None:
    bms = Bq769x2Emulator()
    bms.raw_current = lambda _: raw
    run = bench(bms, current_unit_ua=unit_ua)
    run.judge = lambda *_: None
    sample = run.run(1500)
    assert (sample.current_ma, sample.missing) == (current_ma, 0)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 127), st.binary(min_size=1, max_size=34), st.integers(0, 67), st.integers(1, 255))
def test_one_wrong_byte_never_passes_the_crc(command: int, content: bytes, at: int, change: int) -> None:
    """Nor does a good one fail it."""

    class Wire:
        change = 0

        def readfrom_mem_into(self, address: int, command: int, buffer: bytearray) -> None:
            start = bytes([address << 1, command, address << 1 | 1])
            for i, byte in enumerate(content):
                buffer[2 * i] = byte
                buffer[2 * i + 1] = emulator.crc8((start if i == 0 else b"") + bytes([byte]))
            buffer[at % len(buffer)] ^= self.change

    wire, buffer = Wire(), bytearray(len(content))
    bus = MonitorBus(wire, 8, True)
    assert bus.read(command, buffer)
    assert buffer == content
    wire.change = change
    assert not bus.read(command, buffer)
    assert bus.damaged == 1


def test_four_thousand_spoilt_readings(interpreter: Interpreter) -> None:
    said = interpreter.run(FUZZ, "bq769x2", "4000", "1")
    spoilt, refused, with_values, samples = map(int, said.split())
    assert spoilt >= 4_000
    assert refused > 3_900, "a byte in 256 is replaced by itself"
    assert samples * 0.5 < with_values
