"""A drive cycle of our own, as the power of a compact car's pack for each watt-hour that is rated.

No cycle of a regulation or of a maker is copied. The four parts have the length, the stops and about the mean and peak
speeds of the class 3 cycle of UN Global Technical Regulation 15, annex 1, with micro-trips drawn by chance; power comes
from the equation of motion.
"""

from __future__ import annotations

import numpy as np

from packseal_hil.readings import Floats

AIR_KG_PER_M3, GRAVITY = 1.2, 9.81
CAR_KG, DRAG_AREA_M2, ROLLING = 1600.0, 0.62, 0.009
CAR_WH = 58_000.0
AUXILIARY_W, DRIVE_TRAIN, RECUPERATED = 500.0, 0.90, 0.65
# s, stops, mean of the moving speed and peak in km/h
PARTS = ((589, 5, 25.0, 56.0), (433, 1, 44.0, 76.0), (455, 1, 60.0, 97.0), (323, 0, 94.0, 131.0))


def drive(random: np.random.Generator, parts: int = len(PARTS)) -> Floats:
    """Power for each Wh, one a second, through the first so many parts of the cycle."""
    return _car_power(np.concatenate([_part(random, *part) for part in PARTS[:parts]]))


def _part(random: np.random.Generator, seconds: int, stops: int, mean_kmh: float, peak_kmh: float) -> Floats:
    """Speeds in m/s, one a second: micro-trips between stops, one of them at the peak."""
    weights = random.uniform(0.6, 1.4, stops + 1)
    lengths = np.floor(seconds * weights / weights.sum()).astype(int)
    lengths[-1] += seconds - lengths.sum()
    peaks = np.minimum(mean_kmh * random.uniform(1.1, 1.6, stops + 1), peak_kmh)
    peaks[np.argmax(lengths)] = peak_kmh
    trips = [_micro_trip(random, int(n), kmh / 3.6) for n, kmh in zip(lengths, peaks, strict=True)]
    return np.concatenate(trips)


def _micro_trip(random: np.random.Generator, seconds: int, peak_m_s: float) -> Floats:
    """Stands, pulls away, follows traffic, brakes."""
    stands = max(3, round(seconds * random.uniform(0.05, 0.18)))
    moving = seconds - stands
    x = np.arange(moving)
    pull, brake = random.uniform(0.7, 1.3), random.uniform(0.7, 1.2)  # m/s2
    traffic = sum(a * np.sin(2 * np.pi * x / p + f) for a, p, f in _waves(random))
    cruise = peak_m_s * (0.82 + 0.18 * np.clip(traffic, -1.5, 1.0))
    envelope = np.minimum(pull * (x + 1), brake * (moving - x))
    return np.concatenate([np.zeros(stands), np.clip(np.minimum(cruise, envelope), 0, None)])


def _waves(random: np.random.Generator) -> list[tuple[float, float, float]]:
    periods = ((0.8, 95.0), (0.5, 41.0), (0.25, 17.0))
    return [(a * random.uniform(0.7, 1.3), p * random.uniform(0.8, 1.2), random.uniform(0, 6.28)) for a, p in periods]


def _car_power(speed_m_s: Floats) -> Floats:
    """Of the pack, for each Wh: inertia, air, tyres, what is always on; braking gives a part of it back."""
    acceleration = np.diff(speed_m_s, append=0.0)
    rolls = ROLLING * CAR_KG * GRAVITY * (speed_m_s > 0)
    force = CAR_KG * acceleration + 0.5 * AIR_KG_PER_M3 * DRAG_AREA_M2 * speed_m_s**2 + rolls
    wheel_w = force * speed_m_s
    pack_w = np.where(wheel_w > 0, wheel_w / DRIVE_TRAIN, wheel_w * RECUPERATED) + AUXILIARY_W
    return np.asarray(-pack_w / CAR_WH)
