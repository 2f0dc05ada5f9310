"""The bench's side of firmware/boards/unix/supply.py: counts what goes to the flash, and says where the power goes.

What a cut at a byte can say: that the log holds in whatever order its bytes come, up to each of them. What it cannot:
what a chip does with a byte that was half programmed, or a sector that was half erased and reads well for a while. For
that there is the emulated board, whose words take time, and a real one with a relay in its supply.
"""

from __future__ import annotations

from pathlib import Path

VARIABLE = "PACKSEAL_SUPPLY"
_HEAD_BYTES, _COUNT_BYTES = 16, 4
_NEVER = (1 << 64) - 1


class SupplyFile:
    def __init__(self, path: Path, sectors: int) -> None:
        self.path = path
        self._sectors = sectors
        if not path.is_file():
            path.write_bytes(bytes(8) + _NEVER.to_bytes(8, "little") + bytes(_COUNT_BYTES * sectors))

    @property
    def written(self) -> int:
        """Bytes, over all of the board's lives on this bench."""
        return int.from_bytes(self.path.read_bytes()[:8], "little")

    @property
    def is_cut(self) -> bool:
        """The byte that was named has come, and the power went."""
        head = self.path.read_bytes()[:_HEAD_BYTES]
        return int.from_bytes(head[:8], "little") >= int.from_bytes(head[8:], "little")

    def erase_counts(self) -> list[int]:
        """[sectors]."""
        content = self.path.read_bytes()[_HEAD_BYTES:]
        places = range(0, _COUNT_BYTES * self._sectors, _COUNT_BYTES)
        return [int.from_bytes(content[at : at + _COUNT_BYTES], "little") for at in places]

    def cut_in(self, bytes_more: int) -> None:
        self._set_cut(self.written + bytes_more)

    def hold(self) -> None:
        """No cut any more."""
        self._set_cut(_NEVER)

    def _set_cut(self, at: int) -> None:
        """These eight bytes alone: the board writes the others."""
        with self.path.open("r+b") as supply:
            supply.seek(8)
            supply.write(at.to_bytes(8, "little"))
