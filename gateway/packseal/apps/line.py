"""A whole line on this machine: broker, passport service, gateway, each with files below one folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from packseal.apps.gateway import Gateway
from packseal.apps.passport_server import PassportServer
from packseal.errors import ConfigError, UnavailableError
from packseal.io.broker import EmbeddedBroker
from packseal.io.mqtt import BrokerAddress
from packseal.io.settings import GatewaySettings, PassportFileSettings, load_settings

MARKER = ".packseal-line"


class Line:
    """Starts in the order in which data would be missed, stops in the other; the configuration files stay to look at."""

    def __init__(self, folder: Path, broker: BrokerAddress | None = None) -> None:
        self.folder = folder
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

    def start_passport(self, text: str) -> None:
        path = self.folder / "passport.toml"
        path.write_text(text)
        self._passport = PassportServer(load_settings(path, PassportFileSettings))
        self._passport.start()

    def start_gateway(self, text: str) -> None:
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


def own_folder(folder: Path) -> Path:
    """Makes a folder for a line. Raises ConfigError where it exists and is not one of ours."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise ConfigError(f"{folder} is not empty and not a folder of packseal's; choose another with --data")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("made by packseal; may be deleted as a whole\n")
    return folder


def wait_until(condition: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
    """Raises UnavailableError(otherwise) when the condition has not come true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise UnavailableError(otherwise)
        time.sleep(0.05)
