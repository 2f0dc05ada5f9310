"""Drivers of what is beside the person at the bench: terminals, serial ports, buses, files, and what is simulated."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import can
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.frames import Frames
from packseal_hil.drivers.can_bus import BenchBus
from packseal_hil.drivers.flash_image import MAX_FLASH_BYTES, FlashImage
from packseal_hil.drivers.manual import TRIES, ManualChamber, ManualPower, Person
from packseal_hil.drivers.serial_console import SerialConsole
from packseal_hil.drivers.simulated import (
    ERASED,
    SECTOR_BYTES,
    SECTORS,
    SimulatedCells,
    SimulatedChamber,
    SimulatedConsole,
    SimulatedFlash,
    SimulatedPower,
)
from packseal_hil.protocols import BenchError
from packseal_hil.rig import FlashImageTable, PythonCanTable, SerialTable, SimulatedCanTable
from tests.hil.pseudo_terminal import PseudoTerminal
from tests.hil.readings import CELLS, reading
from tests.waiting import until


@pytest.fixture
def terminal() -> Iterator[PseudoTerminal]:
    terminal = PseudoTerminal()
    yield terminal
    terminal.close()


def frames(*rows: tuple[int, bool, bytes]) -> Frames:
    data = b"".join(content.ljust(64, b"\0") for _, _, content in rows)
    return Frames(
        can_id=np.array([row[0] for row in rows], np.uint32),
        is_extended=np.array([row[1] for row in rows], np.bool_),
        time_ns=np.zeros(len(rows), np.int64),
        channel=np.zeros(len(rows), np.uint8),
        length=np.array([len(row[2]) for row in rows], np.uint8),
        data=np.frombuffer(data, np.uint8).reshape(len(rows), 64),
    )


@pytest.fixture
def person_at() -> Iterator[PseudoTerminal]:
    terminal = PseudoTerminal(is_raw=False)
    yield terminal
    terminal.close()


def test_a_person_is_asked_and_answers_with_enter(person_at: PseudoTerminal) -> None:
    power = ManualPower(Person(10, person_at.path))
    with person_at.answering(b"\n", b"done\n"):
        power.on()
        power.off()
    power.close()
    assert b"please switch the board's power ON, then press Enter" in person_at.heard
    assert b"power OFF" in person_at.heard


@pytest.mark.parametrize("answer", [b"n\n", b" No \n"])
def test_a_person_may_say_no(person_at: PseudoTerminal, answer: bytes) -> None:
    power = ManualPower(Person(10, person_at.path))
    with (
        person_at.answering(answer),
        pytest.raises(BenchError, match="said no to: please switch the board's power OFF"),
    ):
        power.off()
    power.close()


@pytest.mark.parametrize("typed", [b"", b"half a line", b"\n"])
def test_what_was_typed_before_is_no_answer(person_at: PseudoTerminal, typed: bytes) -> None:
    power = ManualPower(Person(1, person_at.path))
    person_at.type(typed)
    with pytest.raises(BenchError, match=r"nobody answered within 1 s: please switch .* ON.*patience_s in rig\.toml"):
        power.on()
    power.close()


def test_a_terminal_that_ends_is_no_answer(person_at: PseudoTerminal) -> None:
    power = ManualPower(Person(10, person_at.path))
    with person_at.answering(b"\x04"), pytest.raises(BenchError, match="the terminal has ended"):
        power.on()
    person_at.pull_out()
    with pytest.raises(BenchError, match="the terminal has ended"):
        power.off()
    power.close()


def test_an_answer_of_any_length_takes_little_room(terminal: PseudoTerminal) -> None:
    power = ManualPower(Person(10, terminal.path))
    with terminal.answering(b"x" * 20_000 + b"\n"):
        power.on()
    power.close()


def test_without_a_terminal_nobody_can_be_asked(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no terminal to ask anybody at .*another driver"):
        Person(10, tmp_path / "absent")


@pytest.mark.parametrize(
    ("answers", "temperature_c"),
    [([b"24.5\n"], 24.5), ([b"-3,25\n"], -3.25), ([b"warm\n", b"\xff\n", b"21 \xc2\xb0C\n"], 21.0)],
)
def test_a_person_reads_the_thermometer(person_at: PseudoTerminal, answers: list[bytes], temperature_c: float) -> None:
    chamber = ManualChamber(Person(10, person_at.path))
    with person_at.answering(*answers):
        assert chamber.temperature_c() == temperature_c
    chamber.close()


@pytest.mark.parametrize("answer", [b"warm\n", b"nan\n", b"1e9\n", b"\n"])
def test_what_is_no_temperature_is_given_up(person_at: PseudoTerminal, answer: bytes) -> None:
    chamber = ManualChamber(Person(10, person_at.path))
    with person_at.answering(*[answer] * TRIES), pytest.raises(BenchError, match="no temperature in 3 answers"):
        chamber.temperature_c()
    chamber.close()


def test_a_person_sets_the_chamber(person_at: PseudoTerminal) -> None:
    chamber = ManualChamber(Person(10, person_at.path))
    with person_at.answering(b"\n"):
        chamber.set_temperature_c(-10.0)
    assert "bring the pack to -10.0 °C".encode() in person_at.heard
    chamber.close()


def test_a_console_is_read_and_written(terminal: PseudoTerminal) -> None:
    console = SerialConsole(SerialTable(driver="serial", port=str(terminal.path)))
    assert console.read() == b""
    console.write(b"help\r\n")
    terminal.hear(b"help\r\n")
    terminal.type(b"> \xff")
    heard = bytearray()
    until(lambda: heard == b"> \xff", "what was typed", lambda: heard.extend(console.read()))
    console.close()


def test_a_console_that_is_not_there_or_goes_is_told() -> None:
    with pytest.raises(BenchError, match=r"console /dev/nowhere: .*check its cable"):
        SerialConsole(SerialTable(driver="serial", port="/dev/nowhere"))
    terminal = PseudoTerminal()
    console = SerialConsole(SerialTable(driver="serial", port=str(terminal.path)))
    terminal.close()
    with pytest.raises(BenchError, match=rf"console {terminal.path}: "):
        console.read()
    console.close()


@pytest.fixture
def channel() -> str:
    return uuid.uuid4().hex


def bus(channel: str, name: str = "pack") -> BenchBus:
    return BenchBus(SimulatedCanTable(name=name, driver="simulated", channel=channel))


def test_buses_of_one_channel_hear_each_other(channel: str) -> None:
    one, other = bus(channel), bus(channel, "other")
    sent = frames((0x123, False, b"\x01\x02"), (0x1ABCDEF0, True, b""), (0x7FF, False, bytes(range(8))))
    one.send(sent)
    heard: list[Frames] = []
    until(lambda: sum(map(len, heard)) == 3, "the frames", lambda: heard.append(other.received()))
    came = Frames.concatenate(heard)
    assert came.can_id.tolist() == [0x123, 0x1ABCDEF0, 0x7FF]
    assert came.is_extended.tolist() == [False, True, False]
    assert [came.data[row, : came.length[row]].tobytes() for row in range(3)] == [b"\x01\x02", b"", bytes(range(8))]
    assert (one.counters()["frames_sent"], other.counters()["frames_received"]) == (3, 3)
    assert (one.problem(), other.problem(), len(one.received())) == ("", "", 0)
    one.close()
    other.close()


def test_error_frames_are_counted_beside_the_frames(channel: str) -> None:
    ours = bus(channel)
    with can.Bus(channel, "virtual", ignore_config=True) as peer:
        peer.send(can.Message(arbitration_id=4, is_error_frame=True, is_extended_id=False, data=bytes([0, 1])))
        until(lambda: ours.counters()["error_frames"] == 1, "the error frame")
    until(lambda: ours.problem() == "1 frames lost", "the lost frame")
    ours.send(frames((1, False, b"")))
    ours.close()


@pytest.mark.parametrize(
    ("interface", "channel", "words"),
    [
        ("slcn", "/dev/ttyACM0", "bus 'pack': .*did you mean 'slcan'.*correct rig.toml"),
        ("slcan", "/dev/nowhere", "bus 'pack': no connection: .*check interface and channel"),
        ("socketcan", "vcan99", "bus 'pack': no connection: .*check interface and channel"),
        ("slcan", None, "bus 'pack': it has no channel, and the target no line to its BMS"),
    ],
)
def test_a_bus_that_cannot_be_opened_says_so_at_once(interface: str, channel: str | None, words: str) -> None:
    with pytest.raises(BenchError, match=words):
        BenchBus(PythonCanTable(name="pack", driver="python-can", interface=interface, channel=channel))


def test_an_slcan_line_without_a_channel_is_the_targets(terminal: PseudoTerminal) -> None:
    table = PythonCanTable(name="pack", driver="python-can", interface="slcan")
    line = BenchBus(table, str(terminal.path))
    terminal.hear(b"C\rS6\rO\r")
    line.send(frames((0x123, False, b"\xaa\xbb")))
    terminal.hear(b"t1232AABB\r")
    terminal.type(b"t45610C\r")
    until(lambda: line.counters()["frames_received"] == 1, "the frame")
    line.close()


def test_a_bus_that_has_gone_takes_nothing(terminal: PseudoTerminal) -> None:
    line = BenchBus(PythonCanTable(name="pack", driver="python-can", interface="slcan"), str(terminal.path))
    terminal.type(b"t1230\r")
    terminal.pull_out()
    until(lambda: line.problem().startswith("no connection"), "the loss")
    with pytest.raises(BenchError, match=r"bus 'pack': no connection: .*check the adapter"):
        line.send(frames((1, False, b"")))
    line.close()


def test_an_image_of_a_flash_is_its_content(tmp_path: Path) -> None:
    path = tmp_path / "flash.bin"
    flash = FlashImage(FlashImageTable(driver="image", path=path))
    with pytest.raises(BenchError, match="read the board's flash out into it first"):
        flash.content()
    path.write_bytes(b"\xff" * 10)
    assert flash.content() == b"\xff" * 10
    with pytest.raises(BenchError, match="does not say how often"):
        flash.write_counts()
    with path.open("r+b") as image:
        image.truncate(MAX_FLASH_BYTES + 1)
    with pytest.raises(BenchError, match=r"flash\.bin"):
        flash.content()


def test_simulated_things_keep_what_they_are_told() -> None:
    power, chamber, console = SimulatedPower(), SimulatedChamber(), SimulatedConsole()
    power.on()
    power.on()
    power.off()
    assert (power.is_on, power.switched) == (False, 2)
    chamber.set_temperature_c(-20.0)
    assert chamber.temperature_c() == -20.0
    console.say(b"ready")
    console.write(b"go")
    assert (console.read(), console.read(), console.written) == (b"ready", b"", b"go")


def test_simulated_cells_take_readings_of_their_size() -> None:
    cells = SimulatedCells(CELLS)
    cells.show(reading())
    assert cells.reading is not None
    with pytest.raises(BenchError, match="has 11 cell blocks"):
        cells.show(reading(cell_mv=np.full(CELLS - 1, 3600, np.int64)))


@given(st.lists(st.tuples(st.integers(0, SECTORS * SECTOR_BYTES - 4), st.binary(max_size=4)), max_size=6))
def test_a_simulated_flash_clears_bits_and_an_erase_sets_them(writes: list[tuple[int, bytes]]) -> None:
    flash = SimulatedFlash()
    for at, content in writes:
        before = flash.content()[at : at + len(content)]
        flash.program(at, content)
        assert flash.content()[at : at + len(content)] == bytes(a & b for a, b in zip(before, content, strict=True))
    flash.erase(1)
    assert flash.content()[SECTOR_BYTES : 2 * SECTOR_BYTES] == bytes([ERASED]) * SECTOR_BYTES
    assert flash.write_counts() == [0, 1, *[0] * (SECTORS - 2)]


def test_nothing_is_written_beyond_a_simulated_flash() -> None:
    flash = SimulatedFlash()
    with pytest.raises(BenchError, match=f"the simulated flash has {SECTORS * SECTOR_BYTES}"):
        flash.program(SECTORS * SECTOR_BYTES - 1, b"ab")
    assert set(flash.content()) == {ERASED}
