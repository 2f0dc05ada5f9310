"""What is believed of a cell before it has shown anything, and how belief moves while it ages.

Amounts fall at rates that are part of the state: losses add up in a direction that persists, and do not wander. The
free hypothesis lets each of the three rates be anything; a known path fixes their direction and leaves the pace open.
"""

from logger.core.integers import isqrt
from logger.core.ring import FRESH_PPM, Prior
from logger.core.tangents import BIAS, GAIN, KNOTS, RATES, SIZE, ZERO
from logger.core.triangles import at, root_steps, square_steps, zeros

# Standard deviations and means, each with its reason.
_USED_LOSS_PPM, _USED_PPM = 120000, 140000  # of each amount of a pack of unknown age: 60 to 105 % lie within 2 sigma
_GAIN_PPM = 3000  # 0.5 % as a bound is 0.29 % as a deviation
_BIAS_UV = 3500  # curves within 5 mV and the voltmeter within 2 mV, as bounds
_BIAS_COMMON = 3  # a third of its variance is the voltmeter's, common to all knots
_BIAS_YEAR_UV = 1500  # curves move against each other as a cell ages
_ZERO_DAYS = 225  # within these the sensor's zero wanders by its whole deviation
_RATE_PPM, _RATE_SIGMA_PPM = 25000, 35000  # of each loss, a year: some per cent in the field; none, or three times that
_RATE_WALK = 50  # per cent of that changes within a year
_PATH_SIGMA, _PATH_WALK = 120, 70  # the same of a known path's pace, per cent of its mean
_OFF_PATH_PPM = 4000  # how far a cell leaves it, a year
_LEAST_RATE_PPM = 5000  # in place of a rate below zero: losses are not negative
_DAYS_A_YEAR = 365
_OF_RATES = 2, 0, 1  # the amount that each rate takes from


class Ageing:
    """A hypothesis. path: mean losses a year (lithium in ppm of rated, negative and positive electrode in ppm of each);
    None: any."""

    def __init__(self, amounts_ppm, zero_ppm_h, path=None):
        self._fresh_ppm = amounts_ppm
        self._scale_ppm = 1000000, amounts_ppm[0], amounts_ppm[1]  # of what a rate is a part
        self._zero = 100 * zero_ppm_h
        self.is_free = path is None
        self._mean_ppm = path or (_RATE_PPM,) * 3
        self._walk_percent = _PATH_WALK if path else _RATE_WALK
        self._columns = [tuple([part * _PATH_SIGMA // 100 for part in path])] if path else []
        apart_ppm = _OFF_PATH_PPM if path else _RATE_SIGMA_PPM
        self._columns += [tuple([apart_ppm if i == j else 0 for i in range(3)]) for j in range(3)]

    def prior_steps(self, is_new):
        """Of a cell that has shown nothing yet."""
        cov = zeros(SIZE)
        x = [0] * RATES + list(self._mean_ppm)
        for i in range(3):
            fresh_ppm = self._fresh_ppm[i]
            x[i] = fresh_ppm if is_new else fresh_ppm - fresh_ppm * _USED_LOSS_PPM // 1000000
            cov[i][i] = (fresh_ppm * (FRESH_PPM if is_new else _USED_PPM) // 1000000) ** 2
        cov[ZERO][ZERO] = self._zero * self._zero
        cov[GAIN][GAIN] = _GAIN_PPM * _GAIN_PPM
        for i in range(KNOTS):
            for j in range(i):
                cov[BIAS + i][BIAS + j] = _BIAS_UV * _BIAS_UV // _BIAS_COMMON
            cov[BIAS + i][BIAS + i] = _BIAS_UV * _BIAS_UV
        self._widen_rates(cov, 1000)
        return Prior(x, (yield from root_steps(cov)))

    def aged_steps(self, prior, days, other_ppm):
        """The prior, days later; other_ppm: what each amount may have lost or won besides."""
        x, cov = list(prior.x), (yield from square_steps(prior.root))
        for k in range(3):
            self._lose(x, cov, k, days)
            yield
        # rates wander: what they add grows with the root of the time; over years, what it adds up to with the time
        permil = max(
            isqrt(100 * self._walk_percent * self._walk_percent * days // _DAYS_A_YEAR),
            10 * self._walk_percent * days // _DAYS_A_YEAR,
        )
        self._widen_amounts(cov, permil)
        yield
        self._widen_rates(cov, permil)
        for k in range(3):
            i, r = _OF_RATES[k], RATES + k
            cov[i][i] += (self._scale_ppm[k] * other_ppm // 1000000) ** 2
            cov[r][r] += (other_ppm // 2) ** 2
        cap = self._zero * self._zero
        cov[ZERO][ZERO] = min(cov[ZERO][ZERO] + cap * days // _ZERO_DAYS, cap)
        for i in range(BIAS, BIAS + KNOTS):
            wider = cov[i][i] + _BIAS_YEAR_UV * _BIAS_YEAR_UV * days // _DAYS_A_YEAR
            cov[i][i] = min(wider, 2 * _BIAS_UV * _BIAS_UV)
        yield
        return Prior(x, (yield from root_steps(cov)))

    def _lose(self, x, cov, k, days):
        """Amounts by their rates: x = F x, cov = F cov F', F with one number beside its diagonal."""
        i, r = _OF_RATES[k], RATES + k
        share = -self._scale_ppm[k] * days // _DAYS_A_YEAR  # of the rate, millionths
        x[i] += share * x[r] // 1000000
        row = [at(cov, i, j) + share * at(cov, r, j) // 1000000 for j in range(SIZE)]
        own = row[i] + share * row[r] // 1000000
        for j in range(SIZE):
            cov[max(i, j)][min(i, j)] = row[j]
        cov[i][i] = own

    def _widen_rates(self, cov, permil):
        _widen(cov, (RATES, RATES + 1, RATES + 2), self._columns, (1000000,) * 3, permil)

    def _widen_amounts(self, cov, permil):
        _widen(cov, _OF_RATES, self._columns, self._scale_ppm, permil)


def bound_rates_steps(x, cov):
    """A rate below zero is measured to be small instead."""
    for i in range(RATES, SIZE):
        if x[i] < 0:
            _measure(x, cov, i, _LEAST_RATE_PPM, _LEAST_RATE_PPM)
        yield


def _widen(cov, rows, columns, scale_ppm, permil):
    """Adds these thousandths of each column to the rows."""
    for column in columns:
        d = [column[k] * scale_ppm[k] // 1000000 * permil // 1000 for k in range(3)]
        for k in range(3):
            for m in range(3):
                if rows[k] >= rows[m]:
                    cov[rows[k]][rows[m]] += d[k] * d[m]


def _measure(x, cov, i, value, sigma):
    column = [at(cov, i, j) for j in range(SIZE)]
    variance = column[i] + sigma * sigma
    for j in range(SIZE):
        x[j] += column[j] * (value - x[i]) // variance if j != i else 0
        for k in range(j + 1):
            cov[j][k] -= column[j] * column[k] // variance
    x[i] += column[i] * (value - x[i]) // variance
