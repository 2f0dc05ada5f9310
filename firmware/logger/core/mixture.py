"""Several explanations of a ring to one belief: the mixture's mean and covariance, and the capacity of each part.

An explanation weighs exp(`total`), its score and that of the hypothesis behind it. Capacity is bent in the amounts, by
whichever electrode ends a charge first; hence sigma points of each part, and not of the mixture.
"""

from logger.core.ageing import bound_rates_steps
from logger.core.evidence import LEAST_WEIGHT, weight
from logger.core.integers import isqrt
from logger.core.ring import Prior
from logger.core.tangents import BIAS, KNOTS, SIZE
from logger.core.triangles import root_steps, zeros

_EMPTY_PPM, _FULL_PPM = 30000, 950000  # about n at the limits of voltage
_LEAST_AMOUNT_PPM = 200000
_SLOPE_BITS, _LEAST_SLOPE = 7, 13  # 128ths of a µV per ppm; a tenth at least


class Answers:
    """Weighed capacities."""

    def __init__(self, best):
        """best: the largest total of all explanations."""
        self._best = best
        self._parts = []

    def matters(self, total):
        return weight(total, self._best) >= LEAST_WEIGHT

    def add(self, total, ppm, variance_ppm2):
        self._parts.append((weight(total, self._best), ppm, variance_ppm2))

    def mean(self):
        """(ppm, standard deviation)."""
        total = sum([part[0] for part in self._parts])
        mean_ppm = sum([heavy * ppm for heavy, ppm, _ in self._parts]) // total
        spread = sum([heavy * (variance + (ppm - mean_ppm) ** 2) for heavy, ppm, variance in self._parts])
        return mean_ppm, isqrt(spread // total)


def collapse_steps(curves, found, best, answers):
    """The Prior of the next ring, with the moments of all explanations; their capacities go to `answers`. best: the
    largest total of those found, which are used up."""
    x, total = [0] * SIZE, 0
    for each in found:
        each.weight = weight(each.total, best)
        total += each.weight
        state = each.state()
        x = [x[i] + each.weight * state[i] for i in range(SIZE)]
        yield
    x = [value // total for value in x]
    cov = zeros(SIZE)
    while found:
        each = found.pop()
        root = yield from each.root_steps()
        yield
        if answers.matters(each.total):
            ppm, variance_ppm2 = yield from _capacity_steps(curves, each.x[:3], root)
            answers.add(each.total, ppm, variance_ppm2)
        state = each.state()
        yield
        yield from _add_steps(cov, root, [state[i] - x[i] for i in range(SIZE)], each.weight)
    for row in cov:
        for j in range(len(row)):
            row[j] //= total
        yield
    yield from bound_rates_steps(x, cov)
    return Prior(x, (yield from root_steps(cov)))


def _add_steps(cov, root, apart, times):
    for i in range(SIZE):
        left, row = root[i], cov[i]
        for j in range(i + 1):
            right, total = root[j], apart[i] * apart[j]
            for k in range(j + 1):
                total += left[k] * right[k]
            row[j] += times * total
        yield


def _capacity_steps(curves, amounts, root):
    """(capacity, its variance): sigma points of the three amounts, and the curves' error at the limits of voltage."""
    amounts = [max(ppm, _LEAST_AMOUNT_PPM) for ppm in amounts]
    ends = yield from _ends_steps(curves, amounts, (_EMPTY_PPM, _FULL_PPM))
    centre_ppm = ends[1] - ends[0]
    twice_ppm = variance_ppm2 = 0
    for column in range(3):
        step_ppm = [root[i][column] if i >= column else 0 for i in range(3)]
        apart_ppm = []
        for sign in (1, -1):
            there = [max(amounts[i] + sign * step_ppm[i], _LEAST_AMOUNT_PPM) for i in range(3)]
            low_ppm, high_ppm = yield from _ends_steps(curves, there, ends)
            apart_ppm.append(high_ppm - low_ppm - centre_ppm)
        both_ppm = apart_ppm[0] + apart_ppm[1]
        twice_ppm += both_ppm
        variance_ppm2 += (apart_ppm[0] - apart_ppm[1]) ** 2 // 4 + both_ppm * both_ppm // 8
    for n_ppm, knot in ((ends[0], BIAS), (ends[1], BIAS + KNOTS - 1)):
        slope = max(curves.slope(n_ppm, amounts, _SLOPE_BITS), _LEAST_SLOPE)
        variance_uv2 = sum([value * value for value in root[knot]])
        variance_ppm2 += (variance_uv2 << 2 * _SLOPE_BITS) // (slope * slope)
        yield
    return centre_ppm + twice_ppm // 4, variance_ppm2


def _ends_steps(curves, amounts, guesses_ppm):
    low_ppm = yield from curves.n_at_steps(curves.window_uv[0], amounts, guess_ppm=guesses_ppm[0])
    yield
    high_ppm = yield from curves.n_at_steps(curves.window_uv[1], amounts, guess_ppm=guesses_ppm[1])
    yield
    return low_ppm, high_ppm
