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
RIGHT: dict[str, dict[str, str | None]] = {  # None: nothing is to be suggested
    f"{LEAF}/EV-can_ZE0.dbc": {
        "pack_voltage_mv": "x1DB.LB_Total_Voltage",
        "pack_current_ma": "x1DB.LB_Current",
        "soc_reported_cpct": "x55B.LB_SOC",
        "soh_reported_cpct": "x5BC.LB_Capacity_Deterioration_Rate",
        "temperature_ddegc": "x5BC.LB_Average_Battery_Temperature",
        "temperature_min_ddegc": "x5C0.LB_HistData_Temperature_MIN",
        "temperature_max_ddegc": "x5C0.LB_HistData_Temperature_MAX",
        "remaining_energy_reported_wh": None,
    },
    f"{LEAF}/EV-can_AZE0.dbc": {
        "pack_voltage_mv": "x1DB.LB_Total_Voltage",
        "pack_current_ma": "x1DB.LB_Current",
        "soc_reported_cpct": "x55B.LB_SOC",  # the other one is what the driver sees
        "soh_reported_cpct": "x5BC.LB_Capacity_Deterioration_Rate",
        "temperature_ddegc": "x5C0.LB_HistData_Temperature_AVG",
        "temperature_min_ddegc": "x5C0.LB_HistData_Temperature_MIN",
        "temperature_max_ddegc": "x5C0.LB_HistData_Temperature_MAX",
    },
    f"{LEAF}/EV-can_ZE1.dbc": {
        "pack_voltage_mv": "x1DB.LB_Total_Voltage",
        "pack_current_ma": "x1DB.LB_Current",
        "soc_reported_cpct": "x55B.LB_SOC",
        "soh_reported_cpct": "x5BC.LB_Capacity_Deterioration_Rate",
        "temperature_ddegc": "x5C0.LB_HistData_Temperature_AVG",
        "remaining_energy_reported_wh": "x59E.LB_Remain_Capacity_for_QC",  # by its unit
    },
    "joshwardell__model3dbc/Model3CAN.dbc": {
        "pack_voltage_mv": "ID132HVBattAmpVolt.BattVoltage132",
        "pack_current_ma": "ID132HVBattAmpVolt.SmoothBattCurrent132",
        "soc_reported_cpct": "ID292BMS_SOC.SOCave292",
        "temperature_ddegc": None,  # that of the 12 V battery is not it
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
        "soc_reported_cpct": "f_PackStateEstimation.MinimumSoc",
        "soh_reported_cpct": "f_PackStateEstimation.Soh",
        "temperature_ddegc": None,  # that of one sensor, or of the shunt, is not it
        "temperature_min_ddegc": "f_PackMinMaxCellTemperature.MinimumCellTemperature",
        "cell_voltage_min_mv": "f_PackMinMaxCellVoltage.MinimumCellVoltage",
        "cell_voltage_max_mv": "f_PackMinMaxCellVoltage.MaximumCellVoltage",
        "cell_voltage_mv[17]": "AFE_CellVoltages.CellVoltage_017",
        "sensor_temperature_ddegc[3]": "AFE_CellTemperatures.CellTemperature_003",
    },
}
SHIPPED = {
    f"{LEAF}/EV-can_ZE0.dbc": "leaf_ze0",
    f"{LEAF}/EV-can_AZE0.dbc": "leaf_aze0",
    f"{LEAF}/EV-can_ZE1.dbc": "leaf_ze1",
    "joshwardell__model3dbc/Model3CAN.dbc": "tesla_model3",
    "foxBMS__foxbms-2/tools/dbc/foxbms.dbc": "foxbms2",
}
OWN: dict[str, str | None] = {
    "pack_voltage_mv": "PACKSEAL_Pack.PackVoltage",
    "pack_current_ma": "PACKSEAL_Pack.PackCurrent",
    "soc_reported_cpct": "PACKSEAL_Health.StateOfCharge",
    "soh_reported_cpct": "PACKSEAL_Health.SohCapacity",
    "cell_voltage_min_mv": "PACKSEAL_Cells.CellVoltageMin",
}
MADE: dict[str, str | None] = {
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


def found(binding: Binding, quantities: dict[str, str | None]) -> dict[str, str | None]:
    return {name: binding.every[name].signal if name in binding.every else None for name in quantities}


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


def test_it_is_what_people_bound_by_hand(shared: Path) -> None:
    """The shipped bindings were written from logs and papers."""
    known = suggestions = 0
    for name, shipped in SHIPPED.items():
        ours, _ = suggested((shared / "data/can" / name).read_bytes())
        theirs = parse_binding((ROOT / f"gateway/packseal/signals/bindings/{shipped}.toml").read_text())
        differing = {
            quantity
            for quantity, bound in theirs.quantities.items()
            if quantity in ours.quantities and ours.quantities[quantity].signal != bound.signal
        }
        assert not differing, shipped
        known += len(theirs.quantities)
        suggestions += len(theirs.quantities.keys() & ours.quantities.keys())
    assert suggestions >= known - 1 > 30


def test_a_percentage_in_tenths_is_seen_by_its_bits(shared: Path) -> None:
    """10 bits, which reach 1023, in a unit that reads "%+1": 0.1 % a bit."""
    binding, _ = suggested((shared / "data/can" / f"{LEAF}/EV-can_ZE0.dbc").read_bytes())
    assert binding.quantities["soc_reported_cpct"].factor == 10


def said_of(signal: str) -> str:
    text = f'VERSION ""\nBU_: A\nBO_ 1 Pack: 8 A\n SG_ {signal} A\n'
    return suggest_binding(load_dbc(text.encode()), "x", "x.dbc")


@pytest.mark.parametrize(
    ("span", "expected"),
    [("-400|200", "charging"), ("-200|400", "discharging"), ("-400|400", "charging"), ("0|0", "charging")],
)
def test_the_direction_of_a_current_is_guessed_by_its_range(span: str, expected: str) -> None:
    said = said_of(f'PackCurrent : 0|16@1- (0.1,0) [{span}] "A"')
    assert parse_binding(said).quantities["pack_current_ma"].positive_when == expected
    assert ("as discharging does" in said) == (span in ("-400|200", "-200|400"))


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        ('PackVoltage : 0|16@1+ (0.1,0) [0|450] "V"', (10_000, 450_000)),
        ('PackVoltage : 0|16@1+ (0.1,0) [0|0] "V"', (10_000, 1_500_000)),
        ('PackVoltage : 0|16@1+ (0.1,0) [0|65535] "V"', (10_000, 1_500_000)),
        ('PackVoltage : 0|12@1+ (0.125,0) [0|4095] "V"', (10_000, 1_500_000)),  # of raw values
        ('PackVoltage : 0|16@1+ (0.1,0) [0|5] "V"', (10_000, 1_500_000)),  # of no pack
    ],
)
def test_what_is_valid_is_what_both_the_dbc_and_a_pack_allow(signal: str, expected: tuple[int, int]) -> None:
    assert parse_binding(said_of(signal)).quantities["pack_voltage_mv"].valid == expected


@pytest.mark.parametrize(
    ("signal", "is_said"),
    [
        ('PackVoltage : 0|10@1+ (0.5,0) [0|0] "V"', True),
        ('PackVoltage : 0|10@1+ (0.5,0) [0|450] "V"', False),
        ('PackVoltage : 0|16@1+ (0.1,0) [0|0] "V"', False),
    ],
)
def test_a_start_code_that_would_pass_for_a_value_is_pointed_out(signal: str, is_said: bool) -> None:
    assert ("# not_available = [1023], where 511.5 V is what it sends before" in said_of(signal)) == is_said


def test_confidence_falls_with_doubts() -> None:
    voltage = 'PackVoltage : 0|16@1+ (0.1,0) [0|0] "V"'
    assert "confidence high: its name says" in said_of(voltage)
    assert "confidence medium: its name says" in said_of(f"{voltage} A\n SG_ BatteryVoltage : 16|{voltage[16:]}")
    assert "confidence low: its name says" in said_of(voltage.replace('"V"', '""'))


def test_codes_of_the_dbc_are_taken_over() -> None:
    binding, decoder = suggested((ROOT / "dbc/packseal.dbc").read_bytes())
    assert binding.quantities["pack_current_ma"].not_available == (-(2**31),)
    for bound in binding.quantities.values():
        assert bound.not_available == tuple(first for first, _ in decoder.signals[bound.signal].absent_codes)


def test_too_many_codes_are_named_and_not_listed() -> None:
    text = (
        'VERSION ""\nBU_: A\nBO_ 2566848510 Pack: 8 A\n SG_ PackVoltage : 0|16@1+ (0.1,0) [0|0] "V" A\n'
        'BA_DEF_ "ProtocolType" STRING ;\nBA_DEF_DEF_ "ProtocolType" "J1939";\n'
    )
    said = suggest_binding(load_dbc(text.encode()), "x", "x.dbc")
    assert "# the raw values 64256 to 65535 are none" in said
    assert parse_binding(said).quantities["pack_voltage_mv"].not_available == ()


def test_cells_that_find_no_room_are_counted(shared: Path) -> None:
    content = (shared / "data/can/foxBMS__foxbms-2/tools/dbc/foxbms.dbc").read_bytes()
    said = suggest_binding(load_dbc(content), "x", "x.dbc")
    assert "128 of 216, with which a record is full" in said
    assert parse_binding(said).cell_blocks == 216
    assert "# of the same names in f_CellVoltages\n" in said


@pytest.mark.parametrize("name", ['a "b" 😀.dbc', "back\\slash\x7f.dbc", "not utf-8 \udcff.dbc", "line\nbreak.dbc"])
def test_any_name_of_a_file_can_be_written(name: str) -> None:
    decoder = load_dbc((ROOT / "dbc/packseal.dbc").read_bytes())
    assert parse_binding(suggest_binding(decoder, "x", name)).dbc == name.replace("\udcff", "?")


def test_a_dbc_of_something_else_is_refused() -> None:
    content = b'VERSION ""\nNS_ :\nBS_:\nBU_: A\nBO_ 1 Door: 8 A\n SG_ IsOpen : 0|1@1+ (1,0) [0|1] "" A\n'
    with pytest.raises(BindingError, match="no signal looks like one of a pack"):
        suggest_binding(load_dbc(content), "x", "x.dbc")


def test_parts_alone_make_no_binding(shared: Path) -> None:
    content = (shared / "data/can/cantools__cantools/tests/files/dbc/msxii_system_can.dbc").read_bytes()
    with pytest.raises(BindingError, match=r"only MODULE_TEMP_\{00\.\.31\} of its parts"):
        suggest_binding(load_dbc(content), "x", "x.dbc")


def test_every_real_dbc_gives_a_binding_or_is_refused(shared: Path) -> None:
    refused = []
    paths = sorted((shared / "data/can").rglob("*.dbc"))
    for path in paths:
        try:
            suggested(path.read_bytes())
        except (DBCError, BindingError) as error:
            refused.append(str(error))
    assert len(paths) - len(refused) >= 14
    assert all("no signal looks like one of a pack" in words or words.startswith("line ") for words in refused)


@given(st.text(max_size=80))
@settings(deadline=None)
def test_names(text: str) -> None:
    name = binding_name(text)
    parsed = parse_binding(
        f'format = 1\nname = "{name}"\nbattery = "x"\ndbc = "x"\n'
        '[quantities.pack_voltage_mv]\nsignal = "V"\nfactor = 1\nvalid = [0, 1]\n'
    )
    assert parsed.name == name
