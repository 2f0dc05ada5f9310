"""The target `unix`: the firmware as a process of this machine, with a clock that may run fast. See target.py.

Its flash obeys NOR's rule and its power goes at any byte (supply.py); its processor, timing and heap are not a board's.
With a clock_rate of R what it hears over a wire is new every 100 ms of the wall at best (a JBD's round takes 50), so
that a sample is one measurement where sample_ms is at least 100 * R: a rate of 600 with one a minute, the most that a
configuration allows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from packseal.errors import PackSealError
from packseal.io.unix_board import UnixBoard, firmware_folder
from packseal_hil.protocols import BenchError
from packseal_hil.targets.supply import VARIABLE, SupplyFile
from packseal_hil.targets.target import CLOCK_RATES

FLASH_SECTORS = 128  # of 4 kB, as the emulated board's log has
FASTEST_POLL_MS = 100  # the least that sources take


def honest_clock_rate(sample_ms: int) -> int:
    """The highest rate at which no two samples are of the same measurement of a BMS on a wire."""
    return max(min(sample_ms // FASTEST_POLL_MS, CLOCK_RATES[1]), CLOCK_RATES[0])


class UnixTarget:
    name = "unix"

    def __init__(self, folder: Path, clock_rate: int = 1) -> None:
        """folder: the board's state. Raises BenchError, and ValueError for a clock_rate that there is not."""
        if not CLOCK_RATES[0] <= clock_rate <= CLOCK_RATES[1]:
            raise ValueError(f"clock_rate is from {CLOCK_RATES[0]} to {CLOCK_RATES[1]}, not {clock_rate}")
        self._folder = folder
        self.clock_rate, self.starts = clock_rate, 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._supply = SupplyFile(folder / "supply.bin", FLASH_SECTORS)
        try:
            self._board = UnixBoard(folder, {}, {VARIABLE: str(self._supply.path)})
        except (PackSealError, OSError) as error:
            raise BenchError(f"the unix target cannot be made: {error}") from None
        self.serial_port, self.bms_port = self._board.port, self._board.second_port
        self.firmware_hash = unix_firmware_hash(firmware_folder())
        self._is_power_on = self._is_cut_for_next_life = False
        self._said_before = len(self._log())

    def start(self, config: Mapping[str, object], can_table: bytes = b"") -> None:
        self._board.kill()
        if can_table:
            (self._folder / "can.table").write_bytes(can_table)
        self._board.configure(dict(config) | self._own_settings())
        self.power_on()

    def cut_power(self, at_flash_byte: int | None = None) -> None:
        if at_flash_byte is not None:
            self._is_cut_for_next_life = not self.is_on()
            self._supply.cut_in(at_flash_byte)
            return
        self._board.kill()
        self._supply.hold()
        self._is_power_on = False

    def power_on(self) -> None:
        if self.is_on():
            return
        self._board.kill()
        if self._supply.is_cut and not self._is_cut_for_next_life:
            self._supply.hold()
        self._is_cut_for_next_life = False
        self._board.start()
        self.starts += 1
        self._is_power_on = True

    def reset(self) -> None:
        self.cut_power()
        self.power_on()

    def is_on(self) -> bool:
        return self._is_power_on and self._board.is_running()

    def flash(self) -> UnixFlash:
        return UnixFlash(self._folder / "flash.bin", self._supply)

    def said(self) -> str:
        return self._log()[self._said_before :].decode(errors="replace")

    def problem(self) -> str:
        said = self.said()
        if "Traceback" in said:
            return f"the firmware raised: {said[said.rindex('Traceback') :][:500]}"
        if self._is_power_on and not self._board.is_running() and not self._supply.is_cut:
            return f"the firmware ended by itself: {said[-500:]}"
        return ""

    def close(self) -> None:
        self._board.stop()
        self._is_power_on = False

    def _log(self) -> bytes:
        log = self._folder / "board.log"
        return log.read_bytes() if log.is_file() else b""

    def _own_settings(self) -> dict[str, object]:
        return {"clock_rate": self.clock_rate, "flash_sectors": FLASH_SECTORS}


class UnixFlash:
    """Of the log. write_counts: how often each sector was erased, over all lives on this bench."""

    def __init__(self, path: Path, supply: SupplyFile) -> None:
        self._path, self._supply = path, supply

    @property
    def written_bytes(self) -> int:
        return self._supply.written

    def content(self) -> bytes:
        if not self._path.is_file():
            raise BenchError("there is no flash before the first start")
        return self._path.read_bytes()

    def write_counts(self) -> Sequence[int]:
        return self._supply.erase_counts()


def unix_firmware_hash(root: Path) -> bytes:
    """docs/record.md, BOOT key 1, as firmware/boards/unix/board.py works it out of its files."""
    paths = [root / "main.py"]
    for folder in ("logger", "boards/unix"):
        paths += (root / folder).rglob("*.py")
    whole = hashlib.sha256()
    for name in sorted(str(path.relative_to(root)) for path in paths):
        whole.update(hashlib.sha256(name.encode()).digest())
        whole.update(hashlib.sha256((root / name).read_bytes()).digest())
    return whole.digest()
