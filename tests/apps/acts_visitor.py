"""Who visits the page of acts with a real browser, and what that browser sent."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Request

from tests.apps.desk_api import Service, reader_key
from tests.passport.board import key_of

TIMEOUT_MS = 20_000
PHONE, DESK = {"width": 360, "height": 800}, {"width": 1100, "height": 900}


class Visitor:
    """At the page of acts, with what his browser sends. passport: its id, or that of a battery that has none."""

    def __init__(self, browser: Browser, service: Service, passport: bytes | str, role: str = "", lang: str = "en",
                 size: dict[str, int] = DESK) -> None:  # fmt: skip
        headers = {"authorization": f"Bearer {reader_key(role)}"} if role else {}
        self.page = browser.new_page(viewport=size, extra_http_headers=headers)  # type: ignore[arg-type]
        self.page.set_default_timeout(TIMEOUT_MS)
        self.requests: list[Request] = []
        self.faults: list[str] = []
        self.page.on("request", self._requested)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        name = passport if isinstance(passport, str) else passport.hex()
        self.page.goto(f"{service.url}/battery/{name}/acts?lang={lang}")
        self.page.wait_for_selector("#forms:not([hidden])")

    def _requested(self, request: Request) -> None:
        self.requests.append(request)

    def key(self, who: str) -> None:
        self.page.set_input_files("#key", {"name": f"{who}.key", "mimeType": "", "buffer": bytes(key_of(who))})
        self.page.wait_for_selector(f"#key-found :text('{bytes(key_of(who).verify_key).hex()}')")

    def form(self, name: str) -> Locator:
        form = self.page.locator(f"#{name}-form")
        if not form.is_visible():
            self.page.locator(f"details:has(#{name}-form) > summary").click()
        return form

    def shown(self, form: Locator) -> str:
        """What the page says will be signed."""
        form.locator("[type=submit]").click()
        self.page.wait_for_selector("#confirm[open]")
        return self.page.inner_text("#confirm-rows")

    def signs(self, form: Locator, kind: str = "good") -> str:
        self.page.click("#confirm-sign")
        return self.result(form, kind)

    def result(self, form: Locator, kind: str) -> str:
        form.locator(f".result .{kind}").wait_for()
        return form.locator(".result").inner_text()

    def posted(self) -> list[Request]:
        return [request for request in self.requests if request.method == "POST"]

    def assert_nothing_left(self, *who: str) -> None:
        """Key bytes in no request, in no form; nothing asked of others; no fault."""
        origin = self.page.url.split("/battery")[0]
        for request in self.requests:
            assert request.url.startswith((origin, f"blob:{origin}"))
            sent = (
                request.url.encode()
                + repr(sorted(request.headers.items())).encode()
                + (request.post_data_buffer or b"")
            )
            for one in who:
                seed = bytes(key_of(one))
                for form in (seed, seed.hex().encode(), b64encode(seed)[:40], urlsafe_b64encode(seed)[:40]):
                    assert form.lower() not in sent.lower()
        assert self.faults == []


def assert_narrow(page: Page) -> None:
    """No sideways scrolling on a phone."""
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def assert_fits(page: Page) -> None:
    """On a phone, and nothing for axe."""
    assert_narrow(page)
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


def tab_to(page: Page, selector: str) -> None:
    for _ in range(40):
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{selector} is not reached")


def life(service: Service, passport: bytes) -> dict[str, Any]:
    found: dict[str, Any] = service.of("").document(passport.hex())["life"]
    return found
