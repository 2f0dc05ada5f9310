"""A controller's counters against the rules of fault confinement, and a bus whose trouble shows in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.frames import Frames
from packseal_hil.buses import Controller, FaultyBus, State, Wire
from packseal_hil.buses.controller import RECOVERY_BITS
from packseal_hil.buses.error_frames import BUS_OFF, CONTROLLER, RESTARTED, ErrorFrame
from packseal_hil.buses.faulty_bus import BURST_S, MAX_BABBLE, frame_bits
from packseal_hil.buses.rows import frame_of, rows_of
from packseal_hil.protocols import BenchError

BITRATE = 500_000
FRAME = frame_of(0x123, b"\x01\x02", is_extended=False)
RECOVERY_NS = RECOVERY_BITS * 1_000_000_000 // BITRATE


class Clock:
    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


class Bench:
    """A faulty bus with another node on its wire, and all that was told."""

    def __init__(self, seed: int = 0) -> None:
        wire = Wire()
        self.clock, self.told = Clock(), list[ErrorFrame]()
        self.other = wire.node()
        self.bus = FaultyBus(wire.node(), bitrate=BITRATE, seed=seed, told=self.told.append, now_ns=self.clock)

    def pass_ns(self, duration_ns: float) -> None:
        self.clock.now_ns += round(duration_ns)

    def counted(self, *names: str) -> tuple[int, ...]:
        counters = self.bus.counters()
        return tuple(counters[name] for name in names)

    def states(self) -> list[int]:
        """What the error frames say of the controller's state: class, and byte 1."""
        wanted = BUS_OFF | CONTROLLER
        return [one.data[1] if one.classes & CONTROLLER else -1 for one in self.told if one.classes & wanted]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def many(count: int) -> Frames:
    return Frames.concatenate(
        [frame_of(0x200, number.to_bytes(4, "little"), is_extended=False) for number in range(count)]
    )


# ---- the counters


def test_a_sender_that_always_fails_is_warned_passive_and_off() -> None:
    """Rules 3, 9 and 11: eight more each time, 96 a warning, 128 passive, beyond 255 off."""
    controller, states = Controller(), []
    while not controller.is_off:
        controller.send_failed()
        states.append((controller.transmit_errors, controller.state))
    assert len(states) == 32
    firsts = [next(errors for errors, state in states if state is wanted) for wanted in list(State)[1:]]
    assert firsts == [96, 128, 256]


def test_what_goes_well_counts_down() -> None:
    controller = Controller()
    for _ in range(16):
        controller.send_failed()
    assert controller.state is State.PASSIVE
    controller.sent()
    assert (controller.transmit_errors, controller.state) == (127, State.WARNING)
    for _ in range(200):
        controller.sent()
    assert (controller.transmit_errors, controller.state) == (0, State.ACTIVE)


def test_a_receiver_is_passive_and_never_off() -> None:
    """Rules 1 and 8."""
    controller = Controller()
    for _ in range(1_000):
        controller.receive_failed()
    assert (controller.receive_errors, controller.state, controller.bus_offs) == (255, State.PASSIVE, 0)
    controller.received()
    assert (controller.receive_errors, controller.state) == (127, State.WARNING)
    controller.received()
    assert controller.receive_errors == 126


def test_one_that_is_off_does_nothing_until_it_has_recovered() -> None:
    controller = Controller()
    with pytest.raises(ValueError, match="nothing to recover from"):
        controller.recovered()
    for _ in range(32):
        controller.send_failed()
    for act in (controller.sent, controller.received, controller.send_failed, controller.receive_failed):
        with pytest.raises(ValueError, match="off the bus"):
            act()
    controller.recovered()
    assert (controller.transmit_errors, controller.receive_errors, controller.state) == (0, 0, State.ACTIVE)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(["sent", "received", "send_failed", "receive_failed"])))
def test_counters_stay_within_what_a_controller_can_have(acts: list[str]) -> None:
    controller = Controller()
    for act in acts:
        if controller.is_off:
            controller.recovered()
        getattr(controller, act)()
        assert 0 <= controller.transmit_errors <= 263
        assert 0 <= controller.receive_errors <= 255
        worst = max(controller.transmit_errors, controller.receive_errors)
        assert controller.is_off == (controller.transmit_errors >= 256)
        assert (controller.state >= State.PASSIVE) == (worst >= 128)


# ---- a bus with its trouble


def test_without_trouble_all_passes_both_ways(bench: Bench) -> None:
    bench.bus.send(many(20))
    bench.other.send(many(30))
    assert list(rows_of(bench.other.received())) == list(rows_of(many(20)))
    assert list(rows_of(bench.bus.received())) == list(rows_of(many(30)))
    assert bench.counted("frames_sent", "frames_received", "frames_destroyed", "error_frames") == (20, 30, 0, 0)
    assert bench.bus.problem() == ""


def test_a_short_puts_the_controller_off_the_bus(bench: Bench) -> None:
    bench.bus.short(True)
    assert bench.counted("transmit_errors", "bus_offs", "frames_destroyed", "state") == (256, 1, 32, State.BUS_OFF)
    assert bench.states() == [0x08, 0x20, -1], "a warning, passive, off"
    assert len(bench.told) == bench.counted("error_frames")[0] == 32 + 3
    with pytest.raises(BenchError, match="3 of 3 frames not sent: the controller is off the bus; look for a short"):
        bench.bus.send(many(3))
    bench.other.send(many(2))
    assert len(bench.bus.received()) == 0
    assert bench.counted("frames_unsent", "frames_unheard") == (3, 2)
    assert bench.bus.problem() == "the controller is off the bus"


def test_it_comes_back_when_it_has_seen_128_times_11_recessive_bits(bench: Bench) -> None:
    bench.bus.short(True)
    bench.pass_ns(10 * RECOVERY_NS)
    assert bench.counted("bus_offs", "state") == (1, State.BUS_OFF), "not while the wires touch"
    bench.bus.short(False)
    bench.pass_ns(RECOVERY_NS - 1)
    assert bench.counted("state") == (State.BUS_OFF,)
    bench.pass_ns(1)
    assert bench.counted("transmit_errors", "receive_errors", "state") == (0, 0, State.ACTIVE)
    assert bench.told[-1].classes & RESTARTED
    bench.bus.send(FRAME)
    assert len(bench.other.received()) == 1


def test_destroyed_frames_come_again_and_are_counted(bench: Bench) -> None:
    bench.bus.disturb(10)
    bench.bus.send(many(500))
    bench.other.send(many(500))
    assert len(bench.other.received()) == len(bench.bus.received()) == 500
    destroyed, errors = bench.counted("frames_destroyed", "error_frames")
    assert 60 < destroyed < 170, "of a thousand, about a hundred and eleven"
    assert errors >= destroyed
    assert bench.bus.problem() == "", "repeated, not lost"


def test_when_everything_is_destroyed_the_sender_goes_off_and_nothing_is_heard(bench: Bench) -> None:
    bench.bus.disturb(100)
    bench.other.send(FRAME)
    assert len(bench.bus.received()) == 0
    assert bench.counted("receive_errors", "frames_unheard", "state") == (32, 1, State.ACTIVE)
    with pytest.raises(BenchError, match="1 of 1 frames not sent"):
        bench.bus.send(FRAME)
    assert bench.counted("bus_offs", "state") == (1, State.BUS_OFF)


def test_a_disturbed_bus_repeats_itself_by_its_seed() -> None:
    counts = []
    for seed in (7, 7, 8):
        bench = Bench(seed)
        bench.bus.disturb(20)
        bench.other.send(many(300))
        bench.bus.received()
        counts.append(bench.counted("frames_destroyed", "receive_errors"))
    assert counts[0] == counts[1] != counts[2]


@settings(deadline=None, max_examples=50)
@given(percent=st.floats(0, 100), seed=st.integers(), count=st.integers(1, 40))
def test_every_frame_is_sent_or_told(percent: float, seed: int, count: int) -> None:
    bench = Bench(seed)
    bench.bus.disturb(percent)
    refused = 0
    for row in range(count):
        try:
            bench.bus.send(many(count).select(np.array([row], np.intp)))
        except BenchError:
            refused += 1
    bench.other.send(many(count))
    heard = len(bench.bus.received())
    assert len(bench.other.received()) + refused == count
    assert bench.counted("frames_unsent", "frames_unheard") == (refused, count - heard)
    assert len(bench.told) == bench.counted("error_frames")[0]


def test_a_babbling_node_is_heard_by_all_and_takes_its_part(bench: Bench) -> None:
    bench.bus.babble(1_000)
    bench.pass_ns(0.5e9)
    assert bench.counted("frames_babbled") == (500,)
    assert set(bench.other.received().can_id.tolist()) == {0}
    assert len(bench.bus.received()) == 500, "our controller hears it as well"
    bench.bus.babble(0)
    bench.pass_ns(1e9)
    assert bench.counted("frames_babbled") == (500,)


def test_beside_a_babbling_node_no_more_is_sent_than_fits(bench: Bench) -> None:
    bench.bus.babble(2_000)
    bench.pass_ns(10e9)
    free_bits = BURST_S * (BITRATE - 2_000 * frame_bits(is_extended=False, length=8))
    with pytest.raises(BenchError, match="another node leaves no room; look for one that babbles"):
        bench.bus.send(many(2_000))
    sent = len(bench.other.received()) - MAX_BABBLE
    assert sent == bench.counted("frames_sent")[0] - MAX_BABBLE
    assert 0 < sent * frame_bits(is_extended=False, length=4) <= BURST_S * BITRATE
    assert sent * frame_bits(is_extended=False, length=4) >= free_bits
    assert bench.counted("babble_missed") == (20_000 - MAX_BABBLE,)


def test_a_full_bus_leaves_nothing(bench: Bench) -> None:
    bench.bus.babble(20_000)
    bench.pass_ns(1e9)
    with pytest.raises(BenchError, match="1 of 1 frames not sent"):
        bench.bus.send(FRAME)
    fits = BITRATE // frame_bits(is_extended=False, length=8)
    assert bench.counted("frames_babbled") == (fits,), "no node sends more than fits"


@pytest.mark.parametrize(("is_extended", "length", "bits"), [(False, 8, 135), (True, 8, 160), (False, 0, 55)])
def test_the_length_of_a_frame_on_the_bus(is_extended: bool, length: int, bits: int) -> None:
    """The gateway's own figure for 29 bits of identifier is 160 (docs/link.md, clause 13)."""
    assert frame_bits(is_extended=is_extended, length=length) == bits


def test_trouble_that_cannot_be_is_refused(bench: Bench) -> None:
    for percent in (-1, 101, float("nan")):
        with pytest.raises(ValueError, match="of a hundred frames"):
            bench.bus.disturb(percent)
    with pytest.raises(ValueError, match="frames a second"):
        bench.bus.babble(-1)
