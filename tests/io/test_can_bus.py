"""A bus on python-can's virtual interface: frames as arrays, losses counted, opened again whenever it goes away."""

from __future__ import annotations

import contextlib
import queue
import uuid
from collections.abc import Callable, Iterator

import can
import pytest

from packseal.errors import ConfigError
from packseal.frames import Frames
from packseal.io.can_bus import MAX_BATCHES, CanBus, receiver_opener
from packseal.io.can_python import PythonCanReceiver, frames_of, opener
from packseal.io.can_receiver import FrameFilter
from tests.waiting import until

WAIT_S = 10


class Plug:
    """A virtual channel that can be pulled out, and whose adapter may be missing at first."""

    def __init__(self, missing: int = 0) -> None:
        self.channel = uuid.uuid4().hex
        self.missing = missing
        self.buses: list[can.BusABC] = []
        self.states: queue.Queue[str] = queue.Queue()
        self.peer = can.Bus(self.channel, "virtual", ignore_config=True)

    def open(self) -> PythonCanReceiver:
        if self.missing:
            self.missing -= 1
            raise OSError(19, "No such device")
        self.buses.append(opener("virtual", self.channel, None)())
        return PythonCanReceiver(self.buses[-1])

    def send(self, can_id: int, data: bytes, **flags: bool) -> None:
        self.peer.send(can.Message(arbitration_id=can_id, data=data, **{"is_extended_id": False, **flags}))


@pytest.fixture
def run() -> Iterator[Callable[[Plug], CanBus]]:
    running: list[tuple[Plug, CanBus]] = []

    def start(plug: Plug) -> CanBus:
        bus = CanBus(plug.channel, plug.open, plug.states.put)
        running.append((plug, bus))
        bus.start()
        return bus

    yield start
    for plug, bus in running:
        bus.stop()
        plug.peer.shutdown()


def next_frames(bus: CanBus) -> Frames:
    """The next frames that come; batches without any are passed over."""
    while True:
        frames, until_ns = bus.batches.get(timeout=WAIT_S)
        if len(frames):
            assert frames.time_ns[-1] <= until_ns
            return frames


def test_data_frames_come_as_they_were_sent(run: Callable[[Plug], CanBus]) -> None:
    plug = Plug()
    bus = run(plug)
    assert plug.states.get(timeout=WAIT_S) == "connected"
    plug.send(0x123, b"\x01\x02")
    first = next_frames(bus)
    plug.send(0x18DAF110, bytes(range(8)), is_extended_id=True)
    second = next_frames(bus)
    frames = Frames.concatenate([first, second])
    assert frames.can_id.tolist() == [0x123, 0x18DAF110]
    assert frames.is_extended.tolist() == [False, True]
    assert frames.length.tolist() == [2, 8]
    assert frames.data.tobytes() == b"\x01\x02" + bytes(6) + bytes(range(8))
    assert (frames.time_ns[1:] > frames.time_ns[:-1]).all()
    assert bus.counts.by_key() == {1: 2, 2: 0, 3: 0, 5: 0}


def test_error_frames_are_counted_and_an_overflow_is_a_loss(run: Callable[[Plug], CanBus]) -> None:
    plug = Plug()
    bus = run(plug)
    plug.states.get(timeout=WAIT_S)
    plug.send(0x04, b"\x00\x01" + bytes(6), is_error_frame=True)
    plug.send(0x04, b"\x00\x04" + bytes(6), is_error_frame=True)
    plug.send(0x100, b"", is_remote_frame=True)
    plug.send(0x101, b"\x07")
    assert next_frames(bus).can_id.tolist() == [0x101]
    assert bus.counts.by_key() == {1: 2, 2: 1, 3: 2, 5: 0}


def test_a_bus_that_goes_away_is_opened_again_and_counted(run: Callable[[Plug], CanBus]) -> None:
    plug = Plug(missing=1)
    bus = run(plug)
    assert "No such device" in plug.states.get(timeout=WAIT_S)
    assert plug.states.get(timeout=WAIT_S) == "connected"
    plug.buses[0].shutdown()
    assert plug.states.get(timeout=WAIT_S).startswith("no connection: Cannot operate on a closed bus")
    assert plug.states.get(timeout=WAIT_S) == "connected"
    plug.send(0x123, b"\x01")
    assert next_frames(bus).can_id.tolist() == [0x123]
    assert bus.counts.reopened == 1


def test_what_finds_no_room_is_counted_frame_by_frame(run: Callable[[Plug], CanBus]) -> None:
    plug = Plug()
    bus = run(plug)
    plug.states.get(timeout=WAIT_S)
    with contextlib.suppress(queue.Full):
        for _ in range(MAX_BATCHES):
            bus.batches.put_nowait((Frames.empty(), 0))
    plug.send(0x123, b"\x01")
    plug.send(0x124, b"\x01")
    until(lambda: bus.counts.frames_lost == 2, "the second lost frame")
    assert (bus.counts.frames_received, bus.counts.frames_lost, bus.counts.frames_unread) == (2, 2, 2)


def test_a_long_frame_widens_the_array() -> None:
    messages = [can.Message(data=b"\x01"), can.Message(data=bytes(range(64)), is_fd=True)]
    frames = frames_of(messages, [1, 2])
    assert frames.data.shape == (2, 64)
    assert frames.data[1].tobytes() == bytes(range(64))
    assert len(frames_of([], [])) == 0


def test_an_interface_that_python_can_does_not_have_is_named() -> None:
    with pytest.raises(ConfigError, match=r"interface 'socketcam': no such interface; did you mean 'socketcan'\?"):
        receiver_opener("socketcam", "can0", None)


class PulledOut(can.BusABC):
    """A driver whose adapter is pulled out after these messages."""

    def __init__(self, messages: list[can.Message]) -> None:
        super().__init__("none")
        self.messages = messages

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:  # noqa: ARG002 - as it is called
        if not self.messages:
            raise can.CanOperationError("the adapter is gone")
        return self.messages.pop(0), True

    def send(self, msg: can.Message, timeout: float | None = None) -> None:  # noqa: ARG002 - as it is called
        raise can.CanOperationError("the adapter is gone")


def test_what_came_before_the_adapter_was_pulled_out_is_not_lost() -> None:
    receiver = PythonCanReceiver(PulledOut([can.Message(arbitration_id=number) for number in range(5)]))
    assert receiver.receive(1).frames.can_id.tolist() == list(range(5))
    for _ in range(2):
        with pytest.raises(can.CanOperationError, match="the adapter is gone"):
            receiver.receive(1)
    receiver.close()


def test_filters_keep_no_error_frame_away() -> None:
    plug = Plug()
    wanted = [FrameFilter(0x101, 0x7FF, False)]
    bus = CanBus(plug.channel, receiver_opener("virtual", plug.channel, None, wanted), plug.states.put)
    bus.start()
    assert plug.states.get(timeout=WAIT_S) == "connected"
    plug.send(0x04, b"\x00\x01" + bytes(6), is_error_frame=True)
    plug.send(0x101, b"\x07")
    assert next_frames(bus).can_id.tolist() == [0x101]
    assert bus.counts.by_key() == {1: 1, 2: 1, 3: 1, 5: 0}
    bus.stop()
    plug.peer.shutdown()
