"""Receiving deliveries: verified one by one, stored in groups, answered with signed receipts or with what is wrong.

Idempotent: what comes twice, late or out of order is answered with the receipt for its size, or with what is missing.
Several workers may do so on one store: who was overtaken by another looks again, and who has something that goes on
from what another worker still has may be told so (EarlyError) instead of refusing it. A delivery that cannot be stored
costs the others of its group nothing: the group is halved until it stands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from packseal.apps.key_acts import KeyActs
from packseal.apps.opinions import Opinions
from packseal.apps.passport_states import PassportStates
from packseal.apps.stored_deliveries import Source, StoredDeliveries
from packseal.errors import EvidenceError, Reason, UnavailableError
from packseal.io.passport_rows import Batch, Incoming, OvertakenError
from packseal.io.passport_storing import PassportStoring
from packseal.passport.fold import Delivered
from packseal.passport.settings import BatterySettings
from packseal.records.acts import Noted
from packseal.records.answer import encode_receipt_answer, encode_refusal_answer
from packseal.records.attestation import Attestation, attestation_digest, verify_attestation
from packseal.records.bodies import EntryType, Key, Previous
from packseal.records.checkpoint import SALT_BYTES, Receipt, sign_receipt
from packseal.records.cose import Sign, unverified_kid
from packseal.records.emptied import Emptied, is_emptied
from packseal.records.entries import genesis_key
from packseal.records.log import Delivery, TrustedLog, Verified

TRIES = 8  # of what other workers were quicker with
MAX_SPLITS = 32  # of a group that could not be stored; 8 find one delivery among 256
Answer: TypeAlias = bytes | UnavailableError  # this one was not stored, and its sender tries again


class EarlyError(UnavailableError):
    """What a delivery goes on from is not in the store: it may be on its way through another worker.

    log_id, size: what has to be stored first.
    """

    def __init__(self, log_id: bytes, size: int) -> None:
        super().__init__(f"log {log_id.hex()} has not arrived up to {size}")
        self.log_id, self.size = log_id, size


@dataclass(slots=True)
class Waiting:
    """A delivery at its place among those that came together. subjects: its logs and battery; deliveries that share
    one are stored one after the other. is_patient: whoever brought it waits for what it goes on from."""

    place: int
    topic: str
    delivery: Delivery
    subjects: frozenset[bytes | str]
    is_patient: bool
    incoming: Incoming | None = None


class Receiver:
    """Not safe for threads: the service calls it one at a time."""

    def __init__(
        self,
        battery: Callable[[str], BatterySettings | None],
        store: PassportStoring,
        acts: KeyActs,
        states: PassportStates,
        opinions: Opinions,
        deliveries: StoredDeliveries,
        source_of: Callable[[Key], Source | None],
        sign: Sign,
        public_key: bytes,
        now_unix_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._battery, self.store, self.acts = battery, store, acts
        self._states, self._opinions, self._deliveries, self._source_of = states, opinions, deliveries, source_of
        self._sign, self._public_key = sign, public_key
        self._now_unix_ms, self._random_bytes = now_unix_ms, random_bytes

    def receive_many(self, came: Sequence[tuple[str, bytes]], *, is_patient: bool = False) -> list[Answer]:
        """Topics and payloads -> answers, in their order; EarlyError is among them only where is_patient. Raises
        UnavailableError while the service's key is revoked."""
        self.acts.check_own_key()
        answers: dict[int, Answer] = {}
        waiting: list[Waiting] = []
        for place, (topic, payload) in enumerate(came):
            try:
                delivery = Delivery.from_bytes(payload)
            except EvidenceError as error:
                answers[place] = self._refused(topic, b"", error)
            else:
                waiting.append(Waiting(place, topic, delivery, self._subjects(delivery), is_patient))
        while waiting:
            group, waiting = _divided(waiting)
            answers |= self._stored(self._still_waiting(group, answers))
        return [answers[place] for place in range(len(came))]

    # ---- storing

    def _stored(self, group: list[Waiting]) -> dict[int, Answer]:
        """Answers by place. What fails together is tried in halves, as long as the store answers at all."""
        answers: dict[int, Answer] = {}
        parts, splits = [group], 0
        while parts:
            part = parts.pop()
            answers |= self._stored_together(part)
            failed = [one for one in part if _has_failed(answers[one.place])]
            if len(failed) > 1 and splits < MAX_SPLITS and self._store_answers():
                splits += 1
                middle = len(failed) // 2
                parts += [self._still_waiting(half, answers) for half in (failed[middle:], failed[:middle])]
        return answers

    def _stored_together(self, group: list[Waiting]) -> dict[int, Answer]:
        """Answers by place. An error leaves nothing stored, and nothing of it at hand."""
        answers: dict[int, Answer] = {}
        for _ in range(TRIES):
            incoming = [one.incoming for one in group if one.incoming]
            if not incoming:
                break
            try:
                batch = Batch(incoming, self.acts.signed_note, self._now_unix_ms(), self.acts.seen)
                kept = self.store.store_many(batch)
            except BaseException as error:
                for one in incoming:
                    self._states.forget(one.battery)
                if not isinstance(error, Exception):
                    raise
                answers |= {waiting.place: _unavailable(error) for waiting in group}
                if not isinstance(error, OvertakenError):
                    break
                group = self._looked_again(group, answers)
            else:
                self.acts.seen = kept.log_size
                for waiting, receipt in zip(group, kept.receipts, strict=True):
                    answers[waiting.place] = encode_receipt_answer(waiting.delivery.log_id, receipt)
                self._bring_up(incoming)
                break
        return answers

    def _store_answers(self) -> bool:
        with suppress(UnavailableError):
            return self.store.log.size() >= 0
        return False

    def _looked_again(self, group: list[Waiting], answers: dict[int, Answer]) -> list[Waiting]:
        """Those that are still to be stored, by what others have stored; the others have their answers."""
        self.acts.refresh()
        return self._still_waiting(group, answers)

    def _still_waiting(self, group: list[Waiting], answers: dict[int, Answer]) -> list[Waiting]:
        """Those that are verified and wait to be stored; the others have their answers."""
        waiting = []
        for one in group:
            answer = self._prepared(one)
            if answer is None:
                waiting.append(one)
            else:
                answers[one.place] = answer
        return waiting

    def _bring_up(self, stored: Sequence[Incoming]) -> None:
        for one in stored:
            battery = self._battery(one.battery)
            if battery:
                self._opinions.grown(battery, one.verified)

    # ---- verifying

    def _subjects(self, delivery: Delivery) -> frozenset[bytes | str]:
        try:
            key = genesis_key(delivery.genesis)
        except EvidenceError:
            return frozenset((delivery.log_id,))
        source = self._source_of(key)
        found: list[bytes | str] = [delivery.log_id]
        found += [key.previous.log_id] if key.previous else []
        found += [source.battery.id] if source else []
        return frozenset(found)

    def _prepared(self, one: Waiting) -> Answer | None:
        """None: it is verified and waits to be stored; else it is answered already."""
        one.incoming = None
        log_id = one.delivery.log_id
        try:
            try:
                receipt = self._verified(one)
            except EvidenceError as error:
                return self._refused(one.topic, log_id, error)
        except Exception as error:  # what nobody thought of must cost no other delivery its answer
            return _unavailable(error)
        return encode_receipt_answer(log_id, receipt) if receipt else None

    def _verified(self, one: Waiting) -> bytes | None:
        """The receipt that was given for it before; None: `incoming` is ready. Raises EvidenceError,
        UnavailableError."""
        delivery = one.delivery
        source = self._trusted_source(delivery)
        log = self.store.trusted_log(delivery.log_id) or TrustedLog(delivery.genesis, delivery.seed)
        try:
            verified = log.verified(delivery, self.store.known(delivery.log_id), self._told(delivery))
        except EvidenceError as error:
            if one.is_patient and error.reason is Reason.MISSING_ENTRIES and delivery.first_seq > log.size:
                raise EarlyError(log.log_id, delivery.first_seq) from None  # its checkpoint is verified by then
            raise
        known = None if verified.contents else self.store.receipt(delivery.log_id, verified.checkpoint.size)
        if known:
            return known
        self._check_revoked(verified.log)
        self._check_ends(verified, is_patient=one.is_patient)
        attestation = self._checked_attestation(one.topic, delivery, verified)
        if attestation is None and any(map(is_emptied, delivery.entries)):
            words = "it lacks values of windows, and the gateway that says so speaks of another delivery"
            raise EvidenceError(Reason.MISSING_ENTRIES, words)
        one.incoming = self._incoming(source, delivery, verified, attestation)
        return None

    def _incoming(self, source: Source, delivery: Delivery, verified: Verified, attestation: bytes | None) -> Incoming:
        log, signed = verified.log, verified.checkpoint
        salt = self._random_bytes(SALT_BYTES)
        digest = attestation_digest(attestation) if attestation else None

        def receipt(index: int, received_unix_ms: int) -> bytes:
            head = (signed.log_id, signed.size, signed.root, index, received_unix_ms)
            return sign_receipt(Receipt(*head, salt, digest), self._sign, self._public_key)

        def delivered(received_unix_ms: int) -> Delivered:
            at = (verified.first_seq, log.size, verified.entries, signed.uptime_ms, received_unix_ms)
            emptied = sum(map(is_emptied, verified.contents))
            return Delivered(log.log_id, source.evidence_class, log.key, *at, good_times, emptied)

        good_times = self._deliveries.good_times(log.log_id, verified.entries)
        noted = [
            self.acts.own_act(Noted(source.battery.id, log.log_id, entry.seq, verified.leaf(entry.seq)))
            for entry in verified.entries
            if entry.type in (EntryType.KEY, EntryType.SEAL)
        ]
        passport = self._states.update(source.battery, verified, delivered) if verified.contents else None
        belongs = (source.battery.id, source.evidence_class, delivery.checkpoint, attestation)
        return Incoming(verified, *belongs, receipt, noted, passport)

    def _trusted_source(self, delivery: Delivery) -> Source:
        key = genesis_key(delivery.genesis)
        source = self._source_of(key)
        if source is None and self.acts.refresh():
            source = self._source_of(key)
        if source is None:
            raise EvidenceError(Reason.UNKNOWN_LOG, self._words_for_unknown(key))
        return source

    def _words_for_unknown(self, key: Key) -> str:
        name, origin = f"key {key.public_key.hex()[:16]}", key.origin.name.lower()
        binding = self.acts.keyring.bound.get(key.public_key)
        if binding and not binding.is_stated and self._battery(binding.battery) is None:
            words = "which has no passport here; create it, or name it in passport.toml"
            return f"{name} is bound to battery {binding.battery!r}, {words}"
        if key.previous and self.store.trusted_log(key.previous.log_id):
            return f"{name} opened this log after another one was sealed; enrol it and bind it to its battery"
        return f"{name} is not enrolled for any battery, or not for a log from a {origin}"

    def _check_revoked(self, log: TrustedLog) -> None:
        for key in log.keys:
            index = self.acts.keyring.revoked.get(key.public_key)
            if index is not None:
                words = f"key {key.public_key.hex()[:16]} was revoked at index {index} of the passport log"
                raise EvidenceError(Reason.KEY_REVOKED, words)

    def _check_ends(self, verified: Verified, *, is_patient: bool) -> None:
        """A log that says from which one it goes on does so at the end of that one, whichever of the two came first."""
        log = verified.log
        previous = None if verified.first_seq else log.key.previous
        before = self.store.trusted_log(previous.log_id) if previous else None
        if before and previous and not (before.is_sealed and _ends_at(before, previous)):
            if is_patient and before.size < previous.size:
                raise EarlyError(previous.log_id, previous.size)
            raise EvidenceError(Reason.FORK, f"log {previous.log_id.hex()}, from which it goes on, does not end there")
        end = self.store.end_of(log.log_id)
        if end and (log.size > end.size or ((log.is_sealed or log.size == end.size) and not _ends_at(log, end))):
            raise EvidenceError(Reason.FORK, f"a later log goes on from this one, and says that it ends at {end.size}")

    def _told(self, delivery: Delivery) -> Emptied | None:
        """Of which windows a gateway that is known here says that it gave up their values."""
        if delivery.attestation is not None and any(map(is_emptied, delivery.entries)):
            with suppress(EvidenceError):
                return self._attested(delivery.attestation).emptied
        return None

    def _attested(self, content: bytes) -> Attestation:
        """Raises EvidenceError."""
        key = self.acts.keyring.gateway(unverified_kid(content))
        if key is None:
            raise EvidenceError(Reason.UNKNOWN_GATEWAY, "the attestation is by a gateway that is not enrolled here")
        return verify_attestation(content, key)

    def _checked_attestation(self, topic: str, delivery: Delivery, verified: Verified) -> bytes | None:
        """The gateway's word where it is one that is known here; else it is left out, counted and shown."""
        content = delivery.attestation
        if content is None:
            return None
        try:
            attested, checkpoint = self._attested(content), verified.checkpoint
            ends = (attested.log_id, attested.size, attested.root)
            if ends != (checkpoint.log_id, checkpoint.size, checkpoint.root):
                raise EvidenceError(Reason.RECEIPT_MISMATCH, "the attestation is of another log, size or root")
        except EvidenceError as error:
            self._note_refusal(topic, delivery.log_id, verified.log, error)
            return None
        return content

    # ---- refusals

    def _refused(self, topic: str, log_id: bytes, error: EvidenceError) -> Answer:
        try:
            log = self.store.trusted_log(log_id)
            self._note_refusal(topic, log_id, log, error)
        except UnavailableError as unavailable:
            return unavailable
        return encode_refusal_answer(log_id, log.size if log else 0, error.reason, error.detail)

    def _note_refusal(self, topic: str, log_id: bytes, log: TrustedLog | None, error: EvidenceError) -> None:
        at = (log_id or None, error.reason, error.detail, self._battery_named(topic, log))
        self.store.refusals.add(self._now_unix_ms(), topic, *at)

    def _battery_named(self, topic: str, log: TrustedLog | None) -> str:
        """Whose page shows a refusal: the battery of the log's key, else the one whose topic it came on."""
        source = self._source_of(log.key) if log else None
        return source.battery.id if source else (topic.split("/") + [""] * 3)[2]


def _ends_at(log: TrustedLog, end: Previous) -> bool:
    return (log.size, log.edge.root()) == (end.size, end.root)


def _divided(waiting: list[Waiting]) -> tuple[list[Waiting], list[Waiting]]:
    """The first of everything: no two that share a subject, and none before one that it shares a subject with."""
    group, later = list[Waiting](), list[Waiting]()
    taken: set[bytes | str] = set()
    for one in waiting:
        (later if one.subjects & taken else group).append(one)
        taken |= one.subjects
    return group, later


def _has_failed(answer: Answer) -> bool:
    """By itself or for another of its group: not for what other workers or other deliveries have yet to do."""
    return isinstance(answer, UnavailableError) and not isinstance(answer, OvertakenError | EarlyError)


def _unavailable(error: Exception) -> UnavailableError:
    if isinstance(error, UnavailableError):
        return error
    fault = UnavailableError(f"a fault of packseal's own: {error!r}")
    fault.__cause__ = error
    return fault
