"""Takes what one board says: checks whose log it is, verifies, and hands good deliveries on (docs/link.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from packseal.errors import EvidenceError, PackSealError, Reason
from packseal.io.board import BoardPort
from packseal.io.link import Hello
from packseal.io.outbox_store import OutboxStore, only_new
from packseal.io.session import BoardSession, DeliveryArrived, Event, FrameRejected, HelloArrived, StatusArrived
from packseal.io.settings import BoardTable
from packseal.records.entries import genesis_key, log_id_of
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


class BoardCollector:
    def __init__(
        self,
        table: BoardTable,
        store: OutboxStore,
        on_verified: Callable[[str, Delivery, Verified, bool], None],
    ) -> None:
        """on_verified stores and sends; it raises a PackSealError where it cannot store.

        Its last argument says whether these are the newest records of the board, and not some of a backlog.
        """
        self.table = table
        self.state = BoardState()
        self._store = store
        self._on_verified = on_verified
        self._log: TrustedLog | None = None
        self._remind_after_ms = 0
        self._port = BoardPort(table.port, table.baud, self._on_event, self._on_port_state)

    def start(self) -> None:
        self._port.start()

    def stop(self) -> None:
        self._port.stop()

    def send_receipt(self, log_id: bytes, receipt: bytes) -> None:
        if self._log and self._log.log_id == log_id:
            self._port.send_receipt(receipt)

    def _on_port_state(self, words: str) -> None:
        self.state.port = words

    def _on_event(self, session: BoardSession, event: Event, now_ms: int) -> None:
        self.state.frames_refused = session.frames_refused
        try:
            self._take(session, event, now_ms)
        except PackSealError as error:
            reason = error.reason if isinstance(error, EvidenceError) else "not-stored"
            self._refuse(session, f"board_{reason}", str(error), now_ms)

    def _take(self, session: BoardSession, event: Event, now_ms: int) -> None:
        if isinstance(event, HelloArrived):
            self._greet(session, event.hello, now_ms)
        elif isinstance(event, DeliveryArrived):
            self._receive(session, event.delivery)
        elif isinstance(event, StatusArrived):
            status = event.status
            self.state.slots_missed, self.state.windows_lost = status.slots_missed, status.windows_lost
            self.state.receipted_size = status.receipted_size
            self._remind(session, status.receipted_size, now_ms)
        elif isinstance(event, FrameRejected):
            raise event.error

    def _greet(self, session: BoardSession, hello: Hello, now_ms: int) -> None:
        self._log = None
        session.forget()
        key = genesis_key(hello.genesis)
        if key.public_key != self.table.public_key:
            cure = f'if it is yours, set public_key = "{key.public_key.hex()}" in gateway.toml'
            raise EvidenceError(Reason.UNKNOWN_LOG, f"a board with another key is on {self.table.port}; {cure}")
        log_id = log_id_of(hello.genesis)
        stored = self._store.log(log_id)
        log = stored.log if stored else TrustedLog(hello.genesis)
        if hello.size < log.size:
            words = f"the board has {hello.size} records of a log that had {log.size}: rolled back, or a copy of it"
            raise EvidenceError(Reason.FORK, words)
        if hello.oldest_seq > log.size:
            log = TrustedLog(hello.genesis, Edge(hello.oldest_seq, hello.edge_roots))
        self._log = log
        self.state.log_id, self.state.size, self.state.problem = log_id, log.size, ""
        session.resume(hello, log.size, now_ms)
        self._remind(session, hello.receipted_size, now_ms)

    def _receive(self, session: BoardSession, delivery: Delivery) -> None:
        if self._log is None:
            return
        verified = self._log.verified(delivery, only_new(self._log))
        self._on_verified(self.table.battery, delivery, verified, session.is_newest(verified.log.size))
        self._log = verified.log
        self.state.size, self.state.problem = verified.log.size, ""
        session.accepted(verified.log.size)

    def _remind(self, session: BoardSession, receipted_size: int, now_ms: int) -> None:
        """Sends the newest receipt again to a board that has not taken it."""
        stored = self._store.log(self._log.log_id) if self._log else None
        is_behind = stored is not None and stored.receipted_size > receipted_size
        if stored and stored.receipt and is_behind and now_ms >= self._remind_after_ms:
            self._remind_after_ms = now_ms + REMIND_MS
            session.send_receipt(stored.receipt)

    def _refuse(self, session: BoardSession, name: str, words: str, now_ms: int) -> None:
        self.state.problem = words
        session.rejected(now_ms)
        self._count(name)

    def _count(self, name: str) -> None:
        try:
            self._store.count(name)
        except PackSealError as error:  # a full disk refuses the count as well; the problem stays shown
            self.state.problem = str(error)
