"""What must not leave for the data space, and that the place of it is named and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import EgressError
from packseal.exchange.catenax.egress import Secrets, check_registered, check_tier
from packseal.exchange.export import Builder, Export, Field, Leaf, Target, number, text
from packseal.exchange.rules import Partner, Rule, released
from packseal.exchange.source import Source
from tests.exchange.packs import CATEGORIES, pack
from tests.exchange.test_catenax_shells import CUSTOMER, TWIN, described

SECRETS = Secrets(("Kathoden GmbH & Co. KG", "東亜電池"), (CUSTOMER,))
TARGET = Target("plain", "plain", "plain 1", (Field(("m",), "mass", number), Field(("c",), "chemistry", text)))
PARTNER = Partner("p", "https://p", "public", frozenset({1}), "c-1", (Rule("all", groups=frozenset({1})),))


def test_a_twin_without_names_is_registered_with_its_readers() -> None:
    check_registered(described(), SECRETS)


@pytest.mark.parametrize(
    "name",
    [
        "Kathoden GmbH & Co. KG",
        "from KATHODEN  gmbh & co. kg, lot 7",
        "kathoden-gmbh-co-kg",
        "Käthoden GmbH & Co. KG",
        "\uff2b\uff41\uff54\uff48\uff4f\uff44\uff45\uff4e GmbH & Co. KG",
        "https://kathoden.gmbh/co/kg",
        "東亜電池",
        "株式会社東亜電池製",
    ],
)
def test_a_name_of_a_supplier_is_refused_however_it_is_written(name: str) -> None:
    for place, document in (
        ("/description/0/text", {"description": [{"language": "en", "text": name}]}),
        (f"/{name.replace('~', '~0').replace('/', '~1')}", {name: 1}),
    ):
        with pytest.raises(EgressError) as caught:
            check_registered(described() | document, SECRETS)
        assert str(caught.value).startswith(place)


def test_the_error_names_the_place_and_not_the_name() -> None:
    with pytest.raises(EgressError, match="/displayName") as caught:
        check_registered({"displayName": "Kathoden GmbH & Co. KG"}, SECRETS)
    assert "athoden" not in str(caught.value)


@pytest.mark.parametrize("words", ["Kathode", "a cathode of nickel", "GmbH", "KG & Co.", "東亜"])
def test_other_words_are_not_taken_for_it(words: str) -> None:
    check_registered({"description": words}, SECRETS)


def test_a_customers_number_is_a_reader_and_nothing_else() -> None:
    with pytest.raises(EgressError, match="/displayName"):
        check_registered(described() | {"displayName": f"for {CUSTOMER}"}, SECRETS)


def test_an_identifier_that_cx_0160_does_not_name_says_who_the_customer_is() -> None:
    shell = described(replace(TWIN, readers=()))
    assert isinstance(shell["specificAssetIds"], list)
    shell["specificAssetIds"].append({"name": "customerPartId", "value": "77-31"})
    with pytest.raises(EgressError, match="customerPartId"):
        check_registered(shell, SECRETS)


def test_what_is_too_deep_to_be_looked_through_does_not_leave() -> None:
    document: dict[str, object] = {}
    for _ in range(60):
        document = {"x": document}
    with pytest.raises(EgressError, match="too deep"):
        check_registered(document, SECRETS)


@given(st.recursive(st.just("Kathoden GmbH & Co. KG"), lambda one: st.lists(one, min_size=1) | st.dictionaries(
    st.text(min_size=1), one, min_size=1), max_leaves=5))  # fmt: skip
def test_a_name_is_found_wherever_it_stands(content: object) -> None:
    with pytest.raises(EgressError):
        check_registered({"x": content}, SECRETS)


def exported(source: Source) -> Export:
    builder = Builder(TARGET, source)
    builder.constant(("version",), "1")
    builder.take_all(TARGET.fields)
    return builder.export()


@pytest.mark.parametrize("category", CATEGORIES)
def test_what_was_released_may_leave(category: str) -> None:
    source = released(pack(category), PARTNER)
    check_tier(exported(source), source, PARTNER)


def test_what_nobody_released_does_not_leave() -> None:
    source = pack("EV")
    with pytest.raises(EgressError, match="/m leaves under no rule of p"):
        check_tier(exported(source), source, PARTNER)


def test_a_claim_above_the_tier_does_not_leave_whatever_a_rule_says() -> None:
    source = released(pack("EV"), PARTNER)
    higher = replace(source.values["mass"], group=3)
    with pytest.raises(EgressError, match="/m is of access group 3, above the tier public"):
        check_tier(exported(source), source.with_values({**source.values, "mass": higher}, ()), PARTNER)


def test_a_leaf_of_a_value_that_was_kept_back_does_not_leave() -> None:
    source = released(pack("EV"), PARTNER)
    export = exported(source)
    stray = replace(export, leaves={**export.leaves, "": Leaf("all", "mass soh_capacity_cpct")})
    with pytest.raises(EgressError, match="/ is of soh_capacity_cpct, which was not released"):
        check_tier(stray, source, PARTNER)
