"""Begins and ends the faults of a run, each exactly once and in the order of time, and tells what became of each.

Nothing is silent: a fault that has no place on this bench, that its place refused, or whose time did not come is told
with the reason, as one that happened is. Time is an argument: the pack's seconds of this run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter

from packseal.errors import PackSealError
from packseal_hil.faults.actors import Actor
from packseal_hil.faults.kinds import RULES, Place, conflict, end_s, problem_of
from packseal_hil.readings import Fault

_ABSENT: Mapping[Place, str] = {
    Place.PLANT: "the pack on this bench is a real one; nobody lets it fail",
    Place.BMS: "no BMS is emulated on this bench; add [cell_simulator] to rig.toml",
    Place.BUS: "this bench has no bus that can be disturbed; add [[can]] to rig.toml",
    Place.TARGET: "the target's power is not ours to cut",
    Place.GATEWAY: "no gateway runs on this bench",
}


class What(StrEnum):
    BEGAN = "began"
    ENDED = "ended"
    NOT_INJECTED = "not injected"
    NOT_ENDED = "ended otherwise than asked"


@dataclass(frozen=True, slots=True)
class Happening:
    """at_s: when it was done, which is not before it was due. reason: "" for what went as asked."""

    at_s: float
    what: What
    fault: Fault
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Due:
    at_s: float
    is_begin: bool
    index: int


class Injector:
    """Of one run. Not for two threads."""

    def __init__(
        self,
        faults: Sequence[Fault],
        actors: Mapping[Place, Actor],
        told: Callable[[Happening], None] | None = None,
    ) -> None:
        """actors: of the places that this bench has. told: is called for each happening, in the order of time.

        Raises ValueError for faults that cannot be, or not together (kinds.py).
        """
        _check(faults)
        self.happenings: list[Happening] = []
        self._faults, self._actors, self._told = tuple(faults), actors, told
        self._due = sorted(_all_due(faults), key=attrgetter("at_s", "is_begin", "index"))  # ends come first
        self._active: set[int] = set()
        self._now_s = 0.0

    @property
    def next_s(self) -> float | None:
        """When the next one begins or ends, None when none does."""
        return self._due[0].at_s if self._due else None

    @property
    def active(self) -> tuple[Fault, ...]:
        return tuple(self._faults[index] for index in sorted(self._active))

    @property
    def problems(self) -> tuple[str, ...]:
        """What did not go as the script says, in words."""
        return tuple(f"{one.fault.kind} {one.what}: {one.reason}" for one in self.happenings if one.reason)

    def apply(self, now_s: float) -> None:
        """All that is due until now. What began and ended since the last call does both, one after the other.

        Raises ValueError for a time that goes back.
        """
        if not now_s >= self._now_s:
            raise ValueError(f"time goes on: {now_s} s after {self._now_s} s")
        self._now_s = now_s
        while self._due and self._due[0].at_s <= now_s:
            self._do(self._due.pop(0))

    def close(self) -> None:
        """The run is over: what has an end ends now, what was for good stays, what has not come is told."""
        due, self._due = self._due, []
        for one in due:
            if one.is_begin:
                self._tell(What.NOT_INJECTED, one.index, f"the run was over before {one.at_s:g} s")
            else:
                self._do(one)

    def _do(self, due: _Due) -> None:
        if due.is_begin:
            self._begin(due.index)
        elif due.index in self._active:
            self._end(due.index)

    def _begin(self, index: int) -> None:
        fault = self._faults[index]
        place = RULES[fault.kind].place
        if place not in self._actors:
            self._tell(What.NOT_INJECTED, index, _ABSENT[place])
            return
        try:
            self._actors[place].begin(fault)
        except (PackSealError, ValueError) as error:
            self._tell(What.NOT_INJECTED, index, str(error))
            return
        if RULES[fault.kind].lasts:
            self._active.add(index)
        self._tell(What.BEGAN, index)

    def _end(self, index: int) -> None:
        fault = self._faults[index]
        self._active.remove(index)
        try:
            self._actors[RULES[fault.kind].place].end(fault)
        except (PackSealError, ValueError) as error:
            self._tell(What.NOT_ENDED, index, str(error))
        else:
            self._tell(What.ENDED, index)

    def _tell(self, what: What, index: int, reason: str = "") -> None:
        happening = Happening(self._now_s, what, self._faults[index], reason)
        self.happenings.append(happening)
        if self._told:
            self._told(happening)


def _check(faults: Sequence[Fault]) -> None:
    for later, one in enumerate(faults):
        words = problem_of(one) or next((found for other in faults[:later] if (found := conflict(other, one))), "")
        if words:
            raise ValueError(f"fault {later + 1}, {one.kind}: {words}")


def _all_due(faults: Sequence[Fault]) -> list[_Due]:
    begins = [_Due(fault.at_s, True, index) for index, fault in enumerate(faults)]
    ends = [_Due(end_s(fault), False, index) for index, fault in enumerate(faults) if fault.for_s]
    return begins + ends
