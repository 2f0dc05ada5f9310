"""Deliveries on their way out: on disk from when they are verified until a signed receipt covers them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from packseal.errors import EvidenceError, PackSealError, Reason
from packseal.io.mqtt import MQTTConnection
from packseal.io.outbox_store import OutboxStore
from packseal.outbox import Item, Outbox, State
from packseal.records.answer import ReceiptAnswer, RefusalAnswer, decode_answer
from packseal.records.checkpoint import Receipt, verify_receipt
from packseal.records.log import Delivery, Verified

SEND_PERIOD_S = 0.1  # how late a retry may be; new deliveries are sent at once


class Outgoing:
    def __init__(
        self,
        store: OutboxStore,
        service_public_key: bytes,
        mqtt: MQTTConnection,
        base: str,
        receipted: Callable[[Receipt, bytes], None],
    ) -> None:
        """base: the levels of the site's topics. receipted hears of each receipt that has freed something.

        Raises UnavailableError.
        """
        self._store, self._service_public_key, self._mqtt, self._base = store, service_public_key, mqtt, base
        self._receipted = receipted
        self.problem = ""
        self._outbox = Outbox()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        for item in store.waiting():
            self._outbox.add(item)
        self._thread = threading.Thread(target=self._send_for_ever, name="sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join(5)

    def keep(self, battery: str, delivery: Delivery, verified: Verified, now_unix_ms: int) -> None:
        """On disk, and sent at once where the way is open. Raises UnavailableError when it could not be stored."""
        item = self._store.store(battery, delivery, verified, now_unix_ms)
        with self._lock:
            self._outbox.add(item)
        self._wake.set()

    def items(self) -> list[Item]:
        with self._lock:
            return self._outbox.items()

    def refusals(self) -> list[str]:
        """The service's words for what it refuses now, each once."""
        return sorted({item.refusal for item in self.items() if item.state is State.REFUSED})

    def connection_changed(self) -> None:
        with self._lock:
            self._outbox.disconnected()
        self._wake.set()

    def take_answer(self, payload: bytes) -> None:
        """A receipt or a refusal, from whoever may publish at the broker: what is not the service's is counted."""
        try:
            answer = decode_answer(payload)
            if isinstance(answer, ReceiptAnswer):
                self._take_receipt(answer.receipt)
            else:
                self._take_refusal(answer)
        except EvidenceError as error:
            self._store.count(f"answer_{error.reason}")

    def _send_for_ever(self) -> None:
        while not self._stopping:
            self._wake.wait(SEND_PERIOD_S)
            self._wake.clear()
            try:
                self._send_due()
            except Exception as error:  # the thread must outlive what nobody thought of
                self.problem = f"nothing is sent: {error!r}"
            else:
                self.problem = ""

    def _send_due(self) -> None:
        if self._mqtt.is_connected:
            with self._lock:
                due = self._outbox.due(monotonic_ms())
            for item in due:
                self._send(item)

    def _send(self, item: Item) -> None:
        try:
            battery, content = self._store.content(item)
        except KeyError:
            return  # its receipt came in the meantime
        except PackSealError:
            return  # the disk does not answer now: it is due again after its time-out
        self._mqtt.publish(f"{self._base}/{battery}/rec", content)

    def _take_refusal(self, answer: RefusalAnswer) -> None:
        with self._lock:
            if answer.reason == Reason.MISSING_ENTRIES:
                self._outbox.missing(answer.log_id, answer.size_known, monotonic_ms())
            else:
                self._outbox.refused(answer.log_id, f"{answer.reason}: {answer.detail}", monotonic_ms())
        known = answer.reason if answer.reason in set(Reason) else "other"
        self._store.count(f"service_refused_{known}")
        self._wake.set()

    def _take_receipt(self, content: bytes) -> None:
        """Frees what a valid receipt covers: signed by the service we know, over the root that we know."""
        receipt = verify_receipt(content, self._service_public_key)
        root = self._store.root_at(receipt.log_id, receipt.size)
        if root is None:
            return  # receipted before: a repeated answer
        if root != receipt.root:
            raise EvidenceError(Reason.RECEIPT_MISMATCH, f"the receipt for size {receipt.size} is over another root")
        self._store.acknowledge(receipt, content)
        with self._lock:
            self._outbox.acknowledged(receipt.log_id, receipt.size)
        self._wake.set()
        self._receipted(receipt, content)


def monotonic_ms() -> int:
    """For the outbox's times: a clock that nobody sets."""
    return time.monotonic_ns() // 1_000_000
