"""Sources on their emulators, and the judge of what they deliver: each value is one that the emulator really had, and
not longer ago than the source may hold it. Used by the scripts beside it and by the tests, on both interpreters."""

from logger.core.sampling import Sample
from logger.drivers.bq769x2 import Bq769x2Source
from logger.drivers.daly import DalySource
from logger.drivers.jbd import JbdSource

CELLS, SENSORS = 13, 2
TURN_MS = 5
SERIAL_SETTINGS = {"temperature_sensors": SENSORS, "max_age_ms": 1500, "poll_ms": 100, "timeout_ms": 300}
DALY_SETTINGS = {"board": 1, "first_frame": 1, "positive_charges": 0}
MONITOR_SETTINGS = {
    "device": 76952,
    "address": 8,
    "crc": 1,
    "cell_inputs": 0x8FFF,
    "thermistors": 0b0100010000,  # TS1 and DCHG
    "current_unit_ua": 10000,
    "sense_uohm": 1000,
    "configures": 1,
    "max_age_ms": 1500,
    "poll_ms": 50,
}
MONITOR_INPUTS, MONITOR_THERMISTORS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15), (4, 8)


def merged(settings, more):
    both = dict(settings)
    both.update(more)
    return both


def jbd_source(wire, **more):
    return JbdSource(wire, CELLS, merged(SERIAL_SETTINGS, more))


def daly_source(wire, **more):
    return DalySource(wire, CELLS, merged(merged(SERIAL_SETTINGS, DALY_SETTINGS), more))


def monitor_source(i2c, **more):
    return Bq769x2Source(i2c, CELLS, merged(MONITOR_SETTINGS, more))


class Bench:
    """Runs a source in turns of emulated time. wire: what has now_ms. judge: wrong_values(sample, now_ms)."""

    def __init__(self, source, wire, judge):
        self.source = source
        self.wire = wire
        self.judge = judge
        self.now_ms = 0
        self.sample = Sample(CELLS, source.temperature_sensors)

    def run(self, duration_ms, turn_ms=TURN_MS):
        """Every tenth turn is judged. Returns the last sample."""
        end_ms, turn = self.now_ms + duration_ms, 0
        while self.now_ms < end_ms:
            self.now_ms += turn_ms
            self.wire.now_ms = self.now_ms
            self.source.step(self.now_ms)
            turn += 1
            if turn % 10 == 0:
                self.read()
        return self.read()

    def read(self):
        self.source.read(self.sample)
        wrong = self.judge(self.sample, self.now_ms)
        assert wrong is None, f"at {self.now_ms} ms: {wrong}"
        return self.sample


def count_of(sample):
    """How many values are available."""
    count = (sample.current_ma is not None) + (sample.pack_mv is not None)
    for column in (sample.cell_mv, sample.temperature_ddegc):
        count += len([value for value in column if value is not None])
    return count


class Judge:
    """For emulators whose values are methods of time. places: (cells, sensors) as the emulator numbers them."""

    def __init__(self, bms, step_ms, oldest_ms, cells, sensors):
        self._bms = bms
        self._step_ms = step_ms
        self._oldest_ms = oldest_ms
        self._cells = cells
        self._sensors = sensors

    def __call__(self, sample, now_ms):
        """What is wrong, None where nothing is."""
        for value, method in (
            (sample.current_ma, self._bms.current_ma),
            (sample.pack_mv, self._bms.pack_mv),
            (sample.soc_reported_cpct, self._bms.soc_cpct),
        ):
            if value is not None and not self._had_at_once(now_ms, lambda at_ms: method(at_ms) == value):  # noqa: B023
                return f"{value}, current, voltage or charge"
        for values, places, method in (
            (sample.cell_mv, self._cells, self._bms.cell_mv),
            (sample.temperature_ddegc, self._sensors, self._bms.temperature_ddegc),
        ):
            if not self._had_at_once(now_ms, lambda at_ms: self._are(values, places, method, at_ms)):  # noqa: B023
                return f"a column {values}"
        return None

    def _had_at_once(self, now_ms, holds):
        at_ms = (now_ms // self._step_ms + 1) * self._step_ms  # one that is torn ends in the next measurement
        while at_ms >= max(now_ms - self._oldest_ms, 0):
            if holds(at_ms):
                return True
            at_ms -= self._step_ms
        return holds(0)

    def _are(self, values, places, method, at_ms):
        return not [i for i in range(len(values)) if values[i] not in (None, method(places[i], at_ms))]
