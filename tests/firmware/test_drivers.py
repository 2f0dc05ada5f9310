"""The firmware's drivers: time that wraps, flash that only clears bits, a pack that is a function of time."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from logger.core.sampling import Sample
from logger.drivers.clock import Clock
from logger.drivers.flash_file import FlashFile
from logger.drivers.simulator import CYCLE_MS, SimulatedPack

WRAP_MS = 1 << 30  # MicroPython's ticks_ms


def test_time_goes_on_where_the_counter_wraps() -> None:
    ticks_ms = WRAP_MS - 100
    clock = Clock(lambda: ticks_ms % WRAP_MS, lambda later, earlier: (later - earlier) % WRAP_MS, rate=60)
    assert clock.elapsed_ms() == 0
    for _ in range(3):
        ticks_ms += WRAP_MS // 2
        clock.elapsed_ms()
    assert clock.elapsed_ms() == WRAP_MS // 2 * 3 * 60


def test_flash_clears_bits_and_erases_sectors(tmp_path: Path) -> None:
    path = str(tmp_path / "flash.bin")
    buffer = bytearray(4)
    with closing(FlashFile(path, 4, 64)) as flash:
        flash.program(70, b"\x0f\xf0")
        flash.program(70, b"\x0e")
        with pytest.raises(ValueError, match="erasing"):
            flash.program(70, b"\x01")
    with closing(FlashFile(path, 4, 64)) as flash:
        flash.read(69, buffer)
        assert buffer == b"\xff\x0e\xf0\xff"
        flash.erase(1)
        flash.read(69, buffer)
        assert buffer == b"\xff" * 4


def test_a_flash_of_another_size_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "flash.bin")
    FlashFile(path, 4, 64).close()
    with pytest.raises(ValueError, match="256 bytes, expected 320"):
        FlashFile(path, 5, 64)


def test_the_pack_is_a_function_of_time_and_its_cycle_closes() -> None:
    now_ms = 0
    pack, sample = SimulatedPack(lambda: now_ms, 12, 2, 10_000, 9_100, 3), Sample(12, 2)
    seen: dict[int, list[tuple[Any, ...]]] = {}
    for now_ms in (0, 500_000, 800_000, 2_500_000, CYCLE_MS + 500_000, 500_000):
        pack.read(sample)
        seen.setdefault(now_ms % CYCLE_MS, []).append((sample.current_ma, sample.pack_mv, tuple(sample.cell_mv)))
    first, next_cycle, again = seen[500_000]
    assert first == again
    assert abs(first[0] - next_cycle[0]) < 50, "but for noise"
    assert abs(first[1] - next_cycle[1]) < 20
    assert seen[500_000][0][0] < -10_000
    assert abs(seen[800_000][0][0]) < 50
    assert seen[2_500_000][0][0] > 15_000


def test_cells_and_pack_voltage_agree() -> None:
    pack, sample = SimulatedPack(lambda: 0, 12, 2, 10_000, 9_100, 3), Sample(12, 2)
    pack.read(sample)
    assert abs(sum(sample.cell_mv) // 2 - sample.pack_mv) < 40
    assert len([value for value in sample.temperature_ddegc if 200 < value < 320]) == 2
