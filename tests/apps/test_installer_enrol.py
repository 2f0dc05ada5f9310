"""The installer's page enrols a board: a free port is asked, for this page alone, and by no other name."""

from __future__ import annotations

import os
import pty
import re
import threading
import tomllib
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from packseal.apps.installer_enrol import Enroller, Refused
from packseal.io.enrol import hello_of
from packseal.io.free_ports import free_ports
from packseal.records.entries import genesis_key
from tests.apps.gateway_site import OLD
from tests.apps.installer_bench import HOSTILE, PACK, PHONE, Bench, public_key, table
from tests.waiting import until


def test_a_free_port_says_who_is_there_and_what_to_write(bench: Bench) -> None:
    status, page = bench.post()
    assert status == 200, page
    hello = hello_of(bench.other.port)
    key = genesis_key(hello.genesis).public_key.hex()
    assert f'<code id="public-key">{key}</code>' in page
    shown = re.search(r'<code id="table">(.*?)</code>', page, re.DOTALL)
    assert shown
    (found,) = tomllib.loads(unescape(shown[1]))["board"]
    assert found == {"battery": "pack-new", "port": bench.other_path, "public_key": key}
    command = re.search(r'<code id="command">(.*?)</code>', page)
    assert command
    assert unescape(command[1]).startswith(f"packseal key enrol-board '{bench.other_path}' --battery pack-new --key")


FOREIGN = [
    {"origin": "http://evil.example"}, {"origin": ""}, {"origin": "null"}, {"origin": "https://127.0.0.1:{port}"},
    {"origin": "http://localhost:{port}"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
]  # fmt: skip


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_form_of_another_origin_asks_no_port(bench: Bench, headers: dict[str, str]) -> None:
    status, page = bench.post(headers={name: value.format(port=bench.port) for name, value in headers.items()})
    assert status == 403
    assert "this did not come from this page" in page
    assert 'id="public-key"' not in page


@pytest.mark.parametrize("token", ["", "x" * 43, "é"])
def test_a_form_without_the_pages_token_asks_no_port(bench: Bench, token: str) -> None:
    status, page = bench.post({"token": token})
    assert status == 403
    assert 'id="public-key"' not in page


def test_a_port_that_the_gateway_uses_is_not_touched_by_any_name(bench: Bench) -> None:
    assert "usb-of-the-first" not in bench.page("/enrol")
    state = bench.gateway.boards[0].state
    reopened, refused, size = state.reopened, state.frames_refused, state.size
    for port in (bench.board.port, str(bench.by_id / "usb-of-the-first"), "/etc/passwd", f"{bench.other_path}/."):
        status, page = bench.post({"port": port})
        assert status == 409
        assert "in use by this gateway, or is not there" in page
    until(lambda: state.size > size, "a record of the board after that")
    assert (state.reopened, state.frames_refused) == (reopened, refused)


WRONG = [
    ({"battery": ""}, 400, "name the battery"), ({"battery": 'a"\n[mqtt]'}, 400, "name the battery"),
    ({"battery": "Pack 1"}, 400, "name the battery"), ({"baud": "1"}, 400, "baud rate"),
    ({"baud": "9" * 30}, 400, "baud rate"), ({"baud": "\u0661\u0661\u0661\u0661"}, 400, "baud rate"),
    ({"port": ""}, 400, "choose the port"), ({"more": "x" * 3000}, 413, "more than"),
    ({f"f{number}": "x" for number in range(9)}, 400, "not what the form sends"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "status", "words"), WRONG)
def test_a_form_that_asks_for_nothing_is_told_what_it_lacks(
    bench: Bench, fields: dict[str, str], status: int, words: str
) -> None:
    found, page = bench.post(fields)
    assert (found, words in page) == (status, True)


def test_nothing_else_is_posted_and_no_other_form(bench: Bench) -> None:
    assert bench.post(headers={"content-type": "text/plain"})[0] == 415
    for method in ("POST", "PUT", "DELETE"):
        assert [bench.ask(path, method)[0] for path in ("/", "/status", "/static/page.css")] == [405, 405, 405]
    assert bench.ask("/enrol", "PUT")[0] == 405
    assert bench.ask("/enrol", headers={"host": "evil.example"})[0] == 421


def test_one_port_is_asked_at_a_time_and_not_for_long(bench: Bench, tmp_path: Path) -> None:
    master, silent = pty.openpty()
    (tmp_path / "silent").symlink_to(os.ttyname(silent))
    enroller = Enroller(lambda: bench.gateway.state.settings, tmp_path)
    headers = {"host": "127.0.0.1:1", "origin": "http://127.0.0.1:1"}
    fields = {"token": enroller.token, "port": str(tmp_path / "silent"), "baud": "115200", "battery": "b"}
    asked = enroller.checked(headers, urlencode(fields).encode())
    refused: list[Refused] = []

    def ask() -> None:
        with pytest.raises(Refused) as raised:
            enroller.ask(asked)
        refused.append(raised.value)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [one.status for one in refused] == [409, 502], "the second at once, the first when its time was over"
    assert "another port is being asked" in refused[0].words
    assert "no board answers on" in refused[1].words
    os.close(master)
    os.close(silent)


def test_ports_of_all_tables_are_in_use(bench: Bench, tmp_path: Path) -> None:
    pairs = [pty.openpty() for _ in range(3)]
    names = [os.ttyname(slave) for _, slave in pairs]
    for number, name in enumerate(names):
        (tmp_path / f"usb-{number}").symlink_to(name)
    (tmp_path / "usb-\x7f").symlink_to(bench.other.port)
    bus = bench.site.bus(OLD).replace(bench.site.channels[OLD], f"{names[0]}@115200").replace("virtual", "slcan")
    files = bench.site.folder / "gateway.toml"
    text = files.read_text()
    settings = bench.site.write(bus, table(PACK, f"slcan:{names[1]}", "22" * 32)).settings
    files.write_text(text)
    found = {port.path for port in free_ports(settings, tmp_path)}
    assert str(tmp_path / "usb-2") in found
    assert not {path for path in found if path.endswith(("usb-0", "usb-1", "\x7f"))}
    for descriptor in (one for pair in pairs for one in pair):
        os.close(descriptor)


# ---- in a browser


def opened(browser: Browser, url: str, scheme: str) -> Page:
    page = browser.new_page(viewport=PHONE, color_scheme=scheme)  # type: ignore[arg-type]
    page.set_default_timeout(30_000)
    page.goto(url)
    return page


def assert_good_on_a_phone(page: Page) -> None:
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_installer_with_a_phone_sees_it_live_and_enrols_a_board(browser: Browser, bench: Bench, scheme: str) -> None:
    url = f"http://localhost:{bench.port}"
    page = opened(browser, f"{url}/?find={PACK}", scheme)
    assert_good_on_a_phone(page)
    size = bench.gateway.boards[0].state.size
    more = "(size) => Number(/of (\\d+) receipted/.exec(document.getElementById('packs').innerText)?.[1]) > size"
    page.wait_for_function(more, arg=size)
    page.get_by_role("link", name="Enrol a board").click()
    assert_good_on_a_phone(page)
    page.get_by_label(HOSTILE, exact=False).check()
    page.get_by_label("Id of the battery").fill("pack-new")
    page.get_by_role("button").click()
    page.wait_for_selector("#public-key, [role=alert]")
    assert page.locator("[role=alert]").all_inner_texts() == []
    assert page.inner_text("#public-key") == public_key(bench.other)
    assert_good_on_a_phone(page)
