"""Deliveries that came before what they go on from: where several workers share a subscription, that is no fault.

Decides how many wait, how long, and which of them are due. No thread and no clock: intake.py has those. What waits is
in memory alone, and may vanish with it: its sender keeps it until there is a receipt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from packseal.io.came import Came

HOLD_S = 1.5  # a gateway sends again after 2 s
MAX_HELD = 256
MAX_HELD_OF_A_LOG = 64
MAX_HELD_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Due:
    """ready: what they go on from is stored. late: it has not come in time."""

    ready: list[Came]
    late: list[Came]


@dataclass(slots=True)
class EarlyDeliveries:
    hold_s: float = HOLD_S
    _waiting: defaultdict[bytes, list[tuple[int, Came]]] = field(default_factory=lambda: defaultdict(list))
    _count: int = 0
    _bytes: int = 0

    def __len__(self) -> int:
        return self._count

    @property
    def logs(self) -> list[bytes]:
        """Whose records are waited for."""
        return list(self._waiting)

    def hold(self, came: Came, log_id: bytes, size: int, now_s: float) -> bool:
        """Until this log is stored up to this size, or its time is up; that runs on when it is held again.

        False where there is no room, or its time is up.
        """
        until_s = now_s + self.hold_s if came.until_s is None else came.until_s
        of_log = len(self._waiting[log_id]) if log_id in self._waiting else 0
        has_room = self._count < MAX_HELD and self._bytes + len(came.payload) <= MAX_HELD_BYTES
        if until_s <= now_s or not has_room or of_log >= MAX_HELD_OF_A_LOG:
            return False
        self._waiting[log_id].append((size, replace(came, until_s=until_s)))
        self._count += 1
        self._bytes += len(came.payload)
        return True

    def taken_out(self, sizes: Mapping[bytes, int], now_s: float) -> Due:
        """sizes: of the logs that have grown. With one of a log that is ready go all behind it: it leads to them."""
        due = Due([], [])
        for log_id, waiting in list(self._waiting.items()):
            waiting.sort(key=lambda one: one[0])
            if waiting[0][0] <= sizes.get(log_id, -1):
                due.ready.extend(came for _, came in waiting)
                kept = []
            else:
                due.late.extend(came for _, came in waiting if (came.until_s or 0) <= now_s)
                kept = [one for one in waiting if (one[1].until_s or 0) > now_s]
            self._keep(log_id, kept)
        for came in (*due.ready, *due.late):
            self._count -= 1
            self._bytes -= len(came.payload)
        return due

    def _keep(self, log_id: bytes, kept: list[tuple[int, Came]]) -> None:
        if kept:
            self._waiting[log_id] = kept
        else:
            del self._waiting[log_id]
