"""Every form in which a passport leaves for a partner, by its name, and what making one takes beside the source.

Decides nothing of the forms themselves. What a battery and its maker are called elsewhere stands in no passport: it is
told (Named), and a form that cannot be made without it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from packseal.exchange import en18223, service_word, table
from packseal.exchange.aas import environment
from packseal.exchange.aspects import (
    carbon_footprint,
    circularity,
    evidence,
    handover,
    material_composition,
    nameplate,
    product_condition,
    technical_data,
)
from packseal.exchange.export import Export, Target, UnfitError
from packseal.exchange.identifiers import Identifiers
from packseal.exchange.legacy import battery_pass, consortium, product_passport
from packseal.exchange.named import Named
from packseal.exchange.ouranos import battery
from packseal.exchange.source import Source

Make: TypeAlias = Callable[[Source, Named], Export]


@dataclass(frozen=True, slots=True)
class Made:
    """make: raises UnfitError where what is told does not suffice. ecosystem: whose form it is, in a word for users."""

    target: Target
    ecosystem: str
    make: Make


def _plain(make: Callable[[Source], Export]) -> Make:
    return lambda source, _named: make(source)


def _identifiers(named: Named) -> Identifiers:
    if named.identifiers is None:
        raise UnfitError("this form names the maker and the part; tell their identifiers")
    return named.identifiers


def _of_ouranos(source: Source, named: Named) -> Export:
    minted = named.identifiers.trace_id if named.identifiers else None
    return battery.make(source, battery.Told(trace_id=minted))


_MADE = (
    Made(product_condition.TARGET, "Catena-X", _plain(product_condition.make)),
    Made(
        nameplate.TARGET, "Catena-X",
        lambda source, named: nameplate.make(source, named.link, named.identifiers),
    ),
    Made(
        technical_data.TARGET, "Catena-X",
        lambda source, named: technical_data.make(source, named.identifiers),
    ),
    Made(material_composition.TARGET, "Catena-X", _plain(material_composition.make)),
    Made(carbon_footprint.TARGET, "Catena-X", _plain(carbon_footprint.make)),
    Made(circularity.TARGET, "Catena-X", _plain(circularity.make)),
    Made(handover.TARGET, "Catena-X", _plain(handover.make)),
    Made(evidence.TARGET, "PackSeal", lambda source, named: evidence.make(source, named.link)),
    Made(
        battery_pass.TARGET, "Catena-X, before CX-0160",
        lambda source, named: battery_pass.make(source, _identifiers(named), named.operator),
    ),
    Made(
        product_passport.TARGET, "Catena-X, before CX-0160",
        lambda source, named: product_passport.make(source, _identifiers(named), named.operator),
    ),
    Made(battery.TARGET, "Ouranos", _of_ouranos),
    Made(
        environment.TARGET, "IDTA",
        lambda source, named: environment.make(source, named.link, named.identifiers),
    ),
    Made(
        consortium.TARGET, "Battery Pass",
        lambda source, named: consortium.make(source, _identifiers(named), named.operator),
    ),
    Made(
        consortium.TARGET_1_2_0, "Battery Pass",
        lambda source, named: consortium.make_1_2_0(source, _identifiers(named), named.operator),
    ),
    Made(
        en18223.TARGET, "CEN-CENELEC",
        lambda source, named: en18223.make(source, _identifiers(named), named.operator),
    ),
    Made(service_word.TARGET, "any", _plain(service_word.make)),
    Made(table.TARGET, "any", _plain(table.make)),
)  # fmt: skip

TARGETS: Mapping[str, Made] = MappingProxyType({made.target.id: made for made in _MADE})


def forms() -> tuple[Made, ...]:
    """In the order of the documentation."""
    return _MADE
