"""Gateways of many boards on one connection: what has no receipt is kept, and sent again after two seconds."""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import closing

from packseal.errors import Reason
from packseal.io.mqtt import BrokerAddress, MQTTConnection
from packseal.io.passport_storing import PassportStoring
from packseal.io.store_place import store_place
from packseal.io.stores import open_store
from packseal.records.answer import ReceiptAnswer, decode_answer
from packseal.records.checkpoint import Receipt, receipt_leaf_entry, verify_receipt
from packseal.records.entries import decode_entry
from packseal.records.merkle import Edge, leaf_hash
from packseal.records.note import verify_log_checkpoint
from tests.passport.board import Board, running_board

AGAIN_S = 2.0
LONGEST_S = 120.0


def boards(count: int) -> dict[str, Board]:
    """By battery."""
    return {f"pack-{number}": running_board(name=f"board of pack {number}") for number in range(count)}


class Gateways:
    """Waits end with `receipted`."""

    def __init__(self, address: BrokerAddress, boards: dict[str, Board], service_key: bytes) -> None:
        self.boards, self._service_key = boards, service_key
        self._mqtt = MQTTConnection(address, "gateways", ["packseal/site/+/receipt"], self._heard)
        self._changed = threading.Condition()
        self._sent = dict.fromkeys(boards, 0)  # deliveries are made up to there
        self._waiting: dict[tuple[bytes, int], tuple[str, bytes]] = {}
        self.receipts: defaultdict[tuple[bytes, int], set[bytes]] = defaultdict(set)
        self.refusals: list[str] = []

    def start(self) -> None:
        self._mqtt.start()

    def stop(self) -> None:
        self._mqtt.stop()

    def record(self, windows: int) -> None:
        """Each window of each board is a delivery of its own, on its way at once."""
        for _ in range(windows):
            for battery, board in self.boards.items():
                board.windows(1)
                first, self._sent[battery] = self._sent[battery], board.size
                payload = board.delivery(first).to_bytes()
                with self._changed:
                    self._waiting[board.log_id, board.size] = (f"packseal/site/{battery}/rec", payload)
                self._mqtt.publish(f"packseal/site/{battery}/rec", payload)

    def is_receipted(self, left: int = 0) -> bool:
        return len(self._waiting) <= left

    def wait(self, left: int = 0) -> None:
        """Until all but so many have a receipt; AssertionError where that does not come."""
        for _ in range(int(LONGEST_S / AGAIN_S)):
            with self._changed:
                if self._changed.wait_for(lambda: self.is_receipted(left), AGAIN_S):
                    return
                again = list(self._waiting.values())
            for topic, payload in again:
                self._mqtt.publish(topic, payload)
        raise AssertionError(f"{len(self._waiting)} deliveries have no receipt; refused: {self.refusals[-3:]}")

    def _heard(self, _topic: str, content: bytes) -> None:
        answer = decode_answer(content)
        with self._changed:
            if isinstance(answer, ReceiptAnswer):
                receipt = verify_receipt(answer.receipt, self._service_key)
                self.receipts[receipt.log_id, receipt.size].add(answer.receipt)
                self._waiting.pop((receipt.log_id, receipt.size), None)
            else:
                assert answer.reason == Reason.MISSING_ENTRIES, answer
                self.refusals.append(answer.detail)
            self._changed.notify_all()

    # ---- the oracle

    def check(self, store: str) -> None:
        """What has a receipt is stored, once; each delivery has one receipt, however often it was taken; and all leaves
        stand in the log that was signed."""
        with closing(open_store(store_place(store))) as opened:
            for board in self.boards.values():
                _check_board(opened, board)
            entries = opened.log.entries(0, opened.log.size())
            note = verify_log_checkpoint(opened.log.note() or b"", self._service_key)
            found = {key: opened.receipt(*key) for key in self.receipts}
        root = Edge().extended([leaf_hash(entry) for entry in entries]).root()
        assert (note.size, note.root) == (len(entries), root)
        assert {key: {receipt} for key, receipt in found.items()} == self.receipts
        indices = [self._index(receipt, entries) for one in self.receipts.values() for receipt in one]
        assert len(set(indices)) == len(indices)

    def _index(self, content: bytes, entries: list[bytes]) -> int:
        receipt: Receipt = verify_receipt(content, self._service_key)
        assert entries[receipt.service_index] == receipt_leaf_entry(content).to_bytes()
        return receipt.service_index


def _check_board(store: PassportStoring, board: Board) -> None:
    assert not store.audit(board.log_id, limit=1 << 20).differences
    contents = store.known(board.log_id).entries(0, board.size)
    assert [decode_entry(content).seq for content in contents] == list(range(board.size))
    assert list(contents) == board.entries
