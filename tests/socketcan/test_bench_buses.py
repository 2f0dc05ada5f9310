"""The bench's buses in a real kernel: its node, a gateway behind an emulated controller, evidence over vcan."""

from __future__ import annotations

import queue
from pathlib import Path

import pytest

from packseal.apps.demo import board_config
from packseal.io.board import open_line
from packseal.io.can_bus import CanBus, receiver_opener
from packseal.io.can_line import READ_TIMEOUT_S
from packseal.io.enrol import hello_of
from packseal.io.link import Kind, encode_frame
from packseal.io.unix_board import UnixBoard
from packseal_hil.buses import Bridge, FaultyBus, SlcanAdapter
from packseal_hil.buses.rows import frame_of, rows_of
from packseal_hil.buses.vcan import VcanNode
from packseal_hil.protocols import BenchError
from tests.firmware.test_with_gateway import SERVICE, Witness
from tests.hil.bus_rig import ADDRESS, CAN, LIVE_IDS
from tests.line.conftest import needs_micropython
from tests.waiting import until

SHORT = frame_of(0x123, b"\x01\x02", is_extended=False)
LONG = frame_of(0x18DAF110, bytes(range(64)), is_extended=True)


def test_a_node_hears_what_another_sends() -> None:
    one, other = VcanNode("vcan0"), VcanNode("vcan0")
    one.send(SHORT)
    one.send(LONG)
    frames = other.received()
    assert [(row[0], row[1].rstrip(b"\0"), row[2]) for row in rows_of(frames)] == [
        (0x123, b"\x01\x02", False),
        (0x18DAF110, bytes(range(64)), True),
    ]
    assert len(one.received()) == 0
    assert (one.counters()["frames_sent"], other.counters()["frames_received"]) == (2, 2)
    one.close()
    other.close()


def test_an_interface_that_is_not_there_is_named() -> None:
    with pytest.raises(BenchError, match=r"vcan9: .*No such device"):
        VcanNode("vcan9")


def test_a_gateway_counts_what_the_controller_before_it_says() -> None:
    """vcan0 is the wire, vcan1 the gateway's interface, a faulty controller between them."""
    sender, wire, interface = VcanNode("vcan0"), VcanNode("vcan0"), VcanNode("vcan1")
    bus = FaultyBus(wire, seed=4, told=interface.tell)
    bridge = Bridge(bus, interface)
    states: queue.Queue[str] = queue.Queue()
    gateway = CanBus("vcan1", receiver_opener("socketcan", "vcan1", None), states.put)
    gateway.start()
    assert states.get(timeout=10) == "connected"
    bus.disturb(30)
    for number in range(100):
        sender.send(frame_of(0x200, bytes([number]), is_extended=False))
    until(lambda: gateway.counts.frames_received == 100, "all, for they are sent again")
    bus.disturb(0)
    bus.short(True)
    counters = bus.counters()
    assert (counters["bus_offs"], counters["transmit_errors"]) == (1, 256)
    assert counters["frames_destroyed"] > 32 + 10
    until(lambda: gateway.counts.error_frames == counters["error_frames"], "every error frame")
    bus.short(False)
    until(lambda: bus.counters()["state"] == 0, "the controller back on its bus")
    sender.send(SHORT)
    until(lambda: gateway.counts.frames_received == 101, "the next frame")
    bridge.close()
    gateway.stop()
    for node in (sender, wire, interface):
        node.close()


def test_evidence_of_a_board_is_verified_and_receipted_over_a_real_kernels_bus(tmp_path: Path) -> None:
    """The board's own process at one end, the gateway's line and the verifier at the other."""
    needs_micropython()
    wire, listener, witness = VcanNode("vcan0"), VcanNode("vcan0"), Witness()
    board = UnixBoard(tmp_path / "board", board_config(bytes(SERVICE.verify_key)) | CAN)
    adapter = SlcanAdapter(wire, board.second_port)
    board.start()
    with open_line(f"socketcan:vcan0#{ADDRESS:02x}", 0) as line:

        def turn() -> None:
            for _ in range(10):
                line.write(witness.receive(line.read(READ_TIMEOUT_S)))

        line.write(encode_frame(Kind.ASK))
        until(lambda: bool(witness.logs) and witness.logs[-1].size > 10, "verified records", turn)
        until(lambda: hello_of(board.port).receipted_size > 3, "a receipt kept by the board", turn)
    adapter.close()
    board.stop()
    assert [entry.seq for entry in witness.entries] == list(range(len(witness.entries)))
    assert (adapter.problem(), adapter.refused) == ("", 0)
    assert set(listener.received().can_id.tolist()) >= LIVE_IDS
    wire.close()
    listener.close()
