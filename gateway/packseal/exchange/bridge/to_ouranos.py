"""From Catena-X to Ouranos v1: two stages become the four emissions that `cfp` takes, where a person has said how.

In: {"carbonFootprint": …, "pcf": …, "identifiers": …}: the aspect of IDTA 02035-3 1.0, a footprint of io.catenax.pcf
9.0.0 and what the twin registry calls the battery, each where it is at hand. Out: {"cfp": […], "cfpCertification": […],
"operator": …, "plant": …, "parts": …}. Ouranos divides a stage between the maker and its parts, Catena-X does not: a
person says whose it is (Decisions.undivided); an emission of 0 is written for the other by that word alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from packseal.exchange.bridge.certificates import certificates_to_ouranos
from packseal.exchange.bridge.decisions import Decisions, Share
from packseal.exchange.bridge.names import names_to_ouranos
from packseal.exchange.bridge.reading import at, decimal_of, source_of
from packseal.exchange.bridge.stages import (
    CO2,
    CO2_OTHERWISE,
    FOOTPRINT_ID,
    FOOTPRINTS,
    QUALITY,
    RATINGS,
    SPELT,
    STAGES,
    Stage,
    UncarriedError,
)
from packseal.exchange.bridge.units import (
    IDTA,
    OURANOS,
    TO_OURANOS,
    Measure,
    NotStatedError,
    Rounded,
    five_places,
    words,
)
from packseal.exchange.export import Builder, Export, Path, Target, number, pointer
from packseal.exchange.loss import Json, Why
from packseal.exchange.ouranos.footprints import UNIT_PREFIX
from packseal.exchange.ouranos.model import Unit
from packseal.exchange.ouranos.wire import GREATEST

TARGET = Target("bridge-ouranos", "Catena-X to Ouranos", "Ouranos v1", ())
UNIT = "ReferenceImpactUnitForCalculation"
QUANTITY = "QuantityOfMeasureForCalculation"
_UNITS: Mapping[str, str] = {spelt: name for name, spelt in SPELT.items()}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One stage as the aspect tells it: `emission` kgCO2e for one `measure`. co2: the field's name there."""

    path: Path
    co2: str
    emission: Fraction
    quantity: Decimal
    measure: Measure


def to_ouranos(document: Json, decisions: Decisions) -> Export:
    builder = Builder(TARGET, source_of(document))
    names_to_ouranos(builder, document, decisions.associations)
    if _listed(document):
        _footprint(builder, document, decisions)
    certificates_to_ouranos(builder, document, decisions)
    return builder.export()


def _footprint(builder: Builder, document: Json, decisions: Decisions) -> None:
    """All four lines, or none: the contract takes no fewer, and 0 for a stage that nobody told would be invented."""
    try:
        wanted = decisions.wanted_in_ouranos or TO_OURANOS[_entry(document, STAGES[0], None).measure.name]
        entries = {stage: _entry(document, stage, wanted) for stage in STAGES}
        emissions = {stage: _emission(entry, wanted, decisions) for stage, entry in entries.items()}
        share = _decided(decisions)
    except UncarriedError as error:
        _lose_footprint(builder, document, error)
        return
    line = 0
    for is_own in (True, False):
        for stage, entry in entries.items():
            path: Path = ("cfp", line)
            _head(builder, document, path, decisions)
            _write_unit(builder, path, entry, wanted, stage.own if is_own else stage.parts)
            _write_emission(builder, path, entry, emissions[stage], is_told=is_own is (share is Share.OWN))
            _write_ratings(builder, document, path, stage, is_rated=emissions[stage][1].value > 0)
            line += 1
    if decisions.cfp_id is None and at(document, FOOTPRINT_ID) is not None:
        say = "a new footprint is registered; where Ouranos has this one already, state its cfp_id"
        builder.lose(Why.DECIDE, ("cfp",), pointer(FOOTPRINT_ID), say)
    for stage, entry in entries.items():
        _say_changes(builder, entry, wanted, emissions[stage], decisions)


def _decided(decisions: Decisions) -> Share:
    """Raises UncarriedError."""
    if decisions.undivided is None:
        asked = 'whose a stage is, the maker\'s or its parts\'; say undivided = "own" or "parts" under [footprint]'
        raise UncarriedError(Why.DECIDE, f"Ouranos asks {asked}")
    if decisions.trace_id is None:
        raise UncarriedError(Why.DECIDE, "of which part of Ouranos it is; register the part and state its trace_id")
    return decisions.undivided


def _entry(document: Json, stage: Stage, wanted: Unit | None) -> _Entry:
    """The entry of this stage alone; of several the first in the unit that is wanted, else the first. Raises
    UncarriedError."""
    found = [place for place, one in enumerate(_listed(document)) if at(one, ("LifeCyclePhases",)) == [stage.phase]]
    if not found:
        raise UncarriedError(Why.NO_SOURCE, f"no entry is of {stage.phase} alone; Ouranos wants both stages apart")
    fitting = [place for place in found if TO_OURANOS.get(_unit(document, place)) is wanted]
    return _read(document, (*FOOTPRINTS, (fitting or found)[0]))


def _read(document: Json, path: Path) -> _Entry:
    """Raises UncarriedError."""
    co2 = CO2 if at(document, (*path, CO2)) is not None else CO2_OTHERWISE
    emission, quantity = decimal_of(at(document, (*path, co2))), decimal_of(at(document, (*path, QUANTITY)))
    measure = IDTA.get(_unit(document, path[-1]))
    if emission is None or emission < 0:
        raise UncarriedError(Why.UNFIT, f"{pointer((*path, co2))}: expected a number from 0 on")
    if quantity is None or quantity <= 0:
        raise UncarriedError(Why.UNFIT, f"{pointer((*path, QUANTITY))}: expected a number above 0")
    if measure is None:
        raise UncarriedError(Why.UNFIT, f"{pointer((*path, UNIT))}: expected one of {', '.join(IDTA)}")
    return _Entry(path, co2, Fraction(emission) / Fraction(quantity), quantity, measure)


def _emission(entry: _Entry, wanted: Unit, decisions: Decisions) -> tuple[Fraction, Rounded]:
    """For one `wanted`, and as Ouranos takes it. Raises UncarriedError."""
    try:
        exact = decisions.product.per(entry.emission, entry.measure, OURANOS[wanted])
    except NotStatedError as error:
        raise UncarriedError(
            Why.DECIDE, f"from one {entry.measure.name} to one {wanted} takes {error}; state it"
        ) from None
    rounded = five_places(exact)
    if rounded.value > GREATEST:
        raise UncarriedError(Why.UNFIT, f"{words(exact)} for one {wanted}; Ouranos takes up to {GREATEST}")
    return exact, rounded


def _head(builder: Builder, document: Json, path: Path, decisions: Decisions) -> None:
    name, key = at(document, FOOTPRINT_ID), pointer(FOOTPRINT_ID)
    if decisions.cfp_id is None:  # a new one: Ouranos numbers it
        builder.constant((*path, "cfpId"), None)
    else:
        keys = [key] if name == decisions.cfp_id else []
        builder.put_made((*path, "cfpId"), keys, decisions.cfp_id, "decided:cfp_id")
    builder.put_made((*path, "traceId"), (), decisions.trace_id, "decided:trace_id")


def _write_unit(builder: Builder, path: Path, entry: _Entry, wanted: Unit, kind: str) -> None:
    unit_key = pointer((*entry.path, UNIT))
    builder.put_made((*path, "ghgDeclaredUnit"), [unit_key], f"{UNIT_PREFIX}{wanted}", "bridge:made")
    builder.put_made((*path, "cfpType"), [pointer((*entry.path, "LifeCyclePhases", 0))], kind, "bridge:made")


def _write_emission(
    builder: Builder, path: Path, entry: _Entry, emission: tuple[Fraction, Rounded], *, is_told: bool
) -> None:
    if not is_told:
        builder.put_made((*path, "ghgEmission"), (), 0, "decided:footprint")
        return
    keys = [pointer((*entry.path, field)) for field in (entry.co2, QUANTITY)]
    builder.put_made((*path, "ghgEmission"), keys, number(emission[1].value), "bridge:made")


def _write_ratings(builder: Builder, document: Json, path: Path, stage: Stage, *, is_rated: bool) -> None:
    """One rating of Catena-X is that of both stages. Ouranos refuses one of a stage in which nothing is emitted."""
    keys = [key for field in RATINGS.values() if (key := pointer((*QUALITY, field))) in builder.source.values]
    builder.put_made((*path, "dqrType"), keys, stage.process, "bridge:made")
    for rating, field in RATINGS.items():
        told, key = decimal_of(at(document, (*QUALITY, field))), pointer((*QUALITY, field))
        there = (*path, "dqrValue", rating)
        if told is None or not 0 <= told <= GREATEST or not is_rated:
            builder.constant(there, None)
        else:
            rounded = five_places(Fraction(told))
            builder.put_made(there, [key], number(rounded.value), "bridge:same")
            if not rounded.is_exact:
                builder.lose(Why.COARSER, there, key, f"{told} rounded up: Ouranos takes five decimals")
        if told is not None and not is_rated:
            builder.lose(Why.COARSER, there, key, f"no rating of {stage.process}: nothing is emitted there")


def _say_changes(
    builder: Builder, entry: _Entry, wanted: Unit, emission: tuple[Fraction, Rounded], decisions: Decisions
) -> None:
    """What the aspect says more exactly, or of another amount."""
    exact, rounded = emission
    if not rounded.is_exact:
        say = f"{words(exact)} rounded up to {rounded.value:f}: Ouranos takes five decimals"
        builder.lose(Why.COARSER, ("cfp",), pointer((*entry.path, entry.co2)), say)
    if entry.quantity != 1:
        builder.lose(Why.COARSER, ("cfp",), pointer((*entry.path, QUANTITY)), "told for one instead")
    ours = decisions.product.meant(OURANOS[wanted])
    if (ours.kind, ours.size) != (entry.measure.kind, entry.measure.size):
        say = f"told for one {wanted} instead of one {entry.measure.name}"
        builder.lose(Why.COARSER, ("cfp",), pointer((*entry.path, UNIT)), say)


def _lose_footprint(builder: Builder, document: Json, error: UncarriedError) -> None:
    for place, one in enumerate(_listed(document)):
        for field in (CO2, CO2_OTHERWISE):
            if at(one, (field,)) is not None:
                builder.lose(error.why, ("cfp",), pointer((*FOOTPRINTS, place, field)), str(error))


def _listed(document: Json) -> list[object]:
    found = at(document, FOOTPRINTS)
    return found if isinstance(found, list) else []


def _unit(document: Json, place: str | int) -> str:
    found = at(document, (*FOOTPRINTS, place, UNIT))
    return _UNITS.get(found, found) if isinstance(found, str) else ""
