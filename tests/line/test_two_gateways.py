"""One board's log, drained by a gateway that is killed, restarted and replaced by another, which knows nothing of it.

The board is the real firmware. The oracle is the passport service's store: every record once, in order, none missing.
"""

from __future__ import annotations

import random
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from packseal.errors import EvidenceError, Reason
from packseal.io.keys import load_or_make_key
from packseal.records.answer import ReceiptAnswer, RefusalAnswer, decode_answer
from packseal.records.attestation import verify_attestation
from packseal.records.blinding import leaf_of
from packseal.records.bodies import EntryType
from packseal.records.checkpoint import verify_receipt
from packseal.records.cose import ED25519, VerifyingKey
from packseal.records.entries import decode_entry
from packseal.records.log import Delivery
from packseal.records.merkle import Edge
from tests.line.conftest import needs_micropython
from tests.line.rig import PACKSEAL, Process, Rig

KILLS = 6
MAX_PAUSE_S = 0.8  # some kills find a gateway that has hardly started, some one in the middle of its work


class TwoGateways(Rig):
    """The rig's gateway, and a second one with an outbox and a key of its own. One at a time holds the port."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.other_key = load_or_make_key(folder / "other.key").public_key
        self.other = Process([PACKSEAL, "gateway", "run", str(folder / "other.toml")], folder / "other.log")

    def write_configuration(self, board_key: bytes) -> None:
        super().write_configuration(board_key)
        with (self.folder / "passport.toml").open("a") as passport:
            passport.write(f'[[authority]]\nrole = "gateway"\npublic_key = "{self.other_key.hex()}"\n')
        settings = (self.folder / "gateway.toml").read_text()
        settings = settings.replace('outbox = "outbox.db"', 'outbox = "other.db"\nkey = "other.key"')
        (self.folder / "other.toml").write_text(settings)

    def stop(self) -> None:
        self.other.kill()
        super().stop()

    def waiting_in(self, outbox: str) -> int:
        """Deliveries that a gateway has taken over from the board and not got rid of."""
        with closing(sqlite3.connect(f"file:{self.folder / outbox}?mode=ro", uri=True)) as database:
            (count,) = database.execute("SELECT count(*) FROM deliveries").fetchone()
        return int(count)


@pytest.fixture
def rig(tmp_path: Path) -> TwoGateways:
    needs_micropython()
    return TwoGateways(tmp_path)


def test_one_log_through_kills_restarts_and_another_gateway(rig: TwoGateways) -> None:
    chance = random.Random("two gateways")
    try:
        rig.start()
        rig.next_message("receipt")
        _kill_again_and_again(rig, rig.gateway, chance)
        taken_size = _die_with_records_that_nobody_else_has(rig)
        rig.other.start()
        rig.wait_for(lambda: rig.stored_size() >= taken_size, "what the first gateway took with it")
        _kill_again_and_again(rig, rig.other, chance)
        rig.other.kill()
        size_before = rig.stored_size()
        rig.gateway.start()  # back from the repair, with its outbox
        rig.wait_for(lambda: not rig.waiting_in("outbox.db"), "receipts for what the first gateway had kept")
        rig.wait_for(lambda: rig.stored_size() > size_before, "a record through the first gateway again")
    finally:
        rig.stop()
    _check(rig)


def _kill_again_and_again(rig: TwoGateways, gateway: Process, chance: random.Random) -> None:
    for _ in range(KILLS):
        threading.Event().wait(chance.random() * MAX_PAUSE_S)
        gateway.kill()
        gateway.start()
    size_before = rig.stored_size()
    rig.wait_for(lambda: rig.stored_size() > size_before, "a record after the last kill")


def _die_with_records_that_nobody_else_has(rig: TwoGateways) -> int:
    """The first gateway takes records from the board while the broker is away, and is killed. -> how far it had come"""
    rig.broker.kill()
    # the service may still be storing what it had been sent; what is taken after this was never sent
    sent_size = max(_taken_size(rig), rig.stored_size())
    rig.wait_for(lambda: _taken_size(rig) > sent_size, "records taken without a broker")
    rig.gateway.kill()
    size = _taken_size(rig)
    assert rig.stored_size() < size
    rig.broker.start()
    return size


def _taken_size(rig: TwoGateways) -> int:
    """Of the log, as far as the first gateway keeps it."""
    with closing(sqlite3.connect(rig.folder / "outbox.db")) as database:
        (size,) = database.execute("SELECT max(size) FROM deliveries").fetchone()
    return int(size or 0)


def _check(rig: TwoGateways) -> None:
    """Complete, no doubles, and every receipt that was ever given holds for what is stored now."""
    stored = rig.stored_records()  # each once, in order, none missing: checked there
    entries = [decode_entry(content) for content in stored]
    assert not [entry.seq for entry in entries if entry.type == EntryType.GAP], "the board never had to drop a window"
    assert [entry.boot for entry in entries] == [1] * len(entries)
    deliveries = [Delivery.from_bytes(message.payload) for message in rig.heard if message.kind == "rec"]
    for delivery in deliveries:
        known = stored[delivery.first_seq : delivery.first_seq + len(delivery.entries)]
        assert list(delivery.entries[: len(known)]) == known
    answers = [decode_answer(message.payload) for message in rig.heard if message.kind == "receipt"]
    refusals = {answer.reason for answer in answers if isinstance(answer, RefusalAnswer)}
    assert refusals <= {Reason.MISSING_ENTRIES}  # what a kill left out of order is sent again
    receipts = [verify_receipt(a.receipt, rig.service_key) for a in answers if isinstance(a, ReceiptAnswer)]
    leaves = [leaf_of(content, deliveries[0].seed)[1] for content in stored]
    edge, roots = Edge(), {}
    for leaf in leaves:
        edge = edge.extended([leaf])
        roots[edge.size] = edge.root()
    assert receipts
    assert [receipt.root for receipt in receipts] == [roots[receipt.size] for receipt in receipts]
    assert {key: any(_is_by(delivery, key) for delivery in deliveries) for key in (rig.gateway_key, rig.other_key)} == {
        rig.gateway_key: True,
        rig.other_key: True,
    }


def _is_by(delivery: Delivery, gateway_key: bytes) -> bool:
    try:
        verify_attestation(delivery.attestation or b"", VerifyingKey(gateway_key, ED25519))
    except EvidenceError:
        return False
    return True
