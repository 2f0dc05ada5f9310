"""Whatever the form: each leaf leaves by a rule, each value is carried or lost, and what is hidden stays so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

import pytest

from packseal.exchange.aspects.material_composition import CLEAR_NAMES
from packseal.exchange.export import TOLD_NAMES, Export
from packseal.exchange.identifiers import Identifiers, Party, Plant
from packseal.exchange.named import Named
from packseal.exchange.rules import Form, Partner, Rule, released
from packseal.exchange.source import Content, Source, Value
from packseal.exchange.targets import TARGETS, forms
from tests.exchange.packs import CATEGORIES, pack, sparse_pack
from tests.exchange.pointers import leaves_of, texts_of

EVERYTHING = frozenset({1, 2, 3, 4})
NAMED = Named(
    Identifiers(
        Party("Maker", bpnl="BPNL00000003AYRE"),
        "PART-OF-PS-60",
        "INSTANCE-123",
        Plant("Works", bpns="BPNS00000003AYRE", bpna="BPNA00000003AYRE"),
    ),
    link="https://passports.example.org/battery/3f",
)
ALL_IN_GROUPS = tuple(Rule(f"group-{group}", groups=frozenset({group})) for group in sorted(EVERYTHING))
TOLD = frozenset({"told:ouranos", TOLD_NAMES})  # identifiers that an ecosystem minted, or that a person stated
ASKED_FOR = frozenset({"passport_id"})  # the partner asked by this name; a document is of a passport
SAYING = {  # key -> what names of the parts and parties say of it
    "manufacturer_id": frozenset({"BPNL00000003AYRE", "Maker"}),
    "facility_id": frozenset({"BPNS00000003AYRE", "BPNA00000003AYRE"}),
    "model_id": frozenset({"PART-OF-PS-60"}),
    "serial_number": frozenset({"INSTANCE-123"}),
    "operator_id": frozenset({"Maker"}),
}
WORDS = {  # category -> the words of all forms for it
    "EV": {"EV", "ev"},
    "LMT": {"LMT", "lmt"},
    "SBESS": {"SBESS", "stationary"},
    "other_industrial": {"other_industrial", "industrial"},
}
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
    assert [made.target.id for made in forms()] == list(TARGETS)


@OF_EACH
def test_every_byte_leaves_by_a_rule(target: str) -> None:
    for of, export in exports(target, *ALL_IN_GROUPS):
        assert set(export.leaves) == leaves_of(export.document) - ({""} if not export.document else set())
        for place, leaf in export.leaves.items():
            allowed = {of.values[key].rule for key in leaf.keys} or {f"format:{target}", *TOLD}
            assert leaf.rule in allowed, place


@OF_EACH
def test_every_value_is_carried_or_lost(target: str) -> None:
    for of, export in exports(target, *ALL_IN_GROUPS):
        carried = {key for leaf in export.leaves.values() for key in leaf.keys}
        lost = {loss.key for loss in export.losses}
        assert set(of.values) <= carried | lost


@OF_EACH
def test_without_a_rule_only_the_form_itself_leaves(target: str) -> None:
    for category, form in PACKS:
        export = made(target, source(category, form))
        assert {leaf.rule for leaf in export.leaves.values()} <= {f"format:{target}", "told:ouranos"}
        whole = {"pack": pack, "sparse_pack": sparse_pack}[form](category)
        values = [value for key, value in whole.values.items() if key not in ASKED_FOR]
        told = " ".join(texts_of(export.document) - {NAMED.link})
        assert not [text for text in {*canaries(values), *WORDS[category], *names()} if text in told.split(" ")]


@OF_EACH
def test_what_one_rule_withholds_stands_nowhere(target: str) -> None:
    """Each key for itself, all others told: neither its value, nor another value or name that says it again."""
    whole = pack("EV")
    for key in whole.values.keys() - ASKED_FOR:
        of = released(whole, partner(Rule("kept", frozenset({key}), form=Form.WITHHELD), *ALL_IN_GROUPS))
        told = texts_of(made(target, of).document)
        others = canaries(value for other, value in of.values.items() if other != key) | set(CLEAR_NAMES.values())
        alone = {text for text in canaries([whole.values[key]]) if not any(is_said(text, other) for other in others)}
        hidden = alone | SAYING.get(key, frozenset())
        assert not [text for text in hidden if any(is_said(text, leaf) for leaf in told)], key


@OF_EACH
@pytest.mark.parametrize("category", CATEGORIES)
def test_the_category_is_withheld_in_the_words_of_every_form(target: str, category: str) -> None:
    kept = Rule("kept", frozenset({"battery_category"}), form=Form.WITHHELD)
    assert texts_of(made(target, source(category, "pack", kept, *ALL_IN_GROUPS)).document).isdisjoint(WORDS[category])


def test_what_no_passport_states_is_named_by_the_same_rules() -> None:
    """A sparse pack states no plant: the number that a person told of it leaves with the group, or by its key."""
    told = {
        name: texts_of(made("nameplate", source("LMT", "sparse_pack", *rules)).document)
        for name, rules in {
            "group": ALL_IN_GROUPS,
            "key": (Rule("plant", frozenset({"facility_id"})),),
            "withheld": (Rule("plant", frozenset({"facility_id"}), form=Form.WITHHELD), *ALL_IN_GROUPS),
            "nothing": (Rule("mass", frozenset({"mass"})),),
        }.items()
    }
    assert {name for name, texts in told.items() if "BPNS00000003AYRE" in texts} == {"group", "key"}
    kept = made("aas", source("LMT", "sparse_pack", Rule("mass", frozenset({"mass"})))).losses
    assert [loss.field for loss in kept if loss.key == "facility_id"] == ["/BatteryNameplate/UniqueFacilityIdentifier"]


def test_a_detail_that_is_another_value_goes_with_it() -> None:
    kept = Rule("rated", frozenset({"rated_capacity_item"}), form=Form.WITHHELD)
    for rules, details in (((kept, *ALL_IN_GROUPS), {}), (ALL_IN_GROUPS, {"of_rated": "151.2 Ah"})):
        assert source("EV", "pack", *rules).values["soh_capacity_cpct"].details == details
    lost = {loss.key: loss.words for loss in source("EV", "pack", kept, *ALL_IN_GROUPS).withheld}
    assert lost["soh_capacity_cpct"].startswith("without what stands beside it")


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


def canaries(values: Iterable[Value]) -> set[str]:
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


def names() -> set[str]:
    """What was told beside the source."""
    return {text for texts in SAYING.values() for text in texts}


def is_said(text: str, leaf: str) -> bool:
    """As a whole, or in a longer text where it is long enough to be nothing else."""
    return text == leaf or (len(text) > 8 and text in leaf)
