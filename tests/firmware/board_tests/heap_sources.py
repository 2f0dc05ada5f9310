"""Steps and reads without a byte from the heap: `heap_sources.py` (MicroPython only), prints the steps of each source.

An emulator needs the heap. So each source runs twice: once beside its emulator, while what comes from there is noted,
and once, from the same start, with the notes in place of the emulator and the heap locked.
"""

import gc

import micropython
from bq769x2_emulator import Bq769x2Emulator
from daly_emulator import DalyEmulator
from jbd_emulator import JbdEmulator
from serial_wire import SerialWire
from sources_bench import CELLS, SENSORS, TURN_MS, count_of, daly_source, jbd_source, monitor_source

from logger.core.sampling import Sample

ALL = 2 + CELLS + SENSORS
BEGINNING_TURNS, TURNS = 400, 800  # a start may use the heap: names, buffers, what is set up


class Notes:
    """A line and a bus: the other end's, and later what it said, call for call."""

    def __init__(self, wire):
        self.is_replaying = False
        self._wire = wire
        self._said = []
        self._at = 0

    def turn(self, now_ms):
        if not self.is_replaying:
            self._wire.now_ms = now_ms

    def rewind(self):
        self.is_replaying = True

    def read(self):
        if not self.is_replaying:
            self._said.append(self._wire.read())
            return self._said[-1]
        self._at += 1
        return self._said[self._at - 1]

    def write(self, content):
        return len(content) if self.is_replaying else self._wire.write(content)

    def readfrom_mem_into(self, address, command, buffer):
        if not self.is_replaying:
            self._wire.readfrom_mem_into(address, command, buffer)
            self._said.append(bytes(buffer))
            return
        said = self._said[self._at]
        self._at += 1
        for i in range(len(said)):
            buffer[i] = said[i]

    def writeto_mem(self, address, command, content):
        if not self.is_replaying:
            self._wire.writeto_mem(address, command, content)


def run(source, notes, sample, first, last):
    for turn in range(first, last):
        notes.turn(turn * TURN_MS)
        source.step(turn * TURN_MS)
        source.read(sample)


def check(name, make_source, wire):
    notes = Notes(wire)
    source = make_source(notes)
    sample = Sample(CELLS, source.temperature_sensors)
    run(source, notes, sample, 0, TURNS)
    notes.rewind()
    source = make_source(notes)
    run(source, notes, sample, 0, BEGINNING_TURNS)
    gc.collect()
    micropython.heap_lock()
    try:
        run(source, notes, sample, BEGINNING_TURNS, TURNS)
    finally:
        micropython.heap_unlock()
    assert count_of(sample) == ALL, name
    print(name, TURNS - BEGINNING_TURNS)


check("jbd", jbd_source, SerialWire(JbdEmulator(CELLS, SENSORS)))
check("daly", daly_source, SerialWire(DalyEmulator(CELLS, SENSORS)))
check("bq769x2", monitor_source, Bq769x2Emulator())
