"""What a front end reads at its wires: the cells, and what it makes of a wire that has come off.

A front end measures the difference of two neighbouring inputs. Where the wire above a cell block is off, its input
falls to the one below: the block shows nothing, and the block above shows the voltage of both, up to the end of the
converter's scale. At the top of a string nothing is above. So a board sees what it sees on a real pack: an impossible
pair of neighbours, and a pack voltage (measured elsewhere) that does not know of it.
"""

from __future__ import annotations

import numpy as np

from packseal_hil.readings import Integers, PackReading

FULL_SCALE_MV = 6275  # 14 bits of 383 uV, as the five-cell front ends of this kind have


def shown_mv(reading: PackReading, strings: int = 1) -> Integers:
    """[cell blocks over all strings], in mV, as the front end says them."""
    shown = np.clip(reading.cell_mv, 0, FULL_SCALE_MV)
    blocks = len(shown) // strings
    for block in sorted(reading.open_wires):
        if (block + 1) % blocks:
            shown[block + 1] = min(int(shown[block]) + int(shown[block + 1]), FULL_SCALE_MV)
        shown[block] = 0
    return shown


def pack_mv(reading: PackReading, strings: int = 1) -> int:
    """At the terminals: strings in parallel have one voltage, their mean here."""
    return int(reading.cell_mv.sum()) // strings
