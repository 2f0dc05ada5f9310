"""A site on one machine as its owner sets it up: broker, gateway and passport service from the package; a board on a
serial port, and a pack heard over a USB-CAN adapter."""

from __future__ import annotations

import os
import threading
import tty
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from packseal.apps.demo import board_config
from packseal.io.enrol import hello_of
from packseal.io.passport_store import PassportStore
from packseal.io.unix_board import UnixBoard
from packseal.records.entries import decode_entry, genesis_key
from tests.apps.can_site import BIND, DBC, payload
from tests.packaging.machine import Machine
from tests.packaging.package import Package

GATEWAY, PASSPORT = "packseal-gateway", "packseal-passport"
SERVICES = (GATEWAY, PASSPORT)
DIALOUT = 20  # the group of serial ports, by the same number in every Debian
WAIT_S = 120
PASSPORT_TOML = """\
broker = "mqtt://127.0.0.1:1883"
store = "/var/lib/packseal/passport/passport.db"
key = "/var/lib/packseal/passport/service.key"
log = "/var/lib/packseal/passport/log"
"""
GATEWAY_TOML = """\
site = "north"
broker = "mqtt://127.0.0.1:1883"
outbox = "/var/lib/packseal/gateway/outbox.db"
key = "/var/lib/packseal/gateway/gateway.key"
"""


class Adapter:
    """A USB-CAN adapter that tells ten frames a second. What nobody reads is lost, as on a bus."""

    def __init__(self) -> None:
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.port = Path(os.ttyname(self._theirs))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tell)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        os.close(self._ours)
        os.close(self._theirs)

    def _tell(self) -> None:
        voltage = 500
        while not self._ended.wait(0.1):
            voltage = 500 + (voltage + 1) % 20
            with suppress(BlockingIOError):
                os.write(self._ours, f"t1008{payload(voltage).hex()}\r".encode())


class Site:
    def __init__(self, folder: Path, root: Path, packages: Path) -> None:
        self.board = UnixBoard(folder / "board", {})
        self.adapter = Adapter()
        lent = {Path(self.board.port): "/dev/ttyRack1", self.adapter.port: "/dev/ttyRack2", packages: "/packages"}
        for port in (Path(self.board.port), self.adapter.port):
            os.chown(port, 0, DIALOUT)
            port.chmod(0o660)
        self.machine = Machine(root, lent)

    def start(self, package: Package) -> None:
        """From a bare machine to services that run, by the steps of docs/install.md."""
        self.machine.start()
        self.install(package)
        self._write("passport.toml", PASSPORT_TOML)
        service_key = self._key_line(PASSPORT, "passport")
        self._write("gateway.toml", f"{GATEWAY_TOML}{service_key}\n")
        gateway_key = self._key_line(GATEWAY, "gateway")
        self.board.configure(board_config(bytes.fromhex(service_key.split('"')[1])) | {"checkpoint_every": 5})
        self.board.start()
        board_key = f'public_key = "{genesis_key(hello_of(self.board.port).genesis).public_key.hex()}"'
        self._write("passport.toml", PASSPORT_TOML + _batteries(board_key, gateway_key))
        self._write("gateway.toml", f"{GATEWAY_TOML}{service_key}\n{_sources(board_key)}")
        self._write("pack.dbc", DBC)
        self._write("pack.toml", BIND)
        self.adapter.start()
        self.machine.run("systemctl", "enable", "--now", *SERVICES)
        self.wait_for(lambda: len(self.sizes()) == 2, "the first records of both packs")

    def stop(self) -> None:
        self.machine.stop()
        self.adapter.stop()
        self.board.stop()

    def install(self, package: Package) -> None:
        self.machine.run("dpkg", "--install", f"/packages/{package.path.name}")

    def sizes(self) -> dict[bytes, int]:
        """log id -> how many records the passport service has of it"""
        if not self.store.exists():
            return {}
        with closing(PassportStore(self.store)) as store:
            return {head.log_id: head.size for head in store.heads()}

    def check_store(self) -> None:
        """Each log as it was signed, in order, none missing."""
        with closing(PassportStore(self.store)) as store:
            for head in store.heads():
                assert not store.audit(head.log_id, limit=1 << 24).differences
                contents = list(store.known(head.log_id).entries(0, head.size))
                assert [decode_entry(content).seq for content in contents] == list(range(head.size))

    def check_goes_on(self) -> None:
        """New records of both packs come, of the same logs, and nothing is missing before them."""
        before = self.sizes()
        self.wait_for(
            lambda: all(size >= before[log_id] + 3 for log_id, size in self.sizes().items()),
            "new records of both packs",
        )
        assert self.sizes().keys() == before.keys()
        self.check_store()

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        for _ in range(WAIT_S * 5):
            if condition():
                return
            threading.Event().wait(0.2)
        pytest.fail(f"{what} did not come:\n{''.join(self.machine.journal(one)[-4000:] for one in SERVICES)}")

    @property
    def state(self) -> Path:
        return self.machine.root / "var/lib/packseal"

    @property
    def settings(self) -> Path:
        return self.machine.root / "etc/packseal"

    @property
    def store(self) -> Path:
        return self.state / "passport/passport.db"

    def _write(self, name: str, text: str) -> None:
        (self.settings / name).write_text(text)

    def _key_line(self, user: str, program: str) -> str:
        command = ("packseal", program, "key", f"/etc/packseal/{program}.toml")
        return self.machine.run("runuser", "-u", user, "--", *command).strip()


def _batteries(board_key: str, gateway_key: str) -> str:
    tables = [f'[[authority]]\nrole = "gateway"\n{gateway_key}\n']
    for battery, key, evidence_class in (("pack-1", board_key, "B"), ("pack-2", gateway_key, "C")):
        tables.append(
            f'[[battery]]\nid = "{battery}"\nname = "{battery}"\ncategory = "SBESS"\nrated_capacity_mah = 10000\n'
            f'[[battery.source]]\n{key}\nevidence_class = "{evidence_class}"\n'
        )
    return "".join(tables)


def _sources(board_key: str) -> str:
    return (
        f'[[board]]\nbattery = "pack-1"\nport = "/dev/ttyRack1"\n{board_key}\n'
        '[[can]]\nbattery = "pack-2"\ninterface = "slcan"\nchannel = "/dev/ttyRack2"\nbitrate = 500000\n'
        'dbc = "pack.dbc"\nbind = "pack.toml"\nwindow_s = 1\ncheckpoint_every = 2\nrated_capacity_mah = 10000\n'
    )
