"""Self-discharge: what a pack loses while it stands, block by block, from two voltages of one long rest.

The first voltage is taken when the rest is four hours old, so that the cells have relaxed; the second at least a day
later. Both come from the same meters, whose offsets cancel. What flowed by the shunt meanwhile is counted out. The loss
is read from the slope of the open-circuit curve, so a flat one (LFP) needs weeks where others need days.
"""

from array import array

from logger.core.integers import isqrt, rounded
from logger.core.statements import Conditions

RELAXED_MS = 4 * 3600000
MIN_APART_MS = 24 * 3600000
MONTH_MS = 30 * 24 * 3600000
_REPEAT_UV = 300  # how well a mean over half a minute repeats, standard uncertainty
_UV_PER_K = 200  # what a degree may do to an open-circuit voltage (entropy: up to 0.4 mV/K, either way)
MAX_UNCERTAINTY_CPCT = 50  # a month: 0.5 % of rated_capacity


class Standing:
    """Told of every segment of a rest."""

    def __init__(self, cell_blocks, rated_capacity_mah):
        self._rated_mah = rated_capacity_mah
        self._from_uv = array("i", [0] * cell_blocks)
        self._from = self._from_seq = None  # totals at the first voltage, and the WINDOW that holds it
        self._found = None

    def end(self):
        """The rest is over."""
        self._from = None

    def note_window(self, seq):
        """Says which entry holds the window that has just ended."""
        if self._from is not None and self._from_seq is None:
            self._from_seq = seq

    def settled(self, rest_ms, cell_uv, totals, ddegc, slope_of):
        """Mean voltages. ddegc: how warm, None where unknown. slope_of(uv): ppm of the state of charge per mV."""
        if rest_ms < RELAXED_MS or ddegc is None:
            return
        if self._from is None:
            for i in range(len(cell_uv)):
                self._from_uv[i] = cell_uv[i] or 0
            self._from, self._from_ddegc, self._from_seq = totals, ddegc, None
        elif totals.time_ms - self._from.time_ms >= MIN_APART_MS:
            self._found = self._loss(cell_uv, totals, ddegc, slope_of)

    def take(self):
        """([value, standard uncertainty], least, most block, Conditions but for the last seq), once; None when none."""
        found, self._found = self._found, None
        return found

    def _loss(self, cell_uv, totals, ddegc, slope_of):
        apart_ms = totals.time_ms - self._from.time_ms
        flowed_ppm = (totals.charge_uah - self._from.charge_uah) * 1000 // self._rated_mah
        error_uv = isqrt(2 * _REPEAT_UV**2 + ((ddegc - self._from_ddegc) * _UV_PER_K // 10) ** 2)
        known = [uv for uv in cell_uv if uv]
        if not known:
            return None
        slope = slope_of(sum(known) // len(known))  # one for all blocks, which are near each other: it takes long
        total = count = 0
        error = rounded(slope * error_uv * MONTH_MS, apart_ms * 100000)
        if error > MAX_UNCERTAINTY_CPCT:
            return None
        least = most = None
        for i in range(len(cell_uv)):
            if not cell_uv[i] or not self._from_uv[i]:
                continue
            lost_ppm = (self._from_uv[i] - cell_uv[i]) * slope // 1000 + flowed_ppm
            value = max(rounded(lost_ppm * MONTH_MS, apart_ms * 100), 0)
            total, count = total + value, count + 1
            if least is None or value < least[1]:
                least = [i, value, error]
            if most is None or value > most[1]:
                most = [i, value, error]
        if not count:
            return None
        conditions = Conditions([self._from_seq, None], totals.time_ms, (ddegc + self._from_ddegc) // 2)
        return [rounded(total, count), max(error, 1)], least, most, conditions
