"""What the battery's own electronics (BMS) claim, held against itself and against the estimate.

Decides three things. A reset: the BMS forgot what it knew, so its state of charge jumps by what no charge explains, or
its state of health is 100 % again. A claim that jumps up, or stands apart from the estimate by more than both can be
wrong. A capacity that was edited inside the BMS: from one charge to the next, a percent of claimed state of charge is
worth another number of ampere-hours.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from packseal.estimate.readings import MS_PER_H, Reading
from packseal.estimate.robust import level

SOC_JUMP_CPCT = 2_000  # as EVENT 5 of docs/record.md
MOST_GAP_MS = 24 * MS_PER_H
LEAST_CLAIM_CPCT = 1_000  # a health below 10 % is a register nobody filled, not a claim
# a rise to 100 % by this much: health does not heal, and claims come in whole percent
NEW_CPCT, TO_NEW_CPCT = 9_950, 150
HEALTH_RISE_CPCT = 400  # against the highest of the last days; recalibrations of an honest BMS stay below
HELD_DAYS = 14
DAY_MS = 24 * MS_PER_H
APART_CPCT = 500  # beyond the 95 % interval of the estimate: the accuracy UN GTR 22 asks of a BMS
APART_MS = MS_PER_H
NORMAL_95 = 1.96
LEAST_SWING_CPCT = 3_000  # claims lag by a window and come in steps, which is a few percent of that
TO_LEARN, HELD = 5, 16
CAPACITY_CHANGE, CAPACITY_SCATTER, CAPACITY_IN_A_ROW = 0.12, 6.0, 2
SAME_CELSIUS = 8.0


@dataclass(frozen=True, slots=True)
class Finding:
    """what: "reset", "risen", "apart", "capacity"; before and now in the unit of what it is about."""

    what: str
    seq: int
    before: float
    now: float
    since_seq: int = 0
    limit: float = 0.0


@dataclass(slots=True)
class HealthClaim:
    """The highest claim of each of the last days that had one."""

    days: list[int] = field(default_factory=list)
    highest_cpct: list[int] = field(default_factory=list)
    last_cpct: int = 0
    last_seq: int = 0
    apart_ms: int = 0
    apart_seq: int = 0

    def add(self, reading: Reading) -> list[Finding]:
        """A rise to 100 % looks like a reset, and by enough of it like an inflated claim too: both are told, since
        nothing in the records says which it was."""
        claim = reading.soh_claim_cpct
        if claim is None or claim < LEAST_CLAIM_CPCT:
            return []
        day = reading.uptime_ms // DAY_MS
        known = max(self.highest_cpct, default=claim)
        rise, before_seq = claim - known, self.last_seq
        self._keep(day, claim)
        self.last_cpct, self.last_seq = claim, reading.seq
        seen = {"reset": claim >= NEW_CPCT and rise >= TO_NEW_CPCT, "risen": rise >= HEALTH_RISE_CPCT}
        return [Finding(what, reading.seq, known, claim, before_seq) for what, is_seen in seen.items() if is_seen]

    def _keep(self, day: int, claim: int) -> None:
        if self.days and self.days[-1] == day:
            self.highest_cpct[-1] = max(self.highest_cpct[-1], claim)
            return
        self.days = [*self.days, day][-HELD_DAYS:]
        self.highest_cpct = [*self.highest_cpct, claim][-HELD_DAYS:]

    def compare(self, reading: Reading, value_cpct: float, uncertainty_cpct: float) -> Finding | None:
        """With the estimate, when it has stood apart for APART_MS."""
        claim = reading.soh_claim_cpct
        if claim is None or claim < LEAST_CLAIM_CPCT:
            return None
        limit = NORMAL_95 * uncertainty_cpct + APART_CPCT
        if abs(claim - value_cpct) <= limit:
            self.apart_ms = 0
            return None
        if not self.apart_ms:
            self.apart_seq = reading.seq
        self.apart_ms += reading.duration_ms
        if self.apart_ms < APART_MS or self.apart_ms - reading.duration_ms >= APART_MS:
            return None
        return Finding("apart", self.apart_seq, value_cpct, claim, reading.seq, limit)


@dataclass(slots=True)
class ChargeClaim:
    """State of charge as claimed, against the charge that was counted."""

    rated_mah: float
    last_cpct: int = -1
    since_ms: int = 0
    flow_mah: float = 0.0
    swing_cpct: int = -1  # claim at which the present swing began
    swing_mah: float = 0.0
    swing_seq: int = 0
    swing_way: int = 0
    worths: list[float] = field(default_factory=list)  # mAh a full claimed charge is worth, of late swings
    celsius: list[float] = field(default_factory=list)
    odd: int = 0
    odd_seq: int = 0

    def add(self, reading: Reading) -> Finding | None:
        self.since_ms += reading.duration_ms + reading.gap_ms
        self.flow_mah += reading.flow_mah
        self.swing_mah += reading.flow_mah
        claim = reading.soc_claim_cpct
        if claim is None:
            return None
        jump = self._jump(reading, claim)
        before, self.last_cpct = self.last_cpct, claim
        self.since_ms, self.flow_mah = 0, 0.0
        if jump is not None:
            self._begin_swing(reading, claim)
            return jump
        if before < 0 or np.isnan(self.swing_mah):
            self._begin_swing(reading, claim)
            return None
        return self._swing(reading, claim)

    def _jump(self, reading: Reading, claim: int) -> Finding | None:
        if self.last_cpct < 0 or self.since_ms > MOST_GAP_MS or np.isnan(self.flow_mah):
            return None
        explained = 10_000 * self.flow_mah / self.rated_mah
        moved = claim - self.last_cpct
        if abs(moved - explained) < SOC_JUMP_CPCT or abs(moved) < SOC_JUMP_CPCT:
            return None
        return Finding("reset", reading.seq, self.last_cpct, claim)

    def _begin_swing(self, reading: Reading, claim: int) -> None:
        self.swing_cpct, self.swing_mah, self.swing_seq, self.swing_way = claim, 0.0, reading.seq, 0

    def _swing(self, reading: Reading, claim: int) -> Finding | None:
        """A swing goes on while the current keeps its sign; its end is weighed."""
        way = int(np.sign(reading.current_ma)) if abs(reading.current_ma) > self.rated_mah / 50 else 0
        if way in (0, self.swing_way):
            return None
        finding = self._weigh(reading, claim) if self.swing_way else None
        self._begin_swing(reading, claim)
        self.swing_way = way
        return finding

    def _weigh(self, reading: Reading, claim: int) -> Finding | None:
        moved = claim - self.swing_cpct
        # at the ends claims stand still while charge goes on
        is_inside = min(claim, self.swing_cpct) > 300 and max(claim, self.swing_cpct) < 9_700
        if abs(moved) < LEAST_SWING_CPCT or not is_inside:
            return None
        worth = 10_000 * self.swing_mah / moved
        if not 0.3 * self.rated_mah < worth < 2 * self.rated_mah:
            return None
        alike = [
            held for held, warm in zip(self.worths, self.celsius, strict=True)
            if not abs(warm - reading.celsius) > SAME_CELSIUS
        ]  # fmt: skip
        middle, scatter = level(alike) if len(alike) >= TO_LEARN else (worth, 0.0)
        if abs(worth - middle) <= max(CAPACITY_CHANGE * middle, CAPACITY_SCATTER * scatter):
            self.odd = 0
            self.worths = [*self.worths, worth][-HELD:]
            self.celsius = [*self.celsius, reading.celsius][-HELD:]
            return None
        self.odd += 1
        if self.odd == 1:
            self.odd_seq = self.swing_seq
        if self.odd < CAPACITY_IN_A_ROW:
            return None
        self.worths, self.celsius, self.odd = [], [], 0
        return Finding("capacity", self.odd_seq, middle, worth, reading.seq)
