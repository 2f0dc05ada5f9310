"""The DBC and the binding of each dialect of can_frames.py, and the table that a board decodes it by."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import packseal_hil
from packseal.signals import load_dbc, parse_binding
from packseal.signals.compile import compile_table
from packseal_hil.bms.can_frames import CELLS_1, CELLS_2, CELLS_ID, CHARGE_ID, ON_A_PAGE, PACKSEAL, SENSORS_ID, STATE_ID
from packseal_hil.protocols import BenchError


def can_table(dialect: str, cell_blocks: int, sensors: int) -> bytes:
    """For `Target.start`, with a configuration of source `can`. Raises ValueError for a dialect that there is not."""
    binding = parse_binding(binding_text(dialect, cell_blocks, sensors))
    return compile_table(binding, load_dbc(dbc_text(dialect, cell_blocks, sensors).encode())).content


def dbc_text(dialect: str, cell_blocks: int, sensors: int) -> str:
    """Raises BenchError where dbc/packseal.dbc is wanted and is not there: no installed package has it."""
    if dialect == PACKSEAL:
        path = Path(packseal_hil.__file__).parents[2] / "dbc" / "packseal.dbc"
        if not path.is_file():
            raise BenchError(f"{path} is not there; run from a checkout, or take the dialect {CELLS_1}")
        return path.read_text()
    is_second = _is_second(dialect)
    lines = ['VERSION "2"' if is_second else 'VERSION "1"', "NS_ :", "BS_:", "BU_: BMS"]
    lines += [f"BO_ {STATE_ID} PACK_State: 8 BMS", ' SG_ PackVoltage : 0|32@1+ (0.001,0) [0|2000] "V" Vector__XXX']
    lines += [f' SG_ PackCurrent : 32|32@1- ({"0.01" if is_second else "0.001"},0) [-5000|5000] "A" Vector__XXX']
    lines += [f"BO_ {CHARGE_ID} PACK_Charge: 8 BMS", ' SG_ Soc : 0|16@1+ (0.01,0) [0|100] "%" Vector__XXX']
    health = "16|8@1+ (0.5,0)" if is_second else "16|16@1+ (0.01,0)"
    contactor = 24 if is_second else 32
    lines += [f' SG_ Soh : {health} [0|100] "%" Vector__XXX']
    lines += [f' SG_ ContactorClosed : {contactor}|1@1+ (1,0) [0|1] "" Vector__XXX']
    lines += _paged(CELLS_ID, "PACK_Cells", "Cell", cell_blocks, '{place}+ (0.001,0) [0|6.5] "V"', is_second)
    lines += _paged(SENSORS_ID, "PACK_Sensors", "T", sensors, '{place}- (0.1,0) [-60|150] "degC"', is_second)
    return "\n".join(lines) + "\n"


def binding_text(dialect: str, cell_blocks: int, sensors: int) -> str:
    if dialect == PACKSEAL:
        return (files("packseal.signals") / "bindings" / "packseal_board.toml").read_text()
    positive_when = "discharging" if _is_second(dialect) else "charging"
    return f"""
format = 1
name = "bench_pack"
battery = "the pack of the bench"
dbc = "bench_pack.dbc"
cell_blocks = {cell_blocks}

[quantities.pack_voltage_mv]
signal = "PACK_State.PackVoltage"
factor = 1000
valid = [0, 2000000]

[quantities.pack_current_ma]
signal = "PACK_State.PackCurrent"
factor = 1000
positive_when = "{positive_when}"
valid = [-5000000, 5000000]

[quantities.soc_reported_cpct]
signal = "PACK_Charge.Soc"
factor = 100
valid = [0, 10000]

[quantities.soh_reported_cpct]
signal = "PACK_Charge.Soh"
factor = 100
valid = [0, 10000]

[numbered.cell_voltage_mv]
signals = ["PACK_Cells.Cell_{{1..{cell_blocks}}}"]
factor = 1000
valid = [500, 5000]

[numbered.sensor_temperature_ddegc]
signals = ["PACK_Sensors.T_{{1..{sensors}}}"]
factor = 10
valid = [-600, 1500]
"""


def _paged(can_id: int, message: str, signal: str, count: int, shape: str, is_big_endian: bool) -> Sequence[str]:
    lines = [f"BO_ {can_id} {message}: 8 BMS", f' SG_ {signal}Page M : 0|8@1+ (1,0) [0|255] "" Vector__XXX']
    for number in range(count):
        page, place = divmod(number, ON_A_PAGE)
        first_bit = 16 + 16 * place
        bits = f"{first_bit + 7}|16@0" if is_big_endian else f"{first_bit}|16@1"
        lines.append(f" SG_ {signal}_{number + 1} m{page} : {shape.format(place=bits)} Vector__XXX")
    return lines


def _is_second(dialect: str) -> bool:
    if dialect not in (CELLS_1, CELLS_2):
        raise ValueError(f"{dialect}: no dialect of this BMS; there are {PACKSEAL}, {CELLS_1}, {CELLS_2}")
    return dialect == CELLS_2
