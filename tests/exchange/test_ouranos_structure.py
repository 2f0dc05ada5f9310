"""A parent is never written without its children: the rule, then the client at a platform that forgets them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import PartnerUnavailableError
from packseal.exchange.export import UnfitError
from packseal.exchange.ouranos.model import Part, Structure
from packseal.exchange.ouranos.parts import part_json
from packseal.exchange.ouranos.structure import MAX_CHILDREN, Change, after, is_alone, is_done
from packseal.exchange.ouranos.wire import Entry, decode
from packseal.io.ouranos_v1 import OuranosV1
from packseal.io.partner_http import PartnerHTTP
from tests.exchange.ouranos_site import SHORT_S, Site, ouranos, part_of
from tests.sim.ouranos_contract import DATA_PATH
from tests.sim.ouranos_world import API_KEY
from tests.sim.server import Fault

OPERATOR, PLANT = str(uuid4()), str(uuid4())
PARENT = Part(str(uuid4()), OPERATOR, PLANT, "pack", None, False)
NAMES = st.text("abcdef", min_size=1, max_size=2)


def _child(name: str, amount: int = 1, trace_id: str | None = None) -> Part:
    return Part(trace_id, OPERATOR, PLANT, name, None, False, Decimal(amount))


def _registered(names: set[str]) -> Structure:
    return Structure(PARENT, tuple(_child(name, trace_id=str(uuid4())) for name in sorted(names)))


@settings(deadline=None)
@given(st.sets(NAMES), st.dictionaries(NAMES, st.integers(1, 9)), st.data())
def test_what_is_sent_has_every_child_that_nobody_removed(
    names: set[str], changed: dict[str, int], drawn: st.DataObject
) -> None:
    registered = _registered(names)
    removed = drawn.draw(st.lists(st.sampled_from(registered.children), unique=True)) if names else []
    change = Change(
        PARENT, tuple(_child(*one) for one in changed.items()), tuple(one.trace_id or "" for one in removed)
    )
    sent = after(change, registered)
    expected = (names - {one.name for one in removed}) | (set(changed) - {one.name for one in removed})
    assert {one.name for one in sent.children} == expected
    known = {one.name: one.trace_id for one in registered.children}
    assert all(one.trace_id == known.get(one.name) for one in sent.children)
    assert is_done(Change(PARENT, change.children), sent) or removed


def test_only_a_new_part_without_children_goes_alone() -> None:
    alone = Structure(PARENT)
    assert is_alone(None, alone)
    assert not is_alone(alone, alone)
    assert not is_alone(None, Structure(PARENT, (_child("cell"),)))


def test_nothing_and_an_empty_text_are_the_same_to_the_platform() -> None:
    shown = Structure(replace(PARENT, support_name="", label=""))
    assert is_done(Change(PARENT), shown)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(replace(PARENT, amount=Decimal(1))), "a parent has no amount"),
        (Change(replace(PARENT, name="other")), "register it as another part"),
        (Change(PARENT, (replace(_child("a"), operator_id=str(uuid4())),)), "by the same operator"),
        (Change(PARENT, (_child("a"), _child("a", 2))), "same plant and names"),
        (Change(PARENT, tuple(_child(f"n{number}") for number in range(MAX_CHILDREN + 1))), "is the most"),
    ],
)
def test_what_the_contract_does_not_take_is_refused_before_it_is_sent(change: Change, words: str) -> None:
    with pytest.raises(UnfitError, match=words):
        after(change, Structure(PARENT))


@pytest.fixture
def site(shared: Path) -> Iterator[Site]:
    with ouranos(shared) as running:
        yield running


class Family:
    """A parent with two children, registered."""

    def __init__(self, site: Site, timeout_s: float = 5.0) -> None:
        self.site, self.who = site, site.buyer
        self.plant_id = site.plant_of(site.buyer)
        self.client: OuranosV1 = site.client(site.buyer, timeout_s=timeout_s)
        self.parent = part_of(self.who, self.plant_id, "pack")
        self.client.parts.change(Change(self.parent, (self.child("cell"), self.child("case"))))

    def child(self, name: str) -> Part:
        return part_of(self.who, self.plant_id, name, "2")

    def names(self) -> set[str]:
        """Of the children that the platform has."""
        platform = self.site.platform
        trace_id = next(key for key, one in platform.parts.items() if one["partsName"] == "pack")
        return {platform.parts[one]["partsName"] for one in platform.children[trace_id]}

    def somebody_adds(self, name: str) -> None:
        platform = self.site.platform
        trace_id = next(key for key, one in platform.parts.items() if one["partsName"] == "pack")
        sent = {
            "parentPartsModel": {**platform.parts[trace_id], "amountRequired": None},
            "childrenPartsModel": [
                *(platform.parts[one] for one in platform.children[trace_id]),
                part_json(self.child(name)),
            ],
        }
        platform.put_structure(self.who.operator_id, sent)


def test_the_platform_forgets_the_children_of_a_parent_that_is_sent_alone(site: Site) -> None:
    family = Family(site)
    login = PartnerHTTP(site.auth.url, is_private_allowed=True)
    body = {"operatorAccountId": family.who.account, "accountPassword": family.who.password}
    given = decode(login.request("POST", "/auth/login", body=body, headers={"apiKey": API_KEY}).content)
    token = Entry(given, "login").text("accessToken")
    data = PartnerHTTP(
        site.data.url, headers=lambda: {"apiKey": API_KEY, "Authorization": f"Bearer {token}"}, is_private_allowed=True
    )
    data.request("PUT", DATA_PATH, query={"dataTarget": "parts"}, body=part_json(family.parent))
    assert family.names() == set()
    assert site.platform.erased == ["pack"]
    site.platform.erased.clear()


def test_a_parent_that_changes_keeps_its_children(site: Site) -> None:
    family = Family(site)
    changed = replace(family.parent, label="Pack 60", notes=(None, None, "A" * 43))
    found = family.client.parts.change(Change(changed))
    assert (found.parent.label, family.names()) == ("Pack 60", {"cell", "case"})
    assert site.writes("parts") == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault(503, method="PUT"),
        Fault(504, method="PUT"),
        Fault(504, method="PUT", is_carried_out=True),
        Fault(429, headers={"Retry-After": "1"}, method="PUT"),
        Fault(0, method="PUT"),
        Fault(0, method="PUT", is_carried_out=True),
    ],
)
def test_children_stay_when_a_write_is_repeated(site: Site, fault: Fault) -> None:
    family = Family(site, SHORT_S)
    site.data.fail(fault)
    found = family.client.parts.change(Change(replace(family.parent, label="after"), (family.child("lid"),)))
    assert found.parent.label == "after"
    assert family.names() == {"cell", "case", "lid"}
    assert site.time.waited_s


def test_a_child_that_comes_between_two_attempts_is_kept(site: Site) -> None:
    family = Family(site)
    site.data.fail(Fault(503, method="PUT"))
    nothing = [lambda: None] * 3  # the looks before the attempt that fails
    site.platform.hooks += [*nothing, lambda: family.somebody_adds("late")]
    family.client.parts.change(Change(replace(family.parent, label="after")))
    assert family.names() == {"cell", "case", "late"}


def test_a_child_that_comes_while_we_write_is_kept(site: Site) -> None:
    family = Family(site)
    site.platform.hooks += [lambda: None, lambda: family.somebody_adds("late")]
    family.client.parts.change(Change(replace(family.parent, label="new")))
    assert family.names() == {"cell", "case", "late"}


def test_a_structure_that_never_rests_is_left_alone(site: Site) -> None:
    family = Family(site)
    writes = site.writes("partsStructure")
    site.platform.hooks += [partial(family.somebody_adds, f"late {number}") for number in range(30)]
    with pytest.raises(PartnerUnavailableError, match="changed by somebody else at this moment"):
        family.client.parts.change(Change(replace(family.parent, label="new")))
    assert site.writes("partsStructure") == writes
    assert {"cell", "case", "late 0"} <= family.names()


def test_a_child_goes_where_it_is_removed_by_name(site: Site) -> None:
    family = Family(site)
    found = family.client.parts.find(family.parent)
    assert found
    assert found.trace_id
    case = next(one for one in family.client.parts.structure(found.trace_id).children if one.name == "case")
    family.client.parts.change(Change(family.parent, removed=(case.trace_id or "",)))
    assert family.names() == {"cell"}


def test_the_same_change_once_more_sends_nothing(site: Site) -> None:
    family = Family(site)
    writes = site.writes("partsStructure")
    family.client.parts.change(Change(family.parent, (family.child("cell"),)))
    assert site.writes("partsStructure") == writes
