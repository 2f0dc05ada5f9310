"""The older passports and Battery Pass against their published schemas: valid, but for what the loss report names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packseal.exchange import en18223
from packseal.exchange.export import Export, Target, pointer
from packseal.exchange.identifiers import Identifiers
from packseal.exchange.legacy import battery_pass, consortium, product_passport
from packseal.exchange.loss import Json, Loss, Why
from packseal.exchange.source import Bound, Content, Origin, Source, Value
from tests.exchange.legacy_schemas import (
    NAMED,
    UNNAMED,
    explained,
    found_missing,
    knows,
    said_missing,
    schema_of,
    unknown_to,
)
from tests.exchange.packs import CATEGORIES, pack, sparse_pack

Make = Callable[[Source, Identifiers], Export]
MAKES: dict[str, tuple[Target, Make]] = {
    battery_pass.TARGET.id: (battery_pass.TARGET, battery_pass.make),
    product_passport.TARGET.id: (product_passport.TARGET, product_passport.make),
    consortium.TARGET.id: (consortium.TARGET, consortium.make),
    consortium.TARGET_1_2_0.id: (consortium.TARGET_1_2_0, consortium.make_1_2_0),
    en18223.TARGET.id: (en18223.TARGET, en18223.make),
}
WITH_SCHEMA = tuple(name for name in MAKES if name != en18223.TARGET.id)
of_target = pytest.mark.parametrize("name", WITH_SCHEMA)
of_every_target = pytest.mark.parametrize("name", MAKES)
of_category = pytest.mark.parametrize("category", CATEGORIES)
of_pack = pytest.mark.parametrize("make_pack", [pack, sparse_pack])


@of_target
@of_category
@of_pack
@pytest.mark.parametrize("identifiers", [NAMED, UNNAMED], ids=["named", "unnamed"])
def test_all_that_the_schema_misses_is_in_the_loss_report(
    shared: Path, name: str, category: str, make_pack: Callable[[str], Source], identifiers: Identifiers
) -> None:
    target, make = MAKES[name]
    export = make(make_pack(category), identifiers)
    missing = found_missing(schema_of(shared, name), export.document)
    assert said_missing(export) <= missing  # nothing is called missing that is there or that nobody asks for
    assert missing <= explained(export, target)  # and nothing lacks without its line


@of_target
@of_category
def test_nothing_is_written_where_the_schema_has_no_field(shared: Path, name: str, category: str) -> None:
    export = MAKES[name][1](pack(category), NAMED)
    assert unknown_to(schema_of(shared, name), export.document) == []


@of_target
def test_every_line_of_a_table_names_a_field_of_the_schema(shared: Path, name: str) -> None:
    target, schema = MAKES[name][0], schema_of(shared, name)
    assert [pointer(line.path) for line in target.fields if not knows(schema, line.path)] == []


def test_the_check_of_names_can_fail(shared: Path) -> None:
    schema = schema_of(shared, "battery-pass")
    wrong: dict[str, object] = {
        "Performance": {"batteryTechnicalProperties": {}}
    }  # as it would be spelt without the typing error
    assert unknown_to(schema, wrong) == ["/Performance/batteryTechnicalProperties"]
    assert not knows(schema, ("Performance", "batteryTechnicalProperties"))


@of_every_target
@of_category
@of_pack
def test_every_value_is_carried_or_lost_and_every_leaf_has_its_rule(
    name: str, category: str, make_pack: Callable[[str], Source]
) -> None:
    source = make_pack(category)
    check_account(source, MAKES[name][1](source, NAMED))


@of_every_target
def test_what_a_partner_may_not_see_is_not_called_missing(name: str) -> None:
    source = pack("EV")
    kept = {key: value for key, value in source.values.items() if key != "soc"}
    told = (Loss(Why.WITHHELD, "", "soc", "the partner's rules keep it back"),)
    export = MAKES[name][1](source.with_values(kept, told), NAMED)
    assert [loss.why for loss in export.losses if loss.key == "soc"] == [Why.WITHHELD]


@of_target
def test_a_bound_alone_is_no_value(name: str) -> None:
    source = pack("EV")
    bound = replace(source.values["soc"], content=None, bound=Bound(Decimal(50), is_at_least=True))
    export = MAKES[name][1](replace(source, values={**source.values, "soc": bound}), NAMED)
    assert "63.25" not in str(export.document)
    if not MAKES[name][0].has_circumstances:
        assert Why.WITHHELD in {loss.why for loss in export.losses if loss.key == "soc"}


DECIMALS = st.decimals("-1000000", "1000000", places=3, allow_nan=False)
PLAIN = st.text(max_size=12) | st.integers(-(10**9), 10**9) | DECIMALS | st.booleans()
STATED = st.sampled_from(
    ["2026-11", "2026-11-05", "https://example.org/a", "ab" * 32, "8 years", "P8Y", "2027-01-03T10:00:00Z", "EV",
     "original", "a0" * 16]
)  # fmt: skip
CONTENTS: st.SearchStrategy[Content] = st.recursive(
    PLAIN | STATED,
    lambda one: st.lists(one, max_size=3)
    | st.dictionaries(
        st.sampled_from(["name", "material", "cas", "share_percent", "part", "component", "ohm", "soc_percent",
                         "power_w", "number", "at", "text", "x"]), one, max_size=4),
)  # fmt: skip
KEYS = sorted({line.key for target, _ in MAKES.values() for line in target.fields if line.key} | {"unheard_of"})


@of_every_target
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(contents=st.dictionaries(st.sampled_from(KEYS), CONTENTS, max_size=12), made=st.none() | st.integers(0, 10**13))
def test_any_values_end_in_a_document_and_an_account(name: str, contents: dict[str, Content], made: int | None) -> None:
    values = {key: Value(key, one, "", 1, Origin.STATED, made_unix_ms=made) for key, one in contents.items()}
    source = Source("a0" * 16, "ev-1", "EV", None, 0, values)
    check_account(source, MAKES[name][1](source, UNNAMED))


@of_target
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)
@given(contents=st.dictionaries(st.sampled_from(KEYS), CONTENTS, max_size=12))
def test_no_value_makes_a_document_that_breaks_the_schema(
    shared: Path, name: str, contents: dict[str, Content]
) -> None:
    values = {key: Value(key, one, "", 1, Origin.STATED) for key, one in contents.items()}
    export = MAKES[name][1](Source("a0" * 16, "ev-1", "EV", None, 0, values), UNNAMED)
    missing = found_missing(SCHEMAS.setdefault(name, schema_of(shared, name)), export.document)
    assert missing <= explained(export, MAKES[name][0])


SCHEMAS: dict[str, Json] = {}


def check_account(source: Source, export: Export) -> None:
    """No value is silent, no leaf is without a rule, and no rule is without a leaf."""
    carried = {key for leaf in export.leaves.values() for key in leaf.keys}
    lost = {loss.key for loss in export.losses}
    assert set(source.values) <= carried | lost
    assert carried <= set(source.values)
    assert set(leaves_of(export.document)) == set(export.leaves)
    assert all(leaf.rule for leaf in export.leaves.values())


def leaves_of(content: object, place: str = "") -> list[str]:
    named: list[tuple[object, object]] = []
    if isinstance(content, dict):
        named = list(content.items())
    elif isinstance(content, list):
        named = list(enumerate(content))
    if not named:
        return [place] if place else []
    return [leaf for part, one in named for leaf in leaves_of(one, place + pointer((str(part),)))]
