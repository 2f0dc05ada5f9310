"""How packs are used: plans of days, chargers, weather, and the WINDOW entries that a board would make of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from packseal.records.bodies import EntryType, MeanMinMax, Window
from packseal.records.entries import Entry
from tests.estimate.plant import NOISE_MV, Fleet, part

F64 = npt.NDArray[np.float64]

DAY_S = 86_400
REST, DRIVE, CHARGE, DRAW = range(4)


@dataclass(frozen=True)
class Habit:
    """of a pack: hours of use a day in so many trips, the rates in parts of rated capacity per hour."""

    drive_hours: float = 1.5
    trips: int = 2
    drive_rate: float = 0.3
    is_even: bool = False  # drawn at one current, as by a house
    charge_rate: float = 0.25
    charge_below: float = 0.6  # state of charge below which it is charged at night
    charge_to_mv: int = 4_150
    fast_share: float = 0.0  # of days with a fast charge between trips
    warm: float = 12.0  # yearly mean, °C
    season: float = 10.0
    swing: float = 4.0


COMMUTER = Habit()
DELIVERY = Habit(drive_hours=5, trips=4, drive_rate=0.18, charge_rate=0.2, charge_below=0.95, charge_to_mv=4_180)
HOUSE = Habit(
    drive_hours=3, trips=1, drive_rate=0.2, is_even=True, charge_rate=0.22, charge_below=0.9, warm=18, season=6
)
TRAVELLER = Habit(drive_hours=3, trips=3, drive_rate=0.3, charge_rate=0.1, charge_below=0.7, fast_share=0.3)


@dataclass
class Claims:
    """Of a BMS: [P]. soh_offset_cpct is what it is wrong by; a fault may fix what it claims."""

    soc_error: F64
    soh_offset_cpct: F64
    soh_fixed_cpct: F64
    soc_shift: F64
    soc_scale: F64

    def part(self, which: list[int]) -> Claims:
        return Claims(*(getattr(self, item.name)[which].copy() for item in fields(self)))


@dataclass
class Life:
    """A fleet in use. `days` gives, window by window, mean voltages and currents; `entries` makes entries of them."""

    fleet: Fleet
    habits: list[Habit]
    random: np.random.Generator
    window_s: int = 60
    start_day: float = 0.0
    time_s: int = 0

    def __post_init__(self) -> None:
        packs = self.fleet.packs
        self.next_seq = [3] * packs
        self.boot = [1] * packs
        self.uptime_ms = [0] * packs
        self.counters = np.zeros((packs, 4))
        self.mode = np.full(packs, REST)
        self.level = np.zeros(packs)
        self.until_s = np.zeros(packs)
        self.plans: list[list[tuple[int, int, int, float]]] = [[] for _ in range(packs)]
        self.noise = np.zeros(packs)
        self.taper = np.ones(packs)
        self.weather = np.zeros(packs)
        self.claims = Claims(
            0.01 * self.random.standard_normal(packs),
            100 * self.random.uniform(-1.5, 1.5, packs),
            np.full(packs, np.nan),
            np.zeros(packs),
            np.ones(packs),
        )
        self.rated_setting_mah = self.fleet.rated_ah * 1000
        self.last_mv = self.fleet.open_mv(self.fleet.inside_ah)
        self.refresh()

    def refresh(self) -> None:
        """What changes slowly and costs much."""
        empty, full = self.fleet.ends_ah()
        self.empty_ah, self.span_ah = empty, full - empty
        self._claim_health()

    def branch(self, which: list[int], random: np.random.Generator) -> Life:
        """Copies of some packs, at the same moment of their lives; the same one can be there several times."""
        fleet = part(self.fleet, which)
        life = Life(fleet, [self.habits[pack] for pack in which], random, self.window_s, self.start_day)
        for name in ("next_seq", "boot", "uptime_ms"):
            setattr(life, name, [getattr(self, name)[pack] for pack in which])
        for name in ("counters", "mode", "level", "until_s", "noise", "taper", "weather", "rated_setting_mah"):
            setattr(life, name, getattr(self, name)[which].copy())
        life.time_s, life.claims = self.time_s, self.claims.part(which)
        life.last_mv = fleet.last_mv.copy()
        life.refresh()
        return life

    def _claim_health(self) -> None:
        true_cpct = self.fleet.mean(self.span_ah) / self.fleet.rated_ah * 10_000
        claimed = np.minimum(true_cpct + self.claims.soh_offset_cpct, 10_000) // 100 * 100
        self.claimed_soh_cpct = np.where(np.isnan(self.claims.soh_fixed_cpct), claimed, self.claims.soh_fixed_cpct)

    def soc(self) -> F64:
        return self.fleet.mean((self.fleet.inside_ah - self.empty_ah) / self.span_ah)

    # ---- plans

    def _plan(self, pack: int, soc: float) -> list[tuple[int, int, int, float]]:
        """(second of the day, mode, length in s, rate) in order."""
        habit, random = self.habits[pack], self.random
        plan = []
        starts = np.sort(7.5 + 11 * random.random(habit.trips)) if habit.trips > 1 else [17 + 2 * random.random()]
        hours = habit.drive_hours / habit.trips
        for number, start in enumerate(starts):
            length = int(3600 * hours * random.uniform(0.6, 1.4))
            mode = DRAW if habit.is_even else DRIVE
            plan.append((int(3600 * start), mode, length, habit.drive_rate * random.uniform(0.8, 1.2)))
            if number == 0 and random.random() < habit.fast_share:
                plan.append((int(3600 * start) + length + 300, CHARGE, 2_400, 0.85))
        if soc < habit.charge_below:
            at = 11.0 if habit.is_even else random.uniform(0.2, 1.5)
            plan.append((int(3600 * at), CHARGE, 12 * 3600, habit.charge_rate))
        return sorted(plan)

    def _turn(self, second: int, soc: F64) -> None:
        for pack in range(self.fleet.packs):
            if self.mode[pack] != REST and self.time_s >= self.until_s[pack]:
                self.mode[pack] = REST
            plan = self.plans[pack]
            while plan and second >= plan[0][0]:
                _, mode, length, rate = plan.pop(0)
                if self.mode[pack] == CHARGE and rate < 0.8 and mode != CHARGE:
                    self.mode[pack] = REST
                self.mode[pack], self.until_s[pack] = mode, self.time_s + length
                self.level[pack], self.taper[pack] = rate, 1.0
            if self.mode[pack] in (DRIVE, DRAW) and soc[pack] < 0.12:
                self.mode[pack] = REST

    def _current(self) -> F64:
        fleet, random = self.fleet, self.random
        self.noise = 0.6 * self.noise + 0.8 * random.standard_normal(fleet.packs)
        drive = -self.level * (1 + 0.8 * self.noise)
        highest = fleet.greatest(self.last_mv)
        limit = np.array([habit.charge_to_mv for habit in self.habits])
        over = highest - limit
        is_charging = self.mode == CHARGE  # braking does not charge a full pack either
        self.taper = np.where(is_charging & (over > -1), self.taper * np.clip(1 - over / 30, 0.5, 1.01), self.taper)
        self.taper = np.minimum(self.taper, 1)
        is_full = is_charging & (self.taper * self.level < 0.04)
        self.mode = np.where(is_full, REST, self.mode)
        rate = np.select(
            [self.mode == DRIVE, self.mode == CHARGE, self.mode == DRAW],
            [np.clip(drive, -2.0, np.where(over > -1, 0.0, 2.0)), self.level * self.taper, -self.level],
            -0.0003,
        )
        return self._held_below(limit, rate * fleet.rated_ah, is_charging & (over > -300))

    def _held_below(self, limit_mv: F64, current: F64, is_near: npt.NDArray[np.bool_]) -> F64:
        """A charger follows its limit within seconds, not windows: where an electrode is full, that is 200 mV later."""
        fleet = self.fleet
        for _ in range(6):
            if not is_near.any():
                break
            ahead_ah = fleet.inside_ah + current[fleet.pack] * self.window_s / 3600
            is_near = is_near & (fleet.greatest(fleet.open_mv(ahead_ah)) > limit_mv)
            current = np.where(is_near, current / 2, current)
        return current

    def _ambient(self) -> F64:
        day = self.start_day + self.time_s / DAY_S
        season = np.sin(2 * np.pi * (day - 110) / 365)
        hour = np.sin(2 * np.pi * (day % 1 - 0.4))
        warm, swing, year = (
            np.array([getattr(habit, name) for habit in self.habits]) for name in ("warm", "swing", "season")
        )
        now: npt.NDArray[np.float64] = warm + year * season + swing * hour + self.weather
        return now

    # ---- windows

    def windows(self, days: float) -> Iterator[tuple[F64, F64]]:
        """(current [P] in A, mean voltage [N] in mV) of each window; the pack's truth, before any meter."""
        steps = round(days * DAY_S / self.window_s)
        self.last_soc = soc = self.soc()
        for index in range(steps):
            second = self.time_s % DAY_S
            if index == 0 or second < self.window_s:
                self._begin_day(soc, is_first=index == 0)
            soc = self.last_soc
            self._turn(second, soc)
            current = self._current()
            self.last_mv = self.fleet.step(current, self._ambient(), self.window_s)
            self.time_s += self.window_s
            self.last_soc = self.soc()
            yield current, self.last_mv

    def _begin_day(self, soc: F64, is_first: bool) -> None:
        second = self.time_s % DAY_S
        if not is_first:
            self.fleet.age(1.0)
            self.refresh()
            self.weather = 0.7 * self.weather + 2.5 * self.random.standard_normal(self.fleet.packs)
        self.plans = [
            [item for item in self._plan(pack, float(soc[pack])) if item[0] >= second]
            for pack in range(self.fleet.packs)
        ]

    def entries(self, days: float, only: int | None = None) -> Iterator[tuple[int, Entry]]:
        """(pack, WINDOW entry) as a board on each pack would write them."""
        fleet, random = self.fleet, self.random
        bounds = [(int(start), int(start + size)) for start, size in zip(fleet.starts, fleet.sizes, strict=True)]
        sigma = NOISE_MV / np.sqrt(self.window_s)
        hours = self.window_s / 3600
        for current, mean_mv in self.windows(days):
            measured = np.rint(mean_mv + fleet.meter_mv + sigma * random.standard_normal(mean_mv.size)).astype(int)
            shown = current * 1000 * fleet.gain + fleet.offset_ma
            spread = np.where(self.mode == DRIVE, fleet.rated_ah * 600, fleet.rated_ah * 5)
            self.counters[:, 0] += np.maximum(shown, 0) * hours
            self.counters[:, 1] += np.maximum(-shown, 0) * hours
            total_mv = np.add.reduceat(measured, fleet.starts)
            warm = (fleet.celsius + fleet.warmth) * 10 + random.standard_normal(fleet.packs)
            claims = self._claimed_soc()
            for pack in range(fleet.packs):
                if only is not None and pack != only:
                    continue
                first, last = bounds[pack]
                yield (
                    pack,
                    self._entry(
                        pack, measured[first:last], shown[pack], spread[pack], total_mv[pack], warm[pack], claims[pack]
                    ),
                )

    def _claimed_soc(self) -> F64:
        claims = self.claims
        shown = 10_000 * ((self.last_soc + claims.soc_error) * claims.soc_scale + claims.soc_shift)
        result: F64 = np.clip(shown, 0, 10_000) // 50 * 50
        return result

    def _entry(
        self, pack: int, cells: npt.NDArray[np.int64], shown: float, spread: float, total: int, warm: float, soc: float
    ) -> Entry:
        window_ms = self.window_s * 1000
        self.uptime_ms[pack] += window_ms
        charge, discharge = int(self.counters[pack, 0]), int(self.counters[pack, 1])
        mean = round(shown)
        window = Window(
            window_ms,
            self.window_s,
            0,
            MeanMinMax(mean, mean - int(spread) // 2, mean + int(spread) // 2),
            MeanMinMax(int(total), int(total) - 50, int(total) + 50),
            tuple(cells.tolist()),
            (round(warm), round(warm) - 6),
            None,
            (charge, discharge, charge // 3, discharge // 3),
            int(soc),
            int(self.claimed_soh_cpct[pack]),
        )
        seq = self.next_seq[pack]
        self.next_seq[pack] += 1
        return Entry(EntryType.WINDOW, seq, self.boot[pack], self.uptime_ms[pack], window)
