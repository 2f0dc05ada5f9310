"""Which column is what, by its name alone."""

from __future__ import annotations

import pytest

from packseal.errors import TableError
from packseal.signals.column_names import columns_of

KNOWN = [
    ("time_s,current_A,voltage_V,temp_C,cycle", {"time": "s", "current": "a", "voltage": "v", "temperature": "c"}),
    ("t_ms,current_ma,voltage_mv", {"time": "ms", "current": "ma", "voltage": "mv"}),
    ("Time (s),I,V", {"time": "s", "current": "a", "voltage": "v"}),
    ("time/s,Ecell/V,I/mA,Temperature/°C", {"time": "s", "voltage": "v", "current": "ma", "temperature": "c"}),
    ("t,i,u,T", {"time": "s", "current": "a", "voltage": "v", "temperature": "c"}),
    (
        "Test_Time(s),Date_Time,Step_Time(s),Current(A),Voltage(V),Discharge_Capacity(Ah),Internal_Resistance(Ohm)",
        {"time": "s", "current": "a", "voltage": "v", "discharged": "ah"},
    ),
    ("timestamp,PackCurrent,PackVoltage,SOC", {"time": "s", "current": "a", "voltage": "v", "soc": "%"}),
    ("Time,Voltage_measured,Current_measured,Temperature_measured,Current_load,Voltage_load",
     {"time": "s", "current": "a", "voltage": "v", "temperature": "c"}),
    ("Time [h],current,cell_voltage [V],Temp [K],bms_soh_pct,reference_capacity_mAh",
     {"time": "h", "current": "a", "voltage": "v", "temperature": "k", "soh": "pct", "reference": "mah"}),
]  # fmt: skip


@pytest.mark.parametrize(("header", "units"), KNOWN, ids=[header[:20] for header, _ in KNOWN])
def test_usual_names_are_known_with_their_units(header: str, units: dict[str, str]) -> None:
    found = columns_of(header.split(","), {})
    assert {key: columns[0].unit for key, columns in found.items()} == units


def test_cells_and_sensors_stand_in_the_order_of_their_numbers() -> None:
    names = [
        "time_s",
        "current_A",
        *(f"cell{number}_V" for number in (10, 2, 1)),
        "temp2_C",
        "temp1_C",
        "module_1_temp",
    ]
    found = columns_of(names, {})
    assert [column.name for column in found["cells"]] == ["cell1_V", "cell2_V", "cell10_V"]
    assert [column.name for column in found["temperature"]] == ["temp1_C", "temp2_C"]
    assert "voltage" not in found


def test_what_somebody_says_counts_before_what_names_say() -> None:
    names = ["time_s", "current_A", "voltage_V", "shunt", "Z1", "Z2", "U total"]
    found = columns_of(names, {"current_mA": "shunt", "cells_mv": "Z*", "voltage": "U total"})
    assert [(column.name, column.unit) for column in found["current"]] == [("shunt", "ma")]
    assert [(column.name, column.unit) for column in found["cells"]] == [("Z1", "mv"), ("Z2", "mv")]
    assert [(column.name, column.has_unit) for column in found["voltage"]] == [("U total", False)]


@pytest.mark.parametrize(
    ("header", "chosen", "words"),
    [
        ("a,b", {}, r"no column tells the time and the current and the voltage; .*--column time_s=NAME .*found: a, b"),
        ("time_s,current_A,Current(mA),V", {}, r"current_A or Current\(mA\).*--column current=NAME"),
        ("time_s,current_A,V", {"voltage": "U"}, "no such column; expected one of"),
        ("time_s,current_A,volt_1", {"voltage": "volt1"}, "did you mean volt_1"),
        ("time_s,current_A,V", {"power": "V"}, "expected one of time, current"),
        ("time_s,current_A,V", {"voltage_kv": "V"}, "the unit of voltage is one of v"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_words_to_say(header: str, chosen: dict[str, str], words: str) -> None:
    with pytest.raises(TableError, match=words):
        columns_of(header.split(","), chosen)
