"""One explanation of a ring of anchors: the state of a cell that fits them best, from one prior and one start.

A ring is the rested voltages of some days, and what was counted from each to the next; within it the cell does not age:

    n_k = n_0 + charge (1 + gain) - zero * time + walk        z_k = OCV(n_k) + bias(n_k) + noise (tangents.py)

`walk` is what the count may have missed, another amount from anchor to anchor; that n_0 is not known is its start. The
state is x = prior + L u, u of independent units. Each turn of Gauss-Newton takes tangents H, G = H L, where the last
one ended, and solves

    S v = r,   S = G G' + walk + noise,   u = G' v

with r what the tangents leave of the voltages at the prior: an iterated Kalman smoother (Bell and Cathey, IEEE Trans.
Autom. Control 38, 294, 1993), all of the ring at once. The first turns take each tangent where the curve has the
measured voltage, which finds the way from a plateau to a cliff and back; the later ones where the count says the cell
is.

Generators with steps (steps.py), few of them above 150,000 instructions of a Cortex-M4 and none above 200,000.
"""

from logger.core.evidence import logarithm
from logger.core.tangents import GAIN, SEEN, SIZE, UNIT, WALK_BITS, ZERO, ZERO_S, Tangent, bias_uv
from logger.core.triangles import dot12, root_steps, solved, solved_transposed

FRESH_PPM = 15000  # 1.5 % of each amount: cells of one type differ by about 1 %

# binary digits behind the point
_ROOT_BITS = 10  # of the root of S, which is in 32nds (UNIT) as well
_Y_BITS, _V_BITS, _U_BITS, _W_BITS = 12, 24, 12, 15
_UNIT_BITS = 5

_LOST_PPM2 = 90000000000  # n of the first anchor is not known: 0.3 of the rated capacity
_VOLTAGE_TURNS, _COUNT_TURNS = 4, 5
_STILL_PPM = 2000
_NEAR_UV = 2000  # of a tangent's place
_HALVED_FROM = 3  # where Gauss-Newton swings, half the way settles it
_LEAST_U = 1 << _W_BITS - 7  # of the deviation that u had: how finely W is rounded
_LIKE_PPM = 5000  # explanations this near are one, met twice
_MET_PPM = 10000  # on the way: they will be one
_LEAST_PERCENT, _MOST_PERCENT = 15, 105  # of the fresh amounts: no tangent is taken beyond
_NO_CELL = 1 << 20  # the bend of an anchor where there is less than that


class Ring:
    """Anchors (charge_ppm, seconds, variance_ppm2, uv, sigma_uv), oldest first; the first three: since the one
    before."""

    def __init__(self, anchors):
        self.uv = [anchor[3] for anchor in anchors]
        self.sigma_uv = [anchor[4] for anchor in anchors]
        self.charge_ppm, self.seconds, self.walk_ppm2 = [0], [0], [_LOST_PPM2]
        for charge_ppm, seconds, variance_ppm2, _, _ in anchors[1:]:
            self.charge_ppm.append(self.charge_ppm[-1] + charge_ppm)
            self.seconds.append(self.seconds[-1] + seconds)
            self.walk_ppm2.append(self.walk_ppm2[-1] + variance_ppm2)

    def __len__(self):
        return len(self.uv)

    def width_ppm(self):
        return max(self.charge_ppm) - min(self.charge_ppm)

    def n_ppm(self, k, first_ppm, x):
        """Counted on from the first anchor with the sensor's errors in x."""
        charge_ppm = self.charge_ppm[k]
        return first_ppm + charge_ppm + charge_ppm * x[GAIN] // 1000000 - self.seconds[k] * x[ZERO] // ZERO_S


class Prior:
    """What is believed before a ring: the state, and the root L of its covariance, with no row shorter than SEEN."""

    def __init__(self, x, root):
        self.x = x
        self.root = [row + [0] * (SEEN - len(row)) for row in root]


class Explanation:
    """One turn: tangents at (n_ppm, point) and the state that they lead to.

    Readable when solve_steps is through: `x`, the state without its rates; `n_ppm` at each anchor; `chi2`, the sum of
    squared innovations over their variance, times 16. When judge_steps is: `bend`, of all tangents, and `score`, the
    log-likelihood less half the bend, in 1/1024 nat.
    """

    def __init__(self, ring, curves, prior):
        self._ring = ring
        self._curves = curves
        self._prior = prior
        self._tangents, self._g = [], []
        self.chi2 = self.bend = self.score = 0

    def is_like(self, other):
        return _is_near(self.x, other.x, _LIKE_PPM)

    def solve_steps(self, n_ppm, point, is_by_voltage):
        ring, prior, innovations = self._ring, self._prior, []
        for k in range(len(ring)):
            at_ppm = n_ppm[k]
            if is_by_voltage:
                biased_uv = ring.uv[k] - bias_uv(at_ppm, point)
                at_ppm = yield from self._curves.n_at_steps(biased_uv, point, _NEAR_UV, at_ppm)
                yield
            tangent = Tangent(self._curves, ring.uv[k], ring.sigma_uv[k], at_ppm, point)
            self._tangents.append(tangent)
            yield
            self._g.append(tangent.whitened(prior.root, ring.charge_ppm[k], ring.seconds[k]))
            innovation_uv = tangent.innovation_uv(ring.n_ppm(k, n_ppm[0], prior.x), prior.x)
            innovations.append((innovation_uv * UNIT << _ROOT_BITS) // tangent.noise_uv)
            yield
        self._bound(point, innovations)
        self._s_root = yield from root_steps((yield from self._cov_steps()), UNIT << _ROOT_BITS)
        yield
        y = solved(self._s_root, [value << _Y_BITS for value in innovations])
        yield
        v = solved_transposed(self._s_root, [value << _V_BITS + _ROOT_BITS + _UNIT_BITS - _Y_BITS for value in y])
        yield
        self.chi2 = sum([value * value for value in y]) >> 2 * _Y_BITS - 4
        yield from self._move_steps(n_ppm[0], v)

    def judge_steps(self):
        """How well the tangents speak for the curves where the solution lies; they are not needed after that."""
        fresh_ppm, product = self._curves.amounts_ppm, 1
        is_cell = all(100 * self.x[i] >= _LEAST_PERCENT * fresh_ppm[i] for i in range(3))
        for k in range(len(self._ring)):
            tangent = self._tangents[k]
            self.bend += tangent.bend(self._curves, self.n_ppm[k], self.x) if is_cell else _NO_CELL
            # an amount that was bounded costs by its distance alone: not every explanation has one
            product *= self._s_root[k][k] * tangent.noise_uv
            yield
        self._tangents = None
        self.score = -32 * (self.chi2 + self.bend) - logarithm(product)  # half of both, in 1/1024
        yield

    def state(self):
        """With its rates."""
        return self.x + [self._moved(i) for i in range(SEEN, SIZE)]

    def root_steps(self):
        """Of the state's covariance.

        Cov u = 1 - W' W with S = K K', K W = G. Its root C turns L into L C; the last columns, which the rates have for
        themselves, stay.
        """
        own = yield from root_steps((yield from self._cov_u_steps()), _LEAST_U)
        root = []
        for i in range(SIZE):
            old, row = self._prior.root[i], []
            seen = min(i + 1, SEEN)
            for j in range(seen):
                total = 0
                for k in range(j, seen):
                    total += old[k] * own[k][j]
                row.append(total >> _W_BITS)
            if i < SEEN:
                row[i] = max(row[i], 1)
            root.append(row + old[seen : i + 1])
            yield
        return root

    def _bound(self, point, innovations):
        """No cell has more than a fresh one: an amount that would is measured to be that."""
        for i in range(3):
            fresh_ppm = self._curves.amounts_ppm[i]
            sigma_ppm = fresh_ppm * FRESH_PPM // 1000000
            if point[i] > fresh_ppm + sigma_ppm:
                self._g.append([value * UNIT // sigma_ppm for value in self._prior.root[i]])
                innovations.append(((fresh_ppm - self._prior.x[i]) * UNIT << _ROOT_BITS) // sigma_ppm)

    def _cov_steps(self):
        """S, over the noise."""
        walk_ppm2, matrix = self._ring.walk_ppm2, []
        for i in range(len(self._g)):
            left, row = self._g[i], []
            for j in range(i + 1):
                total = dot12(left, self._g[j])
                if i < len(walk_ppm2):
                    walk = self._tangents[i].walk * self._tangents[j].walk * walk_ppm2[j]
                    total += walk >> 2 * WALK_BITS - 2 * _UNIT_BITS
                if i == j:
                    total += UNIT * UNIT
                row.append(total << 2 * _ROOT_BITS)
            matrix.append(row)
            yield
        return matrix

    def _move_steps(self, first_ppm, v):
        ring, sums = self._ring, [0] * SEEN
        for k in range(len(v)):
            row, pull = self._g[k], v[k]
            sums = [sums[j] + row[j] * pull for j in range(SEEN)]
            if k & 3 == 3:
                yield
        self._u = [total >> _V_BITS + _UNIT_BITS - _U_BITS for total in sums]
        yield
        self.x = []
        for i in range(SEEN):
            self.x.append(self._moved(i))
            if i & 3 == 3:
                yield
        # the walk of anchor k is that of the one before and an amount of its own: sums from the end say what pulls at
        # it
        pulls = [self._tangents[k].walk * v[k] for k in range(len(ring))]
        for k in range(len(ring) - 2, -1, -1):
            pulls[k] += pulls[k + 1]
        self.n_ppm, walked, before_ppm2 = [], 0, 0
        for k in range(len(ring)):
            walked += (ring.walk_ppm2[k] - before_ppm2) * pulls[k]
            before_ppm2 = ring.walk_ppm2[k]
            self.n_ppm.append(ring.n_ppm(k, first_ppm, self.x) + (walked >> _V_BITS + WALK_BITS))
        yield

    def _moved(self, i):
        return self._prior.x[i] + (dot12(self._prior.root[i][:SEEN], self._u) >> _U_BITS)

    def _cov_u_steps(self):
        columns, cov = [], []
        for j in range(SEEN):
            columns.append(solved(self._s_root, [row[j] << _W_BITS + _ROOT_BITS for row in self._g]))
            yield
        for i in range(SEEN):
            left, row = columns[i], []
            for j in range(i + 1):
                right, total = columns[j], 1 << 2 * _W_BITS if i == j else 0
                for k in range(len(left)):
                    total -= left[k] * right[k]
                row.append(total)
            cov.append(row)
            yield
        return cov


def explain_steps(ring, curves, prior, amounts, met, is_near=False):
    """The Explanation with its first tangents at these amounts; None when it goes the way of another.

    met: the places, after the first turns, of those before; this one is added. is_near: the amounts explain the ring
    nearly, and the first turns are left out.
    """
    x = _clamped(amounts + prior.x[3:SEEN], curves)
    first_ppm = yield from curves.n_at_steps(ring.uv[0], x)
    yield
    n_ppm = [ring.n_ppm(k, first_ppm, x) for k in range(len(ring))]
    first = None
    for is_by_voltage, turns in ((True, 0 if is_near else _VOLTAGE_TURNS), (False, _COUNT_TURNS)):
        last = None
        for turn in range(turns):
            last = Explanation(ring, curves, prior)
            yield from last.solve_steps(n_ppm, x, is_by_voltage)
            moved_ppm = _apart(last, n_ppm, x)
            if turn < _HALVED_FROM:
                x, n_ppm = _clamped(last.x, curves), last.n_ppm
            else:
                x, n_ppm = _clamped(_middle(last.x, x), curves), _middle(last.n_ppm, n_ppm)
            yield
            if turn and is_by_voltage and any(_is_near(x, other, _MET_PPM) for other in met):
                return None
            if moved_ppm < _STILL_PPM:
                break
        if is_by_voltage:
            met.append(x)
            first = last
    yield from last.judge_steps()
    if first and last.bend > 4 * len(ring):  # the later turns may have left the curves
        yield from first.judge_steps()
        if first.bend < last.bend:
            return first
    return last


def _is_near(x, other, ppm):
    return abs(x[0] - other[0]) <= ppm and abs(x[1] - other[1]) <= ppm and abs(x[2] - other[2]) <= ppm


def _apart(explanation, n_ppm, x):
    moved = [abs(explanation.x[i] - x[i]) for i in range(3)]
    moved += [abs(explanation.n_ppm[k] - n_ppm[k]) for k in range(len(n_ppm))]
    return max(moved)


def _middle(left, right):
    return [(left[i] + right[i]) >> 1 for i in range(len(left))]


def _clamped(x, curves):
    x = list(x)
    for i in range(3):
        fresh_ppm = curves.amounts_ppm[i]
        x[i] = min(max(x[i], fresh_ppm * _LEAST_PERCENT // 100), fresh_ppm * _MOST_PERCENT // 100)
    return x
