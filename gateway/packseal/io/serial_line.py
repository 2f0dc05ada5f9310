"""A serial port as a line to a board: a read sleeps until bytes are there, its time is up, or another thread wakes it.

pyserial sets the port up. What waits for it is poll(), here: pyserial waits by select(), which takes no descriptor from
1024 on, and holds four pipes for each port, so that its ports end with the two hundredth board. A port takes one
descriptor here, and its waker two.
"""

from __future__ import annotations

import math
import os
import select
import threading
import time
from contextlib import suppress
from types import TracebackType

import serial

READ_BYTES = 4096
WRITE_TIMEOUT_S = 1.0  # of a board that takes nothing


class Waker:
    """Ends the wait of one thread from any other. While it is not entered, nobody waits, and wake does nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # a descriptor that was closed may be another file's by now
        self._ends: tuple[int, int] | None = None

    def __enter__(self) -> Waker:
        self._ends = os.pipe()
        for end in self._ends:
            os.set_blocking(end, False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            ends, self._ends = self._ends, None
            for end in ends or ():
                os.close(end)

    def fileno(self) -> int:
        """Of what becomes readable. Raises ValueError while it is not entered."""
        if self._ends is None:
            raise ValueError("a waker wakes who has entered it")
        return self._ends[0]

    def wake(self) -> None:
        """From any thread: the wait that goes on, or the next one."""
        with self._lock, suppress(BlockingIOError):  # where it is full, it has been woken
            if self._ends:
                os.write(self._ends[1], b"\x00")

    def clear(self) -> None:
        """In the thread that was woken."""
        with suppress(BlockingIOError):
            os.read(self.fileno(), READ_BYTES)


class SerialLine:
    def __init__(self, path: str, baud: int, waker: Waker | None = None) -> None:
        """For us alone: two readers of one port would take each other's bytes. Raises OSError or SerialException."""
        with serial.Serial(path, baud, exclusive=True) as port:
            self._port = os.dup(port.fileno())  # with its settings and its lock, which last as long as any of them
        self._waker = waker
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(self._port, select.POLLIN)
        self._writable.register(self._port, select.POLLOUT)
        if waker:
            self._readable.register(waker.fileno(), select.POLLIN)

    def __enter__(self) -> SerialLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._port)

    def read(self, longest_s: float) -> bytes:
        """What has come; nothing after so many seconds, or when woken. Raises OSError when the port has gone away."""
        ready = [descriptor for descriptor, _ in self._readable.poll(math.ceil(1000 * longest_s))]
        if self._waker and self._waker.fileno() in ready:
            self._waker.clear()
        return self._taken() if self._port in ready else b""

    def write(self, content: bytes) -> int:
        """All of it. Raises TimeoutError, an OSError, for a port that takes none for a second."""
        left, until_s = memoryview(content), time.monotonic() + WRITE_TIMEOUT_S
        while left:
            try:
                left = left[os.write(self._port, left) :]
            except BlockingIOError:
                wait_s = until_s - time.monotonic()
                if wait_s <= 0 or not self._writable.poll(math.ceil(1000 * wait_s)):
                    raise TimeoutError(f"nothing was taken for {WRITE_TIMEOUT_S:.0f} s") from None
        return len(content)

    def _taken(self) -> bytes:
        try:
            content = os.read(self._port, READ_BYTES)
        except BlockingIOError:  # taken by a driver's own noise filter between the two calls
            return b""
        if not content:
            raise OSError("the port has hung up")
        return content
