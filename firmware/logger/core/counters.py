"""The counters of Annex VII part B of Regulation (EU) 2023/1542 (docs/record.md, WINDOW key 9): what they mean, and how
they go on over windows and restarts.

Each only rises. What is below a unit is kept in memory, and lost with a restart. What runs for every sample takes
nothing from the heap; `result`, once a window, gives integers as large as they get.

Most of them stand still for days. A WINDOW then gives only those that move with the current, and all of them when
another one has moved, after a start, and at least once in 60 windows.
"""

from logger.core.entries import (
    CHARGING_COLD_S,
    CHARGING_HOT_S,
    COLD_S,
    COUNTERS,
    DEEP_DISCHARGES,
    DISCHARGE_MAH,
    FULL_CYCLES_CPCT,
    HOT_S,
    OFTEN,
)
from logger.core.sampling import Integrator

CHARGING_RATE = 50  # below rated_capacity / 50 h a current may be the meter's offset, and charges nothing
_MS_PER_S = 1000
_MOST_BRIEF = 59  # windows in a row that do not give all


class Counters:
    """Samples in, `result` out. config as the logger has it; counters: those of the last durable WINDOW."""

    def __init__(self, config, counters, max_step_ms):
        self._max_step_ms = max_step_ms
        self._rated_mah = config["rated_capacity_mah"]
        self._integrator = Integrator(counters, max_step_ms)
        self._units = list(counters)
        self._pending = [0] * COUNTERS  # since the last result: events and ms
        self._rests_ms = [0] * COUNTERS
        self._cycle_rest = 0  # cpct of a cycle times rated_capacity_mah
        self._brief = _MOST_BRIEF  # windows since one that gave all
        self._at_ms = 0
        self._was_hot = self._was_cold = self._was_charging = False  # at the last sample, and since then

    def count(self, counter):
        """One more of what is counted in events."""
        self._pending[counter] += 1

    def add(self, now_ms, sample, is_hot, is_cold):
        """Integrator.flow of a sample that has a current, None when unknown or without one.

        The time between two samples counts as what the first of them was; too long a time is not known.
        """
        step_ms = now_ms - self._at_ms
        if 0 < step_ms <= self._max_step_ms:
            self._add_time(step_ms)
        self._at_ms = now_ms
        self._was_hot = is_hot
        self._was_cold = is_cold
        self._was_charging = sample.current_ma is not None and sample.current_ma * CHARGING_RATE >= self._rated_mah
        if sample.current_ma is None:
            return None
        return self._integrator.add(now_ms, sample.current_ma, sample.pack_mv)

    def energies_uwh(self):
        """(in, out) in µWh, from an origin of its own."""
        return self._integrator.energies_uwh()

    def move_origin(self, by_ms):
        """From now on, times count from so much later."""
        self._at_ms -= by_ms
        self._integrator.move_origin(by_ms)

    def result(self):
        """All counters, up to now."""
        flows = self._integrator.counters
        self._add_cycles(flows[DISCHARGE_MAH] - self._units[DISCHARGE_MAH])
        self._units[: len(flows)] = flows
        for i in range(DEEP_DISCHARGES, COUNTERS):
            units = self._pending[i]
            if HOT_S <= i <= CHARGING_COLD_S:
                units, self._rests_ms[i] = divmod(self._rests_ms[i] + units, _MS_PER_S)
            self._units[i] += units
            self._pending[i] = 0
        return list(self._units)

    def news(self, told):
        """What the next WINDOW gives. told: the counters as the log has them, which a lost window did not change."""
        counters = self.result()
        self._brief += 1
        if self._brief <= _MOST_BRIEF and counters[OFTEN:] == told[OFTEN:]:
            return counters[:OFTEN]
        self._brief = 0
        return counters

    def _add_time(self, step_ms):
        pending = self._pending
        if self._was_hot:
            pending[HOT_S] += step_ms
            if self._was_charging:
                pending[CHARGING_HOT_S] += step_ms
        if self._was_cold:
            pending[COLD_S] += step_ms
            if self._was_charging:
                pending[CHARGING_COLD_S] += step_ms

    def _add_cycles(self, discharge_mah):
        """A full equivalent cycle takes the rated capacity out (DIN DKE SPEC 99100, full cycles)."""
        units, self._cycle_rest = divmod(self._cycle_rest + 10000 * discharge_mah, self._rated_mah)
        self._units[FULL_CYCLES_CPCT] += units
