"""The state of health by method 1 (docs/record.md, SOH): the charge counted between two rested open-circuit anchors.

Decides when a pack is rested, what an anchor is worth, and whether a result is good enough to be stated. A narrow span
or a large uncertainty gives no statement at all: not yet known. Anchors live in memory only: over a restart charge was
not counted. Integers only, so that every port comes to the same answer. `add`, for every sample, takes nothing from the
heap; what it finds due is made by `settle`, at most once a segment.

remaining_capacity = charge / span of the state of charge; its relative uncertainty is the quadratic sum of those two's
(JCGM 100:2008, 5.1.2).
"""

from logger.core.entries import METHOD_TWO_ANCHORS, without_absent
from logger.core.integers import isqrt, rounded
from logger.core.ocv import OCV_MV, state_of_charge
from logger.core.sampling import Means
from logger.core.wide import add, add_product, add_scaled, add_square, clear, divide, value_of, wide

REST_MS = 240000
SEGMENT_MS = 60000  # voltages are averaged over this, and compared with those of the segment before
SETTLED_MV = 2
REST_RATE = 50  # at rest the current is below rated_capacity / 50 h
STEP_RATE = 5  # a current step of rated_capacity / 5 h or more shows the resistance
ANCHOR_ERROR_MV = 3  # standard uncertainty of a rested voltage: the meter, what has not relaxed yet, the curve
OFFSET_ERROR_RATE = 1000  # of the current, standard uncertainty: rated_capacity / 1000 h
GAIN_ERROR_PPM = 3000
MIN_SPAN_PPM = 200000
MAX_UNCERTAINTY_PPM = 30000
MAX_ANCHORS = 4
RESISTANCE_STEPS = 32
MIN_RESISTANCE_STEPS = 8

# all that a statement depends on beside the samples (docs/record.md, CONFIG key 5); the firmware's hash covers the rest
PARAMETERS = (
    ("anchor_error_mv", ANCHOR_ERROR_MV),
    ("gain_error_ppm", GAIN_ERROR_PPM),
    ("max_uncertainty_ppm", MAX_UNCERTAINTY_PPM),
    ("min_span_ppm", MIN_SPAN_PPM),
    ("ocv_mv", " ".join([str(step_mv) for step_mv in OCV_MV])),
    ("offset_error_rate", OFFSET_ERROR_RATE),
    ("rest_ms", REST_MS),
    ("rest_rate", REST_RATE),
    ("segment_ms", SEGMENT_MS),
    ("settled_mv", SETTLED_MV),
    ("step_rate", STEP_RATE),
)

_HALF_MAMS_PER_UAH = 7200  # 1 µAh = 3.6 mA·s
_MS_PER_H = 3600000


class Totals:
    """What has been counted since the start; the difference of two says what lies between."""

    def __init__(self, time_ms, charge, step_variance, temperature_ddegc, temperatures):
        self.time_ms = time_ms
        self.charge = charge  # half mA·ms
        self.step_variance = step_variance  # (mA·s)², from currents that changed between two samples
        self.temperature_ddegc = temperature_ddegc
        self.temperatures = temperatures


class Count:
    """Counts what Totals are made of, for as long as a board lives and without the heap."""

    def __init__(self):
        self._time_ms = wide(4)
        self._charge_in = wide(5)
        self._charge_out = wide(5)
        self._step_variance = wide(7)
        self._warm_ddegc = wide(4)
        self._cold_ddegc = wide(4)
        self._temperatures = wide(4)
        self._width = wide(4)
        self._square = wide(8)

    def add(self, time_ms, sum_ma, spread_ma):
        add(self._time_ms, time_ms)
        add_product(self._charge_in if sum_ma > 0 else self._charge_out, abs(sum_ma), time_ms)
        # the current changed at a moment between the two samples that is not known: a rectangle of this width
        clear(self._width)
        add_product(self._width, abs(spread_ma), time_ms)
        divide(self._width, 1000)
        clear(self._square)
        add_square(self._square, self._width)
        divide(self._square, 12)
        add_scaled(self._step_variance, self._square, 1)

    def add_temperature(self, value_ddegc):
        add(self._warm_ddegc if value_ddegc > 0 else self._cold_ddegc, abs(value_ddegc))
        add(self._temperatures, 1)

    def totals(self):
        """On the heap."""
        return Totals(
            value_of(self._time_ms),
            value_of(self._charge_in) - value_of(self._charge_out),
            value_of(self._step_variance),
            value_of(self._warm_ddegc) - value_of(self._cold_ddegc),
            value_of(self._temperatures),
        )


class Anchor:
    """A rest at which the state of charge is known from the voltages."""

    def __init__(self, soc_ppm, error_ppm, totals):
        self.soc_ppm = soc_ppm
        self.error_ppm = error_ppm  # standard uncertainty
        self.totals = totals
        self.window_seq = None  # of the WINDOW entry that holds the rest, known when the window ends


class Resistance:
    """Ohmic resistance from current steps between adjacent samples: the mean of the middle half of the last ones."""

    def __init__(self, rated_capacity_mah):
        self._least_step_ma = rated_capacity_mah // STEP_RATE
        self._ring_ma = [0] * RESISTANCE_STEPS
        self._ring_mv = [0] * RESISTANCE_STEPS
        self._count = 0
        self._next = 0

    def add(self, step_ma, step_mv):
        if abs(step_ma) < self._least_step_ma:
            return
        self._ring_ma[self._next] = step_ma
        self._ring_mv[self._next] = step_mv
        self._count = min(self._count + 1, RESISTANCE_STEPS)
        self._next = (self._next + 1) % RESISTANCE_STEPS

    def result(self):
        """[value, standard uncertainty] in µΩ, None before there were enough steps."""
        count = self._count
        if count < MIN_RESISTANCE_STEPS:
            return None
        ranked = sorted([self._ring_mv[i] * 1000000 // self._ring_ma[i] for i in range(count)])
        middle = ranked[count // 4 : count - count // 4]
        value = rounded(sum(middle), len(middle))
        # half the spread of the middle half is 0.67 sigma; 1.2: what a trimmed mean loses against a mean
        scatter = (middle[-1] - middle[0]) * 900 // isqrt(count * 1000000)
        return [value, isqrt(scatter**2 + (value * GAIN_ERROR_PPM // 1000000) ** 2)] if value > 0 else None


class Estimator:
    """Samples in, now and then the body of a SOH entry out."""

    def __init__(self, rated_capacity_mah, cell_blocks, sample_ms):
        self._sample_ms = sample_ms
        self._rated_mah = rated_capacity_mah
        self._capacity_uah = rated_capacity_mah * 1000
        self._cells = Means(cell_blocks)
        self._segment_mv = [None] * cell_blocks
        self._before_mv = [None] * cell_blocks
        self._resistance = Resistance(rated_capacity_mah)
        self._count = Count()
        self._rest_ms = self._segment_ms = 0  # of the rest so far, and of its segment under way
        self._last_ma = self._last_mv = None
        self._anchors = []
        self._fresh = None
        self.is_due = self._is_forgotten = self._is_anchor_due = False
        self._end_rest()

    def forget(self):
        """Drops the anchors: charge was not counted, or the windows it rests on are not in the log."""
        self.is_due = self._is_forgotten = True
        self._is_anchor_due = False
        self._end_rest()

    def add(self, sample, flow):
        """A sample that has a current. flow: what there was since the last one (Integrator.flow), None when unknown."""
        if self.is_due:
            self.settle()
        if flow is None:
            self.forget()
        else:
            self._count_flow(sample, flow[0], flow[1])
        self._last_ma = sample.current_ma
        self._last_mv = sample.pack_mv
        if abs(sample.current_ma) * REST_RATE < self._rated_mah:
            self._rest(sample, flow[0] if flow else 0)
        else:
            self._end_rest()

    def settle(self):
        """Makes what is due. Call it when `is_due` is set, before the next sample."""
        if self._is_forgotten:
            self._anchors = []
            self._fresh = None  # an anchor whose pair has not been looked for
        if self._is_anchor_due:
            self._set_anchor()
        self.is_due = self._is_forgotten = self._is_anchor_due = False

    def note_window(self, seq):
        """Says which entry holds the window that has just ended."""
        self.settle()
        for anchor in self._anchors:
            if anchor.window_seq is None:
                anchor.window_seq = seq

    def soc_cpct(self):
        """The state of charge counted on from the last anchor, None before the first."""
        self.settle()
        if not self._anchors:
            return None
        anchor = self._anchors[-1]
        charge_uah = (self._count.totals().charge - anchor.totals.charge) // _HALF_MAMS_PER_UAH
        soc_ppm = anchor.soc_ppm + charge_uah * 1000000 // self._capacity_uah
        return min(max(rounded(soc_ppm, 100), 0), 10000)

    def statement(self):
        """The body of a SOH entry if an anchor since the last call has given one, else None. Call after note_window."""
        self.settle()
        fresh, self._fresh = self._fresh, None
        if fresh is None:
            return None
        best = None
        for anchor in self._anchors:
            result = self._capacity(anchor, fresh) if anchor is not fresh else None
            if result and (best is None or result[1] * best[0] < best[1] * result[0]):
                best = result[0], result[1], anchor
        return self._body(best, fresh) if best else None

    # ---- counting

    def _count_flow(self, sample, time_ms, sum_ma):
        spread_ma = step_ma = sample.current_ma - self._last_ma
        if time_ms > 2 * self._sample_ms:  # samples are missing: it may have been anything up to the larger one
            spread_ma = max(abs(step_ma), abs(self._last_ma), abs(sample.current_ma))
        elif self._last_mv is not None and sample.pack_mv is not None:
            self._resistance.add(step_ma, sample.pack_mv - self._last_mv)
        self._count.add(time_ms, sum_ma, spread_ma)
        for i in range(len(sample.temperature_ddegc)):
            if sample.temperature_ddegc[i] is not None:
                self._count.add_temperature(sample.temperature_ddegc[i])

    # ---- anchors

    def _end_rest(self):
        self._is_resting = False
        self._has_segment = False
        self._is_anchored = False

    def _rest(self, sample, time_ms):
        if not self._is_resting:
            self._is_resting = True
            self._rest_ms = self._segment_ms = 0
            self._cells.reset()
        else:
            self._rest_ms = min(self._rest_ms + time_ms, REST_MS)
            self._segment_ms += time_ms
        self._cells.add(sample.cell_mv)
        if self._segment_ms >= SEGMENT_MS:
            self._end_segment()

    def _end_segment(self):
        before_mv = self._segment_mv
        self._segment_mv = self._before_mv
        self._before_mv = before_mv
        for i in range(len(self._segment_mv)):
            self._segment_mv[i] = self._cells.mean(i)
        self._segment_ms = 0
        self._cells.reset()
        is_settled = self._has_segment and _is_settled(before_mv, self._segment_mv)
        self._has_segment = True
        if self._rest_ms >= REST_MS and is_settled:
            self.is_due = self._is_anchor_due = True

    def _set_anchor(self):
        socs = [state_of_charge(cell_mv) for cell_mv in self._segment_mv if cell_mv is not None]
        if not socs:
            return
        soc_ppm = rounded(sum([soc for soc, _ in socs]), len(socs))
        # one error for all cells: they share the meter, the curve and the rest
        error_ppm = ANCHOR_ERROR_MV * rounded(sum([slope for _, slope in socs]), len(socs))
        anchor = Anchor(soc_ppm, error_ppm, self._count.totals())
        # an anchor of the same rest, longer: a better start for the next span, and no new end of the last
        if not self._is_anchored or self._anchors.pop() is self._fresh:
            self._fresh = anchor
        self._is_anchored = True
        self._anchors = self._anchors[1 - MAX_ANCHORS :]
        self._anchors.append(anchor)

    # ---- results

    def _capacity(self, first, last):
        """(capacity in µAh, its standard uncertainty), None where the span or the uncertainty does not allow one."""
        span_ppm = abs(last.soc_ppm - first.soc_ppm)
        if span_ppm < MIN_SPAN_PPM:
            return None
        charge_uah = abs(last.totals.charge - first.totals.charge) // _HALF_MAMS_PER_UAH
        capacity_uah = charge_uah * 1000000 // span_ppm
        span_error_ppm = isqrt(first.error_ppm**2 + last.error_ppm**2) * 1000000 // span_ppm
        charge_error_ppm = self._charge_error_uah(first.totals, last.totals, charge_uah) * 1000000 // max(charge_uah, 1)
        error_ppm = isqrt(span_error_ppm**2 + charge_error_ppm**2)
        is_same_way = (last.totals.charge > first.totals.charge) == (last.soc_ppm > first.soc_ppm)
        if error_ppm >= MAX_UNCERTAINTY_PPM or not is_same_way:
            return None
        return capacity_uah, capacity_uah * error_ppm // 1000000

    def _charge_error_uah(self, first, last, charge_uah):
        offset_uah = self._rated_mah * 1000 // OFFSET_ERROR_RATE * (last.time_ms - first.time_ms) // _MS_PER_H
        gain_uah = charge_uah * GAIN_ERROR_PPM // 1000000
        step_uah = isqrt(last.step_variance - first.step_variance) * 10 // 36  # 1 mA·s = 0.2778 µAh
        return isqrt(offset_uah**2 + gain_uah**2 + step_uah**2)

    def _body(self, best, fresh):
        capacity_uah, error_uah, first = best
        self._capacity_uah = capacity_uah
        totals, began = fresh.totals, first.totals
        count = totals.temperatures - began.temperatures
        return without_absent(
            {
                1: METHOD_TWO_ANCHORS,
                2: [first.window_seq, fresh.window_seq],
                3: self._rated_mah,
                4: [rounded(capacity_uah, 1000), rounded(error_uah, 1000)],
                5: [rounded(capacity_uah * 10, self._rated_mah), rounded(error_uah * 10, self._rated_mah)],
                6: self._resistance.result(),
                7: rounded(totals.temperature_ddegc - began.temperature_ddegc, count) if count else None,
                8: [rounded(first.soc_ppm, 100), rounded(fresh.soc_ppm, 100)],
                9: self._count.totals().time_ms - totals.time_ms,
            }
        )


def _is_settled(before_mv, after_mv):
    for i in range(len(after_mv)):
        before, after = before_mv[i], after_mv[i]
        if before is not None and after is not None and abs(after - before) > SETTLED_MV:
            return False
    return True
