"""How long receipts take: from when a delivery is on disk until its receipt is there, in numbers for a histogram."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable

BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0, 3_600.0, 86_400.0)
MAX_NOTED = 10_000  # deliveries; what waits behind more of them is told by its age alone


class Durations:
    """Seconds, counted by BOUNDS_S. Usable from any thread."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._sum_s = 0.0
        self._lock = threading.Lock()

    def add(self, seconds: float) -> None:
        with self._lock:
            self._counts[bisect_left(BOUNDS_S, seconds)] += 1
            self._sum_s += seconds

    def buckets(self) -> tuple[list[tuple[str, float]], float]:
        """(upper bound, how many up to there) in the form of Prometheus, and the sum."""
        with self._lock:
            counts, sum_s = list(self._counts), self._sum_s
        found, total = [], 0
        for bound, count in zip([*map(str, BOUNDS_S), "+Inf"], counts, strict=True):
            total += count
            found.append((bound, float(total)))
        return found, sum_s


class ReceiptLag:
    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        """clock_s: seconds that never run back."""
        self.durations = Durations()
        self.last_s: float | None = None  # of the newest receipt
        self._clock_s = clock_s
        self._noted: dict[bytes, deque[tuple[int, float]]] = {}  # log_id -> (size, when it was stored), in order
        self._number = 0
        self._lock = threading.Lock()

    def stored(self, log_id: bytes, size: int) -> None:
        with self._lock:
            if self._number < MAX_NOTED:
                self._noted.setdefault(log_id, deque()).append((size, self._clock_s()))
                self._number += 1

    def receipted(self, log_id: bytes, size: int) -> None:
        """A receipt for this size, which covers all below it of the log."""
        now_s = self._clock_s()
        with self._lock:
            noted = self._noted.get(log_id, deque())
            while noted and noted[0][0] <= size:
                self.last_s = now_s - noted.popleft()[1]
                self._number -= 1
                self.durations.add(self.last_s)
