"""The bench's JBD: the maker's own example, the real driver on the other side, and what noise does between them."""

from __future__ import annotations

import os
import tty
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logger.core import jbd
from logger.core.poller import TRIES
from logger.core.readings import Readings
from logger.core.sampling import Sample
from logger.drivers.jbd import JbdSource
from logger.drivers.serial_file import SerialFile
from packseal_hil.bms.jbd import MAX_CELLS, JbdBoard
from packseal_hil.bms.sensing import FULL_SCALE_MV
from packseal_hil.bms.serial_bms import JbdOnPort
from packseal_hil.protocols import BenchError
from packseal_hil.readings import PackReading
from tests.firmware.test_jbd import VOLTAGES
from tests.hil.readings import CELLS, SENSORS, reading
from tests.waiting import until

RATED_MAH = 10_000
SETTINGS = {"temperature_sensors": SENSORS, "max_age_ms": 3_000, "poll_ms": 100, "timeout_ms": 500}


def asked(board: JbdBoard, register: int) -> bytes:
    return board.receive(jbd.request(register))


def sample_of(board: JbdBoard, cells: int = CELLS, sensors: int = SENSORS) -> tuple[Sample, jbd.Jbd]:
    """As the firmware reads its answers."""
    readings = Readings(cells, sensors, 1_000)
    dialect = jbd.Jbd(readings)
    for index, register in enumerate((jbd.STATUS, jbd.CELL_VOLTAGES)):
        dialect.request(index)
        answer = asked(board, register)
        assert dialect.find(answer, len(answer)) == 0
        assert dialect.take(answer, 0, 0)
    sample = Sample(cells, sensors)
    readings.read(sample)
    return sample, dialect


def shown(**changes: object) -> JbdBoard:
    board = JbdBoard(RATED_MAH)
    board.show(reading(**changes))
    return board


# ---- the protocol


def test_cells_of_the_makers_example_are_answered_to_the_byte() -> None:
    cells = np.frombuffer(VOLTAGES[4:-3], ">u2").astype(np.int64)
    assert asked(shown(cell_mv=cells), jbd.CELL_VOLTAGES) == VOLTAGES


def test_the_firmware_reads_what_the_pack_shows() -> None:
    sample, dialect = sample_of(shown())
    assert sample.cell_mv == reading().cell_mv.tolist()
    assert sample.temperature_ddegc == [251, -37]
    assert (sample.current_ma, sample.soc_reported_cpct, dialect.cycles.resets) == (-2_500, 6_400, 0)
    assert sample.pack_mv == reading().cell_mv.sum() // 10 * 10


@given(
    cells=st.lists(st.integers(0, FULL_SCALE_MV), min_size=1, max_size=MAX_CELLS),
    current_ma=st.integers(-327_680, 327_670),
    sensors=st.lists(st.integers(-600, 1500), max_size=8),
    soc_cpct=st.integers(0, 10_000),
)
def test_any_reading_reaches_the_firmware(cells: list[int], current_ma: int, sensors: list[int], soc_cpct: int) -> None:
    values = {"cell_mv": np.array(cells, np.int64), "temperature_ddegc": np.array(sensors, np.int64)}
    board = shown(**values, pack_current_ma=current_ma, soc_reported_cpct=soc_cpct)
    sample, _ = sample_of(board, len(cells), len(sensors))
    assert sample.cell_mv == cells
    assert sample.temperature_ddegc == sensors
    assert abs((sample.current_ma or 0) - current_ma) <= 5
    assert sample.soc_reported_cpct == soc_cpct // 100 * 100


@given(st.binary(max_size=40), st.integers(0, 6))
def test_what_is_no_request_is_passed_over_in_silence(before: bytes, cut: int) -> None:
    """Whole, and byte by byte; a request that is cut off is not answered until its end has come."""
    request = jbd.request(jbd.STATUS)
    board, other = shown(), shown()
    whole = board.receive(before + request)
    piecewise = b"".join(other.receive(bytes([byte])) for byte in before + request)
    assert whole == piecewise
    assert shown().receive(request[:cut]) == b""
    if b"\xdd" not in before:
        assert whole == asked(shown(), jbd.STATUS)


def test_an_unknown_register_is_refused_as_the_board_does() -> None:
    assert asked(shown(), 0x10).hex() == "dd108000ff8077"


def test_it_says_nothing_before_it_has_been_shown_a_pack() -> None:
    assert asked(JbdBoard(RATED_MAH), jbd.STATUS) == b""


def test_more_cells_than_such_a_board_has_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 32 cells, not 33"):
        shown(cell_mv=np.full(33, 3_600))
    with pytest.raises(ValueError, match="up to 655350 mAh"):
        JbdBoard(655_360)


# ---- what goes wrong with a pack


@pytest.mark.parametrize(("block", "neighbour"), [(0, 1), (5, 6), (CELLS - 1, None)])
def test_an_open_wire_shows_in_its_block_and_the_one_above(block: int, neighbour: int | None) -> None:
    sample, _ = sample_of(shown(cell_mv=np.full(CELLS, 3_000), open_wires=frozenset([block])))
    expected = [3_000] * CELLS
    expected[block] = 0
    if neighbour is not None:
        expected[neighbour] = 6_000
    assert sample.cell_mv == expected
    assert sample.pack_mv == 3_000 * CELLS  # measured at the terminals


def test_an_open_wire_in_the_first_string_leaves_the_second_alone() -> None:
    board = JbdBoard(RATED_MAH, strings=2)
    board.show(reading(cell_mv=np.full(CELLS, 3_000), open_wires=frozenset([CELLS // 2 - 1])))
    sample, _ = sample_of(board)
    assert sample.cell_mv == [3_000] * (CELLS // 2 - 1) + [0] + [3_000] * (CELLS // 2)
    assert sample.pack_mv == 3_000 * CELLS // 2


def test_an_open_wire_reads_no_more_than_the_scale_has() -> None:
    sample, _ = sample_of(shown(cell_mv=np.full(CELLS, 4_200), open_wires=frozenset([3])))
    assert sample.cell_mv[4] == FULL_SCALE_MV


def test_cycles_are_counted_and_a_reset_forgets_them_and_the_health() -> None:
    board = JbdBoard(RATED_MAH, cycles=41)
    board.show(reading())
    board.show(reading(pack_ms=4 * 3_600_000, pack_current_ma=-RATED_MAH // 2))
    worn = asked(board, jbd.STATUS)
    assert (word(worn, 8), word(worn, 6)) == (43, 930)  # cycles; nominal capacity in 10 mAh
    board.reset()
    new = asked(board, jbd.STATUS)
    assert (word(new, 8), word(new, 6)) == (0, 1_000)


def test_an_open_contactor_shows_in_the_switches() -> None:
    on, off = (asked(shown(is_contactor_closed=is_closed), jbd.STATUS) for is_closed in (True, False))
    assert (on[4 + 20], off[4 + 20]) == (3, 0)


def word(answer: bytes, at: int) -> int:
    return int.from_bytes(answer[4 + at : 6 + at], "big")


# ---- on a port, with the real driver


class Wired:
    """A pseudo-terminal with the firmware's driver at one end and the bench's BMS at the other."""

    def __init__(self) -> None:
        board_end, self._bms_end = os.openpty()
        tty.setraw(self._bms_end)
        self.bms = JbdOnPort(os.ttyname(self._bms_end), JbdBoard(RATED_MAH), CELLS, noise_seed=1)
        self._line = SerialFile(board_end)
        self.source = JbdSource(self._line, CELLS, SETTINGS)
        self.now_ms = 0
        self.sample = Sample(CELLS, SENSORS)

    def has_a_sample(self) -> bool:
        return self.sample.current_ma is not None and self.sample.missing == 0

    def step(self) -> None:
        """A turn of the main loop, after which 50 ms have gone by for the driver."""
        self.now_ms += 50
        self.source.step(self.now_ms)
        self.source.read(self.sample)

    def show(self, shown: PackReading) -> None:
        self.bms.show(shown)

    def close(self) -> None:
        self.bms.close()
        os.close(self._bms_end)
        self._line._file.close()  # the firmware's driver is never closed


@pytest.fixture
def wired() -> Iterator[Wired]:
    wired = Wired()
    yield wired
    wired.close()


def test_the_driver_polls_it_and_sees_a_change(wired: Wired) -> None:
    wired.show(reading())
    until(lambda: wired.sample.current_ma == -2_500 and wired.sample.missing == 0, "a sample", wired.step)
    wired.show(reading(pack_current_ma=4_000))
    until(lambda: wired.sample.current_ma == 4_000, "the other current", wired.step)
    assert wired.sample.cell_mv == reading().cell_mv.tolist()


def test_garbage_on_the_line_is_counted_and_never_believed(wired: Wired) -> None:
    wired.show(reading())
    wired.bms.noise.garbled_permil = 60
    until(lambda: wired.source.refused >= 5, "damaged answers", wired.step)
    wired.bms.noise.garbled_permil = 0
    until(wired.has_a_sample, "a sample", wired.step)
    assert wired.bms.noise.garbled >= 5
    assert wired.sample.cell_mv == reading().cell_mv.tolist()


def test_silence_is_silence_and_a_reset_is_noticed(wired: Wired) -> None:
    wired.show(reading())
    wired.show(reading(pack_ms=40 * 3_600_000))  # ten cycles
    until(wired.has_a_sample, "a sample", wired.step)
    wired.bms.set_silent(True)
    until(lambda: wired.source.poller.unanswered >= TRIES and wired.sample.missing > 0, "silence", wired.step)
    wired.bms.set_silent(False)
    wired.bms.reset()
    until(lambda: wired.source.resets == 1, "the reset", wired.step)


def test_a_port_that_is_not_there_is_named() -> None:
    with pytest.raises(BenchError, match=r"/dev/nowhere.*check bms_port in rig.toml"):
        JbdOnPort("/dev/nowhere", JbdBoard(RATED_MAH), CELLS)
