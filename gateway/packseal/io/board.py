"""A line to a board, serial or CAN, that is opened again, for ever, whenever it goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeAlias

import serial

from packseal.io.beat import Beat
from packseal.io.can_line import CanLine, CanPort
from packseal.io.python_can import can
from packseal.io.session import BoardSession, Event

READ_TIMEOUT_S = 0.02  # wakes often enough that a board's window of credit never runs dry
READ_BYTES = 4096
FIRST_BACKOFF_S = 0.5
MAX_BACKOFF_S = 30.0

Line: TypeAlias = serial.Serial | CanLine
LINE_ERRORS = (serial.SerialException, can.CanError, OSError)


def open_line(port: str, baud: int) -> Line:
    """port: a serial port's path, or `interface:channel` of a CAN bus (can_line.CanPort). Raises LINE_ERRORS."""
    on_bus = CanPort.parse(port)
    if on_bus:
        return CanLine(on_bus)
    # for us alone: two readers of one port would take each other's bytes
    return serial.Serial(port, baud, timeout=READ_TIMEOUT_S, write_timeout=1, exclusive=True)


class BoardPort:
    """Runs a BoardSession on a port in its own thread; `on_event(session, event, now_ms)` is called there."""

    def __init__(
        self,
        path: str,
        baud: int,
        on_event: Callable[[BoardSession, Event, int], None],
        on_state: Callable[[str], None],
    ) -> None:
        """Raises ConfigError for a port on a CAN bus that is none."""
        CanPort.parse(path)
        self._path, self._baud = path, baud
        self._on_event, self._on_state = on_event, on_state
        self.beat = Beat()  # of the thread
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"board {path}", daemon=True)
        self._receipts: list[bytes] = []
        self._nonces: list[bytes] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(5)

    def send_receipt(self, receipt: bytes) -> None:
        """From any thread: the newest receipt goes out with the next turn."""
        self._receipts = [receipt]

    def send_fresh(self, nonce: bytes) -> None:
        """From any thread: a nonce goes out with the next turn; one that waited is dropped for it."""
        self._nonces = [nonce]

    def _run(self) -> None:
        backoff_s = FIRST_BACKOFF_S
        while not self._stopping.is_set():
            self.beat()
            try:
                with open_line(self._path, self._baud) as port:
                    self._on_state("connected")
                    backoff_s = FIRST_BACKOFF_S
                    self._serve(port)
            except LINE_ERRORS as error:
                self._on_state(f"no connection: {error}")
            except Exception as error:  # whatever a board can cause: said, and begun anew
                self._on_state(f"ended by a fault of ours, begun again: {error!r}")
            self._stopping.wait(backoff_s)
            backoff_s = min(2 * backoff_s, MAX_BACKOFF_S)

    def _serve(self, port: Line) -> None:
        session = BoardSession()
        while not self._stopping.is_set():
            self.beat()
            content = port.read(min(max(1, port.in_waiting), READ_BYTES))
            now_ms = time.monotonic_ns() // 1_000_000
            for event in session.receive(content, now_ms):
                self._on_event(session, event, now_ms)
            session.tick(now_ms)
            receipts, self._receipts = self._receipts, []
            for receipt in receipts:
                session.send_receipt(receipt)
            nonces, self._nonces = self._nonces, []
            for nonce in nonces:
                session.send_fresh(nonce)
            port.write(session.bytes_to_send())
