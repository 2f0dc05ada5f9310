"""Whether a board still does what it is there for: the watchdog is fed only while it does.

A loop that turns is not enough. Samples must be taken when they are due, each window must be kept or counted as lost,
and what is kept must be signed. Each has its own limit, generous against what is merely slow; a board that exceeds one
is started anew. Times are the pack's, as the logger has them.
"""

LATE_SLOTS = 20  # the first few are merely counted (slots_missed)
LEAST_LATE_MS = 10000
WORK_MS = 60000  # beyond the windows themselves: the slowest signer needs 1 s, a change of key three times that
PERIOD_MS = 500  # how often it is asked; a watchdog's time-out must be several times as long


class Progress:
    """logger: what is watched. Readable attributes, for the console: `sampler_ms`, `keeper_ms` and `signer_ms`, how
    long each has shown nothing."""

    def __init__(self, logger, config):
        window_ms = config["window_ms"]
        self._logger = logger
        self._late_ms = max(LATE_SLOTS * config["sample_ms"], LEAST_LATE_MS)
        self._keeper_limit_ms = 2 * window_ms + WORK_MS
        self._signer_limit_ms = (config["checkpoint_every"] + 2) * window_ms + WORK_MS
        self._kept = self._signed = None
        self._kept_ms = self._signed_ms = 0
        self.sampler_ms = self.keeper_ms = self.signer_ms = 0

    def is_made(self):
        logger, log = self._logger, self._logger.log
        now_ms = logger.uptime_ms
        self.sampler_ms = max(-logger.ms_to_next_slot(), 0)
        kept = log.size + logger.windows_lost
        if kept != self._kept or now_ms < self._kept_ms:  # or a new log has been opened, whose time begins anew
            self._kept, self._kept_ms = kept, now_ms
        # a checkpoint that found no room is signed all the same, and waits for its receipt
        # and leaves of a full log are signed behind their GAP entry, which waits for a receipt
        is_all_signed = log.checkpointed_size == log.size or log.held_checkpoint or log.losses.bare_count
        if is_all_signed or log.checkpointed_size != self._signed or now_ms < self._signed_ms:
            self._signed, self._signed_ms = log.checkpointed_size, now_ms
        self.keeper_ms = now_ms - self._kept_ms
        self.signer_ms = now_ms - self._signed_ms
        is_sampling = self.sampler_ms <= self._late_ms
        return is_sampling and self.keeper_ms <= self._keeper_limit_ms and self.signer_ms <= self._signer_limit_ms


class Watch:
    """Feeds a watchdog. A line of the main loop (main.run): its turn is the proof that the loop turns."""

    def __init__(self, progress, feed):
        self._progress = progress
        self._feed = feed
        self._next_ms = 0

    def step(self, now_ms):
        if now_ms >= self._next_ms:
            self._next_ms = now_ms + PERIOD_MS
            if self._progress.is_made():
                self._feed()
        return False
