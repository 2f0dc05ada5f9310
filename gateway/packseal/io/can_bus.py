"""A CAN bus that is opened again, for ever, whenever it goes away; its frames as arrays, its losses counted.

Decides which way a bus is read: SocketCAN and slcan by our own arrays, every other adapter by python-can. What kernel,
adapter and controller say that they lost is counted; what finds no room in our own queue, because the disk holds up
whoever reads it, is counted frame by frame.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from packseal.frames import Frames
from packseal.io.beat import Beat
from packseal.io.can_python import PythonCanReceiver, opener
from packseal.io.can_receiver import FrameFilter, Received, Receiver
from packseal.io.can_slcan import SlcanReceiver, checked_port, checked_speed

RECEIVE_TIMEOUT_S = 0.1
BATCH_NS = 100_000_000  # a tenth of a second of frames is handed over at once
MAX_BATCHES = 600  # a minute, which is longer than any disk has been seen to stand still
FIRST_BACKOFF_S = 0.5
MAX_BACKOFF_S = 5.0  # trying costs nothing, and what is not heard meanwhile is lost

OpenReceiver = Callable[[], Receiver]


@dataclass(slots=True)
class BusCounts:
    """Since the gateway started. frames_lost: all that is known to be lost; frames_unread: those of it that had been
    received, and for which the queue had no room."""

    frames_received: int = 0
    frames_lost: int = 0
    frames_unread: int = 0
    error_frames: int = 0
    reopened: int = 0

    def by_key(self) -> dict[int, int]:
        """As an attestation has them (docs/record.md section 5.8)."""
        return {1: self.frames_received, 2: self.frames_lost, 3: self.error_frames, 5: self.reopened}


def receiver_opener(
    interface: str, channel: str, bitrate: int | None, filters: Sequence[FrameFilter] = (), may_send: bool = False
) -> OpenReceiver:
    """Opens this bus, by nothing but these settings; the filters are wishes, other frames may come as well.

    Raises ConfigError for an interface that python-can lacks, for a bit rate that slcan lacks, and for a baud rate of
    its port that is none.
    """
    if interface == "socketcan" and sys.platform == "linux":
        from packseal.io.can_socket import SocketReceiver  # noqa: PLC0415 - elsewhere its modules are missing

        return lambda: SocketReceiver(channel, filters, may_send)
    if interface == "slcan":
        checked_port(channel)
        checked_speed(bitrate)
        return lambda: SlcanReceiver(channel, bitrate, may_send)
    open_bus = opener(interface, channel, bitrate)
    return lambda: PythonCanReceiver(open_bus(), may_send)


class CanBus:
    """Reads in its own thread; whoever records takes from `batches`, in another one: (frames, until when in ns)."""

    def __init__(self, name: str, open_receiver: OpenReceiver, on_state: Callable[[str], None]) -> None:
        """on_state is called in the thread, with "connected" or what is wrong."""
        self.counts = BusCounts()
        self.beat = Beat()  # of the thread
        self.batches: queue.Queue[tuple[Frames, int]] = queue.Queue(MAX_BATCHES)
        self._open_receiver, self._on_state = open_receiver, on_state
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
            self.beat()
            receiver = None
            try:
                receiver = self._open_receiver()
                self.counts.reopened += self._was_open
                self._was_open = True
                self._on_state("connected")
                self._serve(receiver)
            except Exception as error:  # drivers raise what they like; whatever it is, the bus is tried again
                self._on_state(f"no connection: {error or type(error).__name__}")
            finally:
                if receiver:
                    self._close(receiver)
            self._stopping.wait(self._backoff_s)
            self._backoff_s = min(2 * self._backoff_s, MAX_BACKOFF_S)

    def _close(self, receiver: Receiver) -> None:
        try:
            receiver.close()
        except Exception as error:  # of an adapter that was pulled out
            self._on_state(f"no connection: {error or type(error).__name__}")

    def _serve(self, receiver: Receiver) -> None:
        parts: list[Frames] = []
        until_ns = time.monotonic_ns()
        due_ns = until_ns + BATCH_NS
        try:
            while not self._stopping.is_set():
                self.beat()
                received = receiver.receive(RECEIVE_TIMEOUT_S)
                self._count(received)
                if len(received.frames):
                    parts.append(received.frames)
                until_ns = received.until_ns
                if until_ns >= due_ns:
                    self._hand_over(parts, until_ns)
                    parts, due_ns = [], until_ns + BATCH_NS
        finally:
            self._hand_over(parts, until_ns)

    def _count(self, received: Received) -> None:
        frames = len(received.frames) + received.remote_frames
        if frames or received.error_frames:
            self._backoff_s = FIRST_BACKOFF_S
        self.counts.frames_received += frames
        self.counts.error_frames += received.error_frames
        self.counts.frames_lost += received.frames_lost

    def _hand_over(self, parts: Sequence[Frames], until_ns: int) -> None:
        frames = Frames.concatenate(parts)
        try:
            self.batches.put_nowait((frames, until_ns))
        except queue.Full:
            self.counts.frames_lost += len(frames)
            self.counts.frames_unread += len(frames)
