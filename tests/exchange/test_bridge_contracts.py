"""What the bridge makes, held against the published contracts of both sides."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from packseal.exchange.bridge.decisions import Decisions, Share
from packseal.exchange.bridge.reading import read_document
from packseal.exchange.bridge.to_catena_x import to_catena_x
from packseal.exchange.bridge.to_ouranos import to_ouranos
from packseal.exchange.loss import missing_fields
from tests.exchange.aspect_templates import missing, template, wrong
from tests.exchange.bridges import DECIDED, of_catena_x, of_ouranos
from tests.sim.ouranos_contract import Contract

TUTORIAL = "dataspace/ouranos/data-transaction-system/docs/tutorials/ResponseCFP.md"


@pytest.mark.parametrize("share", list(Share))
def test_lines_and_certificates_are_those_of_the_contract(share: Share, shared: Path) -> None:
    contract = Contract(shared)
    document = to_ouranos(of_catena_x(), replace(DECIDED, undivided=share)).document
    assert contract.faults("traceability.CfpModel[]", document["cfp"]) == []
    assert contract.faults("traceability.CfpCertificationModel[]", document["cfpCertification"]) == []


def test_the_aspect_is_that_of_the_template(shared: Path) -> None:
    root = template(shared, "carbon-footprint").root
    aspect = to_catena_x(of_ouranos(), DECIDED).document["carbonFootprint"]
    assert (list(missing(aspect, root)), list(wrong(aspect, root))) == ([], [])


def test_what_the_template_misses_stands_in_the_losses(shared: Path) -> None:
    export = to_catena_x(of_ouranos(), Decisions())
    lacks = list(missing(export.document["carbonFootprint"], template(shared, "carbon-footprint").root))
    assert lacks
    assert {f"/carbonFootprint{path}" for path in lacks} <= set(missing_fields(export.losses))


def test_the_footprint_of_the_tutorial_crosses_and_returns(shared: Path) -> None:
    """The published example of a supplier's answer."""
    answer = (shared / TUTORIAL).read_text().split("```json\n")[1].partition("```")[0]
    there = to_catena_x(read_document(answer.encode(), "tutorial"), DECIDED)
    entries = there.document["carbonFootprint"]["ProductCarbonFootprints"]  # type: ignore[index]
    assert [(one["PcfCo2eq"], one["ReferenceImpactUnitForCalculation"]) for one in entries] == [(1.5, "kg"), (10, "kg")]
    back = to_ouranos(read_document(json.dumps(there.document).encode(), "bridged"), DECIDED).document["cfp"]
    assert [one["ghgEmission"] for one in back] == [1.5, 10, 0, 0]  # type: ignore[attr-defined]
