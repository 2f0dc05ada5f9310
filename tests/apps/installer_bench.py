"""A real gateway with a real board, a bus, and a second board that nobody has enrolled yet: and its page."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from packseal.apps.demo import board_config
from packseal.apps.gateway import Gateway
from packseal.apps.installer_page import InstallerPage
from packseal.apps.local_server import LocalServer
from packseal.apps.metrics import GATEWAY, metrics_of
from packseal.errors import MicroPythonError
from packseal.io.enrol import hello_of
from packseal.io.local_settings import LocalTable
from packseal.io.ports import free_port
from packseal.io.unix_board import UnixBoard
from packseal.records.entries import genesis_key
from tests.apps.gateway_site import OLD, Site
from tests.line.rig import broker
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


@contextmanager
def open_bench(folder: Path) -> Iterator[Bench]:
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
