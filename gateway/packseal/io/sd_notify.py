"""What a service tells systemd that started it: sd_notify(3), which is one datagram to the socket NOTIFY_SOCKET.

Without that socket nothing is told and nothing fails: the same program runs in a terminal. A service manager that does
not listen holds nobody up.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

MAX_STATUS = 200  # characters: one line of `systemctl status`


class ServiceManager:
    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """environment: that of the process, unless another is given."""
        known = os.environ if environment is None else environment
        self._address = known.get("NOTIFY_SOCKET", "")
        self.wants_to_be_fed = bool(known.get("WATCHDOG_USEC")) and known.get("WATCHDOG_PID", "") in (
            "",
            str(os.getpid()),
        )
        self._status = ""

    def ready(self) -> None:
        self._tell("READY=1")

    def reloading(self) -> None:
        """Until the next `ready`. systemd takes the word for a reload only with the time at which it began."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1_000}")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    def feed(self) -> None:
        """Keeps the watchdog quiet (WatchdogSec=), where there is one."""
        if self.wants_to_be_fed:
            self._tell("WATCHDOG=1")

    def status(self, words: str) -> None:
        """One line of printable text for `systemctl status`; told when it has changed."""
        if words != self._status:
            self._status = words
            self._tell(f"STATUS={words[:MAX_STATUS]}")

    def _tell(self, *assignments: str) -> None:
        if not self._address.startswith(("/", "@")):
            return
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.setblocking(False)
            line.sendto("\n".join(assignments).encode(), address)
