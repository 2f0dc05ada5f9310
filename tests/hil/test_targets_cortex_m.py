"""The target `cortex-m`: the firmware on an emulated microcontroller, with a BMS at its UART and its power cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from packseal.io.qemu_board import QemuBoard, QemuOptions
from packseal.io.raw_console import RawConsole
from packseal_hil.bms import JbdBoard, JbdOnPort
from packseal_hil.protocols import BenchError
from packseal_hil.targets import Target, Wiring, open_target
from packseal_hil.targets.board import BoardTarget
from packseal_hil.targets.cortex_m import LOG_BYTES
from tests.firmware.cortex_m import emulated, missing, rom
from tests.firmware.test_with_gateway import Witness
from tests.hil.gathering import boots, config, gather, measured, simulated, windows
from tests.hil.readings import CELLS, reading
from tests.waiting import until

CUTS = (0, 40, 300, 900)


@pytest.fixture
def cortex_m(tmp_path: Path) -> Iterator[Target]:
    try:
        target = open_target("cortex-m", tmp_path)
    except BenchError as error:
        missing(error)
    yield target
    target.close()


def test_it_logs_a_bms_at_its_uart(cortex_m: Target) -> None:
    witness = Witness()
    bms = JbdOnPort(cortex_m.bms_port, JbdBoard(10_000), CELLS)
    try:
        bms.show(reading())
        cortex_m.start(config())
        gather(cortex_m, witness, lambda: len(measured(witness)) >= 2)
        cortex_m.reset()
        gather(cortex_m, witness, lambda: len(boots(witness)) == 2)
    finally:
        bms.close()
    assert list(measured(witness)[-1].cell_mv) == reading().cell_mv.tolist()
    assert boots(witness)[0].firmware_hash == cortex_m.firmware_hash
    assert (cortex_m.problem(), cortex_m.starts, len(witness.logs)) == ("", 2, 1)
    assert len(cortex_m.flash().content()) == LOG_BYTES


def test_power_goes_while_a_byte_is_written_and_nothing_acknowledged_is_lost(cortex_m: Target) -> None:
    witness = Witness()
    cortex_m.start(simulated(sample_ms=200))
    for life, cut_at in enumerate(CUTS, 1):
        gather(cortex_m, witness, lambda life=life: len(boots(witness)) >= life)  # type: ignore[misc]
        before = len(windows(witness))
        cortex_m.cut_power(at_flash_byte=cut_at)
        gather(cortex_m, witness, lambda: not cortex_m.is_on())
        assert len(windows(witness)) - before <= 3 + cut_at // 50  # of about 100 bytes and more each
        cortex_m.power_on()
    gather(cortex_m, witness, lambda: len(boots(witness)) > len(CUTS))
    assert (cortex_m.problem(), len(witness.logs), cortex_m.starts) == ("", 1, len(CUTS) + 1)


def test_what_it_has_not_is_refused(cortex_m: Target) -> None:
    with pytest.raises(BenchError, match="cortex-m has no CAN; take the target unix"):
        cortex_m.start(config(source="can"))
    with pytest.raises(BenchError, match="power it on first"):
        cortex_m.reset()


# ---- a board on cables, for which the emulated one stands: it has a console, a gateway's line and a BMS's


class Switch:
    """Of the emulated board's supply: a PowerSwitch."""

    def __init__(self, board: QemuBoard) -> None:
        self._board = board

    def on(self) -> None:
        self._board.start()

    def off(self) -> None:
        self._board.cut_power()

    def close(self) -> None:
        """The board is the fixture's."""


@pytest.fixture
def cabled(tmp_path: Path) -> Iterator[tuple[QemuBoard, BoardTarget]]:
    board = emulated(tmp_path / "board", "m3")
    board.start()  # it waits at its console: without a loader nobody feeds the firmware's watchdog while files are laid
    RawConsole(board.console).close()  # it has read its straps
    board.options = QemuOptions(heap_bytes=1 << 20)
    board.load(rom("m3"))  # from the next reset on it runs its program
    wiring = Wiring("qemu", board.console, board.second_port, Switch(board))
    target = open_target(f"board:{board.port}", tmp_path, wiring=wiring)
    assert isinstance(target, BoardTarget)
    yield board, target
    target.close()
    board.stop()


def test_a_board_on_cables_is_configured_logs_and_loses_its_power(cabled: tuple[QemuBoard, BoardTarget]) -> None:
    _, target = cabled
    witness = Witness()
    bms = JbdOnPort(target.bms_port, JbdBoard(10_000), CELLS)
    try:
        bms.show(reading())
        target.start(config())
        gather(target, witness, lambda: len(measured(witness)) >= 1)
        target.cut_power()
        assert not target.is_on()
        target.power_on()
        gather(target, witness, lambda: len(boots(witness)) >= 2)
    finally:
        bms.close()
    assert (target.problem(), target.starts, len(witness.logs)) == ("", 2, 1)


def test_what_a_real_board_cannot_be_asked_is_refused_with_a_cure(cabled: tuple[QemuBoard, BoardTarget]) -> None:
    board, target = cabled
    with pytest.raises(BenchError, match="at random times"):
        target.cut_power(at_flash_byte=1)
    with pytest.raises(BenchError, match="read its log through a gateway"):
        target.flash()
    bare = BoardTarget(board.port, Wiring())
    with pytest.raises(BenchError, match="name console_port and kind in rig"):
        bare.start(config())
    with pytest.raises(BenchError, match="no power switch in rig"):
        bare.reset()


def test_a_traceback_on_the_console_is_a_problem(cabled: tuple[QemuBoard, BoardTarget]) -> None:
    board, target = cabled
    with serial.Serial(board.console) as console:
        # what comes before the console is there is lost
        until(lambda: "\n4" in target.said(), "an answer", lambda: console.write(b"\x02\r2+2\r"))
        assert target.problem() == ""
        console.write(b"\r1/0\r")
    until(lambda: "ZeroDivisionError" in target.problem(), "the traceback")
