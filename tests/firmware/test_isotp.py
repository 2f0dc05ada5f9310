"""ISO-TP on the board: against itself on each interpreter, and against can-isotp, which others have written."""

from __future__ import annotations

from pathlib import Path

import isotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logger.core.isotp import MAX_MESSAGE_BYTES, MAX_WAITS, N_BS_MS, N_CR_MS, Receiver, Sender, TransferError
from tests.firmware.conftest import Interpreter

BOARD_TESTS = Path(__file__).parent / "board_tests"
ADDRESS = isotp.Address(isotp.AddressingMode.Normal_29bits, txid=0x1CEFE0F9, rxid=0x1CEFF9E0)


def test_what_one_end_sends_the_other_has_and_rain_harms_neither(interpreter: Interpreter) -> None:
    pairs, dropped, aborted = interpreter.run(BOARD_TESTS / "isotp_pairs.py", "7").split()
    assert int(pairs) == 8 * 94
    assert int(dropped) > 1000
    assert int(aborted) > 5


class Peer:
    """The library's end, with its frames in two lists."""

    def __init__(self, frame_bytes: int, st_min_ms: int = 0, block_size: int = 8) -> None:
        self.to_peer: list[bytes] = []
        self.from_peer: list[bytes] = []
        self.errors: list[Exception] = []
        params = {"tx_data_length": frame_bytes, "can_fd": frame_bytes > 8, "stmin": st_min_ms, "blocksize": block_size}
        params |= {"tx_padding": 0xCC, "max_frame_size": MAX_MESSAGE_BYTES}
        self.end = isotp.TransportLayerLogic(self._receive, self._send, ADDRESS, self.errors.append, params)

    def _receive(self, _timeout_s: float) -> isotp.CanMessage | None:
        if not self.to_peer:
            return None
        data = self.to_peer.pop(0)
        return isotp.CanMessage(0x1CEFF9E0, len(data), data, extended_id=True, is_fd=len(data) > 8)

    def _send(self, message: isotp.CanMessage) -> None:
        self.from_peer.append(bytes(message.data))


@given(st.binary(min_size=1, max_size=MAX_MESSAGE_BYTES), st.sampled_from([8, 12, 64]), st.integers(0, 9))
def test_the_library_understands_the_board(message: bytes, frame_bytes: int, block_size: int) -> None:
    peer, sender = Peer(frame_bytes, block_size=block_size), Sender(frame_bytes)
    sender.send(message)
    for now_ms in range(10_000):
        frame = sender.frame(now_ms)
        if frame is not None:
            peer.to_peer.append(frame)
            sender.sent(now_ms)
        peer.end.process()
        for flow in peer.from_peer:
            sender.take(flow, now_ms)
        peer.from_peer.clear()
        if not sender.is_busy:
            break
    assert bytes(peer.end.recv() or b"") == message
    assert not peer.errors


@given(st.binary(min_size=1, max_size=MAX_MESSAGE_BYTES), st.sampled_from([8, 12, 64]), st.integers(0, 9))
def test_the_board_understands_the_library(message: bytes, frame_bytes: int, block_size: int) -> None:
    peer, receiver = Peer(frame_bytes), Receiver(block_size, 0)
    peer.end.send(message)
    found = None
    for now_ms in range(10_000):
        peer.end.process()
        for frame in peer.from_peer:
            found = receiver.take(frame, now_ms) or found
        peer.from_peer.clear()
        flow = receiver.flow_control()
        if flow:
            peer.to_peer.append(flow)
        if found is not None:
            break
    assert found == message
    assert (receiver.dropped, peer.errors) == (0, [])


FIRST, SECOND = b"\x10\x14abcdef", b"\x21ghijklm"
BAD = {
    "nothing": (b"", 0),
    "a single frame of no length": (b"\x00" + bytes(7), 1),
    "a single frame shorter than it says": (b"\x07abc", 1),
    "a first frame that would fit into a single one": (b"\x10\x07abcdef", 1),
    "a first frame of four bytes": (b"\x10\x14ab", 1),
    "a first frame of 32 bits for a short message": (b"\x10\x00\x00\x00\x00\x14ab", 1),
    "a consecutive frame of nothing": (SECOND, 0),
    "a kind that nobody knows": (b"\x40abcdefg", 0),
}


@pytest.mark.parametrize(("frame", "dropped"), BAD.values(), ids=BAD)
def test_a_frame_that_is_none_is_counted_and_the_next_message_gets_in(frame: bytes, dropped: int) -> None:
    receiver = Receiver()
    assert receiver.take(frame, 0) is None
    assert receiver.dropped == dropped
    assert receiver.take(b"\x02hi", 1) == b"hi"


@pytest.mark.parametrize("intruder", [b"\x22ghijklm", b"\x21gh", b"\x02hi\x00\x00\x00\x00\x00", FIRST])
def test_a_message_that_breaks_off_is_counted_once(intruder: bytes) -> None:
    receiver = Receiver()
    receiver.take(FIRST, 0)
    receiver.take(intruder, 1)
    assert receiver.dropped == 1


@pytest.mark.parametrize("frame", [b"\x00" + bytes(7), b"\x07abc", b"\x10\x07abcdef", b"\x30\x00\x00", b"\x40ab", b""])
def test_a_frame_that_is_ignored_does_not_end_the_message_around_it(frame: bytes) -> None:
    receiver = Receiver()
    receiver.take(FIRST, 0)
    assert receiver.take(frame, 1) is None
    assert receiver.take(SECOND, 2) is None
    assert receiver.take(b"\x22nopqrst", 3) == b"abcdefghijklmnopqrst"


def test_a_message_longer_than_the_link_has_is_told_so() -> None:
    receiver = Receiver()
    receiver.take(b"\x1f\xffabcdef", 0)
    assert receiver.flow_control()[0] == 0x32
    assert receiver.take(b"\x21ghijklm", 1) is None
    assert receiver.dropped == 1


def test_both_ends_give_up_after_their_time() -> None:
    receiver, sender = Receiver(), Sender()
    receiver.take(FIRST, 0)
    receiver.tick(N_CR_MS - 1)
    assert receiver.dropped == 0
    receiver.tick(N_CR_MS)
    sender.send(bytes(20))
    sender.sent(0)
    sender.tick(N_BS_MS - 1)
    assert sender.is_busy
    sender.tick(N_BS_MS)
    assert (receiver.dropped, sender.aborted, sender.is_busy) == (1, 1, False)


def test_waiting_is_borne_for_a_while_and_too_long_ends_at_once() -> None:
    sender = Sender()
    sender.send(bytes(20))
    sender.sent(0)
    for count in range(MAX_WAITS):
        sender.take(b"\x31\x00\x00", count * (N_BS_MS - 1))
        sender.tick((count + 1) * (N_BS_MS - 1))
    assert sender.is_busy
    sender.take(b"\x31\x00\x00", 0)
    assert (sender.aborted, sender.is_busy) == (1, False)
    sender.send(bytes(20))
    sender.sent(0)
    sender.take(b"\x32\x00\x00", 0)
    assert sender.aborted == 2


@pytest.mark.parametrize(
    ("code", "gap_ms"), [(0, 0), (1, 2), (127, 128), (0xF1, 2), (0xF9, 2), (0x80, 128), (0xFF, 128)]
)
def test_the_pause_that_the_other_side_asks_for_is_kept(code: int, gap_ms: int) -> None:
    sender = Sender()
    sender.send(bytes(40))
    sender.sent(0)
    sender.take(bytes((0x30, 0, code)), 10)
    assert sender.frame(10) is not None
    sender.sent(10)
    assert sender.frame(10 + gap_ms) is not None
    assert gap_ms == 0 or sender.frame(10 + gap_ms - 1) is None


def test_one_message_at_a_time_and_none_too_long() -> None:
    sender = Sender()
    for message in (b"", bytes(MAX_MESSAGE_BYTES + 1)):
        with pytest.raises(TransferError):
            sender.send(message)
    sender.send(bytes(20))
    with pytest.raises(TransferError):
        sender.send(b"more")
