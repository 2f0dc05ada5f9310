"""An emulated slcan adapter with the product's and other people's clients, and the whole line over two of them."""

from __future__ import annotations

import os
import select
import tty
from collections.abc import Iterator
from pathlib import Path

import can
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logger.drivers.serial_file import SerialFile
from logger.drivers.slcan import Slcan
from packseal.io.can_receiver import Received
from packseal.io.can_slcan import SlcanReceiver
from packseal_hil.buses import Bridge, FaultyBus, SlcanAdapter, Wire, WireNode
from packseal_hil.buses.rows import frame_of, rows_of
from packseal_hil.buses.slcan_adapter import MAX_WAITING_BYTES
from packseal_hil.buses.wire import MAX_WAITING
from packseal_hil.line_tap import PseudoLine
from packseal_hil.protocols import BenchError
from tests.hil.bus_rig import BITRATE, LIVE_IDS, BusRig
from tests.line.conftest import needs_micropython
from tests.waiting import until

SHORT = frame_of(0x123, b"\x01\x02", is_extended=False)
LONG = frame_of(0x18DAF110, bytes(range(8)), is_extended=True)


class Bench:
    def __init__(self) -> None:
        self.wire = Wire()
        self.node = self.wire.node()
        self.adapter = SlcanAdapter(self.wire.node())

    def close(self) -> None:
        self.adapter.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


class Raw:
    """A client that writes what it likes."""

    def __init__(self, port: str) -> None:
        self._descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY)

    def ask(self, content: bytes, size: int) -> bytes:
        """What is answered, of this size."""
        os.write(self._descriptor, content)
        answer = b""
        while len(answer) < size and select.select([self._descriptor], [], [], 10)[0]:
            answer += os.read(self._descriptor, 256)
        return answer

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def raw(bench: Bench) -> Iterator[Raw]:
    client = Raw(bench.adapter.port)
    yield client
    client.close()


# ---- the protocol


def test_each_command_has_its_answer(bench: Bench, raw: Raw) -> None:
    for command, answer in [
        (b"V\r", b"V0101\r"),
        (b"t1230\r", b"\x07"),  # closed
        (b"S6\r", b"\r"),
        (b"O\r", b"\r"),
        (b"S5\r", b"\x07"),  # open
        (b"t12321122\r", b"z\r"),
        (b"T18DAF1100\r", b"Z\r"),
        (b"t1239\r", b"\x07"),
        (b"t12321\r", b"\x07"),
        (b"t80000\r", b"\x07"),
        (b"r1230\r", b"\x07"),
        (b"Q" * 200, b"\x07"),
        (b"\rC\r", b"\r"),
    ]:
        assert raw.ask(command, len(answer)) == answer, command
    assert [row[:2] for row in rows_of(bench.node.received())] == [(0x123, b"\x11\x22"), (0x18DAF110, b"")]
    assert (bench.adapter.frames_in, bench.adapter.refused) == (2, 7)


def test_one_that_was_opened_to_listen_sends_nothing(bench: Bench, raw: Raw) -> None:
    assert raw.ask(b"S6\rL\r", 2) == b"\r\r"
    assert raw.ask(b"t1230\r", 1) == b"\x07"
    bench.node.send(SHORT)
    assert raw.ask(b"", 10) == b"t12320102\r"
    assert len(bench.node.received()) == 0


def test_another_bit_rate_is_named_and_nothing_passes(bench: Bench, raw: Raw) -> None:
    assert raw.ask(b"S5\rO\r", 2) == b"\r\r"
    assert raw.ask(b"t1230\r", 1) == b"\x07"
    bench.node.send(SHORT)
    assert raw.ask(b"V\r", 6) == b"V0101\r"
    assert bench.adapter.problem().endswith("was opened for 250000 bit/s on a bus of 500000")


@settings(deadline=None, max_examples=30)
@given(st.binary(max_size=80))
def test_whatever_a_client_says_the_adapter_goes_on(noise: bytes) -> None:
    bench = Bench()
    raw = Raw(bench.adapter.port)
    os.write(raw._descriptor, noise + b"\rC\rS6\rO\r")
    until(lambda: (bench.adapter._may_send and bench.adapter._is_in_tune) or bool(bench.adapter.failure))
    os.write(raw._descriptor, b"t7FF1AA\r")
    until(lambda: (0x7FF, b"\xaa", False) in rows_of(bench.node.received()))
    raw.close()
    bench.close()


def test_a_client_that_does_not_read_loses_frames_and_they_are_counted(bench: Bench, raw: Raw) -> None:
    raw.ask(b"S6\rO\r", 2)
    sent = 0
    while not bench.adapter.frames_lost:
        for _ in range(100):
            bench.node.send(LONG)
        sent += 100
        until(lambda sent=sent: bench.adapter.frames_out + bench.adapter.frames_lost == sent)  # type: ignore[misc]
    assert sent > MAX_WAITING_BYTES // 27
    assert bench.adapter.problem() == f"{bench.adapter.frames_lost} frames lost"


def test_a_line_that_another_has_is_named(bench: Bench) -> None:
    taken = SlcanAdapter(bench.node, PseudoLine().port)
    with pytest.raises(BenchError, match="needs the line for itself"):
        SlcanAdapter(bench.node, taken.port)
    with pytest.raises(BenchError, match=r"/dev/nowhere.*needs the line for itself"):
        SlcanAdapter(bench.node, "/dev/nowhere")
    taken.close()


# ---- clients of others


def hear(receiver: SlcanReceiver, count: int) -> list[tuple[int, bytes, bool]]:
    found: list[tuple[int, bytes, bool]] = []
    until(lambda: len(found) >= count, meanwhile=lambda: found.extend(rows_of(receiver.receive(0.1).frames)))
    return found


def test_the_gateways_reader_and_python_can_on_one_bus(bench: Bench) -> None:
    second = SlcanAdapter(bench.wire.node())
    ours = SlcanReceiver(bench.adapter.port, BITRATE, may_send=True)
    theirs = can.Bus(second.port, "slcan", bitrate=BITRATE, sleep_after_open=0)
    until(lambda: bench.adapter._may_send and second._may_send)
    ours.send(0x7E4, b"\x03\x22", False)
    message = theirs.recv(10)
    assert message is not None
    assert (message.arbitration_id, bytes(message.data)) == (0x7E4, b"\x03\x22")
    theirs.send(can.Message(arbitration_id=0x18DB33F1, data=bytes(range(8)), is_extended_id=True))
    assert hear(ours, 1) == [(0x18DB33F1, bytes(range(8)), True)]
    bench.node.send(SHORT)
    assert hear(ours, 1) == [(0x123, b"\x01\x02", False)]
    theirs.shutdown()
    ours.close()
    second.close()


def test_the_firmwares_driver_is_told_of_a_bus_that_is_off(bench: Bench) -> None:
    bus = FaultyBus(bench.wire.node())
    board_end, adapters_end = os.openpty()
    tty.setraw(adapters_end)
    adapter = SlcanAdapter(bus, os.ttyname(adapters_end))
    line = SerialFile(board_end)
    driver = Slcan(line, BITRATE)
    until(lambda: adapter._may_send, "an open adapter", driver.receive)
    bus.short(True)
    assert driver.send(0x123, False, b"\x01")
    until(lambda: driver.faults == 1, "the refusal", driver.receive)
    bus.short(False)
    until(lambda: bus.counters()["state"] == 0)
    driver.send(0x123, False, b"\x02")
    until(lambda: (0x123, b"\x02", False) in rows_of(bench.node.received()), "the next frame", driver.receive)
    adapter.close()
    os.close(adapters_end)
    line._file.close()  # the firmware's driver is never closed


def test_what_a_gateway_counts_is_what_an_adapter_refused(bench: Bench) -> None:
    bus = FaultyBus(bench.wire.node())
    adapter = SlcanAdapter(bus)
    receiver = SlcanReceiver(adapter.port, BITRATE, may_send=True)
    until(lambda: adapter._may_send)
    bus.short(True)
    for _ in range(5):
        receiver.send(0x7E4, b"\x03", False)
    seen: list[Received] = []
    until(lambda: adapter.refused == 5)
    bus.short(False)
    until(lambda: bus.counters()["state"] == 0)
    bench.node.send(SHORT)  # refusals have no end of line: they are counted with the next line
    until(lambda: sum(one.error_frames for one in seen) == 5, meanwhile=lambda: seen.append(receiver.receive(0.1)))
    receiver.close()
    adapter.close()


# ---- wires and bridges


def test_a_node_that_nobody_reads_keeps_the_newest_and_counts_the_others() -> None:
    wire = Wire()
    sender, node = wire.node(), wire.node()
    for number in range(MAX_WAITING + 10):
        sender.send(frame_of(0x200, number.to_bytes(4, "little"), is_extended=False))
    frames = node.received()
    assert int.from_bytes(frames.data[0, :4].tobytes(), "little") == 10
    assert (node.counters()["frames_received"], node.counters()["frames_lost"]) == (MAX_WAITING, 10)
    assert node.problem() == "10 frames lost"


def test_a_node_that_has_left_hears_and_sends_nothing() -> None:
    wire = Wire()
    sender, node = wire.node(), wire.node()
    node.close()
    sender.send(SHORT)
    assert len(node.received()) == 0
    with pytest.raises(BenchError, match="has left its bus"):
        node.send(SHORT)


def test_a_bridge_carries_both_ways_and_tells_what_is_refused() -> None:
    (one, here), (other, there) = pair(), pair()
    bus = FaultyBus(here)
    bridge = Bridge(bus, there)
    one.send(SHORT)
    other.send(LONG)
    heard: list[tuple[int, bytes, bool]] = []

    def listen() -> None:
        heard.extend([*rows_of(one.received()), *rows_of(other.received())])

    until(lambda: len(heard) == 2, meanwhile=listen)
    assert sorted(row[0] for row in heard) == [0x123, 0x18DAF110]
    bus.short(True)
    other.send(LONG)
    until(lambda: bridge.refused == 1)
    assert "off the bus" in bridge.problem()
    bridge.close()
    assert bridge.carried == 2


def pair() -> tuple[WireNode, WireNode]:
    wire = Wire()
    return wire.node(), wire.node()


# ---- the whole line


def test_evidence_of_a_board_reaches_the_passport_through_two_adapters(tmp_path: Path) -> None:
    needs_micropython()
    wire = Wire()
    listener = wire.node()
    gateways = SlcanAdapter(wire.node())
    rig = BusRig(tmp_path, wire.node(), f"slcan:{gateways.port}@{BITRATE}")
    try:
        rig.start()
        rig.wait_for_receipts()
        assert len(rig.stored_records()) > 10, "each once, in order, none missing"
        assert (rig.adapter.problem(), gateways.problem(), rig.adapter.refused) == ("", "", 0)
        assert set(listener.received().can_id.tolist()) >= LIVE_IDS, "a third node hears the board's live values"
        assert listener.problem() == ""
    finally:
        rig.stop()
        gateways.close()
