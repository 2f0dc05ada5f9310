"""Who manufactured a battery and where, as Catena-X names them: business partner numbers, by CX-0160 1.1.0 section 3.

Decides which number stands there: the one that the passport states, else the one that a person has stated to be the
same company's or site's (exchange/identifiers.py). A number of another kind is never taken for it.
"""

from __future__ import annotations

from packseal.exchange.aspects.forms import take_part
from packseal.exchange.export import Builder, Converted, Field, UnfitError, text
from packseal.exchange.identifiers import Identifiers, bpnl, bpns
from packseal.exchange.loss import Why
from packseal.exchange.source import Content

MANUFACTURER = "manufacturer_id"
FACILITY = "facility_id"


def legal_entity(content: Content) -> Converted:
    return bpnl(text(content))


def site(content: Content) -> Converted:
    return bpns(text(content))


def take_manufacturer(builder: Builder, line: Field, identifiers: Identifiers | None) -> None:
    """line: with part("id", legal_entity)."""
    named = identifiers.manufacturer.bpnl if identifiers else None
    if not _stand_in(builder, line, named):
        take_part(builder, "id", line)


def take_facility(builder: Builder, line: Field, identifiers: Identifiers | None) -> None:
    """line: with site."""
    named = identifiers.plant.bpns if identifiers and identifiers.plant else None
    if not _stand_in(builder, line, named):
        builder.take(line)


def _stand_in(builder: Builder, line: Field, named: str | None) -> bool:
    """Writes the number that a person has stated, where the passport has none that fits and the partner may be told it.
    -> whether that settles it."""
    if named is None or _fits(builder, line):
        return False
    if builder.name(line.path, (line.key,), named) and line.key in builder.source.values:
        words = f"{named} stands here, which was stated to be the same; the passport does not name it"
        builder.lose(Why.COARSER, line.path, line.key, words)
    return True


def _fits(builder: Builder, line: Field) -> bool:
    value = builder.source.values.get(line.key)
    if value is None or value.content is None:
        return False
    try:
        line.convert(value.content)
    except UnfitError:
        return False
    return True
