"""From the word for a target to the target."""

from __future__ import annotations

from pathlib import Path

from packseal_hil.protocols import BenchError
from packseal_hil.targets.board import BoardTarget, Wiring
from packseal_hil.targets.cortex_m import CortexMTarget
from packseal_hil.targets.target import Target
from packseal_hil.targets.unix import UnixTarget

WORDS = ("unix", "cortex-m", "board:PORT")
_BOARD = "board:"


def open_target(word: str, folder: Path, *, clock_rate: int = 1, wiring: Wiring | None = None) -> Target:
    """folder: where the board's memory is kept, of the targets that have one here. clock_rate: of unix alone. wiring:
    of a real board alone. Raises BenchError."""
    if clock_rate != 1 and word != "unix":
        raise BenchError(f"{word}: its clock is the wall's; only the target unix has a clock_rate")
    if word == "unix":
        return UnixTarget(folder, clock_rate)
    if word == "cortex-m":
        return CortexMTarget(folder)
    if word.startswith(_BOARD):
        return BoardTarget(word.removeprefix(_BOARD), wiring or Wiring())
    raise BenchError(f"{word}: no such target; there are {', '.join(WORDS)}")
