"""What the page of acts offers to whom, and that every text of it has a translation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from playwright.sync_api import Browser

from packseal.apps.acts_page import CHEMISTRIES, CURES, GROUP_WORDS, acts_context, offered
from packseal.apps.languages import language
from packseal.apps.life_desk import NewPassport
from packseal.apps.page_words import rendered
from packseal.cli.passport import create
from packseal.errors import Reason
from packseal.passport.attributes import ATTRIBUTES
from packseal.passport.settings import CATEGORIES
from packseal.records.cose import VerifyingKey
from packseal.records.statement_bodies import CATEGORIES as WIRE_CATEGORIES
from packseal.records.statement_bodies import Stage
from tests.apps.acts_visitor import Visitor
from tests.apps.desk_api import MAKER, RECYCLER, Service, served
from tests.passport.board import key_of

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "gateway/packseal/apps/static"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with served(tmp_path) as running:
        yield running


@pytest.fixture
def passport(service: Service) -> bytes:
    made, _ = service.of(MAKER).create(NewPassport("ev-1", "EV", "Pack 1", rated_capacity_mah=60_000))
    return made


def test_who_sees_no_stage_is_offered_all_and_the_service_decides(
    browser: Browser, service: Service, passport: bytes
) -> None:
    visitor = Visitor(browser, service, passport)
    assert "not shown to you" in visitor.page.inner_text("#stage-now")
    visitor.key(MAKER)
    form = visitor.form("stage")
    assert form.locator("#stage option").count() == 8
    form.locator("#stage").select_option("reused")
    visitor.shown(form)
    assert CURES[Reason.WRONG_STAGE] in visitor.signs(form, "bad")


def test_a_passport_that_has_ended_is_offered_nothing(browser: Browser, service: Service, passport: bytes) -> None:
    maker = service.of(MAKER)
    maker.change_stage(passport, Stage.WASTE, "", [])
    recycler = bytes(key_of(RECYCLER).verify_key)
    maker.hand_over(passport, VerifyingKey(recycler), service.of(RECYCLER).consent(passport, recycler))
    service.of(RECYCLER).change_stage(passport, Stage.RECYCLED, "", [])
    visitor = Visitor(browser, service, passport, "operator")
    form = visitor.form("stage")
    assert not visitor.page.locator("#second-life").is_visible()
    assert form.locator("#stage").count() == 0
    assert "has ended" in form.inner_text()


def test_stages_that_can_follow() -> None:
    no_links: dict[str, object] = {"originals": [], "successors": []}
    assert offered({"stage": "prepared", **no_links}) == ("original", "waste")
    second = offered({"stage": "prepared", "originals": [{}], "successors": []})
    assert second == ("reused", "repurposed", "remanufactured", "waste")
    assert offered({"stage": "original", "originals": [], "successors": [{}]}) == ("waste",)
    assert offered({"stage": "recycled", **no_links}) == ()
    assert len(offered({"head": "00"})) == 7


def test_where_no_passport_was_created_the_page_creates_one_and_nothing_else() -> None:
    document: dict[str, object] = {"battery": {"id": "pack-1", "name": "Pack 1", "category": "LMT"}}
    html = rendered("acts.html", language("en"), {"name": "pack-1", "url": "http://x", **acts_context(document)})
    assert "packseal passport create --battery pack-1 " in html
    assert re.findall(r'<form id="([^"]+)"', html) == ["create-form"]
    assert re.findall(r'<option value="(\d)" selected', html) == ["2"]


@pytest.mark.parametrize(
    ("life", "is_offered"), [({}, True), ({"stage": "waste"}, True), ({"stage": "recycled"}, False)]
)
def test_a_second_life_is_offered_until_the_first_has_ended(life: dict[str, object], is_offered: bool) -> None:
    document: dict[str, object] = {"battery": {"id": "p"}, "life": {**life, "originals": [], "successors": []}}
    assert acts_context(document)["may_live_on"] is is_offered


def test_a_new_passport_has_the_commands_choices() -> None:
    choices = {option.name: option.type for option in create.params}
    assert isinstance(choices["category"], click.Choice)
    assert isinstance(choices["chemistry"], click.Choice)
    assert tuple(choices["category"].choices) == tuple(CATEGORIES) == WIRE_CATEGORIES
    assert tuple(choices["chemistry"].choices) == tuple(CHEMISTRIES)


def test_every_reason_to_refuse_a_statement_has_a_cure() -> None:
    """Of docs/record.md section 5.11 to 5.14; those that no page can bring about excepted."""
    text = (ROOT / "docs/record.md").read_text().split("### Statement")[1].split("15. The status")[0]
    named = {Reason(word) for word in re.findall(r"`([a-z-]+)`", text) if word in set(Reason)}
    assert len(named) > 14
    assert named - set(CURES) == set()


def test_an_unknown_passport_is_not_here(browser: Browser, service: Service) -> None:
    answer = browser.new_page().goto(f"{service.url}/battery/{bytes(16).hex()}/acts")
    assert answer is not None
    assert answer.status == 404


# ---- words

LIFE = {"passport_id": "00", "head": "00", "operator": {"public_key": "00", "role": "operator"}}
NAMED = re.compile(r'<option value="([a-z0-9_]+)" data-group')
SAID = re.compile(r'\bt\("([^"]+)"\)|InputError\("([^"]+)"\)|hint: "([^"]+)"')


def test_every_text_of_the_page_has_a_translation() -> None:
    programs = [STATIC / "acts.js", *(STATIC / "sign").glob("*.js")]
    said = {text for path in programs for found in SAID.findall(path.read_text()) for text in found if text}
    document: dict[str, object] = {"battery": {"id": "p", "name": "P"}, "life": LIFE}
    html = rendered("acts.html", language("en"), {"name": "p", "url": "http://x", **acts_context(document)})
    stated = {ATTRIBUTES[key].name for key in NAMED.findall(html)}
    assert len(stated) > 70
    texts = said | stated | set(CURES.values()) | set(GROUP_WORDS.values()) | set(CHEMISTRIES.values())
    assert len(texts) > 150
    for code in ("de", "ja"):
        assert [text for text in sorted(texts) if language(code).plain(text) == text] == []
        for told in ("passport 0f is not kept here; look at its id again", "the service answers 503; try again"):
            assert language(code).plain(told) != told
        assert "42" in language(code).plain("Stated: it is entry 42 of the service's log.")
