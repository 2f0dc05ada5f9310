"""Blocks that part from the others.

A block that leaks, or whose capacity falls faster, holds less and less charge than the others at one and the same
voltage of the pack. That imbalance is seen in rests (voltage against the others, times the charge per millivolt) and in
charges (how much sooner or later than the others a block passes a mark). It depends on where in the curve one looks, so
every mark of voltage has its own reference, which follows slowly; what is judged is how far from it a block has come.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from packseal.estimate.robust import median, sigma

F64 = npt.NDArray[np.float64]
F32 = npt.NDArray[np.float32]

MARK_MV = 50
FIRST_MARK_MV, MARKS = 1500, 64
FOLLOW = 1 / 40  # share of a look in what is a mark's own
FOLLOW_MS = 25 * 24 * 3_600_000  # so a leak of 0.05 % a day stands at 1.2 % of capacity, a kept balance at nothing
LEAST_LOOKS = 4  # of a mark, before it is a reference
LEAST_PART = 0.01  # of rated capacity: less harms no pack
TIMES_SCATTER = 6.0
IN_A_ROW, LEAST_MS = 3, 12 * 3_600_000
LEAST_STRETCH = 0.12  # of rated capacity: of less, the noise of both ends is too large a part
GROWTH = 0.2  # of the limit, between the first and the last of the row: what has jumped and stays does not drift
AWAY = 0.5  # of the limit, by which a drifting block has to be apart from the others too
LEAST_BLOCKS = 4


@dataclass(frozen=True, slots=True)
class Drifting:
    block: int
    part: float  # of rated capacity, less is negative; against the others and against its own reference
    limit: float
    since_ms: int
    since_seq: int


@dataclass(slots=True)
class Balance:
    """Imbalance of the blocks in parts of rated capacity, at marks of voltage."""

    blocks: int
    reference: F32 = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    looks: F64 = field(default_factory=lambda: np.zeros(MARKS))
    scatter: float = 0.0
    last_ms: int = -1
    row: F64 = field(default_factory=lambda: np.zeros(0))  # looks in a row beyond the limit, of each block
    row_part: F64 = field(default_factory=lambda: np.zeros(0))
    row_ms: F64 = field(default_factory=lambda: np.zeros(0))
    row_seq: F64 = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        if self.reference.shape != (MARKS, self.blocks):
            self.forget()

    def forget(self) -> None:
        self.reference = np.full((MARKS, self.blocks), np.nan, np.float32)
        self.looks = np.zeros(MARKS)
        self.scatter, self.last_ms = 0.0, -1
        self.row, self.row_part, self.row_ms, self.row_seq = np.zeros((4, self.blocks))

    def residual(self, marks: list[int], parts: F64, uptime_ms: int) -> F64 | None:
        """parts [blocks, marks]: imbalance at each mark. How far each block is from its reference, the mean over the
        marks that have one; None before any has. The references then follow."""
        parts = self._aligned(marks, parts)
        off = parts - self.reference[marks].T
        is_known = self.looks[marks] >= LEAST_LOOKS
        residual = None
        if is_known.any() and np.isfinite(off[:, is_known]).any():
            with np.errstate(invalid="ignore"):
                counts = np.isfinite(off[:, is_known]).sum(axis=1)
                residual = np.where(counts > 0, np.nansum(off[:, is_known], axis=1) / np.maximum(counts, 1), np.nan)
        self._follow(marks, parts, np.zeros(self.blocks) if residual is None else np.nan_to_num(residual), uptime_ms)
        return residual

    def stretch(self, marks: list[int], parts: F64, passed: F64) -> tuple[F64, float] | None:
        """How much more charge each block took from the first to the last mark that have a reference than it used to,
        [blocks] in parts of rated capacity, and how widely blocks differ in that. passed [marks]: what the mean block
        took. A block that did not pass all of them, as one that was put in fuller than the others, is told by those
        that it did. To be asked before `residual`."""
        known = [column for column, mark in enumerate(marks) if self.looks[mark] >= LEAST_LOOKS]
        if not known or passed[known[-1]] - passed[known[0]] < LEAST_STRETCH:
            return None
        usual = self.reference[[marks[column] for column in known]].T.astype(np.float64)
        off = self._aligned(marks, parts)[:, known] - usual
        came = np.isfinite(off)
        first, last = np.argmax(came, axis=1), off.shape[1] - 1 - np.argmax(came[:, ::-1], axis=1)
        rows, taken = np.arange(off.shape[0]), passed[known]
        is_long = came.any(axis=1) & (taken[last] - taken[first] >= LEAST_STRETCH)
        return np.where(is_long, off[rows, first] - off[rows, last], np.nan), sigma(usual[:, 0] - usual[:, -1])

    def _aligned(self, marks: list[int], parts: F64) -> F64:
        """Told against the same blocks as the references: at the first marks of a charge it is the emptier ones that
        pass, and the middle of those is not the middle of all."""
        shift = [median(column) for column in (parts - self.reference[marks].T).T]
        return parts - np.nan_to_num(shift)

    def _follow(self, marks: list[int], parts: F64, moved: F64, uptime_ms: int) -> None:
        """Charge that a block has lost is missing at all marks: all follow it alike, those too that the pack has not
        come to for weeks. What is left is the mark's own."""
        for column, mark in enumerate(marks):
            held, start = self.reference[mark], parts[:, column] - moved
            self.looks[mark] += 1
            share = max(1 / self.looks[mark], FOLLOW)
            fresh = np.where(np.isnan(held), start, held + share * (start - held))
            self.reference[mark] = np.where(np.isnan(start), held, fresh)
        if self.last_ms >= 0:
            self.reference += (min((uptime_ms - self.last_ms) / FOLLOW_MS, 1.0) * moved).astype(np.float32)
        self.last_ms = uptime_ms

    def drifting(self, residual: F64, parts: F64, seq: int, uptime_ms: int) -> list[Drifting]:
        """parts [blocks, marks]: imbalance as it is; of each block the highest mark that it came to counts. Only what
        leaks or shrinks is told: a block that comes nearer to the others by what it loses is one that the BMS balances,
        and where one comes to hold more, it is the others that are balanced."""
        if residual.size < LEAST_BLOCKS:
            return []
        others, scatter = median(residual), sigma(residual)
        self.scatter += 0.1 * (scatter - self.scatter)
        limit = max(TIMES_SCATTER * max(scatter, self.scatter), LEAST_PART)
        off = residual - others
        is_away = np.nan_to_num(_highest(parts)) < -AWAY * limit
        is_over = (np.nan_to_num(off) < -limit) & is_away
        begins = is_over & (self.row == 0)
        self.row = np.where(is_over, self.row + 1, 0)
        self.row_part = np.where(begins, off, self.row_part)
        self.row_ms = np.where(begins, uptime_ms, self.row_ms)
        self.row_seq = np.where(begins, seq, self.row_seq)
        growth = np.abs(off) - np.abs(self.row_part)
        found = (self.row >= IN_A_ROW) & (uptime_ms - self.row_ms >= LEAST_MS) & (growth > GROWTH * limit)
        return [
            Drifting(int(block), float(off[block]), limit, int(self.row_ms[block]), int(self.row_seq[block]))
            for block in np.flatnonzero(found)
        ]


def mark_of(voltage_mv: float) -> int:
    return min(max(int((voltage_mv - FIRST_MARK_MV) / MARK_MV + 0.5), 0), MARKS - 1)


def _highest(parts: F64) -> F64:
    """[blocks]: the last of each row that is known."""
    known = np.isfinite(parts)
    result: F64 = parts[np.arange(parts.shape[0]), parts.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)]
    return result
