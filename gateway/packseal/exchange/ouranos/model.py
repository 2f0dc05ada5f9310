"""What is exchanged with the Ouranos ecosystem, in the wire form of no version.

Decides what a part, its structure, a request for its carbon footprint and the footprint itself are. How a version
writes them is in its own module (v1.py, v2.py); what may be sent of a parent is decided in structure.py. Identifiers
are the ecosystem's own (UUIDs that it mints); those that people know are corporate_number and open_plant_id.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

Identity: TypeAlias = tuple[str, str, str, str]


class Unit(StrEnum):
    """Of an amount of a part, and of what its footprint is told for."""

    LITER = "liter"
    KILOGRAM = "kilogram"
    CUBIC_METER = "cubic-meter"
    KILOWATT_HOUR = "kilowatt-hour"
    MEGAJOULE = "megajoule"
    TON_KILOMETER = "ton-kilometer"
    SQUARE_METER = "square-meter"
    PIECE = "unit"


@dataclass(frozen=True, slots=True)
class Operator:
    """global_id: what other data spaces call it (BPNL, LEI), None where it told none."""

    operator_id: str
    corporate_number: str
    name: str
    address: str
    global_id: str | None = None


@dataclass(frozen=True, slots=True)
class Plant:
    """plant_id: None until it is registered. open_plant_id: 6 to 26 characters, the last six digits."""

    plant_id: str | None
    operator_id: str
    open_plant_id: str
    name: str
    address: str
    global_id: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """trace_id: None until it is registered; whoever gets one keeps it. amount: of a child, for one unit of its parent;
    a parent has none. notes: three texts, of which the third holds the evidence anchor of a battery."""

    trace_id: str | None
    operator_id: str
    plant_id: str
    name: str
    support_name: str | None
    is_terminated: bool
    amount: Decimal | None = None
    unit: Unit | None = None
    label: str | None = None
    notes: tuple[str | None, str | None, str | None] = (None, None, None)

    @property
    def identity(self) -> Identity:
        """What a trace id is minted for: another of these is another part."""
        return self.operator_id, self.plant_id, self.name, self.support_name or ""

    def traced(self, trace_id: str | None) -> Part:
        return replace(self, trace_id=trace_id)


@dataclass(frozen=True, slots=True)
class Structure:
    """Two levels: a part, and the parts that it is made of."""

    parent: Part
    children: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Trade:
    """downstream asks, upstream answers with the part (upstream_trace_id) that it delivers as downstream_trace_id."""

    trade_id: str
    downstream_operator_id: str
    upstream_operator_id: str
    downstream_trace_id: str
    upstream_trace_id: str | None


class Answered(StrEnum):
    NOT_COMPLETED = "NOT_COMPLETED"
    COMPLETED = "COMPLETED"
    REJECT = "REJECT"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class Status:
    """Of a request. is_tree_terminated: whether all who are upstream have ended their trees. due: date, YYYY-MM-DD."""

    status_id: str
    trade_id: str
    answered: Answered | None
    is_tree_terminated: bool | None
    message: str | None
    reply: str | None
    due: str | None
    completed: int | None = None
    asked: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A trade that we asked for."""

    trade: Trade
    status: Status


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A trade that we are asked for; part: theirs, without its amount, which is theirs alone to know."""

    trade: Trade
    status: Status
    part: Part


@dataclass(frozen=True, slots=True)
class NewRequest:
    """due: date, YYYY-MM-DD, by which an answer is hoped for."""

    downstream_operator_id: str
    downstream_trace_id: str
    upstream_operator_id: str
    due: str
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """Representativeness of a footprint: technological (TeR), geographical (GeR), in time (TiR); None: not told."""

    technological: Decimal | None
    geographical: Decimal | None
    temporal: Decimal | None


@dataclass(frozen=True, slots=True)
class Footprint:
    """kgCO2e for one `unit` of the part: before production (pre) and in it (main), by the maker itself (own) and by the
    parts that it bought (bought). footprint_id: None until it is registered."""

    trace_id: str
    footprint_id: str | None
    unit: Unit
    own_pre: Decimal
    own_main: Decimal
    bought_pre: Decimal
    bought_main: Decimal
    pre_quality: Quality
    main_quality: Quality


@dataclass(frozen=True, slots=True)
class FootprintLine:
    """One line of what is told of a part. kind: such as preProduction or preProductionTotal. emission: kgCO2e, None
    where the supplier does not disclose it."""

    trace_id: str
    footprint_id: str | None
    kind: str
    unit: Unit
    emission: Decimal | None
    quality: Quality


@dataclass(frozen=True, slots=True)
class CertificationFile:
    file_id: str | None
    name: str | None
    operator_id: str | None


@dataclass(frozen=True, slots=True)
class Certification:
    """files: None where the supplier does not disclose them."""

    certification_id: str
    trace_id: str
    description: str | None
    files: tuple[CertificationFile, ...] | None


@dataclass(frozen=True, slots=True)
class Notice:
    """Of a change, to partners or to lists of partners, never to both. data_id: UUID of what it is about."""

    type_code: str
    type_name: str
    title: str
    content: str
    targets: tuple[str, ...] = ()
    target_lists: tuple[str, ...] = ()
    data_id: str | None = None
