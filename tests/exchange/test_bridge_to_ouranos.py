"""From Catena-X to Ouranos: four lines or none, five decimals rounded up, and what only a person can say."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from packseal.exchange.bridge.decisions import Decisions, Share
from packseal.exchange.bridge.reading import at
from packseal.exchange.bridge.to_ouranos import to_ouranos
from packseal.exchange.export import Export
from packseal.exchange.loss import Json, Why
from packseal.exchange.ouranos.footprints import footprint, footprint_json, line
from packseal.exchange.ouranos.model import Unit
from packseal.exchange.ouranos.wire import entries
from tests.exchange.bridges import (
    BPNL,
    BPNS,
    CERTIFICATE_ID,
    CFP_ID,
    DECIDED,
    OPERATOR,
    OWN_KINDS,
    PLANT,
    PRODUCTION,
    RAW,
    TRACE_ID,
    entry,
    of_catena_x,
)

ENTRY = "/carbonFootprint/ProductCarbonFootprints"


def lines(export: Export) -> list[Json]:
    found = at(export.document, ("cfp",))
    return found if isinstance(found, list) else []


def emissions(export: Export) -> dict[object, object]:
    return {one["cfpType"]: one["ghgEmission"] for one in lines(export)}


def why(export: Export, key: str) -> list[tuple[Why, str]]:
    return [(loss.why, loss.words) for loss in export.losses if loss.key == key]


def document(*listed: Json) -> Json:
    return {"carbonFootprint": {"ProductCarbonFootprints": list(listed)}}


def test_two_stages_are_four_lines() -> None:
    found = lines(to_ouranos(of_catena_x(), DECIDED))
    assert [one["cfpType"] for one in found] == list(OWN_KINDS)
    assert found[1] == {
        "cfpId": CFP_ID, "traceId": TRACE_ID, "ghgEmission": 18.1, "ghgDeclaredUnit": "kgCO2e/kilowatt-hour",
        "cfpType": "mainProduction", "dqrType": "mainProcessing", "dqrValue": {"TeR": 2, "GeR": 2.5, "TiR": 1},
    }  # fmt: skip


def test_the_adapter_takes_what_the_bridge_makes() -> None:
    """Read as an answer of the contract and written as a request again, it is the same."""
    export = to_ouranos(of_catena_x(), DECIDED)
    exact = [{**one, "ghgEmission": Decimal(str(one["ghgEmission"]))} for one in lines(export)]
    for one in exact:
        one["dqrValue"] = {name: Decimal(str(rating)) for name, rating in one["dqrValue"].items()}  # type: ignore[attr-defined]
    read = footprint([line(one) for one in entries(exact, "cfp")], TRACE_ID)
    assert read is not None
    assert footprint_json(read) == lines(export)


@pytest.mark.parametrize(("share", "expected"), [(Share.OWN, (38.2, 18.1, 0, 0)), (Share.PARTS, (0, 0, 38.2, 18.1))])
def test_whose_a_sum_is_a_person_says(share: Share, expected: tuple[float, ...]) -> None:
    export = to_ouranos(of_catena_x(), replace(DECIDED, undivided=share))
    assert tuple(emissions(export).values()) == expected
    zero = OWN_KINDS.index("preComponent" if share is Share.OWN else "preProduction")
    assert export.leaves[f"/cfp/{zero}/ghgEmission"].rule == "decided:footprint"


@pytest.mark.parametrize(
    ("decisions", "words"),
    [
        (replace(DECIDED, undivided=None), "whose a stage is"),
        (replace(DECIDED, trace_id=None), "register the part"),
        (replace(DECIDED, product=Decisions().product), "of which energy"),
        (replace(DECIDED, wanted_in_ouranos=Unit.LITER), "the volume of one piece"),
    ],
)
def test_without_a_decision_there_is_no_line(decisions: Decisions, words: str) -> None:
    export = to_ouranos(of_catena_x(), decisions)
    assert lines(export) == []
    for number in (0, 1, 2):
        reason, said = why(export, f"{ENTRY}/{number}/PcfCo2eq")[0]
        assert (reason, words in said) == (Why.DECIDE, True)


def test_the_sixth_decimal_is_rounded_up_and_said() -> None:
    export = to_ouranos(document(entry(RAW, Decimal("1.000001")), entry(PRODUCTION, Decimal("1.00001"))), DECIDED)
    assert emissions(export) == {"preProduction": 1.00001, "mainProduction": 1.00001, "preComponent": 0,
                                 "mainComponent": 0}  # fmt: skip
    assert why(export, f"{ENTRY}/0/PcfCo2eq") == [
        (Why.COARSER, "1.000001 rounded up to 1.00001: Ouranos takes five decimals")
    ]
    assert why(export, f"{ENTRY}/1/PcfCo2eq") == []


UNITS = [
    ("kwH", None, "kilowatt-hour", Decimal(1)),
    ("kWh", None, "kilowatt-hour", Decimal(1)),
    ("piece", None, "unit", Decimal(1)),
    ("g", None, "kilogram", Decimal(1000)),
    ("t", None, "kilogram", Decimal("0.001")),
    ("ml", None, "liter", Decimal(1000)),
    ("cbm", None, "cubic-meter", Decimal(1)),
    ("qm", None, "square-meter", Decimal(1)),
    ("piece", Unit.KILOGRAM, "kilogram", 1 / Decimal("412.5")),
    ("kwH", Unit.MEGAJOULE, "megajoule", 1 / Decimal("3.6")),
]


@pytest.mark.parametrize(("told", "wanted", "written", "factor"), UNITS)
def test_units(told: str, wanted: Unit | None, written: str, factor: Decimal) -> None:
    given = document(entry(RAW, Decimal(8), told), entry(PRODUCTION, Decimal(4), told))
    export = to_ouranos(given, replace(DECIDED, wanted_in_ouranos=wanted))
    assert lines(export)[0]["ghgDeclaredUnit"] == f"kgCO2e/{written}"
    assert emissions(export)["preProduction"] == pytest.approx(float(8 * factor), abs=0.00001)


def test_of_two_units_the_one_that_is_wanted_is_taken() -> None:
    listed = [entry(phase, Decimal(n), unit) for n, (phase, unit) in enumerate(
        [(RAW, "kwH"), (PRODUCTION, "piece"), (RAW, "piece"), (PRODUCTION, "kwH")], 1)]  # fmt: skip
    bare = replace(DECIDED, product=replace(DECIDED.product, lifetime_energy_kwh=None))
    assert list(emissions(to_ouranos(document(*listed), bare)).values())[:2] == [1, 4]
    wanted = replace(bare, wanted_in_ouranos=Unit.PIECE)
    assert list(emissions(to_ouranos(document(*listed), wanted)).values())[:2] == [3, 2]


def test_a_quantity_is_divided_out() -> None:
    half = {**entry(RAW, Decimal(9), "kg"), "QuantityOfMeasureForCalculation": Decimal(2)}
    export = to_ouranos(document(half, entry(PRODUCTION, Decimal(1), "kg")), DECIDED)
    assert emissions(export)["preProduction"] == 4.5
    assert why(export, f"{ENTRY}/0/QuantityOfMeasureForCalculation") == [(Why.COARSER, "told for one instead")]


BROKEN = [
    ((entry(RAW, Decimal(1)),), Why.NO_SOURCE, "no entry is of A3"),
    ((entry("A1-A3", Decimal(1)),), Why.NO_SOURCE, "no entry is of A1"),
    ((entry(RAW, Decimal(-1)), entry(PRODUCTION, Decimal(1))), Why.UNFIT, "expected a number from 0 on"),
    ((entry(RAW, Decimal(1), "barrel"), entry(PRODUCTION, Decimal(1))), Why.UNFIT, "expected one of g, kg"),
    ((entry(RAW, Decimal(1), "g"), entry(PRODUCTION, Decimal(100), "g")), Why.UNFIT, "takes up to 99999.99999"),
    (
        ({**entry(RAW, Decimal(1)), "QuantityOfMeasureForCalculation": Decimal(0)}, entry(PRODUCTION, Decimal(1))),
        Why.UNFIT,
        "expected a number above 0",
    ),
]


@pytest.mark.parametrize(("listed", "reason", "words"), BROKEN)
def test_a_footprint_crosses_whole_or_not(listed: tuple[Json, ...], reason: Why, words: str) -> None:
    export = to_ouranos(document(*listed), DECIDED)
    assert lines(export) == []
    found = why(export, f"{ENTRY}/0/PcfCo2eq")[0]
    assert (found[0], words in found[1]) == (reason, True)


def test_other_phases_have_no_place() -> None:
    export = to_ouranos(of_catena_x(), DECIDED)
    assert why(export, f"{ENTRY}/2/PcfCo2eq") == [(Why.NO_PLACE, "Catena-X to Ouranos has no field for it")]
    assert why(export, f"{ENTRY}/0/PerformanceClass")[0][0] is Why.NO_PLACE


def test_a_stage_without_emission_has_no_rating() -> None:
    given = {**of_catena_x(), **document(entry(RAW, Decimal(0)), entry(PRODUCTION, Decimal(1)))}
    export = to_ouranos(given, DECIDED)
    assert lines(export)[0]["dqrValue"] == {"TeR": None, "GeR": None, "TiR": None}
    assert lines(export)[1]["dqrValue"] == {"TeR": 2, "GeR": 2.5, "TiR": 1}
    key = "/pcf/pcfAssessmentAndMethodology/0/dataSourcesAndQuality/0/temporalDQR"
    assert "nothing is emitted" in why(export, key)[0][1]


def test_a_new_footprint_has_no_number() -> None:
    given = of_catena_x()
    given["pcf"]["pcfAssessmentAndMethodology"][0]["pcfAssessmentInformation"] = [{"idAndVersion": [{"id": CFP_ID}]}]  # type: ignore[index]
    export = to_ouranos(given, replace(DECIDED, cfp_id=None))
    assert {one["cfpId"] for one in lines(export)} == {None}
    key = "/pcf/pcfAssessmentAndMethodology/0/pcfAssessmentInformation/0/idAndVersion/0/id"
    assert "state its cfp_id" in why(export, key)[0][1]


def test_names_cross_by_what_is_said_or_stated() -> None:
    found = to_ouranos(of_catena_x(), DECIDED).document
    assert found["operator"] == {"operatorAttribute": {"globalOperatorId": BPNL}, "openOperatorId": OPERATOR}
    assert found["plant"] == {"plantAttribute": {"globalPlantId": BPNS}, "openPlantId": PLANT}
    assert found["parts"] == {"partsName": "PS-60"}


def test_an_unknown_company_is_never_guessed() -> None:
    export = to_ouranos({"identifiers": {"manufacturerId": BPNL}}, Decisions())
    assert at(export.document, ("operator", "openOperatorId")) is None
    assert why(export, "/identifiers/manufacturerId")[0][0] is Why.DECIDE


def test_a_name_that_is_too_long_or_wrong_does_not_cross() -> None:
    wrong: Json = {"identifiers": {"manufacturerId": "BPNL00000003AYRF", "manufacturerPartId": "P" * 51}}
    export = to_ouranos(wrong, DECIDED)
    assert export.document == {}
    assert {loss.why for loss in export.losses} == {Why.UNFIT}


def test_a_certificate_crosses_by_its_number() -> None:
    export = to_ouranos(of_catena_x(), DECIDED)
    assert export.document["cfpCertification"] == [
        {
            "cfpCertificationId": CERTIFICATE_ID, "traceId": TRACE_ID, "cfpCertificationDescription": None,
            "cfpCertificationFileInfo": None,
        }
    ]  # fmt: skip
    key = "/pcf/attestationOfConformance/0/attestationOfConformanceId"
    assert "uploads it there" in why(export, key)[0][1]
    assert why(export, "/pcf/attestationOfConformance/0/providerName")[0][0] is Why.NO_PLACE


def test_a_certificate_without_such_a_number_stays() -> None:
    export = to_ouranos({"pcf": {"attestationOfConformance": [{"attestationOfConformanceId": "CERT-7"}]}}, DECIDED)
    assert "cfpCertification" not in export.document
    assert [loss.why for loss in export.losses] == [Why.UNFIT]
