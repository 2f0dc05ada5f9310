"""Deliveries on their way out: on disk from when they are verified until a signed receipt covers them.

When the outbox is full, a board keeps its own records until there is room, and nothing of them is lost by that. What is
heard on a bus has nobody else who keeps it: for that, values of old windows are given up, counted and told
(docs/decisions/0017-the-outbox-at-its-limits.md).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol

from packseal.errors import EvidenceError, PackSealError, Reason, UnavailableError
from packseal.io.beat import Beat
from packseal.io.mqtt import MQTTConnection
from packseal.io.outbox_store import DamagedError, OutboxStore
from packseal.outbox import Depth, Item, Limits, Outbox
from packseal.outbox.limits import BOARDS_SHARE, FULL_SHARE, LOW_SHARE, MS_PER_HOUR
from packseal.outbox.reduction import LEVEL_BEYOND_HOURS, Run, emptied_in, reduced, runs_of
from packseal.records.answer import ReceiptAnswer, RefusalAnswer, decode_answer
from packseal.records.bodies import Origin
from packseal.records.checkpoint import Receipt, verify_receipt
from packseal.records.emptied import Emptied
from packseal.records.log import Delivery, Verified

SEND_PERIOD_S = 0.1  # how late a retry may be; new deliveries are sent at once
TEND_PERIOD_S = 5.0
REDUCING_S = 0.5  # at a time, where there is room: the bus that waits for it is read meanwhile, by another thread
LONGEST_REDUCING_S = 5.0  # where there is none yet: of a slow disk, or of a limit that was lowered far
UNLIMITED = Limits(1 << 62)


class Attest(Protocol):
    def __call__(
        self, delivery: Delivery, before: bytes | None, root: bytes, told: Emptied, stored_ms: int
    ) -> Delivery:
        """The delivery with the gateway's word that these windows were emptied. before: its word until now."""


class Outgoing:
    """For status and metrics, from any thread: `depth`, `problems`, `problem`, `refusals`, `items`.

    limits: may be changed while it runs. problem: why nothing is sent, "" while that works. beat: of its thread.
    """

    def __init__(
        self,
        store: OutboxStore,
        service_public_key: bytes,
        mqtt: MQTTConnection,
        base: str,
        receipted: Callable[[Receipt, bytes], None],
        limits: Limits = UNLIMITED,
        attest: Attest | None = None,
    ) -> None:
        """base: the levels of the site's topics. receipted hears of each receipt that has freed something.

        attest: signs for what is given up; without it nothing is, and a full outbox takes nothing more.
        Raises UnavailableError.
        """
        self._store, self._service_public_key, self._mqtt, self._base = store, service_public_key, mqtt, base
        self._receipted, self.limits, self._attest = receipted, limits, attest
        self.problem = self._damage = ""
        self._outbox = Outbox()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._plan: deque[Run] = deque()
        self._tend_after_s = 0.0
        for item in store.waiting():
            self._outbox.add(item)
        self._depth = self._measured()
        self.beat = Beat()
        self._thread = threading.Thread(target=self._send_for_ever, name="sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join(5)

    def keep(self, battery: str, delivery: Delivery, verified: Verified, now_unix_ms: int) -> None:
        """On disk, and sent at once where the way is open.

        Raises UnavailableError when it could not be stored: the disk does not answer, or the outbox is full. Whoever
        has the records keeps them then, and comes again.
        """
        self._find_room(is_own=verified.log.key.origin is Origin.GATEWAY)
        item = self._store.store(battery, delivery, verified, now_unix_ms)
        if item:
            with self._lock:
                self._outbox.add(item)
        self._wake.set()

    def items(self) -> list[Item]:
        """All that waits; hundreds of thousands after a long outage, so for figures take `depth`."""
        with self._lock:
            return self._outbox.items()

    def depth(self) -> Depth:
        """How much waits, and of which limit that is which share. While the disk does not answer, as it was before."""
        with suppress(UnavailableError):
            self._depth = self._measured()
        return self._depth

    def problems(self) -> list[str]:
        """What is wrong with the outbox itself, each with its cure: nearly full, values given up, a damaged file."""
        return [words for words in (*self.depth().problems, self._store.repair.problem, self._damage) if words]

    @property
    def is_damaged(self) -> bool:
        """What the disk gave back was not what was stored: a restart repairs the file."""
        return bool(self._damage)

    def refusals(self) -> list[str]:
        """The service's words for what it refuses now, each once."""
        with self._lock:
            return sorted(self._outbox.refusals())

    def connection_changed(self) -> None:
        with self._lock:
            self._outbox.disconnected()
        self._wake.set()

    def take_answers(self, payloads: Sequence[bytes]) -> None:
        """Receipts and refusals in the order in which they came, from whoever may publish at the broker.

        What is not the service's is counted. Receipts without a refusal between them are stored in one commit. Raises
        UnavailableError when the disk does not answer: what they cover is sent again, and answered again.
        """
        receipts: list[tuple[Receipt, bytes]] = []
        for payload in payloads:
            try:
                answer = decode_answer(payload)
                if isinstance(answer, ReceiptAnswer):
                    receipts += self._fitting(answer.receipt)
                    continue
            except EvidenceError as error:
                self._store.count(f"answer_{error.reason}")
            else:
                self._take_receipts(receipts)
                receipts = []
                self._take_refusal(answer)
        self._take_receipts(receipts)

    # ---- sending

    def _send_for_ever(self) -> None:
        while not self._stopping:
            self._wake.wait(SEND_PERIOD_S)
            self._wake.clear()
            self.beat()
            try:
                self._send_due()
                self._tend()
            except DamagedError as error:
                self._damage = str(error)
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
            return  # its receipt came in the meantime, or it is part of another delivery now
        except DamagedError:
            raise
        except PackSealError:
            return  # the disk does not answer now: it is due again after its time-out
        if not self._mqtt.publish(f"{self._base}/{battery}/rec", content):
            with self._lock:
                self._outbox.not_sent(item)

    def _take_refusal(self, answer: RefusalAnswer) -> None:
        with self._lock:
            if answer.reason == Reason.MISSING_ENTRIES:
                self._outbox.missing(answer.log_id, answer.size_known, monotonic_ms())
            else:
                self._outbox.refused(answer.log_id, f"{answer.reason}: {answer.detail}", monotonic_ms())
        known = answer.reason if answer.reason in set(Reason) else "other"
        self._store.count(f"service_refused_{known}")
        self._wake.set()

    def _fitting(self, content: bytes) -> list[tuple[Receipt, bytes]]:
        """A valid receipt: signed by the service we know, over the root that we know. None for what had one before."""
        receipt = verify_receipt(content, self._service_public_key)
        root = self._store.root_at(receipt.log_id, receipt.size)
        if root is None:
            return []
        if root != receipt.root:
            raise EvidenceError(Reason.RECEIPT_MISMATCH, f"the receipt for size {receipt.size} is over another root")
        return [(receipt, content)]

    def _take_receipts(self, receipts: Sequence[tuple[Receipt, bytes]]) -> None:
        """Frees what they cover."""
        if not receipts:
            return
        self._store.acknowledge(receipts)
        with self._lock:
            now_ms = monotonic_ms()
            for receipt, _ in receipts:
                self._outbox.acknowledged(receipt.log_id, receipt.size, now_ms)
        self._wake.set()
        for receipt, content in receipts:
            self._receipted(receipt, content)

    # ---- limits

    def _measured(self) -> Depth:
        used_bytes, (free_bytes, disk_bytes) = self._store.used_bytes(), self._store.disk_room()
        allowed_bytes = self.limits.allowed_bytes(used_bytes, free_bytes, disk_bytes)
        with self._lock:
            outbox = self._outbox
            waiting = (outbox.records, outbox.deliveries, outbox.oldest_stored_ms, outbox.emptied)
            hours = self._outbox.hours
        is_short = allowed_bytes < self.limits.max_bytes
        return Depth(*waiting, used_bytes, allowed_bytes, hours, self.limits.max_hours, is_short)

    def _share(self) -> float:
        """Of the limit in bytes, measured now."""
        used_bytes = self._store.used_bytes()
        allowed_bytes = self.limits.allowed_bytes(used_bytes, *self._store.disk_room())
        return used_bytes / allowed_bytes if allowed_bytes else FULL_SHARE

    def _find_room(self, *, is_own: bool) -> None:
        """Raises UnavailableError where there is none, and none can be made."""
        share = self._share()
        if share < (FULL_SHARE if is_own else BOARDS_SHARE):
            return
        if is_own and self._attest:
            since_s = time.monotonic()
            while share >= LOW_SHARE and self._reduce_next():
                share = self._share()
                if time.monotonic() - since_s > (REDUCING_S if share < FULL_SHARE else LONGEST_REDUCING_S):
                    break
            if share < FULL_SHARE:
                return
        self._store.count("deliveries_held_off")
        raise UnavailableError(" ".join(self.depth().problems[:1]) or "the outbox is full")

    def _tend(self) -> None:
        """Now and then: how far windows are summed up, and what is older than the limit in hours."""
        now_s = time.monotonic()
        if now_s < self._tend_after_s:
            return
        self._tend_after_s = now_s + TEND_PERIOD_S
        self._store.windows_summed = self.depth().windows_summed
        if self.limits.max_hours and self._attest and self._depth.hours > self.limits.max_hours:
            with self._lock:
                beyond = list(self._runs(self.limits.max_hours * MS_PER_HOUR))
            until_s = now_s + REDUCING_S
            for run in [run for run in beyond if run.level < LEVEL_BEYOND_HOURS]:
                if time.monotonic() < until_s:
                    self._reduce(run)

    def _reduce_next(self) -> bool:
        """Gives up values of one run; False where nothing is left that could be given up."""
        if not self._plan:
            with self._lock:
                self._plan.extend(sorted(self._runs(), key=lambda run: run.urgency, reverse=True))
        if not self._plan:
            return False
        self._reduce(self._plan.popleft())
        return True

    def _runs(self, behind_ms: int = 0) -> Iterator[Run]:
        for log_id in self._outbox.log_ids():
            yield from runs_of(self._outbox.items_of(log_id), self._depth.limit_bytes, behind_ms)

    def _reduce(self, run: Run) -> None:
        """Nothing is changed where some of the run is in flight, has left, or was damaged on the disk."""
        with self._lock:
            if self._attest is None or not self._outbox.is_idle(run.items):
                return
            contents = [self._store.content(item)[1] for item in run.items]
            deliveries = [Delivery.from_bytes(content) for content in contents]
            last = run.items[-1]
            delivery, root = reduced(deliveries), self._store.root_at(last.log_id, last.size) or b""
            word = (deliveries[-1].attestation, root, emptied_in(delivery), last.stored_ms)
            item = self._store.reduce(run.items, self._attest(delivery, *word))
            self._outbox.replaced(run.items, item)


def monotonic_ms() -> int:
    """For the outbox's times: a clock that nobody sets."""
    return time.monotonic_ns() // 1_000_000
