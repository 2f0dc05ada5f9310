"""Whether a thread still comes round: what stands still is seen by others, since it cannot say so itself."""

from __future__ import annotations

import time


class Beat:
    """Called in the thread with each turn; asked from any other."""

    def __init__(self) -> None:
        self._at_s = time.monotonic()

    def __call__(self) -> None:
        self._at_s = time.monotonic()

    @property
    def silent_s(self) -> float:
        """Since the last turn; since it was made where there was none yet."""
        return time.monotonic() - self._at_s
