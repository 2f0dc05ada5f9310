"""Takes what one board says: checks whose log it is, verifies, and hands good deliveries on (docs/link.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from packseal.apps.fresh import BoardNonce, Tell
from packseal.apps.own_log import Submit
from packseal.errors import EvidenceError, PackSealError, Reason
from packseal.io.board import BoardPort
from packseal.io.link import Hello
from packseal.io.outbox_store import OutboxStore, only_new
from packseal.io.session import (
    BoardSession,
    DeliveryArrived,
    Event,
    FrameRejected,
    FreshStateArrived,
    HelloArrived,
    StatusArrived,
    UpdateStateArrived,
)
from packseal.io.settings import BoardTable
from packseal.io.update_offer import UpdateOffer, UpdatePackage
from packseal.records.blinding import seed_digest
from packseal.records.cose import ED25519, ESP256, PUBLIC_KEY_BYTES, VerifyingKey
from packseal.records.entries import genesis_key, log_id_of
from packseal.records.fresh import FreshNotice, Step
from packseal.records.log import Delivery, TrustedLog, Verified
from packseal.records.merkle import Edge

CONNECTED = "connected"
REMIND_MS = 5_000  # a board takes a tenth of a second to verify a receipt; more often would only keep it busy


@dataclass(slots=True)
class BoardState:
    """What a person wants to know of one board; `problem` names the cure."""

    port: str = "not connected"
    problem: str = ""
    log_id: bytes = b""
    size: int = 0
    receipted_size: int = 0
    slots_missed: int = 0
    windows_lost: int = 0
    frames_refused: int = 0
    orders_refused: int = 0
    source_refused: int = 0
    config_refused: int = 0
    reopened: int = 0
    update: str = ""
    update_bytes: int = 0
    update_taken_bytes: int = 0
    update_failure: str = ""

    def counts(self) -> Mapping[int, int]:
        """As an attestation has them (docs/record.md section 5.8), since the gateway started."""
        return {4: self.frames_refused, 5: self.reopened}


class BoardCollector:
    def __init__(
        self, table: BoardTable, store: OutboxStore, submit: Submit, update: UpdatePackage | None = None
    ) -> None:
        """submit stores and sends; it raises a PackSealError where it cannot store. update: the board is offered it."""
        self.table = table
        self.state = BoardState()
        self._store = store
        self._submit = submit
        self._log: TrustedLog | None = None
        self._was_open = False
        self._refused_before = 0  # frames, in the sessions before this one
        self._begun_at: int | None = None  # where the log was taken up from the board's edge, until that is verified
        self._remind_after_ms = 0
        self._nonce = BoardNonce()
        self.offered = update
        self._offer = UpdateOffer(update) if update else None
        self._show_offer()
        self._port = BoardPort(table.port, table.baud, self.on_event, self._on_port_state)

    def start(self) -> None:
        self._port.start()

    def stop(self) -> None:
        self._port.stop()

    def send_receipt(self, log_id: bytes, receipt: bytes) -> None:
        if self._log and self.state.log_id == log_id:
            self._port.send_receipt(receipt)

    def offer(self, update: UpdatePackage | None) -> None:
        """From any thread: offered this from its next word on; None: nothing."""
        self.offered = update

    @property
    def silent_s(self) -> float:
        """Since the port's thread came round."""
        return self._port.beat.silent_s

    @property
    def battery(self) -> str:
        return self.table.battery

    def ask_fresh(self, log_id: bytes, nonce: bytes, tell: Tell) -> FreshNotice:
        """Asks the board for a checkpoint with this nonce (docs/link.md clause 20); from any thread."""
        log = self._log
        if self.state.port != CONNECTED or log is None:
            return FreshNotice(nonce, Step.AWAY)
        if log.log_id != log_id:
            return FreshNotice(nonce, Step.OTHER_LOG)
        self._nonce.asked(nonce, tell)
        self._port.send_fresh(nonce)
        return FreshNotice(nonce, Step.PASSED_ON)

    def _on_port_state(self, words: str) -> None:
        self.state.port = words
        if words == CONNECTED:
            self.state.reopened += self._was_open
            self._was_open, self._refused_before = True, self.state.frames_refused

    def on_event(self, session: BoardSession, event: Event, now_ms: int) -> None:
        """What the board on the port has said; called in the port's thread."""
        self.state.frames_refused = self._refused_before + session.frames_refused
        self._change_offer(now_ms)
        try:
            self._take(session, event, now_ms)
        except PackSealError as error:
            reason = error.reason if isinstance(error, EvidenceError) else "not-stored"
            self._refuse(session, f"board_{reason}", str(error), now_ms)

    def _take(self, session: BoardSession, event: Event, now_ms: int) -> None:
        if isinstance(event, HelloArrived):
            self._greet(session, event.hello, now_ms)
            if self._offer:
                self._offer.greeted(now_ms)
        elif isinstance(event, DeliveryArrived):
            self._receive(session, event.delivery)
        elif isinstance(event, StatusArrived):
            status = event.status
            self.state.slots_missed, self.state.windows_lost = status.slots_missed, status.windows_lost
            self.state.receipted_size, self.state.orders_refused = status.receipted_size, status.orders_refused
            self.state.source_refused, self.state.config_refused = status.source_refused, status.config_refused
            self._remind(session, status.receipted_size, now_ms)
            self._offer_update(session, now_ms)
            nonce = self._nonce.again()
            if nonce:
                session.send_fresh(nonce)
        elif isinstance(event, FreshStateArrived):
            self._nonce.heard(event.state)
        elif isinstance(event, UpdateStateArrived):
            if self._offer:
                self._offer.heard(event.state, now_ms)
            self._offer_update(session, now_ms)
        elif isinstance(event, FrameRejected):
            raise event.error

    def _greet(self, session: BoardSession, hello: Hello, now_ms: int) -> None:
        self._log = None
        session.forget()
        self._check_genesis(hello)
        log_id = log_id_of(hello.genesis)
        stored = self._store.log(log_id)
        log = stored.log if stored else TrustedLog(hello.genesis, hello.seed)
        if hello.size < log.size:
            words = f"the board has {hello.size} records of a log that had {log.size}: rolled back, or a copy of it"
            raise EvidenceError(Reason.FORK, words)
        self._begun_at = None
        if hello.oldest_seq > log.size:
            log = replace(log, edge=Edge(hello.oldest_seq, hello.edge_roots), boot=0, uptime_ms=0)
            self._begun_at = hello.oldest_seq
        self._log = log
        self.state.log_id, self.state.size, self.state.problem = log_id, log.size, ""
        session.resume(hello, log.size, now_ms)
        self._remind(session, hello.receipted_size, now_ms)

    def _receive(self, session: BoardSession, delivery: Delivery) -> None:
        if self._log is None:
            return
        verified = self._verified(self._log, delivery)
        is_live = session.is_newest(verified.log.size)
        self._submit(self.table.battery, delivery, verified, is_live=is_live, counts=self.state.counts())
        self._begun_at = None
        self._log = verified.log
        self.state.size, self.state.problem = verified.log.size, ""
        session.accepted(verified.log.size)

    def _check_genesis(self, hello: Hello) -> None:
        key = genesis_key(hello.genesis)
        if not self._is_ours(hello.genesis):
            cure = f'if it is yours, set public_key = "{key.public_key.hex()}" in gateway.toml'
            raise EvidenceError(Reason.UNKNOWN_LOG, f"a board with another key is on {self.table.port}; {cure}")
        if seed_digest(hello.seed) != key.seed_digest:
            words = "the board's disclosure seed is not the one that its log was opened with: its flash is damaged"
            raise EvidenceError(Reason.BAD_SEED, words)

    def _is_ours(self, genesis: bytes) -> bool:
        """Opened by the key of the settings, or by the last key of a log of ours that it goes on from."""
        key, previous = genesis_key(genesis), genesis_key(genesis).previous
        if key.public_key == self.table.public_key:
            return True
        stored = self._store.log(previous.log_id) if previous else None
        if stored is None or previous is None or not stored.log.is_sealed:
            return False
        log = stored.log
        goes_on = (log.size, log.edge.root(), log.keys[-1]) == (previous.size, previous.root, key.verifying_key)
        return goes_on and self._is_ours(log.genesis)

    def _verified(self, log: TrustedLog, delivery: Delivery) -> Verified:
        """Where we began in the middle of a log, its key may have been changed before: then by the settings' later one.

        The link has no way to ask a board for entries that it has freed, the KEY entry among them (docs/link.md
        section 6). The service, which has them, checks by the keys that it saw.
        """
        try:
            return log.verified(delivery, only_new(log))
        except EvidenceError as error:
            if error.reason is not Reason.BAD_SIGNATURE or self._begun_at is None:
                raise
            if self.table.signing_key is None:
                raise EvidenceError(error.reason, self._no_signing_key(self._begun_at)) from None
        later = replace(log, rotations=(*log.rotations, (self._begun_at, _verifying_key(self.table.signing_key))))
        return later.verified(delivery, only_new(later))

    def _no_signing_key(self, begun_at: int) -> str:
        words = (
            f"this gateway has seen no record of the log below {begun_at}, and what follows is not signed by the key"
        )
        cure = "bring back the outbox of the gateway before it, or set signing_key to the key that the passport shows"
        return f"{words} that opened it. If the board has changed its key: {cure} for it"

    def _remind(self, session: BoardSession, receipted_size: int, now_ms: int) -> None:
        """Sends the newest receipt again to a board that has not taken it.

        The disk is asked only where there can be one, and now and then: thousands of boards say each second how far
        they have theirs.
        """
        if self._log is None or receipted_size >= self._log.size or now_ms < self._remind_after_ms:
            return
        self._remind_after_ms = now_ms + REMIND_MS
        stored = self._store.log(self._log.log_id)
        if stored and stored.receipt and stored.receipted_size > receipted_size:
            session.send_receipt(stored.receipt)

    def _change_offer(self, now_ms: int) -> None:
        """Takes up what `offer` was given."""
        update = self.offered
        if update is (self._offer.package if self._offer else None):
            return
        self._offer = UpdateOffer(update) if update else None
        self.state.update, self.state.update_failure = "", ""
        self.state.update_bytes = self.state.update_taken_bytes = 0
        if self._offer and self._log:
            self._offer.greeted(now_ms)
        self._show_offer()

    def _offer_update(self, session: BoardSession, now_ms: int) -> None:
        """To the board that is ours, once a second and whenever it wants the next piece."""
        piece = self._offer.due(now_ms) if self._offer and self._log else None
        if piece:
            session.send_update(*piece)
        self._show_offer()

    def _show_offer(self) -> None:
        offer, state = self._offer, self.state
        if offer is None:
            return
        if offer.failure and not state.update_failure:
            self._count(f"update_{offer.failure}")
        state.update, state.update_failure = offer.words, offer.failure
        state.update_bytes, state.update_taken_bytes = len(offer.package.content), offer.taken_bytes

    def _refuse(self, session: BoardSession, name: str, words: str, now_ms: int) -> None:
        self.state.problem = words
        session.rejected(now_ms)
        self._count(name)

    def _count(self, name: str) -> None:
        try:
            self._store.count(name)
        except PackSealError as error:  # a full disk refuses the count as well; the problem stays shown
            self.state.problem = str(error)


def _verifying_key(public_key: bytes) -> VerifyingKey:
    return VerifyingKey(public_key, ESP256 if len(public_key) == PUBLIC_KEY_BYTES[ESP256] else ED25519)
