"""The line between board and gateway: a tap that changes nothing, and a player that keeps the rules of the link."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator

import pytest
import serial

from packseal.io.link import Kind, encode_frame, encode_want
from packseal.records.bodies import Time
from packseal.records.writing import encode_time
from packseal_hil.line_player import LinePlayer
from packseal_hil.line_tap import LineTap, PseudoLine
from packseal_hil.protocols import BenchError

WAIT_S = 10
QUIET_S = 0.3


def heard_from(descriptor: int, count: int, wait_s: float = WAIT_S) -> bytes:
    """What comes, until there are so many bytes or nothing more comes."""
    content = b""
    while len(content) < count and select.select([descriptor], [], [], wait_s)[0]:
        content += os.read(descriptor, count - len(content))
    return content


def hello() -> bytes:
    return encode_frame(Kind.HELLO, b"a board")


def entry(seq: int) -> bytes:
    return encode_frame(Kind.ENTRY, encode_time(seq, 1, 1_000 * seq, Time(bytes(32), 1)))


@pytest.fixture
def player() -> Iterator[LinePlayer]:
    found = LinePlayer()
    yield found
    found.close()


@pytest.fixture
def gateway(player: LinePlayer) -> Iterator[serial.Serial]:
    with serial.Serial(player.port, timeout=WAIT_S) as opened:
        yield opened


def test_nothing_goes_out_before_the_gateway_asks(player: LinePlayer, gateway: serial.Serial) -> None:
    player.say(hello())
    assert heard_from(gateway.fileno(), 1, QUIET_S) == b""
    gateway.write(encode_frame(Kind.ASK))
    assert gateway.read(len(hello())) == hello()
    assert not player.impatient


def test_an_entry_waits_for_its_credit(player: LinePlayer, gateway: serial.Serial) -> None:
    gateway.write(encode_frame(Kind.ASK))
    player.say(hello() + entry(0) + entry(1))
    assert gateway.read(len(hello())) == hello()
    assert heard_from(gateway.fileno(), 1, QUIET_S) == b""
    gateway.write(encode_want(0, 1, rewind=True))
    assert gateway.read(len(entry(0))) == entry(0)
    assert heard_from(gateway.fileno(), 1, QUIET_S) == b""
    gateway.write(encode_want(1, 1, rewind=False))
    assert gateway.read(len(entry(1))) == entry(1)


def test_what_is_wanted_again_is_said_again(player: LinePlayer, gateway: serial.Serial) -> None:
    gateway.write(encode_frame(Kind.ASK) + encode_want(0, 9, rewind=False))
    checkpoint = encode_frame(Kind.CHECKPOINT, b"signed")
    player.say(entry(0) + entry(1) + checkpoint)
    gateway.read(len(entry(0) + entry(1) + checkpoint))
    gateway.write(encode_want(1, 9, rewind=True))
    assert gateway.read(len(entry(1) + checkpoint)) == entry(1) + checkpoint


def test_damaged_frames_go_out_as_they_were(player: LinePlayer, gateway: serial.Serial) -> None:
    damaged = b"\x05no frame\x00\x00" + entry(3)[:-2] + b"\x00"
    gateway.write(encode_frame(Kind.ASK))
    player.say(damaged[:5])
    player.say(damaged[5:])
    assert gateway.read(len(damaged)) == damaged


def test_after_a_gateway_has_left_the_next_one_has_to_ask(player: LinePlayer, gateway: serial.Serial) -> None:
    gateway.write(encode_frame(Kind.ASK))
    player.say(hello())
    gateway.read(len(hello()))
    player.gateway_left()
    player.say(hello())
    assert heard_from(gateway.fileno(), 1, QUIET_S) == b""
    assert not player.has_said_all()
    gateway.write(encode_frame(Kind.ASK))
    assert gateway.read(len(hello())) == hello()


def test_a_tap_passes_everything_on_and_tells_what_the_board_said() -> None:
    board, heard, has_all = PseudoLine(), bytearray(), threading.Event()
    said = os.urandom(50_000)

    def hear(content: bytes) -> None:
        heard.extend(content)
        if len(heard) == len(said):
            has_all.set()

    tap = LineTap(board.port, hear)
    speaker = threading.Thread(target=_write_all, args=(board.descriptor, said))
    with serial.Serial(tap.port, timeout=WAIT_S) as gateway:
        speaker.start()
        assert gateway.read(len(said)) == said
        gateway.write(b"wanted")
        assert heard_from(board.descriptor, 6) == b"wanted"
    speaker.join()
    tap.close()
    board.close()
    assert has_all.is_set()
    assert bytes(heard) == said
    assert not tap.failure


def test_who_does_not_listen_is_felt_by_who_speaks() -> None:
    """Nobody reads behind the tap: it takes no more than its buffers hold, and the rest waits at the board."""
    board, heard = PseudoLine(), bytearray()
    tap = LineTap(board.port, heard.extend)
    written = 0
    while select.select([], [board.descriptor], [], QUIET_S)[1]:
        written += os.write(board.descriptor, bytes(1024))
    assert written < 1 << 20
    assert len(heard) < written
    tap.close()
    board.close()


def test_a_board_that_is_not_there_cannot_be_recorded() -> None:
    with pytest.raises(BenchError, match="needs the board's serial line"):
        LineTap("/dev/not-here", lambda _content: None)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        select.select([], [descriptor], [], WAIT_S)
        content = content[os.write(descriptor, content[:4096]) :]
