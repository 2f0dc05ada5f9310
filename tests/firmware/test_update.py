"""Firmware updates: power cuts at every operation, packages that must be refused, and which slot is started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.firmware.conftest import Interpreter, find_interpreter

SCRIPT = Path(__file__).parent / "board_tests/update_cuts.py"
BAD_SIGNATURE, BAD_CONTENT, NOT_NEWER, WRONG_BOARD, READY, NOT_NOW = 3, 4, 5, 6, 8, 9  # logger/core/update.py


def ran(interpreter: Interpreter, name: str) -> Any:
    return json.loads(interpreter.run(SCRIPT, name))


def test_a_power_cut_leaves_the_old_firmware_or_the_new_one(interpreter: Interpreter) -> None:
    cuts, old, new = ran(interpreter, "cuts")
    assert cuts == old + new
    assert cuts > 90
    assert new > 5


def test_a_power_cut_below_littlefs_leaves_the_old_firmware_or_the_new_one() -> None:
    """The real file system of the boards, cut at its programs and erasures."""
    cuts, old, new = ran(find_interpreter("micropython"), "littlefs")
    assert cuts == old + new
    assert cuts > 70
    assert new > 5


def test_what_must_be_refused_is_refused_and_the_old_firmware_runs(interpreter: Interpreter) -> None:
    assert ran(interpreter, "refused") == {
        "by another key": BAD_SIGNATURE,
        "names the key, by another": BAD_SIGNATURE,
        "bad signature": BAD_SIGNATURE,
        "for another board": WRONG_BOARD,
        "the same version": NOT_NEWER,
        "an older version": NOT_NEWER,
        "no manifest": BAD_SIGNATURE,
        "a manifest too long": BAD_SIGNATURE,
        "a byte is another": BAD_CONTENT,
        "a file too few": BAD_CONTENT,
        "a file too many": BAD_CONTENT,
        "bytes behind the last file": BAD_CONTENT,
        "a path out of the slot": BAD_CONTENT,
        "an absolute path": BAD_CONTENT,
        "the state as a path": BAD_CONTENT,
        "files out of order": BAD_CONTENT,
        "an older version that may be gone back to": READY,
        "no update key": BAD_SIGNATURE,
        "on trial itself": NOT_NOW,
    }


def test_pieces_that_are_lost_or_repeated_change_nothing(interpreter: Interpreter) -> None:
    assert ran(interpreter, "pieces") == READY


def test_a_slot_is_written_over_once_an_hour_and_for_one_giver_at_a_time(interpreter: Interpreter) -> None:
    """Else whoever has one signed manifest could wear the flash out, or spoil what another one brings."""
    states = [BAD_CONTENT, NOT_NOW, NOT_NOW, BAD_CONTENT]
    assert ran(interpreter, "limits") == [*states, 400, 400, 500]
