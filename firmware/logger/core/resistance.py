"""Resistance of a pack and of each cell block, from current steps: at once (ohmic), and 10 s later (for power).

A step of rated_capacity / 5 h or more between two adjacent samples shows the ohmic part; where the current then stays,
the voltage 10 s later shows what a pulse of power meets. Where samples are further apart than 2 s, the first part has
some of the second in it: a rise over life is still seen, the value itself is too large.

A resistance falls with temperature as exp(Ea / R T) (Arrhenius): every step is brought to 25 °C before it counts, with
Ea of 20 kJ/mol, the middle of what is measured of lithium-ion cells' ohmic and charge-transfer parts (10 to 30: Waag,
Käbitz and Sauer, Appl. Energy 102, 885, 2013); what that may be wrong by, a third, goes into the uncertainty.

`add` takes nothing from the heap; results may.
"""

from array import array

from logger.core.integers import isqrt, rounded
from logger.core.statements import Conditions

STEP_RATE = 5  # a step of rated_capacity / 5 h or more counts
STEPS = 32
_FULL_STEPS = 32  # a block is known from so many steps of the least size, or fewer larger ones
MIN_STEPS = 8
HOLD_MS = 10000
_STEADY_SHARE = 8  # a current within an eighth of the step has stayed
_GAIN_ERROR_PPM = 3000
_BLOCK_ERROR_PPM = 30000  # of the sum of eight drops of some 20 mV
# resistance at 25 °C over that at -20, -15, ... 60 °C in thousandths: exp(-20000 / 8.314 * (1 / T - 1 / 298.15))
_COLDEST_DDEGC, _STEP_DDEGC = -200, 50
_TO_25_PERMIL = (238, 286, 342, 405, 478, 560, 652, 756, 871, 1000, 1142, 1299, 1472, 1661, 1867, 2091, 2334)
_UNSURE_SHARE = 3  # a third of the correction


def to_25(ddegc):
    """The factor in thousandths that brings a resistance at this temperature to 25 °C; beyond the ends, the end."""
    at = min(max(ddegc - _COLDEST_DDEGC, 0), _STEP_DDEGC * (len(_TO_25_PERMIL) - 1) - 1)
    i = at // _STEP_DDEGC
    return _TO_25_PERMIL[i] + (_TO_25_PERMIL[i + 1] - _TO_25_PERMIL[i]) * (at % _STEP_DDEGC) // _STEP_DDEGC


class _Ring:
    """The newest steps of the pack. At most 2^30 in each place: mA, mV, tenths of a degree."""

    def __init__(self):
        self._ma = array("i", [0] * STEPS)
        self._mv = array("i", [0] * STEPS)
        self._ddegc = array("h", [0] * STEPS)
        self._seq = array("I", [0] * STEPS)  # of the WINDOW that holds the step, 0 until it ends
        self._next = self.count = 0

    def add(self, step_ma, step_mv, ddegc):
        at = self._next
        self._ma[at] = step_ma
        self._mv[at] = step_mv
        self._ddegc[at] = ddegc
        self._seq[at] = 0
        self._next = (at + 1) % STEPS
        self.count = min(self.count + 1, STEPS)

    def note_window(self, seq):
        for i in range(self.count):
            if not self._seq[i]:
                self._seq[i] = seq

    def inputs(self):
        """[first, last seq] of the windows with the steps, and how warm they were in the mean."""
        seqs = list(self._seq)[: self.count]
        return [min(seqs), max(seqs)], sum(list(self._ddegc)[: self.count]) // self.count

    def result(self):
        """[µΩ at 25 °C, standard uncertainty], None before there are enough steps: the mean of their middle half."""
        count = self.count
        if count < MIN_STEPS:
            return None
        ranked, correction = [], 0
        for i in range(count):
            permil = to_25(self._ddegc[i])
            ranked.append(self._mv[i] * permil * 1000 // self._ma[i])
            correction += abs(permil - 1000)
        ranked.sort()
        middle = ranked[count // 4 : count - count // 4]
        value = rounded(sum(middle), len(middle))
        # half the spread of the middle half is 0.67 sigma; 1.2: what a trimmed mean loses against a mean
        scatter = (middle[-1] - middle[0]) * 900 // isqrt(count * 1000000)
        gain = value * _GAIN_ERROR_PPM // 1000000
        warmth = value * correction // (count * 1000 * _UNSURE_SHARE)
        return [value, isqrt(scatter**2 + gain**2 + warmth**2)] if value > 0 else None


class Resistance:
    """Samples in; `ohmic` and `power`, the results, out. Blocks are those of the samples."""

    def __init__(self, rated_capacity_mah, cell_blocks, sample_ms):
        self._least_ma = max(rated_capacity_mah // STEP_RATE, 1)
        self._sample_ms = sample_ms
        self._ohmic = _Ring()
        self._power = _Ring()
        # of each block, the drops over the steps so far and the steps themselves; halved when they grow large
        self._drops_mv = array("i", [0] * cell_blocks)
        self._steps_ma = array("i", [0] * cell_blocks)
        self._last_mv = array("h", [0] * cell_blocks)
        self._last_ma = self._last_pack_mv = None
        self._step_ma = 0  # the one that is held, 0 when none is
        self._held_ms = self._from_mv = 0

    def forget(self):
        """The next sample follows no other."""
        self._last_ma = None
        self._step_ma = 0

    def add(self, sample, time_ms, ddegc):
        """A sample with a current, time_ms after the last one. ddegc: how warm the pack is, None where unknown."""
        current_ma, pack_mv = sample.current_ma, sample.pack_mv
        if self._last_ma is None or time_ms > 2 * self._sample_ms or ddegc is None:
            self._step_ma = 0
        else:
            step_ma = current_ma - self._last_ma
            self._hold(step_ma, pack_mv, time_ms, ddegc)
            if abs(step_ma) >= self._least_ma:
                self._note_step(sample, step_ma, ddegc)
        self._last_ma = current_ma
        self._last_pack_mv = pack_mv
        for i in range(len(self._last_mv)):
            cell_mv = sample.cell_mv[i]
            self._last_mv[i] = 0 if cell_mv is None else cell_mv

    def ohmic(self):
        """[µΩ of the pack at 25 °C, standard uncertainty], None when not yet known."""
        return self._ohmic.result()

    def power(self):
        """The same for a pulse of 10 s."""
        return self._power.result()

    def note_window(self, seq):
        """Says which entry holds the window that has just ended."""
        self._ohmic.note_window(seq)

    def conditions(self, now_ms):
        """Of `ohmic`, once it is known."""
        inputs, ddegc = self._ohmic.inputs()
        return Conditions(inputs, now_ms, ddegc)

    def ends(self):
        """[block, µΩ, standard uncertainty] of the least and the greatest block, at the temperatures that they had;
        None where no block is known."""
        found = []
        for i in range(len(self._drops_mv)):
            if self._steps_ma[i] >= _FULL_STEPS * self._least_ma and self._drops_mv[i] > 0:
                found.append((self._drops_mv[i] * 1000000 // self._steps_ma[i], i))
        if not found:
            return None, None
        # each drop is between two readings that are right to a millivolt or so
        return [[i, value, max(value * _BLOCK_ERROR_PPM // 1000000, 1)] for value, i in (min(found), max(found))]

    def _note_step(self, sample, step_ma, ddegc):
        if self._last_pack_mv is not None and sample.pack_mv is not None:
            self._ohmic.add(step_ma, sample.pack_mv - self._last_pack_mv, ddegc)
            self._step_ma = step_ma
            self._held_ms = 0
            self._from_mv = self._last_pack_mv
        size_ma = abs(step_ma)
        for i in range(len(self._drops_mv)):
            cell_mv = sample.cell_mv[i]
            if cell_mv is None or not self._last_mv[i]:
                continue
            drop_mv = cell_mv - self._last_mv[i]
            self._drops_mv[i] += drop_mv if step_ma > 0 else -drop_mv
            self._steps_ma[i] += size_ma
            if self._steps_ma[i] > STEPS * self._least_ma * 4:
                self._steps_ma[i] >>= 1
                self._drops_mv[i] >>= 1

    def _hold(self, step_ma, pack_mv, time_ms, ddegc):
        """Follows a step for 10 s, if the current stays so long."""
        held_ma = self._step_ma
        if not held_ma:
            return
        if abs(step_ma) * _STEADY_SHARE > abs(held_ma):
            self._step_ma = 0
            return
        self._held_ms += time_ms
        if self._held_ms >= HOLD_MS:
            if pack_mv is not None:
                self._power.add(held_ma, pack_mv - self._from_mv, ddegc)
            self._step_ma = 0
