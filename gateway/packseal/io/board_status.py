"""Asks the board on a port how it is, over the link; its logging goes on."""

from __future__ import annotations

import time

import serial

from packseal.errors import UnavailableError
from packseal.io.link import BoardStatus, Hello
from packseal.io.session import BoardSession, HelloArrived, StatusArrived


def status_of(path: str, baud: int = 115_200, timeout_s: float = 20) -> tuple[Hello, BoardStatus]:
    """Raises UnavailableError when no board answers. The gateway must let go of the port for so long."""
    session, hello = BoardSession(), None
    deadline = time.monotonic() + timeout_s
    try:
        with serial.Serial(path, baud, timeout=0.05, exclusive=True) as port:
            while time.monotonic() < deadline:
                session.tick(_now_ms())
                port.write(session.bytes_to_send())
                for event in session.receive(port.read(4096), _now_ms()):
                    if isinstance(event, HelloArrived):
                        hello = event.hello
                        session.resume(hello, hello.size, _now_ms())  # asks for no entry, and a STATUS comes
                    elif isinstance(event, StatusArrived) and hello is not None:
                        return hello, event.status
    except (serial.SerialException, OSError) as error:
        raise UnavailableError(f"{path}: {error}; check the cable and who else uses the port") from None
    raise UnavailableError(f"no board answers on {path}; check its power, the cable and the baud rate ({baud})")


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
