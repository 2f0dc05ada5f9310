"""A real mosquitto on a free loopback port, which can be killed, frozen and started again with other settings."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

from packseal.io.mqtt import BrokerAddress
from packseal.io.ports import free_port
from tests.line.rig import Process, tool
from tests.waiting import until


class Mosquitto:
    def __init__(self, folder: Path, *lines: str, is_tls: bool = False) -> None:
        """lines: of its configuration, below its one listener."""
        self.address = BrokerAddress("127.0.0.1", free_port(), is_tls)
        self._settings = folder / f"mosquitto-{self.address.port}.conf"
        self._process = Process([tool("mosquitto"), "-c", str(self._settings)], self._settings.with_suffix(".log"))
        self.configure(*lines)

    def configure(self, *lines: str) -> None:
        """For its next start."""
        listener = f"listener {self.address.port} {self.address.host}"
        rest = [*lines] if any(line.startswith("password_file") for line in lines) else ["allow_anonymous true", *lines]
        self._settings.write_text("\n".join(["user root", "persistence false", listener, *rest, ""]))

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> Mosquitto:
        self._process.start()
        until(self._listens, "mosquitto")
        return self

    def kill(self) -> None:
        """Also while it is frozen, so that it does nothing more."""
        self._process.kill()

    def freeze(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process.is_running():
            os.kill(self._process.pid, signal.SIGCONT)

    def _listens(self) -> bool:
        with socket.socket() as asking:
            return asking.connect_ex((self.address.host, self.address.port)) == 0
