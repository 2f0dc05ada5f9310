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
from packseal.io.serial_line import SerialLine, Waker
from packseal.io.session import BoardSession, Event

FIRST_BACKOFF_S = 0.5
MAX_BACKOFF_S = 30.0

Line: TypeAlias = SerialLine | CanLine
LINE_ERRORS = (serial.SerialException, can.CanError, OSError)


def open_line(port: str, baud: int, waker: Waker | None = None) -> Line:
    """port: a serial port's path, or `interface:channel` of a CAN bus (can_line.CanPort). Raises LINE_ERRORS.

    waker: ends a read that waits; one from a CAN bus never waits long.
    """
    on_bus = CanPort.parse(port)
    return CanLine(on_bus) if on_bus else SerialLine(port, baud, waker)


class BoardPort:
    """Runs a BoardSession on a port in its own thread; `on_event(session, event, now_ms)` is called there.

    The thread sleeps until the board says something or the session has something to do: there may be thousands.
    """

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
        self._stopping, self._waker = threading.Event(), Waker()
        self._thread = threading.Thread(target=self._run, name=f"board {path}", daemon=True)
        self._receipts: list[bytes] = []
        self._nonces: list[bytes] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._waker.wake()
        self._thread.join(5)

    def send_receipt(self, receipt: bytes) -> None:
        """From any thread: the newest receipt goes out at once."""
        self._receipts = [receipt]
        self._waker.wake()

    def send_fresh(self, nonce: bytes) -> None:
        """From any thread: a nonce goes out at once; one that waited is dropped for it."""
        self._nonces = [nonce]
        self._waker.wake()

    def _run(self) -> None:
        with self._waker:
            self._open_for_ever()

    def _open_for_ever(self) -> None:
        backoff_s = FIRST_BACKOFF_S
        while not self._stopping.is_set():
            self.beat()
            try:
                with open_line(self._path, self._baud, self._waker) as port:
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
        session, now_ms = BoardSession(), _now_ms()
        while not self._stopping.is_set():
            self.beat()
            content = port.read(max(0, session.due_ms - now_ms) / 1000)
            now_ms = _now_ms()
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


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
