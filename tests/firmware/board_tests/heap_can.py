"""Reads a table in hexadecimal (MicroPython only): steps and reads of the CAN source, on each chip, with a locked heap.
Prints the chips. An emulator needs the heap: so all runs once beside it, and once more on what it answered."""

import sys

import micropython
from mcp251x_rig import Replay, SpiWire
from mcp2515_emulator import Mcp2515Emulator
from mcp2518fd_emulator import Mcp2518fdEmulator

from logger.core.can_source import CanSource
from logger.core.can_table import CanTable
from logger.core.sampling import Sample
from logger.drivers.mcp2515 import MCP2515
from logger.drivers.mcp2518fd import MCP2518FD

SETTINGS = {"max_age_ms": 500, "max_slow_age_ms": 3000}
CELLS = 6
FRAMES = (
    (0x10, False, b"\xff\x9c\x70\x17\x00\x00"),
    (0x11, False, b"\x00\x74\x0e\x75\x0e\x76\x0e\x00"),
    (0x11, False, b"\x01\x74\x0e\x75\x0e\x76\x0e\x00"),
    (0x11, False, b"\x07\x74\x0e\x75\x0e\x76\x0e\x00"),
    (0x12, True, b"\x41\x3c\x9b\xc6\x00\x00\x00\x00"),
    (0x12, True, b"\x41"),
    (0x100, True, b"\x01"),
)


class Listed:
    """A controller with frames that are there already."""

    max_data_bytes = 8
    lost = faults = 0

    def __init__(self):
        self.at = len(FRAMES)

    def set_filters(self, ids):
        pass

    def receive(self):
        if self.at == len(FRAMES):
            return None
        self.at += 1
        return FRAMES[self.at - 1]

    def state(self):
        return 3

    def restart(self):
        pass


def life(source, sample, arrive):
    """arrive is called before each turn. Returns the sums of what was sampled."""
    total = missing = 0
    for turn in range(20):
        arrive(turn)
        source.step(100 * turn)
        source.read(sample)
        missing += sample.missing
        total += (sample.current_ma or 0) + (sample.cell_mv[0] or 0) + (sample.temperature_ddegc[1] or 0)
    return total + 1000 * missing


def run(name, table, make, chip, *options):
    replay = Replay(SpiWire(chip))
    results = []
    for _ in range(2):
        source = CanSource(make(replay, replay.select, 500000, *options), table, CELLS, SETTINGS)
        sample = Sample(CELLS, source.temperature_sensors)
        if replay.is_replaying:
            micropython.heap_lock()
            results.append(life(source, sample, nothing))
            micropython.heap_unlock()
        else:
            results.append(life(source, sample, lambda turn: chip.receive(*FRAMES[turn % len(FRAMES)])))
            replay.rewind()
    assert results[0] == results[1]
    assert results[0] > 10000
    print(name)


def nothing(_turn):
    pass


def run_listed(table):
    controller = Listed()
    source = CanSource(controller, table, CELLS, SETTINGS)
    sample = Sample(CELLS, source.temperature_sensors)

    def again(_turn):
        controller.at = 0

    micropython.heap_lock()
    total = life(source, sample, again)
    micropython.heap_unlock()
    assert total == 20 * (10000 + 3700 + 200), total
    assert source.refused == 40
    print("table")


def main():
    table = CanTable(bytes.fromhex(sys.stdin.read()))
    run("mcp2515", table, MCP2515, Mcp2515Emulator(), 8000000)
    run("mcp2518fd", table, MCP2518FD, Mcp2518fdEmulator(), 40000000)
    run("mcp2518fd-fd", table, MCP2518FD, Mcp2518fdEmulator(), 40000000, 2000000)
    run_listed(table)


main()
