"""A tap on the line between board and gateway: passes bytes both ways, and hands on what the board has said.

Nothing is read from one side before the other has taken what was read: who does not listen is felt by who speaks, as on
the line itself, and nothing is lost in the tap.
"""

from __future__ import annotations

import os
import select
import termios
import threading
import tty
from collections.abc import Callable

import serial

from packseal_hil.protocols import BenchError

BAUD = 115_200
READ_BYTES = 4096
TURN_S = 0.1


class PseudoLine:
    """A pseudo-terminal: `port` for who opens it, `descriptor` for us. Its name stays while others come and go."""

    def __init__(self) -> None:
        self.descriptor, self._other = os.openpty()
        tty.setraw(self._other, termios.TCSANOW)
        os.set_blocking(self.descriptor, False)
        self.port = os.ttyname(self._other)

    def close(self) -> None:
        os.close(self.descriptor)
        os.close(self._other)


class LineTap:
    """`port` is where the gateway finds the board from now on."""

    def __init__(self, board_port: str, heard: Callable[[bytes], None]) -> None:
        """heard: called in the tap's thread with what came from the board. Raises BenchError."""
        try:
            self._board = serial.Serial(board_port, BAUD, timeout=0, exclusive=True)
        except (serial.SerialException, OSError) as error:
            raise BenchError(f"{board_port}: {error}; a recording needs the board's serial line for itself") from None
        self._line = PseudoLine()
        self.port = self._line.port
        self._heard = heard
        self._stopping = threading.Event()
        self.failure = ""
        self._thread = threading.Thread(target=self._run, name="line tap", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(5)
        self._board.close()
        self._line.close()

    def _run(self) -> None:
        to_gateway, to_board = b"", b""
        board, line = self._board.fileno(), self._line.descriptor
        try:
            while not self._stopping.is_set():
                readers = ([] if to_gateway else [board]) + ([] if to_board else [line])
                writers = ([line] if to_gateway else []) + ([board] if to_board else [])
                readable, writable, _ = select.select(readers, writers, [], TURN_S)
                if board in readable:
                    to_gateway = os.read(board, READ_BYTES)
                    self._heard(to_gateway)
                if line in readable:
                    to_board = os.read(line, READ_BYTES)
                if line in writable:
                    to_gateway = to_gateway[os.write(line, to_gateway) :]
                if board in writable:
                    to_board = to_board[os.write(board, to_board) :]
        except OSError as error:
            self.failure = f"the line to the board is gone: {error}"
