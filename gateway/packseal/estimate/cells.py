"""Cells whose half-cell potentials others have published as formulas: what a `chemistry` in the settings means.

NMC 811 against graphite with silicon: Chen et al., J. Electrochem. Soc. 167, 080534, 2020. LFP: Afshar et al.,
arXiv 1709.03970, 2017, against the same graphite.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from packseal.estimate.chemistry import Chemistry, HalfCells

F64 = npt.NDArray[np.float64]

TABLE_PPM = np.unique(
    np.concatenate(
        [[-20_000], np.geomspace(100, 20_000, 40), np.linspace(20_000, 980_000, 193), [990_000, 1_000_000, 1_020_000]]
    ).round()
).astype(np.int64)
STEEP_V = 1.5  # beyond an empty or a full electrode


def graphite_v(x: F64) -> F64:
    result: F64 = (
        1.9793 * np.exp(-39.3631 * x)
        + 0.2482
        - 0.0909 * np.tanh(29.8538 * (x - 0.1234))
        - 0.04478 * np.tanh(14.9159 * (x - 0.2769))
        - 0.0205 * np.tanh(30.4444 * (x - 0.6103))
    )
    return result


def nmc811_v(y: F64) -> F64:
    result: F64 = (
        -0.8090 * y
        + 4.4875
        - 0.0428 * np.tanh(18.5138 * (y - 0.5542))
        - 17.7326 * np.tanh(15.7890 * (y - 0.3117))
        + 17.5842 * np.tanh(15.9308 * (y - 0.3120))
    )
    return result


def lfp_v(y: F64) -> F64:
    result: F64 = 3.4077 - 0.020269 * y + 0.5 * np.exp(-150 * y) - 0.9 * np.exp(-30 * (1 - y))
    return result


def _table(potential_v: F64) -> tuple[int, ...]:
    values = np.minimum.accumulate(potential_v)
    values[0], values[-1] = values[1] + STEEP_V, values[-2] - STEEP_V
    return tuple(int(value) for value in np.round(values * 10_000))


_X = TABLE_PPM / 1e6
_PPM = tuple(int(value) for value in TABLE_PPM)
NMC = Chemistry(
    "NMC 811",
    (2_500, 4_200),
    half_cells=HalfCells((1_144_900, 1_556_900, 1_445_700), _PPM, _table(graphite_v(_X)), _PPM, _table(nmc811_v(_X))),
)
LFP = Chemistry(
    "LFP",
    (2_500, 3_600),
    half_cells=HalfCells((1_130_000, 1_060_000, 1_042_000), _PPM, _table(graphite_v(_X)), _PPM, _table(lfp_v(_X))),
)
CHEMISTRIES = {"lfp": LFP, "nmc": NMC}  # by the names of settings
