"""Cells that age at random, and the anchors that a board would see of them: thermodynamics alone, no kinetics.

The truth has the profile's half-cell curves. What the estimator is given differs from them by a smooth error of up to
3.5 mV in each electrode, as its anchors do by the errors of sensors (issue bars: ± 2 mV, 0.5 %, and what an auto-zero
leaves of 10 mA).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import pi, sin
from random import Random
from types import ModuleType
from typing import Any

from logger.core.electrodes import Curves

Anchor = tuple[int, int, int, int, int]
CURVE_ERROR_UV, SPREAD = 3500, 0.01
PUBLISHED_PPM = 30000  # a larger uncertainty is "not yet known"


@dataclass(frozen=True)
class Cell:
    """Amounts of charge in ppm of rated, and what they hold between the limits of voltage."""

    amounts_ppm: list[int]
    empty_ppm: int
    capacity_ppm: int


@dataclass(frozen=True)
class Sensors:
    gain: float
    zero_ppm_h: float
    offset_uv: float


def cell_of(curves: Any, amounts_ppm: list[int]) -> Cell:
    empty_ppm, full_ppm = curves.ends(amounts_ppm)
    return Cell(amounts_ppm, empty_ppm, full_ppm - empty_ppm)


def history(curves: Any, random: Random, least_ppm: int = 700_000, count: int = 7) -> list[Cell]:
    """A cell from new to least_ppm, in equal steps of a loss in a random direction that may bend."""
    start = [round(ppm * random.gauss(1, SPREAD)) for ppm in curves.amounts_ppm]
    parts = [random.gammavariate(0.7, 1) for _ in range(3)]  # Dirichlet: often one or two of three
    parts = [part / sum(parts) for part in parts]
    bends = [random.uniform(0.6, 1.8) for _ in range(3)]

    def at(progress: float) -> Cell:
        lost = [min(0.9, part * progress**bend) for part, bend in zip(parts, bends, strict=True)]
        amounts = [start[0] * (1 - lost[1]), start[1] * (1 - lost[2]), start[2] - 1e6 * lost[0]]
        return cell_of(curves, [max(round(ppm), 150_000) for ppm in amounts])

    low, high = 0.0, 1.5
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle).capacity_ppm > least_ppm else (low, middle)
    return [at(low * k / (count - 1)) for k in range(count)]


def sensors(random: Random) -> Sensors:
    return Sensors(random.uniform(-0.005, 0.005), random.gauss(0, 150), random.uniform(-2000, 2000))


def ring(curves: Any, cell: Cell, use: str, random: Random, errors: Sensors, count: int = 8) -> list[Anchor]:
    """Rests of some days: "mixed" reaches down to 8 and up to 100 %, "narrow" stays between 45 and 75 %."""
    anchors: list[Anchor] = []
    last_ppm = 0.0
    for k in range(count):
        n_ppm = cell.empty_ppm + _state_of_charge(use, k, random) * cell.capacity_ppm
        hours, moving_uv = random.uniform(1, 12), random.choice([0.0, random.gauss(0, 2000)])
        shown_uv = curves.ocv_uv(round(n_ppm), cell.amounts_ppm) + errors.offset_uv + random.gauss(0, 300)
        counted_ppm = (n_ppm - last_ppm) * (1 + errors.gain) + errors.zero_ppm_h * hours + random.gauss(0, 1000)
        uv, sigma_uv = round(shown_uv + 0.4 * moving_uv), 300 + round(abs(moving_uv) / 2)
        anchors.append((round(counted_ppm) if k else 0, round(hours * 3600), 1_000_000, uv, sigma_uv))
        last_ppm = n_ppm
    return anchors


def _state_of_charge(use: str, k: int, random: Random) -> float:
    if use == "narrow":
        return random.uniform(0.45, 0.55) if k % 2 else random.uniform(0.65, 0.75)
    if k % 2:
        return random.uniform(0.08, 0.6)
    return 1.0 if random.random() < 0.35 else random.uniform(0.65, 0.97)


def wrong_curves(profile: ModuleType, random: Random, peak_uv: float = CURVE_ERROR_UV) -> Any:
    """The profile's, each half-cell off by a smooth error; still falling."""
    curves = Curves(profile)
    for half_cell in (curves.negative, curves.positive):
        errors = list(_smooth(random, [ppm / 1e6 for ppm in half_cell.ppm], peak_uv))
        for k, error in enumerate(errors):
            uv = round(half_cell.uv[k] + error)
            half_cell.uv[k] = min(uv, half_cell.uv[k - 1] - 1) if k else uv
    return curves


def _smooth(random: Random, places: list[float], peak_uv: float) -> Iterator[float]:
    waves = [(random.gauss(0, 1 / fall), random.uniform(0, 2 * pi)) for fall in (1, 1, 1.5, 2)]

    def at(place: float) -> float:
        each = zip(waves, (0.5, 1, 1.7, 2.5), strict=True)
        return sum(height * sin(2 * pi * turns * place + phase) for (height, phase), turns in each)

    largest = max(abs(at(k / 100)) for k in range(101))
    return (peak_uv * at(place) / largest for place in places)
