"""A power cut for one program: what it wrote and never synced is taken from its files, all of it or a part.

power.c, loaded before the program, writes down what each write replaced until the file is synced. `cut` comes after the
kill: it puts back what was there at the last sync, and then lets some of the writes since come through after all, in
their order, whole or by sectors of 512 bytes, as a disk's cache does. Files are found by inode, also under a new name.

Not undone: that a file was made, renamed or deleted (as if folders were synced at once), and that it was emptied by
being opened. Flash of boards is not in it: what a board has written there is written.
"""

from __future__ import annotations

import random
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.line.rig import tool

SOURCE = Path(__file__).with_name("power.c")
RECORD = struct.Struct("=5Q")  # offset, old bytes, new bytes, old size, new size
SECTOR_BYTES = 512


def built(folder: Path) -> Path:
    """The library, made where it is not yet."""
    library = folder / "power.so"
    if not library.exists():
        command = [tool("gcc"), "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(library), str(SOURCE)]
        subprocess.run([*command, "-ldl", "-lpthread"], check=True)
    return library


@dataclass(frozen=True, slots=True)
class Write:
    """Not synced. A change of length alone has no new bytes."""

    offset: int
    old: bytes
    new: bytes
    old_size: int
    new_size: int


class Power:
    """Of one program that has its files in this folder."""

    def __init__(self, library: Path, folder: Path, undo: Path) -> None:
        self._library, self._folder, self._undo = library, folder.resolve(), undo.resolve()
        undo.mkdir(parents=True, exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """What the program has to find in its own."""
        folders = {"PACKSEAL_FAULTS_FOLDER": f"{self._folder}/", "PACKSEAL_FAULTS_UNDO": str(self._undo)}
        return {"LD_PRELOAD": str(self._library), **folders}

    def arm(self, writes: int) -> None:
        """The program will kill itself behind so many further writes, before it can sync the last of them."""
        order = self._undo / "new"
        order.write_text(str(writes))
        order.rename(self._undo / "die")

    def cut(self, chance: random.Random) -> int:
        """To be called when the program is dead. -> how many writes it lost"""
        keep = chance.choice([0, 0.5])  # the part of the writes that came through after all
        lost = 0
        for path in sorted(self._folder.rglob("*")):
            undo = self._undo / str(path.stat().st_ino)
            if path.is_file() and undo.exists():
                lost += _undone(path, unsynced(undo.read_bytes()), keep, chance)
        for shared_memory in self._folder.rglob("*-shm"):
            shared_memory.unlink()
        self.keep()
        return lost

    def keep(self) -> None:
        """The program died, and the power stayed: what it wrote is there. To be called before it starts again."""
        for undo in self._undo.iterdir():
            undo.unlink()


def unsynced(content: bytes) -> list[Write]:
    """A last record that is cut short is of a write that was never done."""
    writes, at = list[Write](), 0
    while at + RECORD.size <= len(content):
        offset, old_bytes, new_bytes, old_size, new_size = RECORD.unpack_from(content, at)
        at += RECORD.size
        old, new = content[at : at + old_bytes], content[at + old_bytes : at + old_bytes + new_bytes]
        at += old_bytes + new_bytes
        if at <= len(content):
            writes.append(Write(offset, old, new, old_size, new_size))
    return writes


def _undone(path: Path, writes: list[Write], keep: float, chance: random.Random) -> int:
    with path.open("r+b") as file:
        for write in reversed(writes):
            file.seek(write.offset)
            file.write(write.old)
            file.truncate(write.old_size)
        kept = [write for write in writes if chance.random() < keep]
        for write in kept:
            for at in range(0, len(write.new), SECTOR_BYTES):
                if chance.random() < 0.9:  # the others of its sectors are torn off
                    file.seek(write.offset + at)
                    file.write(write.new[at : at + SECTOR_BYTES])
    return len(writes) - len(kept)
