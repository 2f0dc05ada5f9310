"""An slcan adapter as a program: on one side a line on which a board or a gateway speaks slcan, on the other a bus.

The protocol is that of Lawicel's CANUSB manual, section "Available CANUSB ASCII commands", as far as the firmware
(firmware/logger/drivers/slcan.py), the gateway (packseal.io.can_slcan) and python-can use it: C, S, O, L, t, T, V, N.
Whatever else comes is refused with BEL, as the adapter does, and so is a frame that the bus does not take.
"""

from __future__ import annotations

import os
import re
import select
import threading

import serial

from packseal.frames import Frames
from packseal.frames.frames import CLASSIC_BYTES
from packseal.io.can_slcan import BIT_RATES
from packseal_hil.buses.rows import frame_of, rows_of
from packseal_hil.line_tap import PseudoLine
from packseal_hil.protocols import BenchError, Bus

BITRATE = 500_000
TURN_S = 0.002  # so often the bus is looked at; a frame takes 0.25 ms of 500 kbit/s
MAX_LINE_BYTES = 64
MAX_WAITING_BYTES = 1 << 16  # for a client that does not read: 3,000 frames
_BAUD, _READ_BYTES, _END_S = 115_200, 4_096, 5
_DONE, _REFUSED = b"\r", b"\x07"
_FRAME = re.compile(rb"(?:t([0-7][0-9A-Fa-f]{2})|T([01][0-9A-Fa-f]{7}))([0-8])((?:[0-9A-Fa-f]{2})*)")
_FIXED = {b"V": b"V0101\r", b"N": b"NSEAL\r"}


class SlcanAdapter:
    """`port` is what a client opens, where none was given. The bus stays the caller's to close.

    frames_in: from the client to the bus; frames_out: the other way; refused: with BEL; frames_lost: for which a
    client that does not read left no room, or which slcan cannot say.
    """

    def __init__(self, bus: Bus, port: str = "", bitrate: int = BITRATE) -> None:
        """port: of a client's other end, such as a target's bms_port. bitrate: of the bus; an adapter that is opened at
        another one hears nothing and sends nothing. Raises BenchError for a port that cannot be opened."""
        self._bus, self._bus_bitrate = bus, bitrate
        self.frames_in = self.frames_out = self.refused = self.frames_lost = 0
        self.failure = ""
        self._bitrate: int | None = None
        self._is_open = self._may_send = False
        self._came, self._to_client = b"", b""
        self._side: PseudoLine | serial.Serial = _opened(port) if port else PseudoLine()
        self.port = port or str(self._side.port)
        self._descriptor = self._side.descriptor if isinstance(self._side, PseudoLine) else self._side.fileno()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"slcan {self.port}", daemon=True)
        self._thread.start()

    def problem(self) -> str:
        """ "" when all is well."""
        if self.failure:
            return self.failure
        if self._is_open and not self._is_in_tune:
            return f"{self.port} was opened for {self._bitrate} bit/s on a bus of {self._bus_bitrate}"
        return f"{self.frames_lost} frames lost" if self.frames_lost else ""

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(_END_S)
        self._side.close()

    @property
    def _is_in_tune(self) -> bool:
        return self._bitrate in (None, self._bus_bitrate)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._turn()
        except (OSError, serial.SerialException) as error:
            self.failure = f"{self.port} is gone: {error}"

    def _turn(self) -> None:
        writers = [self._descriptor] if self._to_client else []
        readable, writable, _ = select.select([self._descriptor], writers, [], TURN_S)
        if readable:
            self._take(os.read(self._descriptor, _READ_BYTES))
        self._hear(self._bus.received())
        if writable:
            self._to_client = self._to_client[os.write(self._descriptor, self._to_client) :]

    def _hear(self, frames: Frames) -> None:
        if not (self._is_open and self._is_in_tune):
            return
        for can_id, data, is_extended in rows_of(frames):
            line = _line(can_id, data, is_extended=is_extended)
            if not line or len(self._to_client) > MAX_WAITING_BYTES:
                self.frames_lost += 1
            else:
                self._to_client += line
                self.frames_out += 1

    def _take(self, content: bytes) -> None:
        *lines, self._came = (self._came + content).split(b"\r")
        for line in lines:
            if line:
                answer = self._obeyed(line)
                self.refused += answer == _REFUSED
                self._to_client += answer
        if len(self._came) > MAX_LINE_BYTES:
            self._came = b""
            self.refused += 1
            self._to_client += _REFUSED

    def _obeyed(self, line: bytes) -> bytes:
        """The answer."""
        if line in _FIXED:
            return _FIXED[line]
        if line == b"C":
            self._is_open = self._may_send = False
            return _DONE
        if line in (b"O", b"L") and not self._is_open:
            self._is_open, self._may_send = True, line == b"O"
            return _DONE
        if not self._is_open and line in _SPEEDS:
            self._bitrate = _SPEEDS[line]
            return _DONE
        return self._sent(line)

    def _sent(self, line: bytes) -> bytes:
        match = _FRAME.fullmatch(line)
        if match is None or not self._may_send or not self._is_in_tune or len(match[4]) != 2 * int(match[3]):
            return _REFUSED
        frame = frame_of(int(match[1] or match[2], 16), bytes.fromhex(match[4].decode()), is_extended=bool(match[2]))
        try:
            self._bus.send(frame)
        except BenchError:
            return _REFUSED
        self.frames_in += 1
        return b"Z\r" if match[2] else b"z\r"


_SPEEDS = {f"S{code}".encode(): bitrate for bitrate, code in BIT_RATES.items()}


def _opened(port: str) -> serial.Serial:
    try:
        return serial.Serial(port, _BAUD, timeout=0, exclusive=True)
    except (serial.SerialException, OSError) as error:
        raise BenchError(f"{port}: {error}; an adapter needs the line for itself") from None


def _line(can_id: int, data: bytes, *, is_extended: bool) -> bytes:
    """Nothing for a frame of CAN FD."""
    if len(data) > CLASSIC_BYTES:
        return b""
    head = f"T{can_id:08X}" if is_extended else f"t{can_id:03X}"
    return f"{head}{len(data)}{data.hex().upper()}\r".encode()
