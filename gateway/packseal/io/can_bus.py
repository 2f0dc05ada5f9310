"""A CAN bus that is opened again, for ever, whenever it goes away; its frames as arrays, its losses counted.

What is lost below the adapter's driver nobody here can see but by the error frames that say so; what finds no room in
our own queue, because the disk holds up whoever reads it, is counted frame by frame.
"""

from __future__ import annotations

import difflib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import can
import numpy as np

from packseal.errors import ConfigError
from packseal.frames import Frames
from packseal.frames.frames import CLASSIC_BYTES, FD_BYTES

RECEIVE_TIMEOUT_S = 0.1
BATCH_NS = 100_000_000  # a tenth of a second of frames goes into one array
MAX_BATCHES = 600  # a minute, which is longer than any disk has been seen to stand still
FIRST_BACKOFF_S = 0.5
MAX_BACKOFF_S = 30.0
CONTROLLER_PROBLEM, RECEIVE_OVERFLOW = 0x04, 0x01  # CAN_ERR_CRTL, CAN_ERR_CRTL_RX_OVERFLOW (linux/can/error.h)

OpenBus = Callable[[], can.BusABC]


@dataclass(slots=True)
class BusCounts:
    """Since the gateway started."""

    frames_received: int = 0
    frames_lost: int = 0
    error_frames: int = 0
    reopened: int = 0

    def by_key(self) -> dict[int, int]:
        """As an attestation has them (docs/record.md section 5.8)."""
        return {1: self.frames_received, 2: self.frames_lost, 3: self.error_frames, 5: self.reopened}


def opener(interface: str, channel: str, bitrate: int | None) -> OpenBus:
    """Opens this bus, by nothing but these settings. Raises ConfigError for an interface that python-can lacks."""
    if interface not in can.VALID_INTERFACES:
        near = difflib.get_close_matches(interface, can.VALID_INTERFACES, 1)
        known = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(can.VALID_INTERFACES))}"
        raise ConfigError(f"[[can]] interface {interface!r}: no such interface; {known}")
    options: dict[str, Any] = {} if bitrate is None else {"bitrate": bitrate}
    return lambda: can.Bus(channel, interface, ignore_config=True, **options)


class CanBus:
    """Reads in its own thread; whoever records takes from `batches`, in another one: (frames, until when in ns)."""

    def __init__(self, name: str, open_bus: OpenBus, on_state: Callable[[str], None]) -> None:
        """on_state is called in the thread, with "connected" or what is wrong."""
        self.counts = BusCounts()
        self.batches: queue.Queue[tuple[Frames, int]] = queue.Queue(MAX_BATCHES)
        self._open_bus, self._on_state = open_bus, on_state
        self._was_open = False
        self._backoff_s = FIRST_BACKOFF_S
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"can {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._open_bus() as bus:
                    self.counts.reopened += self._was_open
                    self._was_open = True
                    self._on_state("connected")
                    self._serve(bus)
            except Exception as error:  # drivers raise what they like; whatever it is, the bus is tried again
                self._on_state(f"no connection: {error or type(error).__name__}")
            self._stopping.wait(self._backoff_s)
            self._backoff_s = min(2 * self._backoff_s, MAX_BACKOFF_S)

    def _serve(self, bus: can.BusABC) -> None:
        messages: list[can.Message] = []
        times_ns: list[int] = []
        due_ns = time.monotonic_ns() + BATCH_NS
        try:
            while not self._stopping.is_set():
                message = bus.recv(RECEIVE_TIMEOUT_S)
                now_ns = time.monotonic_ns()
                if message is not None and self._is_data(message):
                    messages.append(message)
                    times_ns.append(now_ns)
                if now_ns >= due_ns:
                    self._hand_over(messages, times_ns, now_ns)
                    messages, times_ns, due_ns = [], [], now_ns + BATCH_NS
        finally:
            self._hand_over(messages, times_ns, time.monotonic_ns())

    def _is_data(self, message: can.Message) -> bool:
        """Counts it; error frames and remote frames carry no values."""
        self._backoff_s = FIRST_BACKOFF_S
        if message.is_error_frame:
            self.counts.error_frames += 1
            has_overflown = message.arbitration_id & CONTROLLER_PROBLEM and bytes(message.data)[1:2]
            if has_overflown and has_overflown[0] & RECEIVE_OVERFLOW:
                self.counts.frames_lost += 1  # one at least
            return False
        self.counts.frames_received += 1
        return not message.is_remote_frame

    def _hand_over(self, messages: Sequence[can.Message], times_ns: Sequence[int], until_ns: int) -> None:
        try:
            self.batches.put_nowait((frames_of(messages, times_ns), until_ns))
        except queue.Full:
            self.counts.frames_lost += len(messages)


def frames_of(messages: Sequence[can.Message], times_ns: Sequence[int]) -> Frames:
    """Data frames as arrays; times_ns: when each was received."""
    n = len(messages)
    width = FD_BYTES if any(len(message.data) > CLASSIC_BYTES for message in messages) else CLASSIC_BYTES
    data = b"".join(bytes(message.data).ljust(width, b"\x00") for message in messages)
    return Frames(
        can_id=np.fromiter((message.arbitration_id for message in messages), np.uint32, n),
        is_extended=np.fromiter((message.is_extended_id for message in messages), np.bool_, n),
        time_ns=np.array(times_ns, np.int64),
        channel=np.zeros(n, np.uint8),
        length=np.fromiter((len(message.data) for message in messages), np.uint8, n),
        data=np.frombuffer(data, np.uint8).reshape(n, width),
    )
