"""From window to window: a Kalman filter (equations: Plett, J. Power Sources 134, 252, 2004) of total capacity.

    x = [s, d, bias of charging, bias of discharging]      z = s + the bias of its direction

s is total capacity / rated_capacity, d its change in an equivalent full cycle. The biases stand for what the family has
wrong for this cell: that is alike in all windows of a direction, and a mean over many must not seem to remove it.

Disagreement: n, the running mean of nu^2 / S, which is 1 where the innovations nu are as large as was stated, plus
what chi^2 has beyond 2. A cell that ages as no curve of the family does shows here. The stated uncertainty is

    u^2 = P_ss * max(1, n / 0.55)^2  +  (0.08 * (fresh - s) * share)^2  +  floor^2

share: how much the last windows rested on the family. Numbers are ppm of rated_capacity, variances
their squares; n in 256ths.
"""

import struct

from logger.core.integers import isqrt

START_PPM = 960000  # new cells hold 0.94 to 1.05 of what is printed on them, used ones less
START_ERROR_PPM = 60000
FADE_PPM = -500  # a cycle; with its error wide enough for 200 to 1,000 cycles to 80 %
FADE_ERROR_PPM = 600
FADE_WALK_PPM = 40  # a square root of cycles, as all that is called a walk
FADE_RANGE_PPM = (-6000, 300)
WALK_PPM = 2500  # by as much the measured capacity itself varies from cycle to cycle
CHARGE_BIAS_PPM = 12000  # curves of charging tell one path of ageing from another less well
DISCHARGE_BIAS_PPM = 7000
BIAS_WALK_PPM = 500
PAUSE_PPM = 6000  # what a cell may recover in a long pause
MISMATCH_PPM = 8000  # family against cell, differing from window to window with where it lies
PATH_PERMIL = 80  # of what the cell has lost: it may have lost it on another path than the family's
DIRECT_PPM = 4000  # the same of what hardly rests on the family: how full, how warm
FLOOR_PPM = 5000  # at least: gain of the meter 3,000, variation of the capacity from cycle to cycle 4,000
AGREED = 140  # n of 0.55; a family that is right gives 0.65 to 0.9 at most
WHOLE = 1024  # of a window that rests on the family altogether
_DOUBTED_SIGMAS_SQUARED = 4  # nothing is stated right after such a window
_FAR_SIGMAS_SQUARED = 9
_FAR_WINDOWS = 3  # one after the other on the same side: it is not the cell that it was
_SHARE_MEMORY = 4
_MOST = 6400  # 25: one window alone cannot spoil the mean for ever
_CYCLE = 256
_STATES = 4
_BYTES = "<B3iH4i16q"
_VERSION = 1


class CapacityFilter:
    """fresh_ppm: the family's youngest.

    Readable: capacity_ppm; windows, how many it rests on; was_far, whether the newest one contradicts all before.
    """

    def __init__(self, fresh_ppm):
        self._fresh_ppm = fresh_ppm
        self._share = WHOLE
        self.was_far = False
        self._disagreement = AGREED
        self._begin()

    def _begin(self):
        self._x = [START_PPM, FADE_PPM, 0, 0]
        errors_ppm = START_ERROR_PPM, FADE_ERROR_PPM, CHARGE_BIAS_PPM, DISCHARGE_BIAS_PPM
        self._p = [[errors_ppm[i] ** 2 if i == j else 0 for j in range(_STATES)] for i in range(_STATES)]
        self.windows = self._far = 0

    def to_bytes(self):
        """What must outlast a restart: 159 bytes."""
        numbers = [self._share, self._disagreement, self._far, min(self.windows, 0xFFFF)] + self._x
        for row in self._p:
            numbers += row
        return struct.pack(_BYTES, _VERSION, *numbers)

    def from_bytes(self, content):
        """Goes on where to_bytes left off; ValueError where these are not its bytes."""
        if len(content) != struct.calcsize(_BYTES) or content[0] != _VERSION:
            raise ValueError("not the state of a filter of this version")
        numbers = list(struct.unpack(_BYTES, content))
        self._share, self._disagreement, self._far, self.windows = numbers[1:5]
        at = 5 + _STATES
        self._x = numbers[5:at]
        self._p = [numbers[i : i + _STATES] for i in range(at, at + _STATES * _STATES, _STATES)]

    @property
    def is_at_odds(self):
        """Windows disagree with each other, or the newest one with all before."""
        return self.was_far or self._disagreement > 2 * AGREED

    @property
    def capacity_ppm(self):
        return self._x[0]

    def error_ppm(self):
        """The standard uncertainty that is stated."""
        error_ppm = isqrt(self._p[0][0]) * max(self._disagreement, AGREED) // AGREED
        path_ppm = max(self._fresh_ppm - self._x[0], 0) * self._share // WHOLE * PATH_PERMIL // 1000
        return isqrt(error_ppm**2 + path_ppm**2 + FLOOR_PPM**2)

    def note_pause(self):
        self._p[0][0] += PAUSE_PPM**2

    def predict(self, cycle256):
        """On by so many 256ths of an equivalent full cycle: x = F x, P = F P F' + Q."""
        x, p = self._x, self._p
        x[0] += x[1] * cycle256 // _CYCLE
        for j in range(_STATES):
            p[0][j] += p[1][j] * cycle256 // _CYCLE
        for i in range(_STATES):
            p[i][0] += p[i][1] * cycle256 // _CYCLE
        p[0][0] += WALK_PPM**2 * cycle256 // _CYCLE
        p[1][1] += FADE_WALK_PPM**2 * cycle256 // _CYCLE
        p[2][2] += BIAS_WALK_PPM**2 * cycle256 // _CYCLE
        p[3][3] += BIAS_WALK_PPM**2 * cycle256 * 2 // (_CYCLE * 5)

    def expectation(self, is_charge, share):
        """(z, its variance) of a window that rests on the family to `share` of WHOLE."""
        bias = 2 if is_charge else 3
        column = self._column(bias, share)
        return self._x[0] + self._x[bias] * share // WHOLE, column[0] + column[bias] * share // WHOLE

    def correct(self, fit, is_charge, share):
        """x += K nu, P -= K S K'. Whether it is still the same cell.

        A misfit makes the window worth less; an innovation beyond three sigmas is made three of a wider window.
        """
        expected_ppm, variance = self.expectation(is_charge, share)
        own = fit.variance + max(MISMATCH_PPM * share // WHOLE, DIRECT_PPM) ** 2
        innovation_ppm = fit.age_ppm - expected_ppm
        squared = innovation_ppm * innovation_ppm
        self.disagree(squared * 256 // (variance + own) + max(fit.misfit - 512, 0))
        total = variance + own * max(fit.misfit, 256) // 256
        self.was_far = squared > _DOUBTED_SIGMAS_SQUARED * (variance + own)
        is_far = squared > _FAR_SIGMAS_SQUARED * total
        total = max(total, squared // _FAR_SIGMAS_SQUARED)
        self._update(self._column(2 if is_charge else 3, share), innovation_ppm, total)
        self._share += (share - self._share) // _SHARE_MEMORY
        self.windows += 1
        side = (1 if innovation_ppm > 0 else -1) if is_far else 0
        self._far = self._far + side if self._far * side > 0 else side
        if abs(self._far) < _FAR_WINDOWS:
            return True
        self._begin()  # the disagreement stays: what was stated before is taken back
        return False

    def disagree(self, amount=_MOST):
        memory = min(self.windows + 4, 16)  # quick at first
        self._disagreement += (min(amount, _MOST) - self._disagreement) // memory

    def _column(self, bias, share):
        """P H': of each state with z."""
        return [row[0] + row[bias] * share // WHOLE for row in self._p]

    def _update(self, column, innovation_ppm, total):
        x, p = self._x, self._p
        for i in range(_STATES):
            x[i] += column[i] * innovation_ppm // total
            for j in range(_STATES):
                p[i][j] -= column[i] * column[j] // total
        for i in range(_STATES):
            p[i][i] = max(p[i][i], 4)
        x[1] = min(max(x[1], FADE_RANGE_PPM[0]), FADE_RANGE_PPM[1])
