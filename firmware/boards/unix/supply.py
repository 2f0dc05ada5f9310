"""A flash whose power a bench can cut at a byte, and count: only where the bench hands down a file for it.

The file begins with two numbers of eight bytes, the lowest first: how many bytes have been written to the flash, which
the board keeps, and at which of them the power goes, which the bench keeps. Behind them, four bytes for each sector:
how often it was erased. What is written is there byte by byte, in order: a cut never leaves a byte half programmed or
half erased, as it may in a chip.
"""

import os

from logger.drivers.flash_file import FlashFile

VARIABLE = "PACKSEAL_SUPPLY"  # the path of that file
HEAD_BYTES, COUNT_BYTES = 16, 4
NEVER = (1 << 64) - 1


class CuttableFlash(FlashFile):
    def __init__(self, path, sectors, sector_bytes, supply_path):
        """Raises OSError when there is no such supply."""
        FlashFile.__init__(self, path, sectors, sector_bytes)
        self._supply = open(supply_path, "r+b", buffering=0)

    def program(self, offset, content):
        room = self._room(len(content))
        FlashFile.program(self, offset, content[:room])
        self._wrote(room, room < len(content))

    def erase(self, sector):
        room = self._room(self.sector_bytes)
        self._file.seek(sector * self.sector_bytes)
        self._file.write(b"\xff" * room)
        self._count(HEAD_BYTES + COUNT_BYTES * sector, COUNT_BYTES)
        self._wrote(room, room < self.sector_bytes)

    def _room(self, count):
        """How many of so many bytes come before the cut."""
        self._supply.seek(0)
        head = self._supply.read(HEAD_BYTES)
        written, cut_at = int.from_bytes(head[:8], "little"), int.from_bytes(head[8:], "little")
        return min(count, max(cut_at - written, 0))

    def _wrote(self, count, is_cut):
        self._count(0, 8, count)
        if is_cut:
            os.system("kill -KILL $PPID")  # noqa: S605 - the shell's parent is this process, which has no os.kill

    def _count(self, at, size, more=1):
        self._supply.seek(at)
        count = int.from_bytes(self._supply.read(size), "little") + more
        self._supply.seek(at)
        self._supply.write(count.to_bytes(size, "little"))


def flash(path, sectors, sector_bytes):
    supply_path = os.getenv(VARIABLE)
    if supply_path:
        return CuttableFlash(path, sectors, sector_bytes, supply_path)
    return FlashFile(path, sectors, sector_bytes)
