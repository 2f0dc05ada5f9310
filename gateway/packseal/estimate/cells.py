"""Cells whose half-cell potentials others have published: what a `chemistry` in the settings means.

NMC 811 against graphite with silicon: Chen et al., J. Electrochem. Soc. 167, 080534, 2020. LFP: Afshar et al.,
arXiv 1709.03970, 2017, against the same graphite. NCA against graphite: Kim et al., J. Electrochem. Soc. 158, A955,
2011. LCO against graphite: measured points of Ai et al., J. Electrochem. Soc. 167, 013512, 2020. What each electrode
holds of a new cell's capacity between the voltages beside it follows from the same papers' cells.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from packseal.estimate.chemistry import Chemistry, HalfCells

F64 = npt.NDArray[np.float64]

TABLE_PPM = np.unique(
    np.concatenate(
        [
            [-20_000],
            np.geomspace(100, 20_000, 40),
            np.linspace(20_000, 980_000, 193),
            np.linspace(982_000, 1_000_000, 10),  # where the potential of NCA falls off
            [1_020_000],
        ]
    ).round()
).astype(np.int64)
STEEP_V = 1.5  # beyond an empty or a full electrode
LEAST_V, MOST_V = -0.2, 4.9  # no cell gets beyond; the formulas run off to hundreds of volts at their ends


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


def graphite_of_nca_v(x: F64) -> F64:
    steps = (
        (0.0351, 0.286, 0.083), (0.0045, 0.9, 0.119), (0.035, 0.99, 0.05), (0.0147, 0.5, 0.034),
        (0.102, 0.194, 0.142), (0.022, 0.98, 0.0164), (0.011, 0.124, 0.0226), (-0.0155, 0.105, 0.029),
    )  # fmt: skip
    result: F64 = 0.124 + 1.5 * np.exp(-70 * x) - sum(volt * np.tanh((x - at) / wide) for volt, at, wide in steps)
    return result


def nca_v(y: F64) -> F64:
    powers = (1.638, -2.222, 15.056, -23.488, 81.246, -344.566, 621.3475, -554.774, 264.427, -66.3691, 11.8058)
    result: F64 = np.polyval(powers, y) - 0.61386 * np.exp(5.8201 * np.clip(y, 0, 1) ** 136.4)
    return result


def _table(potential_v: F64) -> tuple[int, ...]:
    values = np.minimum.accumulate(np.clip(potential_v, LEAST_V, MOST_V))
    values[0], values[-1] = values[1] + STEEP_V, values[-2] - STEEP_V
    return tuple(int(value) for value in np.round(values * 10_000))


# (ppm, 0.1 mV). Of the measured points those that a line between its neighbours would miss most: within 2.2 mV.
GRAPHITE_OF_LCO = (
    (
        -20_000, 100, 966, 988, 1_035, 1_084, 1_136, 1_162, 1_190, 1_217, 1_246, 1_275, 1_305, 1_335, 1_367,
        1_763, 1_979, 2_171, 3_697, 4_150, 4_660, 5_738, 6_748, 8_120, 9_548, 11_250, 13_250, 15_500, 18_000,
        23_750, 30_250, 38_250, 47_750, 56_000, 64_000, 76_750, 120_000, 145_750, 197_500, 268_250, 319_000,
        368_750, 530_250, 620_500, 666_000, 918_750, 962_750, 974_000, 983_250, 990_884, 998_864, 999_099,
        999_268, 999_392, 999_495, 999_580, 999_617, 999_659, 999_689, 999_723, 999_753, 999_785, 999_900,
        1_020_000,
    ),
    (
        31_000, 16_000, 16_000, 15_511, 14_333, 13_216, 12_195, 11_733, 11_313, 10_939, 10_621, 10_366, 10_179,
        10_056, 9_989, 9_962, 9_630, 9_461, 8_381, 8_114, 7_872, 7_439, 7_102, 6_732, 6_408, 6_076, 5_740,
        5_414, 5_099, 4_506, 3_978, 3_462, 2_972, 2_654, 2_458, 2_324, 2_230, 2_058, 1_809, 1_585, 1_465, 1_411,
        1_341, 1_130, 1_068, 986, 905, 830, 720, 571, 345, 307, 233, 119, -56, -312, -475, -713, -931, -1_235,
        -1_573, -2_000, -2_000, -17_000,
    ),
)  # fmt: skip
LCO_POINTS = (
    (
        -20_000, 100, 231_750, 437_500, 463_000, 488_750, 538_500, 554_750, 576_250, 614_000, 636_000, 656_750,
        692_750, 719_250, 759_250, 787_500, 862_000, 894_000, 912_250, 925_000, 935_500, 946_000, 953_250,
        961_750, 973_750, 982_000, 986_500, 988_500, 990_000, 991_496, 992_598, 993_705, 994_646, 995_447,
        996_128, 996_782, 997_387, 997_974, 998_501, 998_754, 998_988, 999_159, 999_285, 999_363, 999_419,
        999_483, 999_529, 999_570, 999_617, 999_651, 999_689, 999_723, 999_753, 999_780, 999_795, 999_809,
        999_822, 999_834, 999_855, 999_865, 999_877, 999_888, 999_900, 1_020_000,
    ),
    (
        64_000, 49_000, 48_999, 42_775, 42_277, 41_807, 40_977, 40_741, 40_459, 40_018, 39_798, 39_614, 39_347,
        39_191, 39_029, 38_967, 38_870, 38_777, 38_684, 38_586, 38_470, 38_295, 38_123, 37_854, 37_395, 37_043,
        36_809, 36_683, 36_569, 36_437, 36_319, 36_172, 36_013, 35_840, 35_651, 35_420, 35_145, 34_807, 34_430,
        34_220, 34_001, 33_815, 33_645, 33_512, 33_392, 33_223, 33_067, 32_891, 32_640, 32_413, 32_097, 31_747,
        31_366, 30_961, 30_707, 30_448, 30_185, 29_919, 29_382, 29_115, 28_761, 28_414, 27_991, 12_991,
    ),
)  # fmt: skip

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
NCA = Chemistry(
    "NCA",
    (2_700, 4_200),
    half_cells=HalfCells(
        (1_591_500, 1_560_300, 1_642_300), _PPM, _table(graphite_of_nca_v(_X)), _PPM, _table(nca_v(_X))
    ),
)
LCO = Chemistry(
    "LCO",
    (3_000, 4_200),
    half_cells=HalfCells((1_186_100, 1_864_800, 1_807_500), *GRAPHITE_OF_LCO, *LCO_POINTS),
)
CHEMISTRIES = {"lco": LCO, "lfp": LFP, "nca": NCA, "nmc": NMC}  # by the names of settings
