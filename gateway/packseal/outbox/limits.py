"""How full the outbox is, in records, bytes and hours of a pack's own clock, and what follows from that.

Decides from figures alone: whose share is full, from where on windows are summed up, and the words with the cure. What
is given up, and which windows stay, is reduction.py's part. Hours are those between the oldest and the newest record
that wait of one log, by the board's uptime: a wall clock that jumps gives nothing up.
"""

from __future__ import annotations

from dataclasses import dataclass

MS_PER_HOUR = 3_600_000
WARNED_SHARE = 0.8
BOARDS_SHARE = 0.9  # from here on boards keep their records: the last tenth is for what nobody else keeps
FULL_SHARE = 1.0
LOW_SHARE = 0.95  # down to which room is made, so that it is not made for every single delivery
SUMMED_FROM = ((0.98, 16), (0.94, 4))  # share of the limit -> windows that become one, for a log that is signed here
CURE = "it empties when broker and passport service answer; or raise max_mb in [outbox_limits]"


@dataclass(frozen=True, slots=True)
class Limits:
    """max_bytes: of the file. max_hours: of one log, None for no limit. free_bytes: of the disk, left for others; of a
    small disk a tenth at most."""

    max_bytes: int
    max_hours: int | None = None
    free_bytes: int = 0

    def allowed_bytes(self, used_bytes: int, disk_free_bytes: int, disk_bytes: int) -> int:
        """How large the outbox may be now: what it has is its own, and beyond that the others' room stays free."""
        for_others = min(self.free_bytes, disk_bytes // 10)
        return min(self.max_bytes, used_bytes + max(0, disk_free_bytes - for_others))


@dataclass(frozen=True, slots=True)
class Depth:
    """What waits for a receipt.

    records: how many wait, in so many deliveries, of which the oldest was stored at oldest_stored_ms. emptied: of how
    many of them (WINDOW) the values were given up. used_bytes: what the file holds, of limit_bytes, which is less than
    the setting where the disk has less. hours: from the oldest to the
    newest record that wait of one log, of the log where that is most; limit_hours: None for no limit.
    is_disk_short: the disk, not the setting, is what bounds it.
    """

    records: int
    deliveries: int
    oldest_stored_ms: int | None
    emptied: int
    used_bytes: int
    limit_bytes: int
    hours: float
    limit_hours: int | None
    is_disk_short: bool

    @property
    def share_of_bytes(self) -> float:
        return self.used_bytes / self.limit_bytes if self.limit_bytes > 0 else FULL_SHARE

    @property
    def share(self) -> float:
        """Of the limit that is nearest, from 0; may be somewhat more than 1."""
        return max(self.share_of_bytes, self.hours / self.limit_hours if self.limit_hours else 0.0)

    def oldest_age_s(self, now_unix_ms: int) -> int:
        """0 where nothing waits, or where the clock has run back since."""
        return 0 if self.oldest_stored_ms is None else max(0, now_unix_ms - self.oldest_stored_ms) // 1000

    @property
    def are_boards_held_off(self) -> bool:
        return self.share_of_bytes >= BOARDS_SHARE

    @property
    def windows_summed(self) -> int:
        """How many windows become one in a log that this gateway signs itself; 1 while there is room."""
        return next((count for share, count in SUMMED_FROM if self.share_of_bytes >= share), 1)

    @property
    def problems(self) -> list[str]:
        """In words for a person, each with its cure; empty while there is room."""
        return [words for words in (self._fullness(), self._losses()) if words]

    def _fullness(self) -> str:
        if self.share < WARNED_SHARE:
            return ""
        held = f"{self.records} records, {megabytes(self.used_bytes)} of {megabytes(self.limit_bytes)}"
        span = f"{self.hours:.1f} hours" + (f" of {self.limit_hours}" if self.limit_hours else "")
        boards = "; boards keep their records until there is room" if self.are_boards_held_off else ""
        cure = "make room on the disk, which has too little" if self.is_disk_short else CURE
        return f"the outbox is {min(100, int(100 * self.share))} % full: {held}, {span}{boards}; {cure}"

    def _losses(self) -> str:
        if not self.emptied:
            return ""
        return (
            f"there was no room for the values of {self.emptied} windows that wait: only their hashes are sent; {CURE}"
        )


def megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
