"""Ageing: what cell blocks lose of their capacity while they wait and work, and what that does to resistance.

Calendar loss goes with the root of time (growth of the SEI; Pinson and Bazant, J. Electrochem. Soc. 160, A243, 2013),
faster when warm and when full; its square is what is added up, so a jump over years and a million steps give the same.
Loss by use goes with throughput. Knees, plating in the cold and swelling are not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from packseal_hil.plant.parameters import Ageing
from packseal_hil.readings import Floats

YEAR_S = 365.25 * 86400
REFERENCE_K = 298.15
MOST_LOSS = 0.6  # of capacity: beyond, no table says what a cell does


@dataclass(frozen=True, slots=True)
class AgeingProfile:
    """How years are spent. cycles_per_year: of the whole capacity. c_rate: of charges and discharges."""

    temperature_c: float
    soc: float
    cycles_per_year: float
    c_rate: float


PROFILES = {
    "vehicle": AgeingProfile(22.0, 0.65, 60.0, 0.3),
    "taxi": AgeingProfile(28.0, 0.60, 280.0, 0.5),
    "home-storage": AgeingProfile(20.0, 0.50, 250.0, 0.25),
    "frequency-service": AgeingProfile(25.0, 0.50, 350.0, 0.5),
    "shelf": AgeingProfile(20.0, 0.40, 0.0, 0.1),
    "hot-shelf": AgeingProfile(40.0, 0.90, 0.0, 0.1),
}


class Wear:
    """loss: part of the new capacity that is gone, of each block; pace: how fast each ages, 1 on average."""

    def __init__(self, ageing: Ageing, pace: Floats, loss: float) -> None:
        self._ageing, self._pace = ageing, pace
        self._calendar_square = np.square(0.5 * loss * pace)
        self._by_cycles = 0.5 * loss * pace

    @property
    def loss(self) -> Floats:
        return np.asarray(np.minimum(np.sqrt(self._calendar_square) + self._by_cycles, MOST_LOSS))

    @property
    def resistance_factor(self) -> Floats:
        return np.asarray(1 + self._ageing.resistance_per_loss * self.loss)

    def pass_time(
        self, seconds: float, soc: Floats | float, temperature_c: Floats | float, cycles: Floats | float
    ) -> None:
        """cycles: equivalent full ones within this time."""
        a = self._ageing
        warm = np.exp(a.calendar_activation_k * (1 / REFERENCE_K - 1 / (np.asarray(temperature_c) + 273.15)))
        full = a.calendar_empty + 2 * (1 - a.calendar_empty) * np.clip(soc, 0, 1)
        yearly = a.calendar_per_root_year * self._pace * warm * full
        self._calendar_square = self._calendar_square + np.square(yearly) * (seconds / YEAR_S)
        self._by_cycles = self._by_cycles + a.per_cycle * self._pace * cycles
