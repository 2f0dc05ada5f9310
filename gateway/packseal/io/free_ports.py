"""Serial ports of this machine that no table of the gateway's settings names: where a board to be enrolled may be.

Decides which name of a port is shown: that of /dev/serial/by-id where it has one, for ttyUSB0 is another adapter after
the next start. Names come from the adapters themselves; one that is not plain ASCII is left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from packseal.io.can_line import CanPort
from packseal.io.settings import GatewaySettings

BY_ID = Path("/dev/serial/by-id")
MAX_PORTS = 100


@dataclass(frozen=True, slots=True)
class FreePort:
    """path: as it is best written into the settings. device: what that is now. words: what the adapter says it is."""

    path: str
    device: str
    words: str


def free_ports(settings: GatewaySettings, by_id: Path = BY_ID) -> list[FreePort]:
    """In the order of their devices, MAX_PORTS at most. Opens none of them."""
    used = set(_used(settings))
    names = {os.path.realpath(path): str(path) for path in _links(by_id)}
    words = {os.path.realpath(one.device): one.description or "" for one in list_ports.comports()}
    found = [FreePort(names.get(one, one), one, words.get(one, "")) for one in sorted(names.keys() | words.keys())]
    return [port for port in found if port.device not in used and _is_plain(port.path)][:MAX_PORTS]


def _used(settings: GatewaySettings) -> Iterator[str]:
    """Ports of boards, and adapters of buses on a serial port, which may be written with `@` and a rate behind it."""
    for board in settings.board:
        on_bus = CanPort.parse(board.port)
        yield os.path.realpath(on_bus.channel if on_bus else board.port)
    for bus in settings.can:
        yield os.path.realpath(bus.channel.partition("@")[0])


def _links(by_id: Path) -> list[Path]:
    with suppress(OSError):  # there is no such folder while no adapter is plugged in
        return sorted(by_id.iterdir(), reverse=True)
    return []


def _is_plain(path: str) -> bool:
    return path.isascii() and path.isprintable()
