"""What becomes of a new firmware behind its start: it is confirmed when it has shown that it works, and the log says
what became of an update that was refused or that failed.

It works when a window that this life has measured lies under a checkpoint that this life has signed: sampler, flash,
signer and clock have then all done their part. Power that goes before that counts as a failed start.
"""

from logger.core import update
from logger.core.entries import EVENT_UPDATE, MOMENTARY
from logger.core.sectorlog import LogFullError
from logger.core.version import VERSION

RESTART_MS = 3000  # so that the other side hears of it before
RESTART_MOST_MS = 60000  # then also in the middle of a window
TOLD_PERIOD_MS = 3600000  # from one refusal that the log tells to the next: who offers without end must not fill it


class Trial:
    """A line of the main loop (main.run). running: the slot that this firmware was started from. restart(): starts the
    board anew, and need not return."""

    def __init__(self, logger, slot_table, running, an_update, restart):
        self._logger = logger
        self._slots = slot_table
        self._running = running
        self._update = an_update
        self._restart = restart
        self._refusals_told = self._next_told_ms = 0
        self._ready_ms = self._ready_size = None

    def step(self, now_ms):
        slots, log = self._slots, self._logger.log
        first = self._logger.first_window_size
        has_worked = first is not None and log.checkpointed_size >= first
        if slots.trial == self._running and has_worked and self._tell(update.PROVEN, VERSION):
            slots.confirm()
        if slots.has_failed and self._tell(update.FAILED_START):
            slots.note_told()
        if self._update.refusals > self._refusals_told and now_ms >= self._next_told_ms:
            self._tell_refusal(now_ms)
        if self._update.state == update.READY:
            self._go(now_ms)
        else:
            self._ready_ms = None
        return False

    def _tell_refusal(self, now_ms):
        if self._tell(*self._update.refusal):
            self._refusals_told = self._update.refusals
            self._next_told_ms = now_ms + TOLD_PERIOD_MS

    def _tell(self, outcome, version=None):
        place = version and version[0] << 16 | version[1] << 8 | version[2]
        try:
            self._logger.note_event(EVENT_UPDATE, MOMENTARY, outcome, place)
            return True
        except LogFullError:
            return False

    def _go(self, now_ms):
        """Right behind a window, where one ends in time: what is measured of the next one is lost."""
        logger = self._logger
        if self._ready_ms is None:
            self._ready_ms = now_ms
        waited_ms = now_ms - self._ready_ms
        if waited_ms < RESTART_MS:
            self._ready_size = logger.log.size
        elif waited_ms >= RESTART_MOST_MS or (logger.log.size > self._ready_size and not logger.has_work):
            self._restart()
