"""One log with a BMS's claim, as claims.py shows it, and the naive counter beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CAPACITY, RESISTANCE = 1, 2  # docs/record.md, ESTIMATE
LEAST_SPAN_PCT = 1.0  # of the claimed state of charge; below it, a counter says nothing


@dataclass(frozen=True)
class Line:
    """One log. `seconds`, `soc_pct` and `moved_ah` are there where it is one of a bus. counted: (points of claimed
    charge, Ah by the counter); known: quantities that the board has a value of."""

    name: str
    pack: str
    claims_pct: tuple[float, ...]
    notes: tuple[str, ...]
    seconds: float | None = None
    soc_pct: tuple[float, float] = (0, 0)
    moved_ah: float = 0
    counted: tuple[tuple[float, float], ...] = ()
    known: frozenset[int] = frozenset()


def counter_text(moved_ah: float, span_pct: float, step_pct: float) -> str:
    if abs(span_pct) < LEAST_SPAN_PCT:
        return f"nothing: the claimed charge moved by {abs(span_pct):.1f} points"
    return f"{100 * moved_ah / span_pct:.0f} ± {abs(100 * moved_ah / span_pct**2 * step_pct):.0f} Ah"


def least_and_most(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)
