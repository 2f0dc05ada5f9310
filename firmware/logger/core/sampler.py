"""Takes a sample in every slot and makes windows of them: when, and what becomes of slots that passed.

Decides nothing of the log: whether a window can be kept is the logger's part.
"""

from logger.core.sampling import MAX_BRIDGED_SLOTS, Integrator, Sample, Window
from logger.core.soh import Estimator


class Sampler:
    """source: read(sample) fills a Sample; temperature_sensors says how many. config as the logger has it.

    Readable attributes: `estimator`, `slots_missed` since the start, `window_began_ms`, `has_current`, whether a sample
    of the window under way has had a current.
    """

    def __init__(self, config, source):
        self.slots_missed = 0
        self._config = config
        self._source = source
        self._sample = Sample(config["cell_blocks"], source.temperature_sensors)
        self._window = Window(config["cell_blocks"], source.temperature_sensors)

    def begin(self, now_ms, counters):
        """From now on for a log whose last WINDOW has these counters."""
        config = self._config
        self._window.reset()
        self.has_current = False
        self.window_began_ms = self._next_slot_ms = now_ms
        self._window_ends_ms = now_ms + config["window_ms"]
        self._integrator = Integrator(counters, MAX_BRIDGED_SLOTS * config["sample_ms"])
        self.estimator = Estimator(config["rated_capacity_mah"], config["cell_blocks"], config["sample_ms"])

    def ms_to_next_slot(self, now_ms):
        return self._next_slot_ms - now_ms

    def take(self, now_ms):
        """A sample, late or not."""
        late_slots = (now_ms - self._next_slot_ms) // self._config["sample_ms"]
        self._next_slot_ms += (late_slots + 1) * self._config["sample_ms"]
        self.slots_missed += late_slots
        self._window.slots_missed += late_slots
        sample = self._sample
        self._source.read(sample)
        self._window.add(sample, sample.refuse_impossible())
        if sample.current_ma is not None:
            self.has_current = True
            self.estimator.add(sample, self._integrator.add(now_ms, sample.current_ma, sample.pack_mv))

    def is_window_over(self, now_ms):
        return now_ms >= self._window_ends_ms

    def end_window(self, now_ms):
        """The body of the WINDOW entry; the next window begins."""
        soc_cpct = self.estimator.soc_cpct()
        body = self._window.body(now_ms - self.window_began_ms, soc_cpct, self._integrator.counters, self._sample)
        self._window.reset()
        self.has_current = False
        self.window_began_ms = now_ms
        late_windows = (now_ms - self._window_ends_ms) // self._config["window_ms"]
        self._window_ends_ms += (late_windows + 1) * self._config["window_ms"]
        return body
