"""Frames through a real kernel: what comes is what was sent, and what is lost is counted to the last frame."""

from __future__ import annotations

import queue
import socket
import struct
import subprocess
import time
from collections.abc import Iterator

import can
import numpy as np
import pytest

from packseal.errors import ConfigError
from packseal.frames import Frames
from packseal.io.can_bus import CanBus, receiver_opener
from packseal.io.can_receiver import FrameFilter, Received
from packseal.io.can_socket import ERROR, EXTENDED, REMOTE, SocketReceiver
from tests.waiting import until


class Sender:
    def __init__(self) -> None:
        self.socket = socket.socket(socket.PF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        self.socket.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
        self.socket.bind(("vcan0",))

    def send(self, key: int, data: bytes = b"", width: int = 8) -> None:
        self.socket.send(struct.pack("=IBBH", key, len(data), 0, 0) + data.ljust(width, b"\0"))


@pytest.fixture
def sender() -> Iterator[Sender]:
    made = Sender()
    yield made
    made.socket.close()


def received(receiver: SocketReceiver) -> Received:
    """All until nothing has come for a while."""
    parts = []
    while len((part := receiver.receive(0.1)).frames) or part.error_frames or part.remote_frames:
        parts.append(part)
    frames = Frames.concatenate([part.frames for part in parts])
    return Received(frames, 0, *(sum(column) for column in list(zip(*parts, strict=True))[2:]))


def test_classic_and_fd_frames_of_both_identifiers(sender: Sender) -> None:
    receiver = SocketReceiver("vcan0")
    before_ns = time.monotonic_ns()
    sender.send(0x123, b"\x01\x02")
    sender.send(0x18DAF110 | EXTENDED, bytes(range(8)))
    sender.send(0x7FF)
    narrow = received(receiver).frames
    sender.send(0x456, bytes(range(64)), 64)
    sender.send(0x1FFFFFFF | EXTENDED, bytes(range(12)), 64)
    wide = received(receiver).frames
    assert narrow.data.shape == (3, 8)
    assert wide.data.shape == (2, 64)
    frames = Frames.concatenate([narrow, wide])
    assert frames.can_id.tolist() == [0x123, 0x18DAF110, 0x7FF, 0x456, 0x1FFFFFFF]
    assert frames.is_extended.tolist() == [False, True, False, False, True]
    assert frames.length.tolist() == [2, 8, 0, 64, 12]
    assert frames.data[0].tobytes() == b"\x01\x02".ljust(64, b"\0")
    assert frames.data[3].tobytes() == bytes(range(64))
    assert frames.data[4].tobytes() == bytes(range(12)).ljust(64, b"\0")
    assert (np.diff(frames.time_ns) >= 0).all()
    assert before_ns - 50_000_000 < frames.time_ns[0] <= frames.time_ns[-1] <= time.monotonic_ns()
    receiver.close()


def test_remote_and_error_frames_are_counted_and_an_overflow_is_a_loss(sender: Sender) -> None:
    receiver = SocketReceiver("vcan0")
    sender.send(0x100 | REMOTE)
    sender.send(0x04 | ERROR, b"\0\x01" + bytes(6))
    sender.send(0x04 | ERROR, b"\0\x04" + bytes(6))
    sender.send(0x101, b"\x07")
    found = received(receiver)
    assert found.frames.can_id.tolist() == [0x101]
    assert (found.remote_frames, found.error_frames, found.frames_lost) == (1, 2, 1)
    receiver.close()


def test_the_kernel_lets_only_the_wanted_frames_through(sender: Sender) -> None:
    filters = [FrameFilter(0x123, 0x7FF, False), FrameFilter(0x00FEF100, 0x03FFFF00, True)]
    receiver = SocketReceiver("vcan0", filters)
    for key in (0x122, 0x123, 0x123 | EXTENDED, 0x18FEF117 | EXTENDED, 0x18FEF217 | EXTENDED, 0x0CFEF100 | EXTENDED):
        sender.send(key, b"\x01")
    assert received(receiver).frames.can_id.tolist() == [0x123, 0x18FEF117, 0x0CFEF100]
    receiver.close()


def test_what_the_kernel_drops_is_counted_to_the_last_frame(sender: Sender) -> None:
    receiver = SocketReceiver("vcan0")
    receiver._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    got = lost = 0
    for _ in range(3):
        for number in range(1000):
            sender.send(0x200, number.to_bytes(8, "little"))
        found = received(receiver)
        got, lost = got + len(found.frames), lost + found.frames_lost
    sender.send(0x201)  # how many were dropped behind the last frame is told with the next one
    found = received(receiver)
    assert 0 < got < 3000
    assert got + lost + found.frames_lost == 3000
    receiver.close()


def test_more_than_one_call_takes(sender: Sender) -> None:
    receiver = SocketReceiver("vcan0")
    for number in range(5000):
        sender.send(0x200, number.to_bytes(8, "little"))
    frames = received(receiver).frames
    assert frames.data.view(np.uint64)[:, 0].tolist() == list(range(5000))
    receiver.close()


def test_python_can_hears_the_same(sender: Sender) -> None:
    ours, theirs = SocketReceiver("vcan0"), can.Bus("vcan0", "socketcan", ignore_config=True, fd=True)
    chance = np.random.default_rng(1)
    for _ in range(150):
        is_extended, size = bool(chance.integers(2)), int(chance.integers(9))
        key = int(chance.integers(1 << 29)) | EXTENDED if is_extended else int(chance.integers(1 << 11))
        sender.send(key, chance.bytes(size))
    frames = received(ours).frames
    heard = [theirs.recv(1) for _ in range(150)]
    theirs.shutdown()
    ours.close()
    assert frames.can_id.tolist() == [one.arbitration_id for one in heard if one]
    assert frames.is_extended.tolist() == [one.is_extended_id for one in heard if one]
    lengths, rows = frames.length.tolist(), frames.data
    data = [row[:length].tobytes() for row, length in zip(rows, lengths, strict=True)]
    assert data == [bytes(one.data) for one in heard if one]
    stamps = np.diff([one.timestamp for one in heard if one])
    assert np.abs(np.diff(frames.time_ns) / 1e9 - stamps).max() < 1e-6


def test_nothing_is_sent_on_a_bus_that_was_opened_to_listen() -> None:
    peer = can.Bus("vcan0", "socketcan", ignore_config=True, fd=True)
    quiet, talking = SocketReceiver("vcan0"), SocketReceiver("vcan0", may_send=True)
    with pytest.raises(ConfigError, match="opened to listen only"):
        quiet.send(0x7E4, b"\x03\x22\x01\x01", False)
    talking.send(0x7E4, b"\x03\x22\x01\x01", False)
    talking.send(0x18DB33F1, bytes(range(12)), True)
    heard = [peer.recv(1), peer.recv(1), peer.recv(0.1)]
    assert [(one.arbitration_id, bytes(one.data)) for one in heard if one] == [
        (0x7E4, b"\x03\x22\x01\x01"),
        (0x18DB33F1, bytes(range(12))),
    ]
    assert received(talking).frames.can_id.tolist() == []
    for bus in (quiet, talking):
        bus.close()
    peer.shutdown()


def test_an_interface_goes_down_and_comes_up_again(sender: Sender) -> None:
    states: queue.Queue[str] = queue.Queue()
    bus = CanBus("vcan1", receiver_opener("socketcan", "vcan1", None), states.put)
    sender.socket.close()
    subprocess.run(["ip", "link", "set", "vcan1", "down"], check=True)
    bus.start()
    assert states.get(timeout=10) == "no connection: [Errno 100] vcan1 is down; `ip link set vcan1 up` opens it"
    subprocess.run(["ip", "link", "set", "vcan1", "up"], check=True)
    until(lambda: states.get(timeout=10) == "connected", "an open bus")
    subprocess.run(["ip", "link", "set", "vcan1", "down"], check=True)
    assert states.get(timeout=10).startswith("no connection")
    subprocess.run(["ip", "link", "set", "vcan1", "up"], check=True)
    until(lambda: states.get(timeout=40) == "connected", "an open bus")
    peer = can.Bus("vcan1", "socketcan", ignore_config=True)
    peer.send(can.Message(arbitration_id=0x321, data=b"\x05", is_extended_id=False))
    until(lambda: bus.counts.frames_received == 1, "a frame")
    assert bus.counts.reopened >= 1
    bus.stop()
    peer.shutdown()


def test_an_interface_that_is_not_there_is_named() -> None:
    with pytest.raises(OSError, match="No such device"):
        SocketReceiver("can7")
