"""What an exchange could not carry: each thing with why, and what a person has to do about it.

An exporter never invents a value: where a target asks for what the passport has not, or has no room for what it has,
a line here says so. The lines of one run are complete: each value of the passport is carried, or stands here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Json: TypeAlias = dict[str, object]


class Why(StrEnum):
    NO_SOURCE = "no-source"  # the target requires it, and nothing in the passport says it
    NO_PLACE = "no-place"  # the passport says it, and the target has no field for it
    COARSER = "coarser"  # carried with less than the passport says: digits, method, uncertainty
    WITHHELD = "withheld"  # the partner's rules keep it back
    UNFIT = "unfit"  # the passport says it in a form that the target does not take
    DECIDE = "decide"  # a person has to choose


@dataclass(frozen=True, slots=True)
class Loss:
    """field: path in the target, "" where there is none. key: of the passport's value, "" where there is none."""

    why: Why
    field: str
    key: str
    words: str

    def to_json(self) -> Json:
        return {"why": str(self.why), "field": self.field, "key": self.key, "words": self.words}


def missing_fields(losses: Iterable[Loss]) -> list[str]:
    """What the target requires and has no source, by path: a document that lacks these cannot be valid there."""
    return sorted({loss.field for loss in losses if loss.why is Why.NO_SOURCE})


def losses_text(losses: Iterable[Loss]) -> str:
    """One line each, for a person."""
    return "\n".join(f"{one.why:<10} {one.field or '-'}  {one.key or '-'}  {one.words}" for one in losses)
