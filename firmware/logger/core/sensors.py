"""Whether what the sensors show can be: one stands still while others move, or a voltage goes against the current.

Decides this from the samples alone, without a curve. What a count of charge says against rested voltages is left to
state_of_charge.py and fit.py. `add`, for every sample, takes nothing from the heap.
"""

from array import array

from logger.core.statements import LACKS_AGREEMENT, LACKS_SENSOR
from logger.core.wide import add_product, clear, is_less, wide

STEP_RATE = 5  # a step of rated_capacity / 5 h or more has to show in the voltages
_STEADY_RATE = 200  # a current within rated_capacity / 200 h has not changed: no voltage follows from that
_MOVED_MV = 30  # of the mean cell: every cell in series carries the same current, so each has to move with it
_STILL_MOVES = 3  # so often a cell stood still meanwhile; once may be a reading that came late
_LATE_SAMPLES = 10  # from one look at the cells to the next: none comes later
_SWING_MV = 20  # from one sample to the next without a change of current: 4 ohm a cell of 1 Ah, which no cell has
_SWINGS = 4  # up and down by turns: what comes late, or goes one way, is none
_SETTLED_SAMPLES = 3  # after a change of current, before a voltage is said to move without one
_SILENT_STEPS = 4  # steps of current without any change of any voltage
_ANSWER_MV = 20  # the least a cell's voltage answers to a step of its capacity in an hour; most have 30 to 150
_VOTES = 8  # answers in a row before a sign is believed to have turned
_STILL_VOLTAGE_SHARE = 10  # charge, as a part of the capacity, after which some voltage has moved by a millivolt
_STILL_WARMTH_SHARE = 4  # the same for a sensor of a tenth of a degree, or of a whole one
_HALF_MAMS_PER_MAH = 7200000
_FLOW_LIMBS = 6


class Sensors:
    """Samples in. Readable: `lacks`, why nothing can be learnt now (statements.py), None when it can be;
    `is_warm_still`, whether the temperature stands still while the pack is used."""

    def __init__(self, rated_capacity_mah, cell_blocks, sample_ms):
        self.lacks = None
        self.is_warm_still = False
        self._rated_mah = rated_capacity_mah
        self._sample_ms = sample_ms
        self._least_step_ma = max(rated_capacity_mah // STEP_RATE, 1)
        self._steady_ma = rated_capacity_mah // _STEADY_RATE
        self._ma_per_mv = max(rated_capacity_mah // _ANSWER_MV, 1)
        self._last_ma = self._last_ddegc = None
        self._last_mv = array("h", [0] * cell_blocks)  # 0: not available
        self._moved_mv = 0  # of the mean cell since the last sample
        self._has_changed = False  # whether any cell has
        # which cells have changed since the mean cell had last moved far, and how often in a row each had not
        self._changed = bytearray(cell_blocks)
        self._still = bytearray(cell_blocks)
        self._still_cells = 0
        self._moved_far_mv = self._unseen_samples = 0
        # current
        self._held_ma = 0
        self._held_samples = self._swings = self._direction = 0
        self._is_current_still = False
        # all voltages
        self._silent_steps = 0
        self._voltage_flow = wide(_FLOW_LIMBS)
        self._voltage_limit = _flow(rated_capacity_mah // _STILL_VOLTAGE_SHARE)
        self._is_voltage_still = False
        # sign: how many answers in a row went with the current, below zero against it
        self._votes = 0
        self._is_turned = False
        self._warm_flow = wide(_FLOW_LIMBS)
        self._warm_limit = _flow(rated_capacity_mah // _STILL_WARMTH_SHARE)

    def add(self, sample, flow, ddegc):
        """A sample that has a current. flow: Integrator.flow, ddegc: of the pack; both None when unknown."""
        self._note_warmth(flow, ddegc)
        is_seen = self._note_cells(sample.cell_mv)
        current_ma = sample.current_ma
        if is_seen and flow is not None and self._last_ma is not None:
            self._note_voltage(current_ma, flow)
            self._note_current(current_ma)
            if flow[0] <= 2 * self._sample_ms:
                self._note_sign(current_ma - self._last_ma)
        self._last_ma = current_ma
        if self._still_cells or self._is_current_still or self._is_voltage_still:
            self.lacks = LACKS_SENSOR
        else:
            self.lacks = LACKS_AGREEMENT if self._is_turned else None

    def _note_cells(self, cell_mv):
        """Whether there are some that the last sample had, too: only those say how far the mean cell has moved."""
        last_mv = self._last_mv
        moved = count = 0
        has_changed = False
        for i in range(len(last_mv)):
            value, last = cell_mv[i] or 0, last_mv[i]
            if value and last:
                moved += value - last
                count += 1
                if value != last:
                    has_changed = True
                    self._changed[i] = 1
            last_mv[i] = value
        self._moved_mv = moved // count if count else 0
        self._has_changed = has_changed
        self._moved_far_mv += moved  # of all cells together: rounding would add up
        self._unseen_samples = min(self._unseen_samples + 1, _LATE_SAMPLES)
        if self._unseen_samples == _LATE_SAMPLES and abs(self._moved_far_mv) >= _MOVED_MV * count > 0:
            self._moved_far_mv = self._unseen_samples = 0
            self._look_at_cells(cell_mv)
        return count > 0

    def _look_at_cells(self, cell_mv):
        self._still_cells = 0
        for i in range(len(cell_mv)):
            if self._changed[i] or cell_mv[i] is None:
                self._still[i] = 0
            else:
                self._still[i] = min(self._still[i] + 1, _STILL_MOVES)
            if self._still[i] == _STILL_MOVES:
                self._still_cells += 1
            self._changed[i] = 0

    def _note_current(self, current_ma):
        """One that stays while the voltages swing."""
        if abs(current_ma - self._held_ma) > self._steady_ma:
            self._held_ma = current_ma
            self._held_samples = self._swings = self._direction = 0
            self._is_current_still = False
            return
        self._held_samples = min(self._held_samples + 1, _SETTLED_SAMPLES + 1)
        if self._held_samples <= _SETTLED_SAMPLES or abs(self._moved_mv) < _SWING_MV:
            return
        direction = 1 if self._moved_mv > 0 else -1
        if direction != self._direction:
            self._swings = min(self._swings + 1, _SWINGS)
            self._direction = direction
        if self._swings == _SWINGS:
            self._is_current_still = True

    def _note_voltage(self, current_ma, flow):
        """Voltages that all stay while a current flows and steps."""
        if self._has_changed:
            self._silent_steps = 0
            self._is_voltage_still = False
            clear(self._voltage_flow)
            return
        if abs(current_ma - self._last_ma) >= self._least_step_ma:
            self._silent_steps = min(self._silent_steps + 1, _SILENT_STEPS)
        add_product(self._voltage_flow, abs(flow[1]), flow[0])
        if self._silent_steps == _SILENT_STEPS or is_less(self._voltage_limit, self._voltage_flow):
            self._is_voltage_still = True
            clear(self._voltage_flow)

    def _note_sign(self, step_ma):
        moved_mv = self._moved_mv
        if abs(step_ma) < self._least_step_ma or abs(moved_mv) < abs(step_ma) // self._ma_per_mv:
            return
        if (moved_mv > 0) == (step_ma > 0):
            self._votes = min(max(self._votes, 0) + 1, _VOTES)
        else:
            self._votes = max(min(self._votes, 0) - 1, -_VOTES)
        if abs(self._votes) == _VOTES:
            self._is_turned = self._votes < 0

    def _note_warmth(self, flow, ddegc):
        if ddegc is None or ddegc != self._last_ddegc:
            self._last_ddegc = ddegc
            self.is_warm_still = False
            clear(self._warm_flow)
        elif flow is not None and not self.is_warm_still:
            add_product(self._warm_flow, abs(flow[1]), flow[0])
            self.is_warm_still = is_less(self._warm_limit, self._warm_flow)


def _flow(mah):
    limit = wide(_FLOW_LIMBS)
    add_product(limit, mah, _HALF_MAMS_PER_MAH)
    return limit
