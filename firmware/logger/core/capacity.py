"""The capacity, and what follows from it: by rests (fit.py) and, where curves were learnt, by steady currents
(charge_window.py).

Decides when the one and the other is worked on, which of them is believed, and what is said of it. What is said names
the entries that it rests on, so the window that holds the newest of it must have ended before. All of it takes long:
`work` goes on by a step.
"""

from logger.core import energy
from logger.core.entries import SOH, without_absent
from logger.core.integers import isqrt, rounded
from logger.core.rests import MAX_ANCHORS
from logger.core.state_of_charge import ZERO_ERROR_MA
from logger.core.statements import (
    CAPACITY,
    ENERGY,
    LACKS_AGREEMENT,
    LACKS_SPAN,
    METHOD_ANCHORS,
    METHOD_ENERGY,
    METHOD_ROUND_TRIP,
    METHOD_STEPS,
    METHOD_WINDOWS,
    POWER_20,
    POWER_80,
    ROUND_TRIP,
    SOCE,
    Conditions,
)

# above it a capacity is not yet known: 1.96 of it are the 5 points that UN GTR 22 allows
MAX_UNCERTAINTY_PPM = 25000
RING_DAYS = 7  # anchors further apart belong to cells of another age
_LEAD_MS = 7 * 86400000  # how long a method of capacity is believed before one that is less sure
_MARKS = 32
_MOST_DRIFT_PPM = 80000  # an hour: more does not fit into the state that a fit keeps
_MS_PER_DAY = 86400000
_MIN_BLOCK_SPAN_PPM = 300000
_OTHERWISE_SHARE = 3  # of what a block differs by: it has aged otherwise, so the mean block's curve is not its own
_MIXED_SHARE = 12  # of what blocks are apart by: the mean of unlike voltages lies on no block's curve
_SPEAKING_ANCHORS, _SPEAKING_PPM = 4, 500000  # tell the way of ageing; half of the capacity, as fit.py has it
_OF_CAPACITY = ((ENERGY, METHOD_ENERGY), (SOCE, METHOD_ENERGY), (POWER_80, METHOD_STEPS), (POWER_20, METHOD_STEPS))


class Capacity:
    """config as the logger has it. count: what has flowed (totals.py). Readable: `fit`, None where no chemistry is
    told; `ppm` of rated_capacity, the best guess, known or not; `has_work`, whether `work` has something to do;
    `lessons`, how often something was learnt that should outlast a restart. Writable: `resistance`, where another one
    begins."""

    def __init__(self, config, count, rests, resistance, statements):
        self._config = config
        self._rated_mah = config["rated_capacity_mah"]
        self._series = config["cell_blocks"] // config["strings"]
        self._count = count
        self._rests = rests
        self.resistance = resistance
        self._statements = statements
        self.fit = _fit(config.get("chemistry"), self._rated_mah, bool(config.get("is_new_pack")))
        self._windows = _charge_windows(config.get("curve_family"), self._rated_mah)
        self._marks = _Marks() if self._windows else None
        self._is_noted = False  # whether the window that holds the newest segment has ended
        self._doubt = None  # what is lacking as long as sensors cannot be believed
        self._is_doubted = False  # a ring or a sensor has spoken against what is believed, and no ring for it since
        self._weaker = None  # see _weaker_by
        self._leader = None  # (method, standard uncertainty, time_ms) of the capacity that was last known
        self.ppm = 1000000
        self._ring_days = 0  # of pack time, at which the ring before this one was closed
        self._fresh = None  # an anchor that has not been worked on
        self._steps = None
        self.has_work = False
        self.lessons = 0
        self._of_rests = b""  # what the fit knew when the last ring was closed

    def learnt(self):
        """(days since the last ring, what the fit knew then, what the windows know): see `recall`."""
        of_windows = self._windows.to_bytes() if self._windows and self.lessons else b""
        return self._now_ms() // _MS_PER_DAY - self._ring_days, self._of_rests, of_windows

    def recall(self, days, of_rests, of_windows):
        """Goes on from what `learnt` gave before a restart; ValueError where these are not its bytes."""
        if self._windows and of_windows:
            self._windows.from_bytes(of_windows)
        if self.fit and of_rests:
            self.fit.from_bytes(of_rests)
            self.fit.note_unseen(days)
            self._of_rests = self.fit.to_bytes()
            self._is_doubted = not self.fit.capacity()[2]
        self.ppm = self.fit.capacity()[0] if self.fit else self.ppm
        self.lessons = int(bool(of_rests or of_windows))

    def forget(self):
        """Charge was not counted, or the windows that something rests on are not in the log."""
        self._fresh = None
        if self._windows:
            self._windows.gap()

    def doubt(self, lacks):
        """Takes back what is known, and states nothing until `doubt(None)`."""
        self._doubt = lacks
        if lacks is None:
            return
        self._fresh = None
        if self._windows:
            self._windows.drop(lacks)
        self.take_back(lacks)

    def take_back(self, lacks):
        """What is known is contradicted; a ring has to speak for it before it is stated again."""
        self._is_doubted = True
        self._weaker = self._leader = None
        method = METHOD_ANCHORS if self.fit or not self._windows else METHOD_WINDOWS
        self._statements.lack(CAPACITY, method, [lacks], None)
        self._take_back_energy(lacks)

    def note_segment(self, segment):
        if self._windows:
            self._windows.note(segment)
            self._is_noted = False

    def end_rest(self, anchor):
        """That of a rest that is over; None when it was too short."""
        if anchor is not None and self.fit is not None:
            self._fresh = anchor

    def note_window(self, seq):
        """Says which entry holds the window that has just ended."""
        if self._marks:
            self._marks.add(self._now_ms(), seq)
            self._is_noted = True
        self.look_for_work()

    def work(self):
        """Goes on by a step."""
        if self._steps is None:
            self._steps = self._window_steps() if self._has_window() else self._anchor_steps()
        try:
            next(self._steps)
        except StopIteration:
            self._steps = None
            self.look_for_work()

    def look_for_work(self):
        is_anchor = self._fresh is not None and self._fresh.window_seq is not None
        self.has_work = self._steps is not None or is_anchor or self._has_window()

    def _has_window(self):
        return self._windows is not None and self._windows.is_due and self._is_noted

    def _window_steps(self):
        """Makes of a steady current what it says of the capacity."""
        yield from self._windows.settle_steps()
        self.lessons += 1
        ppm, error_ppm, inputs_ms, lacks = self._windows.value()
        yield
        if not inputs_ms:
            return
        conditions = Conditions(self._marks.between(*inputs_ms), inputs_ms[1])
        if lacks:
            self._say_not_known(METHOD_WINDOWS, lacks, conditions)
        elif self._leads(METHOD_WINDOWS, error_ppm):
            yield from self._say_known_steps(METHOD_WINDOWS, ppm, error_ppm, conditions)

    def _anchor_steps(self):
        """Makes of the anchors what can be made of them."""
        fresh, self._fresh = self._fresh, None
        anchors = self._rests.until(fresh)  # another rest may have begun since
        if len(anchors) < 2:
            return
        before = self.fit.to_bytes()
        now_days = fresh.totals.time_ms // _MS_PER_DAY
        days = now_days - self._ring_days
        ring = [self._anchor_of(anchors, i) for i in range(len(anchors))]
        is_learnt = yield from self.fit.ring_steps(ring, days)
        if fresh not in self._rests.anchors:  # charge was not counted meanwhile
            self.fit.from_bytes(before)
            return
        is_doubted = self._is_doubted and not (is_learnt and _speaks_for_itself(ring))
        yield from self._say_capacity_steps(anchors, is_doubted)
        yield
        self._say_round_trip(anchors, fresh)
        ring_days = now_days - anchors[0].totals.time_ms // _MS_PER_DAY  # not from the last ring: it may have stood
        if len(anchors) == MAX_ANCHORS or ring_days >= RING_DAYS:
            self._ring_days = now_days
            self._of_rests = self.fit.to_bytes()
            self.lessons += 1
            self._is_doubted = is_doubted or not self.fit.capacity()[2]
            self._rests.begin_ring(fresh)
        else:
            self.fit.from_bytes(before)  # the same anchors are looked at again, with the next one

    def _anchor_of(self, anchors, i):
        """(charge_ppm, seconds, variance_ppm2, uv, sigma_uv), charge and time since the one before."""
        anchor = anchors[i]
        if not i:
            return 0, 0, 0, anchor.mean_uv, anchor.sigma_uv
        before = anchors[i - 1]
        ms = anchor.totals.time_ms - before.totals.time_ms
        charge_uah = anchor.totals.charge_uah - before.totals.charge_uah
        if self._config.get("zero_at_rest"):
            charge_uah -= (before.zero_ma + anchor.zero_ma) * ms // 7200
        variance = before.totals.step_variance_to(anchor.totals) * 1000000 // self._rated_mah**2
        return charge_uah * 1000 // self._rated_mah, ms // 1000, variance, anchor.mean_uv, anchor.sigma_uv

    def _say_capacity_steps(self, anchors, is_doubted):
        """is_doubted: these anchors agree with what is believed, but others did not, and these say too little."""
        ppm, error_ppm, is_consistent = self.fit.capacity()
        is_consistent = is_consistent and not is_doubted
        yield
        conditions = self._conditions(anchors[0], anchors[-1])
        if not is_consistent or error_ppm >= MAX_UNCERTAINTY_PPM:
            if self._leader is None:
                self.ppm = ppm
            self._say_not_known(METHOD_ANCHORS, LACKS_SPAN if is_consistent else LACKS_AGREEMENT, conditions)
        elif self._leads(METHOD_ANCHORS, error_ppm):
            blocks = yield from self._block_steps(anchors, ppm, error_ppm)
            if anchors[-1] not in self._rests.anchors:
                return
            if blocks:
                self._weaker = self._weaker_by(blocks, ppm)
            yield
            yield from self._say_weakest_steps(ppm, error_ppm, conditions, blocks)

    def _say_weakest_steps(self, ppm, error_ppm, conditions, blocks):
        """A pack is empty when the weakest block of a string is; ppm is that of the mean one."""
        self.ppm = ppm
        by_ppm, by_error_ppm = self._weaker or (0, MAX_UNCERTAINTY_PPM)
        error_ppm = isqrt(error_ppm**2 + by_error_ppm**2)
        if error_ppm >= MAX_UNCERTAINTY_PPM:
            self._say_not_known(METHOD_ANCHORS, LACKS_SPAN, conditions)
        else:
            ends = [_stated(block) for block in (min(blocks), max(blocks))] if blocks else (None, None)
            yield from self._say_known_steps(METHOD_ANCHORS, ppm - by_ppm, error_ppm, conditions, *ends)

    def _weaker_by(self, blocks, ppm):
        """(by how much the weakest blocks of the strings have less than the mean block, its standard uncertainty)."""
        least = {}
        for block in blocks:
            string = block[2] // self._series
            least[string] = min(least.get(string, block), block)
        by_ppm = max(ppm - sum([block[0] for block in least.values()]) // len(least), 0)
        own_ppm = max([block[3] for block in least.values()])
        if by_ppm < 2 * own_ppm:  # may be noise, of which the least of many always shows some
            return 0, by_ppm // 2
        mixed_ppm = (max(blocks)[0] - min(blocks)[0]) // _MIXED_SHARE
        return by_ppm, isqrt(own_ppm**2 + (by_ppm // _OTHERWISE_SHARE) ** 2 + mixed_ppm**2)

    def _leads(self, method, error_ppm):
        """Whether what this method has found is to be said: one speaks until it is silent, or another is more sure."""
        now_ms, leader = self._now_ms(), self._leader
        if self._doubt is not None:
            return False
        if leader and leader[0] != method and error_ppm >= leader[1] and now_ms - leader[2] < _LEAD_MS:
            return False
        self._leader = method, error_ppm, now_ms
        return True

    def _say_not_known(self, method, lacks, conditions):
        """Takes back what this method has said; what another one knows stands."""
        if self._leader and self._leader[0] == method:
            self._leader = None
        if self._leader is None:
            self._statements.lack(CAPACITY, method, [lacks], conditions)
            self._take_back_energy(lacks)

    def _take_back_energy(self, lacks):
        """What follows from a capacity."""
        for quantity, method in _OF_CAPACITY:
            self._statements.take_back(quantity, method, [lacks])

    def _say_known_steps(self, method, ppm, error_ppm, conditions, weakest=None, strongest=None):
        self.ppm = ppm
        estimate = [rounded(ppm, 100), max(rounded(error_ppm, 100), 1)]
        body = {
            1: method,
            2: conditions.inputs,
            3: self._rated_mah,
            4: [value * self._rated_mah // 10000 for value in estimate],
            5: estimate,
            6: self.resistance.ohmic(),
            7: conditions.ddegc,
            8: conditions.span_cpct,
            9: conditions.age_ms(self._now_ms()),
            10: weakest,
            11: strongest,
        }
        self._statements.say(CAPACITY, SOH, without_absent(body), estimate, conditions)
        if self.fit:
            yield from self._say_energy_steps(estimate, conditions)

    def _conditions(self, first, last):
        span = [self._soc_cpct_at(first.mean_uv), self._soc_cpct_at(last.mean_uv)]
        return energy.conditions(first, last, span)

    def _soc_cpct_at(self, uv):
        return min(max(rounded(self.fit.soc_ppm(uv)[0], 100), 0), 10000)

    def _block_steps(self, anchors, ppm, error_ppm):
        """[(ppm, standard uncertainty, block, that part of it which other blocks do not share)], none where the anchors
        are too near each other. All blocks of a string carry the same charge: the one that moved through more of its
        own curve has less of it."""
        socs = []
        for anchor in anchors:
            socs.append(self.fit.soc_ppm(anchor.mean_uv)[0])
            yield
        low, high = anchors[socs.index(min(socs))], anchors[socs.index(max(socs))]
        span_ppm = max(socs) - min(socs)
        found = []
        if span_ppm < _MIN_BLOCK_SPAN_PPM:
            return found
        for i in range(len(low.cell_uv)):
            if low.cell_uv[i] and high.cell_uv[i]:
                low_soc, low_slope = self.fit.soc_ppm(low.cell_uv[i])
                yield
                high_soc, high_slope = self.fit.soc_ppm(high.cell_uv[i])
                if high_soc > low_soc:
                    own_ppm = isqrt((low_slope * low.sigma_uv) ** 2 + (high_slope * high.sigma_uv) ** 2) // 1000
                    value = ppm * span_ppm // (high_soc - low_soc)
                    own_ppm = value * own_ppm // span_ppm
                    error = isqrt(error_ppm**2 + own_ppm**2 + ((value - ppm) // _OTHERWISE_SHARE) ** 2)
                    found.append((value, error, i, own_ppm))
                yield
        mixed_ppm = (max(found)[0] - min(found)[0]) // _MIXED_SHARE if found else 0
        return [(value, isqrt(error**2 + mixed_ppm**2), i, own_ppm) for value, error, i, own_ppm in found]

    def _say_energy_steps(self, capacity, conditions):
        say = self._statements.estimate
        pack = energy.Pack(self.fit, self._config, self._series, capacity)
        ohmic, power = self.resistance.ohmic(), self.resistance.power()
        if power:
            yield
            say(POWER_80, METHOD_STEPS, pack.power_w(800000, power), conditions)
            yield
            say(POWER_20, METHOD_STEPS, pack.power_w(200000, power), conditions)
        if ohmic:
            usable = yield from pack.energy_steps(ohmic)
            say(ENERGY, METHOD_ENERGY, usable, conditions)
            certified_wh = self._config.get("certified_energy_wh")
            if certified_wh:
                share = [rounded(value * 10000, certified_wh) for value in usable]
                say(SOCE, METHOD_ENERGY, [share[0], max(share[1], 1)], conditions)

    def _say_round_trip(self, anchors, fresh):
        found = energy.round_trip(anchors, fresh, self._rated_mah)
        if found:
            first, value = found
            self._statements.estimate(ROUND_TRIP, METHOD_ROUND_TRIP, value, self._conditions(first, fresh))

    def _now_ms(self):
        return self._count.totals().time_ms


def _stated(block):
    value, error, i, _ = block
    return [i, rounded(value, 100), max(rounded(error, 100), 1)]


def _speaks_for_itself(ring):
    """Few anchors near each other agree with nearly every belief, also with one that is wrong."""
    charge_ppm = least_ppm = most_ppm = 0
    for anchor in ring:
        charge_ppm += anchor[0]
        least_ppm, most_ppm = min(least_ppm, charge_ppm), max(most_ppm, charge_ppm)
    return len(ring) >= _SPEAKING_ANCHORS and most_ppm - least_ppm >= _SPEAKING_PPM


# Both methods are loaded when they are chosen: what is not takes no memory, and imports do not nest as deeply.


def _fit(chemistry, rated_mah, is_new):
    """None where no chemistry is told."""
    if not chemistry:
        return None
    curves = _module("logger.core.electrodes").Curves(_module("logger.profiles." + chemistry))
    drift_ppm = min(max(ZERO_ERROR_MA * 1000000 // rated_mah, 100), _MOST_DRIFT_PPM)
    return _module("logger.core.fit").Fit(curves, drift_ppm, is_new)


def _charge_windows(family, rated_mah):
    """None where no family of curves is chosen."""
    if not family:
        return None
    curves = _module("logger.core.curve_family").CurveFamily(_module(f"logger.profiles.{family}_family").FAMILY)
    return _module("logger.core.charge_window").ChargeWindows(curves, rated_mah)


def _module(path):
    return __import__(path, None, None, [""])


class _Marks:
    """Which WINDOW entries held a stretch of counted time: the older, the more roughly, and never too few."""

    def __init__(self):
        self._ended = []  # (time_ms, seq), oldest first

    def add(self, time_ms, seq):
        if len(self._ended) == _MARKS:
            self._ended = self._ended[: _MARKS // 2 : 2] + self._ended[_MARKS // 2 :]
        self._ended.append((time_ms, seq))

    def between(self, first_ms, last_ms):
        """[first seq, last seq] of a stretch whose last window has ended."""
        first_seq = seq = self._ended[0][1]
        for time_ms, seq in self._ended:
            if time_ms <= first_ms:
                first_seq = seq
            if time_ms >= last_ms:
                break
        return [first_seq, seq]
