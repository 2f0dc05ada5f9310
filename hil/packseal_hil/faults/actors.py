"""Who makes faults happen, one for each place of a bench. Each turns a fault into calls of the thing that is there.

The plant is its own (`Plant.begin`, `Plant.end`). What a thing cannot do it refuses with one of our errors, or with
ValueError for a place that it has not, and has then done nothing; the injector tells.
"""

from __future__ import annotations

from typing import Protocol

from packseal_hil.protocols import BenchError
from packseal_hil.readings import Fault, FaultKind


class Actor(Protocol):
    """begin is called once for a fault, end once for one that lasts and has begun."""

    def begin(self, fault: Fault) -> None: ...
    def end(self, fault: Fault) -> None: ...


class Forgetful(Protocol):
    """An emulated BMS."""

    def reset(self) -> None: ...


class Speaker(Protocol):
    """A BMS that can be updated to another version of its DBC."""

    def speak(self, dialect: str) -> None: ...


class Garbled(Protocol):
    """A line's noise."""

    garbled_permil: float


class BmsFaults:
    """bms: any emulated BMS. can: where it is on a CAN bus, with the dialect that it speaks when all is well. noise: of
    its line, where that is serial."""

    def __init__(
        self, bms: Forgetful, *, can: Speaker | None = None, dialect: str = "", noise: Garbled | None = None
    ) -> None:
        self._bms, self._can, self._dialect, self._noise = bms, can, dialect, noise

    def begin(self, fault: Fault) -> None:
        match fault.kind:
            case FaultKind.BMS_RESET:
                self._bms.reset()
            case FaultKind.WRONG_DBC:
                self._speak(fault.where)
            case FaultKind.UART_GARBAGE:
                self._garble(fault.amount)
            case _:
                raise _not_here(fault, "BMS")

    def end(self, fault: Fault) -> None:
        match fault.kind:
            case FaultKind.WRONG_DBC:
                self._speak(self._dialect)
            case FaultKind.UART_GARBAGE:
                self._garble(0)
            case _:
                raise _not_here(fault, "BMS")

    def _speak(self, dialect: str) -> None:
        if self._can is None:
            raise BenchError("this BMS is on no CAN bus and has no DBC; take the CAN BMS")
        self._can.speak(dialect)

    def _garble(self, permil: float) -> None:
        if self._noise is None:
            raise BenchError("the line to this BMS is not serial, or not ours to garble; take the JBD")
        self._noise.garbled_permil = permil


class Troubled(Protocol):
    """A bus whose trouble can be had (buses/faulty_bus.py)."""

    def short(self, is_shorted: bool) -> None: ...
    def disturb(self, errors_percent: float) -> None: ...
    def babble(self, frames_per_s: float) -> None: ...


class BusFaults:
    def __init__(self, bus: Troubled) -> None:
        self._bus = bus

    def begin(self, fault: Fault) -> None:
        self._set(fault, fault.amount, is_on=True)

    def end(self, fault: Fault) -> None:
        self._set(fault, 0.0, is_on=False)

    def _set(self, fault: Fault, amount: float, *, is_on: bool) -> None:
        match fault.kind:
            case FaultKind.BUS_OFF:
                self._bus.short(is_on)
            case FaultKind.ERROR_FRAMES:
                self._bus.disturb(amount)
            case FaultKind.BABBLING_NODE:
                self._bus.babble(amount)
            case _:
                raise _not_here(fault, "bus")


class Powered(Protocol):
    """A target's supply."""

    def cut_power(self, at_flash_byte: int | None = None) -> None: ...
    def power_on(self) -> None: ...
    def is_on(self) -> bool: ...


class TargetFaults:
    def __init__(self, target: Powered) -> None:
        self._target = target

    def begin(self, fault: Fault) -> None:
        if fault.kind is not FaultKind.POWER_CUT:
            raise _not_here(fault, "target")
        self._target.cut_power(int(fault.amount) or None)

    def end(self, fault: Fault) -> None:
        """The power comes back. Where the byte had not been written it goes at once and comes back, and BenchError
        says so: the board has had its cut, at another byte than was asked for."""
        if fault.kind is not FaultKind.POWER_CUT:
            raise _not_here(fault, "target")
        has_missed = self._target.is_on()
        if has_missed:
            self._target.cut_power()
        self._target.power_on()
        if has_missed:
            raise BenchError(
                f"the target had not written {fault.amount:.0f} bytes in {fault.for_s:g} s: cut at once instead; "
                "give the fault more time or fewer bytes"
            )


class Clocked(Protocol):
    """A gateway that can be lost, with a wall clock that can be wrong."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def jump(self, seconds: float) -> None: ...


class GatewayFaults:
    """A clock that jumped jumps back when the fault ends, as one does that NTP sets right."""

    def __init__(self, gateway: Clocked) -> None:
        self._gateway = gateway

    def begin(self, fault: Fault) -> None:
        match fault.kind:
            case FaultKind.GATEWAY_LOSS:
                self._gateway.stop()
            case FaultKind.CLOCK_JUMP:
                self._gateway.jump(fault.amount)
            case _:
                raise _not_here(fault, "gateway")

    def end(self, fault: Fault) -> None:
        match fault.kind:
            case FaultKind.GATEWAY_LOSS:
                self._gateway.start()
            case FaultKind.CLOCK_JUMP:
                self._gateway.jump(-fault.amount)
            case _:
                raise _not_here(fault, "gateway")


def _not_here(fault: Fault, place: str) -> ValueError:
    return ValueError(f"{fault.kind} does not act on a {place}")
