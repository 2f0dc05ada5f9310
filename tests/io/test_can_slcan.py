"""An slcan adapter at the other end of a pseudo-terminal: what it says becomes frames, what is damaged is counted."""

from __future__ import annotations

import fcntl
import itertools
import os
import select
import struct
import termios
import threading
import time
import tty
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packseal.errors import ConfigError
from packseal.frames import Frames
from packseal.io import can_slcan
from packseal.io.can_bus import receiver_opener
from packseal.io.can_receiver import Received
from packseal.io.can_slcan import SlcanReceiver
from tests.waiting import until

FRAME = st.tuples(st.booleans(), st.integers(0, 2**29 - 1), st.binary(max_size=8))


@dataclass
class Adapter:
    """The adapter's end of the line."""

    master: int
    slave: int
    port: str
    heard: bytearray = field(default_factory=bytearray)
    is_there: bool = True

    def say(self, content: bytes) -> None:
        assert os.write(self.master, content) == len(content)

    def waiting(self) -> int:
        """Bytes that were said and not read."""
        (count,) = struct.unpack("i", fcntl.ioctl(self.slave, termios.FIONREAD, bytes(4)))
        return int(count)

    def pull_out(self) -> None:
        if self.is_there:
            self.is_there = False
            os.close(self.master)

    def pull_out_when_read(self) -> None:
        until(lambda: not self.waiting(), "a reader")
        self.pull_out()

    def commands(self) -> bytes:
        while select.select([self.master], [], [], 0.05)[0]:
            self.heard += os.read(self.master, 4096)
        return bytes(self.heard)


@pytest.fixture
def adapter() -> Iterator[Adapter]:
    master, slave = os.openpty()
    tty.setraw(slave)
    made = Adapter(master, slave, os.ttyname(slave))
    yield made
    made.pull_out()
    os.close(slave)


def line(is_extended: bool, number: int, data: bytes) -> str:
    head = f"T{number:08X}" if is_extended else f"t{number % 2048:03X}"
    return f"{head}{len(data)}{data.hex().upper()}\r"


def received(receiver: SlcanReceiver) -> Received:
    parts = [receiver.receive(0.2)]
    while len((part := receiver.receive(0.02)).frames) or part.frames_lost:
        parts.append(part)
    sums = (sum(column) for column in list(zip(*parts, strict=True))[2:])
    return Received(Frames.concatenate([part.frames for part in parts]), parts[-1].until_ns, *sums)


def test_it_is_opened_to_listen_and_says_nothing_else(adapter: Adapter) -> None:
    receiver = SlcanReceiver(adapter.port, 500_000)
    assert adapter.commands() == b"C\rS6\rL\r"
    with pytest.raises(ConfigError, match="opened to listen only"):
        receiver.send(0x123, b"\x01", False)
    assert adapter.commands() == b"C\rS6\rL\r"
    receiver.close()


def test_it_talks_when_it_may(adapter: Adapter) -> None:
    receiver = SlcanReceiver(adapter.port, None, may_send=True)
    receiver.send(0x7E4, b"\x03\x22\x01\x01", False)
    receiver.send(0x18DB33F1, b"", True)
    with pytest.raises(ValueError, match="9 bytes: slcan sends classic frames"):
        receiver.send(0x7E4, bytes(9), False)
    assert adapter.commands() == b"C\rO\rt7E4403220101\rT18DB33F10\r"
    receiver.close()
    assert adapter.commands().endswith(b"T18DB33F10\rC\r")


def test_what_came_before_it_was_pulled_out_is_not_lost(adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(can_slcan, "COLLECT_S", 30)  # so that it is pulled out before the wake has ended
    receiver = SlcanReceiver(adapter.port, None)
    adapter.say(b"t1230\rt1240\r")
    until(lambda: adapter.waiting() == 12, "the whole of what was said")
    threading.Thread(target=adapter.pull_out_when_read).start()
    assert receiver.receive(1).frames.can_id.tolist() == [0x123, 0x124]
    with pytest.raises(OSError, match=r"."):
        receiver.receive(1)
    receiver.close()


def test_frames_and_answers_of_the_adapter(adapter: Adapter) -> None:
    receiver = SlcanReceiver(adapter.port, 250_000)
    before_ns = time.monotonic_ns()
    adapter.say(b"\r\rt1DB80004C262000003B6\rT18FEF1002ABCD\rr1234\rz\rV1013\r\x07t7FF0\rd1239" + b"5A" * 12 + b"\r")
    found = received(receiver)
    frames = found.frames
    assert frames.can_id.tolist() == [0x1DB, 0x18FEF100, 0x7FF, 0x123]
    assert frames.length.tolist() == [8, 2, 0, 12]
    assert frames.data[0, :8].tobytes().hex() == "0004c262000003b6"
    assert frames.data[3].tobytes() == (b"\x5a" * 12).ljust(64, b"\0")
    assert (found.remote_frames, found.error_frames, found.frames_lost) == (1, 1, 0)
    assert before_ns <= frames.time_ns[0] <= frames.time_ns[-1] <= found.until_ns
    receiver.close()


@pytest.mark.parametrize(
    ("damaged", "lost"),
    [(b"t1DB80004C26200\r", 1), (b"t9DB0\r", 1), (b"x" * 5000, 1), (b"t12G0\rt1230\r", 1), (b"\xff\xfe\r\xfe\r", 2)],
)
def test_what_is_damaged_is_counted(adapter: Adapter, damaged: bytes, lost: int) -> None:
    receiver = SlcanReceiver(adapter.port, None)
    adapter.say(damaged)
    found = received(receiver)
    adapter.say(b"\rt7FE0\r")
    after = received(receiver)
    assert found.frames_lost + after.frames_lost == lost
    assert after.frames.can_id.tolist()[-1:] == [0x7FE]
    receiver.close()


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FRAME, min_size=1, max_size=20), st.lists(st.integers(0, 600), max_size=4))
def test_lines_may_be_cut_anywhere(adapter: Adapter, sent: list[tuple[bool, int, bytes]], cuts: list[int]) -> None:
    receiver = SlcanReceiver(adapter.port, None)
    content = "".join(line(*frame) for frame in sent).encode()
    bounds = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    parts = []
    for start, end in itertools.pairwise(bounds):
        adapter.say(content[start:end])
        parts.append(receiver.receive(0.05))
    frames = Frames.concatenate([*(part.frames for part in parts), received(receiver).frames])
    assert frames.is_extended.tolist() == [is_extended for is_extended, _, _ in sent]
    assert frames.can_id.tolist() == [number if long else number % 2048 for long, number, _ in sent]
    data = [row[:size].tobytes() for row, size in zip(frames.data, frames.length.tolist(), strict=True)]
    assert data == [data for _, _, data in sent]
    assert not any(part.frames_lost for part in parts)
    receiver.close()


def test_a_bit_rate_that_slcan_does_not_have_is_named() -> None:
    with pytest.raises(ConfigError, match="no bit rate 333333; choose one of 10000, 20000"):
        receiver_opener("slcan", "/dev/null", 333_333)


@pytest.mark.parametrize("baud", ["", "fast", "0", "-1", "12000001", "1152000000", "9" * 5000, "\u0663"])
def test_a_baud_rate_that_is_none_is_named(baud: str) -> None:
    with pytest.raises(ConfigError, match="expected a port, then @ and its baud rate, up to 12000000"):
        receiver_opener("slcan", f"/dev/null@{baud}", None)
