"""An slcan adapter on a serial port: blocks of bytes, whose lines are parsed by arrays.

The protocol is that of Lawicel's CANUSB manual and of Linux' slcan.c: C closes, S0 to S8 set the bit rate, L opens to
listen, O to talk; a frame is a line that ends in CR. Frames carry the time at which their block arrived: adapters that
count milliseconds begin again each minute and drift, so their times would be worth no more.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import serial

from packseal.errors import ConfigError
from packseal.frames import Clock, Frames, Verdict
from packseal.frames.account import Account
from packseal.frames.lines import MAX_LINE_BYTES, Lines, blocks
from packseal.frames.parsed import ParsedLines
from packseal.frames.text import slcan
from packseal.io.can_receiver import COLLECT_S, Received, check_may_send

BIT_RATES = {10_000: 0, 20_000: 1, 50_000: 2, 100_000: 3, 125_000: 4, 250_000: 5, 500_000: 6, 800_000: 7, 1_000_000: 8}
BAUD = 115_200  # of adapters with a real UART; USB ones take any
REFUSED = b"\x07"  # the adapter refused a command, or could not send
MAX_BLOCK_BYTES = 1 << 20
_NO_LOSS = (Verdict.FRAME, Verdict.BLANK, Verdict.EVENT, Verdict.REMOTE_FRAME)


class SlcanReceiver:
    """One adapter. Raises OSError where the port is not there, ConfigError for a bit rate that slcan does not have.

    It takes no filters: adapters have few or none.
    """

    def __init__(self, channel: str, bitrate: int | None, may_send: bool = False) -> None:
        """channel: a port, with @ and its baud rate where that is not BAUD; bitrate None: as the adapter is set."""
        port, _, baud = channel.partition("@")
        speed = checked_speed(bitrate)
        self._may_send = may_send
        self._port = serial.Serial(port, int(baud or BAUD), timeout=0, write_timeout=1)
        self._port.write(b"C\r" + speed + (b"O\r" if may_send else b"L\r"))
        self._parse = slcan.unstamped().parse
        self._rest = b""

    def receive(self, timeout_s: float) -> Received:
        content = self._read(timeout_s)
        now_ns = time.monotonic_ns()
        end = content.rfind(b"\r") + 1
        content, self._rest = content[:end], content[end:]
        lost = 0
        if len(self._rest) > MAX_LINE_BYTES:
            self._rest, lost = b"", 1
        refused = content.count(REFUSED)
        if refused:
            content = content.replace(REFUSED, b"")
        frames, counts = _parsed(content, self._parse, now_ns)
        lost += int(counts.sum() - counts[list(_NO_LOSS)].sum())
        return Received(frames, now_ns, int(counts[Verdict.REMOTE_FRAME]), refused, lost)

    def _read(self, timeout_s: float) -> bytes:
        """What comes within COLLECT_S of the first byte, and the rest of the block before."""
        self._port.timeout = timeout_s
        parts = [self._rest, self._port.read(1)]
        size, deadline_s = 1, time.monotonic() + COLLECT_S
        while parts[1] and size < MAX_BLOCK_BYTES and (left_s := deadline_s - time.monotonic()) > 0:
            waiting = self._port.in_waiting
            if not waiting:
                time.sleep(min(left_s, COLLECT_S / 4))
                continue
            parts.append(self._port.read(waiting))
            size += waiting
        return b"".join(parts)

    def send(self, can_id: int, data: bytes, is_extended: bool) -> None:
        check_may_send(self._may_send)
        head = f"T{can_id:08X}" if is_extended else f"t{can_id:03X}"
        self._port.write(f"{head}{len(data)}{data.hex().upper()}\r".encode())

    def close(self) -> None:
        self._port.close()


def _parsed(content: bytes, parse: Callable[[Lines], ParsedLines], now_ns: int) -> tuple[Frames, npt.NDArray[np.int64]]:
    """(frames, lines by verdict)"""
    account = Account(slcan.NAME, Clock.NONE)
    counts = np.zeros(len(Verdict), np.int64)
    parts = []
    for lines in blocks(content, b"\r"):
        parsed = parse(lines)
        parts.append(account.frames_of(parsed))
        counts += np.bincount(parsed.verdict, minlength=len(Verdict))
    frames = Frames.concatenate(parts)
    frames.time_ns[:] = now_ns
    return frames, counts


def checked_speed(bitrate: int | None) -> bytes:
    """The command for it. Raises ConfigError."""
    if bitrate is None:
        return b""
    if bitrate not in BIT_RATES:
        raise ConfigError(f"slcan has no bit rate {bitrate}; choose one of {', '.join(map(str, BIT_RATES))}")
    return f"S{BIT_RATES[bitrate]}\r".encode()
