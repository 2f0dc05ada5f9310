"""Fades and increases: from what was measured and what was stated of the new battery, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.passport.attributes import ATTRIBUTES
from packseal.passport.derived import DERIVED, derived_values

RECORD = {"log_id": "ab" * 16, "seq": 7}


def measured(value: float, uncertainty: float | None = None) -> dict[str, Any]:
    return {"value": value, "standard_uncertainty": uncertainty, "method": "pulses", "record": RECORD}


def stated(value: object) -> dict[str, Any]:
    return {"value": value, "statement": "cd" * 32, "index": 3}


NEW = {
    "initial_resistance": stated([{"component": "cell", "ohm": "0.0010"}, {"component": "pack", "ohm": "0.050"}]),
    "original_power": stated([{"soc_percent": 20, "power_w": "60000"}, {"soc_percent": 80, "power_w": "90000"}]),
    "initial_rte": stated("96.0"),
    "initial_self_discharge": stated("2.0"),
}
NOW = {
    "ohmic_resistance": measured(0.065, 0.001),
    "power_at_80": measured(81.0),
    "round_trip_efficiency": measured(93.6),
    "self_discharge": measured(3.0),
}


@pytest.mark.parametrize(
    ("key", "percent"),
    [("resistance_increase", 30.0), ("power_fade", 10.0), ("rte_fade", 2.5), ("self_discharge_evolution", 50.0)],
)
def test_of_both(key: str, percent: float) -> None:
    found: Any = derived_values(NOW, NEW)[key]
    assert (found["value"], found["record"], found["index"]) == (percent, RECORD, 3)


def test_the_interval_is_that_of_the_measurement() -> None:
    found: Any = derived_values(NOW, NEW)["resistance_increase"]
    assert found["standard_uncertainty"] == 2.0
    assert found["interval"]["text"] == "26.1 to 33.9 %"
    power: Any = derived_values(NOW, NEW)["power_fade"]
    assert power["interval"] is None


@pytest.mark.parametrize("one", DERIVED)
def test_nothing_is_guessed(one: Any) -> None:
    for values, lives in (({}, NEW), (NOW, {}), ({one.measured: {"value": None}}, NEW)):
        found: Any = derived_values(values, lives)[one.key]
        assert found["value"] is None
        assert found["missing"].startswith("needs ")


@given(st.recursive(st.none() | st.text() | st.floats() | st.integers(), lambda one: st.lists(one) | st.dictionaries(
    st.sampled_from(["component", "ohm", "soc_percent", "power_w"]), one)))  # fmt: skip
def test_whatever_was_stated_gives_an_answer(value: object) -> None:
    derived_values(NOW, {key: stated(value) for key in NEW})


def test_all_are_attributes_of_the_passport() -> None:
    assert {one.key for one in DERIVED} | {one.initial for one in DERIVED} <= ATTRIBUTES.keys()
