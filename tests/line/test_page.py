"""The demo's page in a real browser: what a reader sees, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from packseal.apps.demo import Demo
from tests.line.rig import tool

TIMEOUT_MS = 30_000


@pytest.fixture(params=[(1100, 900), (360, 800)], ids=["desk", "phone"])
def page(demo: Demo, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, height = request.param
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=tool("chromium"), args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": width, "height": height})
        opened.set_default_timeout(TIMEOUT_MS)
        opened.goto(demo.line.passport.url)
        yield opened
        browser.close()


def test_the_page_reaches_verified_and_says_what_that_means(page: Page, tmp_path: Path) -> None:
    page.wait_for_selector("#verdict.verified")
    assert page.inner_text("h1") == "Demo pack, 12 cells in two strings"
    page.click("summary")
    assert "Not proven" in page.inner_text("#verdict")
    assert "Simulated pack" in page.inner_text("#banner")
    picture = page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert picture.startswith(b"\x89PNG")


def test_state_of_health_has_method_interval_and_age(page: Page) -> None:
    text = page.inner_text("#health")
    assert "%" in text
    assert "about 95 %" in text
    assert "an open-circuit curve that ages with the cell" in text
    assert "ago" in text


def test_live_values_change_without_a_reload(page: Page) -> None:
    page.evaluate("window.isSamePage = true")
    age = page.inner_text("[data-age='pack_voltage_mv']")
    page.wait_for_function("age => document.querySelector('[data-age=pack_voltage_mv]').innerText !== age", arg=age)
    records = page.inner_text("#records tbody tr:first-child")
    page.wait_for_function("old => document.querySelector('#records tbody tr').innerText !== old", arg=records)
    assert page.evaluate("window.isSamePage")


def test_it_fits_the_screen_and_loads_nothing_from_elsewhere(page: Page, demo: Demo) -> None:
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.reload()
    page.wait_for_selector("#verdict.verified")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert hosts == {demo.line.passport.url.removeprefix("http://")}


def test_plot_and_bundle_open(page: Page, tmp_path: Path) -> None:
    plot = page.wait_for_selector("img[src*='plot.svg']")
    assert plot is not None
    plot.scroll_into_view_if_needed()
    assert plot.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    with page.expect_download() as download:
        page.click("#records a[href$='.bundle']")
    download.value.save_as(tmp_path / "taken.bundle")
    assert b"packseal/bundle/1" in (tmp_path / "taken.bundle").read_bytes()
