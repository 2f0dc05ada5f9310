"""NOR flash in a file, for the unix board and tests. Obeys NOR's rule: programming clears bits, erasing sets them."""

import os
from errno import ENOENT


class FlashFile:
    """`sectors` of `sector_bytes` in the file at `path`, made blank when there is none."""

    word_bytes = 4  # as serial NOR flash, which programs any number of bytes

    def __init__(self, path, sectors, sector_bytes):
        """Raises ValueError when the file there has another size, OSError when it cannot be opened."""
        self.sectors = sectors
        self.sector_bytes = sector_bytes
        try:
            file = open(path, "r+b", buffering=0)
        except OSError as error:
            if error.errno != ENOENT:  # there is a flash, and a blank one must not take its place
                raise
            _create_blank(path, sectors, sector_bytes)
            file = open(path, "r+b", buffering=0)
        self._file = file
        found_bytes = self._file.seek(0, 2)
        if found_bytes != sectors * sector_bytes:
            self.close()
            raise ValueError(f"{path} has {found_bytes} bytes, expected {sectors * sector_bytes}")

    def close(self):
        self._file.close()

    def read(self, offset, buffer):
        self._file.seek(offset)
        if self._file.readinto(buffer) != len(buffer):
            raise ValueError("read beyond the end of the flash")

    def program(self, offset, content):
        present = bytearray(len(content))
        self.read(offset, present)
        for i in range(len(content)):
            if present[i] & content[i] != content[i]:
                raise ValueError("a bit can be set by erasing its sector only")
        self._file.seek(offset)
        self._file.write(content)

    def erase(self, sector):
        self._file.seek(sector * self.sector_bytes)
        self._file.write(b"\xff" * self.sector_bytes)


def _create_blank(path, sectors, sector_bytes):
    """Whole or not at all: a flash of half its size would look like another one's."""
    with open(path + ".new", "wb") as file:
        for _ in range(sectors):
            file.write(b"\xff" * sector_bytes)
    os.rename(path + ".new", path)
