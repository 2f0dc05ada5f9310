"""From Ouranos to Catena-X: sums, units, ratings, names and certificates, and why something does not cross."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from packseal.exchange.bridge.decisions import Decisions
from packseal.exchange.bridge.reading import at
from packseal.exchange.bridge.to_catena_x import to_catena_x
from packseal.exchange.bridge.units import Product
from packseal.exchange.export import Export
from packseal.exchange.identifiers import Associations, Party
from packseal.exchange.loss import Json, Why, missing_fields
from tests.exchange.bridges import (
    BPNL,
    BPNS,
    CERTIFICATE_ID,
    CFP_ID,
    DECIDED,
    EMISSIONS,
    OPERATOR,
    PRODUCTION,
    RAW,
    line,
    of_ouranos,
)

ENTRIES = ("carbonFootprint", "ProductCarbonFootprints")


def entries(export: Export) -> list[Json]:
    found = at(export.document, ENTRIES)
    return found if isinstance(found, list) else []


def why(export: Export, key: str) -> list[tuple[Why, str]]:
    return [(loss.why, loss.words) for loss in export.losses if loss.key == key]


def test_a_stage_is_what_the_maker_and_the_parts_emitted() -> None:
    found = entries(to_catena_x(of_ouranos(), DECIDED))
    assert found == [
        {
            "PcfCo2eq": emission, "ReferenceImpactUnitForCalculation": "kg", "QuantityOfMeasureForCalculation": 1,
            "LifeCyclePhases": [phase], "PcfCalculationMethods": ["ISO 14067"], "PerformanceClass": "B",
            "WebLinkToPublicCarbonFootprintStudy": ["doc-17"],
        }
        for phase, emission in ((RAW, 39.70001), (PRODUCTION, 10.75))
    ]  # fmt: skip


def test_the_sum_says_what_it_was_made_of() -> None:
    losses = why(to_catena_x(of_ouranos(), DECIDED), "/cfp/0/ghgEmission")
    assert losses == [(Why.COARSER, "1.50001 of the sum 39.70001; the target has the sum alone")]


def test_every_leaf_has_a_rule_and_its_source() -> None:
    leaves = to_catena_x(of_ouranos(), DECIDED).leaves
    assert leaves["/carbonFootprint/ProductCarbonFootprints/0/PcfCo2eq"].key == "/cfp/0/ghgEmission /cfp/2/ghgEmission"
    assert leaves["/carbonFootprint/ProductCarbonFootprints/0/PerformanceClass"].rule == "decided:footprint"
    assert {leaf.rule.partition(":")[0] for leaf in leaves.values()} == {"bridge", "decided", "format"}


def test_the_whole_life_has_no_source() -> None:
    export = to_catena_x({"cfp": of_ouranos()["cfp"]}, Decisions())
    assert set(missing_fields(export.losses)) == {
        "/carbonFootprint/ProductCarbonFootprints",
        "/pcf",
        *(
            f"/carbonFootprint/ProductCarbonFootprints/{number}/{field}"
            for number in (0, 1)
            for field in ("PcfCalculationMethods", "PerformanceClass", "WebLinkToPublicCarbonFootprintStudy")
        ),
    }


def test_totals_count_where_all_four_are_told() -> None:
    totals = [line(f"{kind}Total", emission + 1) for kind, emission in EMISSIONS.items()]
    document: Json = {"cfp": [*(line(kind, emission) for kind, emission in EMISSIONS.items()), *totals]}
    export = to_catena_x(document, DECIDED)
    assert [one["PcfCo2eq"] for one in entries(export)] == [41.70001, 12.75]
    assert why(export, "/cfp/0/ghgEmission")[0][0] is Why.NO_PLACE
    assert "sum over the tree" in why(export, "/cfp/4/cfpType")[0][1]


UNITS = [
    ("kilogram", None, "kg", Decimal(1)),
    ("unit", None, "piece", Decimal(1)),
    ("liter", None, "l", Decimal(1)),
    ("cubic-meter", None, "cbm", Decimal(1)),
    ("square-meter", None, "qm", Decimal(1)),
    ("kilowatt-hour", None, "kwH", Decimal(1)),
    ("megajoule", None, "kwH", Decimal("3.6")),
    ("kilogram", "piece", "piece", Decimal("412.5")),
    ("kilogram", "t", "t", Decimal(1000)),
    ("kilogram", "kWh", "kwH", Decimal("412.5") / Decimal(240_000)),
    ("unit", "kg", "kg", 1 / Decimal("412.5")),
]


@pytest.mark.parametrize(("told", "wanted", "written", "factor"), UNITS)
def test_units(told: str, wanted: str | None, written: str, factor: Decimal) -> None:
    first = entries(to_catena_x(of_ouranos(told), replace(DECIDED, wanted_in_catena_x=wanted)))[0]
    assert first["ReferenceImpactUnitForCalculation"] == written
    assert first["PcfCo2eq"] == pytest.approx(float(Decimal("39.70001") * factor), rel=1e-14)


def test_a_sum_that_has_no_end_says_so() -> None:
    export = to_catena_x(of_ouranos("unit"), replace(DECIDED, wanted_in_catena_x="kg"))
    assert "to 15 digits" in why(export, "/cfp/0/ghgEmission")[0][1]
    assert why(export, "/cfp/0/ghgDeclaredUnit") == [(Why.COARSER, "told for one kg instead of one unit")]


UNSTATED = [
    ("kilogram", "piece", Product(), "the mass of one piece"),
    ("kilogram", "kWh", Product(mass_kg=Decimal(400)), "the energy given over its life of one piece"),
    ("kilowatt-hour", None, Product(), "of which energy a kilowatt-hour is one"),
    ("liter", "kg", Product(mass_kg=Decimal(400)), "the volume of one piece"),
]


@pytest.mark.parametrize(("told", "wanted", "product", "words"), UNSTATED)
def test_a_unit_is_never_converted_by_a_guess(told: str, wanted: str | None, product: Product, words: str) -> None:
    export = to_catena_x(of_ouranos(told), replace(DECIDED, product=product, wanted_in_catena_x=wanted))
    assert entries(export) == []
    for place in range(4):
        reason, said = why(export, f"/cfp/{place}/ghgEmission")[0]
        assert reason is Why.DECIDE
        assert words in said


def test_a_rated_kilowatt_hour_is_not_one_of_its_life() -> None:
    product = replace(DECIDED.product, kilowatt_hour=DECIDED.product.kilowatt_hour.RATED_ENERGY)  # type: ignore[union-attr]
    first = entries(to_catena_x(of_ouranos("kilowatt-hour"), replace(DECIDED, product=product)))[0]
    assert first["PcfCo2eq"] == pytest.approx(float(Decimal("39.70001") * 60 / 240_000))


def test_a_ton_kilometre_has_no_unit_there() -> None:
    export = to_catena_x(of_ouranos("ton-kilometer"), DECIDED)
    assert why(export, "/cfp/3/ghgEmission") == [(Why.UNFIT, "IDTA 02035-3 has no unit for a ton-kilometer")]


BROKEN: list[tuple[Json, Why, str]] = [
    (line("preComponent", None), Why.WITHHELD, "does not disclose"),
    (line("preComponent", Decimal(-1)), Why.UNFIT, "no emission"),
    (line("preComponent", Decimal(1), "barrel"), Why.UNFIT, "no unit of Ouranos"),
    (line("preProduction", Decimal(1)), Why.DECIDE, "stands twice"),
    (line("other", Decimal(1)), Why.NO_SOURCE, "preComponent is not told"),
]


@pytest.mark.parametrize(("third", "reason", "words"), BROKEN)
def test_a_stage_crosses_whole_or_not(third: Json, reason: Why, words: str) -> None:
    told = [line(kind, emission) for kind, emission in EMISSIONS.items()]
    export = to_catena_x({"cfp": [told[0], told[1], third, told[3]]}, DECIDED)
    assert [one["LifeCyclePhases"] for one in entries(export)] == [[PRODUCTION]]
    assert {loss.why for loss in export.losses if words in loss.words} == {reason}


QUALITY = ("pcf", "pcfAssessmentAndMethodology", 0, "dataSourcesAndQuality", 0)


def test_ratings_that_agree_cross() -> None:
    found = at(to_catena_x(of_ouranos(), DECIDED).document, QUALITY)
    assert found == {"technologicalDQR": 2, "geographicalDQR": 2, "temporalDQR": 2}


@pytest.mark.parametrize(
    ("rating", "reason", "words"),
    [
        (Decimal(3), Why.DECIDE, "rated 2, 3"),
        (None, Why.DECIDE, "rated 2, none"),
    ],
)
def test_ratings_that_differ_are_for_a_person(rating: Decimal | None, reason: Why, words: str) -> None:
    told = [
        line(kind, one, rating=rating if kind.startswith("main") else Decimal(2)) for kind, one in EMISSIONS.items()
    ]
    export = to_catena_x({"cfp": told}, DECIDED)
    assert at(export.document, QUALITY) is None
    found = why(export, "/cfp/0/dqrValue/TeR")[0]
    assert (found[0], words in found[1]) == (reason, True)


def test_a_rating_off_the_scale_does_not_cross() -> None:
    export = to_catena_x({"cfp": [line(kind, one, rating=Decimal(6)) for kind, one in EMISSIONS.items()]}, DECIDED)
    assert why(export, "/cfp/2/dqrValue/GeR") == [(Why.UNFIT, "6 is no rating there; expected 1 to 5")]


def test_names_cross_by_what_is_said_or_stated() -> None:
    export = to_catena_x(of_ouranos(), DECIDED)
    assert export.document["identifiers"] == {
        "manufacturerId": BPNL, "uniqueFacilityIdentifier": BPNS, "manufacturerPartId": "PS-60",
    }  # fmt: skip
    assert export.leaves["/identifiers/manufacturerId"].rule == "bridge:same"
    assert export.leaves["/identifiers/uniqueFacilityIdentifier"].rule == "decided:association"


def test_an_unknown_company_is_never_guessed() -> None:
    export = to_catena_x({"operator": {"openOperatorId": OPERATOR, "operatorName": "Cells KK"}}, Decisions())
    assert export.document == {}
    reason, words = why(export, "/operator/openOperatorId")[0]
    assert (reason, "state it as a [[party]]" in words) == (Why.DECIDE, True)


def test_two_companies_for_one_are_for_a_person() -> None:
    other = Associations((Party("Other", corporate_number=OPERATOR, bpnl="BPNL00000003CRHK"),))
    export = to_catena_x(of_ouranos(), replace(DECIDED, associations=other))
    assert "manufacturerId" not in export.document.get("identifiers", {})  # type: ignore[operator]
    assert "BPNL00000003AYRE, BPNL00000003CRHK" in why(export, "/operator/openOperatorId")[0][1]


def test_a_certificate_crosses_with_what_a_person_says_of_it() -> None:
    export = to_catena_x(of_ouranos(), DECIDED)
    assert at(export.document, ("pcf", "attestationOfConformance")) == [
        {
            "attestationOfConformanceId": CERTIFICATE_ID, "attestationType": "PCF 3rd party verification",
            "standardName": "ISO 14067", "attestationStandard": "Verification Framework V2", "providerName": "Verifier",
        }
    ]  # fmt: skip
    assert why(export, "/cfpCertification/0/cfpCertificationFileInfo/0/fileName")[0][0] is Why.NO_PLACE


def test_a_certificate_that_nobody_explains_stays() -> None:
    export = to_catena_x(of_ouranos(), replace(DECIDED, certificates={}))
    assert at(export.document, ("pcf", "attestationOfConformance")) is None
    reason, words = why(export, "/cfpCertification/0/cfpCertificationId")[0]
    assert (reason, "[[certificate]]" in words) == (Why.DECIDE, True)


def test_the_footprint_keeps_its_number() -> None:
    path = ("pcf", "pcfAssessmentAndMethodology", 0, "pcfAssessmentInformation", 0, "idAndVersion", 0, "id")
    assert at(to_catena_x(of_ouranos(), DECIDED).document, path) == CFP_ID
    told = of_ouranos()
    told["cfp"] = [line("preProduction", Decimal(1)), {**line("mainProduction", Decimal(1)), "cfpId": CERTIFICATE_ID}]
    assert why(to_catena_x(told, DECIDED), "/cfp/0/cfpId")[0][0] is Why.UNFIT
