"""The state of health: samples in, statements of what is known of the pack out.

Decides what is asked when. Where a value comes from is left to the parts: segments.py (half a minute of one current),
rests.py (anchors), fit.py (capacity from them), charge_window.py (capacity from steady currents, of cells whose curves
were learnt), resistance.py, energy.py, standing.py (self-discharge). Integers only, so that every port comes to the
same answer. `add`, for every sample, takes nothing from the heap; what it finds due is made by `settle`, and what takes
long by `work`, a step at a time.
"""

from logger.core import energy
from logger.core.electrodes import Curves
from logger.core.entries import SOH, without_absent
from logger.core.fit import Fit
from logger.core.integers import isqrt, rounded
from logger.core.resistance import Resistance
from logger.core.rests import MAX_ANCHORS, REST_MS, Rests
from logger.core.segments import SEGMENT_MS, Segments
from logger.core.standing import Standing
from logger.core.statements import (
    CAPACITY,
    ENERGY,
    LACKS_AGREEMENT,
    LACKS_CURVE,
    LACKS_REST,
    LACKS_SPAN,
    METHOD_ANCHORS,
    METHOD_ENERGY,
    METHOD_ROUND_TRIP,
    METHOD_STANDING,
    METHOD_STEPS,
    METHOD_WINDOWS,
    POWER_20,
    POWER_80,
    RESISTANCE,
    ROUND_TRIP,
    SELF_DISCHARGE,
    SOCE,
    Conditions,
    Statements,
)

MAX_UNCERTAINTY_PPM = 30000  # above it a capacity is not yet known
ZERO_ERROR_MA = 10  # what a current meter may show without a current
GAIN_ERROR_PPM = 3000
CURVE_ERROR_UV = 3500  # of the open-circuit curve and the voltage meter, standard uncertainty
RING_DAYS = 7  # anchors further apart belong to cells of another age
_LEAD_MS = 7 * 86400000  # how long a method of capacity is believed before one that is less sure
_MARKS = 32
_MS_PER_DAY = 86400000
_MS_PER_H = 3600000
_MIN_BLOCK_SPAN_PPM = 300000

# all that a statement depends on beside the samples and the profile; the firmware's hash covers the rest
PARAMETERS = (
    ("curve_error_uv", CURVE_ERROR_UV),
    ("gain_error_ppm", GAIN_ERROR_PPM),
    ("max_uncertainty_ppm", MAX_UNCERTAINTY_PPM),
    ("rest_ms", REST_MS),
    ("segment_ms", SEGMENT_MS),
    ("zero_error_ma", ZERO_ERROR_MA),
)


class Estimator:
    """config as the logger has it; energies_uwh() gives (in, out) in µWh as counted so far.

    Readable: `is_due`, whether `settle` is to be called before the next sample; `has_work`, whether `work` has
    something to do that takes long.
    """

    def __init__(self, config, sample_ms, energies_uwh):
        self._config = config
        self._rated_mah = config["rated_capacity_mah"]
        self._series = config["cell_blocks"] // config["strings"]
        self._energies_uwh = energies_uwh
        profile = _profile(config.get("chemistry"))
        drift_ppm = max(ZERO_ERROR_MA * 1000000 // self._rated_mah, 100)
        self._fit = Fit(Curves(profile), drift_ppm, bool(config.get("is_new_pack"))) if profile else None
        self._windows = _charge_windows(config.get("curve_family"), self._rated_mah)
        self._marks = _Marks() if self._windows else None
        self._is_noted = False  # whether the window that holds the newest segment has ended
        self._leader = None  # (method, standard uncertainty, time_ms) of the capacity that was last known
        self._segments = Segments(self._rated_mah, config["cell_blocks"], sample_ms)
        self._rests = Rests()
        self._resistance = Resistance(self._rated_mah, config["cell_blocks"], sample_ms)
        self._standing = Standing(config["cell_blocks"], self._rated_mah)
        self._statements = Statements()
        self._capacity_ppm = 1000000  # of rated_capacity: the best guess, known or not
        self._ring_days = 0  # of pack time, at which the ring before this one was closed
        self._soc = _StateOfCharge(self._rated_mah)
        self._fresh = None  # an anchor that has not been worked on
        self._steps = None
        self.is_due = self._is_forgotten = self.has_work = False

    def forget(self):
        """Charge was not counted, or the windows that something rests on are not in the log."""
        self.is_due = self._is_forgotten = True

    def add(self, sample, flow):
        """A sample that has a current. flow: what there was since the last one (Integrator.flow), None when unknown."""
        if self.is_due:
            self.settle()
        if flow is None:
            self.forget()
        ddegc = _mean_ddegc(sample)
        self._resistance.add(sample, flow[0] if flow else 0, ddegc)
        self._segments.add(sample, flow, ddegc)
        if self._segments.is_due or (self._segments.is_first and self._rests.is_resting):
            self.is_due = True

    def settle(self):
        """Makes what is due. Call it when `is_due` is set, before the next sample."""
        if self._is_forgotten:
            self._rests.forget()
            self._standing.end()
            self._resistance.forget()
            self._soc.forget()
            self._fresh = None
            if self._windows:
                self._windows.gap()
        if self._segments.is_due:
            self._note_segment(self._segments.take())
        elif self._segments.is_first and self._rests.is_resting:
            self._end_rest()
        self.is_due = self._is_forgotten = False
        self._look_for_work()

    def note_window(self, seq):
        """Says which entry holds the window that has just ended."""
        self.settle()
        self._rests.note_window(seq)
        self._resistance.note_window(seq)
        self._standing.note_window(seq)
        if self._marks:
            self._marks.add(self._segments.count.totals().time_ms, seq)
            self._is_noted = True
        self._look_for_work()
        self._say_resistance()
        self._say_standing(seq)
        self._say_what_lacks()

    def soc_cpct(self):
        """The state of charge, None before the first anchor."""
        self.settle()
        soc_ppm = self._soc.value_ppm(self._segments.count.totals(), self._capacity_ppm)
        return None if soc_ppm is None else min(max(rounded(soc_ppm, 100), 0), 10000)

    def statement(self):
        """(type, body) of an entry to be made, None when there is none. Call after note_window."""
        return self._statements.take(self._segments.count.totals().time_ms)

    # ---- segments and rests

    def _note_segment(self, segment):
        energies = self._energies_uwh()
        segment.totals.energy_in_uwh, segment.totals.energy_out_uwh = energies
        if segment.is_first and self._rests.is_resting:
            self._end_rest()
        self._rests.note(segment)
        if self._windows:
            self._windows.note(segment)
            self._is_noted = False
        if not self._rests.is_resting or self._fit is None:
            return
        self._standing.settled(self._rests.rest_ms, segment.cell_uv, segment.totals, segment.ddegc, self._slope_of)
        anchor = self._rests.latest()
        if anchor:
            soc_ppm, slope = self._fit.soc_ppm(anchor.mean_uv)
            error_ppm = slope * isqrt(anchor.sigma_uv**2 + CURVE_ERROR_UV**2) // 1000
            self._soc.anchor(soc_ppm, error_ppm, anchor.totals, self._capacity_ppm)

    def _end_rest(self):
        self._rests.end()
        self._standing.end()
        fresh = self._rests.take_fresh()
        if fresh is not None and self._fit is not None:
            self._fresh = fresh

    def _slope_of(self, uv):
        return self._fit.soc_ppm(uv)[1]

    # ---- capacity, and what follows from it

    def work(self):
        """Goes on by a step."""
        if self._steps is None:
            self._steps = self._window_steps() if self._has_window() else self._anchor_steps()
        try:
            next(self._steps)
        except StopIteration:
            self._steps = None
            self._look_for_work()

    def _look_for_work(self):
        """What is said names the entries that it rests on: the window that holds the newest of it must have ended."""
        is_anchor = self._fresh is not None and self._fresh.window_seq is not None
        self.has_work = self._steps is not None or is_anchor or self._has_window()

    def _has_window(self):
        return self._windows is not None and self._windows.is_due and self._is_noted

    def _window_steps(self):
        """Makes of a steady current what it says of the capacity."""
        yield from self._windows.settle_steps()
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
        before = self._fit.to_bytes()
        now_days = fresh.totals.time_ms // _MS_PER_DAY
        days = now_days - self._ring_days
        yield from self._fit.ring_steps([self._anchor_of(anchors, i) for i in range(len(anchors))], days)
        if fresh not in self._rests.anchors:  # charge was not counted meanwhile
            self._fit.from_bytes(before)
            return
        yield from self._say_capacity_steps(anchors)
        yield
        self._say_round_trip(anchors, fresh)
        if len(anchors) == MAX_ANCHORS or days >= RING_DAYS:
            self._ring_days = now_days
            self._rests.begin_ring(fresh)
        else:
            self._fit.from_bytes(before)  # the same anchors are looked at again, with the next one

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

    def _say_capacity_steps(self, anchors):
        ppm, error_ppm, is_consistent = self._fit.capacity()
        yield
        conditions = self._conditions(anchors[0], anchors[-1])
        if not is_consistent or error_ppm >= MAX_UNCERTAINTY_PPM:
            if self._leader is None:
                self._capacity_ppm = ppm
            self._say_not_known(METHOD_ANCHORS, LACKS_SPAN if is_consistent else LACKS_AGREEMENT, conditions)
        elif self._leads(METHOD_ANCHORS, error_ppm):
            weakest, strongest = yield from self._block_steps(anchors, ppm, error_ppm)
            if anchors[-1] not in self._rests.anchors:
                return
            yield from self._say_known_steps(METHOD_ANCHORS, ppm, error_ppm, conditions, weakest, strongest)

    def _leads(self, method, error_ppm):
        """Whether what this method has found is to be said: one speaks until it is silent, or another is more sure."""
        now_ms, leader = self._segments.count.totals().time_ms, self._leader
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

    def _say_known_steps(self, method, ppm, error_ppm, conditions, weakest=None, strongest=None):
        self._capacity_ppm = ppm
        estimate = [rounded(ppm, 100), max(rounded(error_ppm, 100), 1)]
        body = {
            1: method,
            2: conditions.inputs,
            3: self._rated_mah,
            4: [value * self._rated_mah // 10000 for value in estimate],
            5: estimate,
            6: self._resistance.ohmic(),
            7: conditions.ddegc,
            8: conditions.span_cpct,
            9: conditions.age_ms(self._segments.count.totals().time_ms),
            10: weakest,
            11: strongest,
        }
        self._statements.say(CAPACITY, SOH, without_absent(body), estimate, conditions)
        if self._fit:
            yield from self._say_energy_steps(estimate, conditions)

    def _conditions(self, first, last):
        span = [self._soc_cpct_at(first.mean_uv), self._soc_cpct_at(last.mean_uv)]
        return energy.conditions(first, last, span)

    def _soc_cpct_at(self, uv):
        return min(max(rounded(self._fit.soc_ppm(uv)[0], 100), 0), 10000)

    def _block_steps(self, anchors, ppm, error_ppm):
        """[block, soh_capacity_cpct, standard uncertainty] of the weakest and the strongest block, None where the
        anchors are too near each other. All blocks of a string carry the same charge: the one that moved through more
        of its own curve has less of it."""
        socs = []
        for anchor in anchors:
            socs.append(self._fit.soc_ppm(anchor.mean_uv)[0])
            yield
        low, high = anchors[socs.index(min(socs))], anchors[socs.index(max(socs))]
        span_ppm = max(socs) - min(socs)
        if span_ppm < _MIN_BLOCK_SPAN_PPM:
            return None, None
        found = []
        for i in range(len(low.cell_uv)):
            if low.cell_uv[i] and high.cell_uv[i]:
                low_soc, low_slope = self._fit.soc_ppm(low.cell_uv[i])
                yield
                high_soc, high_slope = self._fit.soc_ppm(high.cell_uv[i])
                if high_soc > low_soc:
                    own_ppm = isqrt((low_slope * low.sigma_uv) ** 2 + (high_slope * high.sigma_uv) ** 2) // 1000
                    value = ppm * span_ppm // (high_soc - low_soc)
                    error = isqrt(error_ppm**2 + (value * own_ppm // span_ppm) ** 2)
                    found.append((value, error, i))
                yield
        if not found:
            return None, None
        ends = min(found), max(found)
        return [[i, rounded(value, 100), max(rounded(error, 100), 1)] for value, error, i in ends]

    def _say_energy_steps(self, capacity, conditions):
        say = self._statements.estimate
        pack = energy.Pack(self._fit, self._config, self._series, capacity)
        ohmic, power = self._resistance.ohmic(), self._resistance.power()
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

    # ---- what comes with a window

    def _say_resistance(self):
        ohmic = self._resistance.ohmic()
        if ohmic and self._statements.is_due(RESISTANCE, ohmic, self._segments.count.totals().time_ms):
            conditions = self._resistance.conditions(self._segments.count.totals().time_ms)
            least, most = self._resistance.ends()
            self._statements.estimate(RESISTANCE, METHOD_STEPS, ohmic, conditions, least, most)

    def _say_standing(self, seq):
        found = self._standing.take()
        if found:
            value, least, most, conditions = found
            conditions.inputs[1] = seq
            self._statements.estimate(SELF_DISCHARGE, METHOD_STANDING, value, conditions, least, most)

    def _say_what_lacks(self):
        """A day without a capacity: what it takes."""
        if self._segments.count.totals().time_ms >= _MS_PER_DAY and not self._statements.was_said(CAPACITY):
            lacking = [LACKS_REST if self._fit else LACKS_CURVE]
            self._statements.lack(CAPACITY, METHOD_ANCHORS, lacking, None)


def _profile(chemistry):
    """The module with what is known of such cells, None where none is chosen."""
    return _module("logger.profiles." + chemistry) if chemistry else None


def _charge_windows(family, rated_mah):
    """None where no family of curves is chosen, which leaves its code where it is."""
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


class _StateOfCharge:
    """Counted charge, put right at rests: a Kalman filter of one number. Parts of rated_capacity in ppm.

    Where the curve is flat a rest says little, and the count goes on nearly untouched.
    """

    def __init__(self, rated_mah):
        self._rated_mah = rated_mah
        self.forget()

    def forget(self):
        self._at = None  # (soc ppm, error ppm, totals)

    def anchor(self, soc_ppm, error_ppm, totals, capacity_ppm):
        if self._at is None:
            self._at = soc_ppm, error_ppm, totals
            return
        counted_ppm = self.value_ppm(totals, capacity_ppm)
        moved_ppm = (totals.throughput_uah - self._at[2].throughput_uah) * 1000 // self._rated_mah
        hours = (totals.time_ms - self._at[2].time_ms) // _MS_PER_H
        drift_ppm = hours * ZERO_ERROR_MA * 1000000 // self._rated_mah
        variance = self._at[1] ** 2 + (moved_ppm * GAIN_ERROR_PPM // 1000000) ** 2 + drift_ppm**2
        gain_ppm = variance * 1000000 // (variance + error_ppm**2 + 1)
        value = counted_ppm + (soc_ppm - counted_ppm) * gain_ppm // 1000000
        self._at = value, isqrt(variance * (1000000 - gain_ppm) // 1000000), totals

    def value_ppm(self, totals, capacity_ppm):
        """Of the pack's own capacity; None before the first anchor."""
        if self._at is None:
            return None
        charge_uah = totals.charge_uah - self._at[2].charge_uah
        return self._at[0] + charge_uah * 1000000000 // (self._rated_mah * capacity_ppm)


def _mean_ddegc(sample):
    """None without a value. Makes nothing on the heap."""
    total = count = 0
    for value in sample.temperature_ddegc:
        if value is not None:
            total += value
            count += 1
    return total // count if count else None
