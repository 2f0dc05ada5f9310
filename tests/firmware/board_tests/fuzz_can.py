"""`fuzz_can.py ROUNDS SEED`, a table in hexadecimal on standard input: garbage between each controller and its chip, on
a byte line, and in frames. Prints each with what it counted. What a controller hands on must have been on the bus;
whatever escapes ends the script."""

import sys

from mcp251x_rig import SpiWire
from mcp2515_emulator import Mcp2515Emulator
from mcp2518fd_emulator import Mcp2518fdEmulator

from logger.core.can_source import CanSource
from logger.core.can_table import CanTable
from logger.core.sampling import Sample
from logger.drivers.mcp2515 import MCP2515
from logger.drivers.mcp2518fd import MCP2518FD
from logger.drivers.slcan import Slcan

SETTINGS = {"max_age_ms": 500, "max_slow_age_ms": 3000}
CELLS = 6
LENGTHS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64)


class Chance:
    """The same numbers on every interpreter (the generator of C's rand)."""

    def __init__(self, seed):
        self._state = seed

    def below(self, limit):
        self._state = self._state * 1103515245 + 12345 & 0x7FFFFFFF
        return (self._state >> 12) % limit

    def content(self, length):
        return bytes([self.below(256) for _ in range(length)])

    def frame(self, is_fd):
        is_extended = self.below(2) == 1
        can_id = self.below(0x80000) << 10 | self.below(1024) if is_extended else self.below(0x800)
        return can_id, is_extended, self.content(LENGTHS[self.below(16 if is_fd else 9)])


class Spoilt:
    """Some of the bytes that a chip answers are others; at times the chip is gone, or its line stuck."""

    def __init__(self, chance, wire):
        self._chance = chance
        self._wire = wire
        self._one_in = 0

    def choose(self):
        choice = self._chance.below(8)
        self._wire.is_cut = choice == 0
        self._one_in = (0, 0, 0, 1, 20, 200, 200, 0)[choice]
        self._wire.spoil = (lambda byte: 0xFF) if choice == 1 else self._spoil

    def end(self):
        self._wire.is_cut = False
        self._wire.spoil = lambda byte: byte

    def _spoil(self, byte):
        if self._one_in and not self._chance.below(self._one_in):
            return byte ^ self._chance.below(256)
        return byte


def trouble(chance, chip):
    """What happens at the chip's other side."""
    choice = chance.below(12)
    if choice == 0:
        chip.reset()
    elif choice == 1:
        chip.set_errors((0x20, 0x10, 0x04, 0)[chance.below(4)])
    elif choice == 2:
        chip.is_bus_dead = not chip.is_bus_dead


def fuzz_chip(name, rounds, chance, make, chip, options):
    wire = SpiWire(chip)
    driver = make(wire, wire.select, 500000, *options)
    is_fd = driver.max_data_bytes == 64
    spoilt = Spoilt(chance, wire)
    arrived, offered, received = set(), set(), 0
    for _ in range(rounds):
        spoilt.choose()
        trouble(chance, chip)
        frame = chance.frame(is_fd)
        arrived.add(frame)
        chip.receive(frame[0], frame[1], frame[2], len(frame[2]) > 8)
        got = driver.receive()
        if got is not None:
            received += 1
            assert (got[0], got[1], bytes(got[2])) in arrived, f"{name} made a frame up"
        frame = chance.frame(is_fd)
        offered.add(frame)
        driver.send(frame[0], frame[1], frame[2], len(frame[2]) > 8)
        if driver.state() == 3 and not chance.below(3):
            driver.restart()
    assert {sent[:3] for sent in chip.sent} <= offered, f"{name} sent a frame that nobody gave it"
    assert received > rounds // 20
    spoilt.end()
    chip.is_bus_dead = False
    driver.restart()
    chip.receive(1, False, b"\x2a")
    got = driver.receive()
    assert got is not None, f"{name} is deaf"
    assert (got[0], bytes(got[2]), driver.state()) == (1, b"\x2a", 0)
    print(name, driver.faults, driver.lost, received)


class Line:
    def __init__(self):
        self.coming = b""

    def read(self):
        part, self.coming = self.coming[:7], self.coming[7:]
        return part

    def write(self, content):
        return min(len(content), 5)


def fuzz_slcan(rounds, chance):
    line = Line()
    driver = Slcan(line, 500000)
    received = 0
    for _ in range(rounds):
        content = bytearray(b"T18FF50E5201AB\r" if chance.below(2) else b"t1DB0\r")
        if chance.below(3):
            content[chance.below(len(content))] = (0, 7, 13, 71, 255, chance.below(256))[chance.below(6)]
        line.coming += bytes(content) + (chance.content(chance.below(60)) if not chance.below(9) else b"")
        while line.coming:
            received += driver.receive() is not None
        driver.send(*chance.frame(False))
    line.coming = b"\rt1DB12A\r"
    got = driver.receive()
    while got is not None and got[0] != 0x1DB:
        got = driver.receive()
    assert got is not None
    assert bytes(got[2]) == b"\x2a"
    print("slcan", driver.faults, driver.lost, received)


class Garbage:
    """A controller that hands on anything a controller could."""

    max_data_bytes = 64
    lost = faults = 0

    def __init__(self, chance, ids):
        self._chance = chance
        self._ids = ids
        self.left = 0

    def set_filters(self, ids):
        pass

    def receive(self):
        if not self.left:
            return None
        self.left -= 1
        frame = self._chance.frame(True)
        if self._chance.below(4):
            can_id, is_extended = self._ids[self._chance.below(len(self._ids))]
            return can_id, is_extended, frame[2]
        return frame

    def state(self):
        return self._chance.below(4)

    def restart(self):
        pass


def fuzz_source(rounds, chance, table):
    controller = Garbage(chance, table.ids)
    source = CanSource(controller, table, CELLS, SETTINGS)
    sample = Sample(CELLS, source.temperature_sensors)
    now_ms = valued = 0
    for _ in range(rounds):
        controller.left = chance.below(20)
        now_ms += chance.below(400)
        source.step(now_ms)
        source.read(sample)
        for value in sample.cell_mv:
            valued += value is not None
            assert value is None or 500 <= value <= 5000
        assert sample.current_ma is None or -400000 <= sample.current_ma <= 400000
        assert 0 <= sample.missing <= 2 + CELLS + source.temperature_sensors
    assert valued
    print("source", source.refused, source.bus_offs, valued)


def main(rounds, seed, table):
    chance = Chance(seed)
    fuzz_chip("mcp2515", rounds, chance, MCP2515, Mcp2515Emulator(), (8000000,))
    fuzz_chip("mcp2518fd", rounds // 4, chance, MCP2518FD, Mcp2518fdEmulator(), (40000000,))
    fuzz_chip("mcp2518fd-fd", rounds // 4, chance, MCP2518FD, Mcp2518fdEmulator(), (40000000, 2000000))
    fuzz_slcan(rounds, chance)
    fuzz_source(rounds, chance, table)


main(int(sys.argv[1]), int(sys.argv[2]), CanTable(bytes.fromhex(sys.stdin.read())))
