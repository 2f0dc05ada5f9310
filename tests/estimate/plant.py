"""Simulated packs: cells of two electrodes behind a resistance and two RC pairs, warm and cold, ageing, each its own.

All packs of a fleet are stepped at once, window by window, so that years take seconds. What the estimator is not told:
its curves are bent by some millivolt per pack, electrodes differ from cell to cell, resistance rises with age and cold,
the middle of the pack is warmer than its ends and one stack warmer than the other, meters have offset, gain and noise.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from packseal.estimate import Chemistry

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

TAU_1_S, TAU_2_S = 40.0, 900.0
CELL_OHM_PER_AH = 0.045  # of a block of 1 Ah at 25 °C and half charge, ohmic and first RC pair together; rest is slow
ARRHENIUS_K = 2_600.0
NOISE_MV = 1.0
PLATING_MV = -20.0  # of a full negative electrode against lithium: more goes onto it as metal, it falls no further


@dataclass(frozen=True)
class Spread:
    """Standard deviations between the blocks of a pack, in parts."""

    capacity: float = 0.008
    resistance: float = 0.03
    balance: float = 0.004  # of the charge that a block holds
    ageing: float = 0.1
    meter_mv: float = 2.0


@dataclass
class Fleet:
    """P packs of one chemistry; arrays over all N blocks, `pack` [N] telling whose each is."""

    chemistry: Chemistry
    pack: I64
    rated_ah: F64  # [P]
    negative_ah: F64
    positive_ah: F64
    lithium_ah: F64
    inside_ah: F64  # lithium in the negative electrode
    ohm: F64
    slow_ohm: F64
    bend_mv: F64  # [N, 2]: of the curve, by pack
    meter_mv: F64
    leak_ma: F64
    place: F64  # 0 to 1 in the pack
    ageing: F64  # factor of each block
    celsius: F64  # [P]
    lithium_loss_per_day: F64  # [P], of rated capacity
    material_loss_per_day: F64
    gain: F64
    offset_ma: F64
    fast_v: F64 = field(default_factory=lambda: np.zeros(0))
    slow_v: F64 = field(default_factory=lambda: np.zeros(0))
    warmth: F64 = field(default_factory=lambda: np.zeros(0))  # [P] kelvin above the ambient
    bleeds: bool = True
    last_mv: F64 = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        if not self.fast_v.size:
            self.fast_v, self.slow_v = np.zeros((2, self.pack.size))
            self.warmth = np.zeros(self.rated_ah.size)
        half = self.chemistry.half_cells
        assert half is not None
        self._tables = tuple(
            np.array(table, np.float64) * scale
            for table, scale in zip(
                (half.negative_ppm, half.negative_dmv, half.positive_ppm, half.positive_dmv),
                (1e-6, 0.1, 1e-6, 0.1),
                strict=True,
            )
        )
        self._tables[1][:] = np.maximum(self._tables[1], PLATING_MV)
        if not self.last_mv.size:
            self.last_mv = np.zeros(self.pack.size)
        self.sizes = np.bincount(self.pack, minlength=self.rated_ah.size)
        self.starts = np.concatenate(([0], np.cumsum(self.sizes)[:-1]))

    @property
    def packs(self) -> int:
        return int(self.rated_ah.size)

    def open_mv(self, inside_ah: F64) -> F64:
        negative_x, negative_mv, positive_y, positive_mv = self._tables
        x, y = inside_ah / self.negative_ah, (self.lithium_ah - inside_ah) / self.positive_ah
        bend = self.bend_mv[:, 0] * np.sin(9 * y + self.bend_mv[:, 1]) + self.bend_mv[:, 0] * np.sin(14 * x)
        result: F64 = np.interp(y, positive_y, positive_mv) - np.interp(x, negative_x, negative_mv) + bend
        return result

    def ends_ah(self) -> tuple[F64, F64]:
        """Lithium in the negative electrode of each block when it is empty and when it is full."""
        low_mv, high_mv = self.chemistry.window_mv
        found = []
        for target in (low_mv, high_mv):
            low = np.maximum(0, self.lithium_ah - self.positive_ah)
            high = np.minimum(self.negative_ah, self.lithium_ah)
            for _ in range(30):
                middle = (low + high) / 2
                is_above = self.open_mv(middle) > target
                low, high = np.where(is_above, low, middle), np.where(is_above, middle, high)
            found.append((low + high) / 2)
        return found[0], found[1]

    def capacity_ah(self) -> F64:
        """Of each block."""
        empty, full = self.ends_ah()
        return full - empty

    def mean(self, values: F64) -> F64:
        result: F64 = np.add.reduceat(values, self.starts) / self.sizes
        return result

    def greatest(self, values: F64) -> F64:
        result: F64 = np.maximum.reduceat(values, self.starts)
        return result

    def least(self, values: F64) -> F64:
        result: F64 = np.minimum.reduceat(values, self.starts)
        return result

    def step(self, current_a: F64, ambient: F64, seconds: float) -> F64:
        """Mean voltage in mV of each block over the step, with a current [P] that was even in it."""
        cell_a = current_a[self.pack]
        celsius = self.celsius[self.pack] + self.warmth[self.pack] * self._shape()
        cold = np.exp(ARRHENIUS_K * (1 / (celsius + 273.15) - 1 / 298.15))
        ohm, slow = self.ohm * cold, self.slow_ohm * cold
        flow = cell_a - self.leak_ma / 1000
        if self.bleeds:
            flow = flow - self._bleed(current_a)
        middle = self.inside_ah + flow * seconds / 7200
        fast, self.fast_v = _relaxed(self.fast_v, cell_a * ohm * 0.35, TAU_1_S, seconds)
        late, self.slow_v = _relaxed(self.slow_v, cell_a * slow, TAU_2_S, seconds)
        entropic = 0.12 * (celsius - 25) * np.cos(5 * middle / self.negative_ah)
        mean_mv = self.open_mv(middle) + entropic + 1000 * (cell_a * ohm * 0.65 + fast + late)
        self.inside_ah = self.inside_ah + flow * seconds / 3600
        heat = self.mean(cell_a**2 * ohm) / (self.rated_ah * CELL_OHM_PER_AH / self.rated_ah**2)
        per_hour = heat / self.rated_ah**2 * 25 - self.warmth / 2.5
        self.warmth = self.warmth + per_hour * seconds / 3600
        self.celsius = self.celsius + (ambient - self.celsius) * seconds / (6 * 3600)
        self.last_mv = mean_mv
        return mean_mv

    def _shape(self) -> F64:
        """Warmest in the middle, and the second half, a stack on top of the other, by a quarter more."""
        result: F64 = (1.2 - 1.6 * (self.place - 0.5) ** 2) * (1 + 0.25 * (self.place > 0.5))
        return result

    def _bleed(self, current_a: F64) -> F64:
        """Passive balancing at the top."""
        mv = self.last_mv
        top = self.chemistry.window_mv[1]
        is_on = (self.mean(mv) > top - 170) & (np.abs(current_a) < self.rated_ah / 2)
        above = mv > self.least(mv)[self.pack] + 6
        return np.where(is_on[self.pack] & above, self.rated_ah[self.pack] / 2500, 0.0)

    def age(self, days: float) -> None:
        """Loses lithium and material; the resistance rises with both."""
        factor = self.ageing * days
        lithium, material = self.lithium_loss_per_day[self.pack], self.material_loss_per_day[self.pack]
        rated = self.rated_ah[self.pack]
        self.lithium_ah = self.lithium_ah - lithium * factor * rated
        inside = self.inside_ah / self.negative_ah  # what is lost of an electrode, is lost as full as the rest
        self.negative_ah = self.negative_ah * (1 - material * factor)
        self.positive_ah = self.positive_ah * (1 - 0.6 * material * factor)
        lost = self.inside_ah - inside * self.negative_ah
        self.inside_ah = self.inside_ah - 0.3 * lost
        self.ohm = self.ohm * (1 + 1.5 * (lithium + material) * factor)
        self.slow_ohm = self.slow_ohm * (1 + 1.5 * (lithium + material) * factor)

    def charge_state(self) -> F64:
        """Of each pack, the mean of its blocks."""
        empty, full = self.ends_ah()
        return self.mean((self.inside_ah - empty) / (full - empty))

    def to_charge(self, soc: float, spread: float, random: np.random.Generator) -> None:
        empty, full = self.ends_ah()
        part = soc + spread * random.standard_normal(self.pack.size)
        self.inside_ah = empty + part * (full - empty)
        self.fast_v, self.slow_v = np.zeros((2, self.pack.size))


def _relaxed(start: F64, towards: F64, tau_s: float, seconds: float) -> tuple[F64, F64]:
    """(mean over the step, end) of an RC pair."""
    part = -np.expm1(-seconds / tau_s)
    return towards + (start - towards) * (tau_s / seconds) * part, start + (towards - start) * part


def new_fleet(
    chemistry: Chemistry,
    blocks: list[int],
    rated_ah: list[float],
    random: np.random.Generator,
    spread: Spread | None = None,
    soc: float = 0.6,
) -> Fleet:
    spread = spread or Spread()
    half = chemistry.half_cells
    assert half is not None
    pack = np.repeat(np.arange(len(blocks)), blocks)
    count, packs = pack.size, len(blocks)
    rated = np.array(rated_ah, np.float64)
    size = rated[pack] * (1.01 + 0.012 * random.standard_normal(packs))[pack]

    def varied(sigma: float) -> F64:
        result: F64 = 1 + sigma * random.standard_normal(count)
        return result

    common = varied(spread.capacity * 0.7)
    negative, positive, lithium = (amount / 1e6 * size for amount in half.amounts_ppm)
    ohm = CELL_OHM_PER_AH / rated[pack] * (1 + 0.1 * random.standard_normal(packs))[pack]
    bend = np.column_stack([1.5 + random.random(packs), 6 * random.random(packs)])
    fleet = Fleet(
        chemistry,
        pack,
        rated,
        negative * common * varied(spread.capacity / 2),
        positive * common * varied(spread.capacity / 2),
        lithium * common * varied(spread.capacity / 2),
        np.zeros(count),
        ohm * varied(spread.resistance),
        0.5 * ohm * varied(spread.resistance),
        bend[pack],
        spread.meter_mv * random.standard_normal(count),
        np.zeros(count),
        np.concatenate([np.linspace(0, 1, size) for size in blocks]),
        varied(spread.ageing),
        np.full(packs, 20.0),
        np.zeros(packs),
        np.zeros(packs),
        1 + 0.005 * random.uniform(-1, 1, packs),
        rated / 2000 * random.uniform(-1, 1, packs) * 1000,
    )
    fleet.to_charge(soc, spread.balance, random)
    return fleet


CELL_ARRAYS = (
    "negative_ah", "positive_ah", "lithium_ah", "inside_ah", "ohm", "slow_ohm", "bend_mv", "meter_mv", "leak_ma",
    "place", "ageing", "fast_v", "slow_v", "last_mv",
)  # fmt: skip
PACK_ARRAYS = (
    "rated_ah", "celsius", "lithium_loss_per_day", "material_loss_per_day", "gain", "offset_ma", "warmth",
)  # fmt: skip


def part(fleet: Fleet, which: list[int]) -> Fleet:
    """Copies of some packs, one after the other; the same one can be there several times."""
    rows = np.concatenate([np.flatnonzero(fleet.pack == index) for index in which])
    cells = {name: getattr(fleet, name)[rows].copy() for name in CELL_ARRAYS}
    packs = {name: getattr(fleet, name)[which].copy() for name in PACK_ARRAYS}
    pack = np.repeat(np.arange(len(which)), fleet.sizes[which])
    return replace(fleet, pack=pack, **cells, **packs)


def put_cells(fleet: Fleet, rows: I64, other: Fleet, other_rows: I64) -> None:
    """Other cells in the place of some; the meters that read them go with the cells' module."""
    for name in CELL_ARRAYS:
        if name != "place":
            getattr(fleet, name)[rows] = getattr(other, name)[other_rows]
