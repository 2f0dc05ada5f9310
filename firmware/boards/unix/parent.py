"""The process that started this one, as far as it holds the other end of our standard input.

It writes nothing there. When it ends, however it is ended, the pipe hangs up. A terminal or /dev/null does not.
"""

import select
import sys

_PERIOD_MS = 1000


class Parent:
    def __init__(self, ticks_ms, ticks_diff):
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._asked_ticks = ticks_ms()
        self._is_gone = False
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLHUP)

    def is_gone(self):
        """Cheap: asks the system once a second."""
        ticks = self._ticks_ms()
        if self._ticks_diff(ticks, self._asked_ticks) >= _PERIOD_MS:
            self._asked_ticks = ticks
            self._is_gone = bool(self._poll.poll(0))
        return self._is_gone
