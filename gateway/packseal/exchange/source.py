"""What leaves for an ecosystem is made of this: the values of one passport, each with its unit, origin and proof.

A partner's rules (rules.py) cut a source down before anything is made of it, so whatever a target is given may leave.
What a value is called, its unit and its access group are those of docs/attributes.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from packseal.exchange.loss import Loss

NAMED_ELSEWHERE = frozenset({"manufacturer_id", "facility_id", "operator_id", "model_id", "serial_number"})
"""Keys of what has names in other ecosystems too (identifiers.py): a number of the maker says who the maker is."""
Content: TypeAlias = "str | int | bool | Decimal | list[Content] | dict[str, Content]"


class Origin(StrEnum):
    """Whose word a value is."""

    MEASURED = "measured"  # a signed record of a board
    DERIVED = "derived"  # from a record and a statement, by a rule of this product
    STATED = "stated"  # a signed statement of the person or company named
    LIFE = "life"  # follows from acts of the life cycle
    SERVICE = "service"  # the settings of who runs the passport service


@dataclass(frozen=True, slots=True)
class Interval:
    """About 95 % either way, in the value's unit."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Bound:
    """All that a partner is told of a value: it is at least, or at most, this."""

    limit: Decimal
    is_at_least: bool


@dataclass(frozen=True, slots=True)
class Value:
    """content: None where only `bound` is told. unit: by UCUM. record: log id as hex, seq. statement: digest as hex.
    made_unix_ms: not later than this. details: what else the value's line of the passport says, such as "charge".
    rule: id of the partner's rule by which it may leave, "" where no partner is asked for. is_coarser: the rule took
    digits away."""

    key: str
    content: Content | None
    unit: str
    group: int
    origin: Origin
    bound: Bound | None = None
    method: str | None = None
    standard_uncertainty: Decimal | None = None
    interval: Interval | None = None
    record: tuple[str, int] | None = None
    statement: str | None = None
    made_unix_ms: int | None = None
    evidence_class: str | None = None
    details: Mapping[str, Content] = field(default_factory=dict)
    rule: str = ""
    is_coarser: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """Attached to a statement; its bytes are elsewhere."""

    sha256: str
    name: str
    media_type: str
    size_bytes: int
    group: int


@dataclass(frozen=True, slots=True)
class LogEnd:
    """A log of the battery as the service stored it: what every measured value can be checked against."""

    log_id: str
    size: int
    root: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """passport: its public name. category: EV, LMT, SBESS or other_industrial, None where it may not be told. status:
    the word of Annex XIII 4(c), None before the battery is on the market or where it may not be told. withheld: what a
    partner's rules kept back. unnamed: keys of NAMED_ELSEWHERE of which names told beside the passport may say nothing
    either."""

    passport: str
    battery: str
    category: str | None
    status: str | None
    as_of_unix_ms: int
    values: Mapping[str, Value]
    files: Mapping[str, File] = field(default_factory=lambda: MappingProxyType({}))
    logs: tuple[LogEnd, ...] = ()
    is_simulated: bool = False
    partner: str = ""
    withheld: tuple[Loss, ...] = ()
    unnamed: frozenset[str] = frozenset()

    def with_values(self, values: Mapping[str, Value], withheld: tuple[Loss, ...]) -> Source:
        return replace(self, values=values, withheld=(*self.withheld, *withheld))
