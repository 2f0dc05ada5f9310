"""The page of acts in a real browser: who is responsible states what has become of a battery, and signs it there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

from packseal.apps.acts_page import CURES
from packseal.apps.languages import CODES, language
from packseal.apps.life_desk import NewPassport
from packseal.errors import Reason
from packseal.passport.stated_values import group_to_state
from packseal.records.statement_bodies import Stage
from tests.apps.acts_visitor import PHONE, Visitor, assert_fits, assert_narrow, life, tab_to
from tests.apps.desk_api import LAB, MAKER, STORE, Service, served
from tests.passport.board import key_of

NOTED_UNIX_MS = 1_806_451_200_000  # 2027-03-31
# one look at all forms: on the page, one that is opened closes another
ALL_AT_ONCE = "document.querySelectorAll('details').forEach((e) => { e.removeAttribute('name'); e.open = true; })"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with served(tmp_path) as running:
        yield running


@pytest.fixture
def passport(service: Service) -> bytes:
    made, _ = service.of(MAKER).create(NewPassport("ev-1", "EV", "Pack 1", rated_capacity_mah=60_000))
    return made


def test_a_stage_is_stated(browser: Browser, service: Service, passport: bytes) -> None:
    visitor = Visitor(browser, service, passport, "operator")
    assert visitor.page.inner_text("#stage-now") == "prepared"
    visitor.key(MAKER)
    assert "the key of who is responsible" in visitor.page.inner_text("#key-found")
    form = visitor.form("stage")
    assert form.locator("#stage option").all_inner_texts() == ["choose", "original", "waste"]
    form.locator("#stage").select_option("original")
    form.locator("#stage-text").fill("placed on the märket")
    words = visitor.shown(form)
    for said in ("original", "placed on the märket", passport.hex(), life(service, passport)["head"]):
        assert said in words
    assert visitor.posted() == []
    assert visitor.signs(form).startswith("✔ Stated: it is entry 1 ")
    visitor.page.wait_for_selector("#stage-now:text('original')")
    assert form.locator("#stage option").all_inner_texts() == ["choose", "repaired", "reused", "waste"]
    now = life(service, passport)
    assert (now["stage"], now["history"][-1]["note"]) == ("original", "placed on the märket")
    form.locator("#stage").select_option("repaired")  # the page follows what it has stated
    assert now["head"] in visitor.shown(form)
    visitor.signs(form)
    visitor.page.wait_for_selector("#stage-now:text('repaired')")
    visitor.assert_nothing_left(MAKER)


def test_a_note_and_a_test_are_stated(browser: Browser, service: Service, passport: bytes) -> None:
    visitor = Visitor(browser, service, passport)
    visitor.key(MAKER)
    form = visitor.form("note")
    form.locator("#note-kind").select_option("2")
    form.locator("#note-day").fill("2027-03-31")
    form.locator("#note-text").fill("ü" * 3000)
    form.locator("[type=submit]").click()
    assert "make it shorter" in visitor.result(form, "bad")
    form.locator("#note-text").fill("side impact\nat 30 km/h")
    words = visitor.shown(form)
    assert "2027-03-31 00:00:00 UTC" in words
    assert "an accident or other damage" in words
    visitor.signs(form)
    (note,) = life(service, passport)["notes"]
    assert (note["kind"], note["text"], note["at"]["unix_ms"]) == ("accident", "side impact\nat 30 km/h", NOTED_UNIX_MS)
    visitor.key(LAB)
    form = visitor.form("test")
    form.locator("#capacity").fill("91,25")
    form.locator("#spread").fill("201")
    form.locator("#method").fill("capacity at C/3")
    form.locator("[type=submit]").click()
    assert "0 to 200" in visitor.result(form, "bad")
    form.locator("#spread").fill("1.8")
    assert "91.25 %" in visitor.shown(form)
    visitor.signs(form)
    (test,) = life(service, passport)["tests"]
    assert (test["capacity_cpct"], test["spread_cpct"], test["method"]) == (9125, 180, "capacity at C/3")
    visitor.assert_nothing_left(MAKER, LAB)


def test_it_is_handed_over_with_a_file_in_between(
    browser: Browser, service: Service, passport: bytes, tmp_path: Path
) -> None:
    new = Visitor(browser, service, passport)
    new.key(STORE)
    assert "not the key of who is responsible" in new.page.inner_text("#key-found")
    form = new.form("consent")
    assert "you take over the passport" in new.shown(form)
    assert bytes(key_of(STORE).verify_key).hex() in new.signs(form)
    with new.page.expect_download() as saved:
        form.locator(".result a").click()
    file = tmp_path / saved.value.suggested_filename
    saved.value.save_as(file)
    assert file.name == f"take-over-{passport.hex()[:8]}.cose"
    assert new.posted() == []
    assert file.read_bytes() == service.of(STORE).consent(passport, bytes(key_of(STORE).verify_key))

    old = Visitor(browser, service, passport)
    old.key(MAKER)
    form = old.form("handover")
    form.locator("#consent").set_input_files(file)
    assert bytes(key_of(STORE).verify_key).hex() in old.shown(form)
    old.signs(form)
    assert life(service, passport)["operator"]["public_key"] == bytes(key_of(STORE).verify_key).hex()
    assert "not the key of who is responsible" in old.page.inner_text("#key-found")

    form.locator("#consent").set_input_files(file)  # it held for the statement that was then the newest
    form.locator("[type=submit]").click()
    assert CURES[Reason.BAD_CONSENT] in old.result(form, "bad")
    assert len(old.posted()) == 1
    for visitor in (new, old):
        visitor.assert_nothing_left(STORE, MAKER)


def test_values_of_one_group_are_stated_and_a_file_by_its_digest(
    browser: Browser, service: Service, passport: bytes
) -> None:
    visitor = Visitor(browser, service, passport)
    visitor.key(MAKER)
    form = visitor.form("values")
    manual, report = b"%PDF-1.7 take it apart", hashlib.sha256(b"%PDF-1.7 take it apart").hexdigest()
    form.locator("#attribute-1").select_option("mass")
    form.locator("#value-1").fill("a lot")
    form.locator("[type=submit]").click()  # the browser tells what a number is
    assert form.locator("#value-1:invalid").count() == 1
    form.locator("#value-1").fill("412,5")
    row = add_value(form, "manufacturer_id")
    row.locator("input[name=name]").fill("Cells AG")
    row.locator("input[name=web]").fill("https://example.org")
    add_value(form, "critical_raw_materials").locator("textarea").fill("lithium\n\n nickel ")
    add_value(form, "instructions").locator("input[type=file]").set_input_files(
        {"name": "manual.pdf", "mimeType": "application/pdf", "buffer": manual}
    )
    words = visitor.shown(form)
    for said in (
        "everybody",
        "412.5",
        "name: Cells AG",
        "lithium\nnickel",
        f"manual.pdf, application/pdf, 22 B, SHA-256 {report}",
    ):
        assert said in words
    visitor.signs(form)
    found = life(service, passport)
    assert {key: one["value"] for key, one in found["values"].items()} == {
        "mass": "412.5", "manufacturer_id": {"name": "Cells AG", "web": "https://example.org"},
        "critical_raw_materials": ["lithium", "nickel"], "instructions": report,
    }  # fmt: skip
    assert found["attachments"][report]["name"] == "manual.pdf"
    form.locator("#group").select_option(str(int(group_to_state("dismantling_manuals"))))
    add_value(form, "dismantling_manuals").locator("input").first.fill("https://example.org/apart")
    form.locator("#rows fieldset").first.get_by_role("button").click()
    visitor.shown(form)
    visitor.signs(form)
    assert life(service, passport)["values"]["dismantling_manuals"]["group"] == 2
    assert all(manual not in (request.post_data_buffer or b"") for request in visitor.requests)
    visitor.assert_nothing_left(MAKER)


def add_value(form: Locator, key: str) -> Locator:
    form.locator("#more").click()
    row = form.locator("#rows fieldset").last
    row.locator("select").select_option(key)
    return row


REFUSED = {STORE: Reason.WRONG_OPERATOR, LAB: Reason.WRONG_ROLE, "stranger": Reason.UNKNOWN_AUTHORITY}


@pytest.mark.parametrize("who", REFUSED)
@pytest.mark.parametrize("code", CODES)
def test_a_wrong_key_is_refused_in_the_readers_words(
    browser: Browser, service: Service, passport: bytes, who: str, code: str
) -> None:
    before = life(service, passport)
    visitor = Visitor(browser, service, passport, lang=code)
    visitor.key(who)
    form = visitor.form("stage")
    form.locator("#stage").select_option("original")
    visitor.shown(form)
    words = visitor.signs(form, "bad")
    assert language(code).plain(CURES[REFUSED[who]]) in words
    assert REFUSED[who] in words
    assert life(service, passport) == before
    visitor.assert_nothing_left(who)


def test_who_was_slower_is_told(browser: Browser, service: Service, passport: bytes) -> None:
    visitor = Visitor(browser, service, passport)
    visitor.key(MAKER)
    service.of(MAKER).change_stage(passport, Stage.ORIGINAL, "", [])
    form = visitor.form("stage")
    form.locator("#stage").select_option("waste")
    visitor.shown(form)
    words = visitor.signs(form, "bad")
    assert "another statement about the passport came first" in words
    assert CURES[Reason.OUTDATED] in words
    assert life(service, passport)["stage"] == "original"


@pytest.mark.parametrize("how", ["button", "escape"])
def test_who_cancels_has_signed_nothing(browser: Browser, service: Service, passport: bytes, how: str) -> None:
    before = life(service, passport)
    visitor = Visitor(browser, service, passport)
    visitor.page.evaluate(
        """() => {
          window.signed = 0;
          const { sign } = SubtleCrypto.prototype;
          SubtleCrypto.prototype.sign = function (...parts) { window.signed += 1; return sign.apply(this, parts); };
        }"""
    )
    visitor.key(MAKER)
    form = visitor.form("note")
    form.locator("#note-text").fill("kept")
    for name in ("note", "consent"):
        form = visitor.form(name)
        visitor.shown(form)
        if how == "button":
            visitor.page.click("#confirm-cancel")
        else:
            visitor.page.keyboard.press("Escape")
        form.locator(".result p").wait_for()
        assert form.locator(".result").inner_text() == "Nothing was signed."
    assert visitor.page.evaluate("window.signed") == 0
    assert visitor.posted() == []
    assert life(service, passport) == before
    assert visitor.page.input_value("#note-text") == "kept"


def test_what_was_not_answered_is_handed_in_again_and_taken_once(
    browser: Browser, service: Service, passport: bytes
) -> None:
    visitor = Visitor(browser, service, passport)
    visitor.key(MAKER)
    form = visitor.form("note")
    form.locator("#note-text").fill("once")
    visitor.page.route("**/api/v1/statements", lambda route: (route.fetch(), route.abort())[1])
    visitor.shown(form)
    assert "taken once" in visitor.signs(form, "bad")
    visitor.page.unroute("**/api/v1/statements")
    form.locator(".result button").click()
    visitor.result(form, "good")
    assert [note["text"] for note in life(service, passport)["notes"]] == ["once"]


def test_what_is_no_key_file_is_told_and_a_key_is_forgotten(
    browser: Browser, service: Service, passport: bytes
) -> None:
    visitor = Visitor(browser, service, passport, lang="de")
    visitor.page.set_input_files("#key", {"name": "a.pem", "mimeType": "", "buffer": b"-----BEGIN"})
    visitor.page.wait_for_selector("#key-found :text('32 Bytes, und diese hat 10')")
    visitor.key(MAKER)
    visitor.page.click("#forget")
    form = visitor.form("note")
    form.locator("#note-text").fill("by nobody")
    form.locator("[type=submit]").click()
    assert visitor.result(form, "bad") == language("de").plain("Choose your key file first.")


REFUSING = "SubtleCrypto.prototype.sign = async () => { throw new DOMException('', 'NotSupportedError'); }"
UNABLE = {
    "cannot sign with Ed25519": REFUSING,
    "did not come over https": "Object.defineProperty(crypto, 'subtle', { value: undefined })",
}


@pytest.mark.parametrize("words", UNABLE)
def test_a_browser_that_cannot_sign_says_so(browser: Browser, service: Service, passport: bytes, words: str) -> None:
    page = browser.new_page()
    page.add_init_script(UNABLE[words])
    page.goto(f"{service.url}/battery/{passport.hex()}/acts")
    page.wait_for_selector(f"#unable:has-text('{words}')")
    assert_shows_commands(page, passport)


def test_without_script_the_page_says_how(browser: Browser, service: Service, passport: bytes) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"{service.url}/battery/{passport.hex()}/acts")
    assert "needs script" in page.inner_text("#unable")
    assert_shows_commands(page, passport)


def assert_shows_commands(page: Page, passport: bytes) -> None:
    assert f"packseal passport act stage {passport.hex()} STAGE" in page.inner_text("#commands")
    assert page.locator("form:visible, #key:visible").count() == 0


@pytest.mark.parametrize("code", CODES)
def test_everybody_can_use_it(browser: Browser, service: Service, passport: bytes, code: str) -> None:
    """No sideways scrolling on a phone, nothing for axe in either scheme, all of it in the reader's language."""
    visitor = Visitor(browser, service, passport, lang=code, size=PHONE)
    page, of = visitor.page, language(code)
    visitor.key(MAKER)
    for name in ("stage", "note", "consent", "handover", "test", "second", "values"):
        form = visitor.form(name)
        if name == "values":
            add_value(form, "manufacturer_id")
            add_value(form, "instructions")
        if name == "second":
            form.locator("#more-originals").click()
        assert_narrow(page)
    page.evaluate(ALL_AT_ONCE)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert_fits(page)
        form = visitor.form("note")
        form.locator("#note-text").fill("x" * 300)
        visitor.shown(form)
        assert_fits(page)
        page.click("#confirm-cancel")
        form.locator(".result p").wait_for()
        assert form.locator(".result").inner_text() == of.plain("Nothing was signed.")
    assert code == "en" or page.locator("[lang=en]:not(nav a)").count() == 0


def test_a_keyboard_alone_states(browser: Browser, service: Service, passport: bytes) -> None:
    visitor = Visitor(browser, service, passport)
    visitor.key(MAKER)
    page = visitor.page
    tab_to(page, "details:has(#note-form) > summary")
    page.keyboard.press("Enter")
    tab_to(page, "#note-text")
    page.keyboard.type("by keyboard")
    tab_to(page, "#note-form [type=submit]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#confirm[open]")
    assert page.evaluate("document.activeElement.id") == "confirm-title"
    tab_to(page, "#confirm-sign")
    page.keyboard.press("Enter")
    visitor.result(page.locator("#note-form"), "good")
    assert page.evaluate("document.activeElement.type") == "submit"
    assert [note["text"] for note in life(service, passport)["notes"]] == ["by keyboard"]
