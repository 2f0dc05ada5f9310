"""A pack: N strings in parallel of M cell blocks in series, with its sensors, its contactor and what can go wrong.

Time passes only by step() and age(). What goes wrong within a pack acts here (PLANT_FAULTS); what goes wrong on buses,
boards and gateways acts elsewhere. The pack keeps its limits by itself, as a charger and a BMS do: asked for more, it
gives or takes what its weakest block can.
"""

from __future__ import annotations

import math

import numpy as np

from packseal_hil.plant.blocks import Blocks
from packseal_hil.plant.circuit import Demand
from packseal_hil.plant.parameters import PackParameters, tables_of
from packseal_hil.plant.sensors import Claims, Sensors
from packseal_hil.plant.wear import PROFILES, YEAR_S, AgeingProfile
from packseal_hil.readings import Fault, FaultKind, PackReading, Truth

LONGEST_STEP_S = 10.0  # the fastest time constants are seconds; longer steps of a duty are divided
DEEP_V = 0.3  # to which a deep discharge lets a block fall: no BMS holds it any more
LEAST_SHORT_OHM = 1e-4

PLANT_FAULTS = frozenset(
    {
        FaultKind.OPEN_WIRE,
        FaultKind.STUCK_SENSOR,
        FaultKind.DRIFTING_SENSOR,
        FaultKind.OVER_TEMPERATURE,
        FaultKind.SHORT,
        FaultKind.DEEP_DISCHARGE,
        FaultKind.CONTACTOR_TRIP,
        FaultKind.BMS_RESET,
        FaultKind.PACK_SWAP,
    }
)


class Plant:
    """Current and power are positive when they charge. The same seed gives the same pack and the same noise."""

    def __init__(
        self,
        parameters: PackParameters,
        series_blocks: int,
        strings: int = 1,
        *,
        seed: int = 0,
        soc: float = 0.6,
        loss: float = 0.0,
    ) -> None:
        """soc, loss (part of the capacity that is gone): of the average block. Raises ValueError for a pack that
        cannot be."""
        if series_blocks < 1 or strings < 1:
            raise ValueError("a pack has at least one string of one cell block")
        if not (0 <= soc <= 1 and 0 <= loss < 0.5):
            raise ValueError("soc is between 0 and 1, loss from 0 to below 0.5")
        self.parameters, self.shape = parameters, (strings, series_blocks)
        self.rated_capacity_ah = parameters.block_capacity_ah * strings
        nominal_v = float(np.interp(0.5, tables_of(parameters.cell_type).soc, tables_of(parameters.cell_type).ocv_v[0]))
        self.rated_energy_wh = self.rated_capacity_ah * series_blocks * nominal_v
        self._random = np.random.default_rng(seed)
        self._blocks = Blocks(parameters, self.shape, self._random, soc, loss)
        self._sensors = Sensors(parameters, self.shape, self._random)
        cycles = loss / parameters.ageing.per_cycle / 2
        self._claims = Claims(self.rated_capacity_ah, self._blocks.limits_v, soc, cycles)
        self._own: Blocks | None = None  # while another pack is in its place
        self._time_s, self._pack_a = 0.0, 0.0
        self._charged = [0.0, 0.0]  # Ah, Wh
        self._discharged = [0.0, 0.0]
        self._open_wires: frozenset[int] = frozenset()
        self._is_contactor_closed = True

    @property
    def cell_blocks(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def pack_s(self) -> float:
        return self._time_s

    @property
    def voltage_v(self) -> float:
        """At the terminals, as no sensor says it."""
        return self._blocks.pack_voltage_v()

    def step(
        self, duration_s: float, current_a: float = 0.0, power_w: float | None = None, ambient_c: float = 25.0
    ) -> None:
        """Asks for a current, or for a power where one is given, over this time. Raises ValueError for a time that does
        not go on, and for numbers that are none."""
        if not (duration_s > 0 and math.isfinite(duration_s + current_a + (power_w or 0.0) + ambient_c)):
            raise ValueError("a step takes more than 0 s, and all its numbers are finite")
        demand = Demand(current_a, power_w) if self._is_contactor_closed else None
        parts = math.ceil(duration_s / LONGEST_STEP_S)
        for _ in range(parts):
            self._advance(duration_s / parts, demand, ambient_c)

    def reading(self) -> PackReading:
        """What its electronics show now; each reading has noise of its own."""
        hour = self._time_s / 3600
        cell_mv, current_ma, temperature_ddegc = self._sensors.show(
            hour, self._blocks.voltage_v, self._pack_a, self._blocks.temperature_c
        )
        return PackReading(
            round(1e3 * self._time_s),
            cell_mv,
            int(current_ma[0]),
            temperature_ddegc,
            self._claims.soc_cpct,
            self._claims.soh_cpct,
            self._is_contactor_closed,
            self._open_wires,
        )

    def truth(self) -> Truth:
        return Truth(
            round(1e3 * self._time_s),
            self._blocks.capacity_ah.copy(),
            self._blocks.soc.copy(),
            self._blocks.reference_ohm(),
            self._blocks.temperature_c,
            self._charged[1],
            self._discharged[1],
            self._charged[0],
            self._discharged[0],
        )

    def age(self, years: float, profile: str | AgeingProfile) -> None:
        """Years at once, by a profile or the name of one (wear.PROFILES); afterwards the pack rests at the charge it
        had. Throughput of those years is counted. Raises ValueError for an unknown name and for years below 0."""
        if not (years >= 0 and math.isfinite(years)):
            raise ValueError("a pack ages by 0 years or more")
        if isinstance(profile, str) and profile not in PROFILES:
            raise ValueError(f'"{profile}" is no profile of ageing; there are {", ".join(PROFILES)}')
        how = PROFILES[profile] if isinstance(profile, str) else profile
        before_ah = self._blocks.capacity_ah.mean()
        self._blocks.live(years * YEAR_S, how, how.temperature_c)
        moved_ah = how.cycles_per_year * years * self.shape[0] * (before_ah + self._blocks.capacity_ah.mean()) / 2
        lost_v = how.c_rate * self.parameters.block_capacity_ah * float(self._blocks.reference_ohm().mean())
        middle_v = self.rated_energy_wh / self.rated_capacity_ah
        lost_v *= self.shape[1]
        self._book(moved_ah, moved_ah * (middle_v + lost_v))
        self._book(-moved_ah, -moved_ah * (middle_v - lost_v))
        self._claims.add_cycles(how.cycles_per_year * years)
        self._time_s += years * YEAR_S
        self._pack_a = 0.0

    def begin(self, fault: Fault) -> None:
        """From now on. Raises ValueError for a fault that does not act within a pack, and for a place it has not."""
        self._set(fault, True)

    def end(self, fault: Fault) -> None:
        """What was begun, no more; what it has done stays: a discharged block is not charged by it."""
        self._set(fault, False)

    def _advance(self, step_s: float, demand: Demand | None, ambient_c: float) -> None:
        energy_wh = self._blocks.advance(step_s, demand, ambient_c)
        self._pack_a = float(self._blocks.string_a.sum())
        self._time_s += step_s
        self._book(self._pack_a * step_s / 3600, energy_wh)
        volts = self._blocks.voltage_v
        measured_a = self._sensors.measured_a(self._time_s / 3600, self._pack_a)
        self._claims.count(step_s / 3600, measured_a, float(volts.min()), float(volts.max()))

    def _book(self, charge_ah: float, energy_wh: float) -> None:
        """By the sign of the charge: what a step at rest is short of is a leak, and passes no terminal."""
        if charge_ah > 0:
            self._charged[0] += charge_ah
            self._charged[1] += energy_wh
        elif charge_ah < 0:
            self._discharged[0] -= charge_ah
            self._discharged[1] -= energy_wh

    def _set(self, fault: Fault, is_on: bool) -> None:
        match fault.kind:
            case FaultKind.OPEN_WIRE:
                wires = {self._block(fault.where)}
                self._open_wires = self._open_wires | wires if is_on else self._open_wires - wires
            case FaultKind.STUCK_SENSOR | FaultKind.DRIFTING_SENSOR:
                self._set_sensor(fault, is_on)
            case FaultKind.OVER_TEMPERATURE:
                at = self._block(fault.where) if fault.where else slice(None)
                self._blocks.hotter_c[at] = fault.amount if is_on else 0.0
            case FaultKind.SHORT:
                siemens = 1 / max(fault.amount, LEAST_SHORT_OHM)
                self._blocks.extra_leak_s[self._block(fault.where)] = siemens if is_on else 0.0
            case FaultKind.DEEP_DISCHARGE:
                v_min = tables_of(self.parameters.cell_type).v_min
                self._blocks.limits_v = np.array([DEEP_V if is_on else v_min, self._blocks.limits_v[1]])
            case FaultKind.CONTACTOR_TRIP:
                self._is_contactor_closed = not is_on
            case FaultKind.BMS_RESET:
                if is_on:
                    self._claims.reset()
            case FaultKind.PACK_SWAP:
                self._swap(fault.amount, is_on)
            case _:
                raise ValueError(f"{fault.kind} does not act within a pack")

    def _set_sensor(self, fault: Fault, is_on: bool) -> None:
        if not is_on:
            self._sensors.mend(fault.where)
        elif fault.kind is FaultKind.STUCK_SENSOR:
            self._sensors.stick(fault.where)
        else:
            self._sensors.drift(fault.where, fault.amount, self._time_s / 3600)

    def _swap(self, capacity_pct: float, is_on: bool) -> None:
        """Another pack in the same case, with this part of the rated capacity, at the charge of the one it replaces."""
        if not is_on:
            self._blocks, self._own = self._own or self._blocks, None
            return
        if not 50 < capacity_pct <= 100:
            raise ValueError("the other pack has above 50 and at most 100 percent of the rated capacity")
        soc = float(np.clip(self._blocks.soc.mean(), 0, 1))
        self._own = self._own or self._blocks
        self._blocks = Blocks(self.parameters, self.shape, self._random, soc, 1 - capacity_pct / 100)

    def _block(self, where: str) -> int:
        if not (where.isascii() and where.isdigit() and int(where) < self.cell_blocks):
            raise ValueError(f'"{where}" is no cell block: the pack has {self.cell_blocks}, counted from 0')
        return int(where)
