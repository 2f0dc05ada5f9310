"""The state of a cell as an estimator has it, and what one rested voltage says about it (ring.py joins several).

    z = OCV(n; q_n, q_p, q_li) + bias(n) + noise

The OCV is that of electrodes.py. `bias` is the error of the curves and of the voltmeter, a line between knots over n.
It is a state and no noise, because it is the same at each visit: a hundred anchors at one voltage teach as much as one.
The noise's variance is that of the anchor, that of the profile, and (slope * sideways)^2: on a cliff the error of a
curve lies along n.
"""

from logger.core.integers import isqrt

# the state, in this order; the rates come last, because an anchor does not see them
Q_N, Q_P, Q_LI = 0, 1, 2  # ppm of rated
ZERO, GAIN = 3, 4  # what the current sensor shows at 0 A, ppm of rated in 100 h; the error of its gain, ppm
BIAS, KNOTS = 5, 7  # µV, at knots from n = 0 to the rated capacity
SEEN = RATES = BIAS + KNOTS  # a year's loss of lithium, negative, positive electrode: ppm (of rated, of each electrode)
SIZE = RATES + 3

ZERO_S = 360000  # 100 h
SLOPE_BITS = 12
UNIT = 32  # numbers over the noise are in 32nds: they fit a small integer
WALK_BITS = SLOPE_BITS + 10

_KNOT_PPM = 1000000 // (KNOTS - 1)


class Tangent:
    """The model around one point (n_ppm, x), and the measured voltage. Slopes are in µV per ppm, times 2^12."""

    def __init__(self, curves, uv, sigma_uv, n_ppm, x):
        self._n_ppm = n_ppm
        self._x = x
        model_uv, self._by_n, by_q_n, by_q_p, by_q_li = curves.model(n_ppm, x, SLOPE_BITS)
        self._by_amounts = by_q_n, by_q_p, by_q_li
        self._knot, self._share = _knot_at(n_ppm)
        self._uv = uv
        self._model_uv = model_uv + bias_uv(n_ppm, x)
        sideways_uv = self._by_n * curves.sideways_ppm >> SLOPE_BITS
        self.noise_uv = isqrt(sigma_uv * sigma_uv + curves.noise_uv * curves.noise_uv + sideways_uv * sideways_uv)
        self.walk = (self._by_n << WALK_BITS - SLOPE_BITS) // self.noise_uv  # noises per ppm of n, times 2^22

    def whitened(self, rows, charge_ppm, seconds):
        """How z moves with each independent unit of the state, in 32nds of the noise, where n has been counted on since
        a place in common: charge, and the time for which the sensor's zero was counted with it. rows: of the prior's
        root, as long as each other."""
        by_q_n, by_q_p, by_q_li = self._by_amounts
        by_zero, by_gain = -self._by_n * seconds // ZERO_S, self._by_n * charge_ppm // 1000000
        by_left, by_right = (1 << SLOPE_BITS) - self._share, self._share
        q_n, q_p, q_li, zero, gain = rows[:BIAS]
        left, right = rows[BIAS + self._knot], rows[BIAS + self._knot + 1]
        divisor = self.noise_uv * ((1 << SLOPE_BITS) // UNIT)
        found = []
        for j in range(BIAS):
            amounts = by_q_n * q_n[j] + by_q_p * q_p[j] + by_q_li * q_li[j]
            sensor = by_zero * zero[j] + by_gain * gain[j] + by_left * left[j] + by_right * right[j]
            found.append((amounts + sensor) // divisor)
        for j in range(BIAS, SEEN):
            found.append((by_left * left[j] + by_right * right[j]) // divisor)
        return found

    def innovation_uv(self, n_ppm, x):
        """Measured less expected at (n, x), by the tangent."""
        return self._uv - self._along_uv(n_ppm, x)

    def bend(self, curves, n_ppm, x):
        """How far the curves are from the tangent at (n, x), over the noise, squared, times 16."""
        gap_uv = curves.ocv_uv(n_ppm, x) + bias_uv(n_ppm, x) - self._along_uv(n_ppm, x)
        return 16 * gap_uv * gap_uv // (self.noise_uv * self.noise_uv)

    def _along_uv(self, n_ppm, x):
        total = self._by_n * (n_ppm - self._n_ppm)
        for i in range(3):
            total += self._by_amounts[i] * (x[i] - self._x[i])
        knot = BIAS + self._knot
        left_uv, right_uv = x[knot] - self._x[knot], x[knot + 1] - self._x[knot + 1]
        total += (left_uv << SLOPE_BITS) + (right_uv - left_uv) * self._share
        return self._model_uv + (total >> SLOPE_BITS)


def bias_uv(n_ppm, x):
    knot, share = _knot_at(n_ppm)
    left_uv = x[BIAS + knot]
    return left_uv + ((x[BIAS + knot + 1] - left_uv) * share >> SLOPE_BITS)


def _knot_at(n_ppm):
    """(the knot below, how much of the next one, times 2^12); beyond the ends, the end."""
    knot = min(max(n_ppm // _KNOT_PPM, 0), KNOTS - 2)
    share = ((n_ppm - knot * _KNOT_PPM) << SLOPE_BITS) // _KNOT_PPM
    return knot, min(max(share, 0), 1 << SLOPE_BITS)
