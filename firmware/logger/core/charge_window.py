"""Total capacity from the charge counted between voltages of a steady current, on curves that age.

Decides which runs of segments (charge_run.py) are windows, which are refused, what each is believed with, and when a
result may be stated. What a window says comes from window_fit.py, held against a family of curves (curve_family.py);
how windows add up is left to capacity_filter.py. docs/health_windows.md has the method and where it fails.

`note`, for every segment, is short; `settle_steps` does the work of a window in small steps. Both use the heap.
"""

import struct

from logger.core.capacity_filter import WHOLE, CapacityFilter
from logger.core.charge_run import Run
from logger.core.integers import isqrt
from logger.core.window_fit import Anchors, fit_steps

LACKS_REST, LACKS_SPAN, LACKS_STEPS, LACKS_COUNT, LACKS_AGREEMENT, LACKS_SENSOR = range(1, 7)

NOISE_UV = 1000  # of an anchor, standard uncertainty: meter, rounding, a mean over few samples
SHIFT_UV = 8000  # common to all anchors: offset of the meter, and 5 % of the resistance at 1 C
UNKNOWN_RESISTANCE_PERCENT = 6  # of the drop, into the shift, while resistance was not measured
CORRECTED_SHIFT_PERCENT = 15  # of the correction of the drop, into the shift
CORRECTED_NOISE_PERCENT = 10  # and into the noise: the shape is less sure far from the reference current
CORRECTION_PERMIL = 600  # of the difference of drops: part of what grows in half a minute is not resistance
UNUSUAL_DDEGC = 100  # this far from the reference temperature, or a tenth from the current, resistance must be known
RESISTANCE_STEPS = 10  # the mean's memory
STEP_MS = 60000  # a rest's voltage is this old at most where it serves for the resistance
PAUSE_MS = 6 * 3600000  # a cell may recover in it
DIRECT_FACTOR = 3  # a discharge from full with a third of the capacity left rests on the family altogether
# more than for rests (capacity.py): at 70 % the way of ageing alone makes it 24,000, where a pack's end must show
MAX_UNCERTAINTY_PPM = 30000
MIN_WINDOWS = 12  # the first ones are held against a start that is a guess
STUCK_UV = 50  # no more between anchors whose charge should have made STUCK_AGAINST_UV: the meter stands still
STUCK_AGAINST_UV = 5000
BACKWARD_UV = 2000
STEP_ERROR_PPM = 5000  # of charge, from samples that are missing while the current changed
_HEAD = "<iH"

# all that a statement depends on beside the samples and the family; the rest is fixed by the firmware's hash
PARAMETERS = (
    ("window_max_uncertainty_ppm", MAX_UNCERTAINTY_PPM),
    ("window_min_count", MIN_WINDOWS),
    ("window_noise_uv", NOISE_UV),
    ("window_shift_uv", SHIFT_UV),
)


class ChargeWindows:
    """Segments in, `value` out. Run settle_steps to its end whenever `is_due`."""

    def __init__(self, family, rated_capacity_mah):
        self._family = family
        self._rated_mah = rated_capacity_mah
        self._filter = CapacityFilter(family.youngest_ppm)
        self._run = self._rest = self._waiting = None
        self._before_ms = self._counted_uah = None  # of the newest segment; of the last prediction
        self._mark = None  # totals when it last moved
        self._is_paused = self._was_rested = self._was_cut = False
        self._refused = self._inputs = None  # why the newest window was; [first, last time_ms]
        self._more_uv = self._steps = 0  # measured resistance less the family's, as a drop at 1 C; how often it was

    @property
    def is_due(self):
        return self._waiting is not None

    def gap(self):
        """What comes next does not follow what was before."""
        if self._run is not None:
            self._end_run()
            self._was_cut = self._waiting is None
        self._rest = None

    def drop(self, lacks):
        """What was seen lately is not to be believed."""
        self._run = self._waiting = self._rest = None
        self._refused = lacks

    def note(self, segment):
        """The next segment. One that ends before the last did, or as it did, is left out, and is a gap."""
        before_ms, self._before_ms = self._before_ms, segment.time_ms
        if segment.ms <= 0 or (before_ms is not None and segment.time_ms < before_ms + segment.ms):
            self.gap()
            return
        if self._counted_uah is None or segment.throughput_uah < self._counted_uah:
            self._counted_uah = segment.throughput_uah
        self._note_pause(segment)
        if segment.mean_uv is None or segment.is_rest:
            self._end_run()
            self._rest = segment if segment.mean_uv is not None else None
            self._was_rested = self._was_rested or segment.is_rest
            return
        if segment.is_first or self._run is None or segment.time_ms != before_ms + segment.ms:
            self._end_run()
            self._run = Run(segment, self._rest_before(segment), self._rated_mah)
            self._rest = None
        self._run.add(segment)
        if not self._run.is_charge:
            self._note_step(self._run.step_uv(segment), segment)

    def settle_steps(self):
        """Takes the window that waits into the estimate."""
        window, self._waiting = self._waiting, None
        self._predict(window.last.throughput_uah)
        self._refused = self._fault(window)
        if self._refused:
            self._filter.disagree()
            return
        yield
        anchors = self._anchors(window)
        if anchors is None:
            return
        share = self._family_share(anchors)
        yield
        fit = yield from fit_steps(anchors, self._family, *self._filter.expectation(window.is_charge, share))
        yield
        if not self._filter.correct(fit, window.is_charge, share):
            self._more_uv = self._steps = 0
            self._inputs = None
        self._inputs = self._inputs[0] if self._inputs else window.first.time_ms, window.last.time_ms
        self._was_cut = False

    def value(self):
        """(total capacity, its standard uncertainty, (first, last time_ms of its windows) or None, what lacks or None).

        Both numbers in ppm of rated_capacity. What lacks (docs/record.md, ESTIMATE) forbids to state them.
        """
        error_ppm = self._filter.error_ppm()
        return self._filter.capacity_ppm, error_ppm, self._inputs, self._lacking(error_ppm)

    def _lacking(self, error_ppm):
        if self._refused:
            return self._refused
        is_at_odds = self._filter.is_at_odds
        if self._filter.windows < MIN_WINDOWS:
            return LACKS_COUNT if self._was_cut else LACKS_AGREEMENT if is_at_odds else LACKS_SPAN
        if not self._steps:
            return LACKS_STEPS if self._was_rested else LACKS_REST
        if error_ppm < MAX_UNCERTAINTY_PPM and not self._filter.was_far:
            return None
        return LACKS_AGREEMENT if is_at_odds else LACKS_SPAN

    # ---- restarts

    def to_bytes(self):
        """What must outlast a restart: 165 bytes."""
        return struct.pack(_HEAD, self._more_uv, min(self._steps, 0xFFFF)) + self._filter.to_bytes()

    def from_bytes(self, content):
        """Goes on where to_bytes left off, after a pause of which nothing is known. Nothing is stated before a window
        of this start. ValueError where these are not its bytes."""
        self._filter.from_bytes(content[struct.calcsize(_HEAD) :])
        self._filter.note_pause()
        self._more_uv, self._steps = struct.unpack_from(_HEAD, content)

    # ---- segments

    def _end_run(self):
        run, self._run = self._run, None
        if run:
            run.close()
            if run.is_window():
                self._waiting = run

    def _rest_before(self, segment):
        rest = self._rest
        if rest is None or segment.time_ms - segment.ms - rest.time_ms > STEP_MS:
            return None
        return rest

    def _note_step(self, drop_uv, segment):
        """From a rest to discharging: the drop over the first minute is what half a minute's is."""
        if drop_uv is None:
            return
        resistance_uv = drop_uv * self._rated_mah // segment.current_ma
        if resistance_uv <= 0:
            return  # no cell does that
        self._steps += 1
        more_uv = resistance_uv - self._family.resistance_uv(self._filter.capacity_ppm) - self._more_uv
        self._more_uv += more_uv // min(self._steps, RESISTANCE_STEPS)

    def _note_pause(self, segment):
        """Once in each pause: no current but that of a rest for six hours."""
        mark, totals = self._mark, segment.totals
        moved_uah = totals.throughput_uah - mark.throughput_uah if mark else 0
        if mark is None or not segment.is_rest or moved_uah * 100 > self._rated_mah * 1000:
            self._mark, self._is_paused = totals, False
        elif not self._is_paused and totals.time_ms - mark.time_ms >= PAUSE_MS:
            self._is_paused = True
            self._filter.note_pause()

    # ---- windows

    def _predict(self, throughput_uah):
        cycle256 = (throughput_uah - self._counted_uah) * 256 // (2000 * self._rated_mah)
        if cycle256 > 0:
            self._counted_uah = throughput_uah
            self._filter.predict(cycle256)

    def _fault(self, window):
        """What makes a window say nothing: missing samples, a current of the wrong sign, a meter that stands still."""
        uv, charge_ppm = window.uv, window.charge_ppm
        span_uv, span_ppm = uv[-1] - uv[0], charge_ppm[-1] - charge_ppm[0]
        if isqrt(max(window.first.step_variance_to(window.last), 0)) * 1000 > STEP_ERROR_PPM * self._rated_mah:
            return LACKS_COUNT
        if (span_uv < 0) != (span_ppm < 0) and abs(span_uv) > BACKWARD_UV:
            return LACKS_AGREEMENT
        curve = self._curve(window)
        for i in range(len(uv) - 1):
            if abs(uv[i + 1] - uv[i]) > STUCK_UV:
                continue
            per_mv = max(curve.charge(self._filter.capacity_ppm, uv[i])[1], 1)
            if abs(charge_ppm[i + 1] - charge_ppm[i]) * 1000 > STUCK_AGAINST_UV * per_mv:
                return LACKS_SENSOR
        return None

    def _curve(self, window):
        return self._family.charging if window.is_charge else self._family.discharging

    def _anchors(self, window):
        """Voltages brought to the reference current; None away from it as long as resistance was not measured."""
        curve = self._curve(window)
        rate_ppm = window.current_ma() * 1000000 // self._rated_mah
        ddegc = window.ddegc()
        is_warm_as_usual = ddegc is not None and abs(ddegc - self._family.reference_ddegc) <= UNUSUAL_DDEGC
        if not self._steps and not (is_warm_as_usual and abs(rate_ppm - curve.rate_ppm) * 10 <= abs(rate_ppm)):
            return None
        family_uv = self._family.resistance_uv(self._filter.capacity_ppm)
        correction_uv = (curve.rate_ppm * family_uv - rate_ppm * (family_uv + self._more_uv)) // 1000000
        noise_uv = abs(correction_uv) * CORRECTED_NOISE_PERCENT // 100
        shift_uv = abs(correction_uv) * CORRECTED_SHIFT_PERCENT // 100
        if not self._steps:
            noise_uv = 0
            shift_uv = abs(rate_ppm) * family_uv // 1000000 * UNKNOWN_RESISTANCE_PERCENT // 100
        by_uv = correction_uv * CORRECTION_PERMIL // 1000
        return Anchors(
            curve,
            [uv + by_uv for uv in window.uv],
            window.charge_ppm,
            isqrt(NOISE_UV**2 + noise_uv**2),
            isqrt(SHIFT_UV**2 + shift_uv**2),
            self._full_ppm(window),
        )

    def _full_ppm(self, window):
        """What had been counted at the rest right before, when the cell was full in it."""
        full_uv, rest = self._family.full_uv, window.rest
        if window.is_charge or rest is None or full_uv is None or rest.mean_uv < full_uv:
            return None
        return window.ppm_at(rest.totals.charge_uah)

    def _family_share(self, anchors):
        """In parts of WHOLE: of a discharge from full nearly to the cut-off, little rests on the family."""
        if anchors.full_ppm is None:
            return WHOLE
        curve, age_ppm = anchors.curve, self._filter.capacity_ppm
        left_ppm = curve.charge(age_ppm, anchors.uv[-1])[0] - curve.charge(age_ppm, curve.first_uv)[0]
        return min(max(left_ppm * WHOLE // age_ppm * DIRECT_FACTOR, 0), WHOLE)
