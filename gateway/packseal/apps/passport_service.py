"""The passport service: takes deliveries, answers with signed receipts, and knows each battery's passport.

The key that signed decides which battery a delivery is for; the topic it came on is only noted. Receiving is
idempotent: what comes twice, late or out of order is answered with the receipt for its size, or with what is missing.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from packseal.apps.key_acts import KeyActs
from packseal.apps.opinions import Opinions
from packseal.errors import EvidenceError, Reason
from packseal.io.passport_rows import Arrived, LogHead, Signing
from packseal.io.passport_store import PassportStore
from packseal.io.refusals_table import Refusal
from packseal.passport.audit import StoredRecord, check_span
from packseal.passport.document import Json, document
from packseal.passport.fold import Delivered, Passport, fold
from packseal.passport.settings import BatterySettings, PassportSettings
from packseal.records.acts import Bind, Noted
from packseal.records.answer import encode_receipt_answer, encode_refusal_answer
from packseal.records.attestation import attestation_digest, verify_attestation
from packseal.records.bodies import EntryType, Key, Previous, Time
from packseal.records.checkpoint import SALT_BYTES, Receipt, sign_receipt
from packseal.records.cose import Sign, unverified_kid
from packseal.records.entries import Entry, decode_entry, genesis_key
from packseal.records.log import Delivery, TrustedLog, Verified
from packseal.records.merkle import Edge
from packseal.records.policy import CLASS_ORIGINS, PolicyLog


@dataclass(frozen=True, slots=True)
class Source:
    """Whose records a log's are, and how far they are to be believed."""

    battery: BatterySettings
    evidence_class: str


class PassportService:
    def __init__(
        self,
        settings: PassportSettings,
        store: PassportStore,
        sign: Sign,
        public_key: bytes,
        now_unix_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        *,
        is_reader: bool = False,
    ) -> None:
        """Folds what is stored, and states in the log what the settings bind; a reader does neither.

        Raises UnavailableError, also for acts that are not what was stored, and ConfigError for settings that bind a
        key whose records are another battery's.
        """
        self.settings = settings
        self.store = store
        self.now_unix_ms = now_unix_ms
        self.public_key = public_key
        self._sign = sign
        self._random_bytes = random_bytes
        self.acts = KeyActs(settings, store, sign, public_key, now_unix_ms, random_bytes)
        self._lock = threading.Lock()
        self._last_received_unix_ms = store.last_received_unix_ms()  # times of receipts never fall
        self.opinions = Opinions(self._stored_deliveries_of, self._received_at)
        self._passports = {battery.id: Passport(battery) for battery in settings.batteries}
        self._ends: dict[bytes, Previous] = {}  # log_id -> where a log that goes on from it says that it ends
        for head in store.heads():
            self._note_end(genesis_key(head.genesis).previous if head.has_own_genesis else None)
        if is_reader:
            return
        self.acts.state_bindings()
        for head in _oldest_first(store.heads()):
            self._fold_stored(head)

    def receive(self, topic: str, payload: bytes) -> bytes:
        """The answer to a delivery, for the receipt topic. Raises UnavailableError, with nothing stored, when it could
        not be stored: then there is no answer, and the sender tries again."""
        with self._lock:
            log_id = b""
            self.acts.check_own_key()
            try:
                delivery = Delivery.from_bytes(payload)
                log_id = delivery.log_id
                return encode_receipt_answer(log_id, self._stored(topic, delivery))
            except EvidenceError as error:
                log = self.store.trusted_log(log_id)
                self._note_refusal(topic, log_id, log, error)
                return encode_refusal_answer(log_id, log.size if log else 0, error.reason, error.detail)

    def take_act(self, content: bytes) -> int:
        """Keeps a signed act. -> its index in the passport log. Raises EvidenceError, UnavailableError."""
        with self._lock:
            known = self.store.log.index_of(content)
            if known is not None:
                return known
            statement, index = self.acts.take(content)
            if isinstance(statement, Bind):
                self._fold_bound(statement)
            return index

    def passport(self, battery_id: str) -> Passport | None:
        return self._passports.get(battery_id)

    def document(self, battery_id: str) -> Json | None:
        """The passport as JSON-able values, as of now."""
        passport = self.passport(battery_id)
        return document(passport, self.now_unix_ms()) if passport else None

    def refusals(self, battery_id: str) -> list[Refusal]:
        return self.store.refusals.of(battery_id)

    def source_of(self, key: Key) -> Source | None:
        """What the settings, or else an act, say of the key that opened a log; None when they say nothing that fits."""
        found = self.settings.enrolled(key.public_key)
        if found:
            source = Source(found[0], found[1].evidence_class)
        else:
            binding = self.acts.keyring.bound.get(key.public_key)
            battery = self.settings.battery(binding.battery) if binding else None
            if binding is None or binding.is_stated or battery is None:
                return None
            source = Source(battery, binding.evidence_class)
        return source if CLASS_ORIGINS[source.evidence_class] is key.origin else None

    def bound_logs(self) -> dict[bytes, PolicyLog]:
        """The logs that the settings bind: what a policy has to say of them, since no act of others does."""
        found = {}
        for head in self.store.heads():
            stored = self._stored_for(head) if head.has_own_genesis else None
            if stored and self.settings.enrolled(stored[1].public_key):
                source, _ = stored
                found[head.log_id] = PolicyLog(source.battery.id, source.evidence_class)
        return found

    # ---- deliveries

    def _stored(self, topic: str, delivery: Delivery) -> bytes:
        source = self._trusted_source(delivery)
        log = self.store.trusted_log(delivery.log_id) or TrustedLog(delivery.genesis, delivery.seed)
        verified = log.verified(delivery, self.store.known(delivery.log_id))
        known = None if verified.entries else self.store.receipt(delivery.log_id, verified.checkpoint.size)
        if known:
            return known
        self._check_revoked(verified.log)
        self._check_ends(verified)
        attestation = self._checked_attestation(topic, delivery, verified)
        now_unix_ms = max(self.now_unix_ms(), self._last_received_unix_ms)
        arrived = Arrived(source.battery.id, source.evidence_class, delivery.checkpoint, attestation, now_unix_ms)
        signing = self._signing(verified, arrived)
        if not verified.entries:
            return self._after(self.store.store_inner(verified, arrived, signing), now_unix_ms)
        receipt = self._after(self.store.store(verified, arrived, signing), now_unix_ms)
        self._note_end(verified.log.key.previous)
        self._fold(source.battery, self._delivered(verified, source, now_unix_ms))
        return receipt

    def _after(self, receipt: bytes, now_unix_ms: int) -> bytes:
        self._last_received_unix_ms = now_unix_ms
        return receipt

    def _trusted_source(self, delivery: Delivery) -> Source:
        key = genesis_key(delivery.genesis)
        source = self.source_of(key)
        if source is None:
            raise EvidenceError(Reason.UNKNOWN_LOG, self._words_for_unknown(key))
        return source

    def _words_for_unknown(self, key: Key) -> str:
        name, origin = f"key {key.public_key.hex()[:16]}", key.origin.name.lower()
        binding = self.acts.keyring.bound.get(key.public_key)
        if binding and not binding.is_stated and self.settings.battery(binding.battery) is None:
            return f"{name} is bound to battery {binding.battery!r}, which is not in passport.toml; add it there"
        if key.previous and self.store.trusted_log(key.previous.log_id):
            return f"{name} opened this log after another one was sealed; enrol it and bind it to its battery"
        return f"{name} is not enrolled for any battery, or not for a log from a {origin}"

    def _check_revoked(self, log: TrustedLog) -> None:
        for key in log.keys:
            index = self.acts.keyring.revoked.get(key.public_key)
            if index is not None:
                words = f"key {key.public_key.hex()[:16]} was revoked at index {index} of the passport log"
                raise EvidenceError(Reason.KEY_REVOKED, words)

    def _check_ends(self, verified: Verified) -> None:
        """A log that says from which one it goes on does so at the end of that one, whichever of the two came first."""
        log = verified.log
        previous = None if verified.first_seq else log.key.previous
        before = self.store.trusted_log(previous.log_id) if previous else None
        if before and previous and not (before.is_sealed and _ends_at(before, previous)):
            raise EvidenceError(Reason.FORK, f"log {previous.log_id.hex()}, from which it goes on, does not end there")
        end = self._ends.get(log.log_id)
        if end and (log.size > end.size or ((log.is_sealed or log.size == end.size) and not _ends_at(log, end))):
            raise EvidenceError(Reason.FORK, f"a later log goes on from this one, and says that it ends at {end.size}")

    def _note_end(self, previous: Previous | None) -> None:
        if previous:
            self._ends.setdefault(previous.log_id, previous)

    def _checked_attestation(self, topic: str, delivery: Delivery, verified: Verified) -> bytes | None:
        """The gateway's word where it is one that is known here; else it is left out, counted and shown."""
        content = delivery.attestation
        if content is None:
            return None
        try:
            key = self.acts.keyring.gateway(unverified_kid(content))
            if key is None:
                raise EvidenceError(Reason.UNKNOWN_GATEWAY, "the attestation is by a gateway that is not enrolled here")
            attested, checkpoint = verify_attestation(content, key), verified.checkpoint
            ends = (attested.log_id, attested.size, attested.root)
            if ends != (checkpoint.log_id, checkpoint.size, checkpoint.root):
                raise EvidenceError(Reason.RECEIPT_MISMATCH, "the attestation is of another log, size or root")
        except EvidenceError as error:
            self._note_refusal(topic, delivery.log_id, verified.log, error)
            return None
        return content

    def _signing(self, verified: Verified, arrived: Arrived) -> Signing:
        checkpoint = verified.checkpoint
        salt = self._random_bytes(SALT_BYTES)
        digest = attestation_digest(arrived.attestation) if arrived.attestation else None

        def receipt(index: int) -> bytes:
            head = (checkpoint.log_id, checkpoint.size, checkpoint.root, index, arrived.unix_ms)
            return sign_receipt(Receipt(*head, salt, digest), self._sign, self.public_key)

        noted = [
            self.acts.own_act(Noted(arrived.battery, checkpoint.log_id, entry.seq, verified.leaf(entry.seq)))
            for entry in verified.entries
            if entry.type in (EntryType.KEY, EntryType.SEAL)
        ]
        return Signing(receipt, self.acts.signed_note, noted)

    # ---- the fold

    def _fold(self, battery: BatterySettings, delivered: Delivered) -> None:
        self._passports[battery.id] = fold(self._passports[battery.id], delivered)
        self.opinions.add(battery, delivered)

    def _fold_stored(self, head: LogHead) -> None:
        """Folds a stored log whose key is still enrolled."""
        found = self._stored_for(head)
        if found:
            for delivered in self._stored_deliveries(head):
                self._fold(found[0].battery, delivered)

    def _stored_deliveries(self, head: LogHead) -> Iterator[Delivered]:
        """As they came; what was altered on the disk is left out."""
        found = self._stored_for(head)
        if found is None:
            return
        source, key = found
        edge = Edge()
        for span in self.store.spans(head.log_id):
            checked = check_span(head.identity, edge, span)
            edge = checked.edge
            entries = _readable(checked.good)
            at = (span.first_seq, span.size, entries, checked.uptime_ms, span.received_unix_ms)
            times = self._good_times(head.log_id, entries)
            yield Delivered(head.log_id, source.evidence_class, key, *at, times)

    def _stored_deliveries_of(self, log_id: bytes) -> Iterator[Delivered]:
        for head in self.store.heads():
            if head.log_id == log_id:
                yield from self._stored_deliveries(head)

    def _received_at(self, log_id: bytes, seq: int) -> int | None:
        record = self.store.record(log_id, seq)
        return record.received_unix_ms if record else None

    def _fold_bound(self, bind: Bind) -> None:
        """What had come of a key before it was bound by this act, when settings bound it that have changed since."""
        passport = self.passport(bind.battery)
        for head in self.acts.heads_of(bind.public_key) if passport else []:
            if passport and passport.log(head.log_id) is None:
                self._fold_stored(head)

    def _delivered(self, verified: Verified, source: Source, now_unix_ms: int) -> Delivered:
        log = verified.log
        at = (verified.first_seq, log.size, verified.entries, verified.checkpoint.uptime_ms, now_unix_ms)
        times = self._good_times(log.log_id, verified.entries)
        return Delivered(log.log_id, source.evidence_class, log.key, *at, times)

    def _good_times(self, log_id: bytes, entries: Sequence[Entry]) -> frozenset[int]:
        """Which TIME entries name a receipt that this service has given for the log."""
        times = [(entry.seq, entry.body) for entry in entries if isinstance(entry.body, Time)]
        return frozenset(
            seq
            for seq, time in times
            if self.store.receipt_of_digest(log_id, time.received_unix_ms, time.receipt_digest)
        )

    def _stored_for(self, head: LogHead) -> tuple[Source, Key] | None:
        """The battery a stored log is for. A sealed one has ended, and stays when its key leaves the settings. One
        whose genesis was altered has no key and no record that can be believed: it stays listed,
        under the battery it came for, so that the audit is asked about it and its page says so."""
        battery, origin = self.settings.battery(head.battery), CLASS_ORIGINS.get(head.evidence_class)
        before = Source(battery, head.evidence_class) if battery and origin else None
        if not head.has_own_genesis:
            return (before, Key(b"", origin, b"", b"")) if before and origin else None
        key = genesis_key(head.genesis)
        source = before if head.is_sealed else self.source_of(key)
        return (source, key) if source else None

    # ---- refusals

    def _note_refusal(self, topic: str, log_id: bytes, log: TrustedLog | None, error: EvidenceError) -> None:
        at = (log_id or None, error.reason, error.detail, self._battery_named(topic, log))
        self.store.refusals.add(self.now_unix_ms(), topic, *at)

    def _battery_named(self, topic: str, log: TrustedLog | None) -> str:
        """Whose page shows a refusal: the battery of the log's key, else the one whose topic it came on."""
        source = self.source_of(log.key) if log else None
        return source.battery.id if source else (topic.split("/") + [""] * 3)[2]


def _oldest_first(heads: Sequence[LogHead]) -> list[LogHead]:
    """A log behind those that it goes on from, as they were received."""
    before = {
        head.log_id: previous.log_id
        for head in heads
        if head.has_own_genesis and (previous := genesis_key(head.genesis).previous)
    }

    def age(head: LogHead) -> int:
        log_id, steps = before.get(head.log_id), 0
        while log_id is not None and steps < len(heads):  # a circle cannot be signed, but stored bytes can be anything
            log_id, steps = before.get(log_id), steps + 1
        return steps

    return sorted(heads, key=age)


def _ends_at(log: TrustedLog, end: Previous) -> bool:
    return (log.size, log.edge.root()) == (end.size, end.root)


def _readable(records: Sequence[StoredRecord]) -> tuple[Entry, ...]:
    """Without what a version of other limits took: it counts as not present."""
    entries = []
    for record in records:
        with suppress(EvidenceError):
            entries.append(decode_entry(record.entry))
    return tuple(entries)
