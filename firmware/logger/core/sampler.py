"""Takes a sample in every slot and makes windows of them: when, and what becomes of slots that passed.

Decides nothing of the log: whether a window can be kept is the logger's part. Times count from the start of the window
under way, so that they stay small: `take` and all it calls make nothing on the heap (tests/firmware/test_sampling.py).
"""

from logger.core.counters import Counters
from logger.core.estimator import Estimator
from logger.core.events import Watch
from logger.core.sampling import MAX_BRIDGED_SLOTS, Sample, Window


class Sampler:
    """source: read(sample) fills a Sample; temperature_sensors says how many of those. config as the logger has it.

    Readable attributes: `estimator`, `counters`, `watch`, `slots_missed` since the start, `window_began_ms` (uptime),
    `has_current`, whether a sample of the window under way has had a current; `sample`, the newest one.
    """

    def __init__(self, config, source):
        self.slots_missed = 0
        self.watch = Watch(config, source)
        self._config = config
        self._source = source
        self._sample_ms = config["sample_ms"]
        self.sample = Sample(config["cell_blocks"], source.temperature_sensors)
        self.estimator = None
        self._window = Window(config["cell_blocks"], source.temperature_sensors)

    def begin(self, now_ms, progress):
        """From now on for a log that stands at `progress`."""
        config = self._config
        self._window.reset()
        self.has_current = False
        self.window_began_ms = now_ms
        self._next_slot_ms = self._last_ms = 0
        self._window_ends_ms = config["window_ms"]
        self.counters = Counters(config, progress.counters, MAX_BRIDGED_SLOTS * self._sample_ms)
        self.watch.begin(progress, self.counters)
        before = self.estimator
        self.estimator = Estimator(config, self._sample_ms, self.counters.energies_uwh)
        if before:  # another log of the same cells
            self.estimator.recall(*before.learnt())

    def ms_to_next_slot(self, now_ms):
        return self._next_slot_ms - (now_ms - self.window_began_ms)

    def take(self, since_ms):
        """A sample, late or not. since_ms: since window_began_ms. Call estimator.settle after it, where that is due."""
        self._next_slot(since_ms)
        sample = self.sample
        self._source.read(sample)
        absent = sample.refuse_impossible()
        self._window.add(sample, absent)
        watch = self.watch
        absent -= 1 if sample.current_ma is None else 0
        absent -= 1 if sample.pack_mv is None else 0
        watch.add(sample, absent, since_ms - self._last_ms)
        self._last_ms = since_ms
        flow = self.counters.add(since_ms, sample, watch.is_hot, watch.is_cold)
        if sample.current_ma is not None:
            self.has_current = True
            self.estimator.add(sample, flow)

    def is_window_over(self, now_ms):
        return now_ms - self.window_began_ms >= self._window_ends_ms

    def end_window(self, now_ms, told):
        """The body of the WINDOW entry; the next window begins. told: the counters as the log has them."""
        duration_ms = now_ms - self.window_began_ms
        soc_cpct = self.estimator.soc_cpct()
        body = self._window.body(duration_ms, soc_cpct, self.counters.news(told), self.sample)
        self._window.reset()
        self.watch.begin_window()
        self.has_current = False
        window_ms = self._config["window_ms"]
        self._window_ends_ms = min(self._window_ends_ms, duration_ms)  # behind an early end a whole window follows
        late_windows = (duration_ms - self._window_ends_ms) // window_ms
        self._window_ends_ms += (late_windows + 1) * window_ms
        self._move_origin(duration_ms)
        return body

    def _next_slot(self, since_ms):
        late_slots = (since_ms - self._next_slot_ms) // self._sample_ms
        if late_slots < 0:  # a table (firmware/replay.py) may have more than one sample in a slot
            return
        self._next_slot_ms += (late_slots + 1) * self._sample_ms
        self.slots_missed += late_slots
        self._window.slots_missed += late_slots

    def _move_origin(self, by_ms):
        self.window_began_ms += by_ms
        self._next_slot_ms -= by_ms
        self._last_ms -= by_ms
        self._window_ends_ms -= by_ms
        self.counters.move_origin(by_ms)
