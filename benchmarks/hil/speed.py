"""How fast the plant is: 96 cell blocks at 10 Hz, alone, as a pack of strings, and with what a bench reads from it.

By the time of the processor, since the machine may be shared; the best of three rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from packseal_hil.plant import CellType, Plant, duty, parameters_of

BAR = 100.0  # times real time
STEP_S = 0.1
DRIVEN_S = 300
ROUNDS = 3
YEARS, YEARS_BAR_S = 10, 300.0


def figures() -> dict[str, float]:
    """Times real time, by case; and the seconds that years take."""
    print(f"\n{'speed, times real time':<44}{'found':>8}{'bar':>15}{'ratio':>7}")
    found = {}
    for name, drive in CASES.items():
        times = max(DRIVEN_S / drive() for _ in range(ROUNDS))
        print(f"{name:<44}{times:8.0f}{BAR:15.0f}{times / BAR:7.1f}", flush=True)
        found[name] = round(times, 1)
    took_s = _years()
    name = f"{YEARS} years by weeks of storage and ageing, s"
    print(f"{name:<44}{took_s:8.1f}{YEARS_BAR_S:15.0f}{YEARS_BAR_S / took_s:7.1f}")
    return found | {"years_s": round(took_s, 1)}


def _drive(cell_type: CellType, series_blocks: int, strings: int, look: Callable[[Plant], object]) -> float:
    """Processor seconds for DRIVEN_S of driving at 10 Hz."""
    plant = Plant(parameters_of(cell_type, 5.0), series_blocks, strings)
    powers_w = (duty("wltp-like").power[:DRIVEN_S] * plant.rated_energy_wh).tolist()
    plant.step(STEP_S)
    began = time.process_time()
    for power_w in powers_w:
        for _ in range(10):
            plant.step(STEP_S, power_w=power_w)
            look(plant)
    return time.process_time() - began


def _nothing(_: Plant) -> None:
    """Steps alone."""


CASES: dict[str, Callable[[], float]] = {
    "96 blocks in series at 10 Hz": lambda: _drive(CellType.NMC, 96, 1, _nothing),
    "4 strings of 24 blocks at 10 Hz": lambda: _drive(CellType.LFP, 24, 4, _nothing),
    "96 blocks at 10 Hz, each step read": lambda: _drive(CellType.NMC, 96, 1, Plant.reading),
    "2 strings of 96 blocks at 10 Hz": lambda: _drive(CellType.NMC, 96, 2, _nothing),
}


def _years() -> float:
    """A day of every year stepped, the rest jumped."""
    plant = Plant(parameters_of(CellType.LFP, 100.0), 16, 4)
    day = duty("storage-day")
    began = time.process_time()
    for _ in range(YEARS):
        for step_s, power in zip(day.step_s, day.power, strict=True):
            plant.step(float(step_s), power_w=float(power) * plant.rated_energy_wh)
        plant.age(1.0, "home-storage")
    return time.process_time() - began
