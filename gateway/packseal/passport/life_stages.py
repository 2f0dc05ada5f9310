"""Stages of a battery's life: what may follow what, the regulation's word for each, and when it is as good as new.

Regulation (EU) 2023/1542, Article 3 (preparation for re-use, repurposing, remanufacturing), Article 77(7) and (8),
Annex XIII 4(c); docs/record.md section 5.14.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packseal.errors import EvidenceError, Reason
from packseal.passport.words import number
from packseal.records.acts import Role
from packseal.records.statement_bodies import Stage

REMANUFACTURED_CAPACITY_CPCT = 9_000  # at least, of rated capacity
REMANUFACTURED_SPREAD_CPCT = 300  # at most, between the strongest and the weakest cell block
SECOND_LIVES = frozenset({Stage.REUSED, Stage.REPURPOSED, Stage.REMANUFACTURED})
ON_THE_MARKET = SECOND_LIVES | {Stage.ORIGINAL, Stage.REPAIRED}
_IN_USE = frozenset({Stage.REPAIRED, Stage.REUSED, Stage.WASTE})
_WORDS = {
    Stage.ORIGINAL: "original",
    Stage.REUSED: "re-used",
    Stage.REPURPOSED: "repurposed",
    Stage.REMANUFACTURED: "remanufactured",
    Stage.WASTE: "waste",
    Stage.RECYCLED: "waste",
}


@dataclass(frozen=True, slots=True)
class Health:
    """What one test or one record says of the battery; spread_cpct is None where it does not say it."""

    source: str
    capacity_cpct: int
    spread_cpct: int | None


def status_word(stage: Stage, before: str | None) -> str | None:
    """Annex XIII 4(c). A repaired battery keeps the word that it had; one that is being prepared has none yet."""
    return _WORDS.get(stage, before)


def next_stages(stage: Stage, has_originals: bool, has_successors: bool) -> frozenset[Stage]:
    """What a STATUS may state now."""
    if stage is Stage.PREPARED:
        after = (SECOND_LIVES if has_originals else frozenset({Stage.ORIGINAL})) | {Stage.WASTE}
    else:
        after = _IN_USE if stage in ON_THE_MARKET else _ENDS[stage]
    return after & {Stage.WASTE, Stage.RECYCLED} if has_successors else after


def check_next(stage: Stage, to: Stage, has_originals: bool, has_successors: bool, role: Role) -> None:
    """Raises EvidenceError: WRONG_STAGE, WRONG_ROLE for RECYCLED by another than a recycler."""
    allowed = next_stages(stage, has_originals, has_successors)
    if to not in allowed:
        after = ", ".join(stage_word(one) for one in sorted(allowed)) or "nothing more"
        words = f"a battery that is {stage_word(stage)} does not become {stage_word(to)}; what can follow: {after}"
        raise EvidenceError(Reason.WRONG_STAGE, words)
    if to is Stage.RECYCLED and role is not Role.RECYCLER:
        words = f"a key of role {role.name.lower()} may not state that a battery is recycled; hand over to a recycler"
        raise EvidenceError(Reason.WRONG_ROLE, words)


def check_remanufactured(found: tuple[Health, ...]) -> None:
    """Everything that was found holds, and something was. Raises EvidenceError(UNFIT) with the number found."""
    if not found:
        words = "remanufactured needs a test by an assessor, or a record of its state of health as evidence"
        raise EvidenceError(Reason.UNFIT, words)
    for one in found:
        _check_health(one)


def stage_word(stage: Stage) -> str:
    return stage.name.lower()


def _check_health(one: Health) -> None:
    least, most = REMANUFACTURED_CAPACITY_CPCT, REMANUFACTURED_SPREAD_CPCT
    if one.capacity_cpct < least:
        found = f"{_percent(one.capacity_cpct)} of rated capacity by {one.source}"
        raise EvidenceError(Reason.UNFIT, f"remanufactured needs {_percent(least)} at least; found {found}")
    if one.spread_cpct is None:
        words = f"remanufactured needs the weakest and the strongest cell block; {one.source} does not say both"
        raise EvidenceError(Reason.UNFIT, words)
    if one.spread_cpct > most:
        found = f"{_percent(one.spread_cpct)} between cell blocks by {one.source}"
        raise EvidenceError(Reason.UNFIT, f"remanufactured allows a spread of {_percent(most)} at most; found {found}")


def _percent(cpct: int) -> str:
    return number(cpct, "%", 2)


_ENDS: Mapping[Stage, frozenset[Stage]] = {Stage.WASTE: frozenset({Stage.RECYCLED}), Stage.RECYCLED: frozenset()}
