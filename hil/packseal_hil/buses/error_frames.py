"""How a controller's trouble is told to who listens: as SocketCAN's error frames (linux/can/error.h).

An identifier of classes, and eight bytes: [1] what the controller is in, [2] and [3] what was wrong with a frame and
where, [6] and [7] its counters, as far as a byte holds them.
"""

from __future__ import annotations

from typing import NamedTuple

from packseal_hil.buses.controller import Controller, State

CONTROLLER, PROTOCOL, BUS_OFF, BUS_ERROR, RESTARTED, COUNTERS = 0x04, 0x08, 0x40, 0x80, 0x100, 0x200
_RX_WARNING, _TX_WARNING, _RX_PASSIVE, _TX_PASSIVE, _ACTIVE_AGAIN = 0x04, 0x08, 0x10, 0x20, 0x40
_BIT_ERROR, _FROM_US, _UNSPECIFIED_PLACE = 0x01, 0x80, 0x00
_TX = {State.ACTIVE: 0, State.WARNING: _TX_WARNING, State.PASSIVE: _TX_PASSIVE}
_RX = {State.ACTIVE: 0, State.WARNING: _RX_WARNING, State.PASSIVE: _RX_PASSIVE}


class ErrorFrame(NamedTuple):
    """classes: without SocketCAN's flag for an error frame."""

    classes: int
    data: bytes


def destroyed(controller: Controller, *, is_ours: bool) -> ErrorFrame:
    """A frame was destroyed on the bus."""
    kind = _BIT_ERROR | _FROM_US if is_ours else _BIT_ERROR
    return _frame(controller, PROTOCOL | BUS_ERROR, kind=kind)


def state_changed(controller: Controller) -> ErrorFrame:
    """To the state that it is in now."""
    if controller.is_off:
        return _frame(controller, BUS_OFF)
    sending, receiving = controller.states
    return _frame(controller, CONTROLLER, _TX[sending] | _RX[receiving] or _ACTIVE_AGAIN)


def restarted(controller: Controller) -> ErrorFrame:
    """It is back from bus-off."""
    return _frame(controller, RESTARTED | CONTROLLER, _ACTIVE_AGAIN)


def _frame(controller: Controller, classes: int, state: int = 0, kind: int = 0) -> ErrorFrame:
    sending, receiving = (min(count, 255) for count in (controller.transmit_errors, controller.receive_errors))
    return ErrorFrame(classes | COUNTERS, bytes([0, state, kind, _UNSPECIFIED_PLACE, 0, 0, sending, receiving]))
