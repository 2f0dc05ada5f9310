"""What a board says at its console, read all the time, so that a board never waits for somebody to listen."""

from __future__ import annotations

import threading

import serial

from packseal_hil.protocols import BenchError

BAUD = 115_200
MOST_BYTES = 1 << 20  # the newest; a board that babbles must not fill the bench's memory
_READ_BYTES = 4096
_END_S = 5


class ConsoleLog:
    """`pause` lets go of the port for somebody who wants to type; `resume` takes it again. `failure`: why no more
    comes, "" while it does."""

    def __init__(self, port: str) -> None:
        """Raises BenchError when it cannot be opened."""
        self.failure = ""
        self._port_name = port
        self._content = b""
        self._line: serial.Serial | None = None
        self._thread: threading.Thread | None = None
        self.resume()

    def resume(self) -> None:
        try:
            line = self._line = serial.Serial(self._port_name, BAUD)
        except (serial.SerialException, OSError) as error:
            raise BenchError(f"{self._port_name}: {error}; check the console's cable and who else uses it") from None
        self._thread = threading.Thread(target=self._read, args=(line,), name="console", daemon=True)
        self._thread.start()

    def pause(self) -> None:
        if self._line is None or self._thread is None:
            return
        line, self._line = self._line, None
        line.cancel_read()
        self._thread.join(_END_S)
        line.close()

    close = pause

    def said(self) -> str:
        return self._content.decode(errors="replace")

    def _read(self, line: serial.Serial) -> None:
        try:
            while self._line is line:
                content = line.read(1) + line.read(min(line.in_waiting, _READ_BYTES))
                self._content = (self._content + content)[-MOST_BYTES:]
        except (serial.SerialException, OSError) as error:
            self.failure = str(error)
