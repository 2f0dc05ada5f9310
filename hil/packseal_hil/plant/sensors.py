"""What the pack's electronics show of it: sensors with noise and offsets, their faults, and what a BMS claims.

The claims are those of a plain BMS: charge by counting what its current sensor says, set right at either end; health
from a count of cycles, never measured. So they drift from the truth as claims do, which is what the product looks for.
"""

from __future__ import annotations

import numpy as np

from packseal_hil.plant.parameters import PackParameters
from packseal_hil.readings import Floats, Integers

FULL_CPCT = 10_000
CLAIMED_LOSS_CPCT = 1.0  # a cycle: 80 % after two thousand
NEAR_V = 0.01  # of a limit of voltage, where a BMS calls the pack full or empty
LEAST_CLAIM_CPCT = 5_000
CURRENT, TEMPERATURE = "current", "temperature"


class Sensors:
    """Channels: the cell blocks in mV, current in mA, temperatures in 0.1 °C."""

    def __init__(self, parameters: PackParameters, shape: tuple[int, int], random: np.random.Generator) -> None:
        self._p, self._random = parameters, random
        self.cell_blocks = shape[0] * shape[1]
        self._sensed = np.arange(0, self.cell_blocks, parameters.blocks_per_sensor)
        count = self.cell_blocks + 1 + len(self._sensed)
        self._offset, self._noise = np.zeros(count), np.zeros(count)
        self._offset[: self.cell_blocks] = parameters.sensor_offset_mv * random.standard_normal(self.cell_blocks)
        self._offset[self.cell_blocks] = parameters.current_offset_ma * random.standard_normal()
        self._noise[: self.cell_blocks] = parameters.sensor_noise_mv
        self._noise[self.cell_blocks] = parameters.current_noise_ma
        self._stuck: dict[int, int] = {}
        self._drifts: dict[int, tuple[float, float]] = {}  # per hour, from which hour on
        self._shown = np.zeros(count, np.int64)

    def measured_a(self, hour: float, pack_current_a: float) -> float:
        """What the BMS counts: the current sensor's mean, with its faults and without its noise."""
        if self.cell_blocks in self._stuck:
            return self._stuck[self.cell_blocks] / 1e3
        per_hour, since = self._drifts.get(self.cell_blocks, (0.0, hour))
        return pack_current_a + (float(self._offset[self.cell_blocks]) + per_hour * (hour - since)) / 1e3

    def channel(self, where: str) -> int:
        """Of "17" (a cell block), "current" or "temperature 2". Raises ValueError where there is none."""
        name, _, number = where.rpartition(" ") if where != CURRENT else (CURRENT, "", "0")
        if not number.isascii() or not number.isdigit() or name not in {"", CURRENT, TEMPERATURE}:
            raise ValueError(f'"{where}" is no sensor: give a cell block, "current" or "temperature N"')
        first, count = {
            "": (0, self.cell_blocks),
            CURRENT: (self.cell_blocks, 1),
            TEMPERATURE: (self.cell_blocks + 1, len(self._sensed)),
        }[name]
        if int(number) >= count:
            raise ValueError(f'there is no sensor "{where}": the pack has {count}, counted from 0')
        return first + int(number)

    def show(self, hour: float, volts: Floats, pack_current_a: float, temperature_c: Floats) -> tuple[Integers, ...]:
        """(cell_mv, [current_ma], temperature_ddegc)."""
        true = np.concatenate([1e3 * volts, [1e3 * pack_current_a], 10 * temperature_c[self._sensed]])
        with_noise = true + self._offset + self._noise * self._random.standard_normal(len(true))
        for channel, (per_hour, since) in self._drifts.items():
            with_noise[channel] += per_hour * (hour - since)
        shown = np.rint(with_noise).astype(np.int64)
        for channel, value in self._stuck.items():
            shown[channel] = value
        self._shown = shown
        return shown[: self.cell_blocks], shown[self.cell_blocks : self.cell_blocks + 1], shown[self.cell_blocks + 1 :]

    def stick(self, where: str) -> None:
        """At what it showed last."""
        channel = self.channel(where)
        self._stuck[channel] = int(self._shown[channel])

    def drift(self, where: str, per_hour: float, hour: float) -> None:
        self._drifts[self.channel(where)] = (per_hour, hour)

    def mend(self, where: str) -> None:
        """Of sticking and of drifting."""
        channel = self.channel(where)
        self._stuck.pop(channel, None)
        self._drifts.pop(channel, None)


class Claims:
    """soc and health as the BMS reports them, in 0.01 %."""

    def __init__(self, rated_ah: float, limits_v: Floats, soc: float, cycles: float) -> None:
        """rated_ah: of the pack. cycles: full equivalent ones that it has counted."""
        self._rated_ah = rated_ah
        self._empty_v, self._full_v = float(limits_v[0]) + NEAR_V, float(limits_v[1]) - NEAR_V
        self._soc, self._cycles = soc, cycles

    @property
    def soc_cpct(self) -> int:
        return round(FULL_CPCT * min(max(self._soc, 0.0), 1.0))

    @property
    def soh_cpct(self) -> int:
        return max(LEAST_CLAIM_CPCT, round(FULL_CPCT - CLAIMED_LOSS_CPCT * self._cycles))

    def count(self, step_h: float, measured_a: float, least_v: float, most_v: float) -> None:
        """least_v, most_v: of all blocks."""
        moved = measured_a * step_h / self._rated_ah
        self._soc = 1.0 if most_v >= self._full_v else 0.0 if least_v <= self._empty_v else self._soc + moved
        self._soc = min(max(self._soc, 0.0), 1.0)
        self._cycles += abs(moved) / 2

    def add_cycles(self, cycles: float) -> None:
        self._cycles += cycles

    def reset(self) -> None:
        """Charge is kept in another memory, on real ones too: what begins again is the count of cycles."""
        self._cycles = 0.0
