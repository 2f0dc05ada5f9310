"""Companies, sites and parts, both ways: a name crosses as it is, or by an association that a person has stated.

Ouranos v1 knows a company as openOperatorId (in Japan its corporate number) and may note another name of it in
globalOperatorId; Catena-X knows it as a BPNL (CX-0010), a site as a BPNS. No name is made from another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from packseal.exchange.bridge.reading import at
from packseal.exchange.export import Builder, Path, UnfitError, pointer
from packseal.exchange.identifiers import Associations, bpnl, bpns, part_id
from packseal.exchange.loss import Json, Why

MAX_PARTS_NAME = 50  # Ouranos v1, PartsModel
PART: Path = ("identifiers", "manufacturerPartId")
PARTS_NAME: Path = ("parts", "partsName")


@dataclass(frozen=True, slots=True)
class _Named:
    """local, world: in Ouranos. theirs: in Catena-X. table: of the settings, where an association is stated."""

    what: str
    number: str
    local: Path
    world: Path
    theirs: Path
    table: str
    check: Callable[[str], str]
    in_catena_x: Callable[[Associations, str], str | None]
    in_ouranos: Callable[[Associations, str], str | None]


def _party_bpnl(associations: Associations, name: str) -> str | None:
    party = associations.party(name)
    return party.bpnl if party else None


def _party_operator(associations: Associations, name: str) -> str | None:
    party = associations.party(name)
    return party.operator if party else None


def _plant_bpns(associations: Associations, name: str) -> str | None:
    plant = associations.plant(name)
    return plant.bpns if plant else None


def _open_plant(associations: Associations, name: str) -> str | None:
    plant = associations.plant(name)
    return plant.open_plant_id if plant else None


_NAMED = (
    _Named(
        "company", "BPNL", ("operator", "openOperatorId"), ("operator", "operatorAttribute", "globalOperatorId"),
        ("identifiers", "manufacturerId"), "[[party]]", bpnl, _party_bpnl, _party_operator,
    ),
    _Named(
        "site", "BPNS", ("plant", "openPlantId"), ("plant", "plantAttribute", "globalPlantId"),
        ("identifiers", "uniqueFacilityIdentifier"), "[[plant]]", bpns, _plant_bpns, _open_plant,
    ),
)  # fmt: skip


def names_to_catena_x(builder: Builder, document: Json, associations: Associations) -> None:
    for named in _NAMED:
        _to_catena_x(builder, document, named, associations)
    _part(builder, document, PARTS_NAME, PART)


def names_to_ouranos(builder: Builder, document: Json, associations: Associations) -> None:
    for named in _NAMED:
        _to_ouranos(builder, document, named, associations)
    _part(builder, document, PART, PARTS_NAME, MAX_PARTS_NAME)


def _to_catena_x(builder: Builder, document: Json, named: _Named, associations: Associations) -> None:
    said = {path: one for path in (named.local, named.world) if (one := _text(document, path))}
    meant = {path: _theirs(one, named, associations) for path, one in said.items()}
    found = {one for one in meant.values() if one}
    if len(found) == 1:
        _put_theirs(builder, named, said, meant, found.pop())
        return
    words = (
        f"Ouranos and {named.table} of your settings name two: {', '.join(sorted(found))}; correct the wrong one"
        if found
        else f"which {named.what} of Catena-X ({named.number}) it is, follows from nothing; state it as a {named.table}"
    )
    for path in said:
        builder.lose(Why.DECIDE, named.theirs, pointer(path), words)


def _put_theirs(
    builder: Builder, named: _Named, said: dict[Path, str], meant: dict[Path, str | None], number: str
) -> None:
    """The name that is written, and what becomes of the names that led to it."""
    keys = [pointer(path) for path, one in meant.items() if one]
    builder.put_made(named.theirs, keys, number, "bridge:same" if number in said.values() else "decided:association")
    world = said.get(named.world)
    if world and world != number:
        words = f"Catena-X names a {named.what} by its {named.number} alone, here {number}"
        builder.lose(Why.NO_PLACE, named.theirs, pointer(named.world), words)


def _theirs(name: str, named: _Named, associations: Associations) -> str | None:
    try:
        return named.check(name)
    except UnfitError:
        return named.in_catena_x(associations, name)


def _to_ouranos(builder: Builder, document: Json, named: _Named, associations: Associations) -> None:
    number = _text(document, named.theirs)
    if not number:
        return
    key = pointer(named.theirs)
    try:
        builder.put_made(named.world, [key], named.check(number), "bridge:same")
    except UnfitError as error:
        builder.lose(Why.UNFIT, named.world, key, str(error))
        return
    local = named.in_ouranos(associations, number)
    if local:
        builder.put_made(named.local, [key], local, "decided:association")
    else:
        words = f"which {named.what} of Ouranos it is, follows from nothing; state it as a {named.table}"
        builder.lose(Why.DECIDE, named.local, key, words)


def _part(builder: Builder, document: Json, here: Path, there: Path, most: int | None = None) -> None:
    name = _text(document, here)
    if not name:
        return
    try:
        if most and len(name) > most:
            raise UnfitError(f"{len(name)} characters; at most {most} are taken there")
        builder.put_made(there, [pointer(here)], part_id(name), "bridge:same")
    except UnfitError as error:
        builder.lose(Why.UNFIT, there, pointer(here), str(error))


def _text(document: Json, path: Path) -> str | None:
    found = at(document, path)
    return found if isinstance(found, str) and found else None
