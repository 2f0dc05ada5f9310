"""The error counters of a CAN controller, and what it may still do by them: fault confinement of ISO 11898-1.

The rules are numbered as in section 8 of part B of Bosch's CAN specification 2.0, whose rules the standard has. Left
out are rule 6 (a bus that is dominant for ever), what needs single bits (2, 4, 5 and the exceptions of rule 3), and a
node without another that acknowledges: here a frame is good or destroyed. A pure object: what happened goes in, states
come out; time is counted by who knows the bus.
"""

from __future__ import annotations

from enum import IntEnum

WARNING_FROM, PASSIVE_FROM, OFF_FROM = 96, 128, 256  # section 8, the note on 96; rules 9 and 11
RECOVERY_BITS = 128 * 11  # rule 12: recessive bits that a controller must see before it comes back
_SENDER_STEP, _BACK_TO = 8, 127  # rule 3; rule 8 says "between 119 and 127"


class State(IntEnum):
    """In the order of trouble."""

    ACTIVE = 0
    WARNING = 1
    PASSIVE = 2
    BUS_OFF = 3


class Controller:
    """transmit_errors, receive_errors: TEC and REC. bus_offs: how often it has left the bus, since it was made."""

    def __init__(self) -> None:
        self.transmit_errors = self.receive_errors = self.bus_offs = 0
        self._is_off = False

    @property
    def state(self) -> State:
        if self._is_off:
            return State.BUS_OFF
        return _state(max(self.transmit_errors, self.receive_errors))

    @property
    def is_off(self) -> bool:
        return self._is_off

    @property
    def states(self) -> tuple[State, State]:
        """(of transmitting, of receiving)."""
        return _state(self.transmit_errors), _state(self.receive_errors)

    def sent(self) -> None:
        """A frame went out and was acknowledged: rule 7."""
        self._needs_bus()
        self.transmit_errors = max(self.transmit_errors - 1, 0)

    def received(self) -> None:
        """A frame came whole: rule 8."""
        self._needs_bus()
        self.receive_errors = _BACK_TO if self.receive_errors > _BACK_TO else max(self.receive_errors - 1, 0)

    def send_failed(self) -> None:
        """A frame of ours was destroyed: rules 3 and 11."""
        self._needs_bus()
        self.transmit_errors += _SENDER_STEP
        if self.transmit_errors >= OFF_FROM:
            self._is_off = True
            self.bus_offs += 1

    def receive_failed(self) -> None:
        """A frame of another node was destroyed: rule 1. Controllers keep eight bits, and stay at the last of them."""
        self._needs_bus()
        self.receive_errors = min(self.receive_errors + 1, OFF_FROM - 1)

    def recovered(self) -> None:
        """RECOVERY_BITS have been seen: rule 12. Raises ValueError on the bus."""
        if not self._is_off:
            raise ValueError("a controller that is on the bus has nothing to recover from")
        self._is_off = False
        self.transmit_errors = self.receive_errors = 0

    def _needs_bus(self) -> None:
        if self._is_off:
            raise ValueError("a controller that is off the bus neither sends nor receives")


def _state(errors: int) -> State:
    if errors >= PASSIVE_FROM:
        return State.PASSIVE
    return State.WARNING if errors >= WARNING_FROM else State.ACTIVE
