"""Recorded Nissan Leaf buses through the shipped bindings: what a person who knows the pack would expect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cantools
import pytest

from packseal.frames import Frames, read_log
from packseal.signals import Absence, SampleTable, apply_binding, load_dbc, parse_binding, samples, windows

BINDINGS = Path(samples.__file__).parent / "bindings"

# quantity -> (valid, not available by code, lowest, highest)
ZE0 = {
    "pack_voltage_mv": (7777, 4, 385_000, 386_500),  # 96 cell blocks at 4.02 V
    "pack_current_ma": (7780, 1, -3_000, 2_000),
    "soc_reported_cpct": (778, 0, 7_510, 7_520),
    "soh_reported_cpct": (155, 0, 5_100, 5_100),  # 111 units of 80 Wh at 75.2 % of charge: 11.8 of 24 kWh
    "temperature_ddegc": (155, 0, 20, 30),
}
AZE0 = {
    "pack_voltage_mv": (2198, 73, 340_000, 340_000),  # 96 cell blocks at 3.54 V
    "pack_current_ma": (2270, 1, -3_500, 0),
    "soc_reported_cpct": (227, 0, 2_080, 2_080),
    "soh_reported_cpct": (227, 0, 9_800, 9_800),
    "temperature_ddegc": (15, 0, 270, 270),
    "temperature_min_ddegc": (15, 0, 270, 270),
    "temperature_max_ddegc": (15, 0, 270, 270),
}
UPGRADED = {
    "pack_voltage_mv": (1456, 61, 371_500, 372_000),
    "pack_current_ma": (1516, 1, -4_000, 500),
    "soc_reported_cpct": (145, 6, 6_260, 6_260),  # 102.3 % for the first 0.6 s
    "soh_reported_cpct": (151, 0, 9_000, 9_000),
    "temperature_ddegc": (151, 0, -50, -20),
}
ZE1 = {  # no start-up in these two logs, and no times
    "pack_voltage_mv": (568, 0, 366_500, 366_500),  # 96 cell blocks at 3.82 V
    "pack_current_ma": (568, 0, -500, -500),
    "soc_reported_cpct": (56, 0, 6_630, 6_630),
    "soh_reported_cpct": (56, 0, 9_600, 9_600),
    "remaining_energy_reported_wh": (12, 0, 37_200, 37_200),  # 0x5BC has 465 units of 80 Wh
}
ZE1_CHARGED = {
    "pack_voltage_mv": (458, 0, 388_500, 389_000),  # 96 cell blocks at 4.05 V
    "pack_current_ma": (458, 0, 0, 0),  # the battery alone on a bench
    "soc_reported_cpct": (46, 0, 8_660, 8_660),
    "soh_reported_cpct": (46, 0, 9_600, 9_600),
    "remaining_energy_reported_wh": (0, 9, 0, 0),  # the count stops at 50.0 kWh; 0x5BC has 51.0
}
CASES = [
    ("ZE0w24kWhstock.log", "EV-can_ZE0.dbc", "leaf_ze0", ZE0),
    ("ME0_40kWh_Startup.log", "EV-can_AZE0.dbc", "leaf_aze0", AZE0),
    ("ZE0w30kWhv2.48.log", "EV-can_ZE0.dbc", "leaf_ze0", UPGRADED),
    ("EV_can-bus_from_62_ZE1.txt", "EV-can_ZE1.dbc", "leaf_ze1", ZE1),
    ("62kWh-Battery-only-EVcan.txt", "EV-can_ZE1.dbc", "leaf_ze1", ZE1_CHARGED),
]


def measured(shared: Path, log: str, dbc: str, binding: str) -> tuple[Frames, SampleTable]:
    frames, _ = read_log((shared / "data/can/dalathegreat__EV-CANlogs/leaf" / log).read_bytes())
    decoder = load_dbc((shared / "data/can/dalathegreat__leaf_can_bus_messages" / dbc).read_bytes())
    bound = parse_binding((BINDINGS / f"{binding}.toml").read_text())
    return frames, apply_binding(bound, decoder, decoder.decode(frames))


@pytest.mark.parametrize(("log", "dbc", "binding", "expected"), CASES)
def test_values_and_start_up_codes(
    shared: Path, log: str, dbc: str, binding: str, expected: dict[str, tuple[int, int, int, int]]
) -> None:
    _, found = measured(shared, log, dbc, binding)
    assert set(found) == set(expected)
    for quantity, (valid, coded, lowest, highest) in expected.items():
        counts, values = found[quantity].counts, found[quantity].value[found[quantity].is_valid]
        assert counts == dict.fromkeys(Absence, 0) | {Absence.NONE: valid, Absence.NOT_AVAILABLE_CODE: coded}
        if valid:
            assert (values.min(), values.max()) == (lowest, highest), quantity


@pytest.mark.parametrize(("log", "dbc", "binding"), [case[:3] for case in CASES])
def test_health_is_the_upper_seven_bits_of_byte_4(shared: Path, log: str, dbc: str, binding: str) -> None:
    frames, found = measured(shared, log, dbc, binding)
    raw_bytes = frames.data[frames.can_id == 0x5BC, 4]
    assert len(raw_bytes)
    assert found["soh_reported_cpct"].value.tolist() == [100 * (int(byte) >> 1) for byte in raw_bytes]


@pytest.mark.parametrize("log", [case[0] for case in CASES if case[2] == "leaf_ze1"])
def test_health_of_frames_that_cantools_loses(shared: Path, log: str) -> None:
    path = shared / "data/can/dalathegreat__leaf_can_bus_messages/EV-can_ZE1.dbc"
    database: Any = cantools.database.load_file(path, strict=False)
    frames, found = measured(shared, log, "EV-can_ZE1.dbc", "leaf_ze1")
    health = frames.data[frames.can_id == 0x5BC]
    for data in health:
        with pytest.raises(cantools.database.errors.DecodeError):
            database.decode_message(0x5BC, bytes(data))
    assert found["soh_reported_cpct"].value.tolist() == [9_600] * len(health)


def test_windows_of_ten_seconds(shared: Path) -> None:
    _, found = measured(shared, *CASES[0][:3])
    summaries = windows(found, 10 * 10**9)
    assert len(summaries) == 9
    assert sum(window.quantities["pack_voltage_mv"].valid for window in summaries) == 7777
    assert summaries[0].quantities["pack_voltage_mv"].not_available == 4
    assert {(window.quantities["pack_voltage_mv"].mean_value or 0) // 1000 for window in summaries} <= {385, 386}
