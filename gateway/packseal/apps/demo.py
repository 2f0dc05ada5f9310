"""The demo: a simulated pack, the real firmware, gateway and passport service, all on this machine."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from packseal.apps.authority import Signatory, submit
from packseal.apps.bundles import BundleMaker
from packseal.apps.export import Wanted, exported
from packseal.apps.line import Line, LineBattery, own_folder, wait_until
from packseal.errors import UnavailableError
from packseal.io.enrol import possession_of
from packseal.io.keys import load_or_make_key
from packseal.io.link import Hello
from packseal.io.mqtt import BrokerAddress
from packseal.io.ports import listening_socket
from packseal.io.unix_board import UnixBoard
from packseal.records.acts import Role
from packseal.records.bodies import EntryType
from packseal.records.checkpoint import SALT_BYTES
from packseal.records.cose import VerifyingKey
from packseal.records.entries import genesis_key

SITE = "demo"
BATTERY = "demo-pack"
RATED_CAPACITY_MAH = 10_000
TRUE_CAPACITY_MAH = 9_100  # what the simulator hides from the firmware, to be found by its estimate
CHEMISTRY = "nmc"
CLOCK_RATE = 60
CHECKED_RECORDS = 200
TAMPERED_RECORDS = 60
CHECK_TIMEOUT_S = 180
PAGE_TIMEOUT_S = 20

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoOptions:
    folder: Path
    listen: str
    broker: BrokerAddress | None = None


class Demo:
    """Everything that runs; `start` returns when the first record is verified."""

    def __init__(self, options: DemoOptions, say: Say) -> None:
        self._options = options
        self._say = say
        self._started_s = time.monotonic()
        listening_socket(options.listen).close()  # before anything is deleted: is there room for this demo?
        self._own = own_folder(options.folder, "demo")
        self._own.clear()
        self.folder = options.folder
        self.line = Line(self.folder, SITE, options.broker)
        service_key = load_or_make_key(self.folder / "service.key").public_key
        self._service_key = service_key
        self.board = UnixBoard(self.folder / "board", board_config(service_key))

    def start(self) -> None:
        self._say("starting the board (MicroPython) with a simulated pack of 12 cells in two strings")
        self.board.start()
        nonce = secrets.token_bytes(SALT_BYTES)
        hello, possession = self._possession(nonce)
        board_key = genesis_key(hello.genesis).verifying_key
        self._say(f"the board made its key and has shown to hold it: {board_key.public_key.hex()[:16]}…")
        self.line.start_broker()
        battery = LineBattery(BATTERY, "Demo pack, 12 cells in two strings", "SBESS", RATED_CAPACITY_MAH, CHEMISTRY)
        integrator = load_or_make_key(self.folder / "integrator.key")
        gateway_key = load_or_make_key(self.folder / "gateway.key").public_key
        authorities = {"integrator": integrator.public_key, "gateway": gateway_key}
        self.line.start_passport(self._options.listen, battery, authorities)
        self._bind(Signatory(integrator, time.time_ns() // 1_000_000), board_key, nonce, possession)
        table = {"battery": BATTERY, "port": self.board.port, "public_key": board_key.public_key.hex()}
        self.line.start_gateway(self._service_key, table)
        self._say(f"waiting for the first record; the page is on {self.line.passport.url}")
        self.wait_for_records(1)
        self._say(f"verified: the first record after {time.monotonic() - self._started_s:.1f} s")

    def stop(self) -> None:
        self.board.stop()
        self.line.stop()
        self._own.marker.close()

    def receipted(self) -> int:
        counts: Any = self.line.gateway.status()["counts"]
        number: int = counts.get("records_receipted", 0)
        return number

    def wait_for_records(self, number: int) -> None:
        def there() -> bool:
            if not self.board.is_running():
                raise self._firmware_stopped()
            return self.receipted() >= number

        wait_until(there, CHECK_TIMEOUT_S, f"no {number} receipted records in {CHECK_TIMEOUT_S} s; see {self.folder}")

    def state_of_health(self) -> dict[str, Any]:
        document: dict[str, Any] = self.line.passport.service.document(BATTERY) or {}
        value: dict[str, Any] = document["values"]["soh_capacity_cpct"]
        return value

    def wait_for_state_of_health(self) -> None:
        self.wait_for_records(1)
        words = f"no state of health in {CHECK_TIMEOUT_S} s; see {self.folder}"
        wait_until(lambda: self.state_of_health()["value"] is not None, CHECK_TIMEOUT_S, words)

    def _bind(self, integrator: Signatory, board: VerifyingKey, nonce: bytes, possession: bytes) -> None:
        """As an integrator does with `packseal key enrol-board`."""
        url = self.line.passport.url
        submit(url, integrator.enrol(Role.BOARD, board, nonce, possession))
        index = submit(url, integrator.bind(board.public_key, BATTERY, "B", secrets.token_bytes(SALT_BYTES)))
        self._say(f"the integrator has bound it to battery {BATTERY!r}: entry {index} of the service's public log")

    def _possession(self, nonce: bytes) -> tuple[Hello, bytes]:
        try:
            return possession_of(self.board.port, nonce, is_running=self.board.is_running)
        except UnavailableError:
            if not self.board.is_running():
                raise self._firmware_stopped() from None
            raise

    def _firmware_stopped(self) -> UnavailableError:
        log = self.folder / "board" / "board.log"
        return UnavailableError(f"the firmware ended by itself: {log.read_text()[-500:].strip() or 'without a word'}")

    def figures(self) -> dict[str, object]:
        status: Any = self.line.gateway.status()
        board = status["boards"][0]
        return {
            "records_receipted": self.receipted(),
            "records_waiting": status["records_waiting"],
            "seconds": round(time.monotonic() - self._started_s, 1),
            "state_of_health_percent": self.state_of_health()["value"],
            "slots_missed": board["slots_missed"],
            "windows_lost": board["windows_lost"],
            "refused": sum(n for name, n in status["counts"].items() if not name.startswith("records_")),
        }

    def export(self) -> Path:
        """The newest state-of-health record (else the newest record) as a bundle, with its policy beside it."""
        return self._exported(Wanted(BATTERY))

    def tamper(self) -> tuple[int, Path]:
        """Alters one stored record behind the service's back, as someone with the database could. -> (seq, bundle)"""
        with closing(sqlite3.connect(self.folder / "passport.db")) as connection, connection:
            rows = connection.execute("SELECT seq, entry FROM records ORDER BY seq DESC").fetchall()
            seq, entry = next((seq, entry) for seq, entry in rows if entry[1] == EntryType.WINDOW)
            altered = entry[:-1] + bytes([entry[-1] ^ 1])
            connection.execute("UPDATE records SET entry = ? WHERE seq = ?", (altered, seq))
        return seq, self._exported(Wanted(BATTERY, seq))

    def _exported(self, wanted: Wanted) -> Path:
        passport = self.line.passport
        passport.publisher.turn()
        maker = BundleMaker(passport.store, passport.publisher.tiles, self._service_key)
        return exported(passport.store, maker, passport.policy(), wanted, self.folder).path

    def page_names(self, seq: int) -> str:
        """What the page says of the altered record, as soon as its own check has come upon it."""
        url = f"{self.line.passport.url}/battery/{BATTERY}/data.json"

        def named() -> str:
            with urlopen(url, timeout=5) as answer:  # noqa: S310 - our own page on loopback
                verification: Any = json.load(answer)["verification"]
            return f"{verification['headline']} {verification['sentence']}"

        wait_until(lambda: f"record {seq}" in named().lower(), PAGE_TIMEOUT_S, f"the page does not name record {seq}")
        return named()


def board_config(service_key: bytes) -> dict[str, object]:
    return {
        "service_public_key": service_key.hex(),
        "rated_capacity_mah": RATED_CAPACITY_MAH,
        "cell_blocks": 12,
        "strings": 2,
        "chemistry": CHEMISTRY,
        "sample_ms": 1000,
        "window_ms": 10_000,
        "checkpoint_every": 15,
        "time_every_ms": 600_000,
        "clock_rate": CLOCK_RATE,
        "flash_sectors": 128,
        "source": "simulator",
        "simulator": {"origin_unix_ms": time.time_ns() // 1_000_000, "true_capacity_mah": TRUE_CAPACITY_MAH, "seed": 1},
    }
