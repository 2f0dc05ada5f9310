"""What passes between the parts of the bench: what a pack shows at one moment, and what is wrong with it by a script.

Integers in the units of the firmware; current is positive when it charges; cell blocks in the order string, module,
block. Truth is what the plant knows and no sensor says: it stands beside a reading for who compares, and reaches no
board.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PackReading:
    """cell_mv: [cell blocks over all strings]. temperature_ddegc: [sensors]. pack_ms: since the pack's own beginning.
    open_wires: cell blocks whose sense wire shows nothing."""

    pack_ms: int
    cell_mv: Integers
    pack_current_ma: int
    temperature_ddegc: Integers
    soc_reported_cpct: int
    soh_reported_cpct: int
    is_contactor_closed: bool = True
    open_wires: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Truth:
    """Of the same moment. capacity_ah, soc: [cell blocks]; resistance_ohm: [cell blocks], at 25 °C and half charge."""

    pack_ms: int
    capacity_ah: Floats
    soc: Floats
    resistance_ohm: Floats
    temperature_c: Floats
    energy_charged_wh: float
    energy_discharged_wh: float
    charge_charged_ah: float
    charge_discharged_ah: float

    @property
    def soh_capacity(self) -> float:
        """Of the weakest series position, 1 when new, where the plant was told the rated capacity as 1."""
        return float(self.capacity_ah.min())


class FaultKind(StrEnum):
    OPEN_WIRE = "open-wire"  # `where`: cell block
    STUCK_SENSOR = "stuck-sensor"  # `where`: cell block, "current" or "temperature N"
    DRIFTING_SENSOR = "drifting-sensor"  # `amount`: mV, mA or 0.1 °C an hour
    OVER_TEMPERATURE = "over-temperature"  # `amount`: °C above what it would be
    SHORT = "short"  # `where`: cell block; `amount`: ohm
    DEEP_DISCHARGE = "deep-discharge"
    CONTACTOR_TRIP = "contactor-trip"
    BUS_OFF = "bus-off"
    ERROR_FRAMES = "error-frames"  # `amount`: of a hundred frames
    BABBLING_NODE = "babbling-node"  # `amount`: frames a second
    WRONG_DBC = "wrong-dbc"  # `where`: which version the bus speaks from then on
    UART_GARBAGE = "uart-garbage"  # `amount`: of a thousand bytes
    POWER_CUT = "power-cut"  # `amount`: at this byte written to the flash, counted from then on; 0: at once
    CLOCK_JUMP = "clock-jump"  # `amount`: seconds, of the gateway's wall clock
    GATEWAY_LOSS = "gateway-loss"
    BMS_RESET = "bms-reset"  # its counters begin again, its claimed health is 100 %
    PACK_SWAP = "pack-swap"  # `amount`: capacity of the other pack, in percent of rated


@dataclass(frozen=True, slots=True)
class Fault:
    """at_s, for_s: seconds of the pack's time from the beginning of the run; for_s 0: for good."""

    at_s: float
    kind: FaultKind
    where: str = ""
    amount: float = 0.0
    for_s: float = 0.0
