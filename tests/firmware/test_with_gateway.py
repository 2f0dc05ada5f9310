"""The firmware's logger and the gateway's session and trusted log, joined by their bytes: neither checks itself."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from logger.core import cose
from packseal.io.session import BoardSession, DeliveryArrived, FrameRejected, HelloArrived
from packseal.records.bodies import EntryType, Gap, Previous
from packseal.records.checkpoint import Receipt, sign_receipt
from packseal.records.entries import Entry
from packseal.records.log import NOTHING_KNOWN, Delivery, TrustedLog

BOARD_TESTS = Path(__file__).parent / "board_tests"
SERVICE = SigningKey(bytes(range(32)))


class Witness:
    """Believes what TrustedLog verifies, signs a receipt for it, and takes nothing else."""

    def __init__(self) -> None:
        self.logs: list[TrustedLog] = []
        self.kinds: Counter[int] = Counter()
        self.entries: list[Entry] = []
        self._session = BoardSession()
        self._now_ms = 0

    def receive(self, content: bytes) -> bytes:
        self._now_ms += 1
        for event in self._session.receive(content, self._now_ms):
            assert not isinstance(event, FrameRejected), event
            if isinstance(event, HelloArrived):
                if not self.logs or self.logs[-1].genesis != event.hello.genesis:
                    self.logs.append(TrustedLog(event.hello.genesis, event.hello.seed))
                self._session.resume(event.hello, self.logs[-1].size, self._now_ms)
            if isinstance(event, DeliveryArrived):
                self._take(event.delivery)
        return self._session.bytes_to_send()

    def _take(self, delivery: Delivery) -> None:
        verified = self.logs[-1].verified(Delivery.from_bytes(delivery.to_bytes()), NOTHING_KNOWN)
        self.logs[-1] = verified.log
        self.kinds.update(entry.type for entry in verified.entries)
        self.entries += verified.entries
        self._session.accepted(verified.log.size)
        head = verified.checkpoint
        receipt = Receipt(head.log_id, head.size, head.root, 1, 1_700_000_000_000 + self._now_ms, bytes(16))
        self._session.send_receipt(
            sign_receipt(receipt, lambda message: SERVICE.sign(message).signature, bytes(SERVICE.verify_key))
        )


def told(entry: Entry) -> tuple[int, int, int] | None:
    return entry.body.bare if isinstance(entry.body, Gap) else None


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BOARD_TESTS)
    return importlib.import_module("bench")


def board_of(bench: Any, **more: Any) -> Any:
    flash = importlib.import_module("memory_flash").MemoryFlash(8, 4096)
    return bench.Board(flash, 1_000, 10_000, 4, 4, **more)


def test_leaves_of_what_found_no_room_are_believed_with_their_gap(bench: Any) -> None:
    flash = importlib.import_module("memory_flash").MemoryFlash(16, 16384)
    board, witness = bench.Board(flash, 500, 1_000, 20, 4), Witness()
    while board.log.losses.bare_count < 50:
        board.run(100_000)
    board.run(60_000, witness)
    (log,) = witness.logs
    (bare,) = [gap for gap in map(told, witness.entries) if gap]
    assert bare[2] >= 50
    assert log.size == len(witness.entries) + bare[2]
    assert board.log.receipted_size > bare[1]


def test_a_cycle_of_the_pack_is_believed_entry_by_entry(bench: Any) -> None:
    """An hour and a quarter, with estimates of the state of health, a silent source and two restarts."""
    health = {"chemistry": "nmc", "time_every_ms": 300_000}
    board, witness = board_of(bench, **health), Witness()
    for is_silent in (False, True, False):
        board.pack.is_silent = is_silent
        board.run(3_000_000 if not is_silent else 60_000, witness)
        board = bench.Board(board.flash, 1_000, 10_000, 4, 4, board.now_ms, board.keys, **health)
    (log,) = witness.logs
    assert log.boot == 3
    assert log.size == sum(witness.kinds.values()) > 500
    expected = {EntryType.KEY, EntryType.BOOT, EntryType.CONFIG, EntryType.EVENT, EntryType.TIME}
    assert set(witness.kinds) == expected | {EntryType.WINDOW, EntryType.SOH, EntryType.ESTIMATE}
    assert witness.kinds[EntryType.TIME] >= 15


def test_a_change_of_key_and_the_end_of_a_log_are_believed(bench: Any) -> None:
    board, witness = board_of(bench), Witness()
    board.run(60_000, witness)
    for order, cause in ((cose.ORDER_ROTATE, 0), (cose.ORDER_ROTATE, 0), (cose.ORDER_SEAL, 1)):
        board.link.feed(bench.order_frame(board.keys.identity, order, cause))
        board.run(60_000, witness)
    first, second = witness.logs
    assert len(first.keys) == 3
    assert first.is_sealed
    assert second.key.previous == Previous(first.log_id, first.size, first.edge.root())
    assert second.key.public_key == first.keys[-1].public_key
    assert second.size > 5
    assert witness.kinds[EntryType.GAP] == 1
