"""Duties: like what they are named after, the same again by their seed, and fit to follow themselves."""

from __future__ import annotations

import numpy as np
import pytest

from packseal_hil.plant import duty
from packseal_hil.plant.driving import CAR_WH, drive
from packseal_hil.plant.duty import DAY_S, DUTIES

EACH = pytest.mark.parametrize("name", DUTIES)


@EACH
def test_the_same_seed_gives_the_same_arrays(name: str) -> None:
    assert (duty(name, 7).power == duty(name, 7).power).all()
    if name != "shelf-week":
        assert (duty(name, 7).power != duty(name, 8).power).any()


@EACH
def test_times_and_columns_fit_together(name: str) -> None:
    asked = duty(name)
    assert len(asked.step_s) == len(asked.power) == len(asked.ambient_c) == len(asked.time_s)
    assert (asked.step_s > 0).all()
    assert asked.time_s[-1] + asked.step_s[-1] == pytest.approx(asked.length_s)


@EACH
@pytest.mark.parametrize("seed", range(5))
def test_what_is_taken_fits_into_a_battery_and_comes_back(name: str, seed: int) -> None:
    asked = duty(name, seed)
    part = np.concatenate([[0.0], np.cumsum(asked.power * asked.step_s) / 3600])
    assert np.ptp(part) < 0.85
    if name != "wltp-like":
        assert asked.length_s % DAY_S == pytest.approx(0, abs=1e-6)
        assert part[-1] == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("seed", range(5))
def test_a_drive_asks_what_a_compact_car_asks(seed: int) -> None:
    watts = drive(np.random.default_rng(seed)) * CAR_WH
    assert len(watts) == 1800
    kwh = -watts.sum() / 3.6e6
    assert 2.5 < kwh < 4.5, "within half an hour, 20 to 25 km"
    assert watts.max() > 10_000, "braking charges"
    assert -130_000 < watts.min() < -50_000
    assert (watts == watts.max(initial=-500, where=watts <= -500)).mean() > 0.05, "it stands at times"


def test_a_storage_day_gives_in_the_evening_what_the_sun_gave() -> None:
    asked = duty("storage-day")
    hour = asked.time_s / 3600
    assert asked.power[(hour > 11) & (hour < 13)].mean() > 0.05
    assert asked.power[(hour > 18) & (hour < 21)].mean() < -0.05


def test_an_unknown_duty_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r'"rally" is no duty; there are wltp-like, day-in-a-vehicle'):
        duty("rally")
