"""The broker of the benchmarks: mosquitto, where it is installed, else the one of the demo."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from packseal.io.mqtt import BrokerAddress
from packseal.io.ports import free_port

START_S = 10


@contextmanager
def running_broker(folder: Path) -> Iterator[BrokerAddress]:
    address = BrokerAddress("127.0.0.1", free_port())
    with subprocess.Popen(_command(folder, address), stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as process:
        try:
            _wait_for(address)
            yield address
        finally:
            process.terminate()


def _command(folder: Path, address: BrokerAddress) -> list[str]:
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if not mosquitto:
        return [sys.executable, "-m", "packseal.io.broker", str(address.port)]
    settings = folder / "mosquitto.conf"
    settings.write_text(f"listener {address.port} {address.host}\nallow_anonymous true\npersistence false\n")
    return [mosquitto, "-c", str(settings)]


def _wait_for(address: BrokerAddress) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        try:
            socket.create_connection((address.host, address.port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"the broker does not answer on {address}")
