"""The flash of a board as its programmer read it out: a file, such as st-flash, picotool or esptool write one."""

from __future__ import annotations

from collections.abc import Sequence

from packseal.errors import PackSealError
from packseal.io.files import read_bounded
from packseal_hil.protocols import BenchError
from packseal_hil.rig import FlashImageTable

MAX_FLASH_BYTES = 64 << 20


class FlashImage:
    def __init__(self, table: FlashImageTable) -> None:
        self._path = table.path

    def content(self) -> bytes:
        """As the file is now. Raises BenchError."""
        try:
            return read_bounded(self._path, MAX_FLASH_BYTES)
        except PackSealError as error:
            raise BenchError(f"{error}; read the board's flash out into it first") from None

    def write_counts(self) -> Sequence[int]:
        """Raises BenchError: an image does not know."""
        raise BenchError(f"{self._path}: an image does not say how often its sectors were written; ask another target")
