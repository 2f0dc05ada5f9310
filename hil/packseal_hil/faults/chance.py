"""Faults by chance: the same seed, the same list.

They come at any time of a run, last for a part of it, and are all over when it ends, so that what follows is a pack, a
bus and a board without faults. None is drawn that conflicts with one before it (kinds.conflict).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from packseal_hil.faults.kinds import MAX_FAULTS, RULES, Amount, Where, conflict
from packseal_hil.readings import Fault, FaultKind

MEAN_EVERY_S = 3_600.0
LONGEST_PART = 0.1  # of a run, that one fault lasts
_TRIES = 20  # for one that conflicts with none: in a run that is full of faults there may be none


@dataclass(frozen=True, slots=True)
class Extent:
    """What chance may choose from. dialects: those of the BMS but the one that the board knows."""

    cell_blocks: int = 1
    sensors: int = 1
    dialects: tuple[str, ...] = ("cells-2",)


def random_faults(
    seed: int,
    duration_s: float,
    kinds: Sequence[FaultKind] = tuple(FaultKind),
    extent: Extent = Extent(),
    every_s: float = MEAN_EVERY_S,
) -> tuple[Fault, ...]:
    """In the order of time, on average one in every_s. Raises ValueError for a run of less than a second, for more
    than MAX_FAULTS, and without kinds to choose from."""
    if not (math.isfinite(duration_s) and duration_s >= 1 and every_s > 0 and kinds):
        raise ValueError("chance needs a run of a second or more, an average distance above 0, and a kind at least")
    if duration_s / every_s > MAX_FAULTS:
        raise ValueError(f"a run has at most {MAX_FAULTS} faults; let every_s be {duration_s / MAX_FAULTS:.3g} or more")
    chance = random.Random(seed)  # noqa: S311 - faults that can be had again, no secret
    faults: list[Fault] = []
    for _ in range(max(1, round(duration_s / every_s))):
        for _ in range(_TRIES):
            drawn = _one(chance, duration_s, sorted(kinds), extent)
            if not any(conflict(drawn, fault) for fault in faults):
                faults.append(drawn)
                break
    return tuple(sorted(faults, key=lambda fault: fault.at_s))


def _one(chance: random.Random, duration_s: float, kinds: Sequence[FaultKind], extent: Extent) -> Fault:
    kind = chance.choice(kinds)
    rule = RULES[kind]
    at_s = round(chance.uniform(0, 0.9 * duration_s), 3)
    longest_s = min(LONGEST_PART * duration_s, duration_s - at_s)
    for_s = round(chance.uniform(longest_s / 100, longest_s), 3) if rule.lasts else 0.0
    if rule.lasts and at_s + for_s > duration_s:  # by rounding
        for_s = math.floor(1000 * (duration_s - at_s)) / 1000
    where = _where(chance, rule.where, extent)
    return Fault(at_s, kind, where, _amount(chance, rule.amount) if rule.amount else 0.0, for_s)


def _where(chance: random.Random, where: Where, extent: Extent) -> str:
    block = str(chance.randrange(extent.cell_blocks))
    if where is Where.BLOCK:
        return block
    if where is Where.BLOCK_OR_ALL:
        return chance.choice([block, ""])
    if where is Where.SENSOR:
        return chance.choice([block, "current", f"temperature {chance.randrange(extent.sensors)}"])
    return chance.choice(extent.dialects) if where is Where.DIALECT else ""


def _amount(chance: random.Random, rule: Amount) -> float:
    low, high = rule.usual
    is_wide = low > 0 and high > 10 * low
    size = math.exp(chance.uniform(math.log(low), math.log(high))) if is_wide else chance.uniform(low, high)
    size = min(max(round(size), low), high) if rule.is_whole else min(max(round(size, 3), low), high)
    return float(size if not rule.is_signed or chance.random() < 0.5 else -size)
