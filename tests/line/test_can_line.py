"""Evidence over CAN from the real firmware to receipts, enrolment and orders over CAN, and a serial line beside it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import can
import pytest

from logger.core.isotp import Receiver, Sender
from logger.core.link import ASK, CHECKPOINT, ENTRY, HELLO, STATUS, WANT, decode_message, encode_message
from packseal.apps.authority import Signatory, order_for
from packseal.apps.demo import board_config
from packseal.io.can_line import CanPort
from packseal.io.enrol import give_order, hello_of, possession_of
from packseal.io.keys import Signer
from packseal.records.acts import POSSESSION_PURPOSE
from packseal.records.bodies import Seal
from packseal.records.cbor import decode, encode
from packseal.records.cose import ED25519, verify1
from packseal.records.entries import genesis_key
from tests.line.can_board import ADDRESS, CanBoard
from tests.line.conftest import needs_micropython
from tests.line.rig import Rig
from tests.passport.board import key_of
from tests.waiting import until

NONCE = bytes(range(16))
OPERATOR = Signatory(Signer(key_of("operator")), 1_797_000_000_000)


class CanRig(Rig):
    """The rig, its gateway on the board's CAN bus."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.board.stop()
        self.board = self.can_board = CanBoard(folder / "board", self.board_config)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[CanRig]:
    needs_micropython()
    made = CanRig(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def board(tmp_path: Path) -> Iterator[CanBoard]:
    needs_micropython()
    operator_key = OPERATOR.signer.public_key.hex()
    made = CanBoard(tmp_path / "board", board_config(bytes(32)) | {"operator_public_key": operator_key})
    made.start()
    yield made
    made.stop()


def test_evidence_reaches_receipts_over_can(rig: CanRig) -> None:
    """Receipts reach the board as well: its HELLO on the serial line, which nobody has used so far, says so."""
    for _ in range(3):
        rig.next_message("receipt")
    rig.wait_for(lambda: hello_of(rig.can_board.serial).receipted_size > 3, "a receipt kept by the board")
    assert len(rig.stored_records()) > 10, "each once, in order, none missing"


def test_a_board_is_enrolled_and_ordered_over_can(board: CanBoard) -> None:
    hello, possession = possession_of(board.port, NONCE, is_running=board.is_running)
    key = genesis_key(hello.genesis)
    assert decode(verify1(possession, POSSESSION_PURPOSE, key.verifying_key)) == [1, ED25519, key.public_key, NONCE]
    sealed = give_order(board.port, lambda hello: order_for(OPERATOR, hello, "seal", 2, None))
    assert isinstance(sealed.body, Seal)


class Peer:
    """A gateway's end of ISO-TP on the bus itself, which also sees what else the board says there."""

    def __init__(self, bus: can.BusABC, port: CanPort) -> None:
        self.frames, self.live = 0, Counter[int]()
        self.kinds: Counter[int] = Counter()
        self._bus, self._ids = bus, port.ids
        self._sender, self._receiver = Sender(), Receiver(0, 0)

    def say(self, *messages: bytes) -> None:
        for message in messages:
            self._sender.send(message)
            until(lambda: not self._sender.is_busy, meanwhile=self.turn)

    def turn(self) -> None:
        """Until nothing comes any more for a moment."""
        self._put()
        while (message := self._bus.recv(0.002)) is not None:
            self._hear(message.arbitration_id, bytes(message.data))
            self._put()

    def _hear(self, identifier: int, data: bytes) -> None:
        if identifier != self._ids[1]:
            self.live[identifier] += 1
            return
        self.frames += 1
        now_ms = time.monotonic_ns() // 1_000_000
        self._sender.take(data, now_ms)
        message = self._receiver.take(data, now_ms)
        if message is not None:
            self.kinds[decode_message(message)[0]] += 1

    def _put(self) -> None:
        now_ms = time.monotonic_ns() // 1_000_000
        for frame in (self._receiver.flow_control(), self._sender.frame(now_ms)):
            if frame is not None:
                self._bus.send(can.Message(arbitration_id=self._ids[0], is_extended_id=True, data=frame))
                if frame[0] >> 4 != 3:
                    self._sender.sent(now_ms)


def test_live_values_go_on_while_evidence_is_under_way(board: CanBoard) -> None:
    port = CanPort.parse(board.port)
    assert port
    with can.Bus(board.bus, "slcan", bitrate=500_000, sleep_after_open=0) as bus:
        peer = Peer(bus, port)
        until(lambda: bool(peer.live), "a board that has started", peer.turn)
        peer.say(encode_message(ASK), encode_message(WANT, encode([0, 256, 1])))
        until(lambda: {HELLO, ENTRY, CHECKPOINT, STATUS} <= peer.kinds.keys(), meanwhile=peer.turn)
        until(lambda: min(peer.live.values(), default=0) >= 2, meanwhile=peer.turn)
    assert sorted(peer.live) == [0x1CFF5000 + (number << 8) + ADDRESS for number in range(4)]
