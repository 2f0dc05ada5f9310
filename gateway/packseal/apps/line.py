"""A whole line on this machine: broker, passport service, gateway, each with files below one folder."""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from packseal.apps.gateway import Gateway
from packseal.apps.passport_server import PassportServer
from packseal.errors import ConfigError, UnavailableError
from packseal.io.broker import EmbeddedBroker
from packseal.io.mqtt import BrokerAddress
from packseal.io.settings import GatewaySettings, PassportFileSettings
from packseal.io.settings_file import load_settings

MARKER = ".packseal-line"


@dataclass(frozen=True, slots=True)
class LineBattery:
    id: str
    name: str
    category: str
    rated_capacity_mah: int | None
    chemistry: str | None = None


class Line:
    """Starts in the order in which data would be missed, stops in the other; its configuration files stay."""

    def __init__(self, folder: Path, site: str, broker: BrokerAddress | None = None) -> None:
        self.folder = folder
        self.site = site
        self._embedded = None if broker else EmbeddedBroker()
        self.broker = broker or self._own().address
        self._passport: PassportServer | None = None
        self._gateway: Gateway | None = None

    @property
    def passport(self) -> PassportServer:
        if self._passport is None:
            raise UnavailableError("the passport service has not been started")
        return self._passport

    @property
    def gateway(self) -> Gateway:
        if self._gateway is None:
            raise UnavailableError("the gateway has not been started")
        return self._gateway

    def start_broker(self) -> None:
        if self._embedded:
            self._embedded.start()

    def start_passport(
        self, listen: str, battery: LineBattery, authorities: Mapping[str, bytes], imported: bytes | None = None
    ) -> None:
        """Serves one battery; the service's key is service.key in the folder.

        authorities: role -> public key, whose acts and attestations count. imported: a key whose files (class D) speak
        for the battery.
        """
        table = {"id": battery.id, "name": battery.name, "category": battery.category}
        text = _toml(
            site=self.site,
            broker=str(self.broker),
            listen=listen,
            store="passport.db",
            key="service.key",
            log="passport-log",
        )
        text += "\n[access]\n" + _toml(anonymous="owner")  # on this machine alone, and the page says so
        for role, public_key in authorities.items():
            text += "\n[[authority]]\n" + _toml(public_key=public_key.hex(), role=role)
        text += "\n[[battery]]\n" + _toml(**table)
        text += _toml(rated_capacity_mah=battery.rated_capacity_mah) if battery.rated_capacity_mah else ""
        text += _toml(chemistry=battery.chemistry) if battery.chemistry else ""
        if imported:
            text += "\n[[battery.source]]\n" + _toml(public_key=imported.hex(), evidence_class="D")
        path = self.folder / "passport.toml"
        path.write_text(text)
        self._passport = PassportServer(load_settings(path, PassportFileSettings))
        self._passport.start()
        wait_until(lambda: self.passport.is_connected, 10, f"the passport service cannot reach {self.broker}")

    def start_gateway(self, service_key: bytes, board: dict[str, str] | None = None) -> None:
        text = _toml(site=self.site, broker=str(self.broker), outbox="outbox.db", service_public_key=service_key.hex())
        text += "\n[[board]]\n" + _toml(**board) if board else ""
        path = self.folder / "gateway.toml"
        path.write_text(text)
        self._gateway = Gateway(load_settings(path, GatewaySettings))
        self._gateway.start()

    def stop(self) -> None:
        for part in (self._gateway, self._passport, self._embedded):
            if part:
                part.stop()

    def _own(self) -> EmbeddedBroker:
        if self._embedded is None:
            raise UnavailableError("an outside broker is used")
        return self._embedded


@dataclass(frozen=True, slots=True)
class OwnFolder:
    """A folder that is ours for one purpose, and ours alone as long as `marker` is open."""

    path: Path
    marker: IO[str]

    def clear(self) -> None:
        """Deletes what an earlier run left; the marker stays."""
        for entry in self.path.iterdir():
            if entry.name == MARKER:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def own_folder(folder: Path, purpose: str) -> OwnFolder:
    """Makes or takes a folder. Raises ConfigError where it is another's, UnavailableError where it is in use."""
    marker = folder / MARKER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()) and not (marker.is_file() and marker.read_text().strip() == purpose):
            raise ConfigError(f"{folder} holds other files than those of packseal {purpose}; choose one with --data")
        opened = marker.open("a+")
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        opened.truncate(0)
        opened.write(purpose)
        opened.flush()
    except BlockingIOError:
        raise UnavailableError(f"{folder} is in use by another packseal {purpose}; choose one with --data") from None
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}; choose another folder with --data") from None
    return OwnFolder(folder, opened)


def wait_until(condition: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
    """Raises UnavailableError(otherwise) when the condition has not come true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise UnavailableError(otherwise)
        time.sleep(0.05)


def _toml(**values: str | int) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
