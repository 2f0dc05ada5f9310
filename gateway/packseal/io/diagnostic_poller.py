"""The poller on a live bus: frames in, frames out, and nothing past the gate.

Decides nothing: polling.py says what is due, the gate what may be sent. Flow control is in time because it is sent in
the thread that reads, right after the frames of a wake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from packseal.errors import ConfigError
from packseal.frames import Frames
from packseal.frames.isotp import Outgoing
from packseal.io.can_receiver import Received, Receiver
from packseal.signals.diagnostics import Definition, Poller, TransmitGate
from packseal.signals.diagnostics.transmit import Request

Send = Callable[[int, bytes, bool], None]  # can_id, data, is_extended: as Receiver.send


class DiagnosticPoller:
    """`poller` has the counts, and what it leaves alone."""

    def __init__(self, definitions: Sequence[Definition], transmit: Sequence[str]) -> None:
        """transmit: of [[can]]; empty sends nothing.

        Raises ConfigError for an entry that may not be sent at all, or that asks for nothing that is bound.
        """
        self._gate = TransmitGate(transmit)
        known = {Request(one.request, one.ask) for one in definitions}
        for unknown in sorted(map(str, self._gate.requests - known)):
            words = ", ".join(sorted(map(str, known))) or "none, for it has no requests"
            raise ConfigError(f"transmit: {unknown}: the binding reads nothing from that answer; it reads {words}")
        self.poller = Poller(definitions, self._gate)

    def by_key(self) -> dict[int, int]:
        """As an attestation has the counts (docs/record.md section 5.8); none where nothing may be asked."""
        counts = self.poller.counts
        if not self._gate.requests:
            return {}
        return {6: counts.asked, 7: counts.answered, 8: counts.unanswered, 9: counts.refused.total()}

    def serve(self, frames: Frames, now_ns: int, send: Send) -> None:
        """Sends what is due. frames: heard since the last call; now_ns: of this machine's monotonic clock.

        Raises what `send` raises; ConfigError for a frame that the gate does not let through, which is not sent.
        """
        for frame in self.poller.step(now_ns, frames):
            self.pass_on(frame, send)

    def pass_on(self, frame: Outgoing, send: Send) -> None:
        """Sends a frame if the gate lets it through. Raises ConfigError if not."""
        self._gate.check(frame)
        send(frame.can_id, frame.data, frame.is_extended)


class PollingReceiver:
    """A receiver that is asked through, after every wake; it is closed with this."""

    def __init__(self, receiver: Receiver, poller: DiagnosticPoller) -> None:
        self._receiver, self._poller = receiver, poller
        self._failure: Exception | None = None

    def receive(self, timeout_s: float) -> Received:
        """What sending raises comes with the next call: what was received is not lost for it."""
        if self._failure:
            raise self._failure
        received = self._receiver.receive(timeout_s)
        try:
            self._poller.serve(received.frames, received.until_ns, self._receiver.send)
        except Exception as error:  # whatever a driver raises
            self._failure = error
        return received

    def send(self, can_id: int, data: bytes, is_extended: bool) -> None:
        """Past the gate, too. Raises ConfigError for a frame that it does not let through."""
        self._poller.pass_on(Outgoing(can_id, is_extended, data), self._receiver.send)

    def close(self) -> None:
        self._receiver.close()


def polling_opener(open_receiver: Callable[[], Receiver], poller: DiagnosticPoller) -> Callable[[], Receiver]:
    """Opens the same bus, and asks on it. The poller goes on when a bus is opened again."""
    return lambda: PollingReceiver(open_receiver(), poller)
