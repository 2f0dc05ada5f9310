"""The state of health: samples in, statements of what is known of the pack out.

Decides what is asked when. Where a value comes from is left to the parts: segments.py (half a minute of one current),
rests.py (anchors), capacity.py (and what follows from it), resistance.py, standing.py (self-discharge) and
state_of_charge.py. Integers only, so that every port comes to the same answer. `add`, for every sample, takes nothing
from the heap; what it finds due is made by `settle`, and what takes long by `work`, a step at a time.
"""

from logger.core.capacity import MAX_UNCERTAINTY_PPM, Capacity
from logger.core.integers import isqrt, rounded
from logger.core.resistance import Resistance
from logger.core.rests import REST_MS, Rests
from logger.core.segments import SEGMENT_MS, Segments
from logger.core.sensors import Sensors
from logger.core.standing import Standing
from logger.core.state_of_charge import CURVE_ERROR_UV, GAIN_ERROR_PPM, ZERO_ERROR_MA, StateOfCharge
from logger.core.statements import (
    CAPACITY,
    LACKS_AGREEMENT,
    LACKS_CURVE,
    LACKS_REST,
    LACKS_SENSOR,
    METHOD_ANCHORS,
    METHOD_STANDING,
    METHOD_STEPS,
    RESISTANCE,
    SELF_DISCHARGE,
    Statements,
)

_MS_PER_DAY = 86400000
_GAPS_MASK = (1 << 29) - 1  # a small integer for ever

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
        rated_mah, blocks = config["rated_capacity_mah"], config["cell_blocks"]
        self._energies_uwh = energies_uwh
        self._segments = Segments(rated_mah, blocks, sample_ms)
        self._rests = Rests()
        self._sensors = Sensors(rated_mah, blocks, sample_ms)
        self._doubt = None  # what `_sensors` lacks, as far as it was acted upon
        self._is_warmth_doubted = False
        self._make_resistance = lambda: Resistance(rated_mah, blocks, sample_ms)
        self._resistance = self._make_resistance()
        self._standing = Standing(blocks, rated_mah)
        self._statements = Statements()
        self._capacity = Capacity(config, self._segments.count, self._rests, self._resistance, self._statements)
        self._soc = StateOfCharge(rated_mah)
        self._energy_gaps = 0  # samples without a pack voltage: energy was not counted
        self.is_due = self._is_forgotten = False

    @property
    def has_work(self):
        return self._capacity.has_work

    def work(self):
        """Goes on by a step."""
        self._capacity.work()

    @property
    def lessons(self):
        """How often something was learnt that should outlast a restart."""
        return self._capacity.lessons

    def learnt(self):
        """For `recall`, after a restart: days of which nothing was learnt, and the bytes of what each method knows."""
        return self._capacity.learnt() + (self._resistance.to_bytes(),)

    def recall(self, days, of_rests, of_windows, of_steps):
        """Call it before the first sample. Raises ValueError where another version has written these."""
        self._resistance.from_bytes(of_steps)
        self._capacity.recall(days, of_rests, of_windows)

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
        if sample.pack_mv is None:
            self._energy_gaps = (self._energy_gaps + 1) & _GAPS_MASK
        sensors = self._sensors
        sensors.add(sample, flow, ddegc)
        if sensors.lacks != self._doubt:
            self.forget()
        if sensors.lacks is None:
            self._resistance.add(sample, flow[0] if flow else 0, None if sensors.is_warm_still else ddegc)
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
            self._capacity.forget()
        if self._sensors.lacks != self._doubt:
            self._note_doubt()
        if self._segments.is_due:
            segment = self._segments.take()
            if self._doubt is None:
                self._note_segment(segment)
        elif self._segments.is_first and self._rests.is_resting:
            self._end_rest()
        self.is_due = self._is_forgotten = False
        self._capacity.look_for_work()

    def note_window(self, seq):
        """Says which entry holds the window that has just ended."""
        self.settle()
        self._rests.note_window(seq)
        self._resistance.note_window(seq)
        self._standing.note_window(seq)
        self._capacity.note_window(seq)
        self._say_resistance()
        self._say_standing(seq)
        self._say_what_lacks()

    def soc_cpct(self):
        """The state of charge, None before the first anchor."""
        self.settle()
        soc_ppm = self._soc.value_ppm(self._segments.count.totals(), self._capacity.ppm)
        return None if soc_ppm is None else min(max(rounded(soc_ppm, 100), 0), 10000)

    def statement(self):
        """(type, body) of an entry to be made, None when there is none. Call after note_window."""
        return self._statements.take(self._segments.count.totals().time_ms)

    # ---- segments and rests

    def _note_segment(self, segment):
        energies = self._energies_uwh()
        segment.totals.energy_in_uwh, segment.totals.energy_out_uwh = energies
        segment.totals.energy_gaps = self._energy_gaps
        if segment.is_first and self._rests.is_resting:
            self._end_rest()
        self._rests.note(segment)
        self._capacity.note_segment(segment)
        fit = self._capacity.fit
        if not self._rests.is_resting or fit is None:
            return
        self._standing.settled(self._rests.rest_ms, segment.cell_uv, segment.totals, segment.ddegc, _slope_by(fit))
        anchor = self._rests.latest()
        if anchor:
            soc_ppm, slope = fit.soc_ppm(anchor.mean_uv)
            error_ppm = slope * isqrt(anchor.sigma_uv**2 + CURVE_ERROR_UV**2) // 1000
            if not self._soc.anchor(soc_ppm, error_ppm, anchor.totals, self._capacity.ppm, fit.capacity()[1]):
                self._capacity.take_back(LACKS_AGREEMENT)  # one of the two is wrong, and all that rests on both

    def _note_doubt(self):
        """A sensor shows what cannot be, or does so no more."""
        self._doubt = self._sensors.lacks
        self._capacity.doubt(self._doubt)
        if self._doubt is not None:
            self._take_back_resistance(self._doubt)

    def _take_back_resistance(self, lacks):
        self._resistance = self._make_resistance()
        self._capacity.resistance = self._resistance
        self._statements.take_back(RESISTANCE, METHOD_STEPS, [lacks])

    def _end_rest(self):
        self._rests.end()
        self._standing.end()
        self._capacity.end_rest(self._rests.take_fresh())

    # ---- what comes with a window

    def _say_resistance(self):
        if self._sensors.is_warm_still and not self._is_warmth_doubted:
            self._take_back_resistance(LACKS_SENSOR)
        self._is_warmth_doubted = self._sensors.is_warm_still
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
            lacking = [LACKS_REST if self._capacity.fit else LACKS_CURVE]
            self._statements.lack(CAPACITY, METHOD_ANCHORS, lacking, None)


def _slope_by(fit):
    return lambda uv: fit.soc_ppm(uv)[1]


def _mean_ddegc(sample):
    """None without a value. Makes nothing on the heap."""
    total = count = 0
    for value in sample.temperature_ddegc:
        if value is not None:
            total += value
            count += 1
    return total // count if count else None
