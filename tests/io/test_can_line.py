"""A board on a CAN bus: the firmware's own link over ISO-TP on one side, the gateway's line on the other."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import can
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logger.core.can_hub import CanHub
from logger.core.can_link import line_on
from packseal.errors import ConfigError
from packseal.io.board import open_line
from packseal.io.can_line import FRAME_BITS, READ_TIMEOUT_S, CanLine, CanPort, pause_ms
from packseal.io.enrol import hello_of
from packseal.io.link import Frame, FrameReader, Kind, encode_frame, messages_of
from packseal.io.session import BoardSession
from packseal.signals import load_dbc
from tests.firmware.test_with_gateway import Witness
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
BOARD_TESTS = ROOT / "tests" / "firmware" / "board_tests"
DBC = ROOT / "dbc" / "packseal.dbc"
BMS_ID = 0x1DB


class Controller:
    """python-can's virtual bus as a controller of the board: every fifth time no mailbox is free, and what it has
    received is good until the next call."""

    lost = 0

    def __init__(self, channel: str, max_data_bytes: int) -> None:
        self.max_data_bytes = max_data_bytes
        self.bus = can.Bus(channel, "virtual")
        self.sent = 0
        self._frame: list[Any] = [0, False, b""]

    def state(self) -> int:
        return 0

    def send(self, can_id: int, is_extended: bool, data: bytes, is_fd: bool = False) -> bool:
        self.sent += 1
        if self.sent % 5 == 0:
            return False
        assert is_fd == (len(data) > 8)
        self.bus.send(can.Message(arbitration_id=can_id, is_extended_id=is_extended, data=data, is_fd=is_fd))
        return True

    def receive(self) -> list[Any] | None:
        message = self.bus.recv(0)
        if message is None:
            return None
        self._frame[:] = message.arbitration_id, message.is_extended_id, bytes(message.data)
        return self._frame


class BoardOnBus:
    """The firmware's board of the tests, turned by a thread."""

    def __init__(self, bench: Any, channel: str, address: int, max_data_bytes: int) -> None:
        flash = importlib.import_module("memory_flash").MemoryFlash(16, 4096)
        self.board = bench.Board(flash, 1_000, 10_000, 4, 4)
        self.controller = Controller(channel, max_data_bytes)
        hub = CanHub(self.controller)
        self.bms = hub.view()
        self.line = line_on(hub, self.board.logger, {"address": address, "live_ms": 1_000})
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(0.0002):
            self.board.now_ms += 40  # a window every 250 turns
            self.board.logger.step(self.board.now_ms)
            self.line.step(time.monotonic_ns() // 1_000_000)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self.controller.bus.shutdown()


@pytest.fixture
def on_bus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[BoardOnBus]:
    monkeypatch.syspath_prepend(BOARD_TESTS)
    bench = importlib.import_module("bench")
    found = BoardOnBus(bench, request.node.name, 0xE0, getattr(request, "param", 8))
    yield found
    found.stop()


@pytest.mark.parametrize(("on_bus", "form"), [(8, ""), (64, "+fd")], ids=["classic", "fd"], indirect=["on_bus"])
def test_evidence_reaches_a_receipt_beside_the_traffic_of_a_bms(
    on_bus: BoardOnBus, form: str, request: pytest.FixtureRequest
) -> None:
    witness = Witness()
    other = can.Bus(request.node.name, "virtual")
    with open_line(f"virtual:{request.node.name}{form}", 0) as line:
        line.write(encode_frame(Kind.ASK))  # what the board said unasked was said before this line was open
        for turn in range(4_000):
            if turn % 4 == 0:
                other.send(can.Message(arbitration_id=BMS_ID, is_extended_id=False, data=bytes(8)))
            line.write(witness.receive(line.read(READ_TIMEOUT_S)))
            if witness.logs and witness.logs[-1].size > 40 and on_bus.board.log.receipted_size > 30:
                break
    other.shutdown()
    assert on_bus.board.log.receipted_size > 30
    assert on_bus.board.link.frames_refused == 0
    assert tuple(on_bus.bms.receive()) == (BMS_ID, False, bytes(8)), (
        "who reads the BMS gets its frames from the same controller"
    )


def test_a_board_says_who_it_is_over_can(on_bus: BoardOnBus, request: pytest.FixtureRequest) -> None:
    assert hello_of(f"virtual:{request.node.name}").genesis == on_bus.board.keys.identity.genesis


@pytest.mark.usefixtures("on_bus")
def test_live_values_are_what_any_tool_reads(request: pytest.FixtureRequest) -> None:
    names = {message.key & 0x1FFFFFFF: message.name for message in load_dbc(DBC.read_bytes()).messages}
    listener = can.Bus(request.node.name, "virtual")
    found: dict[str, dict[str, Any]] = {}
    for _ in range(2_000):
        message = listener.recv(1)
        assert message is not None
        if message.arbitration_id in names:
            found[names[message.arbitration_id]] = cantools_values(message)
        if len(found) == 4 and found["PACKSEAL_Log"]["LogSize"] > 3:
            break
    listener.shutdown()
    assert 18 < found["PACKSEAL_Pack"]["PackVoltage"] < 26
    assert 3 < found["PACKSEAL_Cells"]["CellVoltageMin"] <= found["PACKSEAL_Cells"]["CellVoltageMax"] < 4.3
    assert 20 < found["PACKSEAL_Cells"]["TemperatureMin"] <= found["PACKSEAL_Cells"]["TemperatureMax"] < 35
    assert str(found["PACKSEAL_Health"]["SohCapacity"]) == "not yet known"


def cantools_values(message: can.Message) -> dict[str, Any]:
    import cantools  # noqa: PLC0415 - the tool of other people

    database: Any = cantools.database.load_file(DBC)
    values: dict[str, Any] = database.decode_message(message.arbitration_id, message.data)
    return values


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("socketcan:can0", CanPort("socketcan", "can0")),
        ("slcan:/dev/ttyACM0@500000", CanPort("slcan", "/dev/ttyACM0", 500_000)),
        ("socketcan:can1#05", CanPort("socketcan", "can1", None, 5)),
        ("slcan:COM3@250000#A1", CanPort("slcan", "COM3", 250_000, 0xA1)),
        ("socketcan:can0+fd", CanPort("socketcan", "can0", is_fd=True)),
        ("kvaser:0@500000+fd2000000#03", CanPort("kvaser", "0", 500_000, 3, True, 2_000_000)),
        ("/dev/ttyUSB0", None),
        ("/dev/serial/by-id/usb-a:b", None),
        ("COM3", None),
        ("nosuch:can0", None),
    ],
)
def test_how_a_port_is_written(text: str, port: CanPort | None) -> None:
    assert CanPort.parse(text) == port


def test_an_address_that_no_board_can_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="from 00 to fd"):
        CanPort.parse("socketcan:can0#fe")


HEADS = [0x02, 0x07, 0x0F, 0x10, 0x13, 0x1F, 0x20, 0x21, 0x22, 0x2F, 0x30, 0x31, 0x32, 0x33, 0x40, 0xF0]
heads = st.builds(lambda head, rest: bytes([head]) + rest, st.sampled_from(HEADS), st.binary(max_size=7))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.binary(max_size=8) | heads, max_size=12))
def test_frames_that_no_board_sends_are_counted_and_the_next_message_gets_in(rain: list[bytes]) -> None:
    """The reader's clock is not turned: what the rain has begun is ended by the message behind it."""
    port = CanPort("virtual", f"rain {id(rain)}")
    session = BoardSession()
    with can.Bus(port.channel, "virtual") as board, CanLine(port) as line:
        for data in [*rain, b"\x05" + messages_of(encode_frame(Kind.ASK))[0]]:
            board.send(can.Message(arbitration_id=port.ids[1], is_extended_id=True, data=data))
        board.send(can.Message(arbitration_id=port.ids[1], is_extended_id=True, is_remote_frame=True, dlc=8))
        board.send(can.Message(arbitration_id=port.ids[1] ^ 1, is_extended_id=True, data=b"\x02hi"))
        heard = b""
        while content := line.read(READ_TIMEOUT_S):
            heard += content
            session.receive(content, 1)
    frames = FrameReader().feed(heard)
    assert Frame(Kind.ASK, b"") in frames
    no_room = sum(data[:1] == b"\x32" for data in rain)  # "overflow" ends a message of ours: no frame of the board's
    assert session.frames_refused >= line.broken_off - no_room


def test_a_message_that_breaks_off_is_told_to_the_session_which_asks_for_it_at_once() -> None:
    port = CanPort("virtual", "breaks off")
    with can.Bus(port.channel, "virtual") as board, CanLine(port) as line:
        for data in (b"\x10\x14abcdef", b"\x21ghijklm", b"\x23nopqrst"):
            board.send(can.Message(arbitration_id=port.ids[1], is_extended_id=True, data=data))
        reader = FrameReader()
        assert reader.feed(line.read(READ_TIMEOUT_S)) == []
    assert (reader.refused, line.broken_off) == (1, 1)


def test_a_message_of_ours_that_nobody_takes_is_not_counted_as_the_boards() -> None:
    port = CanPort("virtual", "nobody")
    session = BoardSession()
    with CanLine(port) as line:
        line.write(encode_frame(Kind.RECEIPT, bytes(100)))
        until(lambda: line.broken_off == 1, meanwhile=lambda: session.receive(line.read(READ_TIMEOUT_S), 1))
    assert session.frames_refused == 0


@pytest.mark.parametrize(
    ("bitrate", "pause"), [(1_000_000, 1), (500_000, 2), (250_000, 3), (125_000, 5), (10_000, 54), (5_000, 107)]
)
def test_a_board_never_takes_more_than_its_share_of_a_bus(bitrate: int, pause: int) -> None:
    assert pause_ms(bitrate) == pause
    assert 1_000 / pause * FRAME_BITS <= 0.3 * bitrate
