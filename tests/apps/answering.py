"""A battery of a served desk that answers when it is asked: gateway and board in one, without a broker."""

from __future__ import annotations

import threading
from dataclasses import replace

from packseal.apps.bundles import BundleMaker
from packseal.apps.fresh_reads import FreshAnswer, FreshReads
from packseal.apps.log_publisher import LogPublisher
from packseal.records.answer import ReceiptAnswer
from packseal.records.checkpoint import verify_receipt
from packseal.records.fresh import verify_command
from tests.apps.desk_api import MAKER, Service
from tests.apps.test_life_journey import bind
from tests.passport.board import TOPIC, Board, signer
from tests.passport.desk import SERVICE_KEY, SERVICE_PUBLIC_KEY


class Battery:
    """Answers each command of the service as a gateway and its board do, by another thread."""

    def __init__(self) -> None:
        self.board = Board("ev board")
        self.board.boot()
        self.board.windows(3)
        self.board.state_of_health(9100)
        self.reads: FreshReads | None = None

    def begin(self, service: Service) -> None:
        """With a first delivery."""
        self.listen(service)
        bind(service, self.board, "ev-1", MAKER)
        self._arrive(0)

    def listen(self, service: Service) -> None:
        self.service, desk = service, service.desk
        publisher = LogPublisher(desk.store.log, desk.tiles)
        bundles = BundleMaker(desk.store, desk.tiles, SERVICE_PUBLIC_KEY, publisher.publish_now)
        self.reads = FreshReads(desk.service, signer(SERVICE_KEY), bundles, self._publish, None)

    def ask(self, battery: str, nonce: bytes, timeout_s: float) -> FreshAnswer:
        assert self.reads
        return self.reads.ask(battery, nonce, timeout_s)

    def _publish(self, _topic: str, content: bytes) -> bool:
        command = verify_command(content, SERVICE_PUBLIC_KEY)
        first = self.board.size
        self.board.windows(1)
        threading.Thread(target=self._arrive, args=(first, command.nonce)).start()
        return True

    def _arrive(self, first: int, nonce: bytes | None = None) -> None:
        delivery = self.board.delivery(first)
        if nonce:
            delivery = replace(delivery, checkpoint=self.board.checkpoint(nonce=nonce))
        answer = self.service.desk.give(delivery.to_bytes(), TOPIC)
        assert isinstance(answer, ReceiptAnswer), answer
        assert self.reads
        self.reads.delivered(TOPIC, self.board.log_id, verify_receipt(answer.receipt, SERVICE_PUBLIC_KEY).size)
