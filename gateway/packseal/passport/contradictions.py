"""What a record cannot say without contradicting what its log has said before, though every signature holds.

Such a record stays in the log, counts as present and is named; no value of the passport rests on it. Decided here: a
counter that only goes up has fallen; a clock has run further than real time since a receipt that the board had in hand.
What runs back in time is no record of the log at all (records/log.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

DRIFT_PER_CENT = 5  # of a board's clock: a bad resonator, at the ends of its temperatures
SLACK_MS = 3_600_000  # what a receipt may have been old when the board noted it


class Contradiction(IntEnum):
    COUNTER_FELL = 1
    CLOCK_RAN_AHEAD = 2


WORDS = {
    Contradiction.COUNTER_FELL: "a counter that only goes up has fallen",
    Contradiction.CLOCK_RAN_AHEAD: "the board's clock has run further than time has passed",
}


def counter_fell(before: Sequence[int], now: Sequence[int]) -> bool:
    """In the order of bodies.COUNTERS; a record may give the first few alone."""
    return any(new < old for old, new in zip(before, now, strict=False))


def clock_ran_ahead(run_ms: int, passed_ms: int, clock_rate: int) -> bool:
    """run_ms: by the board's clock, since a receipt was noted; passed_ms: real time from that receipt to the next."""
    return run_ms > clock_rate * (passed_ms * (100 + DRIFT_PER_CENT) // 100 + SLACK_MS)
