"""Whether the blocks are still those that were there before.

No two blocks are alike: each has its resistance, its capacity and its place in the balance of the pack, in parts of the
others. Those proportions hardly move from day to day, whatever the pack does, and come out new when cells are
exchanged. Temperature does move resistances, but smoothly along the pack or from stack to stack; so what is compared is
the difference between neighbours, where that cancels except at the few edges of stacks.

Each pair of neighbours is asked how much likelier its looks are if it was exchanged (it may then be anywhere in the
spread that the pack's own pairs show) than if it was not (it is within its day-to-day scatter): log likelihood ratios,
added up over the traits, over a run of neighbours and over the looks since any of the last ones, whichever run and
beginning give most (Page, Biometrika 41, 100, 1954; Lorden, Ann. Math. Stat. 42, 1897, 1971). So a trait that scatters
as widely as the blocks differ says nothing, one that is sharp says much, and looks too weak for an alarm add up to one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from packseal.estimate.robust import MEDIAN_OF_SQUARES, median, sigma

F64 = npt.NDArray[np.float64]

LEAST_BLOCKS = 5
LOOKS_TO_LEARN, LEARN_MS = 8, 10 * 24 * 3_600_000  # ten days have most of what a pack does, and some weather
YOUNG = 6.0  # scatter that was learnt from few looks is taken as larger, as Student's t does
FOLLOW = 1 / 16  # share of a new look in what a pair is known by: ageing is followed, a swap is not
WILDEST = 9.0  # squared deviations beyond this count as this when scatter is learnt
CALMER = 0.97  # what is left, a look later, of how wild all pairs were together
MOST_WILD = 2.0  # nor is a swap that has not been noticed yet taken for wildness
COMMON = 0.5  # of a look's variance, that looks of one or two days share: they do not average out
MOST_PAIR, LEAST_PAIR = 4.0, -1.0  # log likelihood ratio of one pair by one trait: tails are heavier than normal ones
# odds of e^7, a thousand to one, are asked for beyond those of picking one run out of all: a pack is looked at some
# 3,000 times a year, but its looks hang together
ENOUGH, HELD_BACK = 7.0, 4.0  # HELD_BACK: from here on what is seen is not learnt
BALANCE_SPREAD = 0.005  # of rated capacity: about so well modules are matched when they are put in
SECOND = 5.0  # at least, by each of two traits: odds of 150 to 1
RUN_LEAST, RUN_SHARE = 4, 0.6  # pairs; one drifting block moves two of them, and an edge of a stack one
# what tells a pack from a module: few pairs are left beside the run, or they are not as before either; pairs that are,
# add up to -1 to -2.5 each
MOST_OTHERS, LEAST_OTHER = 0.3, -0.5
LOOKS_NEEDED = 2  # one look proves nothing
RECENT_MS, MOST_RECENT = 2 * 24 * 3_600_000, 16  # a swap that two days have not shown, is shown by later ones
STALE_MS = 14 * 24 * 3_600_000  # what has been odd for so long without becoming a swap is learnt anew


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
    wild: float = 1.0  # how much more all pairs scattered together than each by itself, in squares
    odd_ms: int = -1  # since when looks are held back

    def is_learning(self, uptime_ms: int) -> bool:
        return self.count < LOOKS_TO_LEARN or uptime_ms - self.first_ms < LEARN_MS

    def scatter(self) -> F64:
        """Variance of each pair: half its own, half that of the usual pair, so that no pair is trusted too much."""
        usual = median(self.variance)
        own = np.maximum(0.5 * (self.variance + usual), self.floor**2)
        result: F64 = own * (1 + YOUNG / self.count) * self.wild
        return result

    def learn(self, now: F64, uptime_ms: int) -> None:
        if not self.mean.size:
            self.first_ms = uptime_ms
            self.mean, self.variance = now.copy(), np.full(now.size, 2 * self.floor**2)
        off = now - self.mean
        if not self.is_learning(uptime_ms):
            together = median(off**2 * self.wild / self.scatter()) / MEDIAN_OF_SQUARES
            self.wild = max(1.0, 1 + CALMER * (self.wild - 1), min(float(np.nan_to_num(together)), MOST_WILD))
        share = max(1 / (self.count + 1), FOLLOW)
        wildest = WILDEST * np.maximum(self.variance, self.floor**2)
        square = np.minimum(off**2, wildest)
        known = np.isfinite(off)
        self.mean = np.where(known, self.mean + share * off, np.where(np.isnan(self.mean), now, self.mean))
        if self.count:
            self.variance = np.where(known, self.variance + share * (square - self.variance), self.variance)
        self.count += 1

    def forget(self) -> None:
        self.count, self.first_ms, self.wild, self.odd_ms = 0, -1, 1.0, -1
        self.mean = self.variance = np.zeros(0)


@dataclass(slots=True)
class Seen:
    """One look: how far each pair is from what it is known by, and how widely pairs of this pack differ at such a look.
    moved: pairs beyond 3 times their scatter."""

    trait: str
    off: F64
    spread: float
    moved: int
    pairs: int
    seq: int
    uptime_ms: int


class _Sum:
    """Looks at one trait so far, and the log likelihood ratio of each pair: exchanged, against as before."""

    def __init__(self, scatter: F64) -> None:
        self._scatter = scatter
        self.looks, self._off, self._squares = 0, np.zeros(scatter.size), 0.0
        self.ratio: F64 = np.zeros(scatter.size)

    def add(self, look: Seen) -> None:
        self.looks += 1
        self._off = self._off + look.off
        self._squares += look.spread**2
        scatter = self._scatter * (COMMON + (1 - COMMON) / self.looks)
        change = 2 * self._squares / self.looks  # the spread of the old pair and of the new one
        part = change / (change + scatter)
        ratio = 0.5 * (self._off / self.looks) ** 2 / scatter * part + 0.5 * np.log1p(-part)
        self.ratio = np.clip(np.nan_to_num(ratio), LEAST_PAIR, MOST_PAIR)


@dataclass(frozen=True, slots=True)
class Swap:
    """kind: "pack" or "module". looks show it; same_seq: the last record at which the blocks were the old ones."""

    kind: str
    blocks: tuple[int, int]
    looks: tuple[Seen, ...]
    same_seq: int


@dataclass(frozen=True, slots=True)
class Run:
    """Pairs [start, end) and what they add up to, beyond the odds of picking this run. is_all: nor do the other pairs
    speak for being as before."""

    start: int
    end: int
    evidence: float
    is_all: bool = False


@dataclass(slots=True)
class Fingerprint:
    # floors: what a window's rounding to 1 mV, and self-heating, leave in the best of packs; 1 % of the median
    # resistance, 0.2 % of rated capacity
    resistance: Trait = field(default_factory=lambda: Trait("resistance", 0.01))
    share: Trait = field(default_factory=lambda: Trait("capacity", 0.002))
    charge_balance: Trait = field(default_factory=lambda: Trait("balance in charges", 0.002))
    rest_balance: Trait = field(default_factory=lambda: Trait("balance in rests", 0.002))
    recent: list[Seen] = field(default_factory=list)
    older_seq: int = 0  # of the newest look that is not among them any more

    def look(self, trait: Trait, values: F64, seq: int, uptime_ms: int, spread: float | None = None) -> Swap | None:
        """What a look at one trait, [blocks] with NaN where not known, adds up to with the looks before. spread: of
        the blocks in it, where values are told against what is usual; None where they are told themselves."""
        now = np.diff(values)
        if values.size < LEAST_BLOCKS or not np.isfinite(now).any():
            return None
        if trait.is_learning(uptime_ms):
            trait.learn(now, uptime_ms)
            return None
        between = sigma(trait.mean) if spread is None else spread * float(np.sqrt(2))
        self._remember(trait, now - trait.mean, between, seq, uptime_ms)
        run, begin = self._best()
        if run.evidence >= ENOUGH:
            return self._swap(run, begin, values.size)
        self._learn(trait, now, uptime_ms)
        return None

    def _learn(self, trait: Trait, now: F64, uptime_ms: int) -> None:
        """What may be other blocks is held back, or they would soon be the usual ones."""
        alone = _Sum(trait.scatter())
        alone.add(self.recent[-1])
        start, end = _best_run(alone.ratio)
        if end - start < RUN_LEAST or alone.ratio[start:end].sum() < HELD_BACK:
            trait.learn(now, uptime_ms)
            trait.odd_ms = -1
        elif trait.odd_ms < 0:
            trait.odd_ms = uptime_ms
        elif uptime_ms - trait.odd_ms > STALE_MS:
            trait.forget()
            self.recent = [look for look in self.recent if look.trait != trait.name]

    def _remember(self, trait: Trait, off: F64, spread: float, seq: int, uptime_ms: int) -> None:
        moved = int((off**2 > 9 * trait.scatter()).sum())
        looks = [*self.recent, Seen(trait.name, off, spread, moved, int(np.isfinite(off).sum()), seq, uptime_ms)]
        kept = [look for look in looks if uptime_ms - look.uptime_ms <= RECENT_MS][-MOST_RECENT:]
        if len(kept) < len(looks):
            self.older_seq = looks[-len(kept) - 1].seq
        self.recent = kept

    def _best(self) -> tuple[Run, int]:
        """The run that was exchanged if any was, and the look at which that shows first."""
        best, best_begin = Run(0, 0, 0.0), 0
        sums = {trait.name: _Sum(trait.scatter()) for trait in self._traits() if trait.count}
        for begin in range(len(self.recent) - 1, -1, -1):
            sums[self.recent[begin].trait].add(self.recent[begin])
            run = self._run(sums) if len(self.recent) - begin >= LOOKS_NEEDED else None
            if run and run.evidence > best.evidence:
                best, best_begin = run, begin
        return best, best_begin

    def _traits(self) -> tuple[Trait, ...]:
        return self.resistance, self.share, self.charge_balance, self.rest_balance

    def _run(self, sums: Mapping[str, _Sum]) -> Run | None:
        """Two traits have to speak for it, each by itself: balance alone a BMS may change in a night, and one odd
        charge can make all blocks seem to differ."""
        ratios = np.array(self._by_trait(sums))
        whole = ratios.sum(axis=0)
        start, end = _best_run(whole)
        if end - start < RUN_LEAST or (whole[start:end] > 0).mean() < RUN_SHARE:
            return None
        by_trait = sorted(float(ratio[start:end].sum()) for ratio in ratios)
        if len(by_trait) < 2 or by_trait[-2] < SECOND:
            return None
        others = np.concatenate((whole[:start], whole[end:]))
        is_all = others.size <= MOST_OTHERS * whole.size or float(others.mean()) > LEAST_OTHER
        return Run(start, end, float(whole[start:end].sum() - 2 * np.log(whole.size)), is_all)

    def _by_trait(self, sums: Mapping[str, _Sum]) -> list[F64]:
        """Balance in charges and in rests is one and the same thing, seen twice."""
        lasting = [sums[trait.name].ratio for trait in (self.resistance, self.share) if trait.name in sums]
        both = [sums[trait.name] for trait in (self.charge_balance, self.rest_balance) if trait.name in sums]
        balance = [known.ratio for known in both if known.looks]
        return [*lasting, np.mean(balance, axis=0)] if balance else lasting

    def _swap(self, run: Run, begin: int, blocks: int) -> Swap:
        """Pairs at both ends of a run lie across the edges of a module, so n pairs are n - 1 blocks, or n at an end of
        the pack."""
        looks = tuple(self.recent[begin:])
        same_seq = self.recent[begin - 1].seq if begin else self.older_seq
        if run.is_all:
            return Swap("pack", (0, blocks - 1), looks, same_seq)
        first = run.start + 1 if run.start else 0
        last = run.end - 1 if run.end < blocks - 1 else run.end
        return Swap("module", (first, last), looks, same_seq)

    def forget(self) -> None:
        """Other blocks are there now: they are learnt from the start."""
        for trait in self._traits():
            trait.forget()
        self.recent = []


def _best_run(ratios: F64) -> tuple[int, int]:
    """[start, end) of the neighbours whose sum is greatest."""
    sums = np.concatenate(([0.0], np.cumsum(ratios)))
    lowest = np.minimum.accumulate(sums)
    end = int(np.argmax(sums - lowest))
    return int(np.argmin(sums[: end + 1])), end
