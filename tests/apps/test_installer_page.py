"""The installer's page of a real gateway with a real board, a bus, and a second board that nobody has enrolled yet."""

from __future__ import annotations

import http.client
import os
import pty
import re
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from packseal.apps.demo import board_config
from packseal.apps.gateway import Gateway
from packseal.apps.installer_enrol import Enroller, Refused
from packseal.apps.installer_page import InstallerPage
from packseal.apps.installer_view import MAX_SHOWN, packs_of
from packseal.apps.local_server import LocalServer
from packseal.apps.metrics import GATEWAY, metrics_of
from packseal.errors import MicroPythonError
from packseal.exchange.projections.last_values import LastValues
from packseal.io.enrol import hello_of
from packseal.io.free_ports import free_ports
from packseal.io.local_settings import LocalTable
from packseal.io.ports import free_port
from packseal.io.unix_board import UnixBoard
from packseal.records.bodies import Estimate, QuantityEstimate
from packseal.records.entries import genesis_key
from tests.apps.gateway_site import OLD, Site
from tests.line.rig import broker
from tests.projections.packs import HEALTH, delivered
from tests.waiting import until

PACK, AWAY = "pack-with-board", "pack-away"
SLOW = {"clock_rate": 10, "checkpoint_every": 1}
HOSTILE = 'usb-<img src=x onerror=alert(1)>"&-if00'
FORM = "application/x-www-form-urlencoded"
PHONE = {"width": 360, "height": 800}


@dataclass
class Bench:
    """A gateway of a board, a bus and a board that is away; `port` serves its page with the free port of `other`."""

    site: Site
    gateway: Gateway
    board: UnixBoard
    other: UnixBoard
    by_id: Path
    port: int
    own_port: int

    @property
    def other_path(self) -> str:
        return str(self.by_id / HOSTILE)

    def ask(
        self, path: str, method: str = "GET", body: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, str, dict[str, str]]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, body or None, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), {name.lower(): one for name, one in answer.getheaders()}

    def page(self, path: str = "/") -> str:
        return self.ask(path)[1]

    def token(self) -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.page("/enrol"))
        assert found
        return found[1]

    def post(
        self, fields: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """The form as a browser sends it. headers: others than a browser's; an empty one is left out."""
        sent = {"token": self.token(), "port": self.other_path, "baud": "115200", "battery": "pack-new"}
        usual = {"origin": f"http://127.0.0.1:{self.port}", "content-type": FORM, "sec-fetch-site": "same-origin"}
        more = {**usual, **(headers or {})}
        body = urlencode({**sent, **(fields or {})})
        status, text, _ = self.ask("/enrol", "POST", body, {name: value for name, value in more.items() if value})
        return status, text


def made_board(folder: Path) -> UnixBoard:
    try:
        return UnixBoard(folder, board_config(bytes.fromhex("11" * 32)) | SLOW)
    except MicroPythonError as error:
        pytest.skip(str(error))


def public_key(board: UnixBoard) -> str:
    return genesis_key(hello_of(board.port).genesis).public_key.hex()


def table(battery: str, port: str, key: str) -> str:
    return f'[[board]]\nbattery = "{battery}"\nport = "{port}"\npublic_key = "{key}"\n'


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    boards = made_board(folder / "a"), made_board(folder / "b")
    process, address = broker(folder)
    process.start()
    for board in boards:
        board.start()
    (folder / "by-id").mkdir()
    (folder / "by-id" / HOSTILE).symlink_to(boards[1].port)
    (folder / "by-id" / "usb-of-the-first").symlink_to(boards[0].port)
    site, own_port = Site(folder, address), free_port()
    keys = [public_key(board) for board in boards]  # both have begun their logs then
    tables = table(PACK, boards[0].port, keys[0]), table(AWAY, "/dev/<script>x</script>", "22" * 32)
    local = f'[local]\nlisten = "127.0.0.1:{own_port}"\n'
    gateway = site.start(site.write(*tables, site.bus(OLD), local))
    listen = f"127.0.0.1:{free_port()}"
    server = LocalServer(LocalTable(listen=listen))
    page = InstallerPage(gateway.state, folder / "by-id")
    server.start(gateway.state.as_json, metrics_of(GATEWAY), *page.routes())
    made = Bench(site, gateway, *boards, folder / "by-id", int(listen.rpartition(":")[2]), own_port)
    until(lambda: 'data-value="pack_voltage_mv"' in made.page(f"/?find={PACK}"), "values of the board")
    yield made
    server.stop()
    gateway.stop()
    for board in boards:
        board.stop()
    for bus in site.buses:
        bus.shutdown()
    process.kill()


def pack_of(page: str, battery: str) -> str:
    return page.partition(f'aria-label="Battery {battery}"')[2].partition("</article>")[0]


def test_problems_stand_first_each_with_its_cure(bench: Bench) -> None:
    page = bench.page()
    assert page.index('id="problems"') < page.index('id="packs"') < page.index('id="outbox"')
    problems = page.partition('id="problems"')[2].partition("</section>")[0]
    words = [problem.words for problem in bench.gateway.findings() if problem.battery == AWAY]
    assert words
    assert all(one in unescape(problems) for one in words)
    assert "check its cable, its power, and its port in gateway.toml" in problems
    assert page.index(f"Battery {AWAY}") < page.index(f"Battery {PACK}"), "packs with problems come before the others"


def test_a_pack_has_its_last_values_its_board_and_its_age(bench: Bench) -> None:
    log_id = bench.gateway.boards[0].state.log_id.hex()
    until(lambda: log_id in pack_of(bench.page(), PACK), "a look since the log began")
    pack = pack_of(bench.page(), PACK)
    for name in ("pack_voltage_mv", "pack_current_ma", "soc_cpct", "soh_capacity_cpct", "temperature_ddegc"):
        assert f'data-value="{name}"' in pack
    (health,) = re.findall(r'<div class="tile unknown" data-value="soh_capacity_cpct">.*?</div>', pack, re.DOTALL)
    assert "needs a rest of the pack (let the pack rest" in health or "stands here with its next statement" in health
    voltage = bench.gateway.state.live.values(PACK)["pack_voltage_mv"].value
    assert isinstance(voltage, int)
    shown = re.search(r'data-value="pack_voltage_mv"><h4>Voltage</h4><p class="value">([0-9.]+) V</p>', pack)
    assert shown
    assert abs(float(shown[1]) * 1000 - voltage) < 5000
    assert re.search(r'<p class="note">\d+ (s|min)[ \d s]* ago</p>', pack)
    assert pack.count("<rect") == 12
    assert "12 cell blocks, lowest" in pack
    assert f"{bench.board.port}, connected" in pack
    assert "<dt>Update</dt>" not in pack


def test_an_update_on_its_way_shows_how_far_it_is(bench: Bench) -> None:
    state = bench.gateway.boards[1].state
    state.update, state.update_bytes, state.update_taken_bytes = "update to <2.0> on its way", 5000, 1250
    until(lambda: "<dt>Update</dt>" in pack_of(bench.page(), AWAY))
    pack = pack_of(bench.page(), AWAY)
    assert "update to &lt;2.0&gt; on its way" in pack
    assert '<progress value="1250" max="5000"' in pack
    assert "1250 of 5000 bytes" in pack


def test_a_bus_says_that_what_only_boards_know_is_not_known(bench: Bench) -> None:
    until(lambda: 'data-value="pack_voltage_mv"' in pack_of(bench.page(), OLD), meanwhile=bench.site.speak)
    pack = pack_of(bench.page(), OLD)
    assert f"{bench.site.channels[OLD]}, connected" in pack
    assert pack.count("needs a board") == 2, "alarms, and the state of health"
    assert re.search(r"<dt>Frames</dt><dd>\d+ read, 0 dropped", pack)


def test_the_gateways_own_address_has_the_page_and_says_the_way_of_the_records(bench: Bench) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", bench.own_port, timeout=30)) as connection:
        connection.request("GET", "/")
        page = connection.getresponse().read().decode()
    way = page.partition('id="outbox"')[2]
    assert f"{bench.site.address}, connected" in way
    assert re.search(r"<dt>Waiting</dt><dd>\d+ records in \d+ deliveries, \d+\.\d hours; the oldest for", way)
    assert re.search(r"<dt>Room</dt><dd>\d+ % of the limit is used", way)
    assert "none since the start" in way


def test_what_is_sent_may_load_nothing_from_elsewhere_and_is_not_kept(bench: Bench) -> None:
    for path in ("/", "/enrol"):
        status, _, headers = bench.ask(path)
        assert status == 200
        assert headers["content-security-policy"].startswith("default-src 'self'; base-uri 'none'; form-action 'self'")
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
    assert "form-action 'none'" in bench.ask("/health")[2]["content-security-policy"]


def test_hostile_names_are_escaped(bench: Bench) -> None:
    pages = [bench.page(), bench.page("/enrol"), bench.page(f"/?find={quote(chr(34) + '><script>y</script>')}")]
    pages.append(bench.post({"port": "<script>z</script>"})[1])
    for page in pages:
        assert "<script>" not in page
        assert "<img src=x" not in page
    assert "/dev/&lt;script&gt;x" in pages[0]
    assert "&lt;img src=x onerror=alert(1)&gt;&#34;&amp;-if00" in pages[1]
    assert "&#34;&gt;&lt;script&gt;y" in pages[2]
    assert "&lt;script&gt;z" in pages[3]


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


def test_of_thousands_those_with_problems_are_shown_and_the_others_are_found(bench: Bench) -> None:
    names = [f"pack-{number:04}" for number in range(3000)]
    status = {
        "boards": [{"battery": name} for name in names],
        "problems": [{"battery": names[-1], "words": "w"}, {"battery": "", "words": "of no battery"}],
    }
    packs = packs_of(status, bench.gateway.state.live, "")
    assert [pack.battery for pack in packs.shown] == [names[-1], *names[: MAX_SHOWN - 1]]
    assert packs.shown[0].problems == ("w",)
    found = packs_of(status, bench.gateway.state.live, "-012")
    assert ([pack.battery for pack in found.shown], found.number) == ([f"pack-012{n}" for n in range(10)], 3000)


def test_what_is_lacking_counts_until_the_state_of_health_is_stated() -> None:
    last = LastValues()
    last.take(delivered((1000, QuantityEstimate(1, 3, lacking=(1, 6))), end_ms=1000), 0, is_live=False)
    assert last.lacking == (1, 6)
    last.take(delivered((1500, QuantityEstimate(2, 3, lacking=(3,))), end_ms=1500), 0, is_live=True)
    assert last.lacking == (1, 6), "what the resistance lacks is another matter"
    last.take(delivered((2000, HEALTH), end_ms=2000), 0, is_live=True)
    assert not last.lacking
    last.lacking = (1,)
    last.take(delivered((3000, QuantityEstimate(1, 3, value=Estimate(9000, 10))), end_ms=3000), 0, is_live=True)
    assert not last.lacking


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
