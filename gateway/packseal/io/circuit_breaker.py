"""Keeps from asking a partner that has failed again and again: after a while one request tries, alone."""

from __future__ import annotations

import threading
from collections.abc import Callable

FAILURES = 5
OPEN_S = 30.0


class CircuitBreaker:
    """Closed: all may ask. Open, after `failures` in a row: nobody, for open_s. Then half-open: one, whose end decides.

    For several threads. clock_s never runs back.
    """

    def __init__(self, clock_s: Callable[[], float], failures: int = FAILURES, open_s: float = OPEN_S) -> None:
        self._clock_s, self._failures_to_open, self._open_s = clock_s, failures, open_s
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until_s: float | None = None

    def wait_s(self) -> float:
        """0: ask, and say afterwards how it went. Else not before so many seconds."""
        with self._lock:
            if self._open_until_s is None:
                return 0
            left_s = self._open_until_s - self._clock_s()
            if left_s > 0:
                return left_s
            self._open_until_s = self._clock_s() + self._open_s  # the others wait for this one's end
            return 0

    def answered(self) -> None:
        with self._lock:
            self._failures, self._open_until_s = 0, None

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= self._failures_to_open:
                self._open_until_s = self._clock_s() + self._open_s
