"""The MCP2518FD's own: bit timing, FD frames, filters, RAM with ECC."""

from __future__ import annotations

import pytest

from logger.drivers.mcp2518fd import BITRATES, DATA_BITRATES, OSCILLATORS_HZ, bit_timing
from tests.firmware.board_tests.mcp2518fd_emulator import RESTRICTED
from tests.firmware.test_can_chips import mcp2518fd, mcp2518fd_with_fd

LENGTHS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64]


@pytest.mark.parametrize("oscillator_hz", OSCILLATORS_HZ)
@pytest.mark.parametrize("bitrate", BITRATES)
def test_nominal_bit_timing(bitrate: int, oscillator_hz: int) -> None:
    jump, after, before, prescaler = (number + 1 for number in bit_timing(bitrate, oscillator_hz, 0)[:4])
    assert oscillator_hz == prescaler * (1 + before + after) * bitrate
    assert 2 <= before <= 256
    assert 1 <= jump <= after <= 128
    assert 0.75 <= 1 - after / (1 + before + after) <= 0.81


@pytest.mark.parametrize("oscillator_hz", OSCILLATORS_HZ)
@pytest.mark.parametrize("data_bitrate", DATA_BITRATES[1:])
def test_data_bit_timing(data_bitrate: int, oscillator_hz: int) -> None:
    if (data_bitrate, oscillator_hz) == (8_000_000, 20_000_000):
        with pytest.raises(ValueError, match="8000000 bit/s"):
            bit_timing(500_000, oscillator_hz, data_bitrate)
        return
    content = bit_timing(500_000, oscillator_hz, data_bitrate)
    jump, after, before, prescaler = (number + 1 for number in content[4:8])
    assert oscillator_hz == prescaler * (1 + before + after) * data_bitrate
    assert 1 <= before <= 32
    assert 1 <= jump <= after <= 16
    assert 0.75 <= 1 - after / (1 + before + after) <= 0.81
    assert content[8:12] == bytes([0, before, 2, 0]), "the second sample is where the first one is"


@pytest.mark.parametrize("wrong", [(83_333, 40_000_000, 0), (500_000, 16_000_000, 0), (1_000_000, 40_000_000, 500_000)])
def test_a_wrong_setting_is_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="cannot be had"):
        bit_timing(*wrong)


@pytest.mark.parametrize("length", LENGTHS)
def test_fd_frames_of_every_length(length: int) -> None:
    bench = mcp2518fd_with_fd()
    data = bytes(range(length))
    assert bench.driver.max_data_bytes == 64
    bench.arrive((0x18FF50E5, True, data), is_fd=True)
    assert bench.received() == [(0x18FF50E5, True, data)]
    assert bench.driver.send(0x123, False, data, is_fd=True)
    assert bench.chip.sent == [(0x123, False, data, True)]


def test_lengths_that_no_frame_has_are_refused() -> None:
    for length in (9, 63, 65):
        with pytest.raises(ValueError, match="no frame"):
            mcp2518fd_with_fd().driver.send(1, False, bytes(length), is_fd=True)
    with pytest.raises(ValueError, match="no frame"):
        mcp2518fd().driver.send(1, False, bytes(12), is_fd=True)


def test_a_bus_without_fd_passes_no_fd_frame() -> None:
    bench = mcp2518fd()
    assert bench.driver.max_data_bytes == 8
    bench.arrive((0x100, False, bytes(12)), is_fd=True)
    assert bench.received() == []


def test_thirty_two_identifiers_are_filtered_exactly() -> None:
    bench = mcp2518fd()
    ids = [(0x100 + 7 * number, False) for number in range(16)] + [(0x18FF0000 + number, True) for number in range(16)]
    bench.driver.set_filters(ids)
    passed = set()
    for can_id in range(0x800):
        bench.arrive((can_id, False, b"\xff" * 8), (0x18FF0000 + can_id, True, b""))
        passed |= {frame[:2] for frame in bench.received()}
    assert passed == set(ids)


def test_all_of_ram_is_written_before_it_is_read() -> None:
    """Or its error correction finds errors that are none."""
    bench = mcp2518fd_with_fd()
    for number in range(40):
        bench.arrive((0x100, False, bytes([number])))
        bench.driver.send(0x100, False, bytes([number]))
        assert len(bench.received()) == 1
    assert (bench.chip.ecc_errors, bench.chip.untimely, bench.driver.faults) == (0, 0, 0)


@pytest.mark.parametrize("mode", [RESTRICTED, 1, 2])
def test_another_mode_than_it_was_set_to(mode: int) -> None:
    """Restricted operation is what it falls into after an error of its RAM (FRM section 2.8)."""
    bench = mcp2518fd()
    bench.chip.force_mode(mode)
    assert bench.driver.state() == 3
    assert bench.driver.faults == 1
    bench.driver.restart()
    assert bench.driver.state() == 0
    assert bench.chip.untimely == 0
