"""Whether the blocks are still those that were there before.

No two blocks are alike: each has its resistance, its capacity and its place in the balance of the pack, in parts of the
others. Those proportions hardly move from day to day, whatever the pack does, and come out new when cells are
exchanged. Temperature does move resistances, but smoothly along the pack or from stack to stack; so what is compared is
the difference between neighbours, where that cancels except at the few edges of stacks.

Each trait learns its own day-to-day scatter, per pair of neighbours and over all. A look at which most pairs moved by
several times their scatter speaks for another pack; one at which those of a contiguous run did, for another module. One
look proves nothing: two have to agree, and not both by balance alone, which a BMS may change in a night.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from packseal.estimate.robust import MEDIAN_OF_SQUARES, median

F64 = npt.NDArray[np.float64]

LEAST_BLOCKS = 5
LOOKS_TO_LEARN, LEARN_MS = 8, 10 * 24 * 3_600_000  # ten days have most of what a pack does, and some weather
YOUNG = 6.0  # scatter that was learnt from few looks is taken as larger, as Student's t does
FOLLOW = 1 / 16  # share of a new look in what a pair is known by: ageing is followed, a swap is not
WILDEST = 9.0  # squared deviations beyond this count as this when scatter is learnt
# a healthy pair is beyond 3 once in 370 looks; half the pairs at once, and the median at 2.8 times its usual, never
PACK_MEDIAN, PACK_SHARE, PACK_BEYOND = 8.0, 0.35, 3.0
# a run counts by the mean of its squared deviations, each capped, so that one drifting block (two pairs) or an edge of
# a stack (one) cannot make a run of four
RUN_CAP, RUN_MEAN, RUN_LEAST, RUN_SHARE = 16.0, 9.5, 4, 0.6
VOTES_NEEDED, FEW_PAIRS, VOTES_OF_FEW = 2, 12, 3  # few pairs move together by chance more often
VOTE_LIFE_MS = 5 * 24 * 3_600_000
STALE_MS = 14 * 24 * 3_600_000  # a trait that has moved alone for so long is learnt anew: it was no swap


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one look. kind: "same", "pack", "module", or "learning"; blocks: [first, last] of a module."""

    kind: str
    blocks: tuple[int, int]
    pairs_moved: int
    pairs: int
    median_square: float


@dataclass(slots=True)
class Vote:
    trait: str
    kind: str
    blocks: tuple[int, int]
    seq: int
    uptime_ms: int
    pairs_moved: int
    pairs: int


@dataclass(slots=True)
class Trait:
    """Differences between neighbours of one proportion of the blocks. floor: scatter below which nothing is
    believed."""

    name: str
    floor: float
    count: int = 0
    first_ms: int = -1
    mean: F64 = field(default_factory=lambda: np.zeros(0))
    variance: F64 = field(default_factory=lambda: np.zeros(0))
    last_same_seq: int = 0
    first_odd_ms: int = -1

    def look(self, values: F64, uptime_ms: int) -> Verdict:
        """values [blocks], NaN where not known."""
        now = np.diff(values)
        if self.first_ms < 0:
            self.first_ms = uptime_ms
        if self.count < LOOKS_TO_LEARN or uptime_ms - self.first_ms < LEARN_MS:
            self._learn(now)
            return Verdict("learning", (0, 0), 0, now.size, 0.0)
        squares = (now - self.mean) ** 2 / self._scatter()
        verdict = _verdict(squares)
        if verdict.kind == "same":
            self._learn(now)
        return verdict

    def _scatter(self) -> F64:
        """Variance of each pair: half its own, half that of the usual pair, so that no pair is trusted too much."""
        usual = median(self.variance)
        result: F64 = np.maximum(0.5 * (self.variance + usual), self.floor**2) * (1 + YOUNG / self.count)
        return result

    def _learn(self, now: F64) -> None:
        if not self.mean.size:
            self.mean, self.variance = now.copy(), np.full(now.size, 2 * self.floor**2)
        off = now - self.mean
        share = max(1 / (self.count + 1), FOLLOW)
        wildest = WILDEST * np.maximum(self.variance, self.floor**2)
        square = np.minimum(off**2, wildest)
        known = np.isfinite(off)
        self.mean = np.where(known, self.mean + share * off, np.where(np.isnan(self.mean), now, self.mean))
        if self.count:
            self.variance = np.where(
                known, self.variance + max(share, FOLLOW) * (square - self.variance), self.variance
            )
        self.count += 1

    def forget(self) -> None:
        self.count, self.first_ms, self.first_odd_ms = 0, -1, -1
        self.mean = self.variance = np.zeros(0)


def _verdict(squares: F64) -> Verdict:
    known = np.isfinite(squares)
    pairs = int(known.sum())
    moved = int((squares[known] > PACK_BEYOND**2).sum())
    if pairs < LEAST_BLOCKS - 1:
        return Verdict("same", (0, 0), moved, pairs, 0.0)
    middle = median(squares) / MEDIAN_OF_SQUARES
    if middle > PACK_MEDIAN and moved > PACK_SHARE * pairs:
        return Verdict("pack", (0, squares.size), moved, pairs, middle)
    run = _run(np.minimum(np.nan_to_num(squares), RUN_CAP), squares > PACK_BEYOND**2)
    return Verdict("module" if run else "same", run or (0, 0), moved, pairs, middle)


def _run(capped: F64, beyond: npt.NDArray[np.bool_]) -> tuple[int, int] | None:
    """The blocks of the run of pairs that moved most; what has not moved inside a run counts against it. Pairs at both
    ends lie across the edge of a module, so a run of n pairs is n - 1 blocks, or n + 1 at an end of the pack."""
    score = np.concatenate(([0.0], np.cumsum(capped - RUN_MEAN * 0.6)))
    lowest, start, best = 0, 0, (0.0, 0, 0)
    for end in range(1, score.size):
        if score[end] - score[lowest] > best[0]:
            best = (float(score[end] - score[lowest]), lowest, end)
        if score[end] < score[lowest]:
            lowest = end
    _, start, end = best
    size = end - start
    if size < RUN_LEAST or capped[start:end].mean() < RUN_MEAN or beyond[start:end].mean() < RUN_SHARE:
        return None
    return (start + 1 if start else 0), (end - 1 if end < capped.size else end)


@dataclass(frozen=True, slots=True)
class Swap:
    """kind: "pack" or "module". votes agree; same_seq: the last record at which the blocks were still the old ones."""

    kind: str
    blocks: tuple[int, int]
    votes: tuple[Vote, ...]
    same_seq: int


@dataclass(slots=True)
class Fingerprint:
    resistance: Trait = field(default_factory=lambda: Trait("resistance", 0.01))
    share: Trait = field(default_factory=lambda: Trait("capacity", 0.004))
    balance: Trait = field(default_factory=lambda: Trait("balance", 0.002))
    votes: list[Vote] = field(default_factory=list)

    def look(self, trait: Trait, values: F64, seq: int, uptime_ms: int) -> Swap | None:
        """What a look at one trait adds up to with the looks before."""
        if values.size < LEAST_BLOCKS:
            return None
        verdict = trait.look(values, uptime_ms)
        if verdict.kind in ("same", "learning"):
            trait.last_same_seq, trait.first_odd_ms = seq, -1
            self.votes = [vote for vote in self.votes if vote.trait != trait.name]
            return None
        vote = Vote(trait.name, verdict.kind, verdict.blocks, seq, uptime_ms, verdict.pairs_moved, verdict.pairs)
        self.votes = [*[old for old in self.votes if uptime_ms - old.uptime_ms <= VOTE_LIFE_MS][-5:], vote]
        if trait.first_odd_ms < 0:
            trait.first_odd_ms = uptime_ms
        swap = self._swap()
        if swap is None and uptime_ms - trait.first_odd_ms > STALE_MS:
            trait.forget()
        return swap

    def _swap(self) -> Swap | None:
        new = self.votes[-1]
        agreeing = [vote for vote in self.votes if _agree(vote, new)]
        if len(agreeing) < (VOTES_OF_FEW if new.pairs < FEW_PAIRS else VOTES_NEEDED) or all(
            vote.trait == self.balance.name for vote in agreeing
        ):
            return None
        same = min(self._trait(vote.trait).last_same_seq for vote in agreeing)
        first = max(vote.blocks[0] for vote in agreeing)
        last = min(vote.blocks[1] for vote in agreeing)
        kind = "pack" if any(vote.kind == "pack" for vote in agreeing) else "module"
        return Swap(kind, (first, max(last, first)), tuple(agreeing), same)

    def _trait(self, name: str) -> Trait:
        return next(trait for trait in (self.resistance, self.share, self.balance) if trait.name == name)

    def forget(self) -> None:
        """Other blocks are there now: they are learnt from the start."""
        for trait in (self.resistance, self.share, self.balance):
            trait.forget()
        self.votes = []


def _agree(one: Vote, other: Vote) -> bool:
    """Two packs, or two runs that are mostly the same."""
    if one.kind != other.kind:
        return False
    if one.kind == "pack":
        return True
    first, last = max(one.blocks[0], other.blocks[0]), min(one.blocks[1], other.blocks[1])
    least = min(one.blocks[1] - one.blocks[0], other.blocks[1] - other.blocks[0]) + 1
    return 2 * (last - first + 1) >= least
