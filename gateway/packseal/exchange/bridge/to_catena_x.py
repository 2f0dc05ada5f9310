"""From Ouranos v1 to Catena-X: the four emissions of a part become two stages, its ratings and certificates what they
are there. Every value is carried or lost by name; none is invented.

In: {"cfp": […], "cfpCertification": […], "operator": …, "plant": …, "parts": …}, each as the call of that name answers.
Out: {"carbonFootprint": …, "pcf": …, "identifiers": …}: the aspect of IDTA 02035-3 1.0, of io.catenax.pcf 9.0.0 what
has a source, and what the twin registry calls the battery. A stage is the sum of what the maker and the parts emitted,
of the totals where all four are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from packseal.exchange.bridge.certificates import certificates_to_catena_x
from packseal.exchange.bridge.decisions import Decisions, Study
from packseal.exchange.bridge.names import names_to_catena_x
from packseal.exchange.bridge.reading import at, decimal_of, source_of
from packseal.exchange.bridge.stages import (
    CO2,
    FOOTPRINT_ID,
    FOOTPRINTS,
    QUALITY,
    RATINGS,
    SPELT,
    STAGES,
    TOTAL,
    Stage,
    UncarriedError,
    lose_all,
)
from packseal.exchange.bridge.units import IDTA, OURANOS, TO_IDTA, NotStatedError, fifteen_digits, words
from packseal.exchange.export import Builder, Converted, Export, Path, Target, UnfitError, number, pointer
from packseal.exchange.identifiers import trace_id
from packseal.exchange.loss import Json, Why
from packseal.exchange.ouranos.footprints import UNIT_PREFIX
from packseal.exchange.ouranos.model import Unit

TARGET = Target("bridge-catena-x", "Ouranos to Catena-X", "IDTA 02035-3 1.0 with io.catenax.pcf 9.0.0", ())
LOWEST_RATING, HIGHEST_RATING = 1, 5  # io.catenax.pcf 9.0.0, DqiNumberTrait
Lines = Mapping[str, int]


def to_catena_x(document: Json, decisions: Decisions) -> Export:
    builder = Builder(TARGET, source_of(document))
    names_to_catena_x(builder, document, decisions.associations)
    lines = _lines(document)
    if lines:
        _stages(builder, document, lines, decisions)
        _ratings(builder, document, lines)
        _footprint_id(builder, document, lines)
    certificates_to_catena_x(builder, document, decisions)
    return builder.export()


def _lines(document: Json) -> Lines:
    """Kind -> number of its line; of the totals where all four are told. A kind that stands twice is told by -1."""
    found: dict[str, int] = {}
    listed = at(document, ("cfp",))
    for place, line in enumerate(listed if isinstance(listed, list) else []):
        kind = at(line, ("cfpType",))
        if isinstance(kind, str):
            found[kind] = -1 if kind in found else place
    kinds = [kind for stage in STAGES for kind in (stage.own, stage.parts)]
    totals = all(f"{kind}{TOTAL}" in found for kind in kinds)
    named = {kind: f"{kind}{TOTAL}" if totals else kind for kind in kinds}
    return {kind: found[name] for kind, name in named.items() if name in found}


def _stages(builder: Builder, document: Json, lines: Lines, decisions: Decisions) -> None:
    carried = 0
    for stage in STAGES:
        keys = [pointer(("cfp", place, "ghgEmission")) for place in _places(stage, lines)]
        try:
            _stage(builder, document, (stage, lines, carried), decisions)
            carried += 1
        except UncarriedError as error:
            lose_all(builder, error, (*FOOTPRINTS, carried), keys or [""])
    if carried:
        asked = (
            "an entry for the whole life; Ouranos ends at the gate of the factory, and tells no transport to the user"
        )
        builder.lose(Why.NO_SOURCE, FOOTPRINTS, "", f"IDTA 02035-3 asks for {asked} and no recycling")


def _stage(builder: Builder, document: Json, what: tuple[Stage, Lines, int], decisions: Decisions) -> None:
    """Raises UncarriedError, and has written nothing then."""
    stage, lines, carried = what
    places = _both(stage, lines)
    told = {place: _told(document, place) for place in places}
    first = told[places[0]][1]
    wanted = decisions.wanted_in_catena_x or TO_IDTA.get(first)
    if wanted is None:
        raise UncarriedError(Why.UNFIT, f"IDTA 02035-3 has no unit for a {first}")
    try:
        parts = {
            place: decisions.product.per(emission, OURANOS[unit], IDTA[wanted])
            for place, (emission, unit) in told.items()
        }
    except NotStatedError as error:
        raise UncarriedError(Why.DECIDE, f"from one {first} to one {wanted} takes {error}; state it") from None
    _write(builder, (*FOOTPRINTS, carried), stage, wanted, {place: (told[place][1], parts[place]) for place in places})
    _study(builder, (*FOOTPRINTS, carried), decisions.study)
    _say_totals(builder, document, (*FOOTPRINTS, carried), places)


def _told(document: Json, place: int) -> tuple[Fraction, Unit]:
    """Emission and what it is told for. Raises UncarriedError."""
    emission = decimal_of(at(document, ("cfp", place, "ghgEmission")))
    unit = at(document, ("cfp", place, "ghgDeclaredUnit"))
    if emission is None:
        raise UncarriedError(Why.WITHHELD, "the supplier does not disclose one of its two emissions")
    if emission < 0:
        raise UncarriedError(Why.UNFIT, f"{emission} is no emission; Ouranos has none below 0")
    if not isinstance(unit, str) or unit.removeprefix(UNIT_PREFIX) not in set(Unit):
        raise UncarriedError(Why.UNFIT, f"{unit!r} is no unit of Ouranos")
    return Fraction(emission), Unit(unit.removeprefix(UNIT_PREFIX))


def _write(builder: Builder, path: Path, stage: Stage, wanted: str, parts: Mapping[int, tuple[Unit, Fraction]]) -> None:
    exact = sum((part for _, part in parts.values()), Fraction(0))
    rounded = fifteen_digits(exact)
    builder.put_made((*path, CO2), _keys(parts, "ghgEmission"), number(rounded.value), "bridge:made")
    builder.put_made(
        (*path, "ReferenceImpactUnitForCalculation"),
        _keys(parts, "ghgDeclaredUnit"),
        SPELT.get(wanted, wanted),
        "bridge:made",
    )
    builder.constant((*path, "QuantityOfMeasureForCalculation"), 1)
    builder.put_made((*path, "LifeCyclePhases"), _keys(parts, "cfpType"), [stage.phase], "bridge:made")
    for place, (unit, part) in parts.items():
        key = pointer(("cfp", place, "ghgEmission"))
        say = f"{words(part)} of the sum {words(exact)}; the target has the sum alone"
        builder.lose(Why.COARSER, (*path, CO2), key, say if rounded.is_exact else f"{say}, to 15 digits")
        if TO_IDTA.get(unit) != wanted or unit is Unit.MEGAJOULE:
            unit_key = pointer(("cfp", place, "ghgDeclaredUnit"))
            builder.lose(Why.COARSER, path, unit_key, f"told for one {wanted} instead of one {unit}")


def _study(builder: Builder, path: Path, study: Study) -> None:
    stated: Mapping[str, Converted] = {
        "PcfCalculationMethods": list(study.methods),
        "PerformanceClass": study.performance_class,
        "WebLinkToPublicCarbonFootprintStudy": list(study.documents),
    }
    for field, one in stated.items():
        if one:
            builder.put_made((*path, field), (), one, "decided:footprint")
        else:
            builder.lose(Why.NO_SOURCE, (*path, field), "", "IDTA 02035-3 requires it; state it under [footprint]")


def _say_totals(builder: Builder, document: Json, path: Path, places: Iterable[int]) -> None:
    for place in places:
        for field in ("cfpType", "dqrType"):
            kind = at(document, ("cfp", place, field))
            if isinstance(kind, str) and kind.endswith(TOTAL):
                say = "the target does not say that it is a sum over the tree of parts"
                builder.lose(Why.COARSER, path, pointer(("cfp", place, field)), say)


def _ratings(builder: Builder, document: Json, lines: Lines) -> None:
    places = [place for place in lines.values() if place >= 0]
    for rating, field in RATINGS.items():
        told = {place: decimal_of(at(document, ("cfp", place, "dqrValue", rating))) for place in places}
        keys = [pointer(("cfp", place, "dqrValue", rating)) for place, one in told.items() if one is not None]
        try:
            value = _one_rating(set(told.values()))
        except UncarriedError as error:
            lose_all(builder, error, (*QUALITY, field), keys or [""])
            continue
        kinds = [key for place in places if (key := pointer(("cfp", place, "dqrType"))) in builder.source.values]
        builder.put_made((*QUALITY, field), [*keys, *kinds], value, "bridge:same")
    asked = "the share of primary data and the sources of emission factors, and as a whole a methodology and a scope"
    builder.lose(Why.NO_SOURCE, ("pcf",), "", f"io.catenax.pcf asks for {asked}; what stands here is a part of it")


def _one_rating(told: set[object]) -> int | float:
    """Raises UncarriedError."""
    if told <= {None}:
        raise UncarriedError(Why.NO_SOURCE, "io.catenax.pcf requires it; the supplier does not tell it")
    if len(told) > 1:
        listed = ", ".join(sorted("none" if one is None else str(one) for one in told))
        raise UncarriedError(
            Why.DECIDE, f"the stages are rated {listed}; the target has one rating: say which, or weigh"
        )
    value = decimal_of(next(iter(told)))
    if value is None or not LOWEST_RATING <= value <= HIGHEST_RATING:
        raise UncarriedError(Why.UNFIT, f"{value} is no rating there; expected {LOWEST_RATING} to {HIGHEST_RATING}")
    return number(fifteen_digits(Fraction(value)).value)


def _footprint_id(builder: Builder, document: Json, lines: Lines) -> None:
    """All lines of one footprint have the same; a footprint that was never registered has none."""
    told = {place: at(document, ("cfp", place, "cfpId")) for place in lines.values() if place >= 0}
    keys = [pointer(("cfp", place, "cfpId")) for place, one in told.items() if one is not None]
    if not keys:
        return
    name, *others = told.values()
    try:
        if not isinstance(name, str) or any(other != name for other in others):
            raise UnfitError("the lines of one footprint have several; keep the lines of one")
        builder.put_made(FOOTPRINT_ID, keys, trace_id(name), "bridge:same")
    except UnfitError as error:
        lose_all(builder, UncarriedError(Why.UNFIT, str(error)), FOOTPRINT_ID, keys)


def _places(stage: Stage, lines: Lines) -> list[int]:
    return [lines[kind] for kind in (stage.own, stage.parts) if lines.get(kind, -1) >= 0]


def _both(stage: Stage, lines: Lines) -> list[int]:
    """Raises UncarriedError."""
    for kind in (stage.own, stage.parts):
        if kind not in lines:
            raise UncarriedError(
                Why.NO_SOURCE, f"{kind} is not told; a stage is the sum of {stage.own} and {stage.parts}"
            )
        if lines[kind] < 0:
            raise UncarriedError(Why.DECIDE, f"{kind} stands twice; keep the line that holds")
    return _places(stage, lines)


def _keys(places: Iterable[int], field: str) -> list[str]:
    return [pointer(("cfp", place, field)) for place in places]
