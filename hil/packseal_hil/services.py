"""The product's own programs behind a board on the bench: broker, passport service and gateway, on loopback.

Decides what a test may do to them (take the gateway away, set its clock wrong) and what it may ask (what the passport
says, what is stored, what was refused). They are the programs of packseal.apps with files below one folder; nothing of
them is replaced. Their clocks are the wall's, also where the pack's runs faster.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packseal.apps.authority import Signatory, submit
from packseal.apps.bundles import BundleMaker
from packseal.apps.export import Exported, exported
from packseal.apps.export import Wanted as Exporting
from packseal.apps.gateway import Gateway
from packseal.apps.line import Line, LineBattery, wait_until
from packseal.apps.passport_server import PassportServer
from packseal.io.keys import Signer, load_or_make_key
from packseal.io.ports import free_port
from packseal.io.settings import GatewaySettings
from packseal.io.settings_file import load_settings
from packseal.passport.audit import Difference
from packseal.records.acts import Role
from packseal.records.checkpoint import SALT_BYTES
from packseal.records.entries import Entry, decode_entry, genesis_key
from packseal_hil.pack_setup import PackSetup
from packseal_hil.protocols import BenchError
from packseal_hil.readings import Truth

SITE = "bench"
BATTERY = "bench-pack"
CONNECTED_S = 30
AUDITED_AT_ONCE = 1 << 24  # records: all of them
CPCT_PER_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a board has shown of itself: the beginning of its log, and a possession (docs/record.md section 5.6)."""

    genesis: bytes
    nonce: bytes
    possession: bytes

    @property
    def public_key(self) -> bytes:
        return genesis_key(self.genesis).public_key


@dataclass(frozen=True, slots=True)
class Health:
    """What the passport says of the capacity, in 0.01 % of the rated one; low and high: its interval, None where it
    states none. All None: it says nothing yet. setup: of the pack that it is about."""

    setup: PackSetup
    soh_capacity_cpct: int | None = None
    low_cpct: int | None = None
    high_cpct: int | None = None

    def within(self, truth: Truth, beside_cpct: int = 0) -> bool:
        """Whether the truth lies in what the passport claims, or beside_cpct next to it; not while it says nothing."""
        if self.soh_capacity_cpct is None:
            return False
        low = self.soh_capacity_cpct if self.low_cpct is None else self.low_cpct
        high = self.soh_capacity_cpct if self.high_cpct is None else self.high_cpct
        return low - beside_cpct <= self.setup.true_soh_cpct(truth) <= high + beside_cpct


class BenchGateway:
    """The gateway, which can be lost and come back with what it has on disk, and whose wall clock can be wrong."""

    def __init__(self, folder: Path) -> None:
        """Its settings are gateway.toml in the folder."""
        self._folder = folder
        self._jump_ms = 0
        self._gateway: Gateway | None = None

    def start(self) -> None:
        """Nothing where it runs."""
        if self._gateway is None:
            settings = load_settings(self._folder / "gateway.toml", GatewaySettings)
            self._gateway = Gateway(settings, unix_ms=self.unix_ms)
            self._gateway.start()

    def stop(self) -> None:
        """What has no receipt stays in its outbox."""
        if self._gateway is not None:
            self._gateway.stop()
            self._gateway = None

    def jump(self, seconds: float) -> None:
        """Its wall clock is ahead by so much more from now on, behind where it is negative."""
        self._jump_ms += round(1000 * seconds)

    def unix_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._jump_ms

    @property
    def is_running(self) -> bool:
        return self._gateway is not None

    def status(self) -> dict[str, Any]:
        """As `packseal gateway status` shows it; {} while it is lost."""
        return dict(self._gateway.status()) if self._gateway else {}

    def board(self) -> dict[str, Any]:
        """Of the one board: log_id, size, receipted_size and what was lost; {} while the gateway is lost."""
        boards = self.status().get("boards", [])
        return dict(boards[0]) if boards else {}

    def counts(self) -> dict[str, int]:
        """Of its outbox: what was stored, receipted and refused, by reason."""
        return dict(self.status().get("counts", {}))

    def problems(self) -> list[str]:
        return self._gateway.problems() if self._gateway else []


class BenchPassport:
    """The passport service of one battery."""

    def __init__(self, server: PassportServer, setup: PackSetup) -> None:
        self.server, self.battery, self._setup = server, BATTERY, setup

    @property
    def url(self) -> str:
        return self.server.url

    def document(self) -> dict[str, Any]:
        return self.server.service.document(self.battery) or {}

    def health(self) -> Health:
        value = self.document().get("values", {}).get("soh_capacity_cpct", {})
        if value.get("value") is None:
            return Health(self._setup)
        interval = value.get("interval") or {}
        return Health(self._setup, _cpct(value["value"]), _cpct(interval.get("low")), _cpct(interval.get("high")))

    def size(self) -> int:
        """Records, over all logs of the battery."""
        return sum(head.size for head in self.server.store.heads())

    def entries(self) -> list[Entry]:
        """All that is stored, log by log, each as it is decoded."""
        store = self.server.store
        contents = [store.known(head.log_id).entries(0, head.size) for head in store.heads()]
        return [decode_entry(content) for log in contents for content in log]

    def differences(self) -> tuple[Difference, ...]:
        """What of the stored is not what was signed: every record is hashed, every signature verified."""
        store = self.server.store
        found = [store.audit(head.log_id, limit=AUDITED_AT_ONCE).differences for head in store.heads()]
        return tuple(difference for differences in found for difference in differences)

    def refusals(self) -> list[str]:
        """What the service has refused, each with its reason."""
        return [f"{one.reason}: {one.detail}" for one in self.server.service.refusals(self.battery)]

    def problems(self) -> list[str]:
        return self.server.problems()

    def export(self, folder: Path) -> Exported:
        """The newest state of health as a bundle, else the newest record, with whom to trust beside it (policy.toml).

        Raises UnavailableError where no record has a receipt yet, ConfigError where nothing can be written.
        """
        self.server.publisher.turn()
        maker = BundleMaker(self.server.store, self.server.publisher.tiles, self.server.public_key)
        return exported(self.server.store, maker, self.server.policy(), Exporting(self.battery), folder)


class Services:
    """All three; `start` when the board has enrolled. `integrator` may sign acts and statements for the battery."""

    def __init__(self, folder: Path, setup: PackSetup) -> None:
        """The service's key is made here, for the board must know it before it starts."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._setup = folder, setup
        self.service_public_key = load_or_make_key(folder / "service.key").public_key
        self.integrator: Signer = load_or_make_key(folder / "integrator.key")
        self._line = Line(folder, SITE)
        self.gateway = BenchGateway(folder)
        self._passport: BenchPassport | None = None

    @property
    def passport(self) -> BenchPassport:
        """Raises BenchError before the start."""
        if self._passport is None:
            raise BenchError("the passport service has not been started")
        return self._passport

    def start(self, port: str, enrolment: Enrolment) -> None:
        """port: where the gateway finds the board. Raises PackSealError for what does not start."""
        self._line.start_broker()
        gateway_key = load_or_make_key(self.folder / "gateway.key").public_key
        authorities = {"integrator": self.integrator.public_key, "gateway": gateway_key}
        setup = self._setup
        battery = LineBattery(BATTERY, "Pack on the bench", "SBESS", setup.rated_capacity_mah, setup.chemistry)
        self._line.start_passport(f"127.0.0.1:{free_port()}", battery, authorities)
        self._passport = BenchPassport(self._line.passport, setup)
        self._enrol(enrolment)
        self._write_gateway(port, enrolment.public_key)
        self.gateway.start()
        wait_until(lambda: not self.gateway.problems(), CONNECTED_S, "the gateway reaches neither broker nor board")

    def stop(self) -> None:
        self.gateway.stop()
        self._line.stop()

    def _enrol(self, enrolment: Enrolment) -> None:
        """As an integrator does with `packseal key enrol-board`."""
        url, key = self._line.passport.url, genesis_key(enrolment.genesis).verifying_key
        signatory = Signatory(self.integrator, time.time_ns() // 1_000_000)
        submit(url, signatory.enrol(Role.BOARD, key, enrolment.nonce, enrolment.possession))
        submit(url, signatory.bind(key.public_key, BATTERY, "B", secrets.token_bytes(SALT_BYTES)))

    def _write_gateway(self, port: str, board_key: bytes) -> None:
        site = {
            "site": SITE,
            "broker": str(self._line.broker),
            "outbox": "outbox.db",
            "service_public_key": self.service_public_key.hex(),
        }
        board = {"battery": BATTERY, "port": port, "public_key": board_key.hex()}
        text = _toml(site) + "\n[[board]]\n" + _toml(board)
        (self.folder / "gateway.toml").write_text(text)


def _toml(values: dict[str, str]) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


def _cpct(percent: float | None) -> int | None:
    return None if percent is None else round(percent * CPCT_PER_PERCENT)
