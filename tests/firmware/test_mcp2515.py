"""The MCP2515's own: bit timing, filters, two receive buffers."""

from __future__ import annotations

import pytest

from logger.drivers.mcp2515 import BITRATES, OSCILLATORS_HZ, bit_timing
from tests.firmware.test_can_chips import mcp2515

IMPOSSIBLE = [(1_000_000, 8_000_000)]  # four time quanta: too few (DS20001801J section 5.3)


@pytest.mark.parametrize("oscillator_hz", OSCILLATORS_HZ)
@pytest.mark.parametrize("bitrate", BITRATES)
def test_bit_timing(bitrate: int, oscillator_hz: int) -> None:
    """DS20001801J section 5: the rate is exact, the segments obey their rules, the sample is late in the bit."""
    if (bitrate, oscillator_hz) in IMPOSSIBLE:
        with pytest.raises(ValueError, match="1000000 bit/s"):
            bit_timing(bitrate, oscillator_hz)
        return
    cnf3, cnf2, cnf1, interrupts = bit_timing(bitrate, oscillator_hz)
    prescaler, jump = (cnf1 & 63) + 1, (cnf1 >> 6) + 1
    propagation, phase1, phase2 = (cnf2 & 7) + 1, (cnf2 >> 3 & 7) + 1, (cnf3 & 7) + 1
    quanta = 1 + propagation + phase1 + phase2
    assert oscillator_hz == 2 * prescaler * quanta * bitrate
    assert cnf2 & 0xC0 == 0x80, "PHSEG2 counts, one sample"
    assert propagation + phase1 >= phase2 > jump
    assert 8 <= quanta <= 25
    assert 0.75 <= 1 - phase2 / quanta <= 0.85
    assert (cnf3 & 0xF8, interrupts) == (0, 0)


@pytest.mark.parametrize("wrong", [{"bitrate": 83_333}, {"oscillator_hz": 12_000_000}, {"bitrate": 1_000_000}])
def test_a_wrong_setting_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="cannot be had"):
        mcp2515(**wrong)


def test_six_identifiers_are_filtered_exactly() -> None:
    bench = mcp2515()
    ids = [0x100, 0x1DB, 0x55B, 0x5BC, 0x5C0, 0x7FF]
    bench.driver.set_filters([(can_id, False) for can_id in ids])
    passed = set()
    for can_id in range(0x800):
        bench.arrive((can_id, False, b"\xff" * 8))
        bench.arrive((can_id << 18, True, b""))
        passed |= {frame[:2] for frame in bench.received()}
    assert passed == {(can_id, False) for can_id in ids}


def test_extended_identifiers_are_filtered_in_all_their_bits() -> None:
    bench = mcp2515()
    bench.driver.set_filters([(0x18FF50E5, True)])
    for bit in range(29):
        bench.arrive((0x18FF50E5 ^ 1 << bit, True, b""))
    assert bench.received() == []


def test_more_identifiers_than_filters_keep_most_others_away() -> None:
    bench = mcp2515()
    ids = [0x100 + 0x10 * number for number in range(12)]
    bench.driver.set_filters([(can_id, False) for can_id in ids])
    passed = 0
    for can_id in range(0x800):
        bench.arrive((can_id, False, b""))
        passed += len(bench.received())
    assert 12 <= passed <= 100


def test_the_second_buffer_takes_what_finds_the_first_one_full() -> None:
    bench = mcp2515()
    frames = [(0x100, False, bytes([number])) for number in range(3)]
    bench.arrive(*frames)
    assert bench.received() == frames[:2]
    assert bench.driver.lost == 1


@pytest.mark.parametrize("code", range(9, 16))
def test_a_length_beyond_eight_is_eight(code: int) -> None:
    """ISO 11898-1 allows these codes in a classic frame."""
    bench = mcp2515()
    bench.arrive((0x100, False, bytes(range(8))))
    bench.chip.registers[0x65] = code
    assert bench.received() == [(0x100, False, bytes(range(8)))]


def test_fd_is_refused() -> None:
    with pytest.raises(ValueError, match="classic"):
        mcp2515().driver.send(1, False, b"", is_fd=True)
