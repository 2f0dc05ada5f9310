"""Whatever the form: each leaf leaves by a rule, each value is carried or lost, and what is hidden stays so."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from packseal.exchange.export import Export
from packseal.exchange.identifiers import Identifiers, Party, Plant
from packseal.exchange.rules import Form, Partner, Rule, released
from packseal.exchange.source import Content, Source, Value
from packseal.exchange.targets import TARGETS, Named
from tests.exchange.packs import CATEGORIES, pack, sparse_pack
from tests.exchange.pointers import leaves_of, texts_of

EVERYTHING = frozenset({1, 2, 3, 4})
NAMED = Named(
    Identifiers(
        Party("Maker", bpnl="BPNL00000003AYRE"), "PS-60", "PS60-000123", Plant("Works", bpns="BPNS00000003AYRE")
    ),
    link="https://passports.example.org/battery/3f",
)
ALL_IN_GROUPS = tuple(Rule(f"group-{group}", groups=frozenset({group})) for group in sorted(EVERYTHING))
TOLD = "told:ouranos"  # identifiers that the ecosystem minted itself
STRUCTURE = frozenset({"passport_id", "battery_category"})  # a document is of a passport, and of a kind of battery
PACKS = [(category, form.__name__) for category in CATEGORIES for form in (pack, sparse_pack)]
OF_EACH = pytest.mark.parametrize("target", TARGETS)


def partner(*rules: Rule) -> Partner:
    return Partner("depot", "https://depot.example", "operator", EVERYTHING, "c-1", rules)


def source(category: str, form: str, *rules: Rule) -> Source:
    return released({"pack": pack, "sparse_pack": sparse_pack}[form](category), partner(*rules))


def made(target: str, of: Source) -> Export:
    return TARGETS[target].make(of, NAMED)


def exports(target: str, *rules: Rule) -> Iterator[tuple[Source, Export]]:
    for category, form in PACKS:
        of = source(category, form, *rules)
        yield of, made(target, of)


def test_the_table_has_each_form_under_its_name() -> None:
    assert [made.target.id for made in TARGETS.values()] == list(TARGETS)


@OF_EACH
def test_every_byte_leaves_by_a_rule(target: str) -> None:
    for of, export in exports(target, *ALL_IN_GROUPS):
        assert set(export.leaves) == leaves_of(export.document) - ({""} if not export.document else set())
        for place, leaf in export.leaves.items():
            allowed = {of.values[leaf.key].rule} if leaf.key else {f"format:{target}", TOLD}
            assert leaf.rule in allowed, place


@OF_EACH
def test_every_value_is_carried_or_lost(target: str) -> None:
    for of, export in exports(target, *ALL_IN_GROUPS):
        carried = {leaf.key for leaf in export.leaves.values()}
        lost = {loss.key for loss in export.losses}
        assert set(of.values) <= carried | lost


@OF_EACH
def test_without_a_rule_only_the_form_itself_leaves(target: str) -> None:
    for category, form in PACKS:
        export = made(target, source(category, form))
        assert {leaf.rule for leaf in export.leaves.values()} <= {f"format:{target}", TOLD}
        whole = {"pack": pack, "sparse_pack": sparse_pack}[form](category)
        told = texts_of(export.document) & canaries(
            value for key, value in whole.values.items() if key not in STRUCTURE
        )
        assert told <= texts_of_names(), (category, form)


@OF_EACH
def test_a_bound_hides_its_value(target: str) -> None:
    """And what would give it away; the values of the packs are like no other number in them."""
    bound = Rule("bound", frozenset({"soh_capacity_cpct"}), form=Form.THRESHOLD, limits=(Decimal(85),))
    for category in CATEGORIES:
        export = made(target, source(category, "pack", bound, *ALL_IN_GROUPS))
        hidden = {"91.2", "91.20", "137.894", "8.8", "8.80", "0.60", "0.6", "90.024", "92.376", "0.907"}
        assert texts_of(export.document) & hidden == set()
        assert {loss.key for loss in export.losses} >= {"remaining_capacity", "capacity_fade"}


@OF_EACH
def test_what_is_rounded_has_no_more_digits(target: str) -> None:
    rounded = Rule("round", frozenset({"energy_throughput"}), form=Form.ROUNDED, step=Decimal(1000))
    export = made(target, source("LMT", "pack", rounded, *ALL_IN_GROUPS))
    assert texts_of(export.document) & {"24310.5", "24310.500", "12360.2", "11950.3"} == set()


@OF_EACH
def test_equal_sources_give_equal_documents(target: str) -> None:
    for (_, first), (_, second) in zip(exports(target, *ALL_IN_GROUPS), exports(target, *ALL_IN_GROUPS), strict=True):
        assert first == second


def canaries(values: Iterator[Value]) -> set[str]:
    """Texts and numbers of values that nothing else says."""
    found = {text for value in values for text in content_texts(value.content)}
    return {text for text in found if len(text) > 4}


def content_texts(content: Content | None) -> set[str]:
    if isinstance(content, dict):
        return {text for one in content.values() for text in content_texts(one)}
    if isinstance(content, list):
        return {text for one in content for text in content_texts(one)}
    plain = {str(content)}
    return plain | {str(float(content))} if isinstance(content, Decimal) else plain


def texts_of_names() -> set[str]:
    """What was told beside the source, by who may tell it."""
    identifiers = NAMED.identifiers
    assert identifiers is not None
    assert identifiers.plant is not None
    return {
        str(name)
        for name in (
            identifiers.manufacturer.bpnl, identifiers.manufacturer_part_id, identifiers.part_instance_id,
            identifiers.plant.bpns, NAMED.link,
        )
    }  # fmt: skip
