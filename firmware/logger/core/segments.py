"""Samples to segments: half a minute of steady current each, with what was counted until then.

Whatever an estimate rests on, a rested voltage or the charge of a steady current, begins here: a sample alone is noise.
A segment ends early, without a result, when the current leaves the band around its first value; in traffic there are
none, and resistance is what can be learnt there.

`add`, for every sample, takes nothing from the heap. What it finds due is taken by `take`, which may.
"""

from logger.core.sampling import Means
from logger.core.totals import Count

SEGMENT_MS = 30000
MIN_SAMPLES = 3
REST_RATE = 50  # at rest the current is below rated_capacity / 50 h
_STEADY_SHARE = 20  # within 5 % of the first current
_LIKELY_RATE = 2  # twice the capacity in an hour: what a pack of which nothing was seen may give for a minute or two
_STEADY_RATE = 200  # or within rated_capacity / 200 h, if that is more


class Segment:
    """What half a minute came to. Voltages in µV, means over its samples; `totals`: as counted at its end."""

    def __init__(self, ms, current_ma, cell_uv, ddegc, is_rest, is_first, totals):
        self.ms = ms
        self.current_ma = current_ma
        self.cell_uv = cell_uv  # None for a block without a value
        self.ddegc = ddegc  # None where no sensor had one
        self.is_rest = is_rest
        self.is_first = is_first  # none of the same current came right before
        self.totals = totals
        known = [uv for uv in cell_uv if uv is not None]
        self.mean_uv = sum(known) // len(known) if known else None

    @property
    def charge_uah(self):
        """Counted until the middle of the segment."""
        return self.totals.charge_uah - self.current_ma * self.ms // 7200

    @property
    def throughput_uah(self):
        """In and out, until its end."""
        return self.totals.throughput_uah

    @property
    def time_ms(self):
        """Counted time until its end."""
        return self.totals.time_ms


class Segments:
    """Samples in; when `is_due`, `take` gives the segment that has ended.

    Readable: `count`, what flowed since the start; `is_first`, whether the segment under way has another current than
    what came before it.
    """

    def __init__(self, rated_capacity_mah, cell_blocks, sample_ms):
        self.count = Count()
        self.is_due = False
        self._rated_mah = rated_capacity_mah
        self._sample_ms = sample_ms
        self._cells = Means(cell_blocks)
        self._current = Means(1)
        self._warmth = Means(1)
        self._one = [None]
        self._most_ma = _LIKELY_RATE * rated_capacity_mah  # that was ever seen
        self._first_ma = self._last_ma = None
        self._ms = self._samples = 0
        self.is_first = True

    def forget(self):
        """What came before the next sample is not known."""
        self._first_ma = self._last_ma = None
        self._restart(None)

    def add(self, sample, flow, ddegc):
        """A sample that has a current. flow: what there was since the last one (Integrator.flow), None when unknown."""
        current_ma = sample.current_ma
        if flow is None or self._last_ma is None:
            self._restart(current_ma)
        else:
            self._count_flow(current_ma, flow[0], flow[1])
            if self._is_steady(current_ma):
                self._ms += flow[0]
            else:
                self._restart(current_ma)
        self._last_ma = current_ma
        self._samples += 1
        self._cells.add(sample.cell_mv)
        self._one[0] = current_ma
        self._current.add(self._one)
        self._one[0] = ddegc
        self._warmth.add(self._one)
        if self._ms >= SEGMENT_MS and self._samples >= MIN_SAMPLES:
            self.is_due = True

    def take(self):
        """The Segment that is due; the next one begins."""
        current_ma = self._current.mean(0)
        cell_uv = self._cells.result_micro()
        is_rest = abs(self._first_ma) * REST_RATE < self._rated_mah and abs(current_ma) * REST_RATE < self._rated_mah
        segment = Segment(
            self._ms, current_ma, cell_uv, self._warmth.mean(0), is_rest, self.is_first, self.count.totals()
        )
        self._clear()
        self.is_first = False
        return segment

    def _count_flow(self, current_ma, time_ms, sum_ma):
        spread_ma = current_ma - self._last_ma
        self._most_ma = max(self._most_ma, abs(current_ma))
        if time_ms > 2 * self._sample_ms:  # samples are missing: a pack at rest may have been used, and rests again
            spread_ma = max(abs(spread_ma), self._most_ma)
        self.count.add(time_ms, sum_ma, spread_ma)

    def _is_steady(self, current_ma):
        # no products: with words of 32 bits large ones would come from the heap
        apart_ma = abs(current_ma - self._first_ma)
        return apart_ma <= abs(self._first_ma) // _STEADY_SHARE or apart_ma <= self._rated_mah // _STEADY_RATE

    def _restart(self, current_ma):
        self._first_ma = current_ma
        self.is_first = True
        if self._samples:
            self._clear()

    def _clear(self):
        self.is_due = False
        self._ms = self._samples = 0
        self._cells.reset()
        self._current.reset()
        self._warmth.reset()
