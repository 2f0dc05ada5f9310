"""New passports from the page of acts, in a real browser: of a battery that has none, and of one made of others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Route

from packseal.apps.acts_page import CURES
from packseal.apps.languages import CODES, language
from packseal.apps.life_desk import NewPassport
from packseal.errors import Reason
from packseal.passport.settings import BatterySettings, EnrolledSource, PassportSettings
from packseal.records.statement_bodies import Stage
from tests.apps.acts_visitor import PHONE, Visitor, assert_fits, life, tab_to
from tests.apps.desk_api import MAKER, STORE, Service, authorities, served
from tests.passport.board import Board, key_of


@pytest.fixture
def boards() -> dict[str, Board]:
    return {battery: Board(f"board of {battery}") for battery in ("pack-1", "pack-2")}


@pytest.fixture
def service(tmp_path: Path, boards: dict[str, Board]) -> Iterator[Service]:
    """Two batteries with a board each, that the settings name."""
    batteries = tuple(
        BatterySettings(battery, "EV", 60_005, f"A used {battery}", (EnrolledSource(board.public_key, "B"),))
        for battery, board in boards.items()
    )
    with served(tmp_path, PassportSettings(batteries, authorities())) as running:
        yield running


def made(service: Service, battery: str) -> bytes:
    passport, _ = service.of(MAKER).create(NewPassport(battery, "EV", battery))
    return passport


def drive(service: Service, board: Board, battery: str, is_sealed: bool = True) -> None:
    board.boot()
    board.windows(2)
    if is_sealed:
        board.seal()
    service.desk.give(board.delivery().to_bytes(), f"packseal/site/{battery}/rec")


def fill(form: Locator, name: str, battery: str, called: str = "Store 1", category: str = "3") -> None:
    form.locator(f"#{name}-battery").fill(battery)
    form.locator(f"#{name}-name").fill(called)
    form.locator(f"#{name}-category").select_option(category)


# ---- of a battery that has none


def test_a_battery_of_the_settings_gets_its_passport(browser: Browser, service: Service) -> None:
    visitor = Visitor(browser, service, "pack-1", "operator")
    visitor.key(MAKER)
    assert "will be responsible" in visitor.page.inner_text("#key-found")
    form = visitor.form("create")
    assert form.locator("#create-rated").input_value() == "60.005"
    assert form.locator("#create-battery").get_attribute("readonly") is not None
    form.locator("#create-rated").fill("58,5")
    form.locator("#create-chemistry").select_option("nmc")
    words = visitor.shown(form)
    for said in ("a new passport", "pack-1", "A used pack-1", "electric vehicle", "58.5 Ah", "nmc"):
        assert said in words
    assert visitor.posted() == []
    assert visitor.signs(form).startswith("✔ Stated: it is entry ")
    visitor.assert_nothing_left(MAKER)
    form.locator(".result a").click()
    visitor.page.wait_for_url("**/battery/*?lang=en")
    passport = visitor.page.url.split("/battery/")[1].split("?")[0]
    assert passport in words
    found = life(service, bytes.fromhex(passport))
    assert (found["battery"], found["name"], found["category"]) == ("pack-1", "A used pack-1", "EV")
    assert (found["chemistry"], found["operator"]["public_key"]) == ("nmc", bytes(key_of(MAKER).verify_key).hex())
    whole = service.of("", "operator").document(passport)["life"]
    assert (whole["rated_capacity_mah"], whole["stage"], whole["originals"]) == (58_500, "prepared", [])


def test_the_page_of_the_battery_leads_there(browser: Browser, service: Service) -> None:
    page = browser.new_page()
    page.goto(f"{service.url}/battery/pack-1?lang=de")
    page.click("footer a:text('Pass der Batterie anlegen')")
    page.wait_for_selector("#create-form", state="attached")
    assert page.inner_text("h1") == "Pass der Batterie anlegen"


@pytest.mark.parametrize("code", CODES)
def test_who_is_slower_is_told_that_it_has_one(browser: Browser, service: Service, code: str) -> None:
    visitor = Visitor(browser, service, "pack-1", lang=code)
    visitor.key(MAKER)
    form = visitor.form("create")
    visitor.shown(form)
    first = made(service, "pack-1")
    words = visitor.signs(form, "bad")
    assert language(code).plain(CURES[Reason.ALREADY_CREATED]) in words
    assert first.hex() in words


WRONG = {
    "#create-rated": ("0", "ampere hours above 0"),
    "#create-name": ("ü" * 200, "make it shorter"),
}


@pytest.mark.parametrize("field", WRONG)
def test_what_is_typed_wrongly_is_told_before_anybody_signs(browser: Browser, service: Service, field: str) -> None:
    visitor = Visitor(browser, service, "pack-1")
    visitor.key(MAKER)
    form = visitor.form("create")
    typed, words = WRONG[field]
    form.locator(field).fill(typed)
    form.locator("[type=submit]").click()
    assert words in visitor.result(form, "bad")
    assert form.locator(field).input_value() == typed
    assert visitor.posted() == []


@pytest.mark.parametrize("code", CODES)
def test_everybody_can_create(browser: Browser, service: Service, code: str) -> None:
    visitor = Visitor(browser, service, "pack-1", lang=code, size=PHONE)
    visitor.key(MAKER)
    for scheme in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=scheme)
        assert_fits(visitor.page)
        visitor.shown(visitor.form("create"))
        assert_fits(visitor.page)
        visitor.page.click("#confirm-cancel")
    assert code == "en" or visitor.page.locator("[lang=en]:not(nav a)").count() == 0


def test_a_keyboard_alone_creates(browser: Browser, service: Service) -> None:
    visitor = Visitor(browser, service, "pack-1")
    visitor.key(MAKER)
    page = visitor.page
    tab_to(page, "#create-name")
    page.keyboard.press("Control+A")
    page.keyboard.type("By keyboard")
    tab_to(page, "#create-form [type=submit]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#confirm[open]")
    tab_to(page, "#confirm-sign")
    page.keyboard.press("Enter")
    visitor.result(page.locator("#create-form"), "good")
    assert [one["name"] for one in service.of(MAKER).listed()] == ["By keyboard", "A used pack-2"]


def test_without_script_the_page_names_the_command(browser: Browser, service: Service) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"{service.url}/battery/pack-1/acts")
    assert "packseal passport create --battery pack-1 --category EV|LMT|" in page.inner_text("#commands")
    assert page.locator("form:visible, #key:visible").count() == 0


# ---- a second life


def test_a_second_life_with_its_modules_and_its_sealed_log(
    browser: Browser, service: Service, boards: dict[str, Board]
) -> None:
    first, board = made(service, "pack-1"), boards["pack-1"]
    drive(service, board, "pack-1")
    visitor = Visitor(browser, service, first)
    visitor.key(MAKER)
    form = visitor.form("second")
    fill(form, "second", "store-1")
    form.locator("#second-modules").fill("M1: rack-2\n\n M2 : rack-3, left ")
    new = form.locator("#second-passport").input_value()
    words = visitor.shown(form)
    for said in ("comes from others", "store-1", "stationary storage", "not stated", new, first.hex(),
                 life(service, first)["head"], "none: you are its operator", "M1: rack-2\nM2: rack-3, left",
                 f"{board.log_id.hex()}: 5 records, {board.root(5).hex()}"):  # fmt: skip
        assert said in words
    visitor.signs(form)
    assert new in str(form.locator(".result a").get_attribute("href"))
    assert form.locator("#second-passport").input_value() not in ("", new)
    found = service.of("", "operator").document(new)["life"]
    assert [one["passport_id"] for one in found["originals"]] == [first.hex()]
    assert [(one["module"], one["place"]) for one in found["modules"]] == [("M1", "rack-2"), ("M2", "rack-3, left")]
    assert found["sealed"] == [{"log_id": board.log_id.hex(), "size": 5, "root": board.root(5).hex()}]
    visitor.assert_nothing_left(MAKER)


def test_where_another_is_responsible_his_consent_is_a_file(
    browser: Browser, service: Service, boards: dict[str, Board], tmp_path: Path
) -> None:
    first = made(service, "pack-1")
    drive(service, boards["pack-1"], "pack-1")
    new = Visitor(browser, service, first)
    new.key(STORE)
    form = new.form("second")
    fill(form, "second", "store-1")
    passport = form.locator("#second-passport").input_value()
    file = consented(Visitor(browser, service, first), passport, tmp_path)
    assert file.read_bytes() == service.of(MAKER).consent(first, bytes.fromhex(passport))
    form.locator("#second-consent").set_input_files(file)
    assert "from the file that you chose" in new.shown(form)
    new.signs(form)
    assert life(service, bytes.fromhex(passport))["operator"]["public_key"] == bytes(key_of(STORE).verify_key).hex()
    new.assert_nothing_left(STORE, MAKER)


def consented(owner: Visitor, passport: str, folder: Path) -> Path:
    """The file that who is responsible makes on the same page."""
    owner.key(STORE)
    form = owner.form("consent")
    form.locator("#successor").fill(passport)
    form.locator("[type=submit]").click()
    assert "who is responsible for this one consents" in owner.result(form, "bad")
    owner.key(MAKER)
    words = owner.shown(form)
    assert "a new passport may come from this one" in words
    assert passport in words
    owner.signs(form)
    with owner.page.expect_download() as saved:
        form.locator(".result a").click()
    file = folder / saved.value.suggested_filename
    saved.value.save_as(file)
    assert file.name == f"second-life-{passport[:8]}.cose"
    return file


def test_a_consent_to_another_new_passport_is_told_before_anybody_signs(
    browser: Browser, service: Service, boards: dict[str, Board], tmp_path: Path
) -> None:
    first = made(service, "pack-1")
    drive(service, boards["pack-1"], "pack-1")
    file = tmp_path / "consent.cose"
    file.write_bytes(service.of(MAKER).consent(first, bytes(16)))
    visitor = Visitor(browser, service, first)
    visitor.key(STORE)
    form = visitor.form("second")
    fill(form, "second", "store-1")
    form.locator("#second-consent").set_input_files(file)
    form.locator("[type=submit]").click()
    assert CURES[Reason.BAD_CONSENT] in visitor.result(form, "bad")
    assert visitor.posted() == []
    form.locator("#second-passport").fill("0" * 32)  # the id that it was given for
    visitor.shown(form)
    visitor.signs(form)
    assert life(service, bytes(16))["battery"] == "store-1"


def test_one_battery_of_two_originals(browser: Browser, service: Service, boards: dict[str, Board]) -> None:
    first, second = (made(service, battery) for battery in boards)
    for battery, board in boards.items():
        drive(service, board, battery)
    visitor = Visitor(browser, service, first)
    visitor.key(MAKER)
    form = visitor.form("second")
    fill(form, "second", "store-1")
    form.locator("#second-modules").fill("M1: left")
    form.locator("#more-originals").click()
    assert visitor.page.evaluate("document.activeElement.id") == "original-1"
    for typed, words in {first.hex(): "stands there twice", "f" * 32: "is not kept here", "f": "32 digits"}.items():
        form.locator("#original-1").fill(typed)
        form.locator("[type=submit]").click()
        form.locator(f".result .bad:has-text('{words}')").wait_for()
    form.locator("#original-1").fill(second.hex())
    form.locator("#original-1-modules").fill("M1: right")
    visitor.shown(form)
    visitor.signs(form)
    assert form.locator("#original-1").count() == 0
    new = str(form.locator(".result a").get_attribute("href")).split("/")[-1].split("?")[0]
    found = service.of("", "operator").document(new)["life"]
    assert [one["passport_id"] for one in found["originals"]] == [first.hex(), second.hex()]
    assert [(one["original"], one["place"]) for one in found["modules"]] == [
        (first.hex(), "left"),
        (second.hex(), "right"),
    ]
    assert {one["log_id"] for one in found["sealed"]} == {board.log_id.hex() for board in boards.values()}


REFUSED = {
    "a log that goes on": (False, MAKER, Reason.NOT_SEALED),
    "no consent": (True, STORE, Reason.BAD_CONSENT),
}


@pytest.mark.parametrize("why", REFUSED)
@pytest.mark.parametrize("code", CODES)
def test_what_the_service_refuses_is_told_with_its_cure(
    browser: Browser, service: Service, boards: dict[str, Board], why: str, code: str
) -> None:
    is_sealed, who, reason = REFUSED[why]
    first = made(service, "pack-1")
    drive(service, boards["pack-1"], "pack-1", is_sealed)
    visitor = Visitor(browser, service, first, lang=code)
    visitor.key(who)
    form = visitor.form("second")
    fill(form, "second", "store-1")
    visitor.shown(form)
    assert language(code).plain(CURES[reason]) in visitor.signs(form, "bad")
    assert form.locator("#second-battery").input_value() == "store-1"
    assert service.of(MAKER).document(first.hex())["life"]["successors"] == []


def test_a_life_that_went_on_meanwhile_is_told(browser: Browser, service: Service) -> None:
    first = made(service, "pack-1")
    visitor = Visitor(browser, service, first)
    visitor.key(MAKER)
    service.of(MAKER).change_stage(first, Stage.ORIGINAL, "", [])
    form = visitor.form("second")
    fill(form, "second", "store-1")
    visitor.shown(form)
    assert CURES[Reason.OUTDATED] in visitor.signs(form, "bad")


ANSWERS = {"": "does not answer", "{}": "with something else", "[": "answers 200"}


@pytest.mark.parametrize("answer", ANSWERS)
def test_where_the_service_does_not_answer_nothing_is_signed(browser: Browser, service: Service, answer: str) -> None:
    visitor = Visitor(browser, service, made(service, "pack-1"))
    visitor.key(MAKER)
    form = visitor.form("second")
    fill(form, "second", "store-1")

    def answered(route: Route) -> None:
        if answer:
            route.fulfill(body=answer)
        else:
            route.abort()

    visitor.page.route("**/api/v1/passports/*/logs", answered)
    form.locator("[type=submit]").click()
    assert ANSWERS[answer] in visitor.result(form, "bad")
    assert visitor.posted() == []
