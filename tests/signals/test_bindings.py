"""The shipped bindings: each fits its DBC, and means what cantools says of the same frames."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import cantools
import numpy as np
import pytest
from click.testing import CliRunner

from packseal.apps.window_records import SHIPPED_BINDINGS, BoundSignals
from packseal.cli import main
from packseal.errors import ConfigError
from packseal.frames import Frames
from packseal.signals import Absence, Decoder, SampleTable, apply_binding, load_dbc, parse_binding
from packseal.signals.compile import compile_table

ROOT = Path(__file__).parents[2]
LEAF = "data/can/dalathegreat__leaf_can_bus_messages"
OWN = ROOT / "dbc"
DBCS: dict[str, str | Path] = {  # binding: the folder of its DBC, in `shared` where it is not our own
    "foxbms2": "data/can/foxBMS__foxbms-2/tools/dbc",
    "leaf_aze0": LEAF,
    "leaf_ze0": LEAF,
    "leaf_ze1": LEAF,
    "packseal_board": OWN,
    "tesla_model3": "data/can/joshwardell__model3dbc",
}
NO_VALUE = "not a value"

# binding, message, its signals as cantools encodes them, the quantities as we read them
CASES: list[tuple[str, str, dict[str, Any], dict[str, int | str]]] = [
    (
        "tesla_model3",
        "ID132HVBattAmpVolt",
        {"BattVoltage132": 371.23, "SmoothBattCurrent132": 45.6},  # it drives
        {"pack_voltage_mv": 371_230, "pack_current_ma": -45_600},
    ),
    (
        "tesla_model3",
        "ID132HVBattAmpVolt",
        {"BattVoltage132": 655.35, "SmoothBattCurrent132": -120.0},  # it charges
        {"pack_voltage_mv": NO_VALUE, "pack_current_ma": 120_000},
    ),
    ("tesla_model3", "ID292BMS_SOC", {"SOCave292": 64.3, "SOCUI292": 61.0}, {"soc_reported_cpct": 6430}),
    ("tesla_model3", "ID292BMS_SOC", {"SOCave292": 102.3}, {"soc_reported_cpct": NO_VALUE}),
    (
        "tesla_model3",
        "ID332BattCellMinMax",
        {"BattCellMultiplexer332": 0, "BattCellTempMax332": 31.5, "BattCellTempMin332": -8.5},
        {"temperature_max_ddegc": 315, "temperature_min_ddegc": -85},
    ),
    (
        "tesla_model3",
        "ID332BattCellMinMax",
        {"BattCellMultiplexer332": 1, "BattCellBrickVoltageMax332": 3.912, "BattCellBrickVoltageMin332": 3.904},
        {"cell_voltage_max_mv": 3912, "cell_voltage_min_mv": 3904},
    ),
    (
        "tesla_model3",  # by place: the DBC has these two names the wrong way round
        "ID401CellVoltages",
        {"MultiplexSelector": 11, "Cell34": 3.9033, "Cell33": 3.9034, "Cell35": 0},
        {"cell_voltage_mv[33]": 3903, "cell_voltage_mv[34]": 3903, "cell_voltage_mv[35]": NO_VALUE},
    ),
    (
        "foxbms2",
        "f_PackValuesP0",
        {"BatteryVoltage": 66.6, "Current": 12.34},  # it discharges, as delivered
        {"pack_voltage_mv": 66_600, "pack_current_ma": -12_340},
    ),
    (
        "foxbms2",
        "f_PackStateEstimation",
        {"MinimumSoc": 71.2, "MaximumSoc": 74.2, "Energy": 19.2, "Soh": 100},
        {"soc_reported_cpct": 7120, "remaining_energy_reported_wh": 19_200},
    ),
    (
        "foxbms2",  # no string is connected
        "f_PackStateEstimation",
        {"MinimumSoc": 0, "Energy": 0, "Soh": 100},
        {"soc_reported_cpct": NO_VALUE, "remaining_energy_reported_wh": NO_VALUE},
    ),
    (
        "foxbms2",
        "f_PackMinMaxCellTemperature",
        {"MaximumCellTemperature": 29, "MinimumCellTemperature": -128},
        {"temperature_max_ddegc": 290, "temperature_min_ddegc": NO_VALUE},
    ),
    (
        "foxbms2",
        "f_PackMinMaxCellVoltage",
        {"MaximumCellVoltage": 4101, "MinimumCellVoltage": 4012},
        {"cell_voltage_max_mv": 4101, "cell_voltage_min_mv": 4012},
    ),
    (
        "foxbms2",
        "f_CellVoltages",
        {"f_CellVoltages_Mux": 4, "CellVoltage_016": 3700, "CellVoltage_017": 0},
        {"cell_voltage_mv[16]": 3700, "cell_voltage_mv[17]": NO_VALUE},
    ),
    (
        "foxbms2",
        "f_CellTemperatures",
        {"f_CellTemperatures_Mux": 1, "CellTemperature_006": 25, "CellTemperature_007": -4},
        {"sensor_temperature_ddegc[6]": 250, "sensor_temperature_ddegc[7]": -40},
    ),
    (
        "packseal_board",
        "PACKSEAL_Pack",
        {"PackVoltage": 48.123, "PackCurrent": -7.654},
        {"pack_voltage_mv": 48_123, "pack_current_ma": -7654},
    ),
    (
        "packseal_board",
        "PACKSEAL_Pack",
        {"PackVoltage": "not available", "PackCurrent": "not available"},
        {"pack_voltage_mv": NO_VALUE, "pack_current_ma": NO_VALUE},
    ),
    (
        "packseal_board",
        "PACKSEAL_Cells",
        {"CellVoltageMin": 3.301, "CellVoltageMax": 3.312, "TemperatureMin": -3.4, "TemperatureMax": "not available"},
        {
            "cell_voltage_min_mv": 3301,
            "cell_voltage_max_mv": 3312,
            "temperature_min_ddegc": -34,
            "temperature_max_ddegc": NO_VALUE,
        },
    ),
    (
        "packseal_board",
        "PACKSEAL_Health",
        {"StateOfCharge": 55.55, "SohCapacity": 91.02, "SohCapacityUncertainty": 1.2, "Resistance": 42.0},
        {"soc_reported_cpct": 5555, "soh_reported_cpct": 9102},
    ),
    (
        "packseal_board",
        "PACKSEAL_Health",
        {"StateOfCharge": 55.55, "SohCapacity": "not yet known"},
        {"soc_reported_cpct": 5555, "soh_reported_cpct": NO_VALUE},
    ),
]


def dbc_of(shared: Path, binding: str) -> Path:
    named = parse_binding((SHIPPED_BINDINGS / f"{binding}.toml").read_text())
    assert named.dbc
    return shared / DBCS[binding] / named.dbc  # an absolute folder stands for itself


@cache
def decoder_of(dbc: Path) -> Decoder:
    return load_dbc(dbc.read_bytes())


@cache
def database_of(dbc: Path) -> Any:
    return cantools.database.load_file(dbc, strict=False)


def read_with(dbc: Path, binding: str, can_id: int, *, is_extended: bool, data: bytes) -> SampleTable:
    frames = Frames(
        can_id=np.array([can_id], np.uint32),
        is_extended=np.array([is_extended]),
        time_ns=np.zeros(1, np.int64),
        channel=np.zeros(1, np.uint8),
        length=np.array([len(data)], np.uint8),
        data=np.frombuffer(data.ljust(8, b"\0"), np.uint8).reshape(1, 8).copy(),
    )
    decoder = decoder_of(dbc)
    bound = parse_binding((SHIPPED_BINDINGS / f"{binding}.toml").read_text())
    return apply_binding(bound, decoder, decoder.decode(frames))


def values_of(found: SampleTable) -> dict[str, int | str]:
    """The last value of each quantity that has a sample."""
    return {
        name: int(samples.value[-1]) if samples.absence[-1] == Absence.NONE else NO_VALUE
        for name, samples in found.items()
        if len(samples.value)
    }


def test_every_shipped_binding_is_tested() -> None:
    with_dbc = {path.stem for path in SHIPPED_BINDINGS.glob("*.toml") if "dbc" in tomllib.loads(path.read_text())}
    assert with_dbc == set(DBCS)


@pytest.mark.parametrize("binding", DBCS)
def test_fits_its_dbc_and_a_board(shared: Path, binding: str) -> None:
    bound = BoundSignals.load(dbc_of(shared, binding), Path(binding))
    assert bound.binding.name == binding
    table = compile_table(bound.binding, bound.decoder)
    assert {"pack_voltage_mv", "pack_current_ma"} <= set(table.signals)


@pytest.mark.parametrize(("binding", "message", "signals", "expected"), CASES)
def test_reads_what_cantools_writes(
    shared: Path, binding: str, message: str, signals: dict[str, Any], expected: dict[str, int | str]
) -> None:
    dbc = dbc_of(shared, binding)
    layout = database_of(dbc).get_message_by_name(message)
    others = {signal.name: signal.offset for signal in layout.signals}  # raw 0
    data = bytes(layout.encode(others | signals, strict=False))
    found = read_with(dbc, binding, layout.frame_id, is_extended=layout.is_extended_frame, data=data)
    values = values_of(found)
    assert {name: values[name] for name in expected} == expected


def test_a_binding_is_named_where_no_such_file_is(shared: Path, tmp_path: Path) -> None:
    dbc = dbc_of(shared, "leaf_ze1")
    shipped = (SHIPPED_BINDINGS / "leaf_ze1.toml").read_bytes()
    assert BoundSignals.load(dbc, tmp_path / "leaf_ze1").bind == shipped
    (tmp_path / "leaf_ze1").write_bytes(shipped + b"# mine\n")
    assert BoundSignals.load(dbc, tmp_path / "leaf_ze1").bind == shipped + b"# mine\n"


def test_a_name_that_is_none_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file.*no shipped binding.*did you mean leaf_ze1\?"):
        BoundSignals.load(OWN / "packseal.dbc", tmp_path / "leaf_ze9")
    with pytest.raises(ConfigError, match=r"pack\.toml: cannot be read: No such file"):
        BoundSignals.load(OWN / "packseal.dbc", tmp_path / "pack.toml")


def test_the_command_takes_the_name(tmp_path: Path) -> None:
    arguments = ["dbc", "compile", str(OWN / "packseal.dbc"), "--bind", "packseal_board", "-o", str(tmp_path / "table")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "pack_current_ma: PACKSEAL_Pack.PackCurrent" in result.output
