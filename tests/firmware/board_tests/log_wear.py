"""What a log costs its flash: `log_wear.py SECTOR WORD CHECKPOINT_EVERY WINDOWS young|old [SEGMENT_SECTORS]`.

Windows of 12 cell blocks and counters as of a young pack, or of 16 and an old one, whose numbers are longer; a
checkpoint every so many of them, and its receipt. Whatever is on flash comes from the log; the windows are made here,
with a leaf that costs nothing. Prints JSON.
"""

import json
import sys

from memory_flash import MemoryFlash

from logger.core import entries
from logger.core.sectorlog import LogFullError, SectorLog

FLASH_BYTES = 512 << 10
ERASE_CYCLES = 10000
CHECKPOINT_BYTES = 140
MINUTES_A_YEAR = 525960
COUNTERS = {
    "young": [250, 248, 10, 9, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    "old": [2500000, 2480000, 100000, 98000, 40000, 12, 3, 86400, 3600, 900, 300, 4, 2, 0],
}
OFTEN, ALL_EVERY = entries.OFTEN, 60  # logger.core.counters gives all of them so often when nothing else happens
BLOCKS = {"young": 12, "old": 16}
LEAF = bytes(32)


def window_of(seq, age):
    cells = entries.encode_column([3712 + (seq + 5 * block) % 23 for block in range(BLOCKS[age])])
    temperatures = entries.encode_column([251 + seq % 5, 257])
    body = {1: 60000, 2: 60, 4: [-5230 - seq % 90, -8120, 310], 5: [59400, 59310, 59520], 6: cells, 7: temperatures}
    counters = [value + (seq >> 9) if value else 0 for value in COUNTERS[age]]
    body.update({8: 5540, 9: counters[: OFTEN if seq % ALL_EVERY else None], 10: 5500, 11: 9700})
    return entries.encode(entries.WINDOW, seq, 12, 60000 * seq + (1 << (36 if age == "old" else 30)), body)


class WearFlash(MemoryFlash):
    def __init__(self, sector_bytes, word_bytes):
        super().__init__(FLASH_BYTES // sector_bytes, sector_bytes, word_bytes)
        self.programmed_bytes = 0

    def program(self, offset, content):
        self.programmed_bytes += len(content)
        super().program(offset, content)


def lived(sector_bytes, word_bytes, checkpoint_every, windows, age, segment_sectors):
    flash = WearFlash(sector_bytes, word_bytes)
    log = SectorLog(flash, bytes(16), bytes(16), None, segment_sectors)
    records = 0
    entry_bytes = 0
    for seq in range(windows):
        entry = window_of(seq, age)
        entry_bytes += len(entry)
        log.append(entry, LEAF)
        records += 1
        if seq % checkpoint_every == checkpoint_every - 1:
            log.append_checkpoint(log.size, bytes(CHECKPOINT_BYTES))
            log.append_receipt(log.size)
            records += 2
    erases = sum(flash.erasures)
    worn = max(flash.erasures)
    return {
        "sector_bytes": sector_bytes,
        "word_bytes": word_bytes,
        "segment_bytes": log.segment_bytes,
        "window_bytes": round(entry_bytes / windows),
        "records": records,
        "erases": erases,
        "erases_per_record": round(erases / records, 4),
        "erases_per_window": round(erases / windows, 4),
        "most_erased_of_mean": round(worn * flash.sectors / erases, 3),
        "years": round(ERASE_CYCLES * windows / worn / MINUTES_A_YEAR, 1),
    }


def windows_until_full(sector_bytes, word_bytes, age, segment_sectors):
    """What fits until the log is full, without a gateway."""
    log = SectorLog(WearFlash(sector_bytes, word_bytes), bytes(16), bytes(16), None, segment_sectors)
    try:
        while True:
            log.append(window_of(log.size, age), LEAF)
            if log.size % 60 == 59:
                log.append_checkpoint(log.size, bytes(CHECKPOINT_BYTES))
    except LogFullError:
        return log.size


if __name__ == "__main__":
    sector_bytes, word_bytes, checkpoint_every, windows = [int(argument) for argument in sys.argv[1:5]]
    age = sys.argv[5]
    segment_sectors = int(sys.argv[6]) if len(sys.argv) > 6 else 0
    figures = lived(sector_bytes, word_bytes, checkpoint_every, windows, age, segment_sectors)
    figures["windows_until_full"] = windows_until_full(sector_bytes, word_bytes, age, segment_sectors)
    print(json.dumps(figures))
