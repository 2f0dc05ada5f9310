"""A document is put together leaf by leaf: each with its rule, and of each value what became of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.exchange.export import (
    MAX_LIST,
    TOLD_NAMES,
    Builder,
    Convert,
    Converted,
    Export,
    Field,
    Leaf,
    Target,
    UnfitError,
    number,
    one_of,
    pointer,
    scaled,
    text,
)
from packseal.exchange.loss import Loss, Why, losses_text, missing_fields
from packseal.exchange.source import Bound, Content, Origin, Source, Value
from tests.exchange.packs import measured, pack, stated
from tests.exchange.pointers import leaves_of

MASS = Field(("a", "mass"), "mass", number, is_required=True)
CHEMISTRY = Field(("a", "chemistry"), "chemistry", text)
TARGET = Target("plain", "Plain", "plain 1.0", (MASS, CHEMISTRY))


def source(*values: Value) -> Source:
    return replace(pack("EV"), values={value.key: value for value in values})


def built(target: Target, *values: Value) -> Export:
    builder = Builder(target, source(*values))
    builder.take_all(target.fields)
    return builder.export()


def test_each_leaf_has_its_rule() -> None:
    builder = Builder(TARGET, source(replace(stated("mass"), rule="r"), stated("chemistry")))
    builder.constant(("version",), "1.0")
    builder.take_all(TARGET.fields)
    found = builder.export()
    assert found.document == {"version": "1.0", "a": {"mass": 412.5, "chemistry": "NMC 811"}}
    assert found.leaves == {
        "/version": Leaf("format:plain", ""),
        "/a/mass": Leaf("r", "mass"),
        "/a/chemistry": Leaf("source:plain", "chemistry"),
    }


def test_what_is_required_and_not_there_is_lost_and_not_made_up() -> None:
    found = built(TARGET)
    assert (found.document, dict(found.leaves)) == ({}, {})
    words = "Plain requires it; the passport has no value"
    assert found.losses == (Loss(Why.NO_SOURCE, "/a/mass", "mass", words),)
    assert missing_fields(found.losses) == ["/a/mass"]


def test_what_is_withheld_is_said_once() -> None:
    kept = Loss(Why.WITHHELD, "", "mass", "no rule lets it out")
    builder = Builder(TARGET, source().with_values({}, (kept,)))
    builder.take_all(TARGET.fields)
    assert builder.export().losses == (kept,)


def test_what_has_no_place_is_said() -> None:
    found = built(TARGET, stated("mass"), stated("warranty"))
    assert Loss(Why.NO_PLACE, "", "warranty", "Plain has no field for it") in found.losses


def test_what_does_not_fit_is_said_with_why() -> None:
    found = built(TARGET, stated("mass", "heavy"))
    assert found.losses == (Loss(Why.UNFIT, "/a/mass", "mass", "a number is needed"),)
    assert found.document == {}


def test_a_bound_alone_has_no_place_in_a_field() -> None:
    bound = replace(stated("mass"), content=None, bound=Bound(Decimal(400), is_at_least=True))
    (loss,) = built(TARGET, bound).losses
    assert (loss.why, loss.field, loss.key) == (Why.WITHHELD, "/a/mass", "mass")


def test_what_is_carried_without_its_circumstances_is_coarser() -> None:
    target = Target("t", "T", "t 1", (Field(("soh",), "soh_capacity_cpct", number),))
    words = "carried without its method, its uncertainty, the record that it rests on, what stands beside it (of_rated)"
    value = measured("soh_capacity_cpct")
    assert built(target, value).losses == (Loss(Why.COARSER, "", value.key, words),)
    whole = built(replace(target, has_circumstances=True), value)
    assert whole.losses == ()
    (rounded,) = built(replace(target, has_circumstances=True), replace(value, is_coarser=True)).losses
    assert rounded.words == "carried without digits, by the partner's rules"


def test_the_losses_of_a_run_are_lines() -> None:
    assert losses_text(built(TARGET).losses).splitlines() == [
        "no-source  /a/mass  mass  Plain requires it; the passport has no value"
    ]
    assert built(TARGET).losses[0].to_json()["why"] == "no-source"


_names = st.text(max_size=8)
_contents: st.SearchStrategy[Converted] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(_names, one, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(_names, _contents, max_size=4))
def test_every_leaf_of_a_document_is_accounted_for(contents: dict[str, Converted]) -> None:
    builder = Builder(TARGET, source())
    for name, content in contents.items():
        builder.constant((name,), content)
    found = builder.export()
    assert found.document == contents
    assert set(found.leaves) == leaves_of(found.document) - ({""} if not contents else set())


@given(st.lists(_names, min_size=1, max_size=3))
def test_a_pointer_leads_to_one_place(path: list[str]) -> None:
    """RFC 6901 sections 3 and 4, read back."""
    parts = pointer(tuple(path)).split("/")[1:]
    assert [part.replace("~1", "/").replace("~0", "~") for part in parts] == path


def test_items_come_one_after_the_other() -> None:
    builder = Builder(TARGET, source())
    for place in range(3):
        builder.constant(("rows", place, "name"), f"row {place}")
    assert builder.export().document == {"rows": [{"name": f"row {place}"} for place in range(3)]}
    for path in (("rows", 4, "name"), ("rows", "x"), ("rows", MAX_LIST)):
        with pytest.raises(ValueError, match="has no place here"):
            builder.constant(path, "astray")


@pytest.mark.parametrize(
    ("content", "expected"), [(Decimal("412.50"), 412.5), (Decimal("3.0"), 3), (7, 7), (Decimal("-0.065"), -0.065)]
)
def test_numbers_are_those_of_json(content: Content, expected: float) -> None:
    found = number(content)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("wrong", ["7", True, [1], {"a": 1}])
def test_what_is_no_number_does_not_become_one(wrong: Content) -> None:
    for convert in (number, scaled("1000")):
        with pytest.raises(UnfitError, match="a number is needed"):
            convert(wrong)


@pytest.mark.parametrize(
    ("content", "is_kept"), [("123456789012.123456", False), ("123456789012.1234", True), ("0.1", True)]
)
def test_digits_that_no_double_holds_are_lost_and_said(content: str, is_kept: bool) -> None:
    """Also in another unit, and inside of what a field makes of a value."""
    value = Value("mass", Decimal(content), "kg", 1, Origin.STATED)
    converts: tuple[Convert, ...] = (number, scaled("10"), lambda said: [{"kg": number(said)}])
    for convert in converts:
        export = built(Target("plain", "Plain", "plain 1.0", (replace(MASS, convert=convert),)), value)
        lost = [(loss.key, loss.field[:7]) for loss in export.losses if loss.why is Why.COARSER]
        assert lost == ([] if is_kept else [("mass", "/a/mass")])


def test_a_name_told_beside_the_passport_leaves_with_what_it_names() -> None:
    builder = Builder(TARGET, replace(source(replace(stated("mass"), rule="r")), unnamed=frozenset({"facility_id"})))
    assert builder.name(("a",), ("mass",), "412.5 kg")
    assert builder.name(("b",), ("model_id",), "PS-60")
    assert not builder.name(("c",), ("mass", "facility_id"), "BPNS")
    found = builder.export()
    assert found.leaves == {"/a": Leaf("r", "mass"), "/b": Leaf(TOLD_NAMES, "")}
    assert [(loss.why, loss.field, loss.key) for loss in found.losses] == [
        (Why.WITHHELD, "/c", "facility_id"), (Why.NO_PLACE, "", "mass")
    ]  # fmt: skip


def test_units_are_changed_exactly() -> None:
    assert scaled("0.001")(Decimal("81000.1")) == 81.0001
    assert scaled("60")(12) == 720


def test_a_word_is_taken_from_the_table_alone() -> None:
    convert = one_of({"EV": "ev"})
    assert convert("EV") == "ev"
    with pytest.raises(UnfitError, match="no word for 'SBESS'; it knows those for EV"):
        convert("SBESS")
    with pytest.raises(UnfitError, match="text is needed"):
        text(7)
