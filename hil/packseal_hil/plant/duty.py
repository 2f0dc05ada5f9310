"""What packs are asked for: days in a vehicle and weeks in storage, as power for each watt-hour that is rated.

Profiles of our own, by a name and a seed; the same two give the same arrays. Each returns to about the charge it began
with, losses included, so that it can follow itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from packseal_hil.plant.driving import CAR_WH, drive
from packseal_hil.readings import Floats

DAY_S, HOUR_S, MINUTE_S = 86_400, 3600.0, 60.0
WALL_W = 11_000.0  # of a charging point at home
ROUND_TRIP = 0.97  # of the cells, at such powers
STORAGE_TURNS = (0.45, 0.65)  # of its energy, on one day
REGULATION_KEEPS = 0.992  # from one 4 s to the next: the grid's frequency wanders over minutes


@dataclass(frozen=True, slots=True)
class Duty:
    """power: W for each rated Wh, positive when it charges; power[k] and ambient_c[k] hold for step_s[k]."""

    name: str
    step_s: Floats
    power: Floats
    ambient_c: Floats

    @property
    def time_s(self) -> Floats:
        """When each begins."""
        return np.asarray(np.cumsum(self.step_s) - self.step_s)

    @property
    def length_s(self) -> float:
        return float(self.step_s.sum())


Part = tuple[Floats | float, Floats | float]  # (s, W/Wh)


def duty(name: str, seed: int = 0) -> Duty:
    """By its name (DUTIES). Raises ValueError for a name that there is not."""
    if name not in DUTIES:
        raise ValueError(f'"{name}" is no duty; there are {", ".join(DUTIES)}')
    make, mean_c, swing_c = DUTIES[name]
    parts = make(np.random.default_rng(seed))
    step_s = np.concatenate([np.atleast_1d(np.asarray(s, np.float64)) for s, _ in parts])
    power = np.concatenate([np.atleast_1d(np.asarray(w, np.float64)) for _, w in parts])
    hour = (np.cumsum(step_s) - step_s) % DAY_S / HOUR_S
    ambient_c = mean_c + swing_c * np.sin(2 * np.pi * (hour - 9) / 24)  # warmest at three in the afternoon
    return Duty(name, step_s, power, ambient_c)


def _held(hours: float, power: float, step_s: float = MINUTE_S) -> Part:
    count = round(hours * HOUR_S / step_s)
    return np.full(count, step_s), np.full(count, power)


def _wltp_like(random: np.random.Generator) -> list[Part]:
    power = drive(random)
    return [(np.ones(len(power)), power)]


def _day_in_a_vehicle(random: np.random.Generator) -> list[Part]:
    """Stands, drives to work, stands, drives back, and takes from the wall what it gave."""
    ways = [drive(random, parts=3) for _ in range(2)]
    drives: list[Part] = [(np.ones(len(way)), way) for way in ways]
    gave = -sum(float(way.sum()) for way in ways) / HOUR_S / ROUND_TRIP
    charge_h = round(gave / (WALL_W / CAR_WH) * 60) / 60
    before = [_held(7, 0.0), drives[0], _held(8, 0.0), drives[1], _held(2, 0.0), _held(charge_h, WALL_W / CAR_WH)]
    rest_s = DAY_S - sum(float(np.sum(s)) for s, _ in before)
    return [*before, (rest_s % MINUTE_S, 0.0), _held(rest_s // MINUTE_S / 60, 0.0)]


def _week_in_a_vehicle(random: np.random.Generator) -> list[Part]:
    return [part for _ in range(7) for part in _day_in_a_vehicle(random)]


def _storage_day(random: np.random.Generator) -> list[Part]:
    """Nights and evenings take what the sun has given, under clouds that come and go."""
    hour = np.arange(0, 24, 1 / 60)
    sun = np.clip(np.sin(np.pi * (hour - 7) / 11), 0, None) * ((hour > 7) & (hour < 18))
    clouds = np.clip(1 - np.abs(np.repeat(random.normal(0, 0.35, 144), 10)), 0.1, 1)
    house = 0.02 + 0.16 * np.exp(-(((hour - 19.5) / 1.6) ** 2)) + 0.06 * np.exp(-(((hour - 7) / 1.0) ** 2))
    kettles = 0.12 * (np.repeat(random.random(288), 5) < 0.03)
    takes, gives = sun * clouds, house + kettles
    turned_over = random.uniform(*STORAGE_TURNS)
    takes *= 60 * turned_over / ROUND_TRIP / takes.sum()
    return [(np.full(len(hour), MINUTE_S), takes - gives * 60 * turned_over / gives.sum())]


def _storage_week(random: np.random.Generator) -> list[Part]:
    return [part for _ in range(7) for part in _storage_day(random)]


def _frequency_service(random: np.random.Generator) -> list[Part]:
    """A day of following the grid's frequency, a new value every 4 s, up to half of the energy in an hour."""
    steps = DAY_S // 4
    wander, kicks = np.zeros(steps), random.standard_normal(steps)
    for k in range(1, steps):
        wander[k] = REGULATION_KEEPS * wander[k - 1] + kicks[k]
    power = np.clip(0.15 * wander / wander.std(), -0.5, 0.5)
    power -= power.mean()
    power = np.where(power > 0, power / ROUND_TRIP, power)
    return [(np.full(steps, 4.0), power)]


def _shelf_week(_random: np.random.Generator) -> list[Part]:
    return [_held(7 * 24, 0.0)]


#: how it is made, and the air around: mean and swing over the day
DUTIES: dict[str, tuple[Callable[[np.random.Generator], Sequence[Part]], float, float]] = {
    "wltp-like": (_wltp_like, 23.0, 0.0),
    "day-in-a-vehicle": (_day_in_a_vehicle, 17.0, 6.0),
    "week-in-a-vehicle": (_week_in_a_vehicle, 17.0, 6.0),
    "storage-day": (_storage_day, 22.0, 3.0),
    "storage-week": (_storage_week, 22.0, 3.0),
    "frequency-service": (_frequency_service, 24.0, 2.0),
    "shelf-week": (_shelf_week, 20.0, 3.0),
}
