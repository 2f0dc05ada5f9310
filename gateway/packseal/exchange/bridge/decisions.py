"""What only a person can say, and has said for one bridge: which names are one company, what a piece weighs, how a sum
is divided. Nothing else may be added to what the other ecosystem says; what is needed and is not here is a line of the
losses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from packseal.exchange.bridge.units import Product
from packseal.exchange.identifiers import Associations
from packseal.exchange.ouranos.model import Unit


class Share(StrEnum):
    """Whose an emission is taken to be that is told in one sum."""

    OWN = "own"  # all of it the maker's own processes
    PARTS = "parts"  # all of it the parts that went in


@dataclass(frozen=True, slots=True)
class Study:
    """What IDTA 02035-3 asks for beside the numbers. documents: as the handover documentation names them."""

    methods: tuple[str, ...] = ()
    performance_class: str | None = None
    documents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Certificate:
    """What io.catenax.pcf asks for of an attestation of conformance, and Ouranos does not say. kind: such as "PCF 3rd
    party verification". standard: that the footprint follows. scheme: by which it was verified. provider: who did.
    provider_id, link, completed_at: where they are known."""

    kind: str
    standard: str
    scheme: str
    provider: str
    provider_id: str | None = None
    link: str | None = None
    completed_at: str | None = None


@dataclass(frozen=True, slots=True)
class Decisions:
    """wanted_in_catena_x, wanted_in_ouranos: the unit to tell a footprint for, None for the one that it has.
    undivided: None where nobody has decided. certificates: by their id. trace_id: of the part in Ouranos. cfp_id: of
    the footprint that Ouranos has of it, None for a new one."""

    associations: Associations = field(default_factory=Associations)
    product: Product = field(default_factory=Product)
    study: Study = field(default_factory=Study)
    wanted_in_catena_x: str | None = None
    wanted_in_ouranos: Unit | None = None
    undivided: Share | None = None
    certificates: Mapping[str, Certificate] = field(default_factory=lambda: MappingProxyType({}))
    trace_id: str | None = None
    cfp_id: str | None = None
