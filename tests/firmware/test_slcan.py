"""slcan: the lines an adapter sends and takes, and all that is none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logger.drivers.slcan import Slcan

LENGTHS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64]
Seen = tuple[int, bool, bytes]


class Line:
    """A byte line that takes and gives a few bytes at a time."""

    def __init__(self, *, step: int = 1000) -> None:
        self.written = b""
        self.coming = b""
        self.step = step

    def read(self) -> bytes:
        part, self.coming = self.coming[: self.step], self.coming[self.step :]
        return part

    def write(self, content: bytes) -> int:
        part = bytes(content[: self.step])
        self.written += part
        return len(part)


def received(driver: Slcan) -> list[Seen]:
    found = []
    while (frame := driver.receive()) is not None:
        found.append((frame[0], frame[1], bytes(frame[2])))
    return found


def opened(line: Line, data_bitrate: int = 0, *, is_silent: bool = False) -> Slcan:
    return Slcan(line, 500_000, data_bitrate, is_silent)


GOOD: list[tuple[bytes, Seen, int]] = [
    (b"t1DB80001020304050607\r", (0x1DB, False, bytes(range(8))), 0),
    (b"t7FF0\r", (0x7FF, False, b""), 0),
    (b"T18FF50E52abCD\r", (0x18FF50E5, True, b"\xab\xcd"), 0),
    (b"d1239" + b"5A" * 12 + b"\r", (0x123, False, b"\x5a" * 12), 64),
    (b"B1FFFFFFFF" + b"00" * 64 + b"\r", (0x1FFFFFFF, True, bytes(64)), 64),
    (b"b123101\r", (0x123, False, b"\x01"), 64),
    (b"D000001230\r", (0x123, True, b""), 64),
]


@pytest.mark.parametrize(("text", "frame", "_"), GOOD)
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_lines_of_frames(text: bytes, frame: Seen, _: int, step: int) -> None:
    line = Line(step=step)
    driver = opened(line, 2_000_000)
    line.coming = text + b"\rz\rZ\r" + text
    assert received(driver) == [frame, frame]
    assert driver.faults == 0


BAD = [
    b"t1DB8000102030405060\r",
    b"t1DB800010203040506078\r",
    b"t1DB9000102030405060708\r",
    b"t8000\r",
    b"T200000000\r",
    b"TFFFFFFFF0\r",
    b"t1DG0\r",
    b"t1DB10G\r",
    b"t\r",
    b"T1DB0\r",
    b"x\r",
    b"V1013\r",
    b"\x07",
    b"t1DB1-1\r",
    b"B1FFFFFFFF" + b"00" * 65 + b"\r",
    bytes(300) + b"\r",
    b"\xff\r",
]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_line_is_counted_and_the_next_one_read(text: bytes) -> None:
    line = Line()
    driver = opened(line, 2_000_000)
    line.coming = text + GOOD[0][0]
    assert received(driver) == [GOOD[0][1]]
    assert driver.faults == 1


def test_remote_frames_are_passed_over() -> None:
    line = Line()
    driver = opened(line)
    line.coming = b"r1DB8\rR18FF50E50\r" + GOOD[0][0]
    assert received(driver) == [GOOD[0][1]]
    assert driver.faults == 0


@pytest.mark.parametrize(
    ("data_bitrate", "is_silent", "expected"),
    [(0, False, b"\rC\rS6\rO\r"), (0, True, b"\rC\rS6\rL\r"), (5_000_000, False, b"\rC\rS6\rY5\rO\r")],
)
def test_the_channel_is_opened(data_bitrate: int, is_silent: bool, expected: bytes) -> None:
    line = Line(step=2)
    driver = opened(line, data_bitrate, is_silent=is_silent)
    for _ in range(10):
        assert driver.state() == 0
    assert line.written == expected
    driver.restart()
    for _ in range(10):
        driver.receive()
    assert line.written == 2 * expected
    assert driver.send(1, False, b"") is not is_silent


@pytest.mark.parametrize(("bitrate", "data_bitrate"), [(83_333, 0), (500_000, 1_000_000)])
def test_a_rate_that_it_has_not(bitrate: int, data_bitrate: int) -> None:
    with pytest.raises(ValueError, match="slcan has no"):
        Slcan(Line(), bitrate, data_bitrate)


def test_a_frame_leaves_whole_before_the_next_one() -> None:
    line = Line()
    driver = opened(line)
    line.written, line.step = b"", 4
    assert driver.send(0x1DB, False, b"\x01\x02")
    assert not driver.send(0x1DC, False, b"\x03")
    for _ in range(4):
        driver.state()
    assert driver.send(0x18FF50E5, True, b"\x04")
    for _ in range(6):
        driver.state()
    assert line.written == b"t1DB20102\rT18FF50E5104\r"


def test_frames_too_long() -> None:
    for data, is_fd in ((bytes(9), False), (bytes(12), True)):
        with pytest.raises(ValueError, match="no frame"):
            opened(Line()).send(1, False, data, is_fd)


FRAMES = st.tuples(st.integers(0, 0x7FF), st.just(False)) | st.tuples(st.integers(0, 0x1FFFFFFF), st.just(True))
DATA = st.sampled_from(LENGTHS).flatmap(lambda length: st.binary(min_size=length, max_size=length))


@given(st.lists(st.tuples(FRAMES, DATA), max_size=6), st.integers(1, 40))
@settings(deadline=None)
def test_what_one_sends_another_receives(frames: list[tuple[tuple[int, bool], bytes]], step: int) -> None:
    here, there = Line(), Line(step=step)
    sender, receiver = opened(here, 2_000_000), opened(there, 2_000_000)
    here.written = b""
    for (can_id, is_extended), data in frames:
        assert sender.send(can_id, is_extended, data, is_fd=len(data) > 8)
    there.coming = here.written
    assert received(receiver) == [(can_id, is_extended, data) for (can_id, is_extended), data in frames]


@given(st.binary(max_size=400), st.integers(1, 40))
@settings(deadline=None)
def test_garbage_is_never_more_than_counted(garbage: bytes, step: int) -> None:
    line = Line(step=step)
    driver = opened(line)
    line.coming = garbage + b"\r"
    for can_id, is_extended, data in received(driver):
        assert f"{can_id:X}".encode() in garbage.upper()
        assert len(data) in LENGTHS
        assert can_id <= (0x1FFFFFFF if is_extended else 0x7FF)
    line.coming = GOOD[0][0]
    assert received(driver) == [GOOD[0][1]]
