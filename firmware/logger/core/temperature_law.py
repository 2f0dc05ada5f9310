"""A pack's resistance at 25 °C and its own law of temperature, from current steps: an extended Kalman filter.

    x = [ln R, E of the cold side, E of the warm side]        R(T) = R exp(a E),  a = (1 / T - 1 / 298.15 K) / 8.314

with the activation energy of the side of 25 °C that T lies on. One energy does not serve a pack: a contact has none,
charge transfer more than the electrolyte, and what is slow in the cold is little when warm. So both begin at 20 kJ/mol
(10 to 30 are measured: Waag, Käbitz and Sauer, Appl. Energy 102, 885, 2013) with an error that holds the 4 to 39 which
the steps of eight published sets of parameters follow (benchmarks/health/resistance_rise.py), and a pack that sees its
seasons learns them. Before it has, what they may be wrong by is in the stated uncertainty, by as much as the steps were
cold or warm.

An innovation is the drop over the drop that was expected, less 1: the mean of many small drops is right though each is
noise by half, which that of their logarithms would not be. Its variance is

    scale * (scatter^2 + alike * common^2 + (bend * a)^2 + (reading / expected drop)^2)

scale: the running mean of nu^2 over what was expected, since slow samples and coarse meters scatter more than quick and
fine ones; alike: steps of that window, which share a state of charge and a time from step to sample.

Numbers are ppm (of ln R: of the resistance) and J/mol, variances their squares.
"""

import struct

from logger.core.integers import isqrt

ENERGY_J, ENERGY_ERROR_J = 20000, 12000
ENERGY_RANGE_J = (0, 60000)
WALK_PPM = 14000  # a square root of days: the fastest recorded cells gain 2 % a week, and wander by 8 % in five days
ENERGY_WALK_J = 200  # the same: what a part without a law adds to R, it takes from E = 20,000
SCATTER_PPM = 20000
COMMON_PPM = 20000  # state of charge; the inside of a cell is a degree from its sensor
BEND_J = 1500  # two straight lines stand for a curve
READING_UV = 2100  # two samples of 1.5 mV: noise and rounding of a cell
PACK_READING_UV = 300  # and, for each cell in series, of the meter of the whole
GAIN_ERROR_PPM = 3000
PAUSE_DAYS = 30  # after a start, as nobody counts how long a board was off
_BEGINNING_PPM = 1000000
_FAR_SIGMAS_SQUARED = 9
_FAR_WINDOWS = 4  # one after the other on the same side: it is not the pack that it was
_SCALE, _LEAST_SCALE, _MOST_SCALE = 1 << 16, 1 << 14, 1 << 22  # of 1; half to eight times the standard deviation
_SCALE_MEMORY = 16  # windows
_ONE, _MOST_RATIO = 256, 1024
_DAY_MINUTES = 1440
_LN_2 = 693147  # in millionths
_BITS = 30
_STATES = 3
_LEAST_VARIANCE = 10000
_MOST_NOHM = 1 << 50  # whatever the samples say, it fits into its bytes
_BYTES = "<q2ibi9q"


def steepness(ddegc):
    """a in 10^-9 mol/J: positive in the cold."""
    kelvin20 = 2 * max(ddegc, -1000) + 5463  # twentieths
    return 20000000000000 * (5963 - kelvin20) // (kelvin20 * 5963 * 8314)


def exponential(ppm):
    """exp(ppm / 10^6) times 2^30, within 5 ppm."""
    doublings = (2 * ppm + _LN_2) // (2 * _LN_2)
    rest = ((ppm - doublings * _LN_2) << _BITS) // 1000000
    total = term = 1 << _BITS
    for n in range(1, 8):
        term = (term * rest >> _BITS) // n
        total += term
    return total << doublings if doublings >= 0 else total >> -doublings


class TemperatureLaw:
    """Of a pack of so many cells in series. A step is (mA, mV, tenths of a degree, how many its window has).

    Readable: has_begun; steps, how many it was told of since this start or since it began anew.
    """

    def __init__(self, cells):
        self._reading_uv = READING_UV * isqrt(cells * 10000) // 100 + PACK_READING_UV * cells
        self.forget()

    def forget(self):
        self._x = [0, ENERGY_J, ENERGY_J]  # the first one in nanoohms, as only its changes are relative
        errors = _BEGINNING_PPM, ENERGY_ERROR_J, ENERGY_ERROR_J
        self._p = [[errors[i] ** 2 if i == j else 0 for j in range(_STATES)] for i in range(_STATES)]
        self._scale = _SCALE
        self.steps = self._far = 0

    @property
    def has_begun(self):
        return self._x[0] > 0

    def result(self):
        """[µΩ at 25 °C, standard uncertainty]."""
        error_ppm = isqrt(self._p[0][0] + GAIN_ERROR_PPM**2)
        nohm = self._x[0]
        return [(nohm + 500) // 1000, max(nohm * error_ppm // 1000000000, 1)]

    def to_bytes(self):
        """What must outlast a restart."""
        numbers = self._x + [self._far, self._scale]
        for row in self._p:
            numbers += row
        return struct.pack(_BYTES, *numbers)

    def from_bytes(self, content):
        """Goes on where to_bytes left off, after a pause; ValueError where these are not its bytes."""
        if len(content) != BYTES:
            raise ValueError("not the state of a law of this version")
        numbers = list(struct.unpack(_BYTES, content))
        self._x = numbers[:_STATES]
        self._far, self._scale = numbers[_STATES : _STATES + 2]
        self._p = [numbers[i : i + _STATES] for i in range(_STATES + 2, len(numbers), _STATES)]
        self.steps = 0
        self.predict(PAUSE_DAYS * _DAY_MINUTES)

    def begin(self, steps):
        """From the median of some steps, of which `learn` is told after; none where they fall the wrong way."""
        found = sorted([(mv * 1000000000 // ma << _BITS) // self._factor(ddegc) for ma, mv, ddegc, _ in steps])
        self._x[0] = min(max(found[len(found) // 2], 0), _MOST_NOHM)

    def predict(self, minutes):
        """On in time: P += Q."""
        p = self._p
        p[0][0] = min(p[0][0] + WALK_PPM**2 * minutes // _DAY_MINUTES, _BEGINNING_PPM**2)
        for i in range(1, _STATES):
            p[i][i] += ENERGY_WALK_J**2 * minutes // _DAY_MINUTES
            self._bound(i)

    def learn(self, steps):
        """The steps of a window. Whether it is still the same pack."""
        sides = surprise = 0
        for ma, mv, ddegc, alike in steps:
            side, ratio = self._correct(ma, mv, ddegc, alike)
            sides += side
            surprise += ratio
        scale = self._scale * surprise // (len(steps) * _ONE)
        self._scale = min(max(self._scale + (scale - self._scale) // _SCALE_MEMORY, _LEAST_SCALE), _MOST_SCALE)
        self.steps = min(self.steps + len(steps), 0xFFFF)
        side = (1 if sides > 0 else -1) if 2 * abs(sides) > len(steps) else 0
        self._far = self._far + side if self._far * side > 0 else side
        if abs(self._far) < _FAR_WINDOWS:
            return True
        self.forget()
        return False

    def _factor(self, ddegc):
        """R(T) / R(25 °C), times 2^30."""
        a = steepness(ddegc)
        return exponential(a * self._x[1 if a > 0 else 2] // 1000)

    def _correct(self, ma, mv, ddegc, alike):
        """x += K nu, P -= K S K'. An innovation beyond three sigmas is made three of a wider one: then the side that it
        lies on, else 0; and nu^2 / S, of which four is the most, as what is far says little of how others scatter."""
        a = steepness(ddegc)
        side = 1 if a > 0 else 2
        expected_pv = max(self._x[0] * self._factor(ddegc) * abs(ma) >> _BITS, 1)
        innovation_ppm = ((mv if ma > 0 else -mv) * 1000000000 - expected_pv) * 1000000 // expected_pv
        reading_ppm = self._reading_uv * 1000000000000 // expected_pv
        own = SCATTER_PPM**2 + alike * COMMON_PPM**2 + (BEND_J * a // 1000) ** 2 + reading_ppm**2
        column = [row[0] + row[side] * a // 1000 for row in self._p]
        total = column[0] + column[side] * a // 1000 + own * self._scale // _SCALE
        squared = innovation_ppm * innovation_ppm
        is_far = squared > _FAR_SIGMAS_SQUARED * total
        ratio = min(squared * _ONE // total, _MOST_RATIO)
        self._update(column, innovation_ppm, max(total, squared // _FAR_SIGMAS_SQUARED))
        return (1 if innovation_ppm > 0 else -1) if is_far else 0, ratio

    def _update(self, column, innovation_ppm, total):
        p = self._p
        self._move([part * innovation_ppm // total for part in column])
        for i in range(_STATES):
            for j in range(_STATES):
                p[i][j] -= column[i] * column[j] // total
        for i in range(_STATES):
            p[i][i] = max(p[i][i], _LEAST_VARIANCE)
        for i in range(1, _STATES):
            energy_j = self._x[i]
            beyond_j = min(max(energy_j, ENERGY_RANGE_J[0]), ENERGY_RANGE_J[1]) - energy_j
            if beyond_j:  # the likeliest state that is possible
                self._move([row[i] * beyond_j // p[i][i] for row in p])

    def _move(self, parts):
        x = self._x
        x[0] = min(max(x[0] * exponential(parts[0]) >> _BITS, 1), _MOST_NOHM)
        for i in range(1, _STATES):
            x[i] += parts[i]

    def _bound(self, i):
        """No law is less known than at first: its row and column shrink to that."""
        p = self._p
        if p[i][i] <= ENERGY_ERROR_J**2:
            return
        error_j = isqrt(p[i][i])
        for j in range(_STATES):
            if j != i:
                p[i][j] = p[j][i] = p[i][j] * ENERGY_ERROR_J // error_j
        p[i][i] = ENERGY_ERROR_J**2


BYTES = struct.calcsize(_BYTES)
