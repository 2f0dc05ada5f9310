"""The rule by which a used pack is graded: one table of what each grade asks for, and why.

No standard grades used packs, so the limits are this rule's own choice, but for those whose reason names a source. A
criterion allows a grade, and the pack has the lowest that any of them allows. What is not known counts as the worst:
no pack gains by what is left out of its evidence. Each measured value counts by the unfavourable end of its interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

RULE_VERSION = "1"


class Grade(IntEnum):
    NONE = 0
    C = 1
    B = 2
    A = 3

    @property
    def text(self) -> str:
        return "not graded" if self is Grade.NONE else self.name


MEANINGS: Mapping[Grade, str] = MappingProxyType(
    {
        Grade.A: "fit for use as it is, and well proven",
        Grade.B: "fit for use, with less left or with less proof",
        Grade.C: "only after a test of your own of what is not met",
        Grade.NONE: "a criterion allows no grade, or is not known",
    }
)


@dataclass(frozen=True, slots=True)
class Criterion:
    """asks: what grades A, B and C ask for; "" where a grade asks for no more than the one before it. limits: the same
    as numbers, for those that are measured. floor: what it allows when no limit is met, and when it is not known."""

    key: str
    name: str
    asks: tuple[str, str, str]
    reason: str
    limits: tuple[float, ...] = ()
    is_more_better: bool = False
    floor: Grade = Grade.NONE

    def allows(self, found: float | None) -> Grade:
        """Of a measured criterion; None for what is not known."""
        if found is None:
            return self.floor
        for grade, limit in zip((Grade.A, Grade.B, Grade.C), self.limits, strict=False):
            if found >= limit if self.is_more_better else found <= limit:
                return grade
        return self.floor


CRITERIA = (
    Criterion(
        "real", "A real pack", ("neither simulated nor replayed", "", ""),
        "A simulator or a file can say anything.",
    ),
    Criterion(
        "verified", "Verified", ("all stored records are verified", "", ""),
        "A grade on altered records would be a grade of nothing.",
    ),
    Criterion(
        "status", "On the market", ("not waste, not only prepared", "", ""),
        "Waste is under other law, and who takes it needs a permit.",
    ),
    Criterion(
        "health", "Health, lower end", ("at least 90 %", "at least 80 %", "at least 65 %"),
        "90 % is what the law asks of a remanufactured pack (Regulation (EU) 2023/1542, Article 3); at 80 % many leave"
        " the vehicle; what is below 65 % is little for its weight.",
        (90.0, 80.0, 65.0), is_more_better=True,
    ),
    Criterion(
        "age", "Age of that health", ("90 d at most", "180 d at most", "365 d at most"),
        "A pack ages also while it stands.",
        (90.0, 180.0, 365.0),
    ),
    Criterion(
        "spread", "Spread of cell blocks, upper end", ("3 points at most", "6 points at most", "10 points at most"),
        "The weakest block ends every discharge; 3 points are what the law allows a remanufactured pack.",
        (3.0, 6.0, 10.0),
    ),
    Criterion(
        "resistance", "Resistance gained, upper end", ("30 % at most", "60 % at most", "any, also not known"),
        "It costs power and warmth, which a slow store can do without, and few passports say what it was when new.",
        (30.0, 60.0), floor=Grade.C,
    ),
    Criterion(
        "self_discharge", "Self-discharge, upper end",
        ("3 % in 30 days at most", "5 % in 30 days at most", "8 % in 30 days at most"),
        "More than sound cells lose can be a fault inside a cell.",
        (3.0, 5.0, 8.0),
    ),
    Criterion(
        "completeness", "Evidence is complete", ("at least 99 %", "at least 95 %", "at least 80 %"),
        "Of records and of time, the smaller share: what is missing may have been the worst.",
        (99.0, 95.0, 80.0), is_more_better=True,
    ),
    Criterion(
        "evidence_class", "Evidence class", ("class A or B", "class C", ""),
        "What is heard on a bus, others may have said; what is read from a file proves nothing.",
    ),
    Criterion(
        "alarms", "Second opinion", ("no alarm", "a note", "a warning"),
        "An alert says that earlier evidence may not be of this pack.",
    ),
)  # fmt: skip
ORDER_TEXT = (
    "A pack has the lowest grade that any criterion allows. What is not known or not shown counts as the worst, and a"
    " measured value by the unfavourable end of its interval."
)
