"""What a source has heard last, and for how long it counts. Filled from answers, read into samples.

An answer is held whole: its values go in together, with the time at which they were asked for, and are let go together
when they are older than the source's limit. So a sample never mixes what was measured further apart than that, and
never has a value of a BMS that has fallen silent. read takes nothing from the heap.
"""

from array import array

PACK, CELLS, TEMPERATURES, FAULTS = 0, 1, 2, 3  # parts of what is heard, each with an age of its own
_PARTS = 4

# Bits of `faults`: what the source itself says it cannot measure.
NO_CURRENT, NO_PACK, NO_CELLS, NO_TEMPERATURES = 1, 2, 4, 8
NO_MEASUREMENT = NO_CURRENT | NO_PACK | NO_CELLS | NO_TEMPERATURES

TIME_MASK = (1 << 30) - 1  # what a small integer of a 32-bit board holds; 12.4 days


def since(earlier_ms, now_ms):
    """Milliseconds between two times of Readings, whatever wrapped between them."""
    return (now_ms - earlier_ms) & TIME_MASK


class Readings:
    """Writable: the values, `faults`, and `sensors_heard` (of those configured, how many the source has at all).

    A value None that is held is one the source marked not available. One that is not held is missing.
    """

    def __init__(self, cell_blocks, temperature_sensors, max_age_ms):
        self.current_ma = self.pack_mv = self.soc_cpct = None
        self.cell_mv = [None] * cell_blocks
        self.temperature_ddegc = [None] * temperature_sensors
        self.sensors_heard = temperature_sensors
        self.faults = 0
        self._max_age_ms = max_age_ms
        self._is_held = bytearray(_PARTS)
        self._asked_ms = array("i", [0] * _PARTS)
        self._now_ms = array("i", [0])  # an item of an array is a small integer again, whatever was put into it

    def tick(self, now_ms):
        """Lets go of what has become too old. Call it more often than every twelve days. Returns the time, wrapped."""
        self._now_ms[0] = now_ms & TIME_MASK
        now_ms = self._now_ms[0]
        for part in range(_PARTS):
            if self._is_held[part] and since(self._asked_ms[part], now_ms) > self._max_age_ms:
                self._is_held[part] = 0
        return now_ms

    def hold(self, part, asked_ms):
        """The values of this part are those of an answer to what was asked at asked_ms (as tick returned it)."""
        self._asked_ms[part] = asked_ms
        self._is_held[part] = since(asked_ms, self._now_ms[0]) <= self._max_age_ms

    def drop(self):
        """Nothing that was heard counts any more: its source has been reset, or is another one."""
        for part in range(_PARTS):
            self._is_held[part] = 0

    def read(self, sample):
        """Fills every field of a Sample (sampling.py) with what counts as of the last tick."""
        faults = self.faults if self._is_held[FAULTS] else 0
        has_pack = self._is_held[PACK]
        sample.current_ma = self.current_ma if has_pack and not faults & NO_CURRENT else None
        sample.pack_mv = self.pack_mv if has_pack and not faults & NO_PACK else None
        sample.soc_reported_cpct = self.soc_cpct if has_pack else None
        sample.soh_reported_cpct = None  # none of these protocols has one
        missing = 0 if has_pack else 2
        missing += self._fill(sample.cell_mv, self.cell_mv, CELLS, faults & NO_CELLS, len(self.cell_mv))
        missing += self._fill(
            sample.temperature_ddegc, self.temperature_ddegc, TEMPERATURES, faults & NO_TEMPERATURES, self.sensors_heard
        )
        sample.missing = missing

    def _fill(self, target, values, part, is_faulty, heard):
        """Returns how many values are missing."""
        count = min(heard, len(values)) if self._is_held[part] else 0
        for i in range(len(values)):
            target[i] = values[i] if i < count and not is_faulty else None
        return len(values) - count


class CycleWatch:
    """Notices that a BMS has lost its memory: its count of cycles, which only rises, has fallen.

    `resets` counts that. A fall is believed when two answers in a row agree on it.
    """

    def __init__(self):
        self.resets = 0
        self._cycles = 0
        self._doubted = -1

    def see(self, cycles):
        if cycles >= self._cycles:
            self._cycles = cycles
            self._doubted = -1
        elif cycles == self._doubted:
            self.resets += 1
            self._cycles = cycles
            self._doubted = -1
        else:
            self._doubted = cycles
