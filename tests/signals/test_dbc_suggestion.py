"""Suggested bindings: which quantities are found in real DBCs, and that what is written is a binding."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.can import pack_dbc
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import BindingError, DBCError
from packseal.signals import load_dbc, parse_binding, resolve
from packseal.signals.binding import Binding
from packseal.signals.dbc_suggestion import binding_name, suggest_binding
from packseal.signals.decoder import Decoder

ROOT = Path(__file__).resolve().parents[2]
LEAF = "dalathegreat__leaf_can_bus_messages"
RIGHT = {
    f"{LEAF}/EV-can_ZE0.dbc": {
        "pack_voltage_mv": "x1DB.LB_Total_Voltage",
        "pack_current_ma": "x1DB.LB_Current",
        "soc_reported_cpct": "x55B.LB_SOC",
        "soh_reported_cpct": "x5BC.LB_Capacity_Deterioration_Rate",
        "temperature_min_ddegc": "x5C0.LB_HistData_Temperature_MIN",
        "temperature_max_ddegc": "x5C0.LB_HistData_Temperature_MAX",
    },
    f"{LEAF}/EV-can_ZE1.dbc": {
        "pack_voltage_mv": "x1DB.LB_Total_Voltage",
        "pack_current_ma": "x1DB.LB_Current",
        "soh_reported_cpct": "x5BC.LB_Capacity_Deterioration_Rate",
        "temperature_ddegc": "x5C0.LB_HistData_Temperature_AVG",
    },
    "joshwardell__model3dbc/Model3CAN.dbc": {
        "pack_voltage_mv": "ID132HVBattAmpVolt.BattVoltage132",
        "pack_current_ma": "ID132HVBattAmpVolt.SmoothBattCurrent132",
        "soc_reported_cpct": "ID33AUI_rangeSOC.UI_SOC",
        "temperature_min_ddegc": "ID332BattCellMinMax.BattCellTempMin332",
        "temperature_max_ddegc": "ID332BattCellMinMax.BattCellTempMax332",
        "cell_voltage_min_mv": "ID332BattCellMinMax.BattCellBrickVoltageMin332",
        "cell_voltage_max_mv": "ID332BattCellMinMax.BattCellBrickVoltageMax332",
        "remaining_energy_reported_wh": "ID352BMS_energyStatus.BMS_nominalEnergyRemaining",
        "cell_voltage_mv[107]": "Cell107",
    },
    "foxBMS__foxbms-2/tools/dbc/foxbms.dbc": {
        "pack_voltage_mv": "f_PackValuesP0.BatteryVoltage",
        "pack_current_ma": "f_PackValuesP0.Current",
        "soh_reported_cpct": "f_PackStateEstimation.Soh",
        "cell_voltage_min_mv": "f_PackMinMaxCellVoltage.MinimumCellVoltage",
        "cell_voltage_max_mv": "f_PackMinMaxCellVoltage.MaximumCellVoltage",
        "cell_voltage_mv[17]": "AFE_CellVoltages.CellVoltage_017",
        "sensor_temperature_ddegc[3]": "AFE_CellTemperatures.CellTemperature_003",
    },
}
OWN = {
    "pack_voltage_mv": "PACKSEAL_Pack.PackVoltage",
    "pack_current_ma": "PACKSEAL_Pack.PackCurrent",
    "soc_reported_cpct": "PACKSEAL_Health.StateOfCharge",
    "soh_reported_cpct": "PACKSEAL_Health.SohCapacity",
    "cell_voltage_min_mv": "PACKSEAL_Cells.CellVoltageMin",
}
MADE = {
    "pack_voltage_mv": "PackStatus.PackVoltage",
    "soc_reported_cpct": "PackStatus.StateOfCharge",
    "temperature_min_ddegc": "CellExtremes.LowestTemperature",
    "cell_voltage_max_mv": "CellExtremes.HighestVoltage",
    "cell_voltage_mv[95]": "Cell_95",
    "sensor_temperature_ddegc[31]": "Sensor_31",
}


def suggested(content: bytes) -> tuple[Binding, Decoder]:
    decoder = load_dbc(content)
    binding = parse_binding(suggest_binding(decoder, "tried", 'a "b".dbc'))
    assert binding.dbc == 'a "b".dbc'
    resolve(binding, decoder)
    return binding, decoder


def found(binding: Binding, quantities: dict[str, str]) -> dict[str, str]:
    return {name: binding.every[name].signal for name in quantities if name in binding.every}


@pytest.mark.parametrize("name", RIGHT)
def test_real_files(shared: Path, name: str) -> None:
    binding, _ = suggested((shared / "data/can" / name).read_bytes())
    assert found(binding, RIGHT[name]) == RIGHT[name]


def test_own_files() -> None:
    assert found(suggested((ROOT / "dbc/packseal.dbc").read_bytes())[0], OWN) == OWN
    binding, _ = suggested(pack_dbc.classic().encode())
    assert found(binding, MADE) == MADE
    assert binding.cell_blocks == 96
    factors = {name: int(bound.factor) for name, bound in binding.every.items()}
    assert factors["pack_voltage_mv"] == factors["cell_voltage_mv[0]"] == 1000
    assert factors["sensor_temperature_ddegc[0]"] == 10


def test_a_dbc_of_something_else_is_refused() -> None:
    content = b'VERSION ""\nNS_ :\nBS_:\nBU_: A\nBO_ 1 Door: 8 A\n SG_ IsOpen : 0|1@1+ (1,0) [0|1] "" A\n'
    with pytest.raises(BindingError, match="no signal looks like one of a pack"):
        suggest_binding(load_dbc(content), "x", "x.dbc")


def test_every_real_dbc_gives_a_binding_or_is_refused(shared: Path) -> None:
    refused = []
    paths = sorted((shared / "data/can").rglob("*.dbc"))
    for path in paths:
        try:
            suggested(path.read_bytes())
        except (DBCError, BindingError) as error:
            refused.append(str(error))
    assert len(paths) - len(refused) >= 15
    assert all("no signal looks like one of a pack" in words or words.startswith("line ") for words in refused)


@given(st.text(max_size=80))
@settings(deadline=None)
def test_names(text: str) -> None:
    name = binding_name(text)
    parse_binding(
        f'format = 1\nname = "{name}"\nbattery = "x"\ndbc = "x"\n'
        '[quantities.pack_voltage_mv]\nsignal = "V"\nfactor = 1\nvalid = [0, 1]\n'
    )
