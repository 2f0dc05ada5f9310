"""Thousands of samples with the heap locked, where MicroPython can lock it: what takes a byte ends the script.

Arguments: cell blocks, sensors, sample_ms. The source is a plain one of small integers, and then the simulated pack,
where words have 64 bits. Prints as JSON what was counted.
"""

import json
import sys

from logger.core.entries import Progress
from logger.core.sampler import Sampler
from logger.drivers.simulator import SimulatedPack

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython

    def heap_lock():  # type: ignore[misc]
        pass

    def heap_unlock():  # type: ignore[misc]
        return 0


SAMPLES = 6000


class Source:
    """A pack of extremes: the largest currents and voltages, cells beyond their limits, sensors that come and go."""

    kind = 2
    refused = 0

    def __init__(self, temperature_sensors):
        self.temperature_sensors = temperature_sensors
        self.resets = 0
        self._reads = 0

    def step(self, now_ms):
        pass

    def read(self, sample):
        self._reads += 1
        turn = self._reads
        sample.missing = 0
        sample.current_ma = (5000000 if turn % 40 < 20 else -5000000) if turn % 4000 < 2000 else turn % 3
        sample.pack_mv = None if turn % 50 == 49 else 2000000 - turn % 7
        for i in range(len(sample.cell_mv)):
            sample.cell_mv[i] = 70 * (turn % 64) if i == 3 else 3300 + i % 5
        for i in range(len(sample.temperature_ddegc)):
            sample.temperature_ddegc[i] = -300 if turn % 1000 < 100 else 1200 if turn % 1000 > 900 else 250
        if turn % 300 > 250:
            sample.cell_mv[1] = None
            sample.missing += 1
        sample.soc_reported_cpct = 5000 if turn % 500 < 250 else 9000
        sample.soh_reported_cpct = None
        if turn % 1200 == 0:
            self.resets += 1


def run(source, cell_blocks, sample_ms, time=None):
    config = {"cell_blocks": cell_blocks, "rated_capacity_mah": 100000, "sample_ms": sample_ms, "window_ms": 3600000}
    config.update({"strings": 1, "chemistry": "nmc"})
    sampler = Sampler(config, source)
    sampler.begin(0, Progress())
    settled = events = 0
    for turn in range(SAMPLES):
        heap_lock()
        try:
            if time:
                time.now_ms += sample_ms
            source.step(turn)
            sampler.take(turn * sample_ms)
            is_due = sampler.watch.is_due()
        finally:
            heap_unlock()
        if sampler.estimator.is_due:
            sampler.estimator.settle()
            settled += 1
        while is_due and sampler.watch.is_due():
            sampler.watch.next_body()
            events += 1
        if turn % 500 == 499:
            sampler.watch.begin_window()
    body = sampler.end_window(SAMPLES * sample_ms, Progress().counters)
    return {"settled": settled, "events": events, "counters": body[9], "samples": body[2], "missing": body.get(13, 0)}


class Time:
    def __init__(self):
        self.now_ms = 0


if __name__ == "__main__":
    blocks, sensors, sample_ms = [int(argument) for argument in sys.argv[1:]]
    found = [run(Source(sensors), blocks, sample_ms)]
    if sys.maxsize > 1 << 32:
        time = Time()
        pack = SimulatedPack(lambda: time.now_ms, blocks, sensors, 100000, 90000, 1)
        found.append(run(pack, blocks, sample_ms, time))
    print(json.dumps(found))
