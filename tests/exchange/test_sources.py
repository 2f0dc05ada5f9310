"""A passport as the source of an exchange: every value with its record or statement, and none above the tier."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from packseal.apps.exchange.sources import Sources, source_of
from packseal.exchange.aspects import product_condition
from packseal.exchange.loss import Loss, Why
from packseal.exchange.rules import Partner, Rule
from packseal.exchange.source import File, Interval, Origin
from packseal.passport.access import ReaderRole, groups, visible
from packseal.passport.attributes import ATTRIBUTES, Group, Kind, group_of
from tests.apps.test_life_journey import STATIC
from tests.exchange.lived import EVERYTHING, REPORT, Lived, lived_pack
from tests.exchange.packs import UNITS, pack
from tests.passport.board import Board
from tests.passport.desk import desk_for

CANARIES = {Group.MODEL: "CANARY-MODEL", Group.AUTHORITIES: REPORT.sha256.hex(), Group.INDIVIDUAL: "CANARY-OWN"}


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Lived]:
    with lived_pack(tmp_path) as pack_of_ev:
        yield pack_of_ev


def test_a_measured_value_has_its_circumstances(lived: Lived) -> None:
    source = lived.source()
    health = source.values["soh_capacity_cpct"]
    assert (health.content, health.unit, health.origin, health.group) == (Decimal("91.2"), "%", Origin.MEASURED, 4)
    assert health.record == (lived.board.log_id.hex(), lived.board.size - 1)
    assert health.evidence_class == "B"
    assert health.method
    assert health.standard_uncertainty is not None
    off = health.standard_uncertainty * Decimal("1.96")
    assert health.interval is not None
    assert health.interval.high - health.interval.low == pytest.approx(2 * off, abs=Decimal("0.02"))
    assert health.interval == Interval(2 * Decimal("91.2") - health.interval.high, health.interval.high)
    assert health.made_unix_ms is not None
    assert health.made_unix_ms <= source.as_of_unix_ms
    assert set(health.details) <= {"of_rated", "weakest", "strongest", "inputs", "soc_span", "at_temperature"}


def test_a_stated_value_has_its_statement_and_its_own_form(lived: Lived) -> None:
    values = lived.source().values
    for key, said in STATIC.items():
        value = values[key]
        is_decimal = ATTRIBUTES[key].kind is Kind.DECIMAL
        expected = Decimal(str(said)) if is_decimal else REPORT.sha256.hex() if key == "test_reports" else said
        assert (value.content, value.origin, value.unit) == (expected, Origin.STATED, ATTRIBUTES[key].unit), key
        assert len(bytes.fromhex(value.statement or "")) == 32
    assert values["expected_cycles"].content == 3000
    assert values["rated_capacity_item"].origin is Origin.STATED, "before what the settings say"


def test_what_follows_from_acts_is_of_the_life(lived: Lived) -> None:
    source = lived.source()
    values = source.values
    assert (source.passport, source.battery, source.category) == (lived.passport, "ev-1", "EV")
    assert (source.status, values["status"].content) == ("original", "original")
    assert (values["passport_id"].content, values["battery_category"].content) == (lived.passport, "EV")
    operator = values["operator_id"].content
    assert isinstance(operator, dict)
    assert operator["role"] == "integrator"
    assert "previous_passports" not in values
    said = {"kind": "repair", "at": "2026-09-21T14:13:20Z", "text": "fuse CANARY-OWN"}
    assert values["repair_history"].content == [{**said, "statement": values["repair_history"].statement}]
    assert "negative_events" not in values, "that there was none has nobody said"


def test_files_and_logs_are_those_of_the_service(lived: Lived) -> None:
    source = lived.source()
    digest = REPORT.sha256.hex()
    assert source.files == {digest: File(digest, "report.pdf", "application/pdf", 70_000, 3)}
    (end,) = source.logs
    board = lived.board
    assert (end.log_id, end.size, end.root) == (board.log_id.hex(), board.size, board.root(board.size).hex())


def test_each_note_names_the_statement_that_it_is_in(lived: Lived) -> None:
    value = lived.source().values["repair_history"]
    assert isinstance(value.content, list)
    (note,) = value.content
    assert isinstance(note, dict)
    assert (note["text"], note["statement"]) == ("fuse CANARY-OWN", value.statement)


def test_of_two_accidents_the_aspect_names_both_statements() -> None:
    at = {"text": "2027-01-03 10:00:00 UTC"}
    notes = [{"kind": "accident", "at": at, "text": text, "statement": text * 32} for text in ("a1", "b2")]
    source = source_of({"battery": {"id": "b"}, "life": {"notes": notes, "values": {}}})
    assert source.values["negative_events"].statement is None
    assert product_condition.make(source).document["InformationOnAccidents"] == ["a1" * 32, "b2" * 32]


def test_what_is_no_attribute_is_said_to_be_lost(lived: Lived) -> None:
    assert set(lived.source().withheld) == {
        Loss(Why.NO_PLACE, "", "", f"{what}: 1; no attribute of a passport holds them")
        for what in ("notes that are neither accident nor repair", "capacity tests")
    }


@pytest.mark.parametrize("role", ReaderRole)
def test_each_tier_has_its_groups_and_nothing_of_others(lived: Lived, role: ReaderRole) -> None:
    seen = groups(role)
    source, whole = lived.source(seen), lived.source()
    assert set(source.values) == {key for key, value in whole.values.items() if value.group in seen}
    assert (source.status is not None) == (Group.INDIVIDUAL in seen)
    text = repr(source)
    for group, canary in CANARIES.items():
        assert (canary in text) == (group in seen), group


def test_every_group_is_that_of_the_tables(lived: Lived) -> None:
    for key, value in lived.source().values.items():
        assert value.group == group_of(key)
        if key in UNITS:
            assert value.unit == UNITS[key], "the example packs have the units that passports have"


def test_measured_values_have_the_shapes_of_the_example_packs(lived: Lived) -> None:
    example = pack("EV").values
    found = lived.source().values
    assert isinstance(found["temperature_histogram"].content, list)
    for key in found.keys() & example.keys():
        if found[key].origin in (Origin.MEASURED, Origin.LIFE) and not isinstance(found[key].content, int):
            assert type(found[key].content) is type(example[key].content), key


def test_a_partner_gets_what_its_rules_let_out(lived: Lived) -> None:
    rules = Rule("weight", frozenset({"mass", "test_reports"})), Rule("own", groups=frozenset({4}))
    seen = frozenset(int(group) for group in groups(ReaderRole.PUBLIC))
    partner = Partner("depot", "https://depot.example", "public", seen, "c-1", rules)
    found = lived.sources.for_partner(lived.passport, partner)
    assert found is not None
    assert set(found.values) == {"mass"}
    assert (found.partner, found.values["mass"].rule) == ("depot", "weight")


def test_what_is_not_there_has_no_source(lived: Lived) -> None:
    for name in ("ab" * 16, "ev-1", "x"):
        assert lived.sources.of(name, EVERYTHING) is None


def test_a_battery_of_the_settings_has_no_life(tmp_path: Path) -> None:
    board = Board("settings board")
    board.boot()
    board.windows(3)
    desk = desk_for(tmp_path, board)
    desk.receipt(board.delivery().to_bytes())
    source = Sources(desk.service).of("pack-1", EVERYTHING)
    assert source is not None
    assert (source.passport, source.status) == ("pack-1", None)
    assert source.values["battery_category"].origin is Origin.SERVICE
    assert source.values["rated_capacity_item"].origin is Origin.SERVICE
    assert {"soc", "pack_voltage_mv"} <= source.values.keys()
    assert "passport_id" not in source.values


def test_a_cell_that_was_not_read_keeps_its_place() -> None:
    spread = {"value": 3, "unit": "mV", "cells_mv": [3700, None, 3703], "record": {"log_id": "ab" * 16, "seq": 1}}
    document = {"battery": {"id": "b", "category": "EV"}, "as_of_unix_ms": 5, "values": {"cell_spread_mv": spread}}
    source = source_of(visible(document, EVERYTHING))
    assert source.values["cell_spread_mv"].details["cells_mv"] == [3700, "not available", 3703]
