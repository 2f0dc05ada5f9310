"""kill -9 at random moments: nothing that was receipted is lost, nothing is doubled, the line goes on by itself."""

from __future__ import annotations

import contextlib
import queue
import random
from contextlib import closing
from pathlib import Path

import pytest

from packseal.io.passport_store import PassportStore
from packseal.records.answer import decode_answer
from packseal.records.log import Delivery
from tests.faults.oracle import Heard, check_records, stored_logs
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
    with closing(PassportStore(rig.store)) as store:
        stored = stored_logs(store)
    deliveries = [Delivery.from_bytes(message.payload) for message in rig.heard if message.kind == "rec"]
    answers = [decode_answer(message.payload) for message in rig.heard if message.kind == "receipt"]
    found = check_records(stored, Heard(deliveries, answers), rig.service_key)
    assert len(stored) == 1
    assert (found.lost, found.doubled) == (0, 0)
