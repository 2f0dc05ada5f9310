"""kill -9 at random moments: nothing that was receipted is lost, nothing is doubled, the line goes on by itself."""

from __future__ import annotations

import contextlib
import queue
import random
from pathlib import Path

import pytest

from packseal.errors import Reason
from packseal.records.answer import ReceiptAnswer, RefusalAnswer, decode_answer
from packseal.records.blinding import leaf_of
from packseal.records.checkpoint import verify_receipt
from packseal.records.log import Delivery
from packseal.records.merkle import Edge
from tests.line.rig import Rig

KILLS = 50
MAX_PAUSE_S = 1.2  # twice the time a program needs to start


@pytest.mark.parametrize("name", ["firmware", "gateway", "passport"])
def test_killed_fifty_times(name: str, tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    chance = random.Random(f"kill {name}")
    rig.start()
    try:
        rig.next_message("receipt")
        for _ in range(KILLS):
            _kill_once(rig, name, chance)
        size_before = rig.stored_size()
        rig.wait_for(lambda: rig.stored_size() > size_before, "a record after the last kill")
    finally:
        rig.stop()
    _check_store(rig)


def _kill_once(rig: Rig, name: str, chance: random.Random) -> None:
    for _ in range(chance.randrange(3)):  # run on for up to two messages or pauses, so that most kills find work done
        with contextlib.suppress(queue.Empty):
            rig.messages.get(timeout=chance.random() * MAX_PAUSE_S)
    part = rig.parts[name]
    part.kill()
    part.start()


def _check_store(rig: Rig) -> None:
    """The oracle: every byte ever delivered is stored once under its number, and every receipt given still holds."""
    stored = rig.stored_records()
    deliveries = [Delivery.from_bytes(message.payload) for message in rig.heard if message.kind == "rec"]
    for delivery in deliveries:
        known = stored[delivery.first_seq : delivery.first_seq + len(delivery.entries)]
        assert list(delivery.entries[: len(known)]) == known
    answers = [decode_answer(message.payload) for message in rig.heard if message.kind == "receipt"]
    assert {a.reason for a in answers if isinstance(a, RefusalAnswer)} <= {
        Reason.MISSING_ENTRIES
    }  # sent again in order
    receipts = [verify_receipt(a.receipt, rig.service_key) for a in answers if isinstance(a, ReceiptAnswer)]
    assert receipts
    leaves = [leaf_of(entry, deliveries[0].seed)[1] for entry in stored]
    for receipt in receipts:
        assert receipt.size <= len(stored)
        assert Edge().extended(leaves[: receipt.size]).root() == receipt.root
