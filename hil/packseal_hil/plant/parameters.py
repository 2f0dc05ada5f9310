"""What a pack is made of: a chemistry's tables as arrays, and the numbers of a pack built from it.

The tables come from PyBaMM (benchmarks/hil/make_tables.py). What PyBaMM's sets do not have is here, in round figures of
our own within what is published for such cells, each with its reason: hysteresis, ageing, spread, heat. docs/plant.md
names what that leaves out.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np

from packseal_hil.readings import Floats


class CellType(StrEnum):
    NMC = "nmc"
    LFP = "lfp"


@dataclass(frozen=True, slots=True)
class Tables:
    """ocv_v: [loss, soc]; resistance_v: [temperature, soc, R0 and those of tau_s], V per C-rate of the fresh cell;
    bend_c: [temperature], the C-rate from which R0 falls, as R0 Ib asinh(I / Ib)."""

    v_min: float
    v_max: float
    losses: Floats
    soc: Floats
    ocv_v: Floats
    tau_s: Floats
    temperatures_c: Floats
    bend_c: Floats
    resistance_soc: Floats
    resistance_v: Floats


@dataclass(frozen=True, slots=True)
class Ageing:
    """Of capacity. Calendar: with the root of time, at 25 °C and half charge; doubles as Arrhenius says; linear in
    charge. Cycles: with throughput. Resistance grows by so much for each part of capacity that is lost."""

    calendar_per_root_year: float
    calendar_activation_k: float  # activation energy over the gas constant
    calendar_empty: float  # its pace at no charge, where half charge is 1; as much above 1 when full
    per_cycle: float  # of capacity, for a full equivalent cycle
    resistance_per_loss: float


@dataclass(frozen=True, slots=True)
class PackParameters:
    """Of a pack; capacity and heat are those of one cell block. Spreads are standard deviations, parts of the mean."""

    cell_type: CellType = CellType.NMC
    block_capacity_ah: float = 5.0
    hysteresis_v: float = 0.004  # half the gap of the two branches
    hysteresis_per_charge: float = 40.0  # the other branch is reached within some per cent of charge
    ageing: Ageing = Ageing(0.016, 4800.0, 0.6, 1.0e-4, 2.0)
    capacity_spread: float = 0.008
    resistance_spread: float = 0.03
    pace_spread: float = 0.10  # of ageing
    soc_spread: float = 0.003  # in charge, added
    string_ohm: float = 0.0005  # bars and contactor of a string
    self_discharge_per_month: float = 0.01  # of capacity, at half charge
    heat_capacity_j_per_k: float = 72.0
    to_neighbour_w_per_k: float = 0.3
    to_ambient_w_per_k: float = 0.035
    blocks_per_sensor: int = 6  # of temperature
    sensor_noise_mv: float = 0.6
    sensor_offset_mv: float = 1.0  # a front end's own, for each block
    current_noise_ma: float = 15.0
    current_offset_ma: float = 20.0

    def __post_init__(self) -> None:
        if not (self.block_capacity_ah > 0 and self.heat_capacity_j_per_k > 0 and self.blocks_per_sensor > 0):
            raise ValueError("a block's capacity, its heat capacity and the blocks of a sensor must be above 0")


def parameters_of(cell_type: CellType, block_capacity_ah: float) -> PackParameters:
    """A pack of this chemistry, its heat in proportion to its size: 14 J/K and 7 mW/K to the air for each Ah, that is
    half an hour
    to warm or cool in the still air of a case; bars between blocks. Raises ValueError for no capacity."""
    if block_capacity_ah <= 0:
        raise ValueError("the capacity of a cell block must be above 0")
    size = {
        "block_capacity_ah": block_capacity_ah,
        "heat_capacity_j_per_k": 14.4 * block_capacity_ah,
        "to_neighbour_w_per_k": 0.06 * block_capacity_ah,
        "to_ambient_w_per_k": 0.007 * block_capacity_ah,
        "string_ohm": 0.0025 / block_capacity_ah,
        "current_noise_ma": 3.0 * block_capacity_ah,
        "current_offset_ma": 4.0 * block_capacity_ah,
    }
    if cell_type is CellType.NMC:
        return PackParameters(cell_type, **size)  # type: ignore[arg-type]
    return PackParameters(
        cell_type,
        hysteresis_v=0.010,  # of two phases: an order above that of a solid solution (Dreyer and others, 2010)
        ageing=Ageing(0.014, 3500.0, 0.75, 4.5e-5, 1.5),
        **size,  # type: ignore[arg-type]
    )


@cache
def tables_of(cell_type: CellType) -> Tables:
    source = importlib.import_module(f"packseal_hil.plant.tables_{cell_type.value}")
    v_min, v_max = (limit / 1e6 for limit in source.LIMITS_UV)
    return Tables(
        v_min,
        v_max,
        np.array(source.LOSSES_PCT) / 100,
        _steps(*source.SOC_CPCT),
        np.array(source.OCV_UV) / 1e6,
        np.array(source.TAU_MS) / 1e3,
        np.array(source.TEMPERATURES_C, np.float64),
        np.array(source.BEND_CPCT) / 1e4,
        _steps(*source.RESISTANCE_SOC_CPCT),
        np.moveaxis(np.array(source.RESISTANCE_UV) / 1e6, 1, 2).copy(),
    )


def _steps(first_cpct: int, last_cpct: int, step_cpct: int) -> Floats:
    return np.arange(first_cpct, last_cpct + 1, step_cpct) / 1e4
