"""The link over CAN (docs/link.md clauses 10 to 14): its messages as ISO-TP, and the pack's live values beside them.

A controller has send(can_id, is_extended, data) -> whether a mailbox took it, and receive() -> (can_id, is_extended,
data) or None. All identifiers have 29 bits and the lowest priority, so that a battery management system is never kept
from the bus; and no more than a few frames go to the controller in one turn.

A board makes one CanHub for each controller, gives its source (where that is on the same bus) `hub.view()`, and hands
the hub to `line_on`. The settings of the line are NUMBERS: `address`, the board's own on this bus, as SAE J1939 counts
them, and `live_ms`, how often live values go out, 0 for never.
"""

from logger.core.isotp import Receiver, Sender
from logger.core.link import BoardLink
from logger.core.live import LiveValues

NUMBERS = {"address": (0, 253), "live_ms": (0, 60000)}  # settings: (least, greatest)
DEFAULTS = {"address": 0xE0, "live_ms": 1000}

GATEWAY_ADDRESS = 0xF9  # J1939: off-board diagnostic and service tool 1
_PROPRIETARY_A = 0x1CEF0000  # priority 7, PGN EF00: destination and source follow
_FRAMES_A_TURN = 4
_BLOCK_FRAMES = 1  # of the gateway's, until we say go on: an MCP2515 holds two frames while a turn takes its 100 ms
_BUS_OFF = 3  # of a controller's state()
_LOOK_MS = 1000  # between two looks at it
_LOOKS_OFF = 90  # before it is started again: a source on the same controller is quicker, and need not be there


def identifiers(address):
    """(the one this board sends with, the one it listens to)."""
    return (
        _PROPRIETARY_A | GATEWAY_ADDRESS << 8 | address,
        _PROPRIETARY_A | address << 8 | GATEWAY_ADDRESS,
    )


def line_on(hub, logger, settings):
    """A CanLine for this logger, beside whatever other lines it has. settings: a value for each key of NUMBERS."""
    address, live_ms = settings["address"], settings["live_ms"]
    live = LiveValues(logger, address, live_ms) if live_ms else None
    view = hub.view([(identifiers(address)[1], True)])
    hub.set_filters()
    return CanLine(BoardLink(logger), view, address, logger.config["clock_rate"], live)


class CanLine:
    """One BoardLink on one controller. `lost`: messages that broke off, in either direction; the link asks again."""

    def __init__(self, link, controller, address, clock_rate=1, live=None):
        """clock_rate: pack milliseconds in one of the bus's (simulated packs only). live: a LiveValues, or None."""
        self._link = link
        self._controller = controller
        self._send_id, self._own_id = identifiers(address)
        self._clock_rate = clock_rate
        self._live = live
        self._receiver = Receiver(_BLOCK_FRAMES, 0)
        self._sender = Sender(controller.max_data_bytes)
        self._next_look_ms = self._looks_off = 0

    @property
    def lost(self):
        return self._receiver.dropped + self._sender.aborted

    def step(self, now_ms):
        """Moves what there is to move. True where more may follow soon: frames of a message are milliseconds apart."""
        now_ms //= self._clock_rate
        self._look_after(now_ms)
        is_busy = self._receive(now_ms)
        self._receiver.tick(now_ms)
        self._sender.tick(now_ms)
        is_busy = self._send(now_ms) or is_busy
        if self._live is not None:
            self._live.step(now_ms, self._controller)
        return is_busy

    def _receive(self, now_ms):
        for _ in range(_FRAMES_A_TURN):
            frame = self._controller.receive()
            if frame is None:
                return False
            can_id, is_extended, data = frame
            if can_id == self._own_id and is_extended:
                self._sender.take(data, now_ms)
                message = self._receiver.take(data, now_ms)
                if message is not None:
                    self._link.take(message)
        return True

    def _send(self, now_ms):
        flow = self._receiver.flow_control()
        if flow is not None and not self._put(flow):
            self._receiver.ask_again(flow)
            return False
        if not self._sender.is_busy:
            message = self._link.next_message()
            if message is not None:
                self._sender.send(message)
        for _ in range(_FRAMES_A_TURN):
            frame = self._sender.frame(now_ms)
            if frame is None or not self._put(frame):
                break
            self._sender.sent(now_ms)
        return self._sender.is_sending

    def _look_after(self, now_ms):
        if now_ms < self._next_look_ms:
            return
        self._next_look_ms = now_ms + _LOOK_MS
        self._looks_off = self._looks_off + 1 if self._controller.state() == _BUS_OFF else 0
        if self._looks_off > _LOOKS_OFF:
            self._looks_off = 0
            self._controller.restart()

    def _put(self, frame):
        return self._controller.send(self._send_id, True, frame, len(frame) > 8)
