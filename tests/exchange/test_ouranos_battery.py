"""A passport as a part of Ouranos with its footprint: held against the contract, and nothing invented."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from packseal.exchange.export import Export
from packseal.exchange.loss import Why, missing_fields
from packseal.exchange.ouranos.battery import Told, evidence_anchor, make
from packseal.exchange.source import Bound, Source
from tests.exchange.packs import CATEGORIES, pack, sparse_pack
from tests.sim.ouranos_contract import Contract

TOLD = Told(str(uuid4()), str(uuid4()), str(uuid4()), evidence_anchor(b"bundle"), True, True)


def _document(export: Export) -> dict[str, Any]:
    return dict(export.document)


def _with_content(source: Source, key: str, content: Decimal | None) -> Source:
    bound = Bound(Decimal(60), False) if content is None else None
    value = replace(source.values[key], content=content, bound=bound)
    return source.with_values({**source.values, key: value}, ())


@pytest.mark.parametrize("category", CATEGORIES)
def test_full_packs_are_as_the_contract_has_them(shared: Path, category: str) -> None:
    contract = Contract(shared)
    document = _document(make(pack(category), TOLD))
    assert contract.faults("traceability.PartsModel", document["partsModel"]) == []
    lines = [{**one, "cfpId": str(uuid4())} for one in document["cfp"]]
    assert contract.faults("traceability.CfpModel[]", lines) == []
    assert len(lines) == 4
    assert document["partsModel"]["partsAddInfo3"] == evidence_anchor(b"bundle")


@pytest.mark.parametrize("category", CATEGORIES)
def test_what_has_no_source_is_named(category: str) -> None:
    export = make(sparse_pack(category))
    assert set(missing_fields(export.losses)) == {"/partsModel/operatorId", "/partsModel/plantId"}
    decisions = {one.field for one in export.losses if one.why is Why.DECIDE}
    assert decisions == {"/partsModel/terminatedFlag"}
    assert "cfp" not in export.document


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("told", [TOLD, Told()])
def test_every_value_is_carried_or_among_the_losses(category: str, told: Told) -> None:
    source = pack(category)
    export = make(source, told)
    carried = {key for leaf in export.leaves.values() for key in leaf.key.split()}
    assert carried | {one.key for one in export.losses} >= set(source.values)
    assert all(leaf.rule for leaf in export.leaves.values())


@pytest.mark.parametrize(("is_own", "expected"), [(True, [38.2, 18.1, 0, 0]), (False, [0, 0, 38.2, 18.1])])
def test_emissions_go_to_whom_a_person_said(is_own: bool, expected: list[float]) -> None:
    document = _document(make(pack("EV"), replace(TOLD, are_emissions_own=is_own)))
    assert [one["ghgEmission"] for one in document["cfp"]] == expected


@pytest.mark.parametrize(("is_own", "rows"), [(True, {"0", "1"}), (False, {"2", "3"})])
def test_losses_point_to_where_the_emissions_stand(is_own: bool, rows: set[str]) -> None:
    found = make(pack("EV"), replace(TOLD, are_emissions_own=is_own, trace_id=None)).losses
    of_rows = [loss.field.split("/") for loss in found if loss.field.startswith("/cfp/")]
    assert {row for _, _, row, name in of_rows if name != "traceId"} == rows
    assert [row for _, _, row, name in of_rows if name == "traceId"] == [min(rows)]


def test_nobody_said_whose_the_emissions_are() -> None:
    export = make(pack("EV"), replace(TOLD, are_emissions_own=None))
    assert "cfp" not in export.document
    assert {one.key for one in export.losses if one.why is Why.DECIDE} == {"cf_raw", "cf_production"}


@pytest.mark.parametrize(
    ("content", "why"), [(None, Why.WITHHELD), (Decimal(-1), Why.UNFIT), (Decimal(100_000), Why.UNFIT)]
)
def test_one_emission_that_does_not_fit_keeps_all_four_back(content: Decimal | None, why: Why) -> None:
    export = make(_with_content(pack("EV"), "cf_raw", content), TOLD)
    assert "cfp" not in export.document
    assert why in {one.why for one in export.losses if one.key == "cf_raw"}
    assert Why.UNFIT in {one.why for one in export.losses if one.key == "cf_production"}


def test_a_footprint_with_one_stage_alone_is_not_sent() -> None:
    source = pack("EV")
    values = {key: value for key, value in source.values.items() if key != "cf_production"}
    export = make(source.with_values(values, ()), TOLD)
    assert "cfp" not in export.document
    assert Why.UNFIT in {one.why for one in export.losses if one.key == "cf_raw"}


def test_rounding_up_is_said() -> None:
    export = make(_with_content(pack("EV"), "cf_raw", Decimal("38.1234501")), TOLD)
    assert _document(export)["cfp"][0]["ghgEmission"] == 38.12346
    assert any("rounded up" in one.words for one in export.losses if one.key == "cf_raw")


def test_a_long_name_does_not_fit_and_is_not_cut() -> None:
    source = pack("EV")
    value = replace(source.values["serial_number"], content="S" * 51)
    export = make(source.with_values({**source.values, "serial_number": value}, ()), TOLD)
    assert "supportPartsName" not in _document(export)["partsModel"]
    assert Why.UNFIT in {one.why for one in export.losses if one.key == "serial_number"}


def test_the_anchor_is_the_digest_of_the_bundle() -> None:
    anchor = evidence_anchor(b"evidence")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", anchor)
    assert base64.urlsafe_b64decode(anchor + "=") == hashlib.sha256(b"evidence").digest()
