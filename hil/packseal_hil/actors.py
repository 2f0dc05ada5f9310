"""Where each fault acts on this bench: one place for each kind, and the reason where there is none.

A place begins and ends a fault; when it does so is the script's part. Kinds of a bus have their place only where the
pack's BMS is on one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from packseal_hil.bms.serial_bms import JbdOnPort
from packseal_hil.plant.pack import PLANT_FAULTS, Plant
from packseal_hil.protocols import BenchError, CellSimulator
from packseal_hil.readings import Fault, FaultKind
from packseal_hil.services import BenchGateway
from packseal_hil.targets.target import Target

SERVICE_FAULTS = frozenset({FaultKind.GATEWAY_LOSS, FaultKind.CLOCK_JUMP})


class Place(Protocol):
    """Both raise BenchError or ValueError for what this place cannot do."""

    def begin(self, fault: Fault) -> None: ...
    def end(self, fault: Fault) -> None: ...


class ServicePlace:
    """GATEWAY_LOSS, CLOCK_JUMP."""

    def __init__(self, gateway: BenchGateway) -> None:
        self._gateway = gateway

    def begin(self, fault: Fault) -> None:
        if fault.kind is FaultKind.GATEWAY_LOSS:
            self._gateway.stop()
        else:
            self._gateway.jump(fault.amount)

    def end(self, fault: Fault) -> None:
        if fault.kind is FaultKind.GATEWAY_LOSS:
            self._gateway.start()
        else:
            self._gateway.jump(-fault.amount)


class TargetPlace:
    """POWER_CUT: with an amount at that byte of the flash, else at once."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def begin(self, fault: Fault) -> None:
        self._target.cut_power(int(fault.amount) if fault.amount else None)

    def end(self, _fault: Fault) -> None:
        self._target.power_on()


class GarbagePlace:
    """UART_GARBAGE, between a BMS on a serial line and the board."""

    def __init__(self, bms: JbdOnPort) -> None:
        self._bms = bms

    def begin(self, fault: Fault) -> None:
        self._bms.noise.garbled_permil = fault.amount

    def end(self, _fault: Fault) -> None:
        self._bms.noise.garbled_permil = 0.0


class ResetPlace:
    """BMS_RESET: what it counts itself begins again, and what the plant says that it claims."""

    def __init__(self, plant: Plant, bms: CellSimulator | None) -> None:
        self._plant, self._bms = plant, bms

    def begin(self, fault: Fault) -> None:
        self._plant.begin(fault)
        if isinstance(self._bms, JbdOnPort):
            self._bms.reset()

    def end(self, fault: Fault) -> None:
        self._plant.end(fault)


def places_of(plant: Plant, bms: CellSimulator | None, target: Target, gateway: BenchGateway) -> dict[FaultKind, Place]:
    """For every kind that this bench can have."""
    places: dict[FaultKind, Place] = dict.fromkeys(PLANT_FAULTS, plant)
    places |= dict.fromkeys(SERVICE_FAULTS, ServicePlace(gateway))
    places[FaultKind.POWER_CUT] = TargetPlace(target)
    places[FaultKind.BMS_RESET] = ResetPlace(plant, bms)
    if isinstance(bms, JbdOnPort):
        places[FaultKind.UART_GARBAGE] = GarbagePlace(bms)
    return places


class FaultsOfRun:
    """The faults of one run, each begun once and ended once where it has an end, in the order of their times."""

    def __init__(
        self, faults: Sequence[Fault], places: Mapping[FaultKind, Place], note: Callable[[Fault, bool], None]
    ) -> None:
        """note(fault, is_begin): called after each. Raises BenchError for a fault that has no place on this bench."""
        for fault in faults:
            if fault.kind not in places:
                raise BenchError(f"{fault.kind.value} cannot happen on this bench; it has {', '.join(sorted(places))}")
        begins = [(fault.at_s, 1, at, fault) for at, fault in enumerate(faults)]
        ends = [(fault.at_s + fault.for_s, 0, at, fault) for at, fault in enumerate(faults) if fault.for_s > 0]
        self._due = sorted(begins + ends, key=lambda due: due[:3])
        self._places, self._note = places, note

    def apply(self, now_s: float) -> None:
        """What is due by this second of the run. Raises BenchError for what its place refuses."""
        while self._due and self._due[0][0] <= now_s:
            _, is_begin, _, fault = self._due.pop(0)
            place = self._places[fault.kind]
            try:
                (place.begin if is_begin else place.end)(fault)
            except ValueError as error:
                raise BenchError(f"{fault.kind.value}: {error}") from None
            self._note(fault, bool(is_begin))
