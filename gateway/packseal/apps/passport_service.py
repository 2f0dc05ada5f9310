"""The passport service: takes deliveries, answers with signed receipts, and knows each battery's passport.

The key that signed decides which battery a delivery is for; the topic it came on is only noted. Receiving is
idempotent: what comes twice, late or out of order is answered with the receipt for its size, or with what is missing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from packseal.errors import EvidenceError, Reason
from packseal.io.passport_store import LogHead, PassportStore, Refusal
from packseal.passport.audit import StoredRecord, check_span
from packseal.passport.document import Json, document
from packseal.passport.fold import Delivered, Passport, fold
from packseal.passport.settings import CLASS_ORIGINS, BatterySettings, EnrolledSource, PassportSettings
from packseal.records.answer import encode_receipt_answer, encode_refusal_answer
from packseal.records.checkpoint import Receipt, sign_receipt
from packseal.records.cose import Sign
from packseal.records.entries import Entry, Key, decode_entry, genesis_key
from packseal.records.log import Delivery, TrustedLog, Verified
from packseal.records.merkle import Edge


class PassportService:
    def __init__(
        self,
        settings: PassportSettings,
        store: PassportStore,
        sign: Sign,
        public_key: bytes,
        now_unix_ms: Callable[[], int],
    ) -> None:
        """Folds what is stored. Raises UnavailableError."""
        self.settings = settings
        self.store = store
        self.now_unix_ms = now_unix_ms
        self._sign = sign
        self.public_key = public_key
        self._lock = threading.Lock()
        self._passports = {battery.id: Passport(battery) for battery in settings.batteries}
        for head in store.heads():
            self._fold_stored(head)

    def receive(self, topic: str, payload: bytes) -> bytes:
        """The answer to a delivery, for the receipt topic. Raises UnavailableError, with nothing stored, when it could
        not be stored: then there is no answer, and the sender tries again."""
        with self._lock:
            log_id = b""
            try:
                delivery = Delivery.from_bytes(payload)
                log_id = delivery.log_id
                battery, source = self._enrolled(delivery)
                return encode_receipt_answer(log_id, self._stored(delivery, battery, source))
            except EvidenceError as error:
                log = self.store.trusted_log(log_id)
                at = (log_id or None, error.reason, error.detail, self._battery_named(topic, log))
                self.store.add_refusal(self.now_unix_ms(), topic, *at)
                return encode_refusal_answer(log_id, log.size if log else 0, error.reason, error.detail)

    def passport(self, battery_id: str) -> Passport | None:
        return self._passports.get(battery_id)

    def document(self, battery_id: str) -> Json | None:
        """The passport as JSON-able values, as of now."""
        passport = self.passport(battery_id)
        return document(passport, self.now_unix_ms()) if passport else None

    def refusals(self, battery_id: str) -> list[Refusal]:
        return self.store.refusals(battery_id)

    def _enrolled(self, delivery: Delivery) -> tuple[BatterySettings, EnrolledSource]:
        key = genesis_key(delivery.genesis)
        found = self.settings.enrolled(key.public_key)
        if found is None:
            raise EvidenceError(Reason.UNKNOWN_LOG, f"key {key.public_key.hex()[:16]} is not enrolled for any battery")
        if key.origin is not found[1].origin:
            words = (
                f"is enrolled as class {found[1].evidence_class}, its log says it is from a {key.origin.name.lower()}"
            )
            raise EvidenceError(Reason.UNKNOWN_LOG, f"key {key.public_key.hex()[:16]} {words}")
        return found

    def _stored(self, delivery: Delivery, battery: BatterySettings, source: EnrolledSource) -> bytes:
        log = self.store.trusted_log(delivery.log_id) or TrustedLog(delivery.genesis)
        verified = log.verified(delivery, self.store.known(delivery.log_id))
        now_unix_ms = self.now_unix_ms()
        if not verified.entries:
            return self.store.receipt(delivery.log_id, verified.checkpoint.size) or self.store.store_inner(
                verified, delivery.checkpoint, now_unix_ms,
                lambda index: self._signed_receipt(verified, index, now_unix_ms),
            )  # fmt: skip
        receipt = self.store.store(
            verified, battery.id, source.evidence_class, delivery.checkpoint, now_unix_ms,
            lambda index: self._signed_receipt(verified, index, now_unix_ms),
        )  # fmt: skip
        self._fold(battery, _delivered(verified, source, now_unix_ms))
        return receipt

    def _signed_receipt(self, verified: Verified, service_index: int, now_unix_ms: int) -> bytes:
        checkpoint = verified.checkpoint
        receipt = Receipt(checkpoint.log_id, checkpoint.size, checkpoint.root, service_index, now_unix_ms)
        return sign_receipt(receipt, self._sign, self.public_key)

    def _fold(self, battery: BatterySettings, delivered: Delivered) -> None:
        self._passports[battery.id] = fold(self._passports[battery.id], delivered)

    def _fold_stored(self, head: LogHead) -> None:
        """Folds a stored log whose key is still enrolled; what was altered on the disk is left out."""
        found = self._stored_for(head)
        if found is None:
            return
        battery, evidence_class, key = found
        edge = Edge()
        for span in self.store.spans(head.log_id):
            checked = check_span(head.log_id, head.genesis, edge, span)
            edge = checked.edge
            at = (span.first_seq, span.size, _readable(checked.good), checked.uptime_ms, span.received_unix_ms)
            self._fold(battery, Delivered(head.log_id, evidence_class, key, *at))

    def _stored_for(self, head: LogHead) -> tuple[BatterySettings, str, Key] | None:
        """The battery a stored log is for. One whose genesis was altered has no key and no record that can be believed:
        it stays listed, under the battery it came for, so that the audit is asked about it and its page says so."""
        if not head.has_own_genesis:
            battery, origin = self.settings.battery(head.battery), CLASS_ORIGINS.get(head.evidence_class)
            return (battery, head.evidence_class, Key(b"", origin, b"")) if battery and origin else None
        key = genesis_key(head.genesis)
        found = self.settings.enrolled(key.public_key)
        if found is None or key.origin is not found[1].origin:
            return None
        return found[0], found[1].evidence_class, key

    def _battery_named(self, topic: str, log: TrustedLog | None) -> str:
        """Whose page shows a refusal: the battery of the log's key, else the one whose topic it came on."""
        found = self.settings.enrolled(log.key.public_key) if log else None
        return found[0].id if found else (topic.split("/") + [""] * 3)[2]


def _readable(records: Sequence[StoredRecord]) -> tuple[Entry, ...]:
    """Without what a version of other limits took: it counts as not present."""
    entries = []
    for record in records:
        with suppress(EvidenceError):
            entries.append(decode_entry(record.entry))
    return tuple(entries)


def _delivered(verified: Verified, source: EnrolledSource, now_unix_ms: int) -> Delivered:
    log = verified.log
    at = (verified.first_seq, log.size, verified.entries, verified.checkpoint.uptime_ms, now_unix_ms)
    return Delivered(log.log_id, source.evidence_class, log.key, *at)
