"""`fuzz_sources.py jbd|daly|bq769x2 ANSWERS SEED`: spoils so many answers, and prints what the source counted.

Whatever escapes, and any value that the emulator did not have lately, ends the script. At the end the line is clean
again, and the source must deliver everything.

What a protocol's own check cannot tell from a good answer is not among it: two wrong bytes in a frame, which leave its
sum as it was once in 256 times (docs/sources.md).
"""

import sys

from bq769x2_emulator import FULL_SCAN_MS, SCAN_MS, Bq769x2Emulator
from daly_emulator import STEP_MS, DalyEmulator
from jbd_emulator import JbdEmulator
from serial_wire import SerialWire
from sources_bench import (
    CELLS,
    MONITOR_INPUTS,
    MONITOR_SETTINGS,
    MONITOR_THERMISTORS,
    SENSORS,
    SERIAL_SETTINGS,
    Bench,
    Judge,
    count_of,
    daly_source,
    jbd_source,
    monitor_source,
)

GOOD_SERIAL, GOOD_MONITOR = 1, 16  # answers left alone for each that is spoilt: a monitor's come by the dozen
ALL = 2 + CELLS + SENSORS


class Chance:
    """The same numbers on every interpreter (the generator of C's rand)."""

    def __init__(self, seed):
        self._state = seed

    def below(self, limit):
        self._state = self._state * 1103515245 + 12345 & 0x7FFFFFFF
        return (self._state >> 12) % limit

    def content(self, limit):
        return bytes([self.below(256) for _ in range(1 + self.below(limit))])


class Spoiler:
    """What comes of an answer on the way. `count` is how many were spoilt; set `is_over` to end it."""

    def __init__(self, chance, changes, good):
        self.count = 0
        self.is_over = False
        self._chance = chance
        self._changes = changes
        self._good = good
        self._last = b"\x00"

    def __call__(self, content):
        last, self._last = self._last, content
        if self.is_over or not content or self._chance.below(self._good + 1):
            return content
        self.count += 1
        return self._changes[self._chance.below(len(self._changes))](self._chance, content, last)


def flip(chance, content, _):
    at = chance.below(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.below(8)]) + content[at + 1 :]


def replace(chance, content, _):
    at = chance.below(len(content))
    return content[:at] + bytes([chance.below(256)]) + content[at + 1 :]


def delete(chance, content, _):
    at = chance.below(len(content))
    return content[:at] + content[at + 1 :]


def insert(chance, content, _):
    at = chance.below(len(content) + 1)
    return content[:at] + bytes([chance.below(256)]) + content[at:]


def cut(chance, content, _):
    return content[: chance.below(len(content))]


def cut_front(chance, content, _):
    return content[1 + chance.below(len(content)) :]


def double(_, content, __):
    return content + content


def put_before(chance, content, _):
    return chance.content(40) + content


def put_behind(chance, content, _):
    return content + chance.content(40)


def garble(chance, _, __):
    return chance.content(300)


def another(_, __, last):
    """The answer before this one: too late, and mostly to another question."""
    return last


def both(_, content, last):
    return last + content


def all_ones(_, content, __):
    return b"\xff" * len(content)


def all_zeros(_, content, __):
    return bytes(len(content))


SERIAL = [flip, replace, delete, insert, cut, cut_front, double, put_before, put_behind, garble, another, both]


def serial_bench(make_source, bms, changes, chance):
    wire = SerialWire(bms, latency_ms=0, byte_ms=0)
    wire.spoil = Spoiler(chance, changes, GOOD_SERIAL)
    oldest_ms = SERIAL_SETTINGS["max_age_ms"] + SERIAL_SETTINGS["timeout_ms"]
    judge = Judge(bms, STEP_MS, oldest_ms, range(CELLS), range(SENSORS))
    return Bench(make_source(wire), wire, judge), wire.spoil


def monitor_bench(chance):
    bms = Bq769x2Emulator()
    bms.spoil = Spoiler(chance, [flip, replace, all_ones, all_zeros], GOOD_MONITOR)
    oldest_ms = MONITOR_SETTINGS["max_age_ms"] + FULL_SCAN_MS
    judge = Judge(bms, SCAN_MS, oldest_ms, MONITOR_INPUTS, MONITOR_THERMISTORS)
    return Bench(monitor_source(bms), bms, judge), bms.spoil


def trouble(chance, bms):
    """Of a monitor: what is not in the bytes of an answer."""
    what = chance.below(40)
    bms.is_absent, bms.is_stuck = what == 0, what == 1
    if what == 2:
        bms.reset()
    elif what == 3:
        bms.tear_at = 1 + chance.below(34)


def run(name, answers, seed):
    chance = Chance(seed)
    if name == "jbd":
        bench, spoiler = serial_bench(jbd_source, JbdEmulator(CELLS, SENSORS), SERIAL, chance)
    elif name == "daly":
        bench, spoiler = serial_bench(daly_source, DalyEmulator(CELLS, SENSORS), SERIAL, chance)
    else:
        bench, spoiler = monitor_bench(chance)
    counts = [0] * (ALL + 1)
    while spoiler.count < answers:
        if name == "bq769x2":
            trouble(chance, bench.wire)
        counts[count_of(bench.run(300, 25))] += 1
    spoiler.is_over = True
    if name == "bq769x2":
        bench.wire.is_absent = bench.wire.is_stuck = False
    assert count_of(bench.run(25000, 25)) == ALL, "it does not recover"
    return bench, spoiler, counts


if __name__ == "__main__":
    bench, spoiler, counts = run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    print(spoiler.count, bench.source.refused, sum(counts[1:]), sum(counts))
