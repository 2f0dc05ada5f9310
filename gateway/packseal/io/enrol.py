"""Asks the board on a port who it is."""

from __future__ import annotations

import time
from collections.abc import Callable

import serial

from packseal.errors import UnavailableError
from packseal.io.link import Hello
from packseal.io.session import BoardSession, HelloArrived


def hello_of(
    path: str, baud: int = 115_200, timeout_s: float = 20, is_running: Callable[[], bool] = lambda: True
) -> Hello:
    """The HELLO of the board on this port. Raises UnavailableError when none answers."""
    session = BoardSession()
    deadline = time.monotonic() + timeout_s
    try:
        with serial.Serial(path, baud, timeout=0.05, exclusive=True) as port:
            while time.monotonic() < deadline and is_running():
                session.tick(time.monotonic_ns() // 1_000_000)
                port.write(session.bytes_to_send())
                for event in session.receive(port.read(4096), time.monotonic_ns() // 1_000_000):
                    if isinstance(event, HelloArrived):
                        return event.hello
    except (serial.SerialException, OSError) as error:
        raise UnavailableError(f"{path}: {error}; check the cable and who else uses the port") from None
    raise UnavailableError(f"no board answers on {path}; check its power, the cable and the baud rate ({baud})")
