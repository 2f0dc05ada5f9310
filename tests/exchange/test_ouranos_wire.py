"""What is written to the ecosystem and read from it: there and back, at its limits, and hostile."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import PartnerUnavailableError
from packseal.exchange.export import UnfitError
from packseal.exchange.loss import Json
from packseal.exchange.ouranos import footprints, parts, v1, v2
from packseal.exchange.ouranos.model import (
    Answered,
    Certification,
    CertificationFile,
    Footprint,
    FootprintLine,
    Part,
    Plant,
    Quality,
    Status,
    Structure,
    Unit,
)
from packseal.exchange.ouranos.wire import Entry, decode, entries
from tests.sim.ouranos_contract import Contract

UUIDS = st.uuids().map(str)
SHORT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)
NUMBERS = st.decimals(0, Decimal("99999.99999"), places=5, allow_nan=False)
PARTS = st.builds(
    Part,
    st.none() | UUIDS,
    UUIDS,
    UUIDS,
    SHORT,
    st.none() | SHORT,
    st.booleans(),
    st.none() | NUMBERS,
    st.none() | st.sampled_from(Unit),
    st.none() | SHORT,
    st.tuples(*[st.none() | SHORT] * 3),
)
RATINGS = st.builds(Quality, NUMBERS, NUMBERS, st.none() | NUMBERS)
EMITTED = st.decimals(Decimal("0.00001"), Decimal("99999.99999"), places=5, allow_nan=False)
FOOTPRINTS = st.builds(
    Footprint, UUIDS, st.none() | UUIDS, st.sampled_from(Unit), EMITTED, EMITTED, NUMBERS, NUMBERS, RATINGS, RATINGS
)
JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
PART = Part(None, str(uuid4()), str(uuid4()), "pack", None, False)
FOOTPRINT = Footprint(
    str(uuid4()), None, Unit.KILOGRAM, Decimal(1), Decimal(2), Decimal(0), Decimal(0),
    Quality(Decimal(1), Decimal(2), Decimal(3)), Quality(Decimal(1), None, None),
)  # fmt: skip


def _sent(document: Json | list[Json]) -> object:
    """As it arrives on the other side."""
    return decode(json.dumps(document, allow_nan=False).encode())


@settings(deadline=None)
@given(PARTS)
def test_a_part_comes_back_as_it_was_sent(part: Part) -> None:
    assert parts.part(Entry(_sent(parts.part_json(part)), "part")) == part


@settings(deadline=None)
@given(PARTS, st.lists(PARTS, max_size=3))
def test_a_structure_comes_back_as_it_was_sent(parent: Part, children: list[Part]) -> None:
    whole = Structure(parent, tuple(children))
    assert parts.structure(Entry(_sent(parts.structure_json(whole)), "structure")) == whole


@settings(deadline=None)
@given(FOOTPRINTS)
def test_a_footprint_comes_back_to_the_last_digit(footprint: Footprint) -> None:
    sent = _sent(footprints.footprint_json(footprint))
    lines = [footprints.line(one) for one in entries(sent, "cfp")]
    assert footprints.footprint(lines, footprint.trace_id) == footprint


@settings(deadline=None)
@given(FOOTPRINTS, st.sampled_from(sorted(footprints.KINDS)), st.none() | NUMBERS)
def test_a_line_of_any_kind_is_written_to_a_file_as_it_was_read(
    footprint: Footprint, kind: str, emission: Decimal | None
) -> None:
    line = FootprintLine(footprint.trace_id, None, kind, footprint.unit, emission, footprint.pre_quality)
    assert footprints.line(Entry(_sent(footprints.line_json(line)), "cfp")) == line


@settings(deadline=None)
@given(UUIDS, st.none() | st.lists(st.builds(CertificationFile, UUIDS, SHORT, UUIDS), max_size=3).map(tuple))
def test_a_certification_is_written_to_a_file_as_it_was_read(
    identifier: str, files: tuple[CertificationFile, ...] | None
) -> None:
    told = Certification(identifier, identifier, None, files)
    assert footprints.certification(Entry(_sent(footprints.certification_json(told)), "certification")) == told


@settings(deadline=None)
@given(UUIDS, SHORT, st.none() | SHORT)
def test_a_plant_comes_back_as_it_was_sent(identifier: str, name: str, global_id: str | None) -> None:
    plant = Plant(identifier, identifier, "K000001", name, name, global_id)
    assert v1.plant(Entry(_sent(v1.plant_json(plant)), "plant")) == plant
    made = {**v2.plant_json(plant), "plant_id": identifier}
    assert v2.plant(Entry(_sent(made), "plant")) == plant


@settings(deadline=None)
@given(st.binary(max_size=200) | JSON_LIKE.map(lambda found: json.dumps(found).encode()))
def test_whatever_comes_is_read_or_is_the_partners_fault(content: bytes) -> None:
    for read in (
        parts.part,
        parts.structure,
        parts.trade,
        parts.status,
        footprints.line,
        v1.operator,
        v2.token,
        v2.decision,
    ):
        try:
            found = read(Entry(decode(content), "answer"))
        except PartnerUnavailableError:
            continue
        assert found is not None


@settings(deadline=None)
@given(st.decimals(0, Decimal(99999), allow_nan=False, places=9))
def test_the_sixth_decimal_is_rounded_up(emission: Decimal) -> None:
    rounded = footprints.rounded_up(emission)
    assert 0 <= rounded - emission < Decimal("0.00001")
    assert rounded == rounded.quantize(Decimal("0.00001"))


@pytest.mark.parametrize("emission", ["NaN", "Infinity", "-0.00001", "99999.999991", "100000"])
def test_an_emission_that_cannot_be_is_refused(emission: str) -> None:
    with pytest.raises(UnfitError, match="ghgEmission"):
        footprints.rounded_up(Decimal(emission))
    with pytest.raises(UnfitError):
        footprints.footprint_json(replace(FOOTPRINT, own_pre=Decimal(emission)))


def test_more_than_five_decimals_are_not_rounded_in_silence() -> None:
    with pytest.raises(UnfitError, match="round it first"):
        footprints.footprint_json(replace(FOOTPRINT, own_pre=Decimal("1.000001")))


def test_a_quality_without_any_emission_is_refused() -> None:
    with pytest.raises(UnfitError, match="mainProcessing"):
        footprints.footprint_json(replace(FOOTPRINT, own_main=Decimal(0)))


def test_fewer_than_four_lines_are_no_footprint() -> None:
    sent = footprints.footprint_json(FOOTPRINT)
    undisclosed = [{**sent[0], "ghgEmission": None}, *sent[1:]]
    for some in (sent[:3], [], undisclosed):
        lines = [footprints.line(one) for one in entries(_sent(some), "cfp")]
        assert footprints.footprint(lines, FOOTPRINT.trace_id) is None


def test_both_spellings_of_the_documents_are_read_and_one_is_written() -> None:
    line = footprints.footprint_json(FOOTPRINT)[0]
    assert line["dqrType"] == "preProcessing"
    misspelt = {**line, "dqrType": "preProsessing"}
    assert footprints.line(Entry(_sent(misspelt), "cfp")).kind == "preProduction"
    trade: Json = dict.fromkeys(
        ("tradeId", "downstreamOperatorId", "upsreamOperatorId", "downstreamTraceId"), str(uuid4())
    )
    assert parts.trade(Entry(trade, "trade")).upstream_operator_id == trade["upsreamOperatorId"]


@pytest.mark.parametrize(
    ("answered", "reply"), [(Answered.CANCEL, "why"), (Answered.REJECT, None), (Answered.COMPLETED, None)]
)
def test_a_request_ends_in_two_ways_only(answered: Answered, reply: str | None) -> None:
    status = Status(str(uuid4()), str(uuid4()), Answered.NOT_COMPLETED, False, None, None, None)
    with pytest.raises(UnfitError):
        parts.ended_json(status, answered, reply)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("", None),
        ("<https://x.example/api?dataTarget=parts&limit=100>;", None),
        ("nothing", None),
        (f"<https://x.example/api?limit=100&after={FOOTPRINT.trace_id}>;", FOOTPRINT.trace_id),
    ],
)
def test_where_the_next_page_begins(link: str, expected: str | None) -> None:
    assert parts.next_after(link) == expected


def test_a_page_that_is_named_by_no_identifier_is_refused() -> None:
    with pytest.raises(PartnerUnavailableError, match="UUID"):
        parts.next_after("<https://x.example/api?after=../../x>;")


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (replace(PART, name=""), "partsName"),
        (replace(PART, name="x" * 51), "partsName"),
        (replace(PART, operator_id="7"), "operatorId"),
        (replace(PART, trace_id="7"), "traceId"),
        (replace(PART, label="x" * 51), "partsLabelName"),
        (replace(PART, notes=(None, None, "x" * 51)), "partsAddInfo3"),
        (replace(PART, amount=Decimal("100000")), "amountRequired"),
    ],
)
def test_a_part_that_the_contract_does_not_take_names_the_field(part: Part, words: str) -> None:
    with pytest.raises(UnfitError, match=words):
        parts.part_json(part)


@settings(deadline=None)
@given(PARTS)
def test_every_part_that_is_written_keeps_to_the_contract(shared: Path, part: Part) -> None:
    assert _contract(shared).faults("traceability.PartsModel", parts.part_json(part)) == []


@settings(deadline=None)
@given(FOOTPRINTS)
def test_every_footprint_that_is_written_keeps_to_the_contract(shared: Path, footprint: Footprint) -> None:
    assert _contract(shared).faults("traceability.CfpModel[]", footprints.footprint_json(footprint)) == []


CONTRACTS: dict[Path, Contract] = {}


def _contract(shared: Path) -> Contract:
    """Read once: property tests ask for it a hundred times."""
    if shared not in CONTRACTS:
        CONTRACTS[shared] = Contract(shared)
    return CONTRACTS[shared]
