"""The target `unix` with the real firmware: what it hears of a BMS, its clock, its power, what it says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import serial

from packseal.io.enrol import hello_of
from packseal.io.micropython import micropython_command
from packseal_hil.bms import CanBms, JbdBoard, JbdOnPort, can_table
from packseal_hil.bms.can_frames import CELLS_1
from packseal_hil.protocols import BenchError
from packseal_hil.targets import open_target
from packseal_hil.targets.supply import VARIABLE, SupplyFile
from packseal_hil.targets.target import CAN_BITRATE
from packseal_hil.targets.unix import FLASH_SECTORS, UnixTarget, honest_clock_rate
from tests.firmware.conftest import FIRMWARE
from tests.firmware.test_with_gateway import Witness
from tests.hil.gathering import JBD, WAIT_S, boots, config, gather, measured, simulated, windows
from tests.hil.readings import CELLS, SENSORS, reading
from tests.hil.slcan_bus import SlcanBus
from tests.waiting import until

CUTS = (0, 1, 2, 3, 5, 17, 64, 199, 200, 1_000, 4_100, 4_500)


@contextmanager
def unix(folder: Path, clock_rate: int = 1) -> Iterator[UnixTarget]:
    target = UnixTarget(folder, clock_rate)
    try:
        yield target
    finally:
        target.close()


@contextmanager
def jbd_at(target: UnixTarget) -> Iterator[JbdOnPort]:
    bms = JbdOnPort(target.bms_port, JbdBoard(10_000), CELLS)
    try:
        yield bms
    finally:
        bms.close()


def test_its_log_holds_what_the_bms_showed(tmp_path: Path) -> None:
    witness = Witness()
    with unix(tmp_path) as target, jbd_at(target) as bms:
        bms.show(reading())
        target.start(config())
        gather(target, witness, lambda: len(measured(witness)) >= 2)
        bms.show(reading(cell_mv=np.full(CELLS, 3_900)))
        gather(target, witness, lambda: set(windows(witness)[-1].cell_mv) == {3_900})
        assert target.problem() == ""
    (first, *_) = measured(witness)
    assert list(first.cell_mv) == reading().cell_mv.tolist()
    assert list(first.temperature_ddegc) == [251, -37]
    (boot,) = boots(witness)
    assert (boot.firmware_hash, boot.source, boot.clock_rate) == (target.firmware_hash, 2, 1)


def test_its_log_holds_what_a_bms_on_a_can_bus_said(tmp_path: Path) -> None:
    table = can_table(CELLS_1, CELLS, SENSORS)
    settings = config(
        source="can",
        can={"table": sha256(table).hexdigest(), "max_age_ms": 1_000, "max_slow_age_ms": 10_000},
        can_bus={"bitrate": CAN_BITRATE, "data_bitrate": 0, "oscillator_hz": 0, "silent": 0},
    )
    del settings["jbd"]
    witness = Witness()
    with unix(tmp_path) as target:
        bus = SlcanBus(target.bms_port, CAN_BITRATE)
        bms = CanBms(bus, CELLS)
        try:
            bms.show(reading())
            target.start(settings, table)
            gather(target, witness, lambda: len(measured(witness)) >= 2)
        finally:
            bms.close()
            bus.close()
        assert target.problem() == ""
    window = measured(witness)[-1]
    assert list(window.cell_mv) == reading().cell_mv.tolist()
    assert (window.soc_reported_cpct, window.soh_reported_cpct) == (6_400, 9_300)
    assert boots(witness)[0].source == 1


def test_a_daly_is_asked_at_the_same_line(tmp_path: Path) -> None:
    daly = {**JBD, "board": 1, "first_frame": 1, "positive_charges": 0}
    settings = config(source="daly", daly=daly)
    del settings["jbd"]
    with unix(tmp_path) as target, serial.Serial(target.bms_port, timeout=WAIT_S) as bms:
        target.start(settings)
        assert bms.read(2) == b"\xa5\x40"
        assert target.problem() == ""


def test_a_gateway_reaches_it_over_its_can_bus(tmp_path: Path) -> None:
    bus = {"bitrate": CAN_BITRATE, "data_bitrate": 0, "oscillator_hz": 0, "silent": 0}
    with unix(tmp_path) as target:
        target.start(simulated(can_bus=bus, can_link={"address": 0x42, "live_ms": 1_000}))
        over_can = hello_of(f"slcan:{target.bms_port}@{CAN_BITRATE}#42", timeout_s=WAIT_S)
        assert over_can.genesis == hello_of(target.serial_port).genesis


def test_pack_time_runs_fast_and_the_wire_keeps_the_walls(tmp_path: Path) -> None:
    """60 s a second: with the time-outs in pack time, no answer would ever come in time."""
    assert honest_clock_rate(sample_ms=6_000) == 60
    witness = Witness()
    with unix(tmp_path, 60) as target, jbd_at(target) as bms:
        bms.show(reading())
        target.start(config(sample_ms=6_000, window_ms=60_000, jbd={**JBD, "poll_ms": 100}))
        gather(target, witness, lambda: len(measured(witness)) >= 3)
    assert sum(window.duration_ms for window in measured(witness)) > 150_000
    assert boots(witness)[0].clock_rate == 60


def test_power_goes_at_a_byte_of_the_flash_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """One gateway sees all lives: no number is used twice, every root is the one that was signed."""
    witness = Witness()
    with unix(tmp_path, 60) as target:
        target.start(simulated(window_ms=6_000))
        for life, cut_at in enumerate(CUTS, 1):
            gather(target, witness, lambda life=life: len(boots(witness)) >= life)  # type: ignore[misc]
            before = target.flash().written_bytes
            target.cut_power(at_flash_byte=cut_at)
            gather(target, witness, lambda: not target.is_on())
            # between the look and the arming it may have written an entry more
            assert 0 <= target.flash().written_bytes - before - cut_at < 1_000
            assert target.problem() == ""
            target.power_on()
        gather(target, witness, lambda: len(boots(witness)) > len(CUTS))
        assert target.starts == len(CUTS) + 1
    assert len(witness.logs) == 1


def test_a_cut_asked_for_before_the_power_comes_at_its_byte(tmp_path: Path) -> None:
    for cut_at in (0, 7, 8, 4_096, 4_130):
        with unix(tmp_path / str(cut_at)) as target:
            target.cut_power(at_flash_byte=cut_at)
            target.start(simulated())
            until(lambda target=target: not target.is_on(), "the cut")  # type: ignore[misc]
            assert (target.flash().written_bytes, target.problem()) == (cut_at, "")


@pytest.mark.parametrize("command", [[sys.executable], micropython_command()], ids=["python", "micropython"])
@pytest.mark.parametrize(("write", "left"), [("program(4090, b'1234')", b"12\xff\xff"), ("erase(1)", b"\xff\xff\0\0")])
def test_what_is_before_the_byte_is_there_and_nothing_behind(
    tmp_path: Path, command: list[str], write: str, left: bytes
) -> None:
    """The board's half of the supply, as a process of its own, for it dies."""
    flash, at = tmp_path / "flash.bin", 4_090 if "program" in write else 4_096
    flash.write_bytes(b"\xff" * 4_096 + (b"\0" * 4_096 if "erase" in write else b"\xff" * 4_096))
    supply = SupplyFile(tmp_path / "supply.bin", 2)
    supply.cut_in(2)
    paths = f"{FIRMWARE}:{FIRMWARE / 'boards/unix'}"
    program = f"import supply\nsupply.flash({str(flash)!r}, 2, 4096).{write}\nprint('it lives')"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": paths, "MICROPYPATH": f".frozen:{paths}"}
    environment |= {VARIABLE: str(supply.path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([*command, "-c", program], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")
    assert flash.read_bytes()[at : at + 4] == left
    assert (supply.written, supply.is_cut, supply.erase_counts()) == (2, True, [0, int("erase" in write)])


def test_erased_sectors_are_counted(tmp_path: Path) -> None:
    with unix(tmp_path, 600) as target:
        target.start(simulated(sample_ms=10_000, window_ms=10_000))
        witness = Witness()
        gather(target, witness, lambda: sum(target.flash().write_counts()) >= 2)
        counts = target.flash().write_counts()
    assert len(counts) == FLASH_SECTORS
    assert len(target.flash().content()) == FLASH_SECTORS * 4_096


def test_a_reset_is_a_new_life_of_the_same_log_and_ports_stay(tmp_path: Path) -> None:
    witness = Witness()
    with unix(tmp_path) as target:
        ports = (target.serial_port, target.bms_port)
        target.start(simulated())
        gather(target, witness, lambda: len(windows(witness)) >= 1)
        target.reset()
        gather(target, witness, lambda: len(boots(witness)) == 2)
        assert (target.serial_port, target.bms_port, target.starts) == (*ports, 2)
    assert len(witness.logs) == 1


def test_what_the_firmware_refuses_is_its_problem(tmp_path: Path) -> None:
    with unix(tmp_path) as target:
        target.start(config(jbd={}))
        until(lambda: not target.is_on(), "the end")
        assert "jbd: missing key max_age_ms" in target.problem()
        target.start(simulated())
        assert target.is_on()
        target.cut_power()
        assert "missing key" in target.said()
        assert (target.is_on(), target.problem()) == (False, "")


@pytest.mark.parametrize(
    ("word", "more", "words"),
    [
        ("arduino", {}, r"arduino: no such target; there are unix, cortex-m, board:PORT"),
        ("cortex-m", {"clock_rate": 60}, "only the target unix has a clock_rate"),
        ("board:/dev/serial/by-id/none", {}, r"none is not there; plug it in, or correct rig.toml"),
    ],
)
def test_a_word_that_opens_nothing_says_why(tmp_path: Path, word: str, more: dict[str, int], words: str) -> None:
    with pytest.raises(BenchError, match=words):
        open_target(word, tmp_path, **more)  # type: ignore[arg-type]


def test_a_word_opens_a_target(tmp_path: Path) -> None:
    target = open_target("unix", tmp_path, clock_rate=10)
    target.close()
    assert (target.name, target.clock_rate, target.is_on()) == ("unix", 10, False)
    with pytest.raises(ValueError, match="from 1 to 10000, not 0"):
        UnixTarget(tmp_path, 0)
