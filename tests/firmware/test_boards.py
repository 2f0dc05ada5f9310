"""The real boards' own code on stand-ins of their ports, whose flash obeys its data sheet; on MicroPython."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.conftest import FIRMWARE, Interpreter, find_interpreter
from tests.signals.test_compile import BINDING, compiled

SCRIPTS = Path(__file__).parent / "board_tests"
PORTS = ["stm32", "rp2", "esp32"]
HEAP_BYTES = 24 << 20  # the emulated chips are in it
EIO, ENODEV, ETIMEDOUT = 5, 19, 110


@pytest.fixture(scope="module")
def micropython() -> Interpreter:
    return find_interpreter("micropython")


def life(micropython: Interpreter, test: str, port: str, folder: Path) -> Any:
    said = micropython.run(SCRIPTS / "boards_life.py", test, port, folder, FIRMWARE, heap_bytes=HEAP_BYTES)
    return json.loads(said.splitlines()[-1])


@pytest.mark.parametrize("port", PORTS)
def test_a_new_board_opens_a_log_samples_signs_and_feeds_its_watchdog(
    micropython: Interpreter, tmp_path: Path, port: str
) -> None:
    lived = life(micropython, "first", port, tmp_path)
    assert lived == {
        "types": [6, 1, 9, 2],
        "cause": 1,
        "source": 0,
        "watchdog_ms": 8000,
        "is_fed": True,
        "baud": 115200,
        "sectors": {"stm32": 256, "rp2": 512, "esp32": 64}[port],
        "is_good_kept": True,
    }


@pytest.mark.parametrize("port", PORTS)
def test_a_board_without_configuration_samples_nothing_and_believes_nobody(
    micropython: Interpreter, tmp_path: Path, port: str
) -> None:
    assert life(micropython, "factory", port, tmp_path) == {"hello": True, "source": 4, "refused": [0, 1, 1]}


@pytest.mark.parametrize("port", PORTS)
def test_a_refused_configuration_leaves_the_last_good_one_running(
    micropython: Interpreter, tmp_path: Path, port: str
) -> None:
    said = micropython.run(SCRIPTS / "boards_life.py", "fallen_back", port, tmp_path, FIRMWARE, heap_bytes=HEAP_BYTES)
    assert "unknown key windows_ms" in said
    assert json.loads(said.splitlines()[-1]) == [1, 1000]


@pytest.mark.parametrize("port", PORTS)
def test_each_source_is_made_from_its_settings_and_a_dead_line_is_missing_values(
    micropython: Interpreter, tmp_path: Path, port: str
) -> None:
    assert life(micropython, "bms", port, tmp_path) == {
        "jbd": [2, False, True],
        "daly": [2, False, True],
        "bq769x2": [3, False, True],
    }


@pytest.mark.parametrize("port", PORTS)
def test_a_can_source_wants_its_bus_and_the_table_that_is_named(
    micropython: Interpreter, tmp_path: Path, port: str
) -> None:
    said, has_hub = life(micropython, "can", port, tmp_path)
    assert has_hub
    assert said[:3] == [
        "can: missing key can_bus",
        "can: can.table cannot be read",
        "can: can.table is not the table that is named",
    ]
    assert said[3].startswith("can: 333333")


@pytest.mark.parametrize("port", PORTS)
def test_a_board_whose_bms_is_on_can_and_its_gateway_is_not(
    micropython: Interpreter, tmp_path: Path, port: str
) -> None:
    (tmp_path / "can.table").write_bytes(compiled(BINDING).content)
    assert life(micropython, "can_alone", port, tmp_path) == [1, True]


@pytest.mark.parametrize("port", PORTS)
def test_the_mark_of_the_last_life_tells_brown_outs_and_restarts_on_purpose(
    micropython: Interpreter, tmp_path: Path, port: str
) -> None:
    """4: the port says power on, and the mark is still there. 3: a restart that the firmware asked for."""
    assert life(micropython, "marks", port, tmp_path) == [True, 4, 3]


def test_the_loader_starts_what_is_good_or_on_trial(micropython: Interpreter, tmp_path: Path) -> None:
    assert life(micropython, "loader", "rp2", tmp_path) == ["a", "b", "b", "b", "a", "a", "fed", "neither", "b"]


def test_drivers_of_flash_keep_the_rules_of_their_chips(micropython: Interpreter) -> None:
    found = json.loads(micropython.run(SCRIPTS / "flash_drivers.py", "good", heap_bytes=HEAP_BYTES))
    assert found == [[512, 4096], [8, 4096], [8, 4096], [8, 1 << 17]]


def test_littlefs_lives_on_a_part_of_the_serial_flash(micropython: Interpreter) -> None:
    assert json.loads(micropython.run(SCRIPTS / "flash_drivers.py", "littlefs", heap_bytes=HEAP_BYTES)) == 6000


def test_faults_of_flash_are_said(micropython: Interpreter) -> None:
    assert json.loads(micropython.run(SCRIPTS / "flash_drivers.py", "faults", heap_bytes=HEAP_BYTES)) == {
        "no chip": ENODEV,
        "a chip of 4-byte addresses": ENODEV,
        "write-protected": EIO,
        "busy for ever": ETIMEDOUT,
        "half a word": "ValueError",
        "the bank's error": EIO,
        "a part beyond the end": "ValueError",
    }
