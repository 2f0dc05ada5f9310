"""A nonce that somebody wants to find in a checkpoint (docs/link.md clause 20): which one is taken, when it is signed.

Decides that a nonce is signed for behind a window that ended after it came, and one in the time of a window at most:
who asks without end makes a board write one short window and one checkpoint more in that time, and nothing else.
"""

TAKEN, TOO_SOON, NO_ROOM = 0, 1, 2  # FRESH_STATE


class FreshRead:
    """`is_wanted`: no window has ended since the nonce came that waits."""

    def __init__(self, window_ms, sample_ms, clock_rate):
        """clock_rate: pack milliseconds in a real one."""
        # a sample less: who asks all the time then has the windows that end by themselves, and no short ones between
        self._period_ms = max(window_ms - sample_ms, sample_ms)
        self._clock_rate = clock_rate
        self.begin()

    def begin(self):
        """At the start, and for another log: nothing that was asked of the one before is meant for it."""
        self.is_wanted = False
        self._nonce = self._signed = None
        self._window_ms = None  # uptime_ms of the window that answers, until it is in the log
        self._is_kept = False
        self._next_ms = 0

    def offer(self, nonce, now_ms, has_room):
        """(state, how long until another nonce may be taken, in real milliseconds). has_room: a window can be kept."""
        if nonce in (self._nonce, self._signed):  # asked again, or over another line
            return TAKEN, 0
        if not has_room:
            return NO_ROOM, 0
        if self._nonce is not None or now_ms < self._next_ms:
            wait_ms = self._period_ms if self._nonce is not None else self._next_ms - now_ms
            return TOO_SOON, max(wait_ms // self._clock_rate, 1)
        self._nonce, self.is_wanted = nonce, True
        return TAKEN, 0

    def note_window(self, uptime_ms):
        """A window has ended then, and waits for its place in the log."""
        if self.is_wanted:
            self._window_ms, self.is_wanted = uptime_ms, False

    def note_kept(self, uptime_ms):
        """Whether the window that is now in the log is the one that a checkpoint with the nonce waits for."""
        if self._window_ms is None or uptime_ms != self._window_ms:
            return False
        self._window_ms, self._is_kept = None, True
        self._next_ms = uptime_ms + self._period_ms
        return True

    def note_lost(self):
        """Windows that waited have found no room: the next one will have to answer."""
        if self._window_ms is not None:
            self._window_ms, self.is_wanted = None, True

    def take(self):
        """The nonce for a checkpoint that is to be signed now, None where there is none to answer."""
        if not self._is_kept:
            return None
        self._signed, self._nonce, self._is_kept = self._nonce, None, False
        return self._signed
