"""A CAN bus within this process: what one node sends, all others hear, in one order, none twice.

It has no bit times and no arbitration: frames pass as fast as they are sent. A node that nobody reads keeps the newest
MAX_WAITING frames and counts the others, as a controller whose memory has run full.
"""

from __future__ import annotations

import threading
import time
from collections import deque

import numpy as np

from packseal.frames import Frames
from packseal_hil.buses.error_frames import ErrorFrame
from packseal_hil.protocols import BenchError

MAX_WAITING = 16_384


class Wire:
    """From any thread."""

    def __init__(self) -> None:
        self._nodes: list[WireNode] = []
        self._lock = threading.Lock()

    def node(self) -> WireNode:
        with self._lock:
            node = WireNode(self)
            self._nodes.append(node)
        return node

    def carry(self, sender: WireNode, frames: Frames) -> None:
        """To all but the sender, at this moment."""
        with self._lock:
            now = np.full(len(frames), time.monotonic_ns(), np.int64)
            stamped = Frames(frames.can_id, frames.is_extended, now, frames.channel, frames.length, frames.data)
            for node in self._nodes:
                if node is not sender:
                    node.hear(stamped)

    def leave(self, node: WireNode) -> None:
        with self._lock:
            if node in self._nodes:
                self._nodes.remove(node)


class WireNode:
    """A Bus (protocols.py)."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._waiting: deque[Frames] = deque()
        self._lock = threading.Lock()
        self._received = self._sent = self._lost = self._errors = self._count = 0
        self._is_open = True

    def send(self, frames: Frames) -> None:
        if not self._is_open:
            raise BenchError("this node has left its bus; open another one")
        self._wire.carry(self, frames)
        self._sent += len(frames)

    def received(self) -> Frames:
        with self._lock:
            parts, self._count = list(self._waiting), 0
            self._waiting.clear()
        return Frames.concatenate(parts)

    def tell(self, error: ErrorFrame) -> None:
        """What the controller of this node says of itself: counted."""
        self._errors += error.classes != 0

    def counters(self) -> dict[str, int]:
        return {
            "frames_received": self._received,
            "frames_sent": self._sent,
            "frames_lost": self._lost,
            "error_frames": self._errors,
        }

    def problem(self) -> str:
        return f"{self._lost} frames lost" if self._lost else ""

    def close(self) -> None:
        self._is_open = False
        self._wire.leave(self)

    def hear(self, frames: Frames) -> None:
        """From the wire."""
        with self._lock:
            self._waiting.append(frames)
            self._count += len(frames)
            self._received += len(frames)
            while self._count > MAX_WAITING:
                lost = len(self._waiting.popleft())
                self._count -= lost
                self._lost += lost
                self._received -= lost
