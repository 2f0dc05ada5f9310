"""Lives of a logger beside a pack that is ill, on the bench of bench.py: prints the events and counters of its log.

Argument: the life. Each is a list of (duration in ms, what the pack does meanwhile, whether the board starts anew).
"""

import json
import sys

from bench import Board, Gateway
from memory_flash import MemoryFlash

from logger.core import entries
from logger.core.logger import Logger

SAMPLE_MS, WINDOW_MS = 1000, 10000
WELL = {}
LIVES = {
    # a cell sinks below 2,500 mV, further below over a restart, comes back to the hysteresis, and out of it
    "deep": [
        (20000, {}, False),
        (15000, {"cell_mv": (3, 2480)}, False),
        (15000, {"cell_mv": (5, 2410)}, True),
        (15000, {"cell_mv": (5, 2590)}, False),
        (30000, {}, False),
    ],
    "over": [(20000, {}, False), (25000, {"cell_mv": (0, 4260)}, False), (30000, {}, False)],
    "hot": [
        (20000, {}, False),
        (25000, {"ddegc": (1, 455)}, False),
        (20000, {"ddegc": (1, 440)}, False),
        (20000, {}, True),
    ],
    "cold": [(20000, {}, False), (25000, {"ddegc": (0, -1)}, False), (20000, {}, False)],
    "missing": [
        (20000, {}, False),
        (5000, {"no_cells": (2, 3)}, False),  # too short to be said
        (20000, {}, False),
        (25000, {"no_cells": (2,), "no_sensors": (1,)}, False),
        (20000, {"no_sensors": (1,)}, True),
        (20000, {}, False),
    ],
    "flood": [(20000, {}, False), (15000, {"no_cells": range(1, 12)}, False), (40000, {}, False)],
    "silent": [(20000, {}, False), (25000, {"silent": True}, False), (20000, {}, False)],
    # the source counts one; its claim then jumps, which is the same one; later it jumps, and back, by itself
    "resets": [
        (20000, {}, False),
        (10000, {"resets": 1}, False),
        (70000, {"soc_cpct": 5000}, False),
        (70000, {"soc_cpct": 2500}, False),
        (20000, {}, False),
    ],
}


class SickPack:
    """The bench's pack, through what its meters show of it."""

    def __init__(self, pack):
        self._pack = pack
        self.kind = pack.kind
        self.temperature_sensors = pack.temperature_sensors
        self.refused = self.resets = 0
        self.illness = WELL

    def read(self, sample):
        illness = self.illness
        self._pack.read(sample)
        if "cell_mv" in illness:
            sample.cell_mv[illness["cell_mv"][0]] = illness["cell_mv"][1]
        if "ddegc" in illness:
            sample.temperature_ddegc[illness["ddegc"][0]] = illness["ddegc"][1]
        for cell in illness.get("no_cells", ()):
            sample.cell_mv[cell] = None
            sample.missing += 1
        for sensor in illness.get("no_sensors", ()):
            sample.temperature_ddegc[sensor] = None
            sample.missing += 1
        if "soc_cpct" in illness:
            sample.soc_reported_cpct = illness["soc_cpct"]
        if "silent" in illness:
            self._silence(sample)
        self.resets += illness.pop("resets", 0)

    def _silence(self, sample):
        sample.current_ma = sample.pack_mv = sample.soc_reported_cpct = sample.soh_reported_cpct = None
        sample.missing = 2 + len(sample.cell_mv) + len(sample.temperature_ddegc)
        for column in (sample.cell_mv, sample.temperature_ddegc):
            for i in range(len(column)):
                column[i] = None


def start(flash, now_ms, keys=None, reset_cause=1):
    board = Board(flash, SAMPLE_MS, WINDOW_MS, 4, 4, now_ms, keys)
    board.pack = SickPack(board.pack)  # type: ignore[assignment]
    board.logger = Logger(board.logger.config, board.log, board.keys, board.pack, bytes(32), reset_cause)
    board.link = type(board.link)(board.logger)
    return board


def counters_of(gateway):
    """All counters as of each window: what one leaves out stands as it was last given."""
    told, all_told = [], []
    for entry in gateway.entries:
        if entry[0] == entries.WINDOW:
            given = entry[4][9]
            told = given + told[len(given) :]
            all_told.append(told)
    return all_told


def live(phases):
    flash, gateway = MemoryFlash(16, 4096), Gateway()
    board = start(flash, 0)
    for duration_ms, illness, is_new_start in phases:
        if is_new_start:
            board = start(flash, board.now_ms, board.keys, reset_cause=2)
        board.pack.illness = illness
        board.run(duration_ms, gateway)
    events = [entry[4] for entry in gateway.entries if entry[0] == entries.EVENT]
    windows = [entry[4] for entry in gateway.entries if entry[0] == entries.WINDOW]
    counters = counters_of(gateway)
    for i in range(entries.COUNTERS):
        counts = [counted[i] for counted in counters]
        assert counts == sorted(counts), "a counter fell"
    return {
        "events": [[event.get(key) for key in (1, 2, 3, 4)] for event in events],
        "counters": counters[-1],
        "missing": sum([window.get(13, 0) for window in windows]),
    }


def cuts():
    """Power cuts at any time: what the counters of each start lack of those that were in memory; and all windows'."""
    flash, gateway = MemoryFlash(16, 4096), Gateway()
    board, lacking, random = start(flash, 0), [], 1
    for _ in range(40):
        random = (random * 1103515245 + 12345) & 0x7FFFFFFF
        board.run(1000 + (random >> 8) % 45000, gateway)
        counted = board.logger._sampler.counters.result()
        board = start(flash, board.now_ms, board.keys, reset_cause=2)
        kept = board.log.progress.counters
        lacking.append([counted[i] - kept[i] for i in range(entries.COUNTERS)])
    board.run(20000, gateway)
    return {"lacking": lacking, "counters": counters_of(gateway)}


if __name__ == "__main__":
    print(json.dumps(cuts() if sys.argv[1] == "cuts" else live(LIVES[sys.argv[1]])))
