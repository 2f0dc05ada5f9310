"""The open-circuit voltage of an NMC 811 cell with a graphite-silicon anode, at rest and 25 °C.

21 values computed by us from the two electrode functions and the stoichiometry limits that Chen and others measured on
a 5 Ah LG M50 (J. Electrochem. Soc. 167, 080534, 2020). The curve does not age with the cell: an estimate from it holds
for ageing that takes material from both electrodes alike, and is off where lithium alone is lost.
"""

STEP_PPM = 50000
OCV_MV = (
    2498, 3073, 3258, 3396, 3449, 3494, 3548, 3597, 3634, 3668, 3708,
    3757, 3809, 3862, 3924, 3971, 4022, 4070, 4094, 4116, 4193,
)  # fmt: skip


def state_of_charge(cell_mv):
    """(state of charge in ppm, its slope in ppm per millivolt) of a rested cell; beyond the ends, the end."""
    step = 0
    while step < len(OCV_MV) - 2 and cell_mv >= OCV_MV[step + 1]:
        step += 1
    low_mv, high_mv = OCV_MV[step], OCV_MV[step + 1]
    slope_ppm = STEP_PPM // (high_mv - low_mv)
    inside_mv = min(max(cell_mv, low_mv), high_mv) - low_mv
    return step * STEP_PPM + inside_mv * STEP_PPM // (high_mv - low_mv), slope_ppm
