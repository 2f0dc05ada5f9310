"""An slcan adapter on a serial port: blocks of bytes, whose lines are parsed by arrays.

The protocol is that of Lawicel's CANUSB manual and of Linux' slcan.c: C closes, S0 to S8 set the bit rate, L opens to
listen, O to talk; a frame is a line that ends in CR. Frames carry the time at which their end was read: adapters that
count milliseconds begin again each minute and drift, so their times would be worth no more.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import serial

from packseal.errors import ConfigError
from packseal.frames import Clock, Frames, Verdict
from packseal.frames.account import Account
from packseal.frames.frames import CLASSIC_BYTES
from packseal.frames.lines import MAX_LINE_BYTES, Lines, blocks
from packseal.frames.parsed import ParsedLines
from packseal.frames.text import slcan
from packseal.io.can_receiver import COLLECT_S, EMPTY_S, Received, check_may_send

BIT_RATES = {10_000: 0, 20_000: 1, 50_000: 2, 100_000: 3, 125_000: 4, 250_000: 5, 500_000: 6, 800_000: 7, 1_000_000: 8}
BAUD = 115_200  # of adapters with a real UART; USB ones take any
MAX_BAUD, MAX_BAUD_DIGITS = 12_000_000, 8  # of the fastest USB UARTs
REFUSED = b"\x07"  # the adapter refused a command, or could not send
MAX_BLOCK_BYTES = 1 << 20
BURST_BYTES = 2048  # half of what a terminal's buffer holds
_NO_LOSS = [int(verdict) for verdict in (Verdict.FRAME, Verdict.BLANK, Verdict.EVENT, Verdict.REMOTE_FRAME)]
_VERDICTS = len(Verdict)


class SlcanReceiver:
    """One adapter. Raises OSError where the port is not there, ConfigError for a bit rate that slcan does not have
    and for a baud rate that is none.

    It takes no filters: adapters have few or none.
    """

    def __init__(self, channel: str, bitrate: int | None, may_send: bool = False) -> None:
        """channel: a port, with @ and its baud rate where that is not BAUD; bitrate None: as the adapter is set."""
        port, baud = checked_port(channel)
        speed = checked_speed(bitrate)
        self._may_send = may_send
        self._port = serial.Serial(port, baud, timeout=0, write_timeout=1, exclusive=True)
        self._port.write(b"C\r" + speed + (b"O\r" if may_send else b"L\r"))
        self._parse = slcan.unstamped().parse
        self._rest = b""

    def receive(self, timeout_s: float) -> Received:
        chunks, times_ns = self._read(timeout_s)
        ends = np.array([*accumulate(map(len, chunks), initial=len(self._rest))][1:])
        content = b"".join([self._rest, *chunks])
        end = content.rfind(b"\r") + 1
        content, self._rest = content[:end], content[end:]
        lost = 0
        if len(self._rest) > MAX_LINE_BYTES:
            self._rest, lost = b"", 1
        refused = content.count(REFUSED)
        if refused:
            content = content.replace(REFUSED, b"\r")  # it ends an answer as CR does
        frames, counts = _parsed(content, self._parse, ends, np.array(times_ns, np.int64))
        lost += int(counts.sum() - counts[_NO_LOSS].sum())
        return Received(frames, times_ns[-1], int(counts[Verdict.REMOTE_FRAME]), refused, lost)

    def _read(self, timeout_s: float) -> tuple[list[bytes], list[int]]:
        """(what comes within COLLECT_S of the first byte, in pieces; when each was read)"""
        if self._port.timeout != timeout_s:  # setting it sets the whole port up anew
            self._port.timeout = timeout_s
        chunks, times_ns = [self._port.read(1)], [time.monotonic_ns()]
        size, deadline_ns = 1, times_ns[0] + int(COLLECT_S * 1e9)
        while chunks[0] and size < MAX_BLOCK_BYTES and times_ns[-1] < deadline_ns:
            try:
                chunk = self._port.read(self._port.in_waiting)
            except OSError:  # pulled out: the next read says so again, when what came before it has been taken
                break
            if len(chunk) < BURST_BYTES:  # a line that has just been full is about to be so again
                time.sleep(EMPTY_S if len(chunks[-1]) < BURST_BYTES else EMPTY_S / 20)
            chunks.append(chunk)
            times_ns.append(time.monotonic_ns())
            size += len(chunk)
        return chunks, times_ns

    def send(self, can_id: int, data: bytes, is_extended: bool) -> None:
        check_may_send(self._may_send)
        if len(data) > CLASSIC_BYTES:
            raise ValueError(f"{len(data)} bytes: slcan sends classic frames, of at most {CLASSIC_BYTES}")
        head = f"T{can_id:08X}" if is_extended else f"t{can_id:03X}"
        self._port.write(f"{head}{len(data)}{data.hex().upper()}\r".encode())

    def close(self) -> None:
        with contextlib.suppress(OSError):  # it may have been pulled out
            self._port.write(b"C\r")  # else an adapter that may talk goes on acknowledging other nodes' frames
        self._port.close()


def _parsed(
    content: bytes, parse: Callable[[Lines], ParsedLines], ends: npt.NDArray[np.intp], times_ns: npt.NDArray[np.int64]
) -> tuple[Frames, npt.NDArray[np.int64]]:
    """(frames, lines by verdict). times_ns: when what ends at each of `ends` was read."""
    account = Account(slcan.NAME, Clock.OWN)
    counts = np.zeros(_VERDICTS, np.int64)
    line_times = times_ns[np.searchsorted(ends, np.flatnonzero(np.frombuffer(content, np.uint8) == ord("\r")) + 1)]
    parts = []
    for lines in blocks(content, b"\r"):
        parsed = parse(lines)
        parsed.time_ns, line_times = line_times[: len(lines)], line_times[len(lines) :]
        parts.append(account.frames_of(parsed))
        counts += np.bincount(parsed.verdict, minlength=_VERDICTS)
    return Frames.concatenate(parts), counts


def checked_port(channel: str) -> tuple[str, int]:
    """(port, baud rate). Raises ConfigError."""
    port, at, baud = channel.partition("@")
    if at and not (baud.isascii() and baud.isdigit() and len(baud) <= MAX_BAUD_DIGITS and 0 < int(baud) <= MAX_BAUD):
        raise ConfigError(f"channel {channel!r}: expected a port, then @ and its baud rate, up to {MAX_BAUD}")
    return port, int(baud or BAUD)


def checked_speed(bitrate: int | None) -> bytes:
    """The command for it. Raises ConfigError."""
    if bitrate is None:
        return b""
    if bitrate not in BIT_RATES:
        raise ConfigError(f"slcan has no bit rate {bitrate}; choose one of {', '.join(map(str, BIT_RATES))}")
    return f"S{BIT_RATES[bitrate]}\r".encode()
