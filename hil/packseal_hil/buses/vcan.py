"""A SocketCAN interface of this kernel as a bus of the bench, also for the error frames of an emulated controller.

A virtual interface (vcan) carries frames from socket to socket: real drivers' code on both sides, in a real kernel, but
no bit times and no controller. What a controller would say is put there by who emulates one (`tell`).
"""

from __future__ import annotations

from packseal.frames import Frames
from packseal.io.can_socket import ERROR, SocketReceiver
from packseal_hil.buses.error_frames import ErrorFrame
from packseal_hil.buses.rows import rows_of
from packseal_hil.protocols import BenchError


class VcanNode:
    """A Bus (protocols.py). Not for two threads at once in received and close."""

    def __init__(self, channel: str) -> None:
        """Raises BenchError for an interface that is not there or down."""
        self._channel = channel
        self._counts = dict.fromkeys(("frames_received", "frames_sent", "frames_lost", "error_frames"), 0)
        try:
            self._socket = SocketReceiver(channel, may_send=True)
        except OSError as error:
            raise self._problem(error) from None

    def send(self, frames: Frames) -> None:
        """Raises BenchError for the first that is not taken."""
        for can_id, data, is_extended in rows_of(frames):
            self._put(can_id, data, is_extended)
            self._counts["frames_sent"] += 1

    def received(self) -> Frames:
        try:
            found = self._socket.take()
        except OSError as error:
            raise self._problem(error) from None
        self._counts["frames_received"] += len(found.frames)
        self._counts["frames_lost"] += found.frames_lost
        self._counts["error_frames"] += found.error_frames
        return found.frames

    def tell(self, error: ErrorFrame) -> None:
        """As the driver of a real controller does, to all who listen on this interface."""
        self._put(ERROR | error.classes, error.data, is_extended=False)

    def counters(self) -> dict[str, int]:
        return dict(self._counts)

    def problem(self) -> str:
        lost = self._counts["frames_lost"]
        return f"{lost} frames lost" if lost else ""

    def close(self) -> None:
        self._socket.close()

    def _put(self, can_id: int, data: bytes, is_extended: bool) -> None:
        try:
            self._socket.send(can_id, data, is_extended)
        except OSError as error:
            raise self._problem(error) from None

    def _problem(self, error: OSError) -> BenchError:
        return BenchError(f"{self._channel}: {error}; `ip link set {self._channel} up` opens an interface that is down")
