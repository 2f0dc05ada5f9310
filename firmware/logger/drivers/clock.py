"""Time since the first call from a millisecond counter that wraps (MicroPython's ticks_ms does after 12.4 days)."""


class Clock:
    """`rate` pack milliseconds pass in one of the counter's: 1 on every real board, more with a simulated pack."""

    def __init__(self, ticks_ms, ticks_diff, rate=1):
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._rate = rate
        self._last_ticks = None
        self._elapsed_ms = 0

    def elapsed_ms(self):
        """Call it more often than the counter wraps."""
        ticks = self._ticks_ms()
        if self._last_ticks is None:  # so that what a start takes is not time in which samples were missed
            self._last_ticks = ticks
        self._elapsed_ms += self._ticks_diff(ticks, self._last_ticks)
        self._last_ticks = ticks
        return self._elapsed_ms * self._rate

    def to_counter_ms(self, pack_ms):
        return pack_ms // self._rate
