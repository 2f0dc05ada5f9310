"""A gateway's outbox with its limits, without a broker: boards and logs of its own hand over, and receipts come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from packseal.apps.attesting import Attestor
from packseal.apps.outgoing import Outgoing
from packseal.errors import UnavailableError
from packseal.io.keys import Signer
from packseal.io.mqtt import BrokerAddress, MQTTConnection
from packseal.io.outbox_store import OutboxStore, only_new
from packseal.outbox import Item, Limits
from packseal.records.answer import encode_receipt_answer
from packseal.records.attestation import Clock, verify_attestation
from packseal.records.bodies import Origin
from packseal.records.checkpoint import Receipt, sign_receipt
from packseal.records.cose import VerifyingKey
from packseal.records.emptied import is_emptied
from packseal.records.entries import Entry, decode_entry
from packseal.records.log import Delivery, TrustedLog, Verified
from packseal.records.merkle import Edge
from tests.passport.board import Board, key_of, running_board

SERVICE, GATEWAY = Signer(key_of("service")), Signer(key_of("gateway"))
NOW_UNIX_MS = 1_790_000_000_000
ATTESTOR = Attestor(GATEWAY, bytes(32), lambda _now: (Clock.DISCIPLINED, 12))


@cache
def _nowhere() -> MQTTConnection:
    """A connection that was never opened: what is sent is not asked here."""
    return MQTTConnection(BrokerAddress("127.0.0.1", 9), "nobody", [], lambda _topic, _content: None, lambda _is: None)


@dataclass
class Site:
    """given: how far the outbox has taken each log; receipted: up to where receipts came."""

    folder: Path
    limits: Limits
    given: dict[bytes, TrustedLog] = field(default_factory=dict)
    receipted: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        self.store = OutboxStore(self.folder / "outbox.db")
        self.outgoing = Outgoing(
            self.store, SERVICE.public_key, _nowhere(), "packseal/site", lambda _receipt, _content: None,
            self.limits, ATTESTOR.emptied,
        )  # fmt: skip

    def reopen(self) -> None:
        self.store.close()
        self.open()

    def log(self, board: Board) -> TrustedLog:
        return self.given.get(board.log_id) or TrustedLog(board.genesis, board.seed)

    def give(self, board: Board) -> bool:
        """All that the board has new; False where it has to keep it."""
        log = self.log(board)
        delivery = board.delivery(log.size)
        verified = log.verified(delivery, only_new(log))
        attested = ATTESTOR.attested(delivery, verified, NOW_UNIX_MS, {1: 5})
        try:
            self.outgoing.keep(board.name, attested, verified, NOW_UNIX_MS)
        except UnavailableError:
            return False
        self.given[board.log_id] = verified.log
        return True

    def receipt(self, board: Board, size: int) -> None:
        receipt = Receipt(board.log_id, size, board.root(size), size, NOW_UNIX_MS, bytes(16))
        content = sign_receipt(receipt, SERVICE, SERVICE.public_key)
        self.outgoing.take_answers([encode_receipt_answer(board.log_id, content)])
        self.receipted[board.log_id] = max(size, self.receipted.get(board.log_id, 0))

    def items(self, board: Board) -> list[Item]:
        return [item for item in self.store.waiting() if item.log_id == board.log_id]

    def verified(self, board: Board) -> list[Verified]:
        """What a service that has all up to the last receipt makes of what waits; each delivery must hold."""
        start = self.receipted.get(board.log_id, 0)
        last = decode_entry(board.entries[start - 1]) if start else Entry(6, 0, 0, 0, None)
        edge = Edge().extended(board.leaves[:start])
        log = TrustedLog(board.genesis, board.seed, edge, last.boot, last.uptime_ms)
        found = []
        for item in self.items(board):
            delivery = Delivery.from_bytes(self.store.content(item)[1])
            word = verify_attestation(delivery.attestation or b"", VerifyingKey(GATEWAY.public_key))
            verified = log.verified(delivery, only_new(log), word.emptied)
            assert (word.size, word.root, word.counts[1]) == (verified.log.size, verified.log.edge.root(), 5)
            found.append(verified)
            log = verified.log
        return found

    def contents(self, board: Board) -> list[bytes]:
        return [content for verified in self.verified(board) for content in verified.contents]


def own_log(name: str = "bus", windows: int = 0) -> Board:
    """A log that the gateway signs itself."""
    return running_board(windows, name=name, origin=Origin.GATEWAY)


def checked(site: Site, boards: Iterable[Board]) -> int:
    """That nothing is gone but values of windows, and these are counted. -> how many those are"""
    emptied = 0
    for board in boards:
        start, end = site.receipted.get(board.log_id, 0), site.log(board).size
        contents = site.contents(board)
        assert len(contents) == end - start
        for content, original in zip(contents, board.entries[start:end], strict=True):
            assert content == original or (is_emptied(content) and original[1] == content[1])
        lost = sum(map(is_emptied, contents))
        assert lost == sum(item.emptied for item in site.items(board))
        emptied += lost
    assert site.outgoing.depth().emptied == emptied
    return emptied


def roomy(max_bytes: int = 1 << 40, **changed: int) -> Limits:
    """Whatever the machine's disk has."""
    return replace(Limits(max_bytes), **changed)
