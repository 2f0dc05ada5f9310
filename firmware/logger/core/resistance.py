"""Resistance of a pack and of each cell block, from current steps: at once (ohmic), and 10 s later (for power).

A step of rated_capacity / 5 h or more between two adjacent samples shows the ohmic part; where the current then stays,
the voltage 10 s later shows what a pulse of power meets. Where samples are further apart than 2 s, the first part has
some of the second in it: a rise over life is still seen, the value itself is too large.

What the steps of a window teach is left to temperature_law.py: the resistance at 25 °C, how it changes with
temperature in this very pack, and how sure both are. Between windows the newest steps wait here.

`add` takes nothing from the heap; all else may.
"""

from array import array

from logger.core.statements import Conditions
from logger.core.temperature_law import BYTES, TemperatureLaw

STEP_RATE = 5  # a step of rated_capacity / 5 h or more counts
STEPS = 32  # of one window at most; older ones give way
_FULL_STEPS = 32  # a block is known from so many steps of the least size, or fewer larger ones
MIN_STEPS = 8
HOLD_MS = 10000
_STEADY_SHARE = 8  # a current within an eighth of the step has stayed
_BLOCK_ERROR_PPM = 30000  # of the sum of eight drops of some 20 mV
_MINUTE_MS = 60000
_LONGEST_MS = 1 << 29  # six days between two windows, and a small integer for ever
_VERSION = 1


class _Ring:
    """The newest steps of the pack. At most 2^30 in each place: mA, mV, tenths of a degree."""

    def __init__(self, cells):
        self._ma = array("i", [0] * STEPS)
        self._mv = array("i", [0] * STEPS)
        self._ddegc = array("h", [0] * STEPS)
        self._seq = array("I", [0] * STEPS)  # of the WINDOW that holds the step, once that has ended
        self._next = self._count = 0
        self._open = 0  # how many have no window yet
        self._fresh = 0  # how many the law does not know yet
        self.law = TemperatureLaw(cells)

    def add(self, step_ma, step_mv, ddegc):
        at = self._next
        self._ma[at] = step_ma
        self._mv[at] = step_mv
        self._ddegc[at] = ddegc
        self._next = (at + 1) % STEPS
        self._count = min(self._count + 1, STEPS)
        self._open = min(self._open + 1, STEPS)
        self._fresh = min(self._fresh + 1, STEPS)

    def note_window(self, seq, minutes):
        for i in self._newest(self._open):
            self._seq[i] = seq
        self._open = 0
        law = self.law
        law.predict(minutes)
        if self._fresh < (1 if law.has_begun else MIN_STEPS):
            return
        steps = self._take()
        if not law.has_begun:
            law.begin(steps)
        if law.has_begun and not law.learn(steps):
            self._count = 0  # of another pack

    def inputs(self):
        """[first, last seq] of the windows with the newest steps, and how warm they were in the mean; right after
        note_window."""
        at = self._newest(self._count)
        seqs = [self._seq[i] for i in at]
        return [min(seqs), max(seqs)], sum([self._ddegc[i] for i in at]) // len(at)

    def result(self):
        """[µΩ at 25 °C, standard uncertainty], None before there are enough steps since the start."""
        law = self.law
        return law.result() if law.has_begun and law.steps >= MIN_STEPS else None

    def _take(self):
        """The fresh ones, oldest first: (mA, mV, tenths of a degree, how many of them are of its window)."""
        at = self._newest(self._fresh)
        self._fresh = 0
        seqs = [self._seq[i] for i in at]
        return [(self._ma[i], self._mv[i], self._ddegc[i], seqs.count(self._seq[i])) for i in at]

    def _newest(self, count):
        """Where they lie, the oldest of them first."""
        return [(self._next - back) % STEPS for back in range(count, 0, -1)]


class Resistance:
    """Samples in; `ohmic` and `power`, the results, out, as of the last window. Blocks are those of the samples."""

    def __init__(self, rated_capacity_mah, cell_blocks, sample_ms):
        self._least_ma = max(rated_capacity_mah // STEP_RATE, 1)
        self._sample_ms = sample_ms
        self._ohmic = _Ring(cell_blocks)
        self._power = _Ring(cell_blocks)
        self._unseen_ms = 0  # of which the laws do not know yet
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

    def to_bytes(self):
        """What must outlast a restart: the laws of both."""
        return bytes([_VERSION]) + self._ohmic.law.to_bytes() + self._power.law.to_bytes()

    def from_bytes(self, content):
        """Goes on where to_bytes left off, after a pause, and states nothing before there are steps of its own;
        ValueError where these are not its bytes."""
        if len(content) != 1 + 2 * BYTES or content[0] != _VERSION:
            raise ValueError("not the resistance of this version")
        self._ohmic.law.from_bytes(content[1 : 1 + BYTES])
        self._power.law.from_bytes(content[1 + BYTES :])

    def add(self, sample, time_ms, ddegc):
        """A sample with a current, time_ms after the last one. ddegc: how warm the pack is, None where unknown."""
        current_ma, pack_mv = sample.current_ma, sample.pack_mv
        self._unseen_ms = min(self._unseen_ms + time_ms, _LONGEST_MS)
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
        """Says which entry holds the window that has just ended, and learns from its steps."""
        minutes = self._unseen_ms // _MINUTE_MS
        self._unseen_ms %= _MINUTE_MS
        self._ohmic.note_window(seq, minutes)
        self._power.note_window(seq, minutes)

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
