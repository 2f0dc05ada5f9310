"""What a pack's capacity, curve and resistance mean for its use: energy, power, round-trip efficiency.

Energy is what comes out between full and empty at rated_capacity / 3 h: capacity times open-circuit voltage, less what
the resistance takes. No such cycle uses the whole curve: a charge ends at rated_capacity / 20 h, so short of full by
what the resistance takes of that, and the discharge ends where the loaded cells are at their least voltage (UN GTR 22
asks for usable energy; SOCE is its share of the certified one). Power is what the pack can give for 10 s until
cells are at their least voltage (IEC 62660-1, 7.5, the other way round: from the resistance of pulses).
"""

from logger.core import events
from logger.core.integers import isqrt, rounded
from logger.core.statements import Conditions

_SLICES = 25
_DISCHARGE_H, _CHARGE_END_H = 3, 20
_HELD_PERCENT = 140  # of the ohmic resistance, in a discharge of hours; chosen on benchmarks/health/fleet.py
_HELD_ERROR_PERCENT = 20
_CURVE_ERROR_UV = 5000
_GAIN_ERROR_CPCT = 30  # of voltage and current meters together
_EQUAL_UV = 10000  # rests whose mean voltages are no further apart have the same state of charge
_MIN_ROUND_TRIP_PPM = 300000  # of rated_capacity, in and out
# charge that comes out again: 0.9995 and more of what went in (Smith et al., J. Electrochem. Soc. 157, A196, 2010)
_COULOMBIC_CPCT, _COULOMBIC_ERROR_CPCT = 9995, 5


class Pack:
    """capacity: [cpct of rated_capacity, standard uncertainty]. Resistances: [µΩ at 25 °C, standard uncertainty]."""

    def __init__(self, fit, config, series, capacity):
        self._fit = fit
        self._series = series
        self._rated_mah = config["rated_capacity_mah"]
        self._least_uv = series * 1000 * config.get("cell_min_mv", events.DEFAULTS["cell_min_mv"])
        self._capacity = capacity

    def power_w(self, soc_ppm, resistance):
        """[W, standard uncertainty]."""
        head_uv = self._series * self._fit.ocv_uv(soc_ppm) - self._least_uv
        if head_uv <= 0:
            return None
        current_ma = head_uv * 1000 // resistance[0]
        watt = rounded(self._least_uv * current_ma, 1000000000)
        curve_ppm = self._series * _CURVE_ERROR_UV * 1000000 // head_uv
        error_ppm = isqrt((resistance[1] * 1000000 // resistance[0]) ** 2 + curve_ppm**2)
        return [watt, max(rounded(watt * error_ppm, 1000000), 1)]

    def energy_steps(self, resistance):
        """[Wh, standard uncertainty]."""
        drop_uv = self._rated_mah // _DISCHARGE_H * resistance[0] // 1000 * _HELD_PERCENT // 100
        low_ppm, high_ppm = yield from self._used_steps(drop_uv // self._series)
        total_uv = 0
        for i in range(_SLICES):
            at_ppm = low_ppm + (high_ppm - low_ppm) * (2 * i + 1) // (2 * _SLICES)
            total_uv += max(self._series * self._fit.ocv_uv(at_ppm) - drop_uv, 0)
            yield
        mean_uv = total_uv // _SLICES
        capacity_mah = self._capacity[0] * self._rated_mah // 10000 * (high_ppm - low_ppm) // 1000000
        value = rounded(capacity_mah * mean_uv, 1000000000)
        drop_percent = isqrt((100 * resistance[1] // resistance[0]) ** 2 + _HELD_ERROR_PERCENT**2)
        drop_cpct = drop_uv * 100 // max(mean_uv, 1) * drop_percent
        capacity_cpct = self._capacity[1] * 10000 // max(self._capacity[0], 1)
        error_cpct = isqrt(capacity_cpct**2 + drop_cpct**2 + _GAIN_ERROR_CPCT**2)
        return [value, max(rounded(value * error_cpct, 10000), 1)]

    def _used_steps(self, drop_uv):
        """States of charge at both ends of a cycle in which a cell's voltage drops by so much."""
        empty_uv, full_uv = self._fit.window_uv
        low_ppm = self._fit.soc_ppm(max(self._least_uv // self._series, empty_uv) + drop_uv)[0]
        yield
        high_ppm = self._fit.soc_ppm(full_uv - drop_uv * _DISCHARGE_H // _CHARGE_END_H)[0]
        yield
        low_ppm, high_ppm = max(low_ppm, 0), min(high_ppm, 1000000)
        return low_ppm, max(high_ppm, low_ppm)


def conditions(first, last, span_cpct=None):
    """Of what rests on two anchors and the windows between them."""
    known = [anchor.ddegc for anchor in (first, last) if anchor.ddegc is not None]
    ddegc = sum(known) // len(known) if known else None
    return Conditions([first.window_seq, last.window_seq], last.totals.time_ms, ddegc, span_cpct)


def round_trip(anchors, last, rated_mah):
    """(first anchor, [cpct, standard uncertainty]) of the energy that came out for what went in; None without two rests
    of equal state of charge around enough of it.

    The mean voltages of both ways are compared, so that neither the gain nor the offset of the current meter counts;
    of the charge, what the literature says comes out again.
    """
    for first in anchors:
        began, ended = first.totals, last.totals
        in_uah, out_uah = began.flows_to(ended)
        enough_uah = _MIN_ROUND_TRIP_PPM * rated_mah // 1000
        if first is last or abs(first.mean_uv - last.mean_uv) > _EQUAL_UV or min(in_uah, out_uah) < enough_uah:
            continue
        in_uwh, out_uwh = ended.energy_in_uwh - began.energy_in_uwh, ended.energy_out_uwh - began.energy_out_uwh
        if in_uwh <= 0 or ended.energy_gaps != began.energy_gaps:
            continue
        value = rounded(out_uwh * in_uah * _COULOMBIC_CPCT, in_uwh * out_uah)
        # charge that does not close moved the mean voltage of one way by its share of the voltage's range
        apart_cpct = abs(in_uah - out_uah) * 500 // out_uah
        return first, [value, isqrt(_COULOMBIC_ERROR_CPCT**2 + apart_cpct**2) + 1]
    return None
