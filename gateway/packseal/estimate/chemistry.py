"""What a cell of one chemistry looks like at rest, new and in every state of ageing that is held possible.

A cell is two half-cell curves and three amounts of charge (Birkl et al., J. Power Sources 341, 373, 2017): how much the
negative and the positive electrode can hold, and how much lithium there is to share. Ageing changes the amounts only,
so a grid over their losses holds every path a cell can age on, and none has to be guessed. Where nothing but one curve
of open-circuit voltage is known, all that can be said of an aged cell is that its curve has shrunk; `is_path_known`
tells who uses it that loss of lithium then goes unseen in a narrow span.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]

STEP_MV = 5  # of the tables over voltage
MARGIN_MV = 60  # tables go on beyond both ends by this, so that a shifted curve can still be looked up
STEEP_MV = 15
LEAST_RETENTION = 0.5
_LITHIUM_LOSSES = np.arange(0, 0.401, 0.025)
_MATERIAL_LOSSES = np.arange(0, 0.301, 0.05)
# exponential priors: most packs lose lithium first, and large losses of a whole electrode are rare (Dubarry et al.
# 2012)
_TYPICAL_LITHIUM_LOSS, _TYPICAL_MATERIAL_LOSS = 0.2, 0.1
_AMOUNT_STEPS = 1500


@dataclass(frozen=True, slots=True)
class HalfCells:
    """Potentials of the two electrodes against lithium. Stoichiometries rise, in ppm; potentials fall, in 0.1 mV.

    amounts_ppm: what the negative and the positive electrode can hold, and the lithium they share, in ppm of the
    capacity of a new cell.
    """

    amounts_ppm: tuple[int, int, int]
    negative_ppm: tuple[int, ...]
    negative_dmv: tuple[int, ...]
    positive_ppm: tuple[int, ...]
    positive_dmv: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chemistry:
    """One cell type. window_mv: the voltages of an empty and of a full cell, which the capacity is counted between.

    ocv_mv is the open-circuit voltage of a new cell at equal steps of state of charge, empty first; half_cells, where
    they are known, say how that curve ages. One of the two has to be given.
    """

    name: str
    window_mv: tuple[int, int]
    ocv_mv: tuple[int, ...] = ()
    half_cells: HalfCells | None = None

    def __post_init__(self) -> None:
        if self.half_cells is None and len(self.ocv_mv) < 3:
            raise ValueError(f"chemistry {self.name}: give half_cells, or ocv_mv with at least 3 voltages, empty first")
        if any(after < before for before, after in zip(self.ocv_mv, self.ocv_mv[1:], strict=False)):
            raise ValueError(f"chemistry {self.name}: ocv_mv has to rise from empty to full")


@dataclass(frozen=True, slots=True)
class Candidates:
    """K states of ageing, over G voltages.

    charge     [K, G]  charge from empty to that voltage, in parts of the capacity when new
    retention  [K]     capacity, likewise
    lithium_loss, negative_loss, positive_loss  [K]
    log_prior  [K]
    """

    first_mv: int
    charge: F64
    retention: F64
    lithium_loss: F64
    negative_loss: F64
    positive_loss: F64
    log_prior: F64
    window_mv: tuple[int, int]
    is_path_known: bool

    def column(self, voltage_mv: int) -> int:
        """Of the table; voltages beyond it count as its ends."""
        return min(max((voltage_mv - self.first_mv) // STEP_MV, 0), int(self.charge.shape[1]) - 1)

    def steepest(self, marks_mv: npt.NDArray[np.int64]) -> F64:
        """Charge per mV of a new cell about each mark, the most within STEEP_MV: where a curve is flat, a small error
        of voltage is worth much charge, whatever a measured curve shows there."""
        reach = STEEP_MV // STEP_MV
        slope = np.gradient(self.charge[0]) / STEP_MV
        at = np.clip((marks_mv - self.first_mv) // STEP_MV, reach, slope.size - reach - 1)
        windows = np.stack([slope[at + step] for step in range(-reach, reach + 1)])
        result: F64 = windows.max(axis=0)
        return result

    def coverage(self, low_mv: int, high_mv: int) -> float:
        """The part of a new cell's capacity that lies between two voltages."""
        return float(self.charge[0, self.column(high_mv)] - self.charge[0, self.column(low_mv)])


@lru_cache(maxsize=8)  # 40 ms and 2 MB each; a site has few chemistries
def candidates(chemistry: Chemistry) -> Candidates:
    low_mv, high_mv = chemistry.window_mv
    first_mv = (low_mv - MARGIN_MV) // 10 * 10  # so that the marks of charges fall on columns
    voltages = np.arange(first_mv, high_mv + MARGIN_MV + 1, STEP_MV, dtype=np.float64)
    if chemistry.half_cells is None:
        return _shrunk(chemistry, voltages)
    return _aged(chemistry.half_cells, chemistry.window_mv, voltages)


def _shrunk(chemistry: Chemistry, voltages: F64) -> Candidates:
    soc = np.interp(voltages, np.array(chemistry.ocv_mv, np.float64), np.linspace(0, 1, len(chemistry.ocv_mv)))
    retention = np.arange(1, LEAST_RETENTION - 0.001, -0.01)
    loss = 1 - retention
    prior = -loss / _TYPICAL_LITHIUM_LOSS
    charge = retention[:, None] * soc[None, :]
    return Candidates(
        int(voltages[0]), charge, retention, loss, loss, loss, prior, chemistry.window_mv, is_path_known=False
    )


def _aged(half_cells: HalfCells, window_mv: tuple[int, int], voltages: F64) -> Candidates:
    losses = [
        (lithium, negative, positive)
        for lithium in _LITHIUM_LOSSES
        for negative in _MATERIAL_LOSSES
        for positive in _MATERIAL_LOSSES
    ]
    rows = [_charge(half_cells, window_mv, loss, voltages) for loss in losses]
    whole = np.array([row[1] for row in rows])
    new = whole[0]  # the amounts are rounded to ppm: capacities are told in parts of what they make
    kept = whole >= LEAST_RETENTION * new
    lithium, negative, positive = (np.array(column)[kept] for column in zip(*losses, strict=True))
    prior = -lithium / _TYPICAL_LITHIUM_LOSS - (negative + positive) / _TYPICAL_MATERIAL_LOSS
    charge = np.array([row[0] for row in rows])[kept] / new
    return Candidates(
        int(voltages[0]), charge, whole[kept] / new, lithium, negative, positive, prior, window_mv, is_path_known=True
    )


def _charge(
    half_cells: HalfCells, window_mv: tuple[int, int], losses: Sequence[float], voltages: F64
) -> tuple[F64, float]:
    """(charge from empty to each voltage, capacity) of a cell with these losses, in parts of a new cell's capacity."""
    negative, positive, lithium = (amount / 1e6 for amount in half_cells.amounts_ppm)
    lithium, negative, positive = lithium - losses[0], negative * (1 - losses[1]), positive * (1 - losses[2])
    low, high = max(0.0, lithium - positive), min(negative, lithium)
    if high <= low:
        return np.zeros(len(voltages)), 0.0
    inside = np.linspace(low, high, _AMOUNT_STEPS)  # lithium in the negative electrode
    open_mv = np.maximum.accumulate(
        _potential_mv(half_cells.positive_ppm, half_cells.positive_dmv, (lithium - inside) / positive)
        - _potential_mv(half_cells.negative_ppm, half_cells.negative_dmv, inside / negative)
    )
    empty, full = np.interp(window_mv, open_mv, inside)
    return np.interp(voltages, open_mv, inside) - empty, float(full - empty)


def _potential_mv(ppm: tuple[int, ...], dmv: tuple[int, ...], stoichiometry: F64) -> F64:
    result: F64 = np.interp(stoichiometry * 1e6, ppm, dmv) / 10
    return result
