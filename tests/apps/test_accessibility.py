"""The pages for everybody: axe finds nothing, a keyboard reaches everything, a phone needs no sideways scrolling, paper
has it on two sheets."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page
from pypdf import PdfReader

from packseal.apps.languages import CODES, language
from tests.apps.page_states import STATES, verified
from tests.apps.serving import serving

LIVED = ["lived", "lived_in_public", "second_life"]
TIMEOUT_MS = 20_000
PHONE, DESK = {"width": 360, "height": 800}, {"width": 1100, "height": 900}
VIEWS = [(size, scheme) for size in (PHONE, DESK) for scheme in ("light", "dark")]
BESIDE = ("/label", "/table?quantity=soc", "/nothing")
DETAILS = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with serving(verified(tmp_path)) as address:
        yield address


def assert_accessible(page: Page) -> None:
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def opened(browser: Browser, url: str, size: dict[str, int] = DESK, scheme: str = "light") -> Page:
    page = browser.new_page(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(url)
    return page


@pytest.mark.parametrize(("size", "scheme"), VIEWS)
def test_axe_finds_nothing(browser: Browser, url: str, size: dict[str, int], scheme: str) -> None:
    page = opened(browser, url, size, scheme)
    page.wait_for_selector("#records .press")
    page.evaluate(DETAILS)
    assert_accessible(page)
    for beside in BESIDE:
        page.goto(url + beside)
        assert_accessible(page)


@pytest.mark.parametrize("state", ["altered", "eventful", "lacking", "refusing", "replayed", "empty", *LIVED])
def test_axe_finds_nothing_in_other_states(browser: Browser, tmp_path: Path, state: str) -> None:
    with serving(STATES[state](tmp_path)) as url:
        for scheme in ("light", "dark"):
            page = opened(browser, url, scheme=scheme)
            page.evaluate(DETAILS)
            assert_accessible(page)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("state", ["eventful", *LIVED])
def test_a_phone_needs_no_sideways_scrolling(browser: Browser, tmp_path: Path, state: str, code: str) -> None:
    with serving(STATES[state](tmp_path)) as url:
        page = opened(browser, f"{url}?lang={code}", PHONE)
        page.evaluate(DETAILS)
        for target in ("", *BESIDE):
            if target:
                page.goto(f"{url}{target}{'&' if '?' in target else '?'}lang={code}")
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], target


def test_a_keyboard_reaches_all_that_can_be_pressed(browser: Browser, url: str) -> None:
    page = opened(browser, url)
    page.wait_for_selector("#records .press")
    wanted = page.evaluate("""() => {
      const all = [...document.querySelectorAll('a[href], summary, button, input')];
      const seen = all.filter((one) => one.checkVisibility());
      seen.forEach((one, place) => { one.dataset.place = place; });
      return seen.length;
    }""")
    reached = set()
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        place = page.evaluate("document.activeElement.dataset.place ?? null")
        reached |= {place} if place is not None else set()
    assert len(reached) == wanted


def test_a_value_opened_by_keyboard_shows_its_record_and_stays_open(browser: Browser, tmp_path: Path) -> None:
    desk = verified(tmp_path)
    with serving(desk) as url:
        page = opened(browser, url)
        page.wait_for_selector("#records .press")
        page.focus("[data-key=soc] summary")
        page.keyboard.press("Enter")
        link = page.locator("[data-key=soc] a.proof")
        link.wait_for()
        assert str(link.get_attribute("href")).endswith("/11.bundle")
        page.evaluate("document.getElementById('now').classList.add('old')")
        desk.give(b"\xff")
        page.wait_for_selector("#refusals table")
        page.evaluate("document.getElementById('refusals').scrollIntoView()")
        assert link.is_visible()


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("state", ["verified", "estimated", "lacking", "lived"])
def test_it_prints_on_two_sheets_with_a_code_that_leads_to_the_page(
    browser: Browser, tmp_path: Path, state: str, code: str
) -> None:
    with serving(STATES[state](tmp_path)) as url:
        assert_prints(opened(browser, f"{url}?lang={code}"))


def assert_prints(page: Page) -> None:
    page.wait_for_selector("#records .press")
    printed = PdfReader(io.BytesIO(page.pdf(format="A4", prefer_css_page_size=True)))
    assert 1 <= len(printed.pages) <= 2
    text = "".join(one.extract_text() for one in printed.pages)
    link = f"http://127.0.0.1:8420{urlsplit(page.url).path}"
    assert link in text.replace("\n", "")
    page.emulate_media(media="print")
    assert codes_in(page.screenshot()) == [link]


def codes_in(png: bytes) -> list[str]:
    picture = np.array(Image.open(io.BytesIO(png)).convert("L"))
    return [found.text for found in zxingcpp.read_barcodes(picture)]


def test_labels_can_be_read_by_a_scanner(browser: Browser, url: str) -> None:
    page = opened(browser, f"{url}/label")
    for number in range(page.locator(".label svg").count()):
        picture = page.locator(".label svg").nth(number).screenshot(scale="css")
        assert codes_in(picture) == ["http://127.0.0.1:8420/battery/pack-1"]


TEXTS = [
    "mean of 10 samples in 10 s", "1 234 records", "91.2 %", "\u22125.00 A", "90.2 to 92.2 %", "nothing of ours",
    "2026-09-21 14:13:20 UTC", "deep discharge begins, 2500 mV, cell block 3", "not checked: nothing of ours",
    "record 5 of 13 of battery pack-1 is what its key signed, class B, stored by 2026-09-21 14:13:20 UTC",
    "needs a rest of the pack (let the pack rest 10 minutes without current), a sensor (connect the one that is "
    "missing; the board's events name it) and current steps (switch the load or the charger on and off a few times)",
]  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_the_pages_program_translates_as_the_service_does(browser: Browser, url: str, code: str) -> None:
    page = opened(browser, f"{url}?lang={code}")
    ask = "async (texts) => { const { t } = await import('/static/words.js'); return texts.map(t); }"
    assert page.evaluate(ask, TEXTS) == [language(code).plain(text) for text in TEXTS]


@pytest.mark.parametrize("code", ["de", "ja"])
def test_what_the_browser_checks_it_says_in_the_readers_language(browser: Browser, url: str, code: str) -> None:
    page = opened(browser, f"{url}?lang={code}")
    row = page.locator("#records tr:has(a[href$='/5.bundle'])")
    row.locator(".press").click()
    row.locator(".found.holds summary").click()
    of = language(code)
    assert row.locator(".press").inner_text() == of.plain("check here")
    assert of.plain("Not proven:") in row.locator(".found").inner_text()
    assert row.locator(".found [lang=en]").count() == 0
    page.set_input_files("#check-file", {"name": "a.bundle", "mimeType": "", "buffer": b"\x00"})
    failed = page.locator("#check-found .fails")
    failed.wait_for()
    assert of.plain("the bytes are damaged or not in the format") in failed.inner_text()
