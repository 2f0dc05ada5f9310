"""Whether this machine's wall clock has run back: the newest time that was ever seen, and how far it is behind that.

Every attestation says what the clock said. A clock that was set back, or that lost its battery, would have them say
that what came later came earlier; the state of its source alone (io/clock.py) does not tell.
"""

from __future__ import annotations

from collections.abc import Callable

ALLOWED_MS = 300_000  # between two machines that are both well, with room
CURE = "set it (timedatectl, or an NTP server), for every delivery says this time"


class ClockWatch:
    def __init__(self, unix_ms: Callable[[], int]) -> None:
        self._unix_ms = unix_ms
        self._newest_unix_ms = 0

    def see(self, unix_ms: int) -> None:
        """A time that has been: of a receipt, of a delivery, or of this clock."""
        self._newest_unix_ms = max(self._newest_unix_ms, unix_ms)

    def behind_ms(self) -> int:
        """0 where it is not; looks at the clock, and remembers what it says."""
        now_unix_ms = self._unix_ms()
        self.see(now_unix_ms)
        return self._newest_unix_ms - now_unix_ms

    @property
    def problem(self) -> str:
        behind_ms = self.behind_ms()
        if behind_ms <= ALLOWED_MS:
            return ""
        return f"the clock is {in_words(behind_ms // 1000)} behind a time that was seen before; {CURE}"


def in_words(seconds: float) -> str:
    """A duration for a person: its two largest units."""
    left = int(seconds)
    parts: list[str] = []
    for name, length_s in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length_s)
        if count or (parts and len(parts) < 2):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"
