"""A BMS on a serial line or a pseudo-terminal: a thread that answers what the board asks. A CellSimulator.

Between `show` and the thread there is one place for one reading, the newest: a board that does not ask never lets
anything pile up. Time is the wall's: a request is answered when it comes, with what was shown last.
"""

from __future__ import annotations

import threading

import serial

from packseal_hil.bms.jbd import BAUD, JbdBoard
from packseal_hil.bms.noise import Noise
from packseal_hil.protocols import BenchError
from packseal_hil.readings import PackReading

_READ_BYTES = 256
_END_S = 5


class JbdOnPort:
    """`noise` garbles what the BMS says; `answered` counts bytes of answers, before the noise."""

    def __init__(self, port: str, board: JbdBoard, cell_blocks: int, noise_seed: int = 0) -> None:
        """port: of a target's bms_port, or of the adapter whose other side is the real board's. Raises BenchError."""
        try:
            self._port = serial.Serial(port, BAUD, exclusive=False)
        except (serial.SerialException, OSError) as error:
            raise BenchError(f"{port}: {error}; check bms_port in rig.toml and the cable") from None
        self.cell_blocks = cell_blocks
        self.noise = Noise(noise_seed)
        self.answered = 0
        self._board = board
        self._lock = threading.Lock()
        self._is_silent = self._is_closing = False
        self._failure = ""
        self._thread = threading.Thread(target=self._serve, name="jbd", daemon=True)
        self._thread.start()

    def show(self, reading: PackReading) -> None:
        """Raises BenchError once the port has gone."""
        if self._failure:
            raise BenchError(f"{self._port.port}: {self._failure}; plug the adapter in again")
        with self._lock:
            self._board.show(reading)

    def reset(self) -> None:
        """It loses its memory: no cycles, and it takes the pack for new."""
        with self._lock:
            self._board.reset()

    def set_silent(self, is_silent: bool) -> None:
        """A cable that is off, or a BMS that sleeps."""
        self._is_silent = is_silent

    def close(self) -> None:
        self._is_closing = True
        self._port.cancel_read()
        self._thread.join(_END_S)
        self._port.close()

    def _serve(self) -> None:
        try:
            while not self._is_closing:
                content = self._port.read(1)
                content += self._port.read(min(self._port.in_waiting, _READ_BYTES))
                self._answer(content)
        except (serial.SerialException, OSError) as error:
            self._failure = str(error)

    def _answer(self, content: bytes) -> None:
        with self._lock:
            answer = self._board.receive(content)
        if answer and not self._is_silent:
            self.answered += len(answer)
            self._port.write(self.noise.through(answer))
