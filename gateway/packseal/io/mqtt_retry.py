"""When a broker is tried again, and in which version of MQTT. No clock and no chance of its own: both are arguments.

MQTT 5 first. A broker that speaks 3.1.1 alone refuses it in words, or ends the connection without any; then 3.1.1
follows at once, and is what later connections begin with until an hour has passed.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

MIN_DELAY_S = 1.0
MAX_DELAY_S = 10.0
SETTLED_S = 5.0  # a connection that lasted so long was one; two clients of one id cut each other off within a second
V5_AGAIN_S = 3_600.0


class Version(IntEnum):
    """As the CONNECT packet has it."""

    V311, V5 = 4, 5

    def __str__(self) -> str:
        return "MQTT 5" if self is Version.V5 else "MQTT 3.1.1"


class VersionChoice:
    def __init__(self) -> None:
        self.next = Version.V5
        self._v5_again_s: float | None = None
        self._knows_v5 = False

    def begin(self, now_s: float) -> Version:
        """The version of the connection that is about to be tried."""
        if self._v5_again_s is not None and now_s >= self._v5_again_s:
            self.next, self._v5_again_s = Version.V5, None
        return self.next

    def accepted(self, now_s: float) -> None:
        if self.next is Version.V5:
            self._knows_v5 = True
        elif self._v5_again_s is None:
            self._v5_again_s = now_s + V5_AGAIN_S

    def refused(self, *, in_words: bool) -> bool:
        """Of the version, or without a word, which means nothing of a broker that has spoken MQTT 5 before. True when
        the other version is worth trying at once."""
        was_v5 = self.next is Version.V5
        if was_v5 and self._knows_v5 and not in_words:
            return False
        self.next, self._v5_again_s = Version.V311 if was_v5 else Version.V5, None
        return was_v5


class BackOff:
    """Doubles from one second to ten; each delay is drawn between half of that and all of it, so that the clients of
    a broker that restarts do not come back in step."""

    def __init__(self, uniform: Callable[[float, float], float]) -> None:
        self._uniform = uniform
        self._delay_s = MIN_DELAY_S

    def settled(self) -> None:
        self._delay_s = MIN_DELAY_S

    def delay_s(self) -> float:
        delay_s, self._delay_s = self._delay_s, min(2 * self._delay_s, MAX_DELAY_S)
        return self._uniform(delay_s / 2, delay_s)
