"""What the estimator has learnt outlasts a restart: the real logger, its flash in memory, its files in a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from logger.core import cbor
from logger.core.capacity_filter import CapacityFilter
from logger.core.charge_window import ChargeWindows
from logger.core.curve_family import CurveFamily
from logger.core.entries import SOH
from logger.core.learnt import FILE, Learnt
from logger.core.link import ASK, HELLO
from logger.core.logger import Logger
from logger.core.sectorlog import ENTRY, SectorLog
from logger.core.steps import finish
from logger.drivers.files import Files
from logger.drivers.simulator import CYCLE_MS, SimulatedPack
from logger.profiles import lco_family
from tests.attacks.flash_board import SERVICE_PUBLIC_KEY, KeyStore
from tests.firmware.board_tests.memory_flash import MemoryFlash
from tests.firmware.conftest import find_interpreter
from tests.firmware.test_charge_window import RATED_MAH as CELL_MAH
from tests.firmware.test_charge_window import Cell
from tests.firmware.test_process import powered

RATED_MAH, TRUE_MAH, BLOCKS = 10_000, 8_600, 4
SECTORS, SECTOR_BYTES, SAMPLE_MS, WINDOW_MS, STEP_MS = 256, 4096, 5_000, 60_000, 50
DAY_MS = 86_400_000
CONFIG = {
    "rated_capacity_mah": RATED_MAH,
    "cell_blocks": BLOCKS,
    "strings": 1,
    "clock_rate": 1,
    "sample_ms": SAMPLE_MS,
    "window_ms": WINDOW_MS,
    "checkpoint_every": 60,
    "time_every_ms": 1,
    "chemistry": "nmc",
    "service_public_key": SERVICE_PUBLIC_KEY,
    "settings_digest": hashlib.sha256().digest(),
}


class Start:
    """A board from a start on; the pack's own time goes on from `pack_ms`."""

    def __init__(self, folder: Path, flash: MemoryFlash, pack_ms: int = 0, **settings: Any) -> None:
        self.said: list[str] = []
        self._now_ms = 0
        self._folder, self._flash, self._pack_ms = folder, flash, pack_ms
        store, config = KeyStore(), CONFIG | settings
        source = SimulatedPack(lambda: pack_ms + self._now_ms, BLOCKS, 1, RATED_MAH, TRUE_MAH, 1)
        self._log = SectorLog(flash, store.identity.log_id, store.identity.disclosure_seed)
        self._known = self._log.size
        self.logger = Logger(config, self._log, store, source, bytes(32), 1)
        self.learnt = Learnt(Files(str(folder)), self.logger, config, self.said.append)

    def run(self, ms: int) -> None:
        end_ms = self._now_ms + ms
        while self._now_ms < end_ms:
            is_busy = self.logger.step(self._now_ms)
            self.learnt.step(self._now_ms)
            self._now_ms += STEP_MS if is_busy else max(self.logger.ms_to_next_slot(), 1)

    def healths(self) -> list[tuple[int, Any]]:
        """(uptime_ms since this start, body) of each SOH of it."""
        found, began_ms = [], None
        cursor = self._log.read_from(self._known)
        while record := cursor.next():
            if record[0] == ENTRY:
                kind, _, _, uptime_ms, body = cbor.decode(record[2])
                began_ms = uptime_ms if began_ms is None else began_ms
                found += [(uptime_ms - began_ms, body)] if kind == SOH else []
        return found

    def again(self, **settings: Any) -> Start:
        """After a power cut."""
        return Start(self._folder, self._flash, self._pack_ms + self._now_ms, **settings)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """A board that has closed rings of rests."""
    board = Start(tmp_path_factory.mktemp("board"), MemoryFlash(SECTORS, SECTOR_BYTES))
    board.run(4 * CYCLE_MS)
    assert board.logger.estimator.lessons
    assert (board._folder / FILE).is_file()
    return board


def first_statement(start: Start) -> tuple[int, int, int]:
    """(ms since the start, remaining capacity in mAh, standard uncertainty)"""
    start.run(2 * CYCLE_MS)
    at_ms, body = start.healths()[0]
    return at_ms, *body[4]


def test_a_start_goes_on_from_what_was_learnt(taught: Start, tmp_path: Path) -> None:
    again = taught.again()
    assert again.said == []
    at_ms, capacity_mah, error_mah = first_statement(again)
    new_ms, _, new_error_mah = first_statement(Start(tmp_path, MemoryFlash(SECTORS, SECTOR_BYTES)))
    assert at_ms < new_ms
    assert error_mah < new_error_mah
    assert abs(capacity_mah - TRUE_MAH) <= 1.96 * error_mah


def test_nothing_is_believed_of_another_pack_or_of_damaged_bytes(taught: Start, tmp_path: Path) -> None:
    content = (taught._folder / FILE).read_bytes()
    flipped = bytes([content[20] ^ 1])
    for wrong in (b"", content[:-1], content[:20] + flipped + content[21:]):
        (tmp_path / FILE).write_bytes(wrong)
        board = Start(tmp_path, MemoryFlash(8, SECTOR_BYTES))
        assert len(board.said) == 1
        assert board.logger.estimator.lessons == 0
    (tmp_path / FILE).write_bytes(content)
    assert Start(tmp_path, MemoryFlash(8, SECTOR_BYTES), rated_capacity_mah=RATED_MAH + 1).said
    assert Start(tmp_path, MemoryFlash(8, SECTOR_BYTES), chemistry="nca").said
    assert not Start(tmp_path, MemoryFlash(8, SECTOR_BYTES)).said


def test_it_is_written_once_a_day_at_most(taught: Start) -> None:
    again, path = taught.again(), taught._folder / FILE
    lessons = again.logger.estimator.lessons
    before = path.stat().st_mtime_ns
    writes = 0
    for _ in range(12):
        again.run(CYCLE_MS)
        writes += path.stat().st_mtime_ns != before
        before = path.stat().st_mtime_ns
    assert again.logger.estimator.lessons > lessons + 2
    assert writes == 1


def test_days_out_of_sight_make_it_less_sure() -> None:
    """At least a month, however often the board starts."""
    board = Start(Path("/nonexistent"), MemoryFlash(8, SECTOR_BYTES))
    fit = board.logger.estimator._capacity.fit
    fit._is_begun = True
    _, young, _ = fit.capacity()
    for _ in range(3):
        fit.note_unseen(0)
    _, month, _ = fit.capacity()
    fit.note_unseen(700)
    assert young < month < fit.capacity()[1]
    fit.note_unseen(0)
    assert fit._days == 730


def test_windows_of_steady_currents_go_on_too() -> None:
    family, windows = CurveFamily(lco_family.FAMILY), None
    cell = Cell("lco", 860_000)
    windows = ChargeWindows(family, CELL_MAH)
    for segment in cell.life(30):
        if segment is None:
            windows.gap()
        else:
            windows.note(segment)
        if windows.is_due:
            finish(windows.settle_steps())
    value_ppm, error_ppm, inputs, _ = windows.value()
    assert inputs
    other = ChargeWindows(family, CELL_MAH)
    other.from_bytes(windows.to_bytes())
    assert other.value()[0] == value_ppm
    assert other.value()[1] > error_ppm, "a pause of which nothing is known"
    assert other.value()[2] is None, "nothing is stated before a window of its own"
    with pytest.raises(ValueError, match="state of a filter"):
        CapacityFilter(1_000_000).from_bytes(windows.to_bytes())


def test_the_firmware_as_it_is_started_goes_on_too(taught: Start, tmp_path: Path) -> None:
    """On MicroPython, from what another interpreter has learnt; of damaged bytes it says so."""
    content, micropython = (taught._folder / FILE).read_bytes(), find_interpreter("micropython")
    for kept, is_understood in ((content, True), (content[:-1], False)):
        (tmp_path / FILE).write_bytes(kept)
        with powered(micropython, tmp_path, cell_blocks=BLOCKS, strings=1) as line:
            line.send(ASK)
            line.await_frame(HELLO)
        assert (FILE not in line.said) == is_understood
        assert (tmp_path / FILE).read_bytes() == kept
