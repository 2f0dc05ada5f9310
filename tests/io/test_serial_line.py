"""A line to a board over a real terminal: what a read waits for, and what ends it."""

from __future__ import annotations

import os
import resource
import threading
import time
import tty
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from packseal.io.board import LINE_ERRORS
from packseal.io.serial_line import READ_BYTES, SerialLine, Waker

LONG_S = 60.0  # longer than any test may take: a read that is not ended fails it
BEYOND_SELECT = 1024


@dataclass
class Board:
    """The other end of a terminal."""

    end: int
    port: str

    def says(self, content: bytes) -> None:
        os.write(self.end, content)

    def heard(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            content += os.read(self.end, count - len(content))
        return content


@pytest.fixture
def board() -> Iterator[Board]:
    end, line = os.openpty()
    tty.setraw(line)
    yield Board(end, os.ttyname(line))
    os.close(line)
    os.close(end)


def test_a_read_ends_with_the_first_bytes_and_takes_all_that_are_there(board: Board) -> None:
    with SerialLine(board.port, 115_200) as line:
        saying = threading.Thread(target=board.says, args=(b"all of it",))
        saying.start()
        assert line.read(LONG_S) == b"all of it"
        saying.join()


def test_a_read_of_a_silent_board_ends_with_its_time(board: Board) -> None:
    with SerialLine(board.port, 115_200) as line:
        begun_s = time.monotonic()
        assert line.read(0.03) == b""
        assert time.monotonic() - begun_s >= 0.03
        assert line.read(0) == b""


def test_another_thread_ends_a_read_once(board: Board) -> None:
    waker = Waker()
    waker.wake()  # nobody waits
    with waker, SerialLine(board.port, 115_200, waker) as line:
        waking = threading.Thread(target=waker.wake)
        waking.start()
        assert line.read(LONG_S) == b""
        waking.join()
        board.says(b"after it")
        assert line.read(LONG_S) == b"after it"
    waker.wake()


def test_what_wakes_a_thousand_times_is_one_turn_and_takes_no_bytes_of_the_board(board: Board) -> None:
    with Waker() as waker, SerialLine(board.port, 115_200, waker) as line:
        for _ in range(100_000):  # more than a pipe holds
            waker.wake()
        board.says(b"said meanwhile")
        assert line.read(LONG_S) == b"said meanwhile"


def test_a_waker_that_nobody_entered_cannot_be_waited_for() -> None:
    with pytest.raises(ValueError, match="entered"):
        Waker().fileno()


def test_what_is_longer_than_the_port_holds_is_written_whole(board: Board) -> None:
    content = bytes(range(256)) * 200
    with SerialLine(board.port, 115_200) as line:
        heard: list[bytes] = []
        hearing = threading.Thread(target=lambda: heard.append(board.heard(len(content))))
        hearing.start()
        assert line.write(content) == len(content)
        hearing.join()
    assert heard == [content]


def test_a_board_that_takes_nothing_is_an_error_of_the_line(board: Board) -> None:
    with SerialLine(board.port, 115_200) as line, pytest.raises(TimeoutError, match="nothing was taken"):
        line.write(bytes(1 << 20))
    assert issubclass(TimeoutError, LINE_ERRORS)


def test_a_port_that_goes_away_ends_a_read_that_waits() -> None:
    end, terminal = os.openpty()
    with SerialLine(os.ttyname(terminal), 115_200) as line:
        pulling = threading.Thread(target=os.close, args=(end,))
        pulling.start()
        with pytest.raises(LINE_ERRORS):
            line.read(LONG_S)
        pulling.join()
    os.close(terminal)


def test_a_port_is_for_one_reader_until_that_one_lets_go(board: Board) -> None:
    with SerialLine(board.port, 115_200), pytest.raises(LINE_ERRORS), SerialLine(board.port, 115_200):
        pass
    with SerialLine(board.port, 115_200):
        pass


def test_a_port_behind_a_thousand_others_works_like_the_first(board: Board) -> None:
    """select(), which pyserial waits by, takes no descriptor from 1024 on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * BEYOND_SELECT)), hard))
    others = [os.open(os.devnull, os.O_RDONLY) for _ in range(BEYOND_SELECT)]
    try:
        with Waker() as waker, SerialLine(board.port, 115_200, waker) as line:
            board.says(b"a" * (READ_BYTES - 1))
            assert line.write(b"heard") == 5
            assert line.read(LONG_S) == b"a" * (READ_BYTES - 1)
            assert board.heard(5) == b"heard"
    finally:
        for other in others:
            os.close(other)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
