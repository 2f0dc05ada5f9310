"""There and back: each value returns as it was, or stands in the losses of one of the two ways."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from packseal.exchange.bridge.decisions import Decisions, Share
from packseal.exchange.bridge.reading import Scalar, leaves, read_document
from packseal.exchange.bridge.to_catena_x import to_catena_x
from packseal.exchange.bridge.to_ouranos import to_ouranos
from packseal.exchange.bridge.units import IDTA, Kind, Product
from packseal.exchange.export import Export, pointer
from packseal.exchange.loss import Json
from packseal.exchange.ouranos.model import Unit
from tests.exchange.bridges import (
    BPNL,
    DECIDED,
    OWN_KINDS,
    PRODUCTION,
    RAW,
    entry,
    line,
    of_catena_x,
    of_ouranos,
)

emissions = st.decimals(min_value=0, max_value=Decimal("99999.99999"), places=5)
ratings = st.none() | st.decimals(min_value=0, max_value=6, places=1)
amounts = st.sampled_from([Decimal("412.5"), Decimal(240_000), None]) | st.decimals(
    min_value=Decimal("0.001"), max_value=10**6, places=3
)


@st.composite
def decisions(draw: st.DrawFn) -> Decisions:
    energy = draw(st.sampled_from([None, Kind.LIFE_ENERGY, Kind.RATED_ENERGY]))
    return replace(
        DECIDED,
        product=Product(draw(amounts), draw(amounts), draw(amounts), energy),
        undivided=draw(st.sampled_from([None, *Share])),
        wanted_in_catena_x=draw(st.sampled_from([None, *IDTA])),
        wanted_in_ouranos=draw(st.sampled_from([None, *Unit])),
        associations=draw(st.sampled_from([DECIDED.associations, Decisions().associations])),
        certificates=draw(st.sampled_from([DECIDED.certificates, {}])),
        cfp_id=draw(st.sampled_from([None, DECIDED.cfp_id])),
    )


@st.composite
def ouranos_documents(draw: st.DrawFn) -> Json:
    unit, rated = draw(st.sampled_from([str(one) for one in Unit])), draw(st.booleans())
    rating = draw(ratings)
    refused = draw(st.sampled_from([*OWN_KINDS, *[None] * 8]))
    told = [
        line(kind, None if kind == refused else draw(emissions), unit, rating if rated else draw(ratings))
        for kind in draw(st.sampled_from([OWN_KINDS, OWN_KINDS[:3], tuple(f"{one}Total" for one in OWN_KINDS)]))
    ]
    whole = of_ouranos()
    names = draw(st.sets(st.sampled_from(["operator", "plant", "parts", "cfpCertification"])))
    return {"cfp": told, **{name: whole[name] for name in names}}


@st.composite
def catena_x_documents(draw: st.DrawFn) -> Json:
    phases = draw(st.permutations([RAW, PRODUCTION, RAW, "C3 - recycling, waste treatment"]))
    numbers = st.decimals(min_value=0, max_value=10**6, places=9)
    units = st.sampled_from(["kwH", "kWh", "kg", "piece", "g", "l", "barrel"])
    listed = [entry(phase, draw(numbers), draw(units)) for phase in phases]
    whole = of_catena_x()
    names = draw(st.sets(st.sampled_from(["identifiers", "pcf"])))
    return {
        "carbonFootprint": {"ProductCarbonFootprints": listed}, **{name: whole[name] for name in names}
    }  # fmt: skip


def again(export: Export) -> Json:
    """By its bytes, as another program gets it."""
    return read_document(json.dumps(export.document).encode(), "bridged.json")


def said(document: Json) -> Mapping[str, Scalar]:
    return {pointer(path): one for path, one in leaves(document) if one is not None}


def made_of(export: Export) -> Mapping[str, set[str]]:
    """Key -> where something stands that was made of it."""
    found: dict[str, set[str]] = {}
    for place, leaf in export.leaves.items():
        for key in leaf.key.split(" "):
            found.setdefault(key, set()).add(place)
    return found


def unsaid(first: Json, there: Export, back: Export) -> list[str]:
    """What neither returned as it was nor stands in the losses of either way."""
    lost, lost_back = {loss.key for loss in there.losses}, {loss.key for loss in back.losses}
    places, places_back, returned = made_of(there), made_of(back), said(again(back))
    silent = []
    for key, one in said(first).items():
        between = places.get(key, set())
        after = {returned.get(place) for middle in between for place in places_back.get(middle, set())}
        if key not in lost and not between & lost_back and one not in after:
            silent.append(key)
    return silent


@given(ouranos_documents(), decisions())
@example(of_ouranos(), DECIDED)
@example(of_ouranos(), replace(DECIDED, wanted_in_catena_x="piece"))
@example({"cfp": [line(f"{kind}Total", Decimal(1)) for kind in OWN_KINDS]}, DECIDED)
def test_from_ouranos_and_back_nothing_is_lost_in_silence(document: Json, decided: Decisions) -> None:
    there = to_catena_x(document, decided)
    assert unsaid(document, there, to_ouranos(again(there), decided)) == []


@given(catena_x_documents(), decisions())
@example(of_catena_x(), DECIDED)
@example(of_catena_x("piece"), replace(DECIDED, wanted_in_ouranos=Unit.KILOGRAM))
def test_from_catena_x_and_back_nothing_is_lost_in_silence(document: Json, decided: Decisions) -> None:
    there = to_ouranos(document, decided)
    assert unsaid(document, there, to_catena_x(again(there), decided)) == []


@given(ouranos_documents(), decisions())
def test_each_value_is_carried_or_lost_by_name(document: Json, decided: Decisions) -> None:
    export = to_catena_x(document, decided)
    carried = {key for leaf in export.leaves.values() for key in leaf.key.split(" ")}
    assert set(said(document)) <= carried | {loss.key for loss in export.losses}
    assert set(said(again(export))) <= set(export.leaves)


@given(st.tuples(emissions, emissions))
def test_a_stage_that_needs_no_rounding_returns_exactly(told: tuple[Decimal, Decimal]) -> None:
    given_there: Json = {"carbonFootprint": {"ProductCarbonFootprints": [
        entry(phase, one, "kg") for phase, one in zip((RAW, PRODUCTION), told, strict=True)]}}  # fmt: skip
    back = to_catena_x(again(to_ouranos(given_there, DECIDED)), DECIDED)
    returned = [said(again(back))[f"/carbonFootprint/ProductCarbonFootprints/{n}/PcfCo2eq"] for n in (0, 1)]
    assert returned == list(told)


def test_names_return() -> None:
    back = to_ouranos(again(to_catena_x(of_ouranos(), DECIDED)), DECIDED).document
    assert said({"operator": back["operator"], "parts": back["parts"]}) == {
        "/operator/openOperatorId": "1180301018771",
        "/operator/operatorAttribute/globalOperatorId": BPNL,
        "/parts/partsName": "PS-60",
    }


def test_lines_in_any_order() -> None:
    document = of_ouranos()
    turned = {**document, "cfp": list(reversed(document["cfp"]))}  # type: ignore[call-overload]
    assert to_catena_x(turned, DECIDED).document == to_catena_x(document, DECIDED).document
