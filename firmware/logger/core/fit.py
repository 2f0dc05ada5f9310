"""The capacity of a cell of any age, with an honest interval, from its rested voltages and counted charge.

A known path of ageing is a one-dimensional guess in a space of three: the amounts of charge of both electrodes and of
the lithium between them (electrodes.py). Fit follows these three, and each ring of anchors (ring.py) moves them.

Between rings the cell is expected to age on as it did (ageing.py). That it aged otherwise is tried as well, and is the
less likely the shorter the time; so is what known paths would expect, where a bank of them is given. Every explanation
of a ring, from every prior and start, weighs as much as it is likely; their mixture is the answer, and the prior of the
next ring (mixture.py).

A ring that none explains changes nothing: it was measured otherwise than we believe, or on another cell. So is one
whose explanation is no cell, or leaves less known than before any ring. After three such rings nothing is known of the
cell, nor is it after ten years of which nothing was learnt; hence no number here grows without end.

Left to others: which rests are anchors (rests.py), and from which uncertainty on a value is stated (capacity.py).
"""

import struct

from logger.core.ageing import Ageing
from logger.core.evidence import NAT, logarithm, surprise
from logger.core.integers import isqrt
from logger.core.mixture import Answers, collapse_steps
from logger.core.ring import Prior, Ring, explain_steps
from logger.core.steps import finish
from logger.core.tangents import RATES, SIZE

# priors of a ring: the last belief, aged as expected; the same, and each amount has moved by 6 % against all that the
# rates say; where a ring surprises both, a cell of which nothing is known. The latter two cost one and a half nat after
# a year, and more after a shorter time
_AS_EXPECTED, _OTHERWISE, _ANY_CELL = 0, 1, 2
_OTHERWISE_PPM = 60000
_OTHERWISE_COST = 3 * NAT // 2
_DAYS_A_YEAR = 365

_SURPRISED_SIGMAS, _UNEXPLAINED_SIGMAS = 1, 6  # of chi squared over its mean
_BEND = 16  # an explanation's tangents lie within a deviation of the curves, anchor for anchor
_UNEXPLAINED_PPM = 150000
_UNEXPLAINED_RINGS = 3

# losses in thousandths (lithium, negative, positive) where tangents are first taken: of what is expected, or of a fresh
# cell where next to nothing is
_STARTS = ((60, 0, 0), (0, 120, 0), (0, 0, 120), (80, 80, 80))
_BROAD_STARTS = ((0, 0, 0), (150, 0, 0), (0, 200, 0), (0, 0, 200), (150, 150, 150), (300, 100, 100))
_BROAD_PPM = 100000
_START_SIGMAS = 3  # no start where the prior says that the cell is not

_MEMORY_QUARTERS, _LEAST_SCORE = 3, -4 * NAT  # of a hypothesis, from ring to ring
_KEPT, _KEPT_COUNT = 5 * NAT, 5  # explanations: what is less likely by this weighs less than a hundredth; memory

_WIDE_PPM, _NARROW_DAYS = 500000, 90  # a ring that spans half the capacity; how often others are learnt from
_NEW_PPM, _USED_PPM = (1000000, 20000), (850000, 200000)  # capacity and its uncertainty before any ring
_LEAST_PPM, _MOST_PPM = 200000, 1200000  # no pack in use has less, and none has more: the ring was of something else
_VAGUE_PPM = 500000  # an uncertainty of an amount, or of its loss a year, that says nothing
_FORGOTTEN_DAYS = 10 * _DAYS_A_YEAR
_UNSEEN_DAYS = 30  # nobody counts how long a board was off: at least so long, and not more with each start
_AGED_PPM = 80000  # what a year may take where nobody looks: one loss of 2.5 +- 3.5 %, at 1.6 sigma

_VERSION = 1
_HEAD = "<BBBHiI"
_ROOT_BYTES = 3


class _Member:
    """A hypothesis of ageing, what it believes, and how well it did so far."""

    def __init__(self, ageing, score):
        self.ageing = ageing
        self.score = score
        self.prior = None
        self.found = []


class Fit:
    """Rings in, capacity out; one for each cell that is followed.

    zero_ppm_h: what may be left of the current sensor's zero, in ppm of the rated capacity per hour: small packs have
    relatively larger ones. is_new: the pack is known to be new; else any from 60 to 105 % is expected. paths: known
    mean losses a year (ageing.py); the free hypothesis keeps a quarter of the weight, which keeps the interval honest.
    """

    def __init__(self, curves, zero_ppm_h=300, is_new=False, paths=()):
        self._curves = curves
        self._is_new = is_new
        self._days = 0  # of which nothing was learnt
        self._unexplained = 0  # rings, one after another
        free_score = logarithm(len(paths)) - logarithm(3) if paths else 0
        self._members = [_Member(Ageing(curves.amounts_ppm, zero_ppm_h), free_score)]
        self._members += [_Member(Ageing(curves.amounts_ppm, zero_ppm_h, path), 0) for path in paths]
        self._begin()

    # ---- answers

    def capacity(self):
        """(ppm of rated, its standard uncertainty, whether the last ring could be explained).

        The uncertainty grows with the days of which nothing was learnt.
        """
        aged_ppm = _AGED_PPM * self._days // _DAYS_A_YEAR
        sigma_ppm = isqrt(self._sigma_ppm * self._sigma_ppm + aged_ppm * aged_ppm)
        is_consistent = self._is_consistent and _LEAST_PPM <= self._capacity_ppm <= _MOST_PPM
        if not is_consistent:
            sigma_ppm = max(sigma_ppm, _UNEXPLAINED_PPM)
        return self._capacity_ppm, sigma_ppm, is_consistent

    def ocv_uv(self, soc_ppm):
        """Of the cell as it has aged; of a fresh one before the first ring."""
        return self._curves.ocv_uv(self._empty_ppm + soc_ppm * self._span_ppm // 1000000, self._amounts)

    @property
    def window_uv(self):
        """Open-circuit voltage of the empty and of the full cell."""
        return self._curves.window_uv

    def soc_ppm(self, uv):
        """(state of charge, how much it moves for a millivolt)."""
        n_ppm = self._curves.n_at(uv, self._amounts)
        slope = max(self._curves.slope(n_ppm, self._amounts, 10), 1)  # 1024ths of a µV per ppm
        soc_ppm = (n_ppm - self._empty_ppm) * 1000000 // self._span_ppm
        return soc_ppm, (1000 << 10) * 1000000 // (slope * self._span_ppm)

    # ---- learning

    def ring_steps(self, anchors, days):
        """Learns from anchors [(charge_ppm, seconds, variance_ppm2, uv, sigma_uv)], oldest first, no one used twice.

        The first three of each say what was counted since the one before, and how well; where nothing was counted, a
        variance of 9e10. days since the last ring. Returns whether something was learnt: nothing is of a ring that
        never left LFP's plateau, of a narrow one soon after another, and of one that no ageing explains.
        """
        self._days += max(days, 0)
        if self._days > _FORGOTTEN_DAYS:
            self.forget()
        if max([anchor[3] for anchor in anchors]) < self._curves.least_top_uv:
            return False
        ring = Ring(anchors)
        if (yield from self._is_old_news_steps(ring)):
            self._is_consistent = not self._unexplained  # agreeing with a belief that others refuted proves nothing
            return False
        for member in self._members:
            member.found = yield from self._found_steps(member, ring)
        is_explained = any(self._is_explained(member.found, ring) for member in self._members)
        is_explained = is_explained and (yield from self._learn_steps())
        if not is_explained:
            self._give_up()
        for member in self._members:
            member.found = []
        self._is_consistent = is_explained
        return is_explained

    def forget(self):
        """Another pack, or other cells in it: any age."""
        self._is_new = False
        self._begin()

    def _begin(self):
        self._is_begun = False
        self._is_consistent = True
        self._unexplained = self._days = 0
        self._capacity_ppm, self._sigma_ppm = _NEW_PPM if self._is_new else _USED_PPM
        for member in self._members:
            member.prior = finish(member.ageing.prior_steps(self._is_new))
        finish(self._set_amounts_steps(self._curves.amounts_ppm))

    def _give_up(self):
        self._unexplained += 1
        if self._unexplained >= _UNEXPLAINED_RINGS:
            self.forget()

    def _is_old_news_steps(self, ring):
        """Whether this is a narrow ring soon after another, and as expected.

        What is wrong with the curves within a narrow window is wrong in each ring of it, and finer than the knots of
        the bias: many such rings would teach a falsehood with confidence.
        """
        if not self._is_begun or self._days >= _NARROW_DAYS or ring.width_ppm() >= _WIDE_PPM:
            return False
        prior = yield from self._prior_steps(self._members[0], _AS_EXPECTED)
        expected = yield from explain_steps(ring, self._curves, prior, prior.x[:3], [], is_near=True)
        return _least_chi2([expected], ring) < surprise(len(ring), 0)

    def _prior_steps(self, member, kind):
        if kind == _ANY_CELL:
            prior = yield from member.ageing.prior_steps(False)
        elif self._is_begun and self._days:
            prior = yield from member.ageing.aged_steps(member.prior, self._days, _OTHERWISE_PPM * kind)
        else:
            prior = member.prior
        yield
        return prior

    def _found_steps(self, member, ring):
        """The explanations by one hypothesis."""
        found = yield from self._explained_steps(member, ring, _AS_EXPECTED, [])
        if self._is_begun and self._days and member.ageing.is_free:
            found += yield from self._explained_steps(member, ring, _OTHERWISE, found)
            if _least_chi2(found, ring) >= surprise(len(ring), _SURPRISED_SIGMAS):
                found += yield from self._explained_steps(member, ring, _ANY_CELL, [])
        best = _best(found)
        return sorted([each for each in found if best - each.total < _KEPT], key=_total_of)[-_KEPT_COUNT:]

    def _explained_steps(self, member, ring, kind, near):
        """Those from one prior, beginning near others and where else the prior allows."""
        prior = yield from self._prior_steps(member, kind)
        score = member.score
        if kind != _AS_EXPECTED:  # that a cell leaves its way is the less likely the shorter the time
            score -= _OTHERWISE_COST + logarithm(max(_DAYS_A_YEAR // self._days, 1))
        is_broad = kind == _ANY_CELL or max(_sigmas_ppm(member.prior)) > _BROAD_PPM
        yield
        starts = [(each.x[:3], True) for each in near]
        if not near:
            starts = [(amounts, False) for amounts in self._starts(prior)]
        yield
        own, met = [], []
        for amounts, is_near in starts:
            explanation = yield from explain_steps(ring, self._curves, prior, amounts, met, is_near)
            if explanation and not any(explanation.is_like(other) for other in own):
                explanation.total = score + explanation.score
                explanation.is_broad = is_broad
                own.append(explanation)
        return own

    def _starts(self, prior):
        """Amounts where tangents are first taken: the expected ones, and other places that the prior allows."""
        fresh_ppm, sigmas_ppm = self._curves.amounts_ppm, _sigmas_ppm(prior)
        found = [prior.x[:3]]
        if max(sigmas_ppm) > _BROAD_PPM:
            return found + [_less(fresh_ppm, fresh_ppm, losses) for losses in _BROAD_STARTS]
        for losses in _STARTS:
            start = _less(prior.x, fresh_ppm, losses)
            if all(prior.x[i] - start[i] <= _START_SIGMAS * sigmas_ppm[i] for i in range(3)):
                found.append(start)
        return found

    def _is_explained(self, found, ring):
        return _least_chi2(found, ring) < surprise(len(ring), _UNEXPLAINED_SIGMAS)

    def _learn_steps(self):
        """Returns whether what was found is a cell; else nothing is learnt."""
        best = max([_best(member.found) for member in self._members])
        answers = Answers(best)
        is_broad = any(each.is_broad for member in self._members for each in member.found)
        learnt = []
        for member in self._members:
            own_best = _best(member.found)
            prior = yield from collapse_steps(self._curves, member.found, own_best, answers)
            learnt.append((prior, max((own_best - best) * _MEMORY_QUARTERS // 4, _LEAST_SCORE)))
        capacity_ppm, sigma_ppm = answers.mean()
        if not _LEAST_PPM <= capacity_ppm <= _MOST_PPM or any(_is_vague(prior) for prior, _ in learnt):
            return False
        for i in range(len(learnt)):
            self._members[i].prior, self._members[i].score = learnt[i]
        self._capacity_ppm = capacity_ppm
        self._sigma_ppm = sigma_ppm * (3 if is_broad else 2) // 2  # there, one tangent stands for a long arc
        self._is_begun = True
        self._days = self._unexplained = 0
        yield
        leading = max(self._members, key=_score_of)
        yield from self._set_amounts_steps(leading.prior.x[:3])
        return True

    def _set_amounts_steps(self, amounts):
        empty_ppm = yield from self._curves.n_at_steps(self._curves.window_uv[0], amounts)
        yield
        full_ppm = yield from self._curves.n_at_steps(self._curves.window_uv[1], amounts)
        self._amounts = amounts
        self._empty_ppm, self._span_ppm = empty_ppm, max(full_ppm - empty_ppm, _LEAST_PPM)

    # ---- restarts

    def to_bytes(self):
        """What must outlast a restart: 433 bytes. Of the hypotheses the free one alone."""
        prior = self._members[0].prior
        flags = self._is_begun | self._is_new << 1 | self._is_consistent << 2
        days = min(self._days, 0xFFFF)
        parts = [struct.pack(_HEAD, _VERSION, flags, self._unexplained, days, self._capacity_ppm, self._sigma_ppm)]
        parts.append(struct.pack("<%di" % SIZE, *prior.x))  # noqa: UP031 - MicroPython formats this in less room
        for i in range(SIZE):
            parts += [(value & 0xFFFFFF).to_bytes(_ROOT_BYTES, "little") for value in prior.root[i][: i + 1]]
        return b"".join(parts)

    def from_bytes(self, content):
        """Goes on where to_bytes left off; ValueError where these are not its bytes. Known paths begin anew from what
        the free hypothesis believes."""
        at = struct.calcsize(_HEAD)
        if len(content) != at + 4 * SIZE + _ROOT_BYTES * SIZE * (SIZE + 1) // 2 or content[0] != _VERSION:
            raise ValueError("not the state of a fit of this version")
        _, flags, self._unexplained, self._days, self._capacity_ppm, self._sigma_ppm = struct.unpack_from(
            _HEAD, content
        )
        self._is_begun, self._is_new, self._is_consistent = bool(flags & 1), bool(flags & 2), bool(flags & 4)
        x = list(struct.unpack_from("<%di" % SIZE, content, at))  # noqa: UP031 - the same
        root = _root_of(content, at + 4 * SIZE)
        for member in self._members:
            if member.ageing.is_free:
                member.prior = Prior(x, root)
            else:
                own = member.prior
                member.prior = Prior(x[:RATES] + own.x[RATES:], root[:RATES] + own.root[RATES:])
        if self._is_begun:
            finish(self._set_amounts_steps(x[:3]))

    def note_unseen(self, days):
        """After a restart: so many days were counted of which nothing was learnt, and others were not."""
        if self._is_begun:
            self._days = max(self._days + days, _UNSEEN_DAYS)


def _root_of(content, at):
    root = []
    for i in range(SIZE):
        row = []
        for _ in range(i + 1):
            value = int.from_bytes(content[at : at + _ROOT_BYTES], "little")
            row.append(value - ((value & 0x800000) << 1))
            at += _ROOT_BYTES
        root.append(row)
    return root


def _less(amounts, fresh_ppm, losses):
    lithium, negative, positive = losses
    lost_ppm = fresh_ppm[0] * negative // 1000, fresh_ppm[1] * positive // 1000, lithium * 1000
    return [amounts[i] - lost_ppm[i] for i in range(3)]


def _sigmas_ppm(prior):
    """Of the amounts."""
    return [_sigma(prior, i) for i in range(3)]


def _sigma(prior, i):
    return isqrt(sum([value * value for value in prior.root[i]]))


def _is_vague(prior):
    return max(_sigmas_ppm(prior) + [_sigma(prior, i) for i in range(RATES, SIZE)]) > _VAGUE_PPM


def _best(found):
    return max([each.total for each in found])


def _total_of(explanation):
    return explanation.total


def _score_of(member):
    return member.score


def _least_chi2(found, ring):
    """Of the explanations whose tangents speak for the curves; where there are none, more than any."""
    return min([each.chi2 for each in found if each.bend < _BEND * len(ring)] + [1 << 40])
