"""Whether a state of health has gone up by more than both estimates can be wrong: cells do not heal.

Cells that rested long, or are warmer, give a percent or two back; and one estimate in forty is beyond its interval. So
the rise has to be beyond the joint 95 % interval and LEAST_RISE, several times in a row.
"""

from __future__ import annotations

from dataclasses import dataclass

LEAST_RISE = 0.02
NORMAL_95 = 1.96
IN_A_ROW = 3
FOLLOW = 0.15
LEAST_COUNT = 4


@dataclass(frozen=True, slots=True)
class Rise:
    first_seq: int
    last_seq: int
    before: float
    now: float
    joint_95: float


@dataclass(slots=True)
class HealthLevel:
    """Follows one source of estimates, in parts of rated capacity."""

    level: float = 0.0
    uncertainty: float = 0.0
    count: int = 0
    last_seq: int = 0
    in_a_row: int = 0

    def add(self, value: float, uncertainty: float, seq: int) -> Rise | None:
        joint = NORMAL_95 * float((uncertainty**2 + self.uncertainty**2) ** 0.5)
        if self.count >= LEAST_COUNT and value - self.level > max(joint, LEAST_RISE):
            self.in_a_row += 1
            if self.in_a_row < IN_A_ROW:
                return None
            rise = Rise(self.last_seq, seq, self.level, value, joint)
            self.level, self.uncertainty, self.count, self.in_a_row = value, uncertainty, 1, 0
            return rise
        self.in_a_row = 0
        share = max(1 / (self.count + 1), FOLLOW)
        self.level += share * (value - self.level)
        self.uncertainty += share * (uncertainty - self.uncertainty)
        self.count += 1
        self.last_seq = seq
        return None
