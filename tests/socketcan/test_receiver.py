"""Frames through a real kernel: what comes is what was sent, and what is lost is counted to the last frame."""

from __future__ import annotations

import queue
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from packseal.apps.window_records import BoundSignals
from packseal.errors import ConfigError
from packseal.frames import Frames
from packseal.io import can_socket
from packseal.io.can_bus import CanBus, receiver_opener
from packseal.io.can_receiver import FrameFilter, Received
from packseal.io.can_socket import ERROR, EXTENDED, MAX_FILTERS, MAX_FRAMES, REMOTE, SocketReceiver
from packseal.io.python_can import can
from tests.apps.can_site import BIND, DBC, PACK_ID
from tests.waiting import until

CLOCKS_NS = 1_000_000  # between two clocks that are read one after the other


class Sender:
    def __init__(self, channel: str = "vcan0") -> None:
        self.socket = socket.socket(socket.PF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        self.socket.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)
        self.socket.bind((channel,))

    def send(self, key: int, data: bytes = b"", width: int = 8) -> None:
        self.socket.send(struct.pack("=IBBH", key, len(data), 0, 0) + data.ljust(width, b"\0"))


@pytest.fixture
def sender() -> Iterator[Sender]:
    made = Sender()
    yield made
    made.socket.close()


def set_link(channel: str, state: str) -> None:
    subprocess.run(["ip", "link", "set", channel, state], check=True)


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
    assert before_ns - CLOCKS_NS < frames.time_ns[0] <= frames.time_ns[-1] <= time.monotonic_ns()
    receiver.close()


def test_a_frame_on_a_quiet_bus_has_the_time_at_which_it_was_sent(sender: Sender) -> None:
    receiver = SocketReceiver("vcan0")
    for number in range(5):
        before_ns = time.monotonic_ns()
        sender.send(0x200, bytes([number]))
        after_ns = time.monotonic_ns()
        (time_ns,) = receiver.receive(1).frames.time_ns.tolist()
        assert before_ns - CLOCKS_NS < time_ns < after_ns + CLOCKS_NS
    receiver.close()


@pytest.mark.parametrize("step_s", [-0.5, 0.5, -3600, 3600])
def test_a_wall_clock_that_is_set_moves_no_frame(sender: Sender, step_s: float) -> None:
    receiver = SocketReceiver("vcan0")
    since_ns = receiver.receive(0).until_ns
    told = []
    for number in range(3):
        sender.send(0x200, bytes([number]))
        if number == 1:
            time.clock_settime(time.CLOCK_REALTIME, time.time() + step_s)
        found = receiver.receive(1)
        told += found.frames.time_ns.tolist()
        assert since_ns <= told[-1] <= time.monotonic_ns()
        since_ns = found.until_ns
    time.clock_settime(time.CLOCK_REALTIME, time.time() - step_s)
    assert len(told) == 3
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


def test_more_filters_than_the_kernel_takes_are_none(sender: Sender) -> None:
    filters = [FrameFilter(number, 0x7FF, False) for number in range(MAX_FILTERS)]
    full, over = SocketReceiver("vcan0", filters), SocketReceiver("vcan0", [*filters, FrameFilter(600, 0x7FF, False)])
    for key in (0x1FF, 0x200):
        sender.send(key)
    assert received(full).frames.can_id.tolist() == [0x1FF]
    assert received(over).frames.can_id.tolist() == [0x1FF, 0x200]
    full.close()
    over.close()


def test_a_binding_decides_what_is_let_through(sender: Sender, tmp_path: Path) -> None:
    dbc, bind = tmp_path / "pack.dbc", tmp_path / "pack.toml"
    dbc.write_text(DBC)
    bind.write_text(BIND)
    open_receiver = receiver_opener("socketcan", "vcan0", None, BoundSignals.load(dbc, bind).filters)
    receiver = open_receiver()
    for key in (PACK_ID - 1, PACK_ID, PACK_ID + 1, PACK_ID | EXTENDED):
        sender.send(key, bytes(8))
    frames = receiver.receive(1).frames
    assert list(zip(frames.can_id.tolist(), frames.is_extended.tolist(), strict=True)) == [(PACK_ID, False)]
    receiver.close()


def overrun(receiver: SocketReceiver, sender: Sender) -> tuple[int, int]:
    """(received, lost) of three thousand frames."""
    receiver._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    got = lost = 0
    for _ in range(3):
        for number in range(1000):
            sender.send(0x200, number.to_bytes(8, "little"))
        found = received(receiver)
        got, lost = got + len(found.frames), lost + found.frames_lost
    return got, lost


def test_what_the_kernel_drops_is_counted_to_the_last_frame(sender: Sender) -> None:
    receiver = SocketReceiver("vcan0")
    got, lost = overrun(receiver, sender)
    assert 0 < got < 3000
    assert got + lost == 3000
    assert receiver.receive(0).frames_lost == 0
    receiver.close()


def test_a_kernel_that_is_not_asked_tells_with_the_next_frame(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(can_socket, "_SO_MEMINFO", 9999)  # refused as a kernel before 4.12 refuses the other
    receiver = SocketReceiver("vcan0")
    got, lost = overrun(receiver, sender)
    assert 0 < got < 3000
    assert got + lost < 3000
    sender.send(0x201)
    assert got + lost + received(receiver).frames_lost == 3000
    receiver.close()


def read_for_ever(receiver: SocketReceiver, numbers: list[int]) -> None:
    while True:
        numbers += receiver.receive(1).frames.data.view(np.uint64)[:, 0].tolist()


@pytest.mark.parametrize("count", [1, 100, MAX_FRAMES + 100])
def test_what_came_before_the_bus_went_down_is_not_lost(count: int) -> None:
    receiver, sender = SocketReceiver("vcan1"), Sender("vcan1")
    for number in range(count):
        sender.send(0x200, number.to_bytes(8, "little"))
    set_link("vcan1", "down")
    numbers: list[int] = []
    with pytest.raises(OSError, match="Network is down"):
        read_for_ever(receiver, numbers)
    set_link("vcan1", "up")
    assert numbers == list(range(count))
    receiver.close()
    sender.socket.close()


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
        size = int(chance.choice([*range(9), 12, 16, 20, 24, 32, 48, 64]))
        key = int(chance.integers(1 << 29)) | EXTENDED if chance.integers(2) else int(chance.integers(1 << 11))
        sender.send(key, chance.bytes(size), 8 if size <= 8 else 64)
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
    set_link("vcan1", "down")
    bus.start()
    assert states.get(timeout=10) == "no connection: [Errno 100] vcan1 is down; `ip link set vcan1 up` opens it"
    set_link("vcan1", "up")
    until(lambda: states.get(timeout=10) == "connected", "an open bus")
    set_link("vcan1", "down")
    assert states.get(timeout=10).startswith("no connection")
    set_link("vcan1", "up")
    until(lambda: states.get(timeout=40) == "connected", "an open bus")
    peer = can.Bus("vcan1", "socketcan", ignore_config=True)
    peer.send(can.Message(arbitration_id=0x321, data=b"\x05", is_extended_id=False))
    until(lambda: bus.counts.frames_received == 1, "a frame")
    assert bus.counts.reopened >= 1
    bus.stop()
    peer.shutdown()


def test_an_adapter_that_is_pulled_out_and_comes_back() -> None:
    with pytest.raises(OSError, match="No such device"):
        SocketReceiver("vcan7")
    for number in range(2):
        subprocess.run(["ip", "link", "add", "dev", "vcan7", "type", "vcan"], check=True)
        set_link("vcan7", "up")
        receiver, sender = SocketReceiver("vcan7"), Sender("vcan7")
        sender.send(0x300 + number)
        subprocess.run(["ip", "link", "delete", "vcan7"], check=True)
        assert receiver.receive(1).frames.can_id.tolist() == [0x300 + number]
        with pytest.raises(OSError, match=r"No such device|Network is down"):
            receiver.receive(1)
        receiver.close()
        sender.socket.close()
