"""What is said in EVENT entries about a pack (docs/record.md, EVENT): deep discharge, overcharge, heat, cold, resets of
the BMS, and values that have gone missing.

Decides when each begins and has ended, with hysteresis, and which is to be said next. What is and what was said are
kept apart: a change that finds no room waits, and one that is over before anybody could say it is counted
(EVENTS_UNSAID). So no pack floods a log, and none is forgotten. What runs for every sample takes nothing from
the heap.
"""

from logger.core.entries import (
    BEGINS,
    BMS_RESETS,
    DEEP_DISCHARGES,
    ENDED,
    EVENT_BMS_RESET,
    EVENT_DEEP_DISCHARGE,
    EVENT_MISSING,
    EVENT_OVERCHARGE,
    EVENT_TOO_COLD,
    EVENT_TOO_HOT,
    EVENTS_UNSAID,
    MOMENTARY,
    OVERCHARGES,
    WINDOW_CELLS,
    WINDOW_TEMPERATURES,
    event_body,
)
from logger.core.occasions import Occasion

MAX_EVENTS = 8  # at once; one more with each window, so that what flickers for years does not wear a flash out
MISSING_SAMPLES = 10  # in a row without a value that was there before
SOC_JUMP_CPCT = 2000  # in SOC_JUMP_MS no current moves so much charge: 12 times the rated capacity in an hour
SOC_JUMP_MS = 60000
_NEVER_SEEN = 255

# Where the configuration names none: what most lithium-ion cells with a nickel cathode must not leave, and the
# temperatures beyond which the makers' guides (JEITA, for charging) ask for less current.
DEFAULTS = {
    "cell_min_mv": 2500,
    "cell_max_mv": 4250,
    "hysteresis_mv": 100,
    "temperature_min_ddegc": 0,
    "temperature_max_ddegc": 450,
    "hysteresis_ddegc": 20,
}


class MissingSensors:
    """Cells and temperatures that were there and give no value any more. Readable: `unsaid`, how many changes wait."""

    def __init__(self, cell_blocks, temperature_sensors):
        self._cell_blocks = cell_blocks
        self._absent = bytearray(cell_blocks + temperature_sensors)  # samples in a row, at most MISSING_SAMPLES
        self._said = bytearray(len(self._absent))

    def begin(self, progress):
        """Those that the log says are missing are, until they give a value."""
        self.unsaid = 0
        self._irregular = len(self._absent)  # sensors whose entry in _absent is not 0
        for i in range(len(self._absent)):
            self._said[i] = 1 if progress.is_missing(*self._key_and_place(i)) else 0
            self._absent[i] = MISSING_SAMPLES if self._said[i] else _NEVER_SEEN

    def add(self, sample, absent, watch):
        """absent: how many of them have no value in this sample."""
        if not (absent or self._irregular) or absent == len(self._absent):  # of a source that is silent: event 6
            return
        for i in range(self._cell_blocks):
            self._look(i, sample.cell_mv[i] is None, watch)
        for i in range(len(sample.temperature_ddegc)):
            self._look(self._cell_blocks + i, sample.temperature_ddegc[i] is None, watch)

    def next_body(self):
        """Of the EVENT entry for the first change that waits."""
        for i in range(len(self._absent)):
            is_missing = self._absent[i] == MISSING_SAMPLES
            if is_missing != bool(self._said[i]):
                self._said[i] = 1 if is_missing else 0
                self.unsaid -= 1
                return event_body(EVENT_MISSING, BEGINS if is_missing else ENDED, *self._key_and_place(i))
        return None

    def _look(self, i, is_absent, watch):
        absent = self._absent[i]
        if not is_absent:
            if absent:
                self._irregular -= 1
                self._absent[i] = 0
                if absent == MISSING_SAMPLES:
                    self._changed(self._said[i] == 0, watch)
        elif absent < MISSING_SAMPLES:
            if not absent:
                self._irregular += 1
            self._absent[i] = absent + 1
            if absent + 1 == MISSING_SAMPLES:
                self._changed(self._said[i] == 1, watch)
                watch.forget(i < self._cell_blocks, i if i < self._cell_blocks else i - self._cell_blocks)

    def _changed(self, is_back, watch):
        """is_back: to what was said last."""
        self.unsaid += -1 if is_back else 1
        if is_back:
            watch.counters.count(EVENTS_UNSAID)

    def _key_and_place(self, i):
        if i < self._cell_blocks:
            return WINDOW_CELLS, i
        return WINDOW_TEMPERATURES, i - self._cell_blocks


class Resets:
    """Resets of the BMS: those that its source counts itself in `resets`, and those that show in its claimed charge."""

    def __init__(self, source):
        self._source = source
        self._counts = hasattr(source, "resets")
        self.unsaid = 0
        self._counted = source.resets if self._counts else 0
        self._jump_cpct = self._soc_cpct = None
        self._since_soc_ms = self._since_reset_ms = SOC_JUMP_MS + 1

    def add(self, sample, step_ms, counters):
        """step_ms: since the last sample."""
        self._since_soc_ms = min(self._since_soc_ms + step_ms, SOC_JUMP_MS + 1)
        self._since_reset_ms = min(self._since_reset_ms + step_ms, SOC_JUMP_MS + 1)
        if self._counts and self._source.resets > self._counted:
            self._note(None, self._source.resets - self._counted, counters)
            self._counted = self._source.resets
        soc_cpct = sample.soc_reported_cpct
        if soc_cpct is None:
            return
        is_known = self._soc_cpct is not None and self._since_soc_ms <= SOC_JUMP_MS
        # a reset that the source has counted itself is not counted again
        if is_known and abs(soc_cpct - self._soc_cpct) >= SOC_JUMP_CPCT and self._since_reset_ms > SOC_JUMP_MS:
            self._note(soc_cpct - self._soc_cpct, 1, counters)
        self._soc_cpct = soc_cpct
        self._since_soc_ms = 0

    def next_body(self):
        self.unsaid -= 1
        return event_body(EVENT_BMS_RESET, MOMENTARY, self._jump_cpct)

    def _note(self, jump_cpct, count, counters):
        self._jump_cpct = jump_cpct
        self._since_reset_ms = 0
        for _ in range(count):
            counters.count(BMS_RESETS)
            if self.unsaid < MAX_EVENTS:
                self.unsaid += 1
            else:
                counters.count(EVENTS_UNSAID)


class Watch:
    """All of the above. Readable: `is_hot` and `is_cold` (now, without hysteresis), `counters`."""

    def __init__(self, config, source):
        def limit(name):
            return config.get(name, DEFAULTS[name])

        cells, sensors = config["cell_blocks"], source.temperature_sensors
        of_mv, of_ddegc = limit("hysteresis_mv"), limit("hysteresis_ddegc")
        lower_mv, upper_mv = limit("cell_min_mv"), limit("cell_max_mv")
        cold_ddegc, hot_ddegc = limit("temperature_min_ddegc"), limit("temperature_max_ddegc")
        self._deep = Occasion(EVENT_DEEP_DISCHARGE, lower_mv, of_mv, False, cells, DEEP_DISCHARGES)
        self._over = Occasion(EVENT_OVERCHARGE, upper_mv, of_mv, True, cells, OVERCHARGES)
        self._hot = Occasion(EVENT_TOO_HOT, hot_ddegc, of_ddegc, True, sensors)
        self._cold = Occasion(EVENT_TOO_COLD, cold_ddegc, of_ddegc, False, sensors)
        self._occasions = (self._deep, self._over, self._hot, self._cold)
        self._missing = MissingSensors(cells, sensors)
        self._resets = Resets(source)
        self.is_hot = self.is_cold = False

    def begin(self, progress, counters):
        """From now on for a log that stands at `progress`; counters: a Counters."""
        self.counters = counters
        for occasion in self._occasions:
            occasion.begin(progress.is_open(occasion.event))
        self._missing.begin(progress)
        self._left = MAX_EVENTS

    def begin_window(self):
        self._left = min(self._left + 1, MAX_EVENTS)

    def add(self, sample, absent, step_ms):
        """absent: how many cells and temperatures have no value."""
        counters = self.counters
        self._deep.add(sample.cell_mv, sample.least_mv, counters)
        self._over.add(sample.cell_mv, sample.most_mv, counters)
        self._hot.add(sample.temperature_ddegc, sample.most_ddegc, counters)
        self._cold.add(sample.temperature_ddegc, sample.least_ddegc, counters)
        self.is_hot = self._hot.is_beyond(sample.most_ddegc)
        self.is_cold = self._cold.is_beyond(sample.least_ddegc)
        self._missing.add(sample, absent, self)
        self._resets.add(sample, step_ms, counters)

    def forget(self, is_cell, place):
        (self._deep if is_cell else self._hot).forget(place, self.counters)
        (self._over if is_cell else self._cold).forget(place, self.counters)

    def is_due(self):
        if not self._left:
            return False
        for occasion in self._occasions:
            if occasion.is_on != occasion.is_said:
                return True
        return self._missing.unsaid > 0 or self._resets.unsaid > 0

    def next_body(self):
        """Of the EVENT entry that is due; from now on it counts as said."""
        self._left -= 1
        for occasion in self._occasions:
            if occasion.is_on != occasion.is_said:
                occasion.is_said = occasion.is_on
                phase = BEGINS if occasion.is_on else ENDED
                return event_body(occasion.event, phase, occasion.worst, occasion.place)
        return self._resets.next_body() if self._resets.unsaid else self._missing.next_body()
