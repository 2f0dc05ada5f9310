"""What a board says of itself and when it signs, on each interpreter (docs/record.md sections 2 and 5.4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logger.core import cbor, link, merkle
from logger.core.keys import Ed25519Key, opened
from tests.firmware.conftest import Interpreter

Life = Callable[[str], Any]
BOARD_TESTS = Path(__file__).parent / "board_tests"
KEY, BOOT, CONFIG, TIME = 6, 1, 9, 7


@pytest.fixture
def life(interpreter: Interpreter) -> Life:
    def run(name: str) -> Any:
        return json.loads(interpreter.run(BOARD_TESTS / "policy.py", name, heap_bytes=4 << 20))

    return run


# ---- when a checkpoint is signed; KEY and SEAL: test_orders.py


def test_boot_is_signed_at_once_and_config_waits_for_it(life: Life) -> None:
    assert life("start") == {"kinds": [KEY, BOOT, CONFIG], "checkpoints": [3]}


def test_windows_are_signed_by_the_number(life: Life) -> None:
    assert life("windows") == [5, 4, 4, 4], "the first number has the TIME entry of the first receipt"


def test_a_state_of_health_is_signed_at_once(life: Life) -> None:
    result = life("state_of_health")
    assert result["statements"] >= 1
    assert set(result["behind"]) == {0}


def test_an_event_is_signed_at_once(life: Life) -> None:
    """The last one of that life comes with a window of the same moment."""
    assert life("silent_source")["behind"] in ([0, 0, 0, 0], [0, 0, 0, 1])


def test_a_gap_is_signed_at_once(life: Life) -> None:
    assert life("full_silence")["behind"] == [0]


def test_no_receipt_leads_to_another_one(life: Life) -> None:
    """Where nothing is measured, TIME is the last entry, no checkpoint follows it, and the board has nothing to do."""
    assert life("no_loop") == {"kinds": [KEY, BOOT, CONFIG, TIME], "checkpoints": [3]}


def test_time_entries_come_each_period_and_make_no_checkpoint(life: Life) -> None:
    result = life("receipt_times")
    assert result["number"] >= 9
    assert result["least_distance_ms"] >= 60_000
    assert result["checkpoints"] == result["checkpoints_with_one"]
    assert result["least_behind"] > 0


# ---- what is said


def test_a_silent_source_is_told_once_and_so_is_its_return(life: Life) -> None:
    result = life("silent_source")
    begins, ended = {"1": 6, "2": 1}, {"1": 6, "2": 2}
    assert result["events"] == [begins, ended, begins, ended], "also over a restart"
    assert result["uptimes"] == [60_000, 76_000]
    assert result["before_it_begins"] is None
    assert result["windows_without_current"] >= 4


def test_what_happens_while_the_log_is_full_is_told_when_there_is_room(life: Life) -> None:
    result = life("full_silence")
    assert (result["events"], result["gaps"]) == (1, 1)


def test_a_challenge_is_answered_by_the_key_and_once_a_second(life: Life) -> None:
    assert life("possession") == {"answers": [1, 1, 2], "good": True, "refused": 1}


# ---- rules of evidence


def test_what_a_board_has_said_is_on_its_flash(life: Life) -> None:
    result = life("durable_before_disclosed")
    assert result["frames"] > 100
    assert result["checkpoints"] >= 5


def test_never_two_roots_for_a_size_and_never_a_smaller_size(life: Life) -> None:
    """The gateway of the script hears every checkpoint over 60 power cuts and compares."""
    result = life("one_root_a_size")
    assert result["cuts"] == 60
    assert result["signed"] > 60
    assert result["is_rising"]
    assert result["is_all_receipted"]


def test_the_largest_edge_fits_into_768_bytes_and_its_hello_into_a_frame() -> None:
    edge = merkle.Edge.from_bytes(merkle.MAX_SIZE.to_bytes(4, "little") + bytes(24 * merkle.HASH_BYTES))
    assert edge.size == (1 << 24) - 1
    assert sum(map(len, edge.roots)) == 768
    identity = opened(Ed25519Key(bytes(32)), bytes(16), [bytes(16), edge.size, bytes(32)])
    wider = identity.genesis + bytes(33)  # a public key of 64 bytes
    hello = [1, edge.size, edge.size, edge.size, (1 << 32) - 1, (1 << 63) - 1, wider, b"".join(edge.roots), bytes(16)]
    assert link.encode_frame(link.HELLO, cbor.encode(hello))
