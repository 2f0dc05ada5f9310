"""What MCP2515 and MCP2518FD have in common: the controller of docs/can.md before each chip, faults included."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logger.drivers.mcp2515 import MCP2515
from logger.drivers.mcp2518fd import MCP2518FD
from tests.firmware.board_tests.mcp251x_rig import SpiWire
from tests.firmware.board_tests.mcp2515_emulator import Mcp2515Emulator
from tests.firmware.board_tests.mcp2518fd_emulator import Mcp2518fdEmulator

Seen = tuple[int, bool, bytes]
FRAMES: list[Seen] = [
    (0x1DB, False, bytes(range(8))),
    (0x7FF, False, b""),
    (0, False, b"\xff"),
    (0x18FF50E5, True, bytes(range(8, 16))),
    (0x1FFFFFFF, True, b"\x01\x02\x03"),
    (0, True, bytes(8)),
    (0x12345678, True, b"\x55" * 8),
]


class Bench:
    """A driver before its emulated chip."""

    def __init__(self, make: Callable[..., Any], chip: Any, **options: Any) -> None:
        self.chip, self.wire = chip, SpiWire(chip)
        self.driver = make(self.wire, self.wire.select, **options)

    def arrive(self, *frames: Seen, **more: Any) -> None:
        for can_id, is_extended, data in frames:
            self.chip.receive(can_id, is_extended, data, **more)

    def received(self) -> list[Seen]:
        found: list[Seen] = []
        for _ in range(100):
            if (frame := self.driver.receive()) is None:
                return found
            found.append((frame[0], frame[1], bytes(frame[2])))
        raise AssertionError("it receives for ever")


def mcp2515(**options: Any) -> Bench:
    return Bench(MCP2515, Mcp2515Emulator(), **{"bitrate": 500_000, "oscillator_hz": 8_000_000} | options)


def mcp2518fd(**options: Any) -> Bench:
    return Bench(MCP2518FD, Mcp2518fdEmulator(), **{"bitrate": 500_000, "oscillator_hz": 40_000_000} | options)


def mcp2518fd_with_fd(**options: Any) -> Bench:
    return mcp2518fd(**{"data_bitrate": 2_000_000} | options)


BENCHES = [mcp2515, mcp2518fd, mcp2518fd_with_fd]
PLACES = {mcp2515: 2, mcp2518fd: 32, mcp2518fd_with_fd: 18}  # for frames that have come
BUS_OFF, PASSIVE, WARNING = 0x20, 0x10, 0x04  # the same bits in EFLG and in CiTREC


@pytest.fixture(params=BENCHES, ids=lambda bench: bench.__name__)
def make(request: pytest.FixtureRequest) -> Callable[..., Bench]:
    result: Callable[..., Bench] = request.param
    return result


def test_frames_arrive_as_they_are(make: Callable[..., Bench]) -> None:
    bench = make()
    for frame in FRAMES:
        bench.arrive(frame)
        assert bench.received() == [frame]
    assert (bench.driver.lost, bench.driver.faults, bench.driver.state()) == (0, 0, 0)


def test_frames_stay_in_order(make: Callable[..., Bench]) -> None:
    bench = make()
    count = PLACES[make]
    frames = [(0x100, False, bytes([number])) for number in range(4 * count)]
    bench.arrive(*frames[:count])
    for number in range(count, 4 * count):  # one comes for each that goes
        assert bench.driver.receive()[2] == frames[number - count][2]
        bench.arrive(frames[number])
    assert bench.received() == frames[-count:]
    assert bench.driver.lost == 0


def test_frames_leave_as_they_are(make: Callable[..., Bench]) -> None:
    bench = make()
    for can_id, is_extended, data in FRAMES:
        assert bench.driver.send(can_id, is_extended, data)
    assert [frame[:3] for frame in bench.chip.sent] == FRAMES
    with pytest.raises(ValueError, match="bytes"):
        bench.driver.send(1, False, bytes(9))


def test_what_nobody_acknowledges_waits_and_the_order_stays(make: Callable[..., Bench]) -> None:
    bench = make()
    bench.chip.is_bus_dead = True
    taken = 0
    while bench.driver.send(0x100, True, bytes([taken])):
        taken += 1
    assert taken in (1, 8)
    assert not bench.chip.sent
    bench.chip.is_bus_dead = False
    bench.chip.set_errors(0)
    assert bench.driver.send(0x100, True, bytes([taken]))
    assert [frame[2] for frame in bench.chip.sent] == [bytes([number]) for number in range(taken + 1)]


def test_remote_frames_are_passed_over(make: Callable[..., Bench]) -> None:
    bench = make()
    for is_extended in (False, True):
        bench.arrive((0x100, is_extended, b""), is_remote=True)
        bench.arrive((0x101, is_extended, b"\x01"))
        assert bench.received() == [(0x101, is_extended, b"\x01")]
    assert bench.driver.faults == 0


def test_an_overflow_is_counted(make: Callable[..., Bench]) -> None:
    bench = make()
    count = PLACES[make]
    frames = [(0x100, False, bytes([number])) for number in range(count + 5)]
    bench.arrive(*frames)
    assert bench.received() == frames[:count]
    assert bench.driver.lost == 1, "at least"
    bench.arrive(frames[0])
    assert bench.received() == [frames[0]]
    assert (bench.driver.lost, bench.driver.state()) == (1, 0)


def test_a_silent_one_sends_nothing(make: Callable[..., Bench]) -> None:
    bench = make(is_silent=True)
    assert not bench.driver.send(0x100, False, b"\x01")
    bench.arrive(FRAMES[0])
    assert bench.received() == FRAMES[:1]
    assert (bench.driver.state(), bench.chip.sent) == (0, [])


@pytest.mark.parametrize(
    ("flags", "state"), [(0, 0), (1, 1), (WARNING, 1), (PASSIVE, 2), (8, 2), (BUS_OFF, 3), (0x3F, 3)]
)
def test_states(make: Callable[..., Bench], flags: int, state: int) -> None:
    bench = make()
    bench.chip.set_errors(flags)
    assert bench.driver.state() == state
    bench.chip.set_errors(0)
    assert bench.driver.state() == 0, "it comes back by itself"
    assert bench.driver.faults == 0


def test_a_restart_clears_bus_off_and_what_waited(make: Callable[..., Bench]) -> None:
    bench = make()
    bench.chip.is_bus_dead = True
    bench.driver.send(0x100, False, b"\x01")
    bench.chip.set_errors(BUS_OFF)
    bench.driver.restart()
    bench.chip.is_bus_dead = False
    assert bench.driver.state() == 0
    assert bench.driver.send(0x101, False, b"\x02")
    assert [frame[0] for frame in bench.chip.sent] == [0x101]


def stuck_low(_: int) -> int:
    return 0


def stuck_high(_: int) -> int:
    return 0xFF


@pytest.mark.parametrize("spoil", [stuck_low, stuck_high])
def test_a_line_that_is_stuck(make: Callable[..., Bench], spoil: Callable[[int], int]) -> None:
    bench = make()
    bench.arrive(FRAMES[0])
    good = bench.wire.spoil
    bench.wire.spoil = spoil
    assert bench.received() == []
    assert not bench.driver.send(0x100, False, b"\x01")
    assert bench.driver.state() == 3
    assert bench.driver.faults > 0
    bench.driver.restart()
    assert bench.driver.state() == 3
    bench.wire.spoil = good
    bench.driver.restart()
    assert (bench.driver.state(), bench.received()) == (0, [])
    bench.arrive(FRAMES[1])
    assert bench.received() == [FRAMES[1]]
    assert bench.chip.sent == []


def test_a_chip_that_is_not_there_at_first(make: Callable[..., Bench]) -> None:
    bench = make()
    bench.wire.is_cut = True
    bench.driver.restart()
    assert (bench.driver.state(), bench.driver.receive(), bench.driver.send(1, False, b"")) == (3, None, False)
    bench.wire.is_cut = False
    bench.chip.reset()
    bench.driver.restart()
    bench.arrive(FRAMES[0])
    assert bench.received() == FRAMES[:1]


def test_a_reset_in_between_shows_and_is_mended(make: Callable[..., Bench]) -> None:
    """A dip of its supply: the chip is in configuration mode then and hears nothing."""
    bench = make()
    bench.driver.set_filters([(0x1DB, False)])
    bench.arrive(FRAMES[0])
    bench.chip.reset()
    assert bench.received() == []
    assert bench.driver.state() == 3
    bench.driver.restart()
    bench.arrive(*FRAMES[:2])
    assert bench.received() == FRAMES[:1], "with the filters it had"
    assert bench.driver.state() == 0


def test_filters_let_through_what_they_must(make: Callable[..., Bench]) -> None:
    bench = make()
    ids = [frame[:2] for frame in FRAMES]
    bench.driver.set_filters(ids)
    for frame in FRAMES:
        bench.arrive(frame)
        assert bench.received() == [frame]
    bench.driver.set_filters(None)
    bench.arrive((0x333, False, b""), (0x333, True, b""))
    assert len(bench.received()) == 2


IDS = st.lists(
    st.tuples(st.integers(0, 0x7FF), st.just(False)) | st.tuples(st.integers(0, 0x1FFFFFFF), st.just(True)),
    min_size=1,
    max_size=40,
)


@pytest.mark.parametrize("make", BENCHES[:2])
@given(ids=IDS, content=st.binary(max_size=8))
@settings(deadline=None, max_examples=25)
def test_filters_never_keep_away_what_was_asked_for(
    make: Callable[..., Bench], ids: list[tuple[int, bool]], content: bytes
) -> None:
    bench = make()
    bench.driver.set_filters(ids)
    for can_id, is_extended in ids:
        bench.arrive((can_id, is_extended, content))
        assert bench.received() == [(can_id, is_extended, content)]


@pytest.mark.parametrize("make", BENCHES)
@given(seed=st.integers(0, 2**32), share=st.sampled_from([0.001, 0.01, 0.2, 1.0]))
@settings(deadline=None, max_examples=25)
def test_noise_on_the_line_never_makes_a_frame(make: Callable[..., Bench], seed: int, share: float) -> None:
    """What is received has arrived, what is sent was sent: noise loses frames, or repeats one, and is counted."""
    bench, noise = make(), random.Random(seed)
    good = bench.wire.spoil
    bench.wire.spoil = lambda byte: byte ^ noise.randrange(256) if noise.random() < share else byte
    for frame in FRAMES * 2:
        bench.arrive(frame)
        for _ in range(2):
            if (received := bench.driver.receive()) is not None:
                assert (received[0], received[1], bytes(received[2])) in FRAMES
        bench.driver.send(*frame)
        assert bench.driver.state() in (0, 1, 2, 3)
    assert {frame[:3] for frame in bench.chip.sent} <= set(FRAMES)
    assert bench.driver.faults > 0 or share < 0.1
    bench.wire.spoil = good
    bench.driver.restart()
    bench.arrive(FRAMES[0])
    assert (bench.received(), bench.driver.state()) == (FRAMES[:1], 0)
