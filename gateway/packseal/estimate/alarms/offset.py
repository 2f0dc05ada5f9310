"""Whether the current sensor's zero drifts.

Between two rests at nearly the same voltage the charge in and out of a pack has to close; what does not close, over the
time between, is the offset of the sensor. A rest of hours is a pair by itself: current that shows while the voltages
stand. Charge per millivolt, from the pack's own charges, tells what a difference of voltages is worth; where the curve
is flat that is much, and the pair says little. A load that is real but unseen is in every pair alike: only what changes
against the first weeks counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from packseal.estimate.incremental import Slope
from packseal.estimate.readings import MS_PER_H
from packseal.estimate.rests import Rest
from packseal.estimate.robust import level

LEAST_MS, MOST_MS = 5 * MS_PER_H, 96 * MS_PER_H
MOST_APART_MV = 25.0
REST_ERROR_MV = 1.2  # of a rest's mean voltage: relaxation that is left
KELVIN_ERROR_MV = 0.15  # by kelvin between the two: entropy moves open-circuit voltages by 0.1 to 0.4 mV each
LOSS = 0.003  # of the charge moved: coulombic efficiency, and a gain that differs between charge and discharge
MOST_ERROR_RATE = 1 / 4000  # pairs with more than rated_capacity / 4000 h are not used
LEAST_RATE = 1 / 1500  # rated_capacity / 1500 h: 1.6 % of charge a day; drifts of good sensors are a tenth of it
TIMES_SCATTER = 5.0
TO_LEARN, HELD_RESTS, HELD_OFFSETS, IN_A_ROW = 8, 24, 16, 3


@dataclass(frozen=True, slots=True)
class Pair:
    """offset_rate: of rated capacity per hour, positive when the sensor shows charge that did not flow."""

    first_seq: int
    last_seq: int
    uptime_ms: int
    hours: float
    offset_rate: float
    error_rate: float


@dataclass(slots=True)
class SensorOffset:
    rated_mah: float
    rests: list[Rest] = field(default_factory=list)
    usual: list[float] = field(default_factory=list)
    odd: list[Pair] = field(default_factory=list)

    def add(self, rest: Rest, slope: Slope | None) -> list[Pair]:
        """The pairs that show a drift, once there are enough of them in a row."""
        pair = self._best_pair(rest, slope) if slope else None
        self.rests = [*[held for held in self.rests if held.line == rest.line][1 - HELD_RESTS :], rest]
        if pair is None:
            return []
        if len(self.usual) < TO_LEARN:
            self.usual.append(pair.offset_rate)
            return []
        middle, scatter = level(self.usual)
        limit = max(LEAST_RATE, TIMES_SCATTER * scatter, 3 * pair.error_rate)
        if abs(pair.offset_rate - middle) <= limit:
            self.usual = [*self.usual, pair.offset_rate][-HELD_OFFSETS:]
            self.odd = []
            return []
        if self.odd and (self.odd[-1].offset_rate > middle) != (pair.offset_rate > middle):
            self.odd = []
        self.odd = [*self.odd, pair][-4:]
        return list(self.odd) if len(self.odd) >= IN_A_ROW else []

    def usual_rate(self) -> float:
        return level(self.usual)[0]

    def _best_pair(self, rest: Rest, slope: Slope) -> Pair | None:
        pairs = [self._pair(held, rest, slope) for held in self.rests if held.line == rest.line]
        good = [pair for pair in pairs if pair and pair.error_rate <= MOST_ERROR_RATE]
        return min(good, key=lambda pair: pair.error_rate, default=None)

    def _pair(self, before: Rest, after: Rest, slope: Slope) -> Pair | None:
        rise_mv = float(np.nanmean(after.cells - before.cells))  # blocks that both have
        time_ms = after.uptime_ms - before.uptime_ms
        if not (LEAST_MS <= time_ms <= MOST_MS and abs(rise_mv) <= MOST_APART_MV):
            return None
        hours = time_ms / MS_PER_H
        kelvin = abs(after.celsius - before.celsius)
        kelvin = 5.0 if np.isnan(kelvin) else kelvin
        volts_mah = slope.most * np.hypot(REST_ERROR_MV * np.sqrt(2), KELVIN_ERROR_MV * kelvin)
        moved_mah = after.throughput_mah - before.throughput_mah
        error_mah = np.sqrt(volts_mah**2 + ((slope.most - slope.least) / 2 * rise_mv) ** 2 + (LOSS * moved_mah) ** 2)
        open_mah = after.charge_mah - before.charge_mah - slope.mah_per_mv * rise_mv
        per_hour = 1 / (hours * self.rated_mah)
        return Pair(before.seq, after.seq, after.uptime_ms, hours, open_mah * per_hour, float(error_mah) * per_hour)
