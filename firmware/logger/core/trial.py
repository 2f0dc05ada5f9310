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


class Trial:
    """A line of the main loop (main.run). running: the slot that this firmware was started from. restart(): starts the
    board anew, and need not return."""

    def __init__(self, logger, slot_table, running, an_update, restart):
        self._logger = logger
        self._slots = slot_table
        self._running = running
        self._update = an_update
        self._restart = restart
        self._refusals_told = 0
        self._ready_ms = None

    def step(self, now_ms):
        slots, log = self._slots, self._logger.log
        first = self._logger.first_window_size
        has_worked = first is not None and log.checkpointed_size >= first
        if slots.trial == self._running and has_worked and self._tell(update.PROVEN, VERSION):
            slots.confirm()
        if slots.has_failed and self._tell(update.FAILED_START):
            slots.note_told()
        if self._update.refusals > self._refusals_told and self._tell(self._update.state, self._update.version):
            self._refusals_told += 1
        if self._update.state == update.READY:
            self._go(now_ms)
        else:
            self._ready_ms = None
        return False

    def _tell(self, outcome, version=None):
        place = version and version[0] << 16 | version[1] << 8 | version[2]
        try:
            self._logger.note_event(EVENT_UPDATE, MOMENTARY, outcome, place)
            return True
        except LogFullError:
            return False

    def _go(self, now_ms):
        if self._ready_ms is None:
            self._ready_ms = now_ms
        elif now_ms - self._ready_ms >= RESTART_MS:
            self._restart()
