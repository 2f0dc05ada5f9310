"""Changes of key and ends of logs on each interpreter (docs/record.md sections 2 and 5.7, docs/link.md)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logger.core import keys
from tests.firmware.conftest import Interpreter

Orders = Callable[[str], Any]
ORDERS = Path(__file__).parent / "board_tests" / "orders.py"
KEY, BOOT, WINDOW, GAP, CONFIG, TIME = 6, 1, 2, 5, 9, 7


@pytest.fixture
def orders(interpreter: Interpreter) -> Orders:
    def run(question: str) -> Any:
        return json.loads(interpreter.run(ORDERS, question, heap_bytes=2 << 20, timeout_s=240))

    return run


def test_a_change_of_key_is_the_last_below_the_old_keys_checkpoint(orders: Orders) -> None:
    """The script verifies each checkpoint by the key of its size, and the new key's possession."""
    result = orders("rotate")
    assert result["rotations"] == 1
    assert result["is_last_below_its_checkpoint"]
    assert result["checkpoints_after"]
    assert result["boots"] == [1, 2], "the key file holds the new key over a start"
    assert (result["slots_missed"], result["windows_lost"]) == (0, 0)


def test_a_sealed_log_is_followed_by_one_that_names_it(orders: Orders) -> None:
    """The script compares the genesis with the sealed log's size and root, and the key with the one before."""
    result = orders("seal")
    assert result["seal"] == [2, 32]
    assert result["last_checkpoint_covers_it"]
    assert result["kinds"] == [KEY, BOOT, CONFIG, GAP, WINDOW]
    assert result["counters_begin_anew"]
    assert result["slots_missed"] == 0


def test_windows_between_two_logs_are_counted_in_the_new_one(orders: Orders) -> None:
    result = orders("seal")
    assert result["gap"]["1"] == 2, "the log before was being sealed"
    assert result["gap"]["2"] == result["windows_lost"] > 0
    first_ms, last_ms = result["gap"]["3"]
    assert (first_ms, last_ms) == (0, result["uptimes"][1]), "time counts from the SEAL"
    assert result["uptimes"] == sorted(result["uptimes"])


def test_what_is_not_the_operators_order_is_counted_and_has_no_effect(orders: Orders) -> None:
    result = orders("refused")
    assert result["refused"] == result["given"] == 9
    assert result["kinds"] == [BOOT, WINDOW, KEY, TIME, CONFIG]
    assert result["without_an_operator"] == [1, False]


@pytest.mark.parametrize(("order", "logs"), [("rotate", 1), ("seal", 2)])
def test_an_order_to_a_full_log_waits_for_room(orders: Orders, order: str, logs: int) -> None:
    assert orders(f"full_{order}") == {"gap_before": True, "logs": logs}


@pytest.mark.parametrize("order", ["rotate", "seal"])
def test_power_may_go_at_any_operation_of_flash_and_key_file(orders: Orders, order: str) -> None:
    """The start finishes what had begun; what had not begun has no effect, and can be ordered again."""
    result = orders(f"cuts_{order}")
    assert result["cuts"] >= 50
    assert result["obeyed"] > 40
    assert 0 < result["asked_again"] == result["cuts"] - result["obeyed"]


# ---- the key file's content


IDENTITY = keys.opened(keys.Ed25519Key(bytes(range(32))), bytes(range(16)))


def test_an_identity_survives_its_bytes() -> None:
    later = IDENTITY.rotating(keys.Ed25519Key(bytes(32)), 77)
    for identity in (IDENTITY, later, later.rotated(), IDENTITY.succeeded(9, bytes(32))):
        content = identity.to_bytes()
        assert len(content) < 300
        again = keys.Identity.from_bytes(content)
        assert again.to_bytes() == content
        assert (again.log_id, again.previous_id) == (identity.log_id, identity.previous_id)
        assert again.key.public == identity.key.public


def test_a_damaged_identity_is_refused() -> None:
    content = IDENTITY.to_bytes()
    for at in range(len(content)):
        with pytest.raises(ValueError, match="CRC"):
            keys.Identity.from_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(ValueError, match=r"CRC|too early"):
            keys.Identity.from_bytes(content[:at])


def test_a_log_goes_on_under_a_label_that_its_end_decides() -> None:
    later = IDENTITY.succeeded(9, bytes(32))
    assert later.previous_id == IDENTITY.log_id
    assert later.to_bytes() == IDENTITY.succeeded(9, bytes(32)).to_bytes()
    others = {IDENTITY.log_id, later.log_id, IDENTITY.succeeded(9, bytes(31) + b"\1").log_id}
    assert len(others) == 3
    assert later.disclosure_seed != IDENTITY.disclosure_seed
